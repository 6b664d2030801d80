"""The lead's week on the home page: every line stands there only while there is something to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from streamlit.testing.v1 import AppTest

from pages.kit.guard import Page
from pages.screens.reports import weekly
from qa import draws
from qa.i18n import Translator
from qa.people import accounts
from qa.policy import SYSTEM, Actor, Role
from qa.workbench import Workbench, share
from tests.pages.conftest import PASSWORD
from tests.world.judged import judge

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
LEAD = Actor(1, Role.LEAD, "Lead")


@pytest.fixture
def shop(page_bench: Workbench) -> Workbench:
    judge(page_bench, LEAD, NOW)
    accounts.set_password(page_bench, SYSTEM, 1, PASSWORD, now=datetime.now(UTC))
    share(page_bench)
    return page_bench


def test_a_period_that_is_over_is_published_from_home(shop: Workbench, open_page: Callable[..., AppTest]) -> None:
    [plan] = [plan for plan in draws.list_plans(shop, LEAD) if plan.drawn_to is not None]
    design = replace(plan.design, cadence="week")
    draws.edit_plan(shop, LEAD, now=NOW, plan_id=plan.id, name=plan.name, design=design, seen=plan.design)
    at = open_page("lead", "home.py")
    assert not at.exception
    buttons = {button.key: button for button in at.button}
    assert f"home_publish_{plan.id}" in buttons
    at = buttons[f"home_publish_{plan.id}"].click().run()
    assert not at.exception  # a dialog that says what is drawn, or that there is nothing yet


def test_the_report_of_a_week_is_one_page_that_escapes_names(shop: Workbench) -> None:
    page = Page(shop, LEAD, Translator("en", "Asia/Shanghai"), NOW, accounts.find(shop, SYSTEM, login="lead"))
    sheet = weekly.sheet(page, date(2026, 2, 16))
    assert "<svg" in sheet
    assert " n = " in sheet
    assert "<script" not in sheet
