"""Plans of newcomers as data: tasks with day, standard and who is responsible, and the gates at the end of weeks."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from qa.errors import Invalid
from qa.i18n import N_
from scoring.label import Label

KINDS: Mapping[str, str] = {
    "task": N_("Task"), "test": N_("Test"), "typing": N_("Typing test"), "rotation": N_("Rotation"), "gate": N_("Gate"),
}  # fmt: skip
MEASURED = ("test", "typing")
MOST_TASKS, WEEKS = 100, 12


@dataclass(frozen=True)
class PlanTask:
    """One task. `week` and `day` (1–7) from the first day of the plan; `least`: the mark or speed that meets it."""

    id: str
    week: int
    day: int
    kind: str
    name: Label
    standard: Label
    responsible: Label
    least: float = 0.0

    def due(self, start: date) -> date:
        """The day it is due, for a plan that begins at `start`."""
        return start + timedelta(days=7 * (self.week - 1) + self.day - 1)


def from_data(data: Mapping[str, Any]) -> tuple[PlanTask, ...]:
    """Tasks in the order of their days. Raises `Invalid` naming the task and what is wrong."""
    rows = data.get("task")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_TASKS:
        raise Invalid(N_("A plan has 1 to {most} tasks."), most=MOST_TASKS)
    tasks = [_task(row) for row in rows]
    if len({task.id for task in tasks}) < len(tasks):
        raise Invalid(N_("Two tasks of a plan have the same id."))
    tasks.sort(key=lambda task: (task.week, task.day))
    if tasks[-1].kind != "gate":
        raise Invalid(N_("The last task of a plan is its gate."))
    return tuple(tasks)


def _task(row: Any) -> PlanTask:
    try:
        made = PlanTask(
            str(row["id"])[:60],
            int(row["week"]),
            int(row["day"]),
            str(row["kind"]),
            Label.from_dict(row["name"]),
            Label.from_dict(row.get("standard", {})),
            Label.from_dict(row.get("responsible", {})),
            float(row.get("least", 0)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise Invalid(N_("A task of the plan has the wrong form: {reason}"), reason=str(problem)) from problem
    if not (made.id and made.name and made.kind in KINDS and 1 <= made.week <= WEEKS and 1 <= made.day <= 7):
        raise Invalid(N_("Task “{id}”: name, kind, week (1–{weeks}) or day (1–7) is wrong."), id=made.id, weeks=WEEKS)
    return made


def to_data(tasks: tuple[PlanTask, ...]) -> dict[str, Any]:
    """The plain data of a plan; `from_data` gives it back."""
    return {
        "task": [
            {
                "id": t.id, "week": t.week, "day": t.day, "kind": t.kind, "name": t.name.to_dict(),
                "standard": t.standard.to_dict(), "responsible": t.responsible.to_dict(), "least": t.least,
            }
            for t in tasks
        ]
    }  # fmt: skip


def parsed(text: str) -> tuple[PlanTask, ...]:
    """A plan from TOML. Raises `Invalid`."""
    try:
        return from_data(tomllib.loads(text))
    except tomllib.TOMLDecodeError as problem:
        raise Invalid(N_("The plan cannot be read as TOML: {reason}"), reason=str(problem)) from problem


@cache
def shipped() -> str:
    """The plan that comes with the product, as TOML; unverified."""
    return (files("qa.development") / "data" / "newcomers.toml").read_text("utf-8")
