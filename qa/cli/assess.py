"""`assess`: indicators from platforms' exports, and the month's sheets."""

from __future__ import annotations

import argparse
from dataclasses import replace
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
    from qa.assessment import exports, facts, importing, presets
else:
    exports, facts, importing, presets = (
        Later(f"qa.assessment.{name}") for name in ("exports", "facts", "importing", "presets")
    )

SHOWN = 20


def add(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("assess", help=_("monthly assessment: indicators and sheets"))
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    one = actions.add_parser("import", help=_("bring in an export of indicators"))
    one.add_argument("file", type=Path)
    one.add_argument("--preset", default="", help=_("how to read it, where its columns do not tell"))
    one.add_argument("--sheet", default="", help=_("sheet of the workbook"))
    one.add_argument("--shop", default="", help=_("shop of rows that name none"))
    one.add_argument("--from", dest="first", type=date.fromisoformat, help=_("first day of a file that names no days"))
    one.add_argument("--to", dest="last", type=date.fromisoformat, help=_("last day of a file that names no days"))
    one.add_argument("--rates", choices=("percent", "fraction"), help=_("what rates without a sign are"))
    one.add_argument("--twice", choices=("first", "last", "sum"), default="", help=_("which of two values counts"))
    one.add_argument("--look", action="store_true", help=_("only say what it would come to"))
    one.set_defaults(run=_import)
    actions.add_parser("imports", help=_("past imports of indicators")).set_defaults(run=_imports)
    back = actions.add_parser("take-back", help=_("remove what an import brought"))
    back.add_argument("id", type=int)
    back.set_defaults(run=_take_back)
    actions.add_parser("accounts", help=_("accounts of exports that are nobody's yet")).set_defaults(run=_accounts)


def _import(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    bench, now = opener(), datetime.now(UTC)
    asked = exports.Asked(
        sheet=args.sheet, shop=args.shop, first=args.first, last=args.last, twice=args.twice,
        fraction=None if args.rates is None else args.rates == "fraction",
    )  # fmt: skip
    if args.preset:
        known = {preset.id: preset for preset in presets.shipped()}
        if args.preset not in known:
            raise Invalid(N_("There is no preset “{preset}”. There are: {known}."), preset=args.preset, known=", ".join(known))  # fmt: skip
        asked = replace(asked, preset=known[args.preset])
    if args.look:
        run, seen = None, importing.preview(bench, SYSTEM, now=now, path=args.file, asked=asked)
    else:
        run, seen = importing.commit(bench, SYSTEM, now=now, path=args.file, asked=asked)
    out.say(_("{preset}: {new} new values, {same} as stored, {changed} changed.", preset=seen.reading.preset.label.pick(out.t.language), new=seen.new, same=seen.same, changed=seen.changed.height))  # fmt: skip
    for problem in seen.reading.problems[:SHOWN]:
        kind = exports.PROBLEMS[problem.code]
        where = _("row {row}", row=problem.row) if problem.row else _("the file")
        out.say(f"  {where}: {_(kind.text, field=problem.field, value=problem.value)} {_(kind.cure)}")
    if seen.unknown:
        out.say(_("Accounts that are nobody's yet: {accounts}", accounts=", ".join(seen.unknown[:SHOWN])))
    problems = [{"code": p.code, "row": p.row, "field": p.field, "value": p.value} for p in seen.reading.problems]
    out.json({"import": run, "preset": seen.reading.preset.id, "new": seen.new, "same": seen.same, "changed": seen.changed.height, "problems": problems, "unknown": list(seen.unknown)})  # fmt: skip
    return 0


def _imports(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    found = importing.history(opener(), SYSTEM)
    out.table(
        [_("Number"), _("File name"), _("State"), _("When"), _("New")],
        [(r.id, r.file_name, r.state, out.t.when(r.started_at), r.counts.get("new", 0)) for r in found],
    )
    out.json([{"id": r.id, "file": r.file_name, "state": r.state, **r.counts} for r in found])
    return 0


def _take_back(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    gone = importing.take_back(opener(), SYSTEM, now=datetime.now(UTC), run_id=args.id)
    out.say(_("{n} values were taken back.", n=out.t.number(gone)))
    out.json({"values": gone})
    return 0


def _accounts(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    found = facts.unknown_accounts(opener())
    out.table(
        [_("Account"), _("Shop"), _("Values"), _("From"), _("Until")],
        [(a.account, a.shop or a.platform, a.rows, out.t.day(a.first), out.t.day(a.last)) for a in found],
    )
    out.json([{"account": a.account, "shop": a.shop, "values": a.rows, "first": a.first, "last": a.last} for a in found])  # fmt: skip
    return 0
