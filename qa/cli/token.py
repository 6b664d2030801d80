"""`token`: tokens with which programs call the HTTP API for an account."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output
from qa.cli.output import t as _
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa.people import accounts, tokens
else:
    accounts, tokens = Later("qa.people.accounts"), Later("qa.people.tokens")


def add(subparsers: Any) -> None:
    """Register the command and its actions."""
    parser = subparsers.add_parser("token", help=_("tokens with which programs call the HTTP API"))
    actions = parser.add_subparsers(dest="action", required=True, metavar=_("ACTION"))
    new = actions.add_parser("create", help=_("make a token for an account and print it once"))
    new.add_argument("login", help=_("account name"))
    new.add_argument("--name", required=True, help=_("what it is for"))
    new.add_argument(
        "--scope", action="append", required=True, metavar="SCOPE",
        help=_("what it may do: conversations, results, draws, violations, cases, import; can be repeated"),
    )  # fmt: skip
    new.add_argument("--days", type=int, default=90, help=_("how long it is good (default 90)"))
    new.set_defaults(run=run_create)
    listing = actions.add_parser("list", help=_("all tokens"))
    listing.set_defaults(run=run_list)
    end = actions.add_parser("revoke", help=_("end a token at once"))
    end.add_argument("token", type=int, help=_("number of the token"))
    end.set_defaults(run=run_revoke)


def run_create(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Make one."""
    bench = opener()
    user = accounts.find(bench, SYSTEM, login=args.login)
    made = tokens.create(bench, SYSTEM, now=_now(), user_id=user.id, name=args.name, scopes=args.scope, days=args.days)
    out.say(out.t("Token {number} for “{login}”, shown this once:", number=made.view.id, login=user.login))
    out.say(made.secret)
    out.json({"token": made.secret, **_plain(made.view)})
    return 0


def run_list(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """List all."""
    t, found, now = out.t, tokens.tokens(opener(), SYSTEM), _now()
    out.table(
        [t("No."), t("Account"), t("Name"), t("Begins with"), t("Scopes"), t("Until"), t("Last used"), t("State")],
        [
            [
                one.id, one.login, one.name, one.hint, " ".join(one.scopes), t.when(one.expires_at),
                t.when(one.used_at), t("active") if one.open(now) else t("ended"),
            ]
            for one in found
        ],
    )  # fmt: skip
    out.json([_plain(one) for one in found])
    return 0


def run_revoke(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """End one."""
    tokens.revoke(opener(), SYSTEM, args.token, now=_now())
    out.say(out.t("Token {number} has ended.", number=args.token))
    out.json({"revoked": args.token})
    return 0


def _plain(one: tokens.TokenView) -> dict[str, Any]:
    return {
        "id": one.id, "login": one.login, "name": one.name, "hint": one.hint, "scopes": one.scopes,
        "created_at": one.created_at, "expires_at": one.expires_at, "revoked_at": one.revoked_at,
        "used_at": one.used_at,
    }  # fmt: skip


def _now() -> datetime:
    return datetime.now(UTC)
