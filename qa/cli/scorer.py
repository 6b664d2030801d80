"""`scorer`: machine scores of conversations: taken from a file, listed, taken into use."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output
from qa.cli.output import t as _
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa.scorer import asker, beside, calibrated, endpoint, figures, importing, running, trying, versions
    from qa.scorer.importing import ScoresImported
    from qa.scorer.versions import ScorerView
    from scoring.estimate import Estimate
else:
    figures, importing = Later("qa.scorer.figures"), Later("qa.scorer.importing")
    versions, running = Later("qa.scorer.versions"), Later("qa.scorer.running")
    endpoint, trying = Later("qa.scorer.endpoint"), Later("qa.scorer.trying")
    calibrated, asker = Later("qa.scorer.calibrated"), Later("qa.scorer.asker")
    beside = Later("qa.scorer.beside")

FAULTS_SHOWN = 20


def add(subparsers: Any) -> None:
    """Register the command and its verbs."""
    parser = subparsers.add_parser(
        "scorer", help=_("machine scores of conversations, corrected by the reviewed sample")
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar=_("verb"))
    take = verbs.add_parser("import", help=_("take machine scores from a file: CSV, XLSX or JSON lines"))
    take.add_argument("file", type=Path, help=_("file of scores"))
    take.add_argument("--name", required=True, help=_("name of the scorer"))
    take.add_argument("--as", dest="label", default="1", help=_("version of the scorer (default 1)"))
    take.add_argument("--source", default="", help=_("source of conversations whose row names none"))
    take.add_argument("--rubric", type=int, default=None, help=_("rubric version no.; default: the newest for chats"))
    take.add_argument("--check", action="store_true", help=_("say what would happen; store nothing"))
    take.set_defaults(run=run_import)
    verbs.add_parser("list", help=_("all versions")).set_defaults(run=run_list)
    worth = verbs.add_parser(
        "worth", help=_("what a version adds to the reviews: scorer only, reviews only, corrected")
    )
    worth.add_argument("scorer", help=_("number, version or name"))
    worth.add_argument("--period", choices=("month", "quarter", "all"), default="all", help=_("days looked back"))
    worth.set_defaults(run=run_worth)
    show = verbs.add_parser("show", help=_("the exact bytes that would be sent of a conversation"))
    show.add_argument("conversation", help=_("key of the conversation, like shop:123"))
    show.set_defaults(run=run_show)
    once = verbs.add_parser("run", help=_("ask the endpoint about what waits"))
    once.add_argument("--budget", type=int, default=None, help=_("conversations at most; default: as set up"))
    once.set_defaults(run=run_run)
    test = verbs.add_parser("test", help=_("ask about twenty judged conversations and set the answers beside theirs"))
    test.set_defaults(run=run_test)
    use = verbs.add_parser("activate", help=_("take a version into use"))
    use.add_argument("scorer", help=_("number, version or name"))
    use.add_argument("--off", action="store_true", help=_("take it out of use instead"))
    use.set_defaults(run=run_activate)


def run_import(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Take a file, or only check it; 2 where rows are wrong."""
    done = importing.import_scores(
        opener(), SYSTEM, now=datetime.now(UTC), path=args.file, name=args.name, label=args.label, source=args.source,
        rubric_version_id=args.rubric, check_only=args.check,
    )  # fmt: skip
    _told(done, out, args.check)
    out.json(done)
    return 2 if done.faulty and not done.new and not done.known else 0


def _told(done: ScoresImported, out: Output, check_only: bool) -> None:
    if done.faults:
        shown = done.faults[:FAULTS_SHOWN]
        out.table(
            [_("Row"), _("Field"), _("Reason"), _("Cure")],
            [
                (
                    f.row or "–",
                    f.field,
                    _(importing.FAULTS[f.code].reason, value=f.value),
                    _(importing.FAULTS[f.code].cure),
                )
                for f in shown
            ],
        )
        if done.faulty > len(shown):
            out.say(_("And {n} more.", n=done.faulty - len(shown)))
    out.say(
        _(
            "Conversations: {new} new, {known} known already, {refused} refused. Answers: {answers}, of them void: "
            "{void}.",
            new=done.new,
            known=done.known,
            refused=done.refused,
            answers=done.answers,
            void=done.void,
        )
    )
    if check_only:
        out.say(_("Nothing was stored."))
    elif done.stored:
        out.say(_("Stored as version {version} of {name}.", version=done.version, name=done.predictor))


