"""`disputes`: what is to be settled, one dispute with the chats it can belong to, and settling it."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output, write_file
from qa.cli.output import t as _
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa.disputes import deadlines, listing, responsible, settling
    from qa.reports import disputes as reports
    from qa.reports import exporting
else:
    reports, exporting = Later("qa.reports.disputes"), Later("qa.reports.exporting")
    names = ("deadlines", "listing", "responsible", "settling")
    deadlines, listing, responsible, settling = (Later(f"qa.disputes.{name}") for name in names)

DATA, NONE = "data", "none"
GROUPS = ("agent", "team", "shop", "reason", "week")


def add(subparsers: Any) -> None:
    """Register the command and its actions."""
    parser = subparsers.add_parser("disputes", help=_("disputes: to settle, one case, who answers for it"))
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    every = actions.add_parser("list", help=_("disputes, those to be settled first"))
    every.add_argument("--todo", action="store_true", help=_("only those to be settled"))
    every.add_argument("--days", type=int, default=90, help=_("opened in the last so many days (default 90)"))
    every.add_argument("--limit", type=int, default=20, help=_("how many to show"))
    every.set_defaults(run=run_list)
    one = actions.add_parser("show", help=_("one dispute with the chats it can belong to"))
    one.add_argument("key", help=_("key of the dispute, as the list shows it"))
    one.set_defaults(run=run_show)
    settle = actions.add_parser("settle", help=_("say which chat a dispute belongs to and who answers for it"))
    settle.add_argument("key", help=_("key of the dispute, as the list shows it"))
    settle.add_argument("--chat", help=_("key of the chat; none: there is no chat; data: as the import found it"))
    settle.add_argument("--agent", help=_("who answers for it; none: nobody; data: by the rule"))
    settle.add_argument("--reason", required=True, help=_("why; kept on record"))
    settle.set_defaults(run=run_settle)
    mend = actions.add_parser("mend", help=_("move deadlines that an earlier release kept as closing times"))
    mend.add_argument("--look", action="store_true", help=_("only count them"))
    mend.set_defaults(run=run_mend)
    told = actions.add_parser(
        "figures", help=_("dispute rates, platform steps, cost and reasons, with exact intervals")
    )
    told.add_argument("--by", choices=GROUPS, default="agent", help=_("one row for each of these (default agent)"))
    told.add_argument(
        "--exposure", choices=("chats", "orders"), default="chats", help=_("what disputes are counted over")
    )
    told.add_argument("--days", type=int, default=56, help=_("the last so many days (default 56)"))
    told.add_argument("--file", type=Path, help=_("write the rows to this file: .csv, .xlsx or .jsonl"))
    told.set_defaults(run=run_figures)


def run_list(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """The list."""
    found = [
        row
        for row in listing.rows(opener(), SYSTEM, now=datetime.now(UTC), days=max(args.days, 1))
        if row.todo or not args.todo
    ]
    shown = found[: max(args.limit, 0)]
    out.table(
        [_("Dispute"), _("Opened"), _("To settle"), _("Answers for it"), _("Because")],
        [
            (
                row.key,
                out.t.when(row.opened_at),
                _(listing.STATES[row.todo]) if row.todo else "",
                row.agent_name or _("nobody"),
                _(responsible.REASONS[row.answers_by]) if row.answers_by else "–",
            )
            for row in shown
        ],
    )
    out.say(_("{n} disputes, {todo} to settle", n=len(found), todo=sum(bool(row.todo) for row in found)))
    out.json({"total": len(found), "disputes": [_plain(row) for row in shown]})
    return 0


def run_show(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """One dispute and its candidates."""
    bench = opener()
    row = listing.one(bench, SYSTEM, args.key)
    found = listing.candidates(bench, SYSTEM, args.key)
    out.say(f"{row.key} · {out.t.when(row.opened_at)} · {row.reason}")
    out.table(
        [_("Chat"), _("Begun"), _("Why"), _("Agents"), _("First line")],
        [
            (
                ("▸ " if each.conversation_key == row.conversation_key else "") + each.conversation_key,
                out.t.when(each.started_at) if each.started_at else "–",
                _(listing.WHY[each.why]),
                ", ".join(name for _agent, name in each.agents),
                each.first_line,
            )
            for each in found
        ],
    )
    out.json({"dispute": _plain(row), "candidates": [each.__dict__ for each in found]})
    return 0


def run_settle(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Settle one dispute."""
    made = settling.settle(
        opener(), SYSTEM, now=datetime.now(UTC), dispute_key=args.key, reason=args.reason,
        conversation_key=_value(args.chat), agent_id=_value(args.agent),
    )  # fmt: skip
    out.say(_("The dispute is settled.") if made.id else _("Nothing was changed: it stood so already."))
    if made.drawn and made.id:
        out.say(_("{n} samples drawn before keep what they were frozen with.", n=made.drawn))
    out.json({"settlement": made.id, "dispute": _plain(made.dispute), "drawn": made.drawn})
    return 0


def run_mend(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Move deadlines that an earlier release kept as closing times, or only count them."""
    bench = opener()
    found = deadlines.count(bench) if args.look else deadlines.mend(bench, SYSTEM, now=datetime.now(UTC))
    out.say(_("{n} disputes hold their deadline as a closing time", n=found) if args.look
            else _("{n} deadlines were moved", n=found))  # fmt: skip
    out.json({"disputes": found, "moved": not args.look})
    return 0


def run_figures(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Figures as a table, or all of it in a file."""
    bench, now = opener(), datetime.now(UTC)
    last = now.astimezone(bench.config.zone).date()
    from qa.reports.scope import Scope

    scope = Scope(last - timedelta(days=max(args.days, 1) - 1), last, "dispute")
    found = reports.figures(bench, SYSTEM, scope=scope, by=args.by, exposure=args.exposure)
    frame = reports.frame(found)
    if args.file is not None:
        form = args.file.suffix.lower().lstrip(".") or "csv"
        made = exporting.export(bench, SYSTEM, now=now, what="disputes", frame=frame, form=form)
        write_file(args.file, made.content)
        out.say(_("The list was written to {file}.", file=args.file))
        out.json({"file": args.file})
        return 0
    out.table(
        [
            _(reports.GROUPS[args.by]),
            _("Disputes"),
            _("per 100 {what}", what=_(reports.EXPOSURES[args.exposure])),
            _("Platform stepped in"),
            _("Ruled against the shop"),
        ],
        [
            (
                row.label or "–",
                row.own.disputes,
                _figure(out, row.rate, row.rate_of),
                _figure(out, row.stepped, row.stepped_of),
                _figure(out, row.against, row.against_of),
            )
            for row in (*found.rows, found.total)
        ],
    )
    for one in found.reasons[:8]:
        out.say(f"{one.reason or '–'}: {one.now}, {_figure(out, one.share, 'own')}")
    out.json(
        {"rows": frame.to_dicts(), "reasons": [each.__dict__ | {"share": each.share.value} for each in found.reasons]}
    )
    return 0


def _figure(out: Output, found: Any, of: str) -> str:
    if not found.known:
        return "–"
    low, value, high = (out.t.number(100 * x, 1) for x in (found.low, found.value, found.high))
    return f"{value} [{low}, {high}]" + ("" if of == "own" else f" ({_(reports.OF[of])})")


def _value(given: str | None) -> Any:
    return settling.KEEP if given is None else None if given == DATA else "" if given == NONE else given


def _plain(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row.__dict__.items() if name not in ("order_id", "customer")}
