"""`screen`: find suspected violations in the archive and open their case files."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output
from qa.cli.output import t as _
from qa.errors import Cancelled
from qa.i18n import N_
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa import predictors, screening
    from qa.redlines import opening
else:
    predictors, screening, opening = Later("qa.predictors"), Later("qa.screening"), Later("qa.redlines.opening")

STOPPED = N_("Screening was stopped. What is finished is kept; the next run goes on from there.")


def add(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("screen", help=_("screen what is new against the red lines and open case files"))
    parser.add_argument(
        "--rules-changed-only",
        action="store_true",
        help=_("only bring changed rules up to date; leave new imports for later"),
    )
    parser.add_argument("--cluster", default=None, help=_("address of a Dask scheduler, e.g. tcp://10.0.0.5:8786"))
    parser.add_argument("--batch", type=int, default=None, help=_("messages held in memory at a time"))
    parser.set_defaults(run=run)


def run(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Screen, then open what is suspected. Interrupting it loses nothing: the next run goes on."""
    bench, now = opener(), datetime.now(UTC)
    try:
        with interruptible() as interrupted:
            done = screening.screen(
                bench,
                SYSTEM,
                now=now,
                progress=lambda share, what: out.progress(share, _("{what} messages", what=what)),
                cancel=interrupted,
                rules_changed_only=args.rules_changed_only,
                batch=screening.BATCH if args.batch is None else max(args.batch, 1),
                cluster=args.cluster or bench.config.cluster or None,
            )
        if interrupted():
            raise Cancelled(STOPPED)
    except Cancelled:
        out.note(_(STOPPED))
        return 130
    predictors.score(bench, SYSTEM, now=now)  # what is new gets the risk of the model in use, when there is one
    files = opening.open_suspected(bench, SYSTEM, now=now)
    if not done.messages and not done.rules:
        out.say(_("Nothing new to screen."))
    elif not done.conversations:  # changed rules alone
        out.say(_("Screened {messages} messages: {hits} hits.", messages=done.messages, hits=done.hits))
    else:
        out.say(
            _(
                "Screened {messages} messages of {conversations} conversations: {hits} hits.",
                messages=done.messages,
                conversations=done.conversations,
                hits=done.hits,
            )
        )
    if done.rules:
        out.say(_("Rules screened again by themselves: {rules}", rules=", ".join(done.rules)))
    out.say(
        _(
            "Case files: {opened} opened, {again} found again, {withdrawn} no longer found.",
            opened=files.opened,
            again=files.found_again,
            withdrawn=files.withdrawn,
        )
    )
    out.json({"screened": done, "case_files": files})
    return 0


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Inside, the first Ctrl-C asks to stop after the part under way, so that it is kept; the second stops at once."""
    asked = False

    def ask(number: int, frame: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
