"""`export`: verdicts or a trend as a file, with the inclusion probability of every row or the interval of every
figure."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.cli.draw import day
from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output, write_file
from qa.cli.output import t as _
from qa.errors import Invalid
from qa.i18n import N_
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa import draws, reports
    from qa.reports import exporting
    from qa.workbench import Workbench
else:
    draws, reports, exporting = Later("qa.draws"), Later("qa.reports"), Later("qa.reports.exporting")


GROUPS = ("all", "team", "shop", "channel", "agent")
BUCKETS = ("week", "month")


def add(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("export", help=_("write verdicts, a trend or a draw's receipt to a file"))
    parser.add_argument(
        "what",
        choices=("verdicts", "trend", "receipt"),
        help=_("single results, estimates over time, or the receipt of a draw with its script"),
    )
    parser.add_argument("file", type=Path, help=_("file to write: .csv, .xlsx or .jsonl; .zip for a receipt"))
    parser.add_argument("--draw", type=int, help=_("number of the draw whose receipt to write"))
    parser.add_argument("--from", dest="first", type=day, help=_("first day (YYYY-MM-DD)"))
    parser.add_argument("--to", dest="last", type=day, help=_("last day, included"))
    parser.add_argument("--source", choices=("chat", "dispute", "rating"), help=_("chats, disputes or low ratings"))
    parser.add_argument("--metric", default="total", help=_("what a trend shows: total, clean, redline, dim:…, cri:…"))
    parser.add_argument("--by", choices=GROUPS, default="team", help=_("what a trend is split by"))
    parser.add_argument("--bucket", choices=BUCKETS, default="week", help=_("length of a period"))
    parser.add_argument(
        "--estimator",
        metavar="VERSION",
        help=_("estimate as an earlier release did, to make a report of then again (a file names its version)"),
    )
    parser.set_defaults(run=run_export)


def run_export(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Write the file."""
    bench, now = opener(), datetime.now(UTC)
    if args.what == "receipt":
        return _receipt(bench, args, out, now)
    form = args.file.suffix.lower().lstrip(".") or "csv"
    if args.what == "verdicts":
        whole = args.first is None and args.last is None and args.source is None
        scope = None if whole else reports.Scope(args.first, args.last, args.source or "chat")
        rows = exporting.export_verdicts(bench, SYSTEM, now=now, path=args.file, form=form, scope=scope)
        out.say(_(exporting.WEIGHTS))
    else:
        trend = reports.trend(
            bench,
            SYSTEM,
            scope=reports.Scope(args.first, args.last, args.source or "chat"),
            metric=args.metric,
            by=args.by,
            bucket=args.bucket,
            **({"estimator": args.estimator} if args.estimator else {}),
        )
        what = f"trend-{args.metric}"
        made = exporting.export(
            bench, SYSTEM, now=now, what=what, frame=trend.frame, form=form, estimator=trend.estimator
        )
        write_file(args.file, made.content)
        rows = trend.frame.height
    out.say(_("{rows} rows written to {file}", rows=rows, file=args.file))
    out.json({"rows": rows, "file": args.file})
    return 0


def _receipt(bench: Workbench, args: argparse.Namespace, out: Output, now: datetime) -> int:
    if args.draw is None:
        raise Invalid(N_("Name the draw whose receipt to write: --draw NUMBER."))
    made = draws.export_receipt(bench, SYSTEM, now=now, draw_id=args.draw)
    write_file(args.file, made.content)
    out.say(_("Receipt, frame and script written to {file}", file=args.file))
    out.json({"draw": args.draw, "file": args.file})
    return 0
