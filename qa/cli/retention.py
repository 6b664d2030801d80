"""`retention` and `forget`: removing customers' text by policy, or all of one customer."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output
from qa.cli.output import t as _
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa import retention
    from qa.retention import Matter, RemovalDone, RemovalPreview
else:
    retention = Later("qa.retention")


def add(subparsers: Any) -> None:
    """Register the commands."""
    parser = subparsers.add_parser("retention", help=_("how long customers' text is kept, and removing what is older"))
    actions = parser.add_subparsers(dest="action", required=True, metavar=_("ACTION"))
    listing = actions.add_parser("list", help=_("the policy of every source, and what it would remove now"))
    listing.set_defaults(run=run_list)
    change = actions.add_parser("set", help=_("keep the text of a source for so many days"))
    change.add_argument("source", help=_("source of the conversations"))
    change.add_argument("days", help=_("days to keep, or “forever”"))
    change.set_defaults(run=run_set)
    apply = actions.add_parser("apply", help=_("remove what is older than its policy, and finish what was interrupted"))
    apply.add_argument("--reason", required=True, help=_("why, for the audit trail"))
    apply.set_defaults(run=run_apply)
    forget = subparsers.add_parser("forget", help=_("remove the text of one customer who asked for it"))
    forget.add_argument("--source", required=True, help=_("source of the conversations"))
    forget.add_argument("--customer", required=True, help=_("the customer's id in that source"))
    forget.add_argument("--reason", required=True, help=_("why, for the audit trail"))
    forget.add_argument("--yes", action="store_true", help=_("remove; without it only say what would go"))
    forget.set_defaults(run=run_forget)


def run_list(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Policies with what they would remove."""
    bench, now = opener(), datetime.now(UTC)
    rows: list[tuple[str, int | None, int]] = []
    for one in retention.policies(bench, SYSTEM):
        due = 0
        if one.days is not None:
            due = retention.preview(bench, SYSTEM, retention.Matter.older_than(one.source, one.days, now)).conversations
        rows.append((one.source, one.days, due))
    t = out.t
    out.table(
        [t("Source"), t("Days kept"), t("Conversations older")],
        [[source, t("for ever") if days is None else str(days), str(due)] for source, days, due in rows],
    )
    for late in retention.unfinished(bench, SYSTEM):
        out.note(
            t("Removal {number} was interrupted: “spotcheck retention apply” finishes it.", number=late.removal_id)
        )
    out.json([{"source": source, "days": days, "conversations": due} for source, days, due in rows])
    return 0


def run_set(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Change a policy."""
    days = None if args.days in ("forever", "for ever", "永久") else _number(args.days)
    retention.set_policy(opener(), SYSTEM, now=datetime.now(UTC), source=args.source, days=days)
    out.say(out.t("Saved."))
    out.json({"source": args.source, "days": days})
    return 0


def run_apply(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Remove by policy."""
    done = retention.apply_policies(opener(), SYSTEM, now=datetime.now(UTC), reason=args.reason)
    if not done:
        out.say(out.t("Nothing is older than its policy."))
    for one in done:
        _told(out, one)
    out.json([asdict(one) for one in done])
    return 0


def run_forget(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Remove one customer."""
    bench, now = opener(), datetime.now(UTC)
    matter: Matter = retention.Matter(args.source, customer=args.customer)
    found = retention.preview(bench, SYSTEM, matter)
    if found.nothing:
        out.say(out.t("The archive holds nothing of this customer."))
        out.json({"removed": None})
        return 0
    _previewed(out, found)
    if not args.yes:
        out.say(out.t("Nothing was removed. Add --yes to remove it."))
        out.json(asdict(found))
        return 0
    done = retention.run(
        bench, SYSTEM, retention.begin(bench, SYSTEM, now=now, matter=matter, reason=args.reason), now=now
    )
    _told(out, done)
    out.json(asdict(done))
    return 0


def _previewed(out: Output, found: RemovalPreview) -> None:
    out.say(
        out.t(
            "Conversations: {chats}, disputes: {disputes}, ratings: {ratings}, messages: {messages}, frozen "
            "transcripts: {texts}, case files: {files}, cases: {cases}; draws that picked from them: {draws}.",
            chats=found.conversations,
            disputes=found.disputes,
            ratings=found.ratings,
            messages=found.messages,
            texts=found.transcripts,
            files=found.case_files,
            cases=found.cases,
            draws=found.draws,
        )
    )


def _told(out: Output, done: RemovalDone) -> None:
    out.say(
        out.t(
            "Removal {number}: units {units}, frozen transcripts {texts}, files {files}. Scores and receipts stay.",
            number=done.removal_id, units=done.units, texts=done.transcripts, files=done.files,
        )
    )  # fmt: skip
    if done.backups:
        out.say(
            out.t("These backups still hold the text; delete them when you may: {names}", names=", ".join(done.backups))
        )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else -1
