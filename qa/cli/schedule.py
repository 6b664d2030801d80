"""`schedule`: when the steps of the night are done, what they did, and doing one now."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output
from qa.cli.output import t as _
from qa.errors import Invalid
from qa.i18n import N_, Translator
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa import jobs, operations
    from qa.jobs import JobView, nights
else:
    jobs, nights, operations = Later("qa.jobs"), Later("qa.jobs.nights"), Later("qa.operations")

ALL = "all"
WEEK = (N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun"))


def add(subparsers: Any) -> None:
    """Register the command and its actions."""
    parser = subparsers.add_parser("schedule", help=_("the night shift: what is done by itself, when, and what it did"))
    actions = parser.add_subparsers(dest="action", required=True, metavar=_("ACTION"))
    listing = actions.add_parser("list", help=_("every step with its last and its next time"))
    listing.set_defaults(run=run_list)
    past = actions.add_parser("history", help=_("what was done in the past nights"))
    past.set_defaults(run=run_history)
    change = actions.add_parser("set", help=_("another time, other days, other options of a step"))
    change.add_argument("step", help=_("name of the step"))
    change.add_argument("--at", metavar="HH:MM", help=_("time of day in the business time zone"))
    change.add_argument("--days", metavar="1,2,…", help=_("days of the week, Monday is 1"))
    change.add_argument("--keep", type=int, metavar="N", help=_("nightly backups kept"))
    change.set_defaults(run=run_set)
    for name, text, function in (
        ("resume", _("switch a step on, or all"), run_resume),
        ("pause", _("switch a step off, or all"), run_pause),
        ("now", _("do a step at once"), run_now),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("step", help=_("name of the step") if name == "now" else _("name of the step, or all"))
        action.set_defaults(run=function)


def run_list(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Every step."""
    bench, t = opener(), out.t
    found = nights.states(bench, SYSTEM, now=_now())
    out.table(
        [t("Night step"), t("What"), t("Time"), t("Days"), t("Next time"), t("Last time"), t("State")],
        [
            [
                one.schedule.step,
                t(operations.BY_NAME[one.schedule.step].title),
                one.schedule.at,
                days_of(t, one.schedule.days),
                t.when(one.next_at) if one.next_at else t("switched off"),
                t.when(one.latest.asked_at) if one.latest else "",
                t(jobs.STATES[one.latest.state]) if one.latest else "",
            ]
            for one in found
        ],
    )
    out.json([{**_schedule(one.schedule), "next": one.next_at, "last": _last(one.latest)} for one in found])
    return 0


def run_history(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """What was done."""
    t, found = out.t, nights.history(opener(), SYSTEM)
    out.table(
        [t("When"), t("What"), t("State"), t("Rows"), t("Problems"), t("Notes")],
        [
            [
                t.when(job.asked_at),
                t(job.title),
                t(jobs.STATES[job.state]),
                job.result.rows if job.result else "",
                job.result.problems if job.result else "",
                t.error(job.error) if job.error else notes_of(t, job),
            ]
            for job in found
        ],
    )
    out.json([_last(job) for job in found])
    return 0


def run_set(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Change a step."""
    bench = opener()
    now = next((one for one in operations.schedules(bench, SYSTEM) if one.step == args.step), None)
    days = _days(args.days) if args.days else now.days if now else ()
    options = {} if args.keep is None else {"keep": args.keep}
    changed = operations.change(
        bench, SYSTEM, now=_now(), step=args.step, at=args.at or (now.at if now else ""), days=days, options=options
    )
    out.say(out.t("Saved."))
    out.json(_schedule(changed))
    return 0


def run_resume(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Switch on."""
    return _each(opener, args, out, operations.resume)


def run_pause(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Switch off."""
    return _each(opener, args, out, operations.pause)


def run_now(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Do a step and whatever waits before it."""
    bench, t = opener(), out.t
    operations.known(args.step)
    number = nights.run_now(bench, SYSTEM, now=_now(), step=args.step)
    jobs.Worker(bench).run_waiting()
    job = jobs.get(bench, SYSTEM, number)
    if job.error is not None:
        raise job.error
    out.say(t("{what}: {state}", what=t(job.title), state=t(jobs.STATES[job.state])))
    for note in job.result.notes if job.result else ():
        out.say(f"  {t(note.words())}")
    out.json(_last(job))
    return 0


def days_of(t: Translator, days: tuple[int, ...]) -> str:
    """Days of the week for people."""
    return t("every day") if len(days) == 7 else " ".join(t(WEEK[day]) for day in days)


def notes_of(t: Translator, job: JobView[Any]) -> str:
    """What a step says it did, in one line."""
    return " · ".join(t(note.words()) for note in job.result.notes) if job.result else ""


def _each(opener: Opener, args: argparse.Namespace, out: Output, do: Any) -> int:
    bench = opener()
    for step in operations.BY_NAME if args.step == ALL else [args.step]:
        do(bench, SYSTEM, now=_now(), step=step)
    return run_list(opener, args, out)


def _schedule(one: operations.StepSchedule) -> dict[str, Any]:
    return {
        "step": one.step, "at": one.at, "days": [day + 1 for day in one.days], "paused": one.paused, **one.options,
    }  # fmt: skip


def _last(job: JobView[Any] | None) -> dict[str, Any] | None:
    if job is None:
        return None
    done = job.result
    return {
        "job": job.id, "kind": job.kind, "asked": job.asked_at, "ended": job.ended_at, "state": job.state,
        "rows": done.rows if done else None, "problems": done.problems if done else None,
        "notes": [str(note.words()) for note in done.notes] if done else [],
        "error": str(job.error) if job.error else None,
    }  # fmt: skip


def _days(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and 1 <= int(part) <= 7 for part in parts):
        raise Invalid(N_("“{value}” are not days of the week; write them as 1,2,3,4,5 (Monday is 1)."), value=text[:40])
    return tuple(int(part) - 1 for part in parts)


def _now() -> datetime:
    return datetime.now(UTC)
