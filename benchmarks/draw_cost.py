"""Measure a draw from 10 million rows against a scan of its two columns: ``python -m benchmarks.draw --cost``.

Every measurement is a fresh process; rounds are interleaved and medians reported. The permanent numbers of *all* units
(HMAC, needed by ``draw.select`` for designs with predictions) are measured apart, on 300,000 ids.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from scoring import draw

ROWS, AGENTS, PER_AGENT, ROUNDS = 10_000_000, 2_000, 20, 5
LARGEST_RATIO, LARGEST_MB = 5.0, 400


def _write(path: Path) -> None:
    rng = np.random.default_rng(0)
    k = pl.Series(np.arange(ROWS)).cast(pl.String).str.zfill(8)
    agent = pl.Series(rng.integers(0, AGENTS, ROWS)).cast(pl.String).str.zfill(4)
    pl.DataFrame({"unit_id": "C" + k, "agent_id": "A" + agent}).write_parquet(
        path, compression="zstd", compression_level=1
    )


def _one(what: str, path: str) -> dict[str, float]:
    frame, start = pl.scan_parquet(path), time.process_time()
    if what == "scan":
        frame.select("unit_id", "agent_id").collect()
    else:
        drawn = draw.select_large(frame, PER_AGENT, "2025-11|demo-seed")
        assert drawn["picked"].sum() == AGENTS * PER_AGENT
    return {"cpu": time.process_time() - start, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def measure(rounds: int = ROUNDS) -> int:
    """Print CPU seconds, peak memory and their ratio; return 1 when a limit is missed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frame.parquet"
        # The file is written by a process of its own: a peak reached before a fork would count for its children.
        subprocess.run([sys.executable, "-m", "benchmarks.draw_cost", "write", str(path)], check=True)
        results: dict[str, list[dict[str, float]]] = {"scan": [], "draw": []}
        for _ in range(rounds):
            for what, found in results.items():
                command = [sys.executable, "-m", "benchmarks.draw_cost", what, str(path)]
                found.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    scan, cost = (statistics.median(r["cpu"] for r in results[what]) for what in ("scan", "draw"))
    peak = statistics.median(r["mb"] for r in results["draw"])
    start = time.process_time()
    draw.permanent_numbers("seed", [f"C{k:08d}" for k in range(300_000)])
    each = (time.process_time() - start) / 300_000
    print(
        f"{ROWS:,} rows: scan {scan:.2f} CPU s, draw {cost:.2f} CPU s, ratio {cost / scan:.1f} (≤ {LARGEST_RATIO:.0f}),"
        f" {peak:.0f} MB"
    )
    print(f"permanent numbers of all units: {1e6 * each:.2f} µs each, {each * ROWS:.1f} CPU s for {ROWS:,}")
    return int(cost / scan > LARGEST_RATIO or peak > LARGEST_MB)


if __name__ == "__main__":
    if sys.argv[1] == "write":
        _write(Path(sys.argv[2]))
    else:
        print(json.dumps(_one(sys.argv[1], sys.argv[2])))
