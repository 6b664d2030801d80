"""What reply times cost, as ratios within one run: ``python -m benchmarks.timing [--scale small] [--rounds 5]``.

Generated conversations of about 11 messages, rows in export order (by time, conversations interleaved). Controls:
duckdb with window functions over the same columns (of the development lock; without it there is no control in SQL),
and a plain read of the four columns from parquet. Every candidate runs in a process of its
own, in turn; CPU seconds of its second run, medians; rounds, answers, in-time counts and sums must agree with duckdb's
before anything is reported. ``--scale large`` measures 24 million messages, cut by conversation range, and reports the
peak memory of a fresh process. Exit code 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl

from scoring.timing import DEFINITIONS, conversation_metrics

SCALES = {"small": 20_000, "full": 200_000, "large": 2_100_000}
HOUSE = DEFINITIONS["house"]
COLUMNS = ("conversation_key", "seq", "role", "sent_at")
MEMORY_GOAL_MB = 1_100
ROWS_A_PART = 4_000_000  # messages read at once: the memory of one part bounds the run


def make_messages(conversations: int, first: int = 0) -> pl.DataFrame:
    """Conversations numbered from ``first``: sides mostly alternate, gaps are log-normal, two weeks of time."""
    rng = np.random.default_rng(5 + first)
    size = 2 + rng.poisson(9.4, conversations)
    conv = np.repeat(np.arange(conversations), size)
    start = np.concatenate(([0], np.cumsum(size)[:-1]))
    seq = np.arange(len(conv)) - start[conv]
    gap = np.minimum(rng.lognormal(3.4, 1.1, len(conv)), 20_000).astype(np.int64)
    opened = 1_760_000_000 + rng.integers(0, 14 * 86_400, conversations)
    cumulated = np.cumsum(gap)
    second = opened[conv] + cumulated - cumulated[start][conv]
    agent = (seq + (rng.random(len(conv)) < 0.25)) % 2 == 1
    frame = pl.DataFrame({"k": conv + first, "seq": seq.astype(np.int32), "agent": agent, "second": second})
    return frame.sort("second").select(
        pl.format("shop-{}", "k").alias("conversation_key"),
        "seq",
        pl.when("agent").then(pl.lit("agent")).otherwise(pl.lit("customer")).alias("role"),
        (pl.col("second") * 1_000_000).cast(pl.Datetime("us", "UTC")).alias("sent_at"),
    )


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of a piece of work, all threads."""
    before = time.process_time()
    work()
    return time.process_time() - before


def ours(path: Path) -> tuple[int, int, int, int]:
    """(rounds, answered, in time, seconds waited) from a parquet file."""
    metrics = conversation_metrics(pl.read_parquet(path, columns=list(COLUMNS)), HOUSE, "Asia/Shanghai")
    waited = (metrics["mean_reply_s"] * (metrics["answered"] - metrics["untimed"])).sum()
    return (metrics["rounds"].sum(), metrics["answered"].sum(), metrics["in_time"].sum(), round(waited))


WINDOW_SQL = """
with party as (
    select conversation_key, seq, role, epoch_us(sent_at) // 1000000 as t,
           lag(role) over w is distinct from role as opens
    from read_parquet('{path}') where role in ('customer', 'agent')
    window w as (partition by conversation_key order by seq)
), runs as (
    select conversation_key, role, t, lead(t) over v as reply_at
    from party where opens window v as (partition by conversation_key order by seq)
), by_conversation as (
    select conversation_key, count(*) as rounds, count(reply_at) as answered,
           count(*) filter (where reply_at - t <= 180) as in_time, sum(reply_at - t) as waited,
           avg(reply_at - t) as mean_s, max(reply_at - t) as max_s, first(reply_at - t order by t) as first_s
    from runs where role = 'customer' group by conversation_key
)
select sum(rounds), sum(answered), sum(in_time), sum(waited), avg(mean_s), max(max_s), avg(first_s) from by_conversation
"""


def by_duckdb(path: Path) -> tuple[int, int, int, int]:
    """The same four figures from window SQL."""
    row = import_module("duckdb").connect().execute(WINDOW_SQL.format(path=path)).fetchone()
    return (int(row[0]), int(row[1]), int(row[2]), int(row[3]))


