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

from qa.demo.play import Play, Rows
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


def generate(seed: str, last_day: date, scale: float = 1.0, weeks: int = WEEKS) -> DemoData:
    """All demo data of `weeks` weeks up to and including `last_day`.

    `scale` multiplies the number of conversations (1.0 is about 6,400). Use `generate_parts` for millions.
    """
    parts = list(generate_parts(seed, last_day, scale, weeks))
    tables = {name: pl.concat([part.tables[name] for part in parts]) for name in parts[0].tables}
    return DemoData(tables, pl.concat([part.truth for part in parts]), parts[0].agents)


def generate_parts(seed: str, last_day: date, scale: float = 1.0, weeks: int = WEEKS) -> Iterator[DemoData]:
    """The same as `generate`, one week at a time, so that any scale fits into memory."""
    first_day = last_day - timedelta(days=7 * weeks - 1)
    people = agents(seed, first_day)
    for week in range(weeks):
        rows = Rows()
        for agent in people:
            draw = Random(f"{seed}/{agent.agent_id}/{week}")
            monday = first_day + timedelta(days=7 * week)
            for number in range(_volume(draw, agent, monday, scale)):
                Play(draw, agent, week, monday, number, rows).run()
        yield DemoData(rows.frames(), rows.truth_frame(), people)


def _volume(draw: Random, agent: DemoAgent, monday: date, scale: float) -> int:
    if agent.hired_on > monday + timedelta(days=6):
        return 0
    return max(1, round(PER_AGENT_WEEK * scale * draw.uniform(0.6, 1.4)))
