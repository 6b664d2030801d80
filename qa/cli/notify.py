"""`notify`: channels that are told what happens, what they were told, and telling a program again."""

from __future__ import annotations

import argparse
import getpass
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output
from qa.cli.output import t as _
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa import notify
    from qa.people import accounts
else:
    notify, accounts = Later("qa.notify"), Later("qa.people.accounts")

KINDS = ("dingtalk", "feishu", "wecom", "mail", "webhook")


def add(subparsers: Any) -> None:
    """Register the command and its actions."""
    parser = subparsers.add_parser("notify", help=_("robots of chat groups, mail and webhooks: who is told what"))
    actions = parser.add_subparsers(dest="action", required=True, metavar=_("ACTION"))
    actions.add_parser("list", help=_("every channel")).set_defaults(run=run_list)
    new = actions.add_parser("add", help=_("set up a channel; its address is asked for or read from standard input"))
    new.add_argument("name", help=_("name of the channel"))
    new.add_argument("--kind", required=True, choices=KINDS, help=_("what kind of place it is"))
    new.add_argument("--event", action="append", required=True, help=_("what is told; can be repeated"))
    new.add_argument("--login", help=_("only what concerns this account (default: a group)"))
    new.add_argument("--digest", action="store_true", help=_("one message a night"))
    new.add_argument("--quiet", default="", metavar="HH:MM-HH:MM", help=_("hours in which nothing is sent"))
    new.set_defaults(run=run_add)
    for name, text, function in (
        ("pause", _("tell a channel nothing more"), run_pause),
        ("resume", _("tell a channel again"), run_resume),
        ("test", _("send a line to a channel at once"), run_test),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("channel", type=int, help=_("number of the channel"))
        action.set_defaults(run=function)
    actions.add_parser("log", help=_("what was told, and how it went")).set_defaults(run=run_log)
    again = actions.add_parser("replay", help=_("tell a webhook notices again, in their order"))
    again.add_argument("channel", type=int, help=_("number of the channel"))
    again.add_argument("first", type=int, help=_("first notice"))
    again.add_argument("last", type=int, help=_("last notice"))
    again.set_defaults(run=run_replay)


def run_list(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Every channel."""
    t, found = out.t, notify.channels(opener(), SYSTEM)
    out.table(
        [t("No."), t("Name"), t("Kind"), t("Events"), t("State")],
        [
            [c.id, c.name, t(notify.KINDS[c.kind]), " ".join(c.events), t("paused") if c.paused else t("active")]
            for c in found
        ],
    )
    out.json([asdict(one) for one in found])
    return 0


def run_add(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Set one up."""
    bench = opener()
    user = accounts.find(bench, SYSTEM, login=args.login).id if args.login else None
    first, _dash, last = args.quiet.partition("-")
    channel = notify.Channel(
        args.name, args.kind, _address(out), tuple(args.event), user, args.digest, first, last, out.t.language
    )
    number = notify.add(bench, SYSTEM, channel, now=_now())
    out.say(out.t("Channel {number} is set up.", number=number))
    out.json({"channel": number})
    return 0


def run_pause(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Pause one."""
    notify.pause(opener(), SYSTEM, args.channel, now=_now())
    return run_list(opener, args, out)


def run_resume(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Resume one."""
    notify.resume(opener(), SYSTEM, args.channel, now=_now())
    return run_list(opener, args, out)


def run_test(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Try one."""
    notify.test(opener(), SYSTEM, args.channel, now=_now())
    out.say(out.t("It was taken."))
    out.json({"channel": args.channel, "taken": True})
    return 0


def run_log(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """What was told."""
    t, found = out.t, notify.log(opener(), SYSTEM)
    out.table(
        [t("No."), t("When"), t("Channel"), t("Event"), t("State"), t("Attempts"), t("Reason")],
        [[n.id, t.when(n.at), n.channel, n.event, t(notify.STATES[n.state]), n.attempts, n.error] for n in found],
    )
    out.json([asdict(one) for one in found])
    return 0


def run_replay(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Tell again."""
    n = notify.replay(opener(), SYSTEM, args.channel, args.first, args.last, now=_now())
    out.say(out.t("Notices to be told again: {n}", n=n))
    out.json({"notices": n})
    return 0


def _address(out: Output) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return getpass.getpass(out.t("Address, with its secret: "))


def _now() -> datetime:
    return datetime.now(UTC)
