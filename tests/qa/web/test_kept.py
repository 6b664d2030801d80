"""Answers kept for one reader until anything changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from qa.policy import Actor, Role
from qa.web.api.calls import Call, Paged
from qa.web.api.kept import kept
from qa.workbench import Workbench
from tests.world import archive


def test_an_answer_is_made_anew_after_a_change_and_for_another_reader(bench: Workbench, now: datetime) -> None:
    made: list[str] = []
    lead, other = Actor(1, Role.LEAD, "Lead"), Actor(2, Role.LEAD, "Other")
    call: Call[Paged] = Call(bench, lead, None, now, Paged(), {}, b"")  # type: ignore[arg-type]

    def ask(one: Call[Any]) -> int:
        def answer(_: object) -> int:
            made.append(one.actor.name)
            return len(made)

        return kept(one, answer)

    assert [ask(call), ask(call)] == [1, 1]
    assert ask(replace(call, actor=other)) == 2
    assert ask(replace(call, params=Paged(limit=7))) == 3
    with bench.begin(lead, now) as work:
        work.record("user.changed", "user", 1)
    assert [ask(call), ask(call)] == [4, 4]
    archive.put(bench, now, {"conversations": [archive.conversation("shop:1", "amy", now)]})
    assert ask(call) == 5
