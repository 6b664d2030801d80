"""`user`: accounts from the command line, for the owner of the machine."""

from __future__ import annotations

import argparse
import getpass
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output
from qa.cli.output import t as _
from qa.config import Config
from qa.errors import Invalid
from qa.i18n import LANGUAGES, N_
from qa.policy import ROLE_NAMES, SYSTEM, Role

if TYPE_CHECKING:
    from qa.people import accounts, signins
    from qa.web import listening
    from qa.workbench import Workbench
else:
    listening = Later("qa.web.listening")
    accounts, signins = Later("qa.people.accounts"), Later("qa.people.signins")


def add(subparsers: Any) -> None:
    """Register the command and its actions."""
    parser = subparsers.add_parser(
        "user", help=_("add, list, disable and enable accounts; passwords and sign-in links")
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar=_("ACTION"))
    new = actions.add_parser("add", help=_("create an account and print its sign-in link"))
    new.add_argument("login", help=_("account name"))
    new.add_argument("--role", required=True, choices=[role.value for role in Role], help=_("what the person does"))
    new.add_argument("--name", default="", help=_("name shown to others"))
    new.add_argument("--agent", help=_("id in the roster, when the person is (also) an agent"))
    new.add_argument("--team", help=_("home team; for a team leader the team that is led"))
    new.add_argument("--language", choices=LANGUAGES, help=_("language, instead of the browser's"))
    new.add_argument("--password", action="store_true", help=_("ask for a password instead of printing a link"))
    new.set_defaults(run=run_add)
    listing = actions.add_parser("list", help=_("all accounts"))
    listing.set_defaults(run=run_list)
    for name, text, function in (
        ("disable", _("lock an account and end its sign-ins"), run_disable),
        ("enable", _("unlock an account"), run_enable),
        ("password", _("set a password, asked for or read from standard input"), run_password),
        ("link", _("print a one-time sign-in link"), run_link),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("login", help=_("account name"))
        action.set_defaults(run=function)


def link(config: Config, token: str) -> str:
    """The address of a one-time sign-in link, at the server that runs or by the settings."""
    return f"{listening.known(config)}/login/link?token={token}"


def run_add(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Create an account."""
    bench, now = opener(), _now()
    password = ask_password(out) if args.password else None
    account = accounts.create_user(
        bench,
        SYSTEM,
        now=now,
        login=args.login,
        role=Role(args.role),
        display_name=args.name,
        password=password,
        agent_id=args.agent,
        home_team=args.team,
        language=args.language,
    )
    url = None if password else link(bench.config, signins.new_link(bench, SYSTEM, account.id, now=now))
    out.say(out.t("Account “{login}” created ({role}).", login=account.login, role=out.t(ROLE_NAMES[account.role])))
    if url:
        out.say(out.t("Sign in once within {hours} hours: {url}", hours=signins.LINK_HOURS, url=url))
    out.json({"account": account, "link": url})
    return 0


def run_list(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """List all accounts."""
    found = accounts.users(opener(), SYSTEM)
    out.table(
        [out.t("Account"), out.t("Name"), out.t("Role"), out.t("Agent id"), out.t("State")],
        [
            [
                a.login,
                a.display_name,
                out.t(ROLE_NAMES[a.role]),
                a.agent_id,
                out.t("active") if a.active else out.t("disabled"),
            ]
            for a in found
        ],
    )
    out.json(found)
    return 0


def run_disable(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Lock an account."""
    bench = opener()
    account = accounts.disable_user(bench, SYSTEM, _id(bench, args.login), now=_now())
    out.say(out.t("Account “{login}” is disabled; its sign-ins have ended.", login=account.login))
    out.json(account)
    return 0


def run_enable(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Unlock an account."""
    bench = opener()
    account = accounts.enable_user(bench, SYSTEM, _id(bench, args.login), now=_now())
    out.say(out.t("Account “{login}” is active.", login=account.login))
    out.json(account)
    return 0


def run_password(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Set a password."""
    bench = opener()
    user_id = _id(bench, args.login)
    accounts.set_password(bench, SYSTEM, user_id, ask_password(out), now=_now())
    out.say(out.t("The password of “{login}” is set; its sign-ins have ended.", login=args.login))
    out.json({"login": args.login})
    return 0


def run_link(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Print a one-time link."""
    bench = opener()
    url = link(bench.config, signins.new_link(bench, SYSTEM, _id(bench, args.login), now=_now()))
    out.say(out.t("Sign in once within {hours} hours: {url}", hours=signins.LINK_HOURS, url=url))
    out.json({"login": args.login, "link": url})
    return 0


def _id(bench: Workbench, login: str) -> int:
    return accounts.find(bench, SYSTEM, login=login).id


def _now() -> datetime:
    return datetime.now(UTC)


def ask_password(out: Output) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass(out.t("Password: "))
    if first != getpass.getpass(out.t("Again: ")):
        raise Invalid(N_("The two passwords differ."))
    return first
