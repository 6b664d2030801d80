"""Gold conversations of a scorer: people have judged them, it is asked about them in every run, and when it has come to
judge them otherwise the version before takes its place.

They are fixed when a version begins: up to 60 reviewed before, those read twice first. Asks nothing itself.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import func, select

from qa.archive import predictions
from qa.policy import Actor
from qa.rubrics.stored import rubric_of
from qa.scorer import calibrated, endpoint, versions
from qa.scorer.questions import AGAIN, GOLD, MAIN, REVERSED, AskedConversation, checked
from qa.tables import Inspection, Sample, Scorer, ScorerRequest, Verdict
from qa.workbench import Workbench
from scoring.estimate.rates import clopper_pearson
from scoring.judge import drift
from scoring.judge.drift import DriftPoint, Night

MOST = 60
LEAST = 10
"""Gold conversations below which a night says nothing."""


@dataclass(frozen=True)
class RepeatedAnswers:
    """How many answers were the same as the first time: `same` of `answers` to `conversations`, with the 95 % interval
    of the share, in which a conversation counts as one and not its answers."""

    same: int
    answers: int
    conversations: int
    low: float
    high: float


@dataclass(frozen=True)
class Drift:
    """How a version did on its gold conversations, run by run; `smallest` is the shift (points) that so many find
    within three runs in nine of ten cases. `again` and `reverse`: answers to the same question once more, and with the
    order of the options turned round."""

    gold: int
    days: tuple[str, ...]
    nights: tuple[Night, ...]
    points: tuple[DriftPoint, ...]
    smallest: float | None
    again: RepeatedAnswers
    reverse: RepeatedAnswers

    @property
    def alarm(self) -> bool:
        return bool(self.points) and self.points[-1].alarm


def chosen(bench: Workbench, scorer: Scorer) -> dict[str, int]:
    """The gold conversations and their agreed totals (centi-points without red lines)."""
    numbers = select(Verdict.id, Sample.conversation_key, func.count(Inspection.id)).select_from(Verdict).join(
        Sample, Sample.id == Verdict.sample_id
    ).join(Inspection, Inspection.sample_id == Sample.id).where(
        Verdict.is_current, Verdict.kind != "withdrawn", Sample.source == "chat", Inspection.undone_at.is_(None),
        Verdict.created_at <= scorer.created_at, Verdict.rubric_version_id == scorer.rubric_version_id,
        Sample.conversation_key.is_not(None),
    ).group_by(Verdict.id, Sample.conversation_key)  # fmt: skip
    with bench.db.read() as session:
        rows = session.execute(numbers).all()
        rows = sorted(rows, key=lambda row: (-row[2], hashlib.sha256(str(row[1]).encode()).hexdigest()))
        ids = {number: str(key) for number, key, _ in rows[:MOST]}
        outcomes = session.execute(select(Verdict.id, Verdict.outcome).where(Verdict.id.in_(list(ids)))).all()
    return {ids[number]: int(outcome["total_without_redlines"]) for number, outcome in outcomes}


def due(bench: Workbench, scorer: Scorer, now: datetime) -> list[AskedConversation]:
    """The gold conversations as questions of this run's day; the same day asks once."""
    keys = sorted(chosen(bench, scorer))
    if len(keys) < LEAST:
        return []
    known = bench.archive.at().scan("conversations").filter(pl.col("conversation_key").is_in(keys))
    rows = (
        known.select("conversation_key", pl.col("import_id").cast(pl.String).fill_null(""))
        .collect()
        .sort("conversation_key")
    )
    day = now.astimezone(bench.config.zone).date()
    return [AskedConversation(key, content, f"{GOLD}-{day}") for key, content in rows.iter_rows()]


