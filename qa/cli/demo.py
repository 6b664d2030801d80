"""`demo`: generated data with known truth, one sign-in link per role, and (with --serve) the server."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qa.cli.main import Opener
from qa.cli.output import Output
from qa.cli.output import t as _
from qa.errors import Invalid
from qa.i18n import N_
from qa.policy import ROLE_NAMES, SYSTEM, Role

if TYPE_CHECKING:
    from qa.workbench import Workbench


@dataclass(frozen=True)
class Link:
    """A one-time sign-in link for a demo account."""

    role: str
    login: str
    address: str


def add(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("demo", help=_("load generated demo data; with --serve open the workbench"))
    parser.add_argument(
        "--scale", type=float, default=1.0, help=_("size: 1 is about 6,400 conversations (default), 1000 is millions")
    )
    parser.add_argument("--seed", default="spotcheck-demo", help=_("another seed gives another shop"))
    parser.add_argument("--serve", action="store_true", help=_("start the server afterwards"))
    parser.add_argument("--host", help=_("address to listen on (default: this machine only)"))
    parser.add_argument("--port", type=int, help=_("port to listen on"))
    parser.set_defaults(run=run)


def run(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Load (or go on loading, or find loaded) the demo and print its sign-in links."""
    if not 0 < args.scale <= 10_000:
        raise Invalid(N_("--scale: expected a number above 0 and up to 10000, found {value}."), value=args.scale)
    opener.config = replace(
        opener.config, demo=True, host=args.host or opener.config.host, port=args.port or opener.config.port
    )
    bench = opener(create=True)
    _load(bench, args, out)
    if args.serve:
        return _serve(bench, out)
    _show(out, bench, links(bench))
    out.say()
    out.say(out.t("Start the server with “spotcheck demo --serve”: links are made anew each time."))
    return 0


def _load(bench: Workbench, args: argparse.Namespace, out: Output) -> None:
    from qa.demo.load import is_loaded, load

    if is_loaded(bench):
        return
    out.say(out.t("Loading demo data into {home} …", home=str(bench.config.home)))
    loaded = load(
        bench,
        now=datetime.now(UTC),
        seed=args.seed,
        scale=args.scale,
        progress=lambda share, what: out.progress(share, out.t(what)),
    )
    out.say(
        out.t(
            "{conversations} conversations, {messages} messages, {hits} red-line hits, {draws} draws, {inspections}"
            " inspections, {cases} cases.",
            conversations=out.t.number(loaded.conversations),
            messages=out.t.number(loaded.messages),
            hits=out.t.number(loaded.hits),
            draws=loaded.draws,
            inspections=out.t.number(loaded.inspections),
            cases=loaded.cases,
        )
    )


def links(bench: Workbench) -> list[Link]:
    """A fresh one-time link per role, for the address the server listens on."""
    from qa.demo.people import ADMIN, AGENT, LEAD
    from qa.people import accounts, signins
    from qa.web import listening

    wanted = ((Role.INSPECTOR, "inspector"), (Role.LEAD, LEAD), (Role.AGENT, AGENT), (Role.ADMIN, ADMIN))
    now = datetime.now(UTC)
    made = []
    for role, login in wanted:
        token = signins.new_link(bench, SYSTEM, accounts.find(bench, SYSTEM, login=login).id, now=now)
        made.append(Link(role.value, login, f"{listening.known(bench.config)}/login/link?token={token}"))
    return made


def _show(out: Output, bench: Workbench, made: list[Link]) -> None:
    out.say()
    out.say(out.t("Sign in (each link works once, in demo mode only):"))
    for link in made:
        out.say(f"  {out.t(ROLE_NAMES[Role(link.role)]):<12}{link.address}")
    out.json({"home": str(bench.config.home), "links": made})


def _serve(bench: Workbench, out: Output) -> int:
    from qa.web import listening, server

    def started() -> None:
        _show(out, bench, links(bench))
        out.say()
        out.say(out.t("Spotcheck is ready at {address} (stop with Ctrl-C)", address=listening.address(bench.config)))
        sys.stdout.flush()

    server.serve(bench, started=started)
    return 0
