"""How the work grows with the archive: CPU and memory of import, screening, draw and trend for archives of rising size.

    python -m benchmarks.scale [--messages 1000000,3000000,10000000] [--folder DIR] [--figures FILE]

Every step is the command that a shop runs, in a process of its own; files hold a million messages each. The trend,
which grows with verdicts and not with messages, is asked for over a hundredth as many verdicts. Prints CPU seconds
and the largest memory of a process, the slope of log CPU on log messages over the sizes with its 95 % interval, and
what a billion messages would take by that line. Fails (exit code 1) when a slope is above 1.05 or a process took more
than 1.5 GB. `--figures` keeps what was measured, so that sizes can be measured one after the other.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks import corpus

SIZES = "1000000,3000000,10000000"
PER_FILE = 1_000_000
PER_VERDICT = 100
COMMANDS = {
    "screen": ["screen"],
    "draw": ["draw", "--from", "2026-01-01", "--to", "2026-02-28", "--quota", "2", "--pool", "0"],
}
STEPS = ("import", *COMMANDS, "trend")
GOAL_SLOPE, GOAL_MB = 1.05, 1536
FAR = 1_000_000_000


@dataclass(frozen=True)
class Figure:
    """One step at one size: CPU seconds of its processes, and the peak memory of the largest (MB)."""

    step: str
    messages: int
    cpu: float
    peak_mb: float


@dataclass(frozen=True)
class Line:
    """CPU over messages on logarithmic axes. `interval`: half width of the slope's; `far`: seconds for `FAR` messages
    with their 95 % prediction interval."""

    slope: float
    interval: float
    far: tuple[float, float, float]


def fit(figures: Sequence[Figure]) -> Line | None:
    """Least squares through log CPU; None below three sizes."""
    if len(figures) < 3:
        return None
    x, y = np.log([f.messages for f in figures]), np.log([f.cpu for f in figures])
    found = stats.linregress(x, y)
    n, at = len(x), math.log(FAR)
    t = float(stats.t.ppf(0.975, n - 2))
    rest = float(np.sqrt(np.sum((y - found.intercept - found.slope * x) ** 2) / (n - 2)))
    spread = float(np.sum((x - x.mean()) ** 2))
    half = t * rest * math.sqrt(1 + 1 / n + (at - float(x.mean())) ** 2 / spread)
    middle = float(found.intercept + found.slope * at)
    far = (math.exp(middle), math.exp(middle - half), math.exp(min(middle + half, 700)))
    return Line(float(found.slope), t * float(found.stderr), far)


def measure(messages: int, folder: Path) -> list[Figure]:
    """All steps for an archive of about `messages` messages, below `folder`."""
    home = folder / f"home-{messages}"
    shutil.rmtree(home, ignore_errors=True)
    spotcheck = ["-m", "qa.cli.main", "--home", str(home)]
    _run([*spotcheck, "init", "--admin", "root", "--password"], said="a-long-password-1\n")
    parts = max(round(messages / PER_FILE), 1)
    imports = [_imported(spotcheck, folder, messages // parts, number) for number in range(parts)]
    figures = [Figure("import", messages, sum(cpu for cpu, _ in imports), max(peak for _, peak in imports))]
    for step, arguments in COMMANDS.items():
        figures.append(Figure(step, messages, *_run([*spotcheck, *arguments])))
    shutil.rmtree(home)
    figures.append(
        Figure("trend", messages, *_run(["-m", "benchmarks.scale", "--trend", str(messages // PER_VERDICT)]))
    )
    return figures


def _imported(spotcheck: list[str], folder: Path, messages: int, number: int) -> tuple[float, float]:
    file = folder / f"part-{number}.csv"
    conversations = round(messages / corpus.ROWS_PER_CONVERSATION)
    make = (
        "from pathlib import Path; from benchmarks import corpus; "
        f"corpus.messages({conversations}, seed={number + 7}, first={number * conversations}).write_csv({str(file)!r})"
    )
    _run(["-c", make])  # in a process of its own, whose memory is none of the product's
    try:
        return _run([*spotcheck, "import", "--source", "bench", str(file)])
    finally:
        file.unlink()


def _run(arguments: list[str], said: str = "") -> tuple[float, float]:
    """CPU seconds and peak memory in MB of one process of this interpreter. Raises when it fails."""
    process = subprocess.Popen(
        [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert process.stdin is not None
    process.stdin.write(said)
    process.stdin.close()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def _trend(count: int) -> None:
    """A year's trend by team over `count` verdicts."""
    from benchmarks import trends
    from qa import migrations, reports
    from qa.config import Config
    from qa.policy import SYSTEM
    from qa.reports.scope import Scope
    from qa.workbench import Workbench

    with tempfile.TemporaryDirectory() as home:
        bench = Workbench.open(Config(home=Path(home)))
        migrations.upgrade(bench.db)
        trends.fill(bench, count)
        reports.trend(bench, SYSTEM, scope=Scope(), by="team")
        bench.close()


def _said(line: Line | None) -> str:
    if line is None:
        return "too few sizes"
    low, high = (f"{seconds / 3600:,.1f}" if seconds < 1e9 else "more than anyone waits" for seconds in line.far[1:])
    return (
        f"slope {line.slope:.2f} ± {line.interval:.2f}; {FAR:,} messages: {line.far[0] / 3600:,.1f} h ({low} to {high})"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", default=SIZES)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "spotcheck-scale")
    parser.add_argument("--figures", type=Path, help="file of lines that measurements are added to and read from")
    parser.add_argument("--trend", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.trend is not None:
        _trend(args.trend)
        return 0
    args.folder.mkdir(parents=True, exist_ok=True)
    kept = args.figures.read_text("utf-8").splitlines() if args.figures and args.figures.exists() else []
    figures = [Figure(**json.loads(line)) for line in kept]
    for size in (int(text) for text in args.messages.split(",") if text):
        for figure in measure(size, args.folder):
            print(
                f"{figure.step:8} {size:>13,} messages {figure.cpu:>9.1f} s CPU {figure.peak_mb:>7.0f} MB", flush=True
            )
            figures.append(figure)
            if args.figures:
                with args.figures.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps(asdict(figure)) + "\n")
    good = all(figure.peak_mb <= GOAL_MB for figure in figures)
    for step in STEPS:
        line = fit([figure for figure in figures if figure.step == step])
        print(f"{step:8} {_said(line)}")
        good &= line is None or line.slope <= GOAL_SLOPE
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
