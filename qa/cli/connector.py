"""`connector`: sources that conversations are fetched from, and fetching now."""

from __future__ import annotations

import argparse
import getpass
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output
from qa.cli.output import t as _
from qa.errors import Invalid
from qa.i18n import N_
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa import connectors
else:
    connectors = Later("qa.connectors")


def add(subparsers: Any) -> None:
    """Register the command and its actions."""
    parser = subparsers.add_parser("connector", help=_("sources that conversations are fetched from every night"))
    actions = parser.add_subparsers(dest="action", required=True, metavar=_("ACTION"))
    actions.add_parser("list", help=_("every source, and the kinds there are")).set_defaults(run=run_list)
    new = actions.add_parser("add", help=_("set up a source; its secret is asked for or read from standard input"))
    new.add_argument("name", help=_("name of the source"))
    new.add_argument("--kind", required=True, help=_("zendesk, chatwoot, or the path of a description in TOML"))
    new.add_argument("--source", required=True, help=_("short name of where the data comes from"))
    new.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help=_("a setting of the kind, like base=https://…")
    )
    new.add_argument("--days", type=int, default=30, help=_("how far back the first fetch goes (default 30)"))
    new.set_defaults(run=run_add)
    for name, text, function in (
        ("pause", _("fetch nothing more from a source"), run_pause),
        ("resume", _("fetch from a source again"), run_resume),
        ("fetch", _("fetch what is new now"), run_fetch),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("name", help=_("name of the source"))
        action.set_defaults(run=function)


def run_list(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Every source."""
    t, found = out.t, connectors.connectors(opener(), SYSTEM)
    out.table(
        [t("Name"), t("Kind"), t("Source"), t("State"), t("Place")],
        [[c.name, c.kind, c.source, t("paused") if c.paused else t("active"), c.cursor[:30]] for c in found],
    )
    out.say(t("Kinds: {known}", known=", ".join(connectors.SHIPPED)))
    out.json([asdict(one) for one in found])
    return 0


def run_add(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Set one up."""
    settings = {}
    for text in args.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise Invalid(N_("“{value}” must be written as NAME=VALUE."), value=text)
        settings[name.strip()] = value.strip()
    secret = getpass.getpass(_("Secret: ")) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    now = datetime.now(UTC)
    made = connectors.add(
        opener(), SYSTEM, now=now, name=args.name, source=args.source, kind=args.kind, settings=settings, secret=secret,
        since=now - timedelta(days=args.days),
    )  # fmt: skip
    out.say(out.t("Saved."))
    out.json(asdict(made))
    return 0


def run_pause(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Pause one."""
    connectors.pause(opener(), SYSTEM, args.name, now=datetime.now(UTC))
    return run_list(opener, args, out)


def run_resume(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Resume one."""
    connectors.resume(opener(), SYSTEM, args.name, now=datetime.now(UTC))
    return run_list(opener, args, out)


def run_fetch(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Fetch from one."""
    done = connectors.fetch(opener(), args.name, now=datetime.now(UTC))
    out.say(out.t("{new} new, {changed} changed conversations, {messages} messages", **_counts(done)))
    out.json({"name": done.name, "batches": done.batches, **_counts(done)})
    if done.error is not None:
        raise done.error
    return 0


def _counts(done: connectors.Fetched) -> dict[str, int]:
    return {"new": done.new, "changed": done.changed, "messages": done.messages, "left_out": done.left_out}
