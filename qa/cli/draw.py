"""`draw` and `verify-draw`: publish a draw from the command line, and draw it again to check its receipt."""

from __future__ import annotations

import argparse
import secrets
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output
from qa.cli.output import t as _
from qa.errors import Invalid, NotFound
from qa.i18n import N_
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa import draws
    from qa.draws import Period, PlanDesign
    from qa.workbench import Workbench
else:
    draws = Later("qa.draws")


def add(subparsers: Any) -> None:
    """Register both commands."""
    parser = subparsers.add_parser("draw", help=_("draw samples for a period and publish the receipt"))
    parser.add_argument("--plan", help=_("number or name of a stored plan; without it a plan is made from the options"))
    parser.add_argument("--from", dest="first", type=day, help=_("first day (YYYY-MM-DD); default: last month"))
    parser.add_argument("--to", dest="last", type=day, help=_("last day, included"))
    parser.add_argument("--quota", type=float, default=5.0, help=_("chats per agent (default 5)"))
    parser.add_argument("--all-disputes", action="store_true", help=_("take every dispute of the period as well"))
    parser.add_argument("--ratings", type=float, default=None, help=_("low ratings per agent"))
    parser.add_argument(
        "--pool", type=float, default=None, help=_("share for the riskiest chats, 0 to 0.4 (default: automatic)")
    )
    parser.add_argument(
        "--within",
        type=float,
        metavar="POINTS",
        help=_("as many chats as give every agent an interval of ± POINTS by the end of the month"),
    )
    parser.add_argument(
        "--find-below",
        type=float,
        metavar="POINTS",
        help=_("as many chats as find every agent truly POINTS below the team by the end of the month"),
    )
    parser.add_argument("--power", type=float, default=0.8, help=_("how likely such an agent is found (default 0.8)"))
    parser.add_argument("--preview", action="store_true", help=_("show what would be drawn and write nothing"))
    parser.set_defaults(run=run_draw)
    stop = subparsers.add_parser(
        "stop-draw", help=_("leave out of the queue what the goal of a draw does not need any more")
    )
    stop.add_argument("draw", type=int, help=_("number of the draw"))
    stop.add_argument("--look", action="store_true", help=_("only say how far it is"))
    stop.add_argument("--undo", action="store_true", help=_("put back what was left out"))
    stop.set_defaults(run=run_stop)
    check = subparsers.add_parser("verify-draw", help=_("draw again from a receipt and say whether it is equal"))
    check.add_argument("receipt", help=_("exported receipt (zip or JSON), or the number of a draw"))
    check.set_defaults(run=run_verify)


