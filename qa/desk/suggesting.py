"""What the data itself says about a few criteria before anybody has read: suggestions, each citing its messages.

They come from the process checks alone (greeting, apology after a wait, follow-up, invitation to rate, closing line),
never from a prediction. They are proposals: nothing is marked by them, and what the inspector submitted is compared
with them afterwards. A random tenth of the samples goes without, chosen by keyed hash, so that the difference they
make can be seen. They never stand in doubles, calibration and gold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session, aliased

from qa import audit
from qa.errors import Invalid
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import Assignment, Inspection, Sample, Setting
from qa.transcripts import FrozenTranscript
from qa.transcripts.document import DISPUTE
from qa.workbench import Workbench
from scoring.estimate.rates import clopper_pearson
from scoring.keyed import permanent_numbers
from scoring.redline import Screener, load_process_rules
from scoring.redline.exchange import shipped
from scoring.rubric import Criterion, Rubric
from scoring.sheet import Sheet

RULES: Mapping[str, str] = {
    "greeting": "P01",
    "wait_apology": "P02",
    "follow_up": "P03",
    "invitation": "P04",
    "closing": "P05",
}
"""Which process check speaks of which criterion."""
SETTING = "suggestions"
HELD_BACK = 0.1
"""The share of samples that goes without suggestions."""


@dataclass(frozen=True)
class Suggestion:
    """`value` of a criterion that the check `rule_id` proposes; `seqs` are the messages it rests on."""

    criterion_id: str
    rule_id: str
    value: int
    seqs: tuple[int, ...]


@lru_cache(maxsize=64)  # asked when a sheet is opened and again when it is submitted
def suggestions(transcript: FrozenTranscript, rubric: Rubric) -> tuple[Suggestion, ...]:
    """What the checks find in a conversation, as values of the rubric's criteria. Pure."""
    criteria = [criterion for d in rubric.dimensions for criterion in d.criteria if criterion.id in RULES]
    if not criteria:
        return ()
    found: dict[str, list[int]] = {}
    for rule_id, seq in _screener().screen(_frame(transcript)).select("rule_id", "seq").iter_rows():
        found.setdefault(rule_id, []).append(seq)
    return tuple(
        Suggestion(criterion.id, RULES[criterion.id], value, tuple(sorted(set(seqs))))
        for criterion in criteria
        if (seqs := found.get(RULES[criterion.id])) and (value := _value(criterion, len(set(seqs)))) is not None
    )


def held_back(unit_id: str) -> bool:
    """Whether the sample of this unit goes without suggestions, whoever inspects it."""
    return bool(permanent_numbers("spotcheck:suggestions", [unit_id])[0] < HELD_BACK)


_OTHER = aliased(Assignment)
OFF = select(Setting.value).where(Setting.key == SETTING).scalar_subquery()
"""The lead's choice, as part of a query."""


def compared(sample_id: Any) -> ColumnElement[bool]:
    """Whether a sample is read by more than one person: nothing is suggested of it."""
    return exists().where(_OTHER.sample_id == sample_id, _OTHER.kind != "primary")


def silenced_by(value: Mapping[str, Any] | None) -> frozenset[str]:
    """Criteria of which nothing is suggested, from the stored setting."""
    return frozenset((value or {}).get("off") or ())


def shown(
    session: Session, sample: Sample, kind: str, transcript: FrozenTranscript, rubric: Rubric
) -> tuple[Suggestion, ...]:
    """What the desk shows in a place of this `kind`."""
    if kind != "primary" or held_back(sample.unit_id):
        return ()
    found = suggestions(transcript, rubric)
    if not found:
        return ()
    off, doubled = session.execute(select(OFF, compared(sample.id))).one()
    return () if doubled else tuple(one for one in found if one.criterion_id not in silenced_by(off))


