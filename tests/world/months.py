"""Four months of indicators of twelve agents, whose true levels are known; the last agent is far slower and sells
less."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from qa.assessment.cells import MICRO
from qa.tables import Agent
from qa.workbench import Workbench

NOW = datetime(2025, 12, 8, 2, tzinfo=UTC)
FIRST, DAYS = date(2025, 8, 1), 122
PEOPLE = 12


def agents(count: int = PEOPLE) -> list[Agent]:
    """Pre-sale agents of two teams."""
    return [
        Agent(agent_id=f"p{k:02d}", name=f"客服{k}", team="一组" if k % 2 else "二组", stage="presale", updated_at=NOW)
        for k in range(count)
    ]


def parts(count: int = PEOPLE, days: int = DAYS, seed: int = 5, import_id: int = 1) -> pl.DataFrame:
    """Rows of the archive table `indicators`."""
    rng, rows = np.random.default_rng(seed), []
    for k in range(count):
        for n in range(days):
            day = FIRST + timedelta(days=n)
            asked = int(rng.integers(10, 25))
            level = (0.45 if day.weekday() >= 5 else 0.5) * (0.75 if k == count - 1 else 1)
            bought = int(rng.binomial(asked, level))
            seconds = asked * (60 if k == count - 1 else 28) * float(np.exp(rng.normal(0, 0.1)))
            for name, num, den in (
                ("conversion", bought, asked), ("unit_price", bought * 100.0 * rng.uniform(0.8, 1.2), bought),
                ("response_time", seconds, asked), ("reply_3min", int(rng.binomial(asked, 0.98)), asked),
            ):  # fmt: skip
                if den:
                    rows.append((day, f"p{k:02d}", name, round(num * MICRO), den * MICRO))
    frame = pl.DataFrame(rows, schema=["day", "account", "indicator", "num", "den"], orient="row")
    return frame.with_columns(
        until="day", shop=pl.lit("店"), platform=pl.lit("taobao"), definition=pl.lit(1), import_id=pl.lit(import_id),
        file_row=pl.int_range(pl.len()),
    )  # fmt: skip


def fill(bench: Workbench) -> None:
    """Agents and their four months."""
    with bench.db.write() as session:
        session.add_all(agents())
    with bench.archive.change("indicators", NOW) as change:
        change.append("indicators", parts())
