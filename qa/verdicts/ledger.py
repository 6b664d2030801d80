"""The ledger of results: append-only verdict versions of a sample, one of them current.

What inspecting, resolving, ruling and appealing share: functions of their unit of work. Scores are always computed here
from a sheet, the rubric version it was marked on, and the rulings on its red lines; nobody writes a number. Does not
decide who may change a result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, func, insert, or_, select, update
from sqlalchemy.orm import Session

from qa.casefiles.record import CASE_KEY, CaseFiles, files_of
from qa.errors import Fact, Invalid, NotFound
from qa.i18n import N_
from qa.rubrics.stored import rubric_of
from qa.rules.stored import PublishedRule, published
from qa.tables import Assignment, Inspection, RuleVersion, Sample, Verdict, Violation
from qa.unit_of_work import UnitOfWork
from scoring.label import Label
from scoring.redline.rule import Effect
from scoring.rubric import Problem
from scoring.sheet import CLEARED, CONFIRMED, CheckedSheet, HitDecision, Outcome, Sheet, SheetError, checked

KINDS = ("inspection", "resolution", "ruling", "appeal", "correction", "withdrawn")


def current(session: Session, sample_id: int) -> Verdict | None:
    """The current verdict; None when there is none or it was withdrawn."""
    query = select(Verdict).where(Verdict.sample_id == sample_id, Verdict.is_current, Verdict.kind != "withdrawn")
    return session.scalars(query).one_or_none()


def standing_since(session: Session, verdict: Verdict) -> Verdict:
    """The version from which what can be objected to in `verdict` has stood: an upheld appeal takes deductions away and
    starts no new time to object to the rest."""
    query = select(Verdict).where(
        Verdict.sample_id == verdict.sample_id, Verdict.version <= verdict.version, Verdict.kind != "appeal"
    )
    return session.scalars(query.order_by(Verdict.version.desc()).limit(1)).first() or verdict


_LOCK = select(Sample.agent_id).where(Sample.id == bindparam("sample")).with_for_update(key_share=True)


def lock(session: Session, sample_id: int) -> str:
    """Lock a sample until the transaction ends, so that its versions are given out one after the other; returns the
    agent who answers for it."""
    agent_id: str = session.execute(_LOCK, {"sample": sample_id}).scalar_one()
    return agent_id


_RETIRE = (
    update(Verdict)
    .where(Verdict.sample_id == bindparam("sample"), Verdict.is_current)
    .values(is_current=False)
    .execution_options(synchronize_session=False)
)
_NEXT = (
    select(func.coalesce(func.max(Verdict.version), 0) + 1)
    .where(Verdict.sample_id == bindparam("sample"))
    .scalar_subquery()
)
_VERDICTS = cast(Table, Verdict.__table__)
_APPEND = insert(_VERDICTS).values(version=_NEXT).returning(Verdict.id, Verdict.version)


def append(
    work: UnitOfWork,
    *,
    sample_id: int,
    agent_id: str,
    kind: str,
    rubric_version_id: int,
    sheet: Sheet,
    outcome: Outcome,
    inspection_id: int | None = None,
    reason: str | None = None,
) -> int:
    """Write the next version of a sample that is locked (`lock`) and make it current; returns its id."""
    work.session.execute(_RETIRE, {"sample": sample_id})
    row = work.session.execute(
        _APPEND,
        {
            "sample": sample_id, "sample_id": sample_id, "is_current": True, "kind": kind,
            "inspection_id": inspection_id, "agent_id": agent_id, "rubric_version_id": rubric_version_id,
            "outcome": outcome.to_dict(), "total": outcome.total, "sheet": sheet.to_dict(), "reason": reason,
            "created_by": work.actor.user_id or None, "created_at": work.now,
        },
    ).one()  # fmt: skip
    facts = {"verdict": row.id, "version": row.version, "total": outcome.total}
    work.record(f"verdict.{kind}", "sample", sample_id, **facts)
    verdict_id: int = row.id
    return verdict_id


def speaks(session: Session, sample_id: int, kind: str) -> bool:
    """Whether a submission in a place of this kind makes the sample's result: the first inspection does; a second,
    blind one only where the first was skipped; calibration and gold never."""
    if kind == "double":
        first = select(Assignment.id).where(
            Assignment.sample_id == sample_id, Assignment.kind == "primary",
            or_(Assignment.finished_as.is_(None), Assignment.finished_as != "skipped"),
        )  # fmt: skip
        return session.scalar(first.limit(1)) is None
    return kind == "primary"


_ISSUED = select(Inspection.sample_id, Inspection.rubric_version_id, Inspection.sheet).where(
    Inspection.id == bindparam("inspection")
)


def issue(work: UnitOfWork, inspection_id: int) -> int:
    """Make an inspection the sample's result, with the rulings there already are; returns the verdict's id."""
    row = work.session.execute(_ISSUED, {"inspection": inspection_id}).one()
    agent_id = lock(work.session, row.sample_id)
    sheet, outcome = settle(work.session, row.sample_id, row.rubric_version_id, Sheet.from_dict(row.sheet))
    return append(
        work, sample_id=row.sample_id, agent_id=agent_id, kind="inspection", rubric_version_id=row.rubric_version_id,
        sheet=sheet, outcome=outcome, inspection_id=inspection_id,
    )  # fmt: skip


def withdraw(work: UnitOfWork, *, sample_id: int, inspection_id: int, reason: str) -> None:
    """Take back the verdict of an inspection that was undone: the sample has no result until the next one."""
    agent_id = lock(work.session, sample_id)
    verdict = current(work.session, sample_id)
    if verdict is None or verdict.inspection_id != inspection_id:
        return
    append(
        work, sample_id=sample_id, agent_id=agent_id, kind="withdrawn", rubric_version_id=verdict.rubric_version_id,
        sheet=Sheet.from_dict(verdict.sheet or {}), outcome=Outcome.from_dict(verdict.outcome),
        inspection_id=inspection_id, reason=reason,
    )  # fmt: skip


def reissue(work: UnitOfWork, *, sample_id: int, kind: str, reason: str, sheet: Sheet | None = None) -> int | None:
    """A new version of the current verdict after a ruling or an appeal, with `sheet` if the marks themselves change.

    Red-line decisions follow the rulings on their case files. Returns the new verdict's id, or None when there is no
    result yet or nothing would change.
    """
    agent_id = lock(work.session, sample_id)
    verdict = current(work.session, sample_id)
    if verdict is None or (verdict.sheet is None and sheet is None):
        return None
    marks = sheet or Sheet.from_dict(verdict.sheet or {})
    marks, outcome = settle(work.session, sample_id, verdict.rubric_version_id, marks)
    if outcome.to_dict() == verdict.outcome and sheet is None:
        return None
    return append(
        work, sample_id=sample_id, agent_id=agent_id, kind=kind, rubric_version_id=verdict.rubric_version_id,
        sheet=marks, outcome=outcome, inspection_id=verdict.inspection_id, reason=reason,
    )  # fmt: skip


def reissue_for(work: UnitOfWork, violation: Violation, *, kind: str, reason: str) -> tuple[int, ...]:
    """Bring every result that a ruling on `violation` touches in line with it; returns the new verdicts' ids."""
    samples = work.session.scalars(
        select(Sample.id)
        .join(Verdict, Verdict.sample_id == Sample.id)
        .where(
            CASE_KEY == violation.conversation_key,  # noqa: SIM300 - a column, not a constant
            Sample.agent_id == violation.agent_id,
            Verdict.is_current, Verdict.kind != "withdrawn",
        )
        .order_by(Sample.id)
    ).all()  # fmt: skip
    issued = (reissue(work, sample_id=sample, kind=kind, reason=reason) for sample in samples)
    return tuple(verdict for verdict in issued if verdict is not None)


