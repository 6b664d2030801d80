"""`roster`: who is on it, other accounts of a person, and two accounts made one."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output
from qa.cli.output import t as _
from qa.errors import Invalid
from qa.i18n import N_
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa import ingest
    from qa.ingest import Merge
    from qa.people import aliases, roster
else:
    ingest, aliases, roster = Later("qa.ingest"), Later("qa.people.aliases"), Later("qa.people.roster")


def add(subparsers: Any) -> None:
    """Register the command and its actions."""
    parser = subparsers.add_parser("roster", help=_("who is inspected: list, change, other accounts, merge"))
    actions = parser.add_subparsers(dest="action", required=True, metavar=_("ACTION"))
    listing = actions.add_parser("list", help=_("everybody on the roster, with their other accounts"))
    listing.set_defaults(run=run_list)
    change = actions.add_parser("set", help=_("change name, team, shop or stage, from a day on"))
    change.add_argument("agent", help=_("id in the roster"))
    for name in ("name", "team", "shop", "stage"):
        change.add_argument(f"--{name}", default=None)
    change.add_argument("--from", dest="from_day", default="", metavar="DAY", help=_("first day, like 2026-03-01"))
    change.set_defaults(run=run_set)
    alias = actions.add_parser("alias", help=_("say that an account is a person's, from one day to another"))
    alias.add_argument("account", help=_("the other account, as exports write it"))
    alias.add_argument("agent", help=_("id in the roster"))
    alias.add_argument("--from", dest="from_day", default="", metavar="DAY", help=_("first day, like 2026-03-01"))
    alias.add_argument("--until", default="", metavar="DAY", help=_("last day"))
    alias.set_defaults(run=run_alias)
    part = actions.add_parser("unalias", help=_("forget whose an account is"))
    part.add_argument("account", help=_("the other account, as exports write it"))
    part.set_defaults(run=run_unalias)
    merging = actions.add_parser("merge", help=_("make an account a person's, also for what was imported"))
    merging.add_argument("account", help=_("the other account, as exports write it"))
    merging.add_argument("agent", help=_("id in the roster"))
    merging.add_argument("--dry-run", action="store_true", help=_("only say what would happen"))
    merging.set_defaults(run=run_merge)
    undo = actions.add_parser("unmerge", help=_("take a merge back"))
    undo.add_argument("merge", type=int, metavar="MERGE", help=_("number of the merge (see “spotcheck imports”)"))
    undo.set_defaults(run=run_unmerge)


def run_list(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """The roster."""
    bench, t = opener(), out.t
    others: dict[str, list[str]] = {}
    for alias in aliases.aliases(bench, SYSTEM):
        others.setdefault(alias.agent_id, []).append(_span(alias))
    people = roster.roster(bench, SYSTEM)
    out.table(
        [t("Agent id"), t("Name"), t("Team"), t("Shop"), t("Other accounts")],
        [[p.agent_id, p.name, p.team, p.shop, "; ".join(others.get(p.agent_id, []))] for p in people],
    )
    alike = aliases.alike([p.agent_id for p in people])
    for group in alike:
        out.say(t("Perhaps one person: {accounts}", accounts=", ".join(group)))
    out.json(
        {
            "agents": [{**_plain(p), "aliases": others.get(p.agent_id, [])} for p in people],
            "alike": [list(group) for group in alike],
        }
    )
    return 0


def run_set(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Change fields of one agent."""
    values = {n: getattr(args, n) for n in ("name", "team", "shop", "stage") if getattr(args, n) is not None}
    changed = roster.change_agent(
        opener(), SYSTEM, now=datetime.now(UTC), agent_id=args.agent, values=values, from_day=_day(args.from_day)
    )
    out.say(out.t("Saved.") if changed else out.t("Nothing was changed."))
    out.json({"agent": args.agent, "changed": changed})
    return 0


def run_alias(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Say whose an account is."""
    alias = aliases.Alias(args.account, args.agent, _day(args.from_day), _day(args.until))
    aliases.add_alias(opener(), SYSTEM, now=datetime.now(UTC), alias=alias)
    out.say(
        out.t("“{account}” is {agent} in what is imported from now on.", account=_span(alias), agent=alias.agent_id)
    )
    out.json(aliases.facts(alias) | {"agent": alias.agent_id})
    return 0


def run_unalias(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Forget whose an account is."""
    spans = aliases.remove_alias(opener(), SYSTEM, now=datetime.now(UTC), account=args.account)
    out.say(out.t("“{account}” is an account of its own again.", account=args.account))
    out.json({"account": args.account, "spans": spans})
    return 0


def run_merge(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Merge, or with `--dry-run` say what would change."""
    bench = opener()
    if args.dry_run:
        seen = ingest.merge_preview(bench, SYSTEM, account=args.account, agent_id=args.agent)
    else:
        seen = ingest.merge(bench, SYSTEM, now=datetime.now(UTC), account=args.account, agent_id=args.agent)
    _tell(out, seen)
    if args.dry_run:
        out.say(out.t("Nothing was written (dry run)."))
    out.json({"account": args.account, "agent": args.agent, "dry_run": args.dry_run, **seen.to_dict()})
    return 0


def run_unmerge(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Take a merge back."""
    seen = ingest.undo_merge(opener(), SYSTEM, now=datetime.now(UTC), run_id=args.merge)
    _tell(out, seen)
    out.json({"merge": args.merge, **seen.to_dict()})
    return 0


def _tell(out: Output, seen: Merge) -> None:
    facts = {name: out.t.number(value) for name, value in seen.to_dict().items()}
    out.say(
        out.t(
            "{conversations} conversations, {messages} messages, {disputes} disputes and {ratings} ratings change "
            "hands.",
            **facts,
        )
    )
    if seen.samples or seen.case_files:
        out.say(
            out.t(
                "{samples} drawn samples and {case_files} case files stay with the account, and the team of their day.",
                **facts,
            )
        )


def _span(alias: aliases.Alias) -> str:
    if not alias.from_day and not alias.until:
        return alias.account
    return f"{alias.account} ({alias.from_day or ''}…{alias.until or ''})"


def _plain(row: roster.RosterRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("agent_id", "name", "team", "shop", "stage", "grade")}


def _day(said: str) -> date | None:
    if not said:
        return None
    try:
        return date.fromisoformat(said)
    except ValueError as problem:
        raise Invalid(N_("“{value}” is not a day; write it like 2026-03-01."), value=said) from problem
