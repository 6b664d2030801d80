"""`run`: do the long work that was asked for on the pages, in a process of its own."""

from __future__ import annotations

import argparse
import signal
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output
from qa.cli.output import t as _

if TYPE_CHECKING:
    from qa import jobs
    from qa.jobs import Worker
else:
    jobs = Later("qa.jobs")


def add(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("run", help=_("do the jobs asked for on the pages: imports, draws, backups …"))
    parser.add_argument("--once", action="store_true", help=_("end when nothing waits"))
    parser.set_defaults(run=run)


def run(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Work until interrupted, or with --once until nothing waits. What is under way then is given back."""
    worker = jobs.Worker(opener())
    _stop_on_signals(worker)
    if args.once:
        done = worker.run_waiting()
        out.say(_("{n} jobs done.", n=out.t.number(done)))
        out.json({"jobs": done})
        return 0
    out.say(_("Waiting for jobs (stop with Ctrl-C)"))
    worker.run()
    return 0


def _stop_on_signals(worker: Worker) -> None:
    def stop(number: int, frame: object) -> None:
        worker.end()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
