"""`risk`: train the risk model on past verdicts, look at its versions, take one into use, score conversations with
it."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qa.cli.draw import day
from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output, Progress
from qa.cli.output import t as _
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa import predictors
    from qa.predictors import ModelView, Rescored
else:
    predictors = Later("qa.predictors")


def add(subparsers: Any) -> None:
    """Register the command and its verbs."""
    parser = subparsers.add_parser("risk", help=_("train and use the risk model that finds likely violations"))
    verbs = parser.add_subparsers(dest="verb", required=True, metavar=_("verb"))
    train = verbs.add_parser("train", help=_("learn from the verdicts so far and store a version"))
    train.add_argument(
        "--until",
        type=day,
        default=None,
        help=_("last day to learn from (YYYY-MM-DD); default: the last day with verdicts"),
    )
    train.add_argument("--activate", action="store_true", help=_("take it into use and score conversations at once"))
    train.set_defaults(run=run_train)
    verbs.add_parser("list", help=_("all versions")).set_defaults(run=run_list)
    show = verbs.add_parser("show", help=_("how good a version is"))
    show.add_argument("model", nargs="?", default=None, help=_("number or version; default: the one in use"))
    show.set_defaults(run=run_show)
    activate = verbs.add_parser("activate", help=_("take a version into use and score conversations"))
    activate.add_argument("model", help=_("number or version; “rules” goes back to the rule score"))
    activate.set_defaults(run=run_activate)
    score = verbs.add_parser("score", help=_("score what is new with the model in use"))
    score.add_argument(
        "--again",
        action="store_true",
        help=_("also what has its prediction already: after a change of the red-line rules"),
    )
    score.set_defaults(run=run_score)


def run_train(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Train, print how good it is, and with --activate use it."""
    bench, now = opener(), datetime.now(UTC)
    model = predictors.train(bench, SYSTEM, now=now, until=args.until, progress=_progress(out))
    scored = None
    if args.activate:
        model = predictors.activate(bench, SYSTEM, now=now, model=model.id)
        scored = predictors.score(bench, SYSTEM, now=now, progress=_progress(out))
    _show(model, out)
    if scored is not None:
        _scored(scored, out)
    out.json({"model": model, "scored": scored})
    return 0


def run_list(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """A line for each version."""
    models = predictors.list_models(opener(), SYSTEM)
    if not models:
        out.say(_("No risk model yet; the rule score is in use."))
    else:
        out.table(
            [_("No."), _("Version"), _("State"), _("Learnt from"), _("Reviews"), _("Violations"), "AUC"],
            [
                (
                    m.id,
                    m.version,
                    _(predictors.STATES[m.state]),
                    f"{m.trained_from} – {m.trained_to}",
                    m.labels,
                    m.violations,
                    _auc(m.auc),
                )
                for m in models
            ],
        )
    out.json(models)
    return 0


def run_show(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """One version in full."""
    model = predictors.get_model(opener(), SYSTEM, args.model)
    _show(model, out)
    out.json(model)
    return 0


def run_activate(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Take a version into use, or none."""
    bench, now = opener(), datetime.now(UTC)
    if args.model == "rules":
        model = predictors.retire(bench, SYSTEM, now=now)
        scored = predictors.score(bench, SYSTEM, now=now, progress=_progress(out))
        out.say(
            _(
                "Model {model} is retired; {count} conversations have the rule score again.",
                model=model.version,
                count=scored.conversations,
            )
        )
        out.json({"model": model, "scored": scored})
        return 0
    model = predictors.activate(bench, SYSTEM, now=now, model=args.model)
    scored = predictors.score(bench, SYSTEM, now=now, progress=_progress(out))
    out.say(_("Model {model} is in use.", model=model.version))
    _scored(scored, out)
    out.json({"model": model, "scored": scored})
    return 0


def run_score(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Score what the model in use has not scored yet."""
    scored = predictors.score(opener(), SYSTEM, now=datetime.now(UTC), progress=_progress(out), again=args.again)
    _scored(scored, out)
    out.json(scored)
    return 0


def _progress(out: Output) -> Progress:
    return lambda share, what: out.progress(share, out.t(what))


def _auc(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _scored(scored: Rescored, out: Output) -> None:
    if not scored.version:
        out.say(_("No risk model is in use; the rule score is."))
    elif not scored.conversations:
        out.say(_("Nothing to score: every conversation after the model's last day has its prediction."))
    else:
        out.say(_("Scored {count} conversations with model {model}.", count=scored.conversations, model=scored.version))


def _show(model: ModelView, out: Output) -> None:
    out.say(
        _(
            "Risk model {id} ({version}): {state}",
            id=model.id,
            version=model.version,
            state=_(predictors.STATES[model.state]),
        )
    )
    out.say(
        _(
            "Learnt from {first} to {last}: {labels} reviews, {violations} violations. It never weights a draw of these"
            " days.",
            first=model.trained_from,
            last=model.trained_to,
            labels=model.labels,
            violations=model.violations,
        )
    )
    out.say(
        _(
            "AUC on reviews it had not seen: {auc}; explains {share} of the differences in score.",
            auc=_auc(model.auc),
            share=f"{model.explained:.0%}",
        )
    )
    out.say(_("Automatic share for the riskiest chats: at most {share}.", share=f"{model.largest_pool:.0%}"))
    out.table([_("Reviews"), "AUC"], [(n, _auc(auc)) for n, auc in model.curve])
    out.table(
        [_("Predicted"), _("Found"), _("Reviews")],
        [(f"{b.predicted:.1%}", f"{b.found:.1%}", b.n) for b in model.calibration],
    )