def revert_for(work: UnitOfWork, violation: Violation, ruled_at: datetime, reason: str) -> tuple[int, ...]:
    """Undo what the ruling of that moment did to results: the marks of the version before it count again."""
    ruled = work.session.scalars(
        select(Verdict)
        .join(Sample, Sample.id == Verdict.sample_id)
        .where(
            CASE_KEY == violation.conversation_key,  # noqa: SIM300 - a column, not a constant
            Sample.agent_id == violation.agent_id,
            Verdict.is_current,
            Verdict.kind == "ruling",
            Verdict.created_at == ruled_at,
        )
        .order_by(Verdict.sample_id)
    ).all()
    before = {
        one.sample_id: work.session.scalar(
            select(Verdict.sheet).where(Verdict.sample_id == one.sample_id, Verdict.version == one.version - 1)
        )
        for one in ruled
    }
    issued = (
        reissue(work, sample_id=sample, kind="ruling", reason=reason, sheet=Sheet.from_dict(sheet))
        for sample, sheet in before.items()
        if sheet is not None
    )
    return tuple(verdict for verdict in issued if verdict is not None)


def settle(session: Session, sample_id: int, rubric_version_id: int, sheet: Sheet) -> tuple[Sheet, Outcome]:
    """The sheet with its red-line decisions overridden by the rulings there are, and the outcome of it. Raises
    `Invalid` naming the first field that the rubric forbids."""
    files = files_of(session, sample_id)
    ruled = replace(sheet, hits=ruled_hits(sheet, files))
    rules = published(session, ruled.confirmed)
    return ruled, scored(_checked(session, rubric_version_id, ruled), effects(files, rules))


