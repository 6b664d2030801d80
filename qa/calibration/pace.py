"""How fast inspectors read, beside their colleagues and beside how far they agree. Information for the lead, never a
verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from statistics import median

from sqlalchemy import select
from sqlalchemy.orm import Session

from qa.calibration.comparing import Inspected, Share, inspected, latest
from qa.calibration.independent import by_chance
from qa.desk.leases import transcript_of
from qa.policy import Actor, Right, require
from qa.rubrics.stored import rubric_of
from qa.tables import Inspection, User
from qa.workbench import Workbench

RUSHED_RATIO = 0.5
"""Less than half the time colleagues take for as much text is fast."""


RUSHED_LEAST = 8
"""From so many doubles on, agreement says whether a fast reader is simply fast."""


PACE_ROWS = 2_000
"""The newest inspections are enough to see a pace; each means reading a transcript's length."""


class Speed(StrEnum):
    """What reading time and agreement say together; only `LOOK` asks for a look."""

    USUAL = "usual"
    FAST = "fast"
    """Fast, with too few doubles to say more."""
    FAST_AND_SOUND = "fast_and_sound"
    LOOK = "look"


@dataclass(frozen=True)
class Pace:
    """How fast one inspector reads: median seconds per 100 characters beside the colleagues'; `agreement` is the share
    of their doubles within tolerance, beside the colleagues' share."""

    user_id: int
    name: str
    inspections: int
    seconds_per_100: float
    others_per_100: float | None
    agreement: Share | None
    others_agreement: float | None
    speed: Speed


def pace(bench: Workbench, actor: Actor, *, since: datetime, least: int = 5) -> tuple[Pace, ...]:
    """Reading pace per inspector with at least `least` timed inspections, the fastest (relative to others) first."""
    require(actor, Right.CALIBRATE)
    speeds: dict[int, list[float]] = {}
    names: dict[int, str] = {}
    with bench.db.read() as session:
        query = (
            select(Inspection.inspector_id, User.display_name, Inspection.sample_id, Inspection.active_seconds)
            .join(User, User.id == Inspection.inspector_id)
            .where(
                Inspection.undone_at.is_(None), Inspection.submitted_at >= since, Inspection.active_seconds.is_not(None)
            )
        )
        lengths: dict[int, int] = {}
        for user, name, sample, seconds in session.execute(query.order_by(Inspection.id.desc()).limit(PACE_ROWS)).all():
            if sample not in lengths:
                lengths[sample] = sum(map(len, transcript_of(session, sample).texts.values()))
            names[user] = name
            speeds.setdefault(user, []).append(100 * (seconds or 0) / max(lengths[sample], 20))
        agreed = _agreed(session, since)
    rows = []
    for user, own in speeds.items():
        if len(own) < least:
            continue
        rest = [speed for other, values in speeds.items() if other != user for speed in values]
        mine, others = median(own), median(rest) if rest else None
        pairs, theirs = (
            agreed.get(user, []),
            [pair for other, values in agreed.items() if other != user for pair in values],
        )
        share, usual = (
            Share.of(sum(pairs), len(pairs)) if pairs else None,
            sum(theirs) / len(theirs) if theirs else None,
        )
        rows.append(Pace(user, names[user], len(own), mine, others, share, usual, _speed(mine, others, share, usual)))
    return tuple(
        sorted(
            rows, key=lambda row: (row.seconds_per_100 / (row.others_per_100 or row.seconds_per_100 or 1), row.user_id)
        )
    )


def _speed(mine: float, others: float | None, share: Share | None, usual: float | None) -> Speed:
    """A fast reader who agrees with others as often as they do among themselves is simply fast."""
    if others is None or mine >= RUSHED_RATIO * others:
        return Speed.USUAL
    if share is None or usual is None or share.n < RUSHED_LEAST:
        return Speed.FAST
    return Speed.LOOK if share.k / share.n < usual else Speed.FAST_AND_SOUND


def _agreed(session: Session, since: datetime) -> dict[int, list[bool]]:
    """For each inspector, whether each of their doubles was within tolerance."""
    marks = latest(inspected(session, by_chance(), Inspection.submitted_at >= since))
    by_sample: dict[int, list[Inspected]] = {}
    for mark in marks:
        by_sample.setdefault(mark.sample_id, []).append(mark)
    result: dict[int, list[bool]] = {}
    for pair in by_sample.values():
        if len(pair) == 2:
            apart = abs(pair[0].outcome.total_without_redlines - pair[1].outcome.total_without_redlines)
            close = (
                apart <= rubric_of(session, pair[0].rubric_version_id).tolerance
                and pair[0].outcome.redlines == pair[1].outcome.redlines
            )
            for mark in pair:
                result.setdefault(mark.inspector_id, []).append(close)
    return result
