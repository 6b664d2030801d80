"""`rules`: list, check, try, import, export and publish red-line rules."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output
from qa.cli.output import t as _
from qa.errors import Invalid, Unavailable
from qa.i18n import N_
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa.rules import checking, messages, shipped, versions
    from qa.screening import trial
    from scoring import redline
    from scoring.redline import Failure
else:
    messages, versions, redline = Later("qa.rules.messages"), Later("qa.rules.versions"), Later("scoring.redline")
    shipped, checking = Later("qa.rules.shipped"), Later("qa.rules.checking")
    trial = Later("qa.screening.trial")

EXAMPLES = 5
"""Messages shown of what a rule would newly find, and no longer find."""
SEVERITIES = {"critical": N_("Critical"), "major": N_("Major"), "minor": N_("Minor"), "info": N_("Note")}
EFFECTS = {
    "flag": N_("flag only"),
    "cap": N_("caps the score"),
    "zero_dimension": N_("zeroes a dimension"),
    "zero_form": N_("zeroes the form"),
}


def add(subparsers: Any) -> None:
    """Register the command and its actions."""
    parser = subparsers.add_parser("rules", help=_("red-line rules: list, check, try, import, export, publish"))
    parser.add_argument(
        "action",
        choices=["list", "check", "try", "import", "export", "publish", "defaults", "retire", "updates"],
        help=_("what to do"),
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar=_("FILE_OR_RULE"),
        help=_("file for check, try and import; rule ids for publish, retire and export"),
    )
    parser.add_argument(
        "--since", default="today", help=_("first day in force: a date, “today” or “always” (also past chats)")
    )
    parser.add_argument(
        "--process", action="store_true", help=_("with defaults: the shipped process checks instead of the red lines")
    )
    parser.add_argument(
        "--draft", action="store_true", help=_("with updates: make drafts of the shipped rules that differ")
    )
    parser.add_argument(
        "--output", type=Path, default=None, help=_("file to write the export to; default: standard output")
    )
    parser.set_defaults(run=run)


def run(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Do one action."""
    actions = {
        "list": _list,
        "check": _check,
        "try": _try,
        "import": _import,
        "export": _export,
        "publish": _publish,
        "defaults": _defaults,
        "retire": _retire,
        "updates": _updates,
    }
    return actions[args.action](opener, args, out)