def read(bench: Workbench, scorer_id: int) -> Drift:
    """What came back of the gold conversations and of what was asked twice."""
    with bench.db.read() as session:
        scorer = session.get_one(Scorer, scorer_id)
        rubric = rubric_of(session, scorer.rubric_version_id)
        query = select(ScorerRequest.conversation_key, ScorerRequest.purpose, ScorerRequest.answers).where(
            ScorerRequest.scorer_id == scorer_id, ScorerRequest.state == endpoint.SCORED
        )
        special = session.execute(query.where(ScorerRequest.purpose != MAIN)).all()
        twice = [key for key, purpose, _ in special if purpose in (AGAIN, REVERSED)]
        mains = {
            key: answers
            for start in range(0, len(twice), 500)
            for key, _, answers in session.execute(
                query.where(
                    ScorerRequest.purpose == MAIN, ScorerRequest.conversation_key.in_(twice[start : start + 500])
                )
            )
        }
        session.expunge_all()
    agreed, snapshot = chosen(bench, scorer), bench.archive.at()
    by_day: dict[str, list[float]] = defaultdict(list)
    for day in sorted({purpose for _, purpose, _ in special if purpose.startswith(GOLD)}):
        said = [row for key, purpose, answers in special if purpose == day and key in agreed for row in answers or ()]
        whole = checked(snapshot, rubric, said).filter(pl.col("about").is_null() & pl.col("loss").is_not_null())
        for key, loss in whole.select("conversation_key", "loss").iter_rows():
            by_day[day.removeprefix(f"{GOLD}-")].append((10_000 - loss - agreed[key]) / 100)
    days = tuple(day for day in sorted(by_day) if len(by_day[day]) >= LEAST)
    nights = tuple(drift.night(by_day[day]) for day in days)
    spread = nights[-1].se * nights[-1].n ** 0.5 if nights else None
    return Drift(
        len(agreed), days, nights, drift.chart(_paired(days, by_day)),
        None if spread is None else drift.smallest_shift(len(agreed), spread),
        _repeated(special, mains, AGAIN), _repeated(special, mains, REVERSED),
    )  # fmt: skip


def _paired(days: tuple[str, ...], by_day: dict[str, list[float]]) -> list[Night]:
    """Nights as the chart takes them. The conversations are the same every night, so what they differ from each other
    is no error of the night: only how far each moved is."""
    found = []
    for number, day in enumerate(days):
        night = drift.night(by_day[day])
        base = by_day[days[0]]
        if number and len(base) == len(by_day[day]):
            moved = drift.night([new - old for new, old in zip(by_day[day], base, strict=True)])
            night = Night(night.mean, moved.se, night.n)
        found.append(night)
    return found


def _repeated(special: Sequence[Any], mains: Mapping[str, Any], purpose: str) -> RepeatedAnswers:
    """Answers beside those of the first time."""
    pairs = []
    for key, of, answers in special:
        if of == purpose and key in mains and answers:
            first = {row["about"]: row["said"] for row in mains[key] or ()}
            pairs.append((sum(first.get(row["about"]) == row["said"] for row in answers), len(answers)))
    return repeated(pairs)


def repeated(pairs: Sequence[tuple[int, int]]) -> RepeatedAnswers:
    """From (same, answers) of each conversation: the ratio with its linearized error (Cochran 1977, 2.11); exact
    binomial over conversations where all or none are the same."""
    n, same, answers = len(pairs), sum(a for a, _ in pairs), sum(b for _, b in pairs)
    if not answers:
        return RepeatedAnswers(0, 0, n, 0.0, 1.0)
    share = same / answers
    if same in (0, answers) or n < 2:
        low, high = clopper_pearson(n if same == answers else 0, n)
        return RepeatedAnswers(same, answers, n, low, high)
    spread = sum((a - share * b) ** 2 for a, b in pairs) / (n - 1)
    half = 1.96 * (spread * n) ** 0.5 / answers
    return RepeatedAnswers(same, answers, n, max(share - half, 0.0), min(share + half, 1.0))


def watch(bench: Workbench, actor: Actor, *, now: datetime, scorer_id: int) -> bool:
    """Return to the version before, where the last run on the gold conversations gave an alarm and this one is in use;
    whether it gave one."""
    found = read(bench, scorer_id)
    if not found.alarm:
        return False
    view = versions.get(bench, actor, scorer_id)
    with bench.begin(actor, now) as work:
        work.record("scorer.alarm", "scorer", scorer_id, version=view.version, n=found.nights[-1].n,
                    reason=f"{found.points[-1].value:+.2f}")  # fmt: skip
    if view.state != "active":
        return True
    before = [
        one for one in versions.list_scorers(bench, actor)
        if one.predictor == predictions.MACHINE and one.state == "retired" and one.scored and one.id != scorer_id
    ]  # fmt: skip
    if before:
        latest = max(before, key=lambda one: (one.retired_at or one.created_at, one.id))
        calibrated.activate(bench, actor, now=now, scorer=latest.id)
    else:
        versions.retire(bench, actor, now=now, scorer=scorer_id)
    return True
