"""`coaching`: the coaching threads, read only: a list, or one in full with what has changed since."""

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
    from qa.coaching import following, threads
else:
    following, threads = Later("qa.coaching.following"), Later("qa.coaching.threads")


def add(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("coaching", help=_("coaching threads: notes, answers, and what has changed since"))
    parser.add_argument("thread", nargs="?", type=int, help=_("number of the thread to show in full"))
    parser.add_argument("--agent", default="", help=_("only threads with this agent (agent id)"))
    parser.set_defaults(run=run)


def run(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Show one thread, or all of them."""
    bench = opener()
    if args.thread is not None:
        thread = threads.get(bench, SYSTEM, args.thread)
        since = following.follow_up(bench, SYSTEM, thread.id, now=datetime.now(UTC))
        for line in thread.lines:
            out.say(f"{out.t.when(line.at)}  {line.by}: {line.body}")
        if since is not None:
            out.say(_("Before: {figure}", figure=_figure(out, since.before)))
            out.say(_("Since then: {figure}", figure=_figure(out, since.after)))
        out.json({"thread": thread, "since": since})
        return 0
    found = threads.threads(bench, SYSTEM, agent_id=args.agent)
    out.table(
        [_("Number"), _("Agent"), _("Since"), _("State")],
        [(one.id, one.agent_name, out.t.when(one.opened_at), _(threads.STATE_NAMES[one.state])) for one in found],
    )
    out.json({"threads": found})
    return 0


def _figure(out: Output, one: Any) -> str:
    value, low, high = ("–" if x is None else out.t.number(x, 2) for x in (one.value, one.low, one.high))
    return f"{value} [{low}, {high}] n = {out.t.number(one.n)}"
