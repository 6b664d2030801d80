"""`promises`: the promise ledger as a table, as JSON or as a file."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output, write_file
from qa.cli.output import t as _
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa.casefiles import lifecycle
    from qa.i18n import Translator
    from qa.promises import ledger, tables
    from qa.redlines import promised
    from qa.reports import exporting
    from qa.workbench import Workbench
else:
    ledger, tables = Later("qa.promises.ledger"), Later("qa.promises.tables")
    exporting, promised = Later("qa.reports.exporting"), Later("qa.redlines.promised")
    lifecycle = Later("qa.casefiles.lifecycle")

STATUSES = ("kept", "broken", "open", "unknown", "none")


def add(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("promises", help=_("what agents promised and what became of it"))
    parser.add_argument("--status", choices=STATUSES, default="", help=_("only promises of this status"))
    parser.add_argument("--days", type=int, default=90, help=_("made in the last so many days (default 90)"))
    parser.add_argument("--limit", type=int, default=20, help=_("how many to show, due today and broken first"))
    parser.add_argument("--agents", action="store_true", help=_("each agent's share of broken promises instead"))
    parser.add_argument("--file", type=Path, help=_("write all of them to this file: .csv, .xlsx or .jsonl"))
    parser.set_defaults(run=run)


def run(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Show the most urgent, or write all to a file."""
    bench, now = opener(), datetime.now(UTC)
    found = ledger.read(bench, SYSTEM, now=now, days=max(args.days, 1)).where(ledger.LedgerFilter(status=args.status))
    if args.file is not None:
        form = args.file.suffix.lower().lstrip(".") or "csv"
        frame = tables.agents(bench, found) if args.agents else tables.promises(bench, SYSTEM, found)
        notes = (out.t(tables.METHOD),) if args.agents else tables.codes(out.t)
        made = exporting.export(bench, SYSTEM, now=now, what="promises", frame=frame, form=form, notes=notes)
        write_file(args.file, made.content)
        out.say(_("The list was written to {file}.", file=args.file))
        out.json({"file": args.file})
        return 0
    return _agents(bench, found, out) if args.agents else _list(bench, found, max(args.limit, 0), out)


def _list(bench: Workbench, found: ledger.Ledger, limit: int, out: Output) -> int:
    rows = ledger.page(bench, SYSTEM, found, limit=limit).rows
    files = promised.files_of(bench, SYSTEM, [row.promise for row in rows])
    out.table(
        [_("Status"), _("Due"), _("Agent"), _("Case file"), _("Said")],
        [
            (
                _(ledger.STATUS_NAMES[row.promise.status]),
                out.t.when(row.promise.due_at) if row.promise.due_at else "–",
                row.agent_name,
                ", ".join(f"{file.id} {_(lifecycle.STATE_NAMES[file.state])}" for file in files[row.promise.key])
                or "–",
                row.text[:60],
            )
            for row in rows
        ],
    )
    out.say(_("{n} promises", n=out.t.number(found.total)))
    first = replace(found, frame=found.frame.head(limit))
    told = [
        {**line, "case_files": [file.id for file in files[row.promise.key]]}
        for line, row in zip(tables.promises(bench, SYSTEM, first).to_dicts(), rows, strict=True)
    ]
    out.json({"total": found.total, "promises": told})
    return 0


def _agents(bench: Workbench, found: ledger.Ledger, out: Output) -> int:
    agents = ledger.by_agent(bench, found)
    out.table(
        [_("Agent"), _("Broken"), _("Kept"), _("Cannot tell"), _("Share broken")],
        [(one.agent_name, one.broken, one.kept, one.unknown, score_words(out.t, one)) for one in agents],
    )
    out.json({"agents": tables.agents(bench, found).to_dicts()})
    return 0


def score_words(t: Translator, one: ledger.AgentPromises) -> str:
    """`12.5% [0.3%, 52.7%] n = 8`: never the share alone."""
    if not one.n:
        return t("no figure, n = {n}", n=0)
    share, low, high = (f"{t.number(100 * value, 1)}%" for value in (one.broken / one.n, one.low, one.high))
    return f"{share} [{low}, {high}] n = {t.number(one.n)}"
