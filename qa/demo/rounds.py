"""The demo's comparison of inspectors: one calibration round with reference answers, and gold conversations in the
queues.

The inspectors meet both while they work through their places; this module only deals them out and closes the round.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select

from qa.calibration import gold, references, rounds
from qa.policy import Actor
from qa.tables import CalibrationRound, Sample
from qa.workbench import Workbench
from scoring.sheet import Sheet

ROUND = "投诉与售后口径校准"
SIZE, GOLD = 6, 2


def choose(bench: Workbench, draw_id: int, telling: Collection[str]) -> list[int]:
    """Samples of a draw whose conversation is one of `telling`: for the round first, then for gold."""
    with bench.db.read() as session:
        rows = session.execute(
            select(Sample.id, Sample.unit_id)
            .where(Sample.draw_id == draw_id, Sample.source == "chat")  # one card for a round
            .order_by(Sample.u, Sample.id)
        )
        return [id_ for id_, unit in rows if unit in telling][: SIZE + GOLD]


def deal(bench: Workbench, lead: Actor, samples: Sequence[int], people: Sequence[int], *, now: datetime) -> None:
    """Open the round and put the gold conversations into the queues; once is enough."""
    with bench.db.read() as session:
        known = set(session.scalars(select(CalibrationRound.name)))
    if ROUND not in known and samples:
        rounds.open_round(bench, lead, now=now, name=ROUND, sample_ids=samples[:SIZE], inspector_ids=people)
    for sample in samples[SIZE:]:
        if f"gold {sample}" not in known:
            gold.seed_gold(bench, lead, now=now, sample_id=sample, inspector_ids=people)


def close(bench: Workbench, lead: Actor, answers: Mapping[int, Sheet], *, now: datetime) -> None:
    """Give the reference `answers` (sample → sheet) and open the results."""
    with bench.db.read() as session:
        found = session.scalar(select(CalibrationRound).where(CalibrationRound.name == ROUND))
    if found is None or found.closed_at is not None:
        return
    for sample, sheet in answers.items():
        if str(sample) not in found.reference:
            references.set_reference(bench, lead, now=now, round_id=found.id, sample_id=sample, sheet=sheet)
    rounds.close_round(bench, lead, now=now, round_id=found.id)