def compute(session: Session, sample_id: int, rubric_version_id: int, sheet: Sheet) -> Outcome:
    """The outcome of a sheet as it stands. Raises `Invalid` naming the first field that the rubric forbids."""
    rules = published(session, sheet.confirmed)
    acting = effects(files_of(session, sample_id), rules) if rules else {}
    return scored(_checked(session, rubric_version_id, sheet), acting)


def scored(sheet: CheckedSheet, acting: Mapping[str, Effect]) -> Outcome:
    """The outcome of a checked sheet. Raises `Invalid` when a red line has no effect."""
    try:
        return sheet.score(acting)
    except SheetError as problem:
        raise refused(problem.problems[0]) from problem


def _checked(session: Session, rubric_version_id: int, sheet: Sheet) -> CheckedSheet:
    try:
        return checked(rubric_of(session, rubric_version_id), sheet)
    except SheetError as problem:
        raise refused(problem.problems[0]) from problem


def read(sheet: Sheet | Mapping[str, Any]) -> Sheet:
    """A sheet from plain data that may come from a browser. Raises `Invalid` naming the field."""
    try:
        return sheet if isinstance(sheet, Sheet) else Sheet.from_dict(sheet)
    except SheetError as problem:
        raise refused(problem.problems[0]) from problem


def ruled_hits(sheet: Sheet, files: CaseFiles) -> tuple[HitDecision, ...]:
    """The red-line decisions of a sheet, overridden by what managers have ruled."""
    rulings = files.rulings
    hits = [replace(hit, decision=CLEARED) if rulings.get(hit.rule_id) is False else hit for hit in sheet.hits]
    for rule, upheld in rulings.items():
        mine = [number for number, hit in enumerate(hits) if hit.rule_id == rule]
        if upheld and mine and not any(hits[number].decision == CONFIRMED for number in mine):
            hits[mine[0]] = replace(hits[mine[0]], decision=CONFIRMED)
    return tuple(hits)


def effects(files: CaseFiles, rules: Mapping[str, Sequence[PublishedRule]]) -> dict[str, Effect]:
    """The effect of each rule: of the version that found the violation, else of the newest one published. `rules` are
    the versions of each, oldest first."""
    result = {}
    for rule_id, versions in rules.items():
        file = files.by_rule.get(rule_id)
        older = [one for one in versions if file is None or one.version <= file.rule_version]
        result[rule_id] = (older[-1] if older else versions[0]).effect
    return result


def rule_labels(session: Session, rule_ids: Iterable[str]) -> dict[str, Label]:
    """Names of rules for explanations, newest version first."""
    wanted = sorted(set(rule_ids))
    if not wanted:
        return {}
    query = (
        select(RuleVersion.rule_id, RuleVersion.content)
        .where(RuleVersion.rule_id.in_(wanted))
        .order_by(RuleVersion.version)
    )
    return {rule: Label.from_dict(content.get("label") or {}) for rule, content in session.execute(query)}


def find(session: Session, verdict_id: int) -> Verdict:
    """A verdict by id. Raises `NotFound`."""
    verdict = session.get(Verdict, verdict_id)
    if verdict is None:
        raise NotFound(N_("There is no verdict {id}."), id=verdict_id)
    return verdict


SHEET_PROBLEMS: Mapping[str, str] = {
    "unknown_criterion": N_("{path}: this rubric has no criterion “{id}”. Reload the page."),
    "marked_twice": N_("{path}: criterion “{id}” is marked twice; keep one mark."),
    "na_not_allowed": N_("{path}: criterion “{id}” always applies; choose a value."),
    "na_with_value": N_("{path}: criterion “{id}” is marked not applicable and {value} at once; keep one."),
    "value_range": N_("{path}: expected a value from 0 to {limit}, found {value}."),
    "unknown_owner": N_("{path}: “{owner}” is not an owner of this rubric."),
    "unknown_cause": N_("{path}: “{cause}” is not a root cause of this rubric."),
    "long_note": N_("{path}: {length} characters; {limit} are allowed."),
    "no_message": N_("{path}: this transcript has no message {seq}."),
    "nothing_applies": N_("No criterion applies, so there is nothing to score. Skip the sample with a reason instead."),
    "decided_twice": N_("{path}: red line {rule} in message {seq} is decided twice; keep one decision."),
    "unknown_decision": N_("{path}: expected “confirmed” or “cleared”, found “{decision}”."),
    "reason_missing": N_("Red line {rule}: give a reason for your decision."),
    "unknown_rule": N_("{path}: there is no red line “{rule}” in force."),
    "wrong_type": N_("{path}: the value “{value}” has the wrong type."),
}
"""Message of every problem a sheet can have."""


def refused(problem: Problem) -> Invalid:
    """A problem of a sheet as an error for people; `facts` name the field."""
    facts: dict[str, Fact] = {**problem.facts, "path": problem.path}
    return Invalid(SHEET_PROBLEMS[problem.code], **facts)
