"""Turns scenes and people into archive rows with known truth. Pure: the same arguments always give the same rows.

One conversation is played turn by turn; faults are drawn from the agent's hidden qualities and written to the truth
table beside the text they caused, so that estimates on demo data can be compared with what is true.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

import polars as pl

from qa.demo.play import Play
from qa.demo.rows import Rows
from qa.demo.world import DemoAgent, agents

WEEKS = 8
PER_AGENT_WEEK = 20


@dataclass(frozen=True)
class DemoData:
    """Frames in the archive's columns, and what is true about them."""

    tables: dict[str, pl.DataFrame]
    truth: pl.DataFrame
    """One row a conversation: conversation_key, agent_id, faults, fault_seqs (message of each fault, −1 for something
    left out), red_lines (rules broken)."""
    agents: tuple[DemoAgent, ...]
    disputes: pl.DataFrame
    """One row a dispute: dispute_key, join (how its record finds its chat), conversation_key and agent_id that are
    right (null: none can be told), faults of its handling, author (the agent of the first chat)."""
    promises: pl.DataFrame
    """One row a promise of known outcome: conversation_key, seq, kind, amount (hundredths), status."""


def generate(seed: str, last_day: date, scale: float = 1.0, weeks: int = WEEKS) -> DemoData:
    """All demo data of `weeks` weeks up to and including `last_day`.

    `scale` multiplies the number of conversations (1.0 is about 6,400). Use `generate_parts` for millions.
    """
    parts = list(generate_parts(seed, last_day, scale, weeks))
    tables = {name: pl.concat([p.tables[name] for p in parts if p.tables[name].height]) for name in parts[0].tables}
    return DemoData(
        tables, pl.concat([part.truth for part in parts]), parts[0].agents,
        pl.concat([part.disputes for part in parts]), pl.concat([part.promises for part in parts]),
    )  # fmt: skip


def generate_parts(seed: str, last_day: date, scale: float = 1.0, weeks: int = WEEKS) -> Iterator[DemoData]:
    """The same as `generate`, one week at a time, so that any scale fits into memory."""
    first_day = last_day - timedelta(days=7 * weeks - 1)
    people = agents(seed, first_day)
    peers = {one.agent_id: _peers(one, people) for one in people}
    for week in range(weeks):
        rows = Rows()
        for agent in people:
            draw = Random(f"{seed}/{agent.agent_id}/{week}")
            monday = first_day + timedelta(days=7 * week)
            for number in range(_volume(draw, agent, monday, scale)):
                Play(draw, agent, week, monday, number, rows, peers[agent.agent_id]).run()
        yield DemoData(rows.frames(), rows.truth_frame(), people, *rows.record_truth())


def _peers(agent: DemoAgent, people: tuple[DemoAgent, ...]) -> tuple[str, ...]:
    """Who of the same shop takes after-sale chats and is there all the time."""
    there = (one for one in people if one.shop == agent.shop and one.stage != "presale" and one.grade != "P1")
    return tuple(one.agent_id for one in there if one.agent_id != agent.agent_id)


def _volume(draw: Random, agent: DemoAgent, monday: date, scale: float) -> int:
    if agent.hired_on > monday + timedelta(days=6):
        return 0
    return max(1, round(PER_AGENT_WEEK * scale * draw.uniform(0.6, 1.4)))
