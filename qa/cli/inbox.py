"""`inbox`: folders that exports are dropped into; the night shift imports what is there."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output
from qa.cli.output import t as _
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa import inbox
else:
    inbox = Later("qa.inbox")


def add(subparsers: Any) -> None:
    """Register the command and its actions."""
    parser = subparsers.add_parser("inbox", help=_("folders that exports are dropped into, and taking what is there"))
    actions = parser.add_subparsers(dest="action", required=True, metavar=_("ACTION"))
    listing = actions.add_parser("list", help=_("every folder, where it is and what waits there"))
    listing.set_defaults(run=run_list)
    for name, text, function in (
        ("add", _("set up a folder"), run_add),
        ("set", _("read the files of a folder in another way"), run_set),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("name", help=_("name of the folder"))
        if name == "add":
            action.add_argument("--source", required=True, help=_("short name of where the data comes from"))
        action.add_argument("--kind", help=_("what the files hold (default: detected)"))
        action.add_argument("--preset", help=_("a known export format (default: detected)"))
        action.add_argument("--mapping", help=_("a saved column mapping"))
        action.add_argument("--silence", type=float, metavar="HOURS", help=_("how long a silence ends a chat"))
        action.set_defaults(run=function)
    gone = actions.add_parser("remove", help=_("look into a folder no more; its files stay"))
    gone.add_argument("name", help=_("name of the folder"))
    gone.set_defaults(run=run_remove)
    take = actions.add_parser("take", help=_("take what waits now"))
    take.set_defaults(run=run_take)


def run_list(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Every folder."""
    bench, t = opener(), out.t
    found = inbox.folders(bench, SYSTEM)
    out.table(
        [t("Folder"), t("Source"), t("Read as"), t("Waiting"), t("Set aside"), t("Place")],
        [
            [
                one.name,
                one.source,
                one.profile or one.preset or one.kind or t("as each file shows"),
                len(inbox.waiting(bench, one.name)),
                inbox.set_aside(bench, one.name),
                str(inbox.place(bench, one.name)),
            ]
            for one in found
        ],
    )
    out.json([{**asdict(one), "waiting": len(inbox.waiting(bench, one.name))} for one in found])
    return 0


def run_add(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Set one up."""
    folder = inbox.Folder(args.name, args.source, args.kind or "", args.preset or "", args.mapping or "", args.silence)
    made = inbox.add(opener(), SYSTEM, folder, now=_now())
    out.say(out.t("Drop files into {place}; the night shift takes them.", place=str(made)))
    out.json({**asdict(folder), "place": made})
    return 0


def run_set(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Change one."""
    bench = opener()
    now = inbox.find(bench, SYSTEM, args.name)
    given: dict[str, Any] = {
        "kind": args.kind, "preset": args.preset, "profile": args.mapping, "silence_hours": args.silence,
    }  # fmt: skip
    wanted = replace(now, **{name: value for name, value in given.items() if value is not None})
    inbox.change(bench, SYSTEM, wanted, now=_now())
    out.say(out.t("Saved."))
    out.json(asdict(wanted))
    return 0


def run_remove(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Forget one."""
    inbox.remove(opener(), SYSTEM, args.name, now=_now())
    out.say(out.t("Saved."))
    out.json({"removed": args.name})
    return 0


def run_take(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Take what waits. Exit code 2 when somebody should look at a file."""
    bench, t = opener(), out.t
    taken = inbox.take_in(bench, now=_now(), progress=out.progress)
    for one in taken:
        told = t.error(one.error) if one.error is not None else t(inbox.STATES[one.state])
        out.say(f"{one.folder}/{one.name}: {told}")
    for name, n in inbox.unknown_folders(bench):
        out.note(t("{folder}: {n} files in a folder that is not set up", folder=name, n=n))
    out.json(
        [
            {
                "folder": one.folder, "file": one.name, "state": one.state, "run_id": one.run_id,
                "counts": one.counts.to_dict() if one.counts else None, "error": str(one.error) if one.error else None,
            }
            for one in taken
        ]
    )  # fmt: skip
    return 2 if any(one.problem for one in taken) else 0


def _now() -> datetime:
    return datetime.now(UTC)
