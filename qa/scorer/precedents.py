"""Cases of the library as precedents of a prompt: chosen when the endpoint is set up, and the same until it is set up
anew, so that a published case makes no new version by itself. What is withdrawn leaves the prompt at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from qa.policy import Actor, Right, require
from qa.rubrics import versions as rubric_versions
from qa.rubrics.stored import rubric_of
from qa.scorer import prompt as prompts
from qa.scorer.prompt import PRECEDENTS_EACH, PromptPrecedent
from qa.tables import Case, Sample, Violation
from qa.transcripts import shown_text
from qa.workbench import Workbench
from scoring.rubric import Rubric

KINDS = {"exemplary": "做得好", "counter": "有问题", "edge": "边界情形"}


def offered(bench: Workbench, actor: Actor) -> tuple[int, ...]:
    """What `newest` gives for the newest rubric of chats; empty before there is one."""
    require(actor, Right.MAINTAIN)
    with bench.db.read() as session:
        number = rubric_versions.newest(session, "chat")
        return () if number is None else newest(session, rubric_of(session, number))


def newest(session: Session, rubric: Rubric) -> tuple[int, ...]:
    """Numbers of the newest published cases of each criterion, up to `PRECEDENTS_EACH`."""
    nth = func.row_number().over(
        partition_by=Case.criterion_id, order_by=(Case.published_at.desc(), Case.id.desc())
    )  # fmt: skip
    ids = [criterion.id for criterion in rubric.criteria]
    ranked = select(Case.id, nth.label("nth")).where(Case.state == "published", Case.criterion_id.in_(ids)).subquery()
    return tuple(session.scalars(select(ranked.c.id).where(ranked.c.nth <= PRECEDENTS_EACH).order_by(ranked.c.id)))


def chosen(session: Session, cases: Sequence[int]) -> tuple[PromptPrecedent, ...]:
    """Those of the cases that are published, as they leave: masked, names and numbers as tokens."""
    key = func.coalesce(Case.conversation_key, Sample.conversation_key, Sample.unit_id, Violation.conversation_key)
    query = (
        select(Case.criterion_id, Case.kind, Case.lesson, Case.excerpt, key)
        .outerjoin(Sample, Sample.id == Case.sample_id)
        .outerjoin(Violation, Violation.id == Case.violation_id)
        .where(Case.id.in_(list(cases)), Case.state == "published", Case.criterion_id.is_not(None))
        .order_by(Case.id)
    )
    return tuple(
        PromptPrecedent(about, _excerpt(lines), f"{KINDS[kind]}：{_safe(lesson)}", str(where or ""))
        for about, kind, lesson, lines, where in session.execute(query)
    )


def _excerpt(lines: Iterable[dict[str, object]]) -> str:
    said = (f"{prompts.ROLES.get(str(line.get('role')), '')}：{_safe(str(line.get('text') or ''))}" for line in lines)
    return "\n".join(said)[: prompts.MOST_CHARACTERS]


def _safe(text: str) -> str:
    return prompts.tokens(shown_text(None, text), text, {})
