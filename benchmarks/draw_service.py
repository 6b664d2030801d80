"""A draw with predictions from millions of conversations, published through the service: ``python -m
benchmarks.draw_service [--rows 10000000]``.

The archive is written as screening leaves it: conversations in the order of time, a rule score each. Then a process of
its own scans the two columns of the frame, and another publishes a draw of the month; both report CPU seconds and peak
memory. Fails (exit code 1) above ten times the scan or 1 GB.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from qa import draws, migrations
from qa.archive import predictions
from qa.config import Config
from qa.draws import Period, PlanDesign, SourceQuota
from qa.policy import Actor, Role
from qa.workbench import Workbench
from tests.world import shop

ROWS, AGENTS, PART, PER_AGENT = 10_000_000, 2_000, 500_000, 10
MONTH = Period(date(2026, 2, 1), date(2026, 2, 28))
FIRST, NOW = datetime(2026, 2, 1, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
LEAD = Actor(1, Role.LEAD, "Lead")
GOAL_RATIO, GOAL_MB = 10.0, 1_024.0


def fill(home: Path, rows: int) -> None:
    """An installation with so many predicted conversations of February, and a plan."""
    bench, rng = Workbench.open(Config(home=home)), np.random.default_rng(0)
    migrations.upgrade(bench.db)
    shop.people(bench)
    with bench.archive.change("bench", NOW) as change:
        for first in range(0, rows, PART):
            n = min(PART, rows - first)
            number = pl.Series(np.arange(first, first + n))
            # ids of exports are not in the order of time
            key = "shop:" + (number * 7_919 % 99_999_989).cast(pl.String).str.zfill(8) + "-" + number.cast(pl.String)
            agent = "a" + pl.Series(rng.integers(0, AGENTS, n)).cast(pl.String).str.zfill(4)
            seconds = pl.Series((np.arange(first, first + n) * (27 * 86_400 / rows)).astype(np.int64))
            base = pl.DataFrame(
                {"conversation_key": key, "agent_id": agent, "import_id": pl.Series([1]).new_from_index(0, n)}
            )
            change.append(
                "conversations",
                base.with_columns(
                    source=pl.lit("shop"), conversation_id=pl.col("conversation_key").str.slice(5),
                    agent_ids=pl.concat_list("agent_id"), message_count=pl.lit(8), shop=pl.lit("A"),
                    started_at=pl.lit(FIRST) + pl.duration(seconds=seconds),
                ),
            )  # fmt: skip
            change.append("signals", base.select("conversation_key", "import_id"))
            change.append(
                "predictions",
                base.select(
                    "conversation_key", "import_id", predictor=pl.lit(predictions.RULES), version=pl.lit("rules"),
                    p=pl.Series(rng.beta(0.5, 15, n)),
                ),
            )  # fmt: skip
    design = PlanDesign(quotas=(SourceQuota("chat", PER_AGENT),), pool_share=0.25)
    draws.create_plan(bench, LEAD, now=NOW, name="February", seed="a-seed-of-the-benchmark", design=design)
    bench.close()


def one(what: str, home: Path) -> dict[str, float]:
    """CPU seconds and peak memory (MB) of a scan, or of publishing."""
    bench, start = Workbench.open(Config(home=home)), time.process_time()
    if what == "scan":
        bench.archive.at().scan("conversations").select("conversation_key", "agent_id").collect()
    else:
        done = draws.publish(
            bench, LEAD, now=NOW + timedelta(hours=1), plan_id=1, period=MONTH, nonce="benchmark", next_seed="0" * 64
        )
        assert done.samples > AGENTS * PER_AGENT * 0.9, done
    return {"cpu": time.process_time() - start, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--one", choices=("fill", "scan", "publish"), help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one == "fill":
        fill(args.home, args.rows)
        return 0
    if args.one:
        print(json.dumps(one(args.one, args.home)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        again = [sys.executable, "-m", "benchmarks.draw_service", "--rows", str(args.rows), "--home", folder]
        subprocess.run([*again, "--one", "fill"], check=True)
        found = {
            what: json.loads(
                subprocess.run([*again, "--one", what], check=True, stdout=subprocess.PIPE, text=True).stdout
            )
            for what in ("scan", "publish")
        }
    scan, drawn = found["scan"], found["publish"]
    ratio = drawn["cpu"] / scan["cpu"]
    print(
        f"{args.rows:,} predicted conversations: scan {scan['cpu']:.2f} CPU s, published {drawn['cpu']:.1f} CPU s,"
        f" ratio {ratio:.1f} (≤ {GOAL_RATIO:.0f}), {drawn['mb']:,.0f} MB (≤ {GOAL_MB:,.0f})"
    )
    return int(ratio > GOAL_RATIO or drawn["mb"] > GOAL_MB)


if __name__ == "__main__":
    sys.exit(main())
