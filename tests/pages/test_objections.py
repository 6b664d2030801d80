"""What people read after an objection was decided, and the time there is to object."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from qa.people import accounts
from qa.policy import SYSTEM
from qa.tables import Agent
from qa.verdicts import appeals
from qa.workbench import Workbench
from scoring.sheet import Mark, Sheet
from tests.pages.conftest import PASSWORD
from tests.world.desk import NOW, Kit, build, inspect

OpenPage = Callable[..., AppTest]
MARKS = Sheet((Mark("tone", 1, note="冷", evidence=(1,)), Mark("greeting", 0)))


@pytest.fixture
def kit(page_bench: Workbench) -> Kit:
    """One result of the agent ann, who may sign in like the lead."""
    kit = build(page_bench, samples=1)
    kit.place(kit.samples[0], kit.inspectors[0])
    inspect(kit, 0, MARKS)
    with page_bench.db.write() as session:
        session.add(Agent(agent_id="agent-0", name="安安", team="", shop="", stage="", grade="", updated_at=NOW))
    for account in accounts.users(page_bench, SYSTEM):
        accounts.set_password(page_bench, SYSTEM, account.actor.user_id, PASSWORD, now=datetime.now(UTC))
    return kit


def told(at: AppTest) -> str:
    return "\n".join(node.proto.body for node in at.get("html"))


def test_after_an_upheld_appeal_everybody_reads_the_new_score(open_page: OpenPage, kit: Kit) -> None:
    [verdict] = kit.verdicts(kit.samples[0])
    now = datetime.now(UTC)
    appeal = appeals.file_against_verdict(
        kit.bench,
        kit.agent,
        now=NOW + timedelta(hours=1),
        verdict_id=verdict.id,
        body="语气没问题",
        criterion_id="tone",
    )
    appeals.rule(kit.bench, kit.lead, now=now, appeal_id=appeal, uphold=True, ruling="同意")
    old, new = f"{verdict.total / 100:.1f}", f"{verdict.total / 100 + 5:.1f}"
    for login, page, query in (
        ("lead", "appeals.py", {"appeal": str(appeal)}),
        ("ann", "appeals.py", {"appeal": str(appeal)}),
        ("ann", "agent.py", {"verdict": str(verdict.id)}),
    ):
        at = open_page(login, page, language="zh_CN", query=query)
        assert not at.exception
        assert f"{old} → {new}" in told(at)
        assert '<tr class="fallen">' in told(at)
    home = open_page("ann", "home.py", language="zh_CN")
    assert f"您的申诉成立 · {old} → {new}" in told(home)


def test_the_time_to_object_has_a_screen(open_page: OpenPage, kit: Kit) -> None:
    at = open_page("lead", "appeals.py", language="zh_CN")
    assert any("7 天" in caption.value for caption in at.caption)
    at.button(key="open_appeal_window").click().run()
    at.number_input(key="appeal_days").set_value(10)
    next(button for button in at.button if button.label == "保存").click().run()
    assert not at.exception
    assert appeals.window(kit.bench) == 10
    assert any("10 天" in caption.value for caption in at.caption)
    agents = open_page("ann", "appeals.py")
    assert not any(button.key == "open_appeal_window" for button in agents.button)