def run_list(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """A line for each version."""
    found = versions.list_scorers(opener(), SYSTEM)
    if not found:
        out.say(_("There are no machine scores yet."))
    else:
        out.table(
            [_("No."), _("Scorer"), _("Version"), _("Kind"), _("State"), _("Rubric"), _("Conversations")],
            [_row(one) for one in found],
        )
    out.json(found)
    return 0


def _row(one: ScorerView) -> tuple[object, ...]:
    kind, state = _(versions.KIND_NAMES[one.kind]), _(versions.STATES[one.state])
    return one.id, one.name, f"{one.label} ({one.version})", kind, state, one.rubric, one.scored


def run_activate(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Take a version into use, or out of it."""
    bench, now = opener(), datetime.now(UTC)
    change = versions.retire if args.off else calibrated.activate
    one = change(bench, SYSTEM, now=now, scorer=args.scorer)
    text = _("Version {version} is out of use.") if args.off else _("Version {version} is in use.")
    out.say(text.format(version=one.version))
    out.json(one)
    return 0


def run_worth(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """The three figures, in total and per criterion."""
    bench = opener()
    today = out.t.local(datetime.now(UTC)).date()
    found = figures.worth(bench, SYSTEM, scorer=args.scorer, today=today, period=args.period)
    total = found.total
    rows = [(_("Mean score"), *_compared(total.judge, total.human, total.corrected, 1, ""))]
    rows += [
        (one.id, *_compared(one.share.judge, one.share.human, one.share.corrected, 100, "%"))
        for one in found.criteria if one.answers
    ]  # fmt: skip
    out.table(["", _("Scorer only"), _("Reviews only"), _("Corrected")], rows)
    if total.helps:
        out.say(_("Worth {n} reviews a month", n=out.t.number(found.a_month)))
    else:
        out.say(_("Worth no reviews yet: {why}.", why=out.t(beside.WHY_NONE[total.reason])))
    out.json({**vars(found), "agents": found.agents.to_dicts()})
    return 0


def _compared(
    judge: float | None, human: Estimate, corrected: Estimate, scale: float, unit: str
) -> tuple[str, str, str]:
    def said(one: Estimate) -> str:
        if one.value is None or one.low is None or one.high is None:
            return "–"
        return f"{scale * one.value:.1f}{unit} [{scale * one.low:.1f}, {scale * one.high:.1f}] n = {one.n}"

    return "–" if judge is None else f"{scale * judge:.1f}{unit}", said(human), said(corrected)


def run_show(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Print them; nothing is sent."""
    content = asker.body_of(opener(), SYSTEM, args.conversation)
    out.say(content.decode())
    out.json({"bytes": len(content), "body": content.decode()})
    return 0


def run_run(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Ask; 7 where the endpoint stopped the run."""
    done = running.run(opener(), SYSTEM, now=datetime.now(UTC), budget=args.budget, progress=out.progress)
    out.say(
        _(
            "Scored: {scored}; unusable answers: {unusable}; failed: {failed}. Bytes sent: {sent}; cost: {cost}.",
            scored=done.scored, unusable=done.unusable, failed=done.failed, sent=done.sent_bytes, cost=done.cost,
        )
    )  # fmt: skip
    if done.stopped:
        out.say(
            _(
                "It stopped: {reason}. Conversations that wait: {n}.",
                reason=_(endpoint.STATES[done.stopped]),
                n=done.waiting,
            )
        )
    if done.alarm:
        out.say(_("The gold conversations gave an alarm: the version before is in use again."))
    out.json(done)
    return 7 if done.stopped else 0


def run_test(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Ask about twenty; 7 where the endpoint does not answer."""
    found = trying.test(opener(), SYSTEM)
    out.table(
        [_("Conversation"), _("State"), _("Points apart"), _("Void")],
        [
            (
                one.conversation_key,
                _(endpoint.STATES[one.state]),
                "–" if one.apart is None else f"{one.apart:+.1f}",
                one.void,
            )
            for one in found.rows
        ],
    )
    out.say(
        _(
            "Cost of this test: {cost}; of a thousand conversations: {thousand}.",
            cost=found.cost,
            thousand=found.thousand,
        )
    )
    out.json(found)
    return 7 if found.stopped else 0
