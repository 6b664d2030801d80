"""How probable suspected files are to be confirmed, learnt from what people decided; which can be cleared together.

The read side. Odds order the board and never decide anything: files are cleared by a person, with a reason, by
`qa.redlines.bulk.clear_rule`. Decided files are those somebody looked at, not a random sample: the figures speak of
files like those.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import func, select

from qa.blinding import shown_files
from qa.casefiles.lifecycle import STANDING, FileState
from qa.casefiles.sanctions import programme
from qa.policy import Actor, Right, require
from qa.redlines import board
from qa.redlines.board import Filter, Listing
from qa.tables import Violation
from qa.transcripts import shown_text
from qa.workbench import Workbench
from scoring.redline import Severity
from scoring.risk.odds import Learnt, Odds, RuledHit, learn

NEWEST = 5_000
"""Decided files that are learnt from, the newest first."""
UNLIKELY = 0.05
WEIGHT: Mapping[str, float] = {
    Severity.CRITICAL.value: 8.0,
    Severity.MAJOR.value: 4.0,
    Severity.MINOR.value: 2.0,
    Severity.INFO.value: 1.0,
}
"""What a confirmed breach counts for in the order of the board: each step of severity doubles it."""

_RIGHT = tuple(state.value for state in (*STANDING, FileState.CONFIRMED))
_WRONG = (FileState.CLEARED.value, FileState.DISMISSED.value)


@dataclass(frozen=True)
class Unlikely:
    """Suspected files of one rule, each with odds below `UNLIKELY`: what can be cleared after reading it."""

    rule_id: str
    files: tuple[Suspect, ...]

    @property
    def ids(self) -> frozenset[int]:
        return frozenset(one.id for one in self.files)


@dataclass(frozen=True)
class Suspect:
    """One suspected file with what was said in it and its odds."""

    id: int
    agent_id: str
    said: str
    odds: Odds


@lru_cache(maxsize=20_000)
def fold(said: str) -> str:
    """What was said, without case, width and spaces: how alike words are counted together."""
    return "".join(unicodedata.normalize("NFKC", said).casefold().split())


def learnt(bench: Workbench, actor: Actor) -> Learnt:
    """What the rulings that the reader may see say about hits."""
    require(actor, Right.VIEW_VIOLATIONS, Right.VIEW_TEAM)
    ruled = (Violation.state.in_((*_RIGHT, *_WRONG)), shown_files(bench, actor))
    newest = select(Violation.rule_id, Violation.state, Violation.evidence).where(*ruled)
    with bench.db.read() as session:
        # ids, states and moments say whether anything is another than it was; words are read only then
        seen = session.execute(
            select(func.count(), func.max(Violation.id), func.max(Violation.changed_at)).where(*ruled)
        ).one()
        asked = (str(bench.db.url), actor, tuple(seen))
        if (known := _known.get(asked)) is not None:
            return known
        rows = session.execute(newest.order_by(Violation.id.desc()).limit(NEWEST)).all()
    found = learn([RuledHit(rule, fold(_said(evidence)), state in _RIGHT) for rule, state, evidence in rows])
    if len(_known) >= READERS:
        _known.clear()
    _known[asked] = found
    return found


READERS = 64
_known: dict[object, Learnt] = {}
"""What was learnt last, by reader and by what there is to learn from."""


def likely_first(
    bench: Workbench,
    actor: Actor,
    wanted: Filter,
    known: Learnt,
    *,
    now: datetime,
    after: int | None = None,
    limit: int = 50,
) -> Listing:
    """One page of suspected files in the order of severity × odds; `after` counts the files already shown.

    Looks at the oldest `board.COUNT_BOUND` files: with more than that waiting, the order among the oldest is what
    helps.
    """
    require(actor, Right.VIEW_VIOLATIONS, Right.VIEW_TEAM)
    suspected = replace(wanted, states=(FileState.SUSPECTED,))
    with bench.db.read() as session:
        clocks = programme(session).clocks
        where = board.conditions(bench, actor, suspected, clocks, now)
        query = board.rows().where(*where).order_by(Violation.id).limit(board.COUNT_BOUND)
        ranked = [(row, known.odds(row.rule_id, fold(_said(row.evidence)))) for row in session.execute(query)]
        total = board.count(session, where)
    ranked.sort(key=lambda one: (-weight(one[0].severity) * one[1].p, one[0].id))
    start = after or 0
    page = []
    for row, chance in ranked[start : start + limit]:
        made = board.row_of(row, clocks)
        page.append(replace(made, odds=chance, excerpt=shown_text(actor, made.excerpt)))
    return Listing(tuple(page), total, start + limit if start + limit < len(ranked) else None)


def weight(severity: str) -> float:
    """What a breach of this severity counts for in the order of the board."""
    return WEIGHT.get(severity, 1.0)


def unlikely(bench: Workbench, actor: Actor, known: Learnt, *, rule_id: str) -> Unlikely:
    """Suspected files of a rule that the odds call false alarms, the least likely first."""
    require(actor, Right.VIEW_VIOLATIONS, Right.VIEW_TEAM)
    query = (
        select(Violation.id, Violation.agent_id, Violation.evidence)
        .where(Violation.state == FileState.SUSPECTED.value, Violation.rule_id == rule_id, shown_files(bench, actor))
        .order_by(Violation.id)
        .limit(board.COUNT_BOUND)
    )
    if actor.agent_id:
        query = query.where(Violation.agent_id != actor.agent_id)
    with bench.db.read() as session:
        rows = session.execute(query).all()
    found = [
        Suspect(id_, agent, shown_text(actor, _said(evidence)), known.odds(rule_id, fold(_said(evidence))))
        for id_, agent, evidence in rows
    ]
    below = sorted((one for one in found if one.odds.p < UNLIKELY), key=lambda one: (one.odds.p, one.id))
    return Unlikely(rule_id, tuple(below))


def _said(evidence: Sequence[Mapping[str, Any]]) -> str:
    return " · ".join(dict.fromkeys(hit["matched"] for hit in evidence if hit["matched"]))