def outcome(
    unit_id: str, transcript: FrozenTranscript, rubric: Rubric, sheet: Sheet, silenced: frozenset[str]
) -> list[dict[str, Any]]:
    """What was suggested of a conversation, whether it was shown (`given`), and whether the sheet says the same
    (`agreed`): plain data to keep with the inspection."""
    said = {criterion.id: sheet.value_of(criterion) for criterion in rubric.criteria if criterion.id in RULES}
    given = not held_back(unit_id)
    return [
        {"criterion": one.criterion_id, "rule": one.rule_id, "value": one.value, "given": given,
         "agreed": said[one.criterion_id] == one.value}
        for one in suggestions(transcript, rubric) if one.criterion_id not in silenced
    ]  # fmt: skip


@lru_cache(maxsize=1)
def _screener() -> Screener:
    return Screener((*load_process_rules(), *shipped("desk.toml")))


def _frame(transcript: FrozenTranscript) -> pl.DataFrame:
    rows = [
        ("chat", message.seq, message.role or "system", message.sent_at, message.text or "")
        for message in transcript.messages
        if message.part != DISPUTE
    ]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "conversation_key": pl.String, "seq": pl.Int32, "role": pl.String, "sent_at": pl.Datetime("us", "UTC"),
        "text": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def _value(criterion: Criterion, count: int) -> int | None:
    """The value that says “it happened `count` times”: of a yes-or-no the one that loses, of a deduction the count."""
    if criterion.max_count > 1:
        return min(count, criterion.max_count)
    return next((value for value in range(criterion.max_count + 1) if criterion.loss(value) > 0), None)


# --- how well they do -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SuggestionAgreement:
    """How often inspectors marked what was suggested of one criterion: where it was `shown` and where it was kept back,
    `agreed` of `n` with the exact 95 % interval. `off`: it is not shown at present."""

    criterion_id: str
    shown: tuple[int, int, float, float]
    kept_back: tuple[int, int, float, float]
    off: bool


def agreement(bench: Workbench, actor: Actor, *, since: datetime) -> tuple[SuggestionAgreement, ...]:
    """Agreement per criterion over the inspections submitted since then."""
    require(actor, Right.CALIBRATE)
    query = select(Inspection.suggested).where(
        Inspection.undone_at.is_(None), Inspection.submitted_at >= since, Inspection.suggested.is_not(None)
    )
    with bench.db.read() as session:
        kept = [one for found in session.scalars(query) for one in found or ()]
        off = silenced(session)
    counts = Counter((str(one["criterion"]), bool(one["given"]), bool(one["agreed"])) for one in kept)
    return tuple(
        SuggestionAgreement(
            criterion, _side(counts, criterion, True), _side(counts, criterion, False), criterion in off
        )
        for criterion in RULES
    )


def _side(counts: Mapping[tuple[str, bool, bool], int], criterion: str, given: bool) -> tuple[int, int, float, float]:
    agreed, not_agreed = counts.get((criterion, given, True), 0), counts.get((criterion, given, False), 0)
    n = agreed + not_agreed
    low, high = clopper_pearson(agreed, n) if n else (0.0, 1.0)
    return agreed, n, low, high


def silenced(session: Session) -> frozenset[str]:
    """Criteria of which nothing is suggested, by the lead's wish."""
    found = session.get(Setting, SETTING)
    return silenced_by(found.value if found else None)


def switch(bench: Workbench, actor: Actor, *, now: datetime, criterion_id: str, on: bool) -> None:
    """Show suggestions of a criterion, or stop showing them; what was counted stays."""
    require(actor, Right.CALIBRATE)
    if criterion_id not in RULES:
        raise Invalid(N_("Nothing is ever suggested of “{id}”."), id=criterion_id)
    with bench.begin(actor, now) as work:
        before = silenced(work.session)
        after = before - {criterion_id} if on else before | {criterion_id}
        changed = audit.changes({"off": sorted(before)}, {"off": sorted(after)})
        if changed:
            work.session.merge(Setting(key=SETTING, value={"off": sorted(after)}, updated_at=now))
            work.record("suggestions.switched", "setting", SETTING, changes=changed)