def run_draw(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Preview or publish a draw."""
    bench, now = opener(), datetime.now(UTC)
    period = _period(args, now.astimezone(bench.config.zone).date())
    stored = _stored(bench, args.plan) if args.plan else None
    design = stored.design if stored else _design(args)
    look = draws.preview(bench, SYSTEM, period=period, design=design)
    _show_preview(look, period, out)
    if args.preview:
        out.json(
            {
                "period": [period.first, period.last],
                "units": look.figures.units,
                "reviews": look.figures.reviews,
                "pool_share": look.resolved.pool_share,
                "expected_found": look.figures.expected_found,
                "team_width": look.figures.team_width,
                "shortages": look.figures.shortages,
                "goal": look.goal,
                "readings": look.figures.reviews + look.doubles,
            }
        )
        return 0
    plan = stored or draws.create_plan(
        bench,
        SYSTEM,
        now=now,
        name=_("Command line {first} – {last}", first=period.first, last=period.last),
        design=design,
        seed=secrets.token_hex(16),
    )
    done = draws.publish(
        bench,
        SYSTEM,
        now=now,
        plan_id=plan.id,
        period=period,
        nonce=secrets.token_hex(16),
        next_seed=secrets.token_hex(16),
        archive_version=look.resolved.archive_version,
        progress=lambda share, step: out.progress(share, out.t(step)),
    )
    out.say(
        _(
            "Draw {draw}: {samples} samples of {units} units, receipt {hash}",
            draw=done.draw_id,
            samples=done.samples,
            units=look.figures.units,
            hash=done.receipt_hash,
        )
    )
    if done.unassigned:
        out.note(_("{count} samples wait in the common queue: no inspector could take them.", count=done.unassigned))
    out.json({"plan": plan.id, "period": [period.first, period.last], "units": look.figures.units, **_plain(done)})
    return 0


def run_stop(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Leave out what is not needed any more, say how far the draw is, or put it back."""
    bench, now = opener(), datetime.now(UTC)
    far = draws.stopping(bench, SYSTEM, draw_id=args.draw, now=now)
    if far is None:
        raise Invalid(N_("Draw {draw} has no goal: its plan draws by number."), draw=args.draw)
    places = 0
    if args.undo:
        places = draws.put_back(bench, SYSTEM, now=now, draw_id=args.draw)
        out.say(_("{count} places are back in the queue.", count=places))
    elif not args.look:
        places = draws.leave_out(bench, SYSTEM, now=now, draw_id=args.draw)
        out.say(_("{count} places were left out of the queue.", count=places))
    out.say(_("{met} of {agents} agents have as many reviews as the goal takes.", met=far.met, agents=len(far.agents)))
    out.json({"draw": args.draw, "places": places, "met": far.met, "agents": far.agents})
    return 0


def run_verify(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Verify a receipt file, or a stored draw by its number. Exit code 0 equal, 1 different."""
    bench = opener()
    if args.receipt.isdecimal():
        result = draws.verify(bench, SYSTEM, draw_id=int(args.receipt))
    else:
        result = draws.verify(bench, SYSTEM, receipt=draws.receipt_from_file(Path(args.receipt)))
    if result.equal:
        out.say(
            _(
                "equal: {reviews} of {units} units, drawn again from archive and seed",
                reviews=result.reviews,
                units=result.units,
            )
        )
    else:
        out.say(_("different: {count} differences", count=len(result.differences)))
        out.table(
            [_("what"), _("subject"), _("receipt says"), _("drawn again")],
            [(d.what, d.subject, d.stated[:60], d.found[:60]) for d in result.differences[:50]],
        )
    if result.removed:
        out.say(
            _("Of its picks, text removed by retention: {n}. The draw was made again without it.", n=result.removed)
        )
    out.json(
        {
            "equal": result.equal, "units": result.units, "reviews": result.reviews, "removed": result.removed,
            "differences": result.differences,
        }
    )  # fmt: skip
    return 0 if result.equal else 1


def day(text: str) -> date:
    """A day given as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(_("expected a day as YYYY-MM-DD, found “{value}”", value=text)) from problem


def _period(args: argparse.Namespace, today: date) -> Period:
    if (args.first is None) != (args.last is None):
        raise Invalid(N_("Give both --from and --to, or neither for the last month."))
    if args.first is not None:
        return draws.Period(args.first, args.last)
    last = today.replace(day=1) - timedelta(days=1)
    return draws.Period(last.replace(day=1), last)


def _design(args: argparse.Namespace) -> PlanDesign:
    quotas = [draws.SourceQuota("chat", args.quota)]
    if args.all_disputes:
        quotas.append(draws.SourceQuota("dispute", None))
    if args.ratings is not None:
        quotas.append(draws.SourceQuota("rating", args.ratings))
    return replace(draws.PlanDesign(), quotas=tuple(quotas), pool_share=args.pool, goal=_goal(args))


def _goal(args: argparse.Namespace) -> draws.Goal | None:
    if args.within is not None and args.find_below is not None:
        raise Invalid(N_("Give either --within or --find-below."))
    if args.within is not None:
        return draws.design.goal("width", args.within)
    return draws.design.goal("below", args.find_below, args.power) if args.find_below is not None else None


def _stored(bench: Workbench, wanted: str) -> draws.PlanView:
    for plan in draws.list_plans(bench, SYSTEM):
        if wanted in (str(plan.id), plan.name):
            return plan
    raise NotFound(N_("There is no plan {plan}."), plan=wanted)


def _show_preview(look: draws.PlanPreview, period: Period, out: Output) -> None:
    figures, t = look.figures, out.t
    out.say(
        t(
            "{first} to {last}: {units} units, {reviews} reviews ({pool} certain), {doubles} scored twice",
            first=period.first,
            last=period.last,
            units=figures.units,
            reviews=figures.reviews,
            pool=figures.pool,
            doubles=look.doubles,
        )
    )
    if look.goal is not None:
        out.say(
            t(
                "The goal takes {reviews} random chats ({low} to {high} of an agent, {weekly} a week); {cost} readings"
                " in all.",
                reviews=look.goal.reviews,
                low=look.goal.low,
                high=look.goal.high,
                weekly=round(look.goal.weekly),
                cost=figures.reviews + look.doubles,
            )
        )
    for short in figures.shortages[:10]:
        out.note(
            t(
                "Shortage: agent {agent} has {available} of {wanted} ({source}).",
                agent=short.agent_id,
                available=short.available,
                wanted=short.wanted,
                source=short.source,
            )
        )


def _plain(done: draws.PublishedDraw) -> dict[str, Any]:
    return {
        "draw": done.draw_id,
        "samples": done.samples,
        "assignments": done.assignments,
        "unassigned": done.unassigned,
        "receipt_hash": done.receipt_hash,
    }
