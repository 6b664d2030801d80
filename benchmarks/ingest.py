"""Import: GB18030 CSV → archive, as CPU ratio to `iconv` + Polars scan + Parquet zstd-1 of the same file, and its peak
memory.

`python -m benchmarks.ingest [--scale small] [--rounds 3] [--json]`. Each measurement is a fresh process; rounds are
interleaved; the ratio is of the medians. Goals: CPU ≤ 1.4, peak ≤ 450 MB at 200,000 conversations (2.3 million
messages).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

SCALES = {"small": 20_000, "full": 200_000}
CPU_GOAL, MEMORY_GOAL_MB = 1.4, 450


def cpu() -> float:
    """CPU seconds of this process and its finished children."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def report(begin: float, wall: float) -> None:
    # not ru_maxrss, which a child inherits from its parent
    peak = (
        next(
            int(line.split()[1])
            for line in Path("/proc/self/status").read_text().splitlines()
            if line.startswith("VmHWM")
        )
        / 1024
    )
    print(json.dumps({"cpu": cpu() - begin, "wall": time.perf_counter() - wall, "peak_mb": peak}))


def control(path: Path) -> None:
    """What the parts cost: decode, parse, one time column, write."""
    import polars as pl

    begin, wall = cpu(), time.perf_counter()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        text = Path(folder) / "utf8.csv"
        with text.open("wb") as out:
            subprocess.run(["iconv", "-f", "GB18030", "-t", "UTF-8", path], stdout=out, check=True)
        scan = pl.scan_csv(text, infer_schema=False).with_columns(
            pl.col("消息时间").str.to_datetime("%Y-%m-%d %H:%M:%S", cache=False)
        )
        with tempfile.TemporaryDirectory() as target:
            scan.sink_parquet(Path(target) / "out.parquet", compression="zstd", compression_level=1)
    report(begin, wall)


def product(path: Path) -> None:
    """The whole import through the service: detection, checks, archive, database."""
    from qa import ingest, migrations
    from qa.config import Config
    from qa.policy import SYSTEM
    from qa.workbench import Workbench

    with tempfile.TemporaryDirectory() as home:
        bench = Workbench.open(Config(home=Path(home)))
        migrations.upgrade(bench.db)
        begin, wall = cpu(), time.perf_counter()
        detected = ingest.detect(path)
        result = ingest.commit(
            bench,
            SYSTEM,
            now=datetime(2026, 3, 2, tzinfo=UTC),
            path=path,
            mapping=detected.mapping,
            kind=detected.kind,
            source="bench",
        )
        report(begin, wall)
        assert result.counts.bad == 0
        assert bench.archive.at().count("messages") == result.counts.messages
        bench.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", choices=SCALES, default="full")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "spotcheck-bench")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=["control", "product"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    path = args.folder / f"chats-{SCALES[args.scale]}-gb18030.csv"
    if not path.exists():  # in a process of its own: a child's peak memory begins with that of its parent
        make = (
            f"from pathlib import Path; from benchmarks.corpus import write; write(Path({str(args.folder)!r}),"
            f" {SCALES[args.scale]})"
        )
        subprocess.run([sys.executable, "-c", make], check=True)
    if args.part:
        {"control": control, "product": product}[args.part](path)
        return 0
    runs: dict[str, list[dict[str, float]]] = {"control": [], "product": []}
    for _ in range(args.rounds):
        for part in runs:
            command = [
                sys.executable,
                "-m",
                "benchmarks.ingest",
                "--part",
                part,
                "--scale",
                args.scale,
                "--folder",
                str(args.folder),
            ]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ)
            runs[part].append(json.loads(done.stdout.splitlines()[-1]))
    middle = {
        part: {key: statistics.median(run[key] for run in found) for key in found[0]} for part, found in runs.items()
    }
    ratio = middle["product"]["cpu"] / middle["control"]["cpu"]
    peak = middle["product"]["peak_mb"]
    summary = {"scale": args.scale, "cpu_ratio": round(ratio, 2), "peak_mb": round(peak), **middle}
    if args.json:
        print(json.dumps(summary))
    else:
        print(
            f"import, {args.scale}: CPU {ratio:.2f} × control (goal ≤ {CPU_GOAL}), peak {peak:.0f} MB (goal ≤"
            f" {MEMORY_GOAL_MB})"
        )
        for part, values in middle.items():
            print(f"  {part}: {values['cpu']:.2f} CPU s, {values['wall']:.2f} s, {values['peak_mb']:.0f} MB")
    return 0 if ratio <= CPU_GOAL and peak <= MEMORY_GOAL_MB else 1


if __name__ == "__main__":
    sys.exit(main())