CANDIDATES: dict[str, Callable[[Path], object]] = {
    "ours": ours, "duckdb": by_duckdb, "read": lambda path: pl.read_parquet(path, columns=list(COLUMNS)),
}  # fmt: skip


def alone(candidate: str, file: Path) -> float:
    """CPU seconds of the second run in a process of its own: the threads of one engine are not charged to the other."""
    command = [sys.executable, "-m", "benchmarks.timing", "--alone", candidate, "--files", str(file)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def compare(conversations: int, rounds: int, folder: Path) -> bool:
    path = folder / "messages.parquet"
    frame = make_messages(conversations)
    frame.write_parquet(path)
    coded = folder / "coded.parquet"
    frame.with_columns(pl.col("conversation_key").str.slice(5).cast(pl.Int64)).write_parquet(coded)
    print(f"{conversations} conversations, {frame.height} messages, {ours(path)[0]} rounds")
    del frame
    work = {
        "reply times": ("ours", path),
        "reply times, whole-number keys": ("ours", coded),
        "read four columns": ("read", path),
    }
    if find_spec("duckdb") is None:
        print("duckdb is not installed: no control in SQL")
    else:
        if ours(path) != by_duckdb(path):
            raise SystemExit(f"expected duckdb's figures {by_duckdb(path)}, found {ours(path)}")
        work["duckdb window SQL"] = ("duckdb", path)
        work["duckdb, whole-number keys"] = ("duckdb", coded)
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, (candidate, file) in work.items():
            times[name].append(alone(candidate, file))
    for name, values in times.items():
        print(f"{name:31} {statistics.median(values):6.2f} CPU s  [{min(values):.2f}–{max(values):.2f}]")
    met = True
    for part, control, goal in (
        ("reply times", "duckdb window SQL", 0.35),
        ("reply times, whole-number keys", "duckdb, whole-number keys", 0.35),
        ("reply times", "read four columns", None),
    ):
        if control in times:
            ratio = statistics.median(a / b for a, b in zip(times[part], times[control], strict=True))
            met &= goal is None or ratio <= goal
            verdict = "" if goal is None else f"  goal ≤ {goal}: {'met' if ratio <= goal else 'MISSED'}"
            print(f"{part} ÷ {control} = {ratio:.2f}{verdict}")
    return met


def parts(folder: Path, conversations: int) -> Iterator[Path]:
    """Parquet files of whole conversations, as an archive partitioned by import batch holds them."""
    step = ROWS_A_PART // 12
    for first in range(0, conversations, step):
        path = folder / f"{first}.parquet"
        make_messages(min(step, conversations - first), first).write_parquet(path)
        yield path


def measure_memory(files: list[str]) -> None:
    """Run in a fresh process: metrics of every file, one after the other."""
    began, messages, rounds = time.process_time(), 0, 0
    for file in files:
        frame = pl.read_parquet(file, columns=list(COLUMNS))
        messages += frame.height
        rounds += conversation_metrics(frame, HOUSE, "Asia/Shanghai")["rounds"].sum()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    spent = time.process_time() - began
    verdict = "met" if peak <= MEMORY_GOAL_MB else "MISSED"
    print(
        f"{messages} messages, {rounds} rounds: {spent:.1f} CPU s, peak {peak:.0f} MB  goal ≤ {MEMORY_GOAL_MB}:"
        f" {verdict}"
    )
    sys.exit(0 if peak <= MEMORY_GOAL_MB else 1)


def large(conversations: int, folder: Path) -> bool:
    files = [str(path) for path in parts(folder, conversations)]
    done = subprocess.run([sys.executable, "-m", "benchmarks.timing", "--files", *files], check=False)
    return done.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--scale", choices=SCALES, default="full")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--alone", choices=CANDIDATES, help=argparse.SUPPRESS)
    parser.add_argument("--files", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        run, file = CANDIDATES[options.alone], Path(options.files[0])
        run(file)
        print(cpu(lambda: run(file)))
        return 0
    if options.files:
        measure_memory(options.files)
    with tempfile.TemporaryDirectory() as folder:
        if options.scale == "large":
            return 0 if large(SCALES["large"], Path(folder)) else 1
        return 0 if compare(SCALES[options.scale], options.rounds, Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
