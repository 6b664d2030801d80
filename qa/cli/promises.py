"""`promises`: the promise ledger as a table, as JSON or as a file."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output, write_file
from qa.cli.output import t as _
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa.promises import ledger
    from qa.reports import exporting
else:
    ledger, exporting = Later("qa.promises.ledger"), Later("qa.reports.exporting")

STATUSES = ("kept", "broken", "open", "unknown", "none")


def add(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("promises", help=_("what agents promised and what became of it"))
    parser.add_argument("--status", choices=STATUSES, default="", help=_("only promises of this status"))
    parser.add_argument("--days", type=int, default=90, help=_("made in the last so many days (default 90)"))
    parser.add_argument("--limit", type=int, default=20, help=_("how many to show, due today and broken first"))
    parser.add_argument("--file", type=Path, help=_("write all of them to this file: .csv, .xlsx or .jsonl"))
    parser.set_defaults(run=run)


def run(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Show the most urgent, or write all to a file."""
    bench, now = opener(), datetime.now(UTC)
    found = [
        row
        for row in ledger.rows(bench, SYSTEM, now=now, days=max(args.days, 1))
        if not args.status or row.promise.status.value == args.status
    ]
    frame = ledger.frame(found)
    if args.file is not None:
        form = args.file.suffix.lower().lstrip(".") or "csv"
        made = exporting.export(bench, SYSTEM, now=now, what="promises", frame=frame, form=form)
        write_file(args.file, made.content)
        out.say(_("The list was written to {file}.", file=args.file))
        out.json({"file": args.file})
        return 0
    shown = found[: max(args.limit, 0)]
    out.table(
        [_("Status"), _("Due"), _("Agent"), _("Said")],
        [
            (
                _(ledger.STATUS_NAMES[row.promise.status]),
                out.t.when(row.promise.due_at) if row.promise.due_at else "–",
                row.agent_name,
                row.text[:60],
            )
            for row in shown
        ],
    )
    out.say(_("{n} promises", n=out.t.number(len(found))))
    out.json({"total": len(found), "promises": frame.head(max(args.limit, 0)).to_dicts()})
    return 0
