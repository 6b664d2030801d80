"""`development`: exams with results and receipts, newcomers with what is due, the ledgers of grades and rewards."""

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
    from qa.development import exams, grades, newcomers, recognition, results
else:
    exams, grades, newcomers, recognition, results = (
        Later(f"qa.development.{name}") for name in ("exams", "grades", "newcomers", "recognition", "results")
    )


def add(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("development", help=_("exams, newcomers, grades and recognition"))
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("exams", help=_("all exams")).set_defaults(run=_exams)
    for name, run, text in (
        ("newcomers", _newcomers, _("newcomers' plans, and what is due")),
        ("grades", _grades, _("the ledger of grades")),
        ("rewards", _rewards, _("the ledger of rewards")),
    ):
        actions.add_parser(name, help=text).set_defaults(run=run)
    for name, run, text in (
        ("exam", _exam, _("everybody's papers of an exam")),
        ("verify-exam", _verify, _("draw the questions of an exam again from its receipt")),
    ):
        one = actions.add_parser(name, help=text)
        one.add_argument("id", type=int)
        one.set_defaults(run=run)


def _exams(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    found = exams.exams(opener(), SYSTEM, now=datetime.now(UTC))
    out.table(
        [_("Number"), _("Name"), _("Kind"), _("Until"), _("Papers")],
        [(e.id, e.plan.name, _(exams.KINDS[e.plan.kind]), out.t.when(e.plan.closes_at), e.sittings) for e in found],
    )
    out.json(
        [
            {"id": e.id, "name": e.plan.name, "kind": e.plan.kind, "state": e.state, "sittings": e.sittings}
            for e in found
        ]
    )
    return 0


def _exam(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    found = results.of_exam(opener(), SYSTEM, now=datetime.now(UTC), exam_id=args.id)
    out.table(
        [_("Name"), _("Team"), _("Mark"), _("Right of asked")],
        [(r.name, r.team, "–" if r.mark is None else out.t.points(r.mark), f"{r.right} / {r.asked}") for r in found],
    )
    out.json([{"name": r.name, "team": r.team, "mark": r.mark, "right": r.right, "asked": r.asked} for r in found])
    return 0


def _verify(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    wrong = exams.verify(opener(), SYSTEM, args.id)
    out.say(_("Not as drawn: {what}", what=", ".join(wrong)) if wrong else _("The questions follow from the receipt."))
    out.json({"id": args.id, "wrong": list(wrong)})
    return 1 if wrong else 0


def _newcomers(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    bench = opener()
    views = newcomers.plans(bench, SYSTEM)
    waiting = newcomers.due(views, datetime.now(UTC).astimezone(bench.config.zone).date())
    out.table(
        [_("Due"), _("Newcomer"), _("Task"), _("Responsible")],
        [
            (
                out.t.day(one.due),
                view.name,
                one.task.name.pick(out.t.language),
                one.task.responsible.pick(out.t.language),
            )
            for view, one in waiting
        ],
    )
    out.json({
        "plans": [{"id": v.id, "agent_id": v.agent_id, "start": v.start, "outcome": v.outcome} for v in views],
        "due": [{"plan": v.id, "task": one.task.id, "due": one.due} for v, one in waiting],
    })  # fmt: skip
    return 0


def _grades(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    found = grades.ledger(opener(), SYSTEM)
    out.table(
        [_("Number"), _("Agent"), _("Grade"), _("State"), _("When")],
        [(s.id, s.name, f"{s.from_grade or '–'} → {s.to_grade}", s.state, out.t.when(s.proposed_at)) for s in found],
    )
    out.json(
        [{"id": s.id, "agent_id": s.agent_id, "from": s.from_grade, "to": s.to_grade, "state": s.state} for s in found]
    )
    return 0


def _rewards(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    found = recognition.rewards(opener(), SYSTEM)
    out.table(
        [_("Month"), _("Agent"), _("Project"), _("Sum of money"), _("State")],
        [
            (f"{r.month:%Y-%m}", r.name, r.project, out.t.number(r.amount / 100, 2), _(recognition.STATES[r.state]))
            for r in found
        ],
    )
    out.json(
        [
            {
                "id": r.id,
                "agent_id": r.agent_id,
                "month": r.month,
                "project": r.project,
                "amount": r.amount,
                "state": r.state,
            }
            for r in found
        ]
    )
    return 0
