"""`bench`: how fast this machine does the bulk work, on generated data; nothing of the installation is touched."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output
from qa.cli.output import t as _
from qa.errors import Invalid
from qa.i18n import N_
from qa.policy import SYSTEM

if TYPE_CHECKING:
    import polars as pl

    from qa import workbench
    from qa.workbench import Workbench
else:
    pl, workbench = Later("polars"), Later("qa.workbench")


@dataclass(frozen=True)
class Timing:
    """One measured step."""

    step: str
    amount: int
    unit: str
    wall_seconds: float
    cpu_seconds: float


def add(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("bench", help=_("measure import, screening and drawing on this machine"))
    parser.add_argument("--scale", type=float, default=2.0, help=_("size: 1 is about 6,400 conversations (default 2)"))
    parser.set_defaults(run=run)


def run(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Measure in a throw-away installation."""
    if not 0 < args.scale <= 1_000:
        raise Invalid(N_("--scale: expected a number above 0 and up to 1000, found {value}."), value=args.scale)
    with tempfile.TemporaryDirectory(prefix="spotcheck-bench-") as folder:
        config = replace(opener.config, home=Path(folder), database_url="", archive_url="")
        bench = workbench.Workbench.open(config)
        try:
            timings = _measure(bench, args.scale, out)
        finally:
            bench.close()
    out.table(
        [_("Step"), _("Amount"), _("Wall s"), _("CPU s"), _("Per CPU second")],
        [
            (
                _(t.step),
                f"{out.t.number(t.amount)} {_(t.unit)}",
                out.t.number(t.wall_seconds, 2),
                out.t.number(t.cpu_seconds, 2),
                out.t.number(t.amount / max(t.cpu_seconds, 1e-6)),
            )
            for t in timings
        ],
    )
    out.json(timings)
    return 0


def _measure(bench: Workbench, scale: float, out: Output) -> list[Timing]:
    from qa import ingest, migrations, screening
    from qa.demo.generate import generate_parts
    from qa.demo.rows import SOURCE
    from qa.rules import versions
    from scoring.draw import permanent_numbers

    migrations.upgrade(bench.db)
    now = datetime.now(UTC)
    parts = list(generate_parts("bench", date(2026, 1, 4), scale))
    tables = {
        name: pl.concat([part.tables[name] for part in parts if part.tables[name].height]) for name in parts[0].tables
    }
    messages, conversations = tables["messages"].height, tables["conversations"]
    versions.load_defaults(bench, SYSTEM, now=now)
    timings = [
        _timed(
            out,
            0.2,
            N_("Import"),
            messages,
            N_("messages"),
            lambda: ingest.commit_frames(bench, SYSTEM, now=now, tables=tables, source=SOURCE, file_name="bench.jsonl"),
        ),
        _timed(out, 0.6, N_("Screening"), messages, N_("messages"), lambda: screening.screen(bench, SYSTEM, now=now)),
        _timed(
            out,
            0.9,
            N_("Permanent numbers of a draw"),
            conversations.height,
            N_("conversations"),
            lambda: permanent_numbers("bench", conversations["conversation_key"]),
        ),
    ]
    out.progress(1.0)
    return timings


def _timed(out: Output, share: float, step: str, amount: int, unit: str, work: Callable[[], object]) -> Timing:
    out.progress(share, out.t(step))
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Timing(step, amount, unit, time.perf_counter() - wall, time.process_time() - cpu)
