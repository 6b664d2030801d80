"""Trends from disk: 1 million verdicts × 12 criteria through the product's own read side, and beside it a bare scan.

Forty weekly draws, the later half with predictions, so that their weeks go through the difference estimator.

The goal is at most 0.5 s for all twelve criteria by week. On a machine that others use as well the wall clock says
little, so the CPU seconds decide when they are lower; the ratio to Polars reading the same columns says how much is
estimating. Run: python -m benchmarks.trends [verdicts]
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from sqlalchemy import insert

from qa import migrations, reports
from qa.archive import conform
from qa.config import Config
from qa.policy import SYSTEM
from qa.reports.scope import FactsReader, Scope, bucketed
from qa.tables import Agent, Draw, Plan, RubricVersion
from qa.workbench import Workbench
from scoring import estimate
from scoring.rubric import default

GOAL_SECONDS = 0.5
ROUNDS = 5
CRITERIA = 12
WEEKS = 40
START = datetime(2026, 1, 5, tzinfo=UTC)
AGENTS = 400


def facts(count: int) -> pl.DataFrame:
    """Generated verdicts of 400 agents over 40 weeks, from a certainty pool and random picks."""
    rng = np.random.default_rng(3)
    seconds = rng.integers(0, WEEKS * 7 * 86_400, count)
    week = seconds // (7 * 86_400)
    pool = rng.random(count) < 0.1
    lost = {f"c{k:02d}": np.where(rng.random(count) < 0.1, rng.integers(1, 9, count) * 100, 0) for k in range(CRITERIA)}
    total = np.maximum(10_000 - sum(lost.values()), 0)
    frame = pl.DataFrame(
        {
            "verdict_id": np.arange(1, count + 1),
            "sample_id": np.arange(1, count + 1),
            "draw_id": week + 1,
            "agent": rng.integers(0, AGENTS, count),
            "seconds": seconds,
            "pi": np.where(pool, 1.0, 0.05 + 0.2 * rng.random(count)),
            "total": total,
            "risk": rng.random(count),
            "prediction": np.maximum(10_000 - total + rng.normal(0, 500, count), 0),
            "pool": pool,
            "week": week,
            "total_without_redlines": total,
            "redline": rng.random(count) < 0.03,
            **lost,
            "d0": total / 100,
            "d1": total / 100,
            "d2": total / 100,
        }
    ).with_columns(
        agent_id=pl.format("a-{}", "agent"),
        source=pl.lit("chat"),
        rubric_version_id=pl.lit(1),
        prediction=pl.when(pl.col("week") >= WEEKS // 2).then("prediction"),
        occurred_at=pl.lit(START, pl.Datetime("us", "UTC")) + pl.duration(seconds=pl.col("seconds") - 8 * 3600),
        unit_id=pl.format("shop:{}", "verdict_id"),
        shop=pl.lit("shop"),
        channel=pl.lit("chat"),
        reason=pl.when("pool").then(pl.lit("certainty")).otherwise(pl.lit("base")),
    )
    return conform("facts", frame)


def draws(now: datetime) -> list[dict[str, object]]:
    """A row of `draws` a week, with what its receipt holds of the frame."""
    frame = [
        {"source": "chat", "agent_id": f"a-{k}", "units": 900, "f_sum": 900 * 90.0, "spread": 9000.0, "spread_p": 900.0}
        for k in range(AGENTS)
    ]
    return [
        {
            "id": week + 1,
            "plan_id": 1,
            "name": f"week {week}",
            "period_from": (START + timedelta(weeks=week)).date(),
            "period_to": (START + timedelta(weeks=week, days=6)).date(),
            "archive_version": 1,
            "frame_hash": "",
            "frame_size": 900 * AGENTS,
            "receipt": {"frame_summary": frame},
            "receipt_hash": "",
            "rubric_version_id": 1,
            "published_at": now,
        }
        for week in range(WEEKS)
    ]


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of one run."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def fill(bench: Workbench, count: int) -> None:
    """Put `count` verdicts, their draws and agents into an empty, migrated workbench."""
    now = datetime(2026, 12, 1, tzinfo=UTC)
    with bench.db.write() as session:
        session.execute(
            insert(RubricVersion).values(
                rubric_id="default",
                version=1,
                state="published",
                content=default().to_dict(),
                content_hash=default().content_hash,
                created_at=now,
                published_at=now,
            )
        )
        session.execute(
            insert(Plan).values(
                id=1,
                name="benchmark",
                content={},
                rubric_version_id=1,
                seed="",
                seed_commitment="",
                created_at=now,
            )
        )
        session.execute(insert(Draw), draws(now))
        session.execute(
            insert(Agent),
            [
                {
                    "agent_id": f"a-{k}",
                    "name": f"a-{k}",
                    "team": f"team {k % 20}",
                    "stage": "",
                    "grade": "",
                    "updated_at": now,
                }
                for k in range(AGENTS)
            ],
        )
    with bench.archive.change("benchmark", now) as change:
        change.append("facts", facts(count))


def main(count: int) -> int:
    """Print one table; exit code 1 when the goal is missed."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Workbench.open(Config(home=Path(folder)))
        migrations.upgrade(bench.db)
        fill(bench, count)
        work: dict[str, Callable[[], object]] = {
            "scan the columns": lambda: (
                bench.archive.at()
                .scan("facts")
                .select("occurred_at", "pi", "source", "agent_id", *(f"c{k:02d}" for k in range(CRITERIA)))
                .sum()
                .collect()
            ),
            "12 criteria by week": lambda: criteria_by_week(bench),
            "score by week and team": lambda: reports.trend(bench, SYSTEM, scope=Scope(), by="team"),
            "score by week and agent": lambda: reports.trend(bench, SYSTEM, scope=Scope(), by="agent"),
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
        for _ in range(ROUNDS + 1):  # interleaved, so that a busy moment hits all alike; the first round warms up
            for name, function in work.items():
                times[name].append(timed(function))
        medians = {name: [statistics.median(t[k] for t in runs[1:]) for k in (0, 1)] for name, runs in times.items()}
        bench.close()
    base = medians["scan the columns"]
    for name, (wall, cpu) in medians.items():
        print(f"{name:26s} wall {wall:6.3f} s   cpu {cpu:6.3f} s   {wall / base[0]:5.1f} × scan")
    print(json.dumps({"verdicts": count, "seconds": {k: round(v[0], 3) for k, v in medians.items()}}))
    return 0 if min(medians["12 criteria by week"]) <= GOAL_SECONDS * max(count, 1) / 1_000_000 else 1


def criteria_by_week(bench: Workbench) -> pl.DataFrame:
    """The figures of a trend of all twelve criteria, as the read side computes them."""
    with FactsReader(bench) as reader:
        rubrics = reader.rubrics()
        names = [item.id for item in rubrics.criteria[:CRITERIA]]
        rows = reader.rows(Scope()).select(
            "pi",
            "reason",
            bucketed("week").alias("period"),
            *(rubrics.criterion_column(name).alias(name) for name in names),
        )
        return estimate.grouped(rows, ["period"], names)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
