"""`find`: conversations of the archive by words and filters, as a table or as a file."""

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
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa.conversations import finding, listing
    from qa.conversations.listing import Wanted
else:
    finding, listing = Later("qa.conversations.finding"), Later("qa.conversations.listing")

MOST = 200


def add(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "find", help=_("find conversations of the archive; personal data of customers is hidden, also from the search")
    )
    parser.add_argument("words", nargs="*", help=_("words that all have to occur; quote a phrase"))
    parser.add_argument("--order", default="", help=_("order number, as it is shown"))
    parser.add_argument("--customer", default="", help=_("customer, as shown"))
    parser.add_argument("--agent", default="", help=_("agent id"))
    parser.add_argument("--team", default="", help=_("team of the agent on that day"))
    parser.add_argument("--shop", default="", help=_("shop"))
    parser.add_argument("--channel", default="", help=_("channel"))
    parser.add_argument("--from", dest="first", type=day, help=_("first day (YYYY-MM-DD)"))
    parser.add_argument("--to", dest="last", type=day, help=_("last day, included"))
    parser.add_argument("--rule", default="", help=_("red line that was found in it; any or none"))
    parser.add_argument("--slow", default="", help=_("longest wait in seconds, at least; or unanswered"))
    parser.add_argument("--rating", default="", help=_("1 to 5, low (1 or 2) or none"))
    parser.add_argument("--drawn", choices=("yes", "no"), default="", help=_("whether it is in a sample"))
    parser.add_argument("--limit", type=int, default=20, help=_("how many to show, the newest first"))
    parser.add_argument("--file", type=Path, help=_("write all of them to this file: .csv, .xlsx or .jsonl"))
    parser.set_defaults(run=run)


def run(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Show the newest, or write all to a file."""
    bench, now = opener(), datetime.now(UTC)
    wanted = _wanted(args)
    if args.file is not None:
        form = args.file.suffix.lower().lstrip(".") or "csv"
        made = finding.export(
            bench, SYSTEM, wanted, now=now, form=form, labels={name: name for name in finding.EXPORTED}
        )
        write_file(args.file, made.content)
        out.say(_("The list was written to {file}.", file=args.file))
        out.json({"file": args.file})
        return 0
    found = finding.find(bench, SYSTEM, wanted, now=now, size=min(max(args.limit, 1), MOST))
    rows = [
        [out.t.when(row.started_at), row.agent_name, row.customer, row.snippet.text if row.snippet else row.first_line]
        for row in found.rows
    ]
    out.table([_("When"), _("Agent"), _("Customer"), _("Said")], rows)
    out.say(_("{n} conversations", n=out.t.number(found.total)))
    if not found.by_index and found.total:
        out.note(_("The search index is not up to date; the archive was read instead: slower, same answer."))
    out.json({"total": found.total, "by_index": found.by_index, "conversations": found.rows})
    return 0


def _wanted(args: argparse.Namespace) -> Wanted:
    query = " ".join(f'"{word}"' if " " in word else word for word in args.words)
    return listing.Wanted(
        query, args.order, args.customer, args.agent, args.team, args.shop, args.channel, args.first, args.last,
        args.rule, args.slow, args.rating, args.drawn,
    )  # fmt: skip