def _list(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    bench = opener()
    lines = versions.listing(bench, SYSTEM, today=_today(opener))
    out.table(
        [_("Rule"), _("Rule name"), _("Severity"), _("Effect"), _("Version"), _("Draft"), _("From"), _("To")],
        [
            (
                line.rule_id,
                out.t.label(line.zh, line.en),
                _(SEVERITIES[line.severity]),
                _(EFFECTS[line.effect]),
                line.version,
                line.draft_version,
                line.in_force_from,
                line.in_force_to,
            )
            for line in lines
        ],
    )
    if not lines:
        out.say(_("There are no rules yet. “spotcheck rules defaults” installs the shipped ones."))
    out.json(lines)
    return 0


def _check(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Check a file, or the shipped rules without one, and run all examples. Exit code 2 when something is wrong."""
    checked = (
        versions.read_toml(_read(args.names[0]))
        if args.names
        else (*redline.load_default_rules(), *redline.load_process_rules())
    )
    report = []
    for rule, found in zip(checked, checking.check_all(checked, progress=out.progress), strict=True):
        objections = [str(one) for one in (*found.problems, *found.failures)]
        for problem in found.problems:
            out.say(
                out.t(
                    N_("Rule {rule}, field {field}: {reason}"),
                    rule=rule.id,
                    field=problem.field,
                    reason=messages.objection(problem),
                )
            )
        for failure in found.failures:
            out.say(_judged_wrongly(failure))
        report.append(
            {
                "rule": rule.id,
                "fit": found.fit,
                "objections": objections,
                "examples": len(rule.examples.positive) + len(rule.examples.negative),
            }
        )
    unfit = sum(not one["fit"] for one in report)
    out.say(_("{n} rules checked, {unfit} with objections.", n=len(report), unfit=unfit))
    out.json({"rules": report, "unfit": unfit})
    return Invalid.exit_code if unfit else 0


def _try(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """What the rules of a file would newly find on past chats and no longer find; nothing is written."""
    bench, tried = opener(), {}
    for rule in versions.read_toml(_read(_one(args))):
        tried[rule.id] = trial.compare(bench, SYSTEM, draft=rule, progress=out.progress)
    out.table(
        [_("Rule"), _("Messages read"), _("Newly hit"), _("No longer hit"), _("Hit by both")],
        [(rule_id, one.messages, one.newly, one.no_longer, one.same) for rule_id, one in tried.items()],
    )
    for rule_id, one in tried.items():
        for sign, examples in (("+", one.newly_examples), ("−", one.no_longer_examples)):
            for example in examples[:EXAMPLES]:
                out.say(f"{rule_id} {sign} {example.text}")
    out.json({"tried": tried})
    return 0


def _judged_wrongly(failure: Failure) -> str:
    if failure.expected_hit:
        return _(
            "Rule {rule} misses its own positive example “{example}”.", rule=failure.rule_id, example=failure.example
        )
    matched = ", ".join(failure.matched)
    return _(
        "Rule {rule} hits its own negative example “{example}” at “{matched}”.",
        rule=failure.rule_id,
        example=failure.example,
        matched=matched,
    )


def _import(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    done = versions.import_toml(opener(), SYSTEM, now=datetime.now(UTC), text=_read(_one(args)))
    out.say(
        _(
            "{n} drafts, {same} unchanged. Publish with “spotcheck rules publish”.",
            n=len(done.drafted),
            same=len(done.unchanged),
        )
    )
    out.json(done)
    return 0


def _export(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    text = versions.export_toml(opener(), SYSTEM, args.names or None)
    if args.output is None:
        out.say(text)
    else:
        try:
            args.output.write_text(text, "utf-8")
        except OSError as problem:
            raise Unavailable(
                N_("The file {file} cannot be written: {reason}"), file=str(args.output), reason=str(problem)
            ) from problem
        out.say(_("Written to {file}.", file=args.output))
    out.json({"toml": text, "file": args.output})
    return 0


def _publish(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    bench, since = opener(), _since(opener, args.since)
    ids: Sequence[str] = args.names or [
        line.rule_id for line in versions.listing(bench, SYSTEM, today=_today(opener)) if line.draft_version
    ]
    done = {}
    for rule_id in ids:
        done[rule_id] = versions.publish(bench, SYSTEM, now=datetime.now(UTC), rule_id=rule_id, since=since)
        out.say(_("{rule} version {version} is published.", rule=rule_id, version=done[rule_id]))
    if not ids:
        out.say(_("There are no drafts."))
    out.json({"published": done, "since": since})
    return 0


def _defaults(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    n = versions.load_defaults(opener(), SYSTEM, now=datetime.now(UTC), process=args.process)
    out.say(_("{n} shipped rules put in force.", n=n))
    out.json({"published": n})
    return 0


def _retire(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    if not args.names:
        raise Invalid(N_("Name the rules to retire, e.g. “spotcheck rules retire R09”."))
    since = _since(opener, args.since)
    for rule_id in args.names:
        versions.retire(opener(), SYSTEM, now=datetime.now(UTC), rule_id=rule_id, since=since)
        out.say(_("{rule} is retired.", rule=rule_id))
    out.json({"retired": args.names, "since": since})
    return 0


def _updates(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """What the shipped edition of the rules would change; with --draft, make drafts of it. Nothing is in force by
    it."""
    bench = opener()
    found = [one for one in shipped.updates(bench, SYSTEM) if not args.names or one.rule_id in args.names]
    out.table(
        [_("Rule"), _("Rule name"), _("Version"), _("Terms added"), _("Terms removed"), _("Edited here"), _("Draft")],
        [
            (
                one.rule_id, out.t.label(one.zh, one.en), one.held, one.added, one.removed,
                _("yes") if one.own_words else "", _("yes") if one.drafted else "",
            )
            for one in found
        ],
    )  # fmt: skip
    drafted: tuple[str, ...] = ()
    if args.draft:
        wanted = [one.rule_id for one in found if not one.drafted and (args.names or not one.own_words)]
        drafted = shipped.draft(bench, SYSTEM, now=datetime.now(UTC), rule_ids=wanted)
        out.say(_("Drafts: {rules}. Try them on past chats, then publish.", rules=", ".join(drafted) or "–"))
    elif found:
        out.say(_("“spotcheck rules updates --draft” makes drafts of them; nothing is in force before you publish."))
    else:
        out.say(_("The rules here are those that are shipped."))
    out.json({"updates": found, "drafted": drafted})
    return 0


def _today(opener: Opener) -> date:
    return datetime.now(opener.config.zone).date()


def _since(opener: Opener, text: str) -> date | None:
    if text == "always":
        return None
    if text == "today":
        return _today(opener)
    try:
        return date.fromisoformat(text)
    except ValueError as problem:
        raise Invalid(N_("“{text}” is not a date; write YYYY-MM-DD, “today” or “always”."), text=text) from problem


def _one(args: argparse.Namespace) -> str:
    if len(args.names) != 1:
        raise Invalid(N_("Name one TOML file."))
    return str(args.names[0])


def _read(name: str) -> str:
    try:
        return Path(name).read_text("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise Invalid(N_("The file {file} is not UTF-8 text."), file=name) from problem
    except OSError as problem:
        raise Unavailable(N_("The file {file} cannot be read: {reason}"), file=name, reason=str(problem)) from problem
