"""`assess`: indicators from platforms' exports, and the month's sheets."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
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
    from qa.assessment import exports, facts, importing, presets, recomputing, results, schemes, sheets, validity, words
    from scoring import validity as links
else:
    exports, facts = Later("qa.assessment.exports"), Later("qa.assessment.facts")
    importing, presets = Later("qa.assessment.importing"), Later("qa.assessment.presets")
    recomputing, results = Later("qa.assessment.recomputing"), Later("qa.assessment.results")
    schemes, sheets = Later("qa.assessment.schemes"), Later("qa.assessment.sheets")
    validity, words = Later("qa.assessment.validity"), Later("qa.assessment.words")
    links = Later("scoring.validity")

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
    new = actions.add_parser("draft", help=_("draft the sheet of a month"))
    new.add_argument("month", help=_("the (last) month, like 2025-11"))
    new.add_argument("--pooled", action="store_true", help=_("three months that end with it, with grades"))
    new.set_defaults(run=_draft)
    actions.add_parser("sheets", help=_("all sheets")).set_defaults(run=_sheets)
    for name, run, text in (
        ("show", _show, _("everybody on a sheet")),
        ("publish", _publish, _("show a draft to the people on it")),
        ("final", _final, _("close a sheet after the time to object")),
        ("verify", _verify, _("compute a sheet again from its frozen inputs")),
    ):
        one = actions.add_parser(name, help=text)
        one.add_argument("id", type=int)
        one.set_defaults(run=run)
    scheme = actions.add_parser("scheme", help=_("store a scheme written as TOML as a new version"))
    scheme.add_argument("file", type=Path)
    scheme.set_defaults(run=_scheme)
    valid = actions.add_parser("validity", help=_("whether marks go with refunds, disputes, ratings and conversion"))
    valid.add_argument("--from", dest="first", type=date.fromisoformat, help=_("first day of the chats"))
    valid.add_argument("--to", dest="last", type=date.fromisoformat, help=_("last day of the chats"))
    valid.set_defaults(run=_validity)
    actions.add_parser("accounts", help=_("accounts of exports that are nobody's yet")).set_defaults(run=_accounts)


def _import(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    bench, now = opener(), datetime.now(UTC)
    asked = exports.ExportAnswers(
        sheet=args.sheet, shop=args.shop, first=args.first, last=args.last, twice=args.twice,
        fraction=None if args.rates is None else args.rates == "fraction",
    )  # fmt: skip
    if args.preset:
        known = {preset.id: preset for preset in presets.shipped()}
        if args.preset not in known:
            raise Invalid(
                N_("There is no preset “{preset}”. There are: {known}."), preset=args.preset, known=", ".join(known)
            )
        asked = replace(asked, preset=known[args.preset])
    if args.look:
        run, seen = None, importing.preview(bench, SYSTEM, now=now, path=args.file, asked=asked)
    else:
        run, seen = importing.commit(bench, SYSTEM, now=now, path=args.file, asked=asked)
    out.say(
        _(
            "{preset}: {new} new values, {same} as stored, {changed} changed.",
            preset=seen.reading.preset.label.pick(out.t.language),
            new=seen.new,
            same=seen.same,
            changed=seen.changed.height,
        )
    )
    for problem in seen.reading.problems[:SHOWN]:
        kind = exports.PROBLEMS[problem.code]
        where = _("row {row}", row=problem.row) if problem.row else _("the file")
        out.say(f"  {where}: {_(kind.text, field=problem.field, value=problem.value)} {_(kind.cure)}")
    if seen.unknown:
        out.say(_("Accounts that are nobody's yet: {accounts}", accounts=", ".join(seen.unknown[:SHOWN])))
    problems = [{"code": p.code, "row": p.row, "field": p.field, "value": p.value} for p in seen.reading.problems]
    out.json(
        {
            "import": run,
            "preset": seen.reading.preset.id,
            "new": seen.new,
            "same": seen.same,
            "changed": seen.changed.height,
            "problems": problems,
            "unknown": list(seen.unknown),
        }
    )
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
    out.json(
        [{"account": a.account, "shop": a.shop, "values": a.rows, "first": a.first, "last": a.last} for a in found]
    )
    return 0


def _draft(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    bench, now = opener(), datetime.now(UTC)
    try:
        month = date.fromisoformat(f"{args.month}-01")
    except ValueError as problem:
        raise Invalid(N_("“{value}” is no month; write it like 2025-11."), value=args.month) from problem
    schemes.load_default(bench, SYSTEM, now=now)
    number = sheets.draft(bench, SYSTEM, now=now, month=month, months=results.POOLED if args.pooled else 1)
    people = len(sheets.entries(bench, SYSTEM, number))
    out.say(_("Sheet {number} is drafted; people on it: {people}.", number=number, people=people))
    out.json({"id": number, "people": people})
    return 0


def _sheets(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    found = sheets.sheets(opener(), SYSTEM)
    out.table(
        [_("Number"), _("Month"), _("Months"), _("State"), _("People")],
        [(s.id, f"{s.month:%Y-%m}", s.months, _(words.STATES[s.state]), s.people) for s in found],
    )
    out.json(
        [
            {
                "id": s.id,
                "month": s.month,
                "months": s.months,
                "revision": s.revision,
                "state": s.state,
                "people": s.people,
            }
            for s in found
        ]
    )
    return 0


def _show(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    found = sheets.entries(opener(), SYSTEM, args.id)

    def points(one: sheets.Entry) -> str:
        r = one.result
        return "–" if r["total"] is None else f"{r['total']:.1f} [{r['low']:.1f}, {r['high']:.1f}]"

    out.table(
        [_("Agent"), _("Team"), _("Points scored"), _("Grade")],
        [(one.name, one.team, points(one), " / ".join(one.result["stated"] or ())) for one in found],
    )
    out.json([dict(one.result) for one in found])
    return 0


def _publish(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    sheets.publish(opener(), SYSTEM, now=datetime.now(UTC), number=args.id)
    out.say(_("Sheet {number} is published.", number=args.id))
    out.json({"id": args.id, "state": "published"})
    return 0


def _final(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    sheets.finalise(opener(), SYSTEM, now=datetime.now(UTC), number=args.id)
    out.say(_("Sheet {number} is final.", number=args.id))
    out.json({"id": args.id, "state": "final"})
    return 0


def _verify(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    wrong = recomputing.verify(opener(), SYSTEM, args.id)
    if wrong:
        out.say(_("Not as computed: {who}", who=", ".join(wrong)))
    else:
        out.say(_("Every figure follows from the frozen inputs."))
    out.json({"id": args.id, "wrong": list(wrong)})
    return 1 if wrong else 0


def _scheme(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    try:
        text = args.file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise Invalid(
            N_("The file {file} cannot be read: {reason}"), file=args.file.name, reason=str(problem)
        ) from problem
    number = schemes.save(opener(), SYSTEM, now=datetime.now(UTC), text=text)
    out.say(_("The scheme is stored as version {number} of all schemes.", number=number))
    out.json({"id": number})
    return 0


def _validity(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    from qa.reports.scope import Scope

    found = validity.figures(opener(), SYSTEM, scope=Scope(args.first, args.last))
    rows = [
        (
            _(validity.OUTCOME_NAMES[name]), found.labels[one.item].pick(out.t.language),
            validity.difference_text(out.t, one), f"{one.n_with} / {one.n}", validity.verdict_text(out.t, one),
        )
        for name, ones in links.by_outcome(found.links).items()
        for one in ones
    ]  # fmt: skip
    out.table(
        [_("Outcome"), _("What was marked"), _("Difference"), _("Marked / reviewed"), _("What can be said")], rows
    )
    out.json([asdict(one) for one in found.links])
    return 0
