"""The page Machine scores: a file taken in and used, figures corrected by the sample, and who may see it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from pages.kit.guard import Page
from pages.screens.scorer import beside
from qa.i18n import Translator
from qa.people import accounts
from qa.policy import SYSTEM, Actor, Role
from qa.reports import Scope
from qa.scorer import calibrated, importing, versions
from qa.workbench import Workbench
from tests.qa.scorer import world
from tests.world.shop import fill

OpenPage = Callable[..., AppTest]


def html(at: AppTest) -> str:
    return "".join(node.proto.body for node in at.get("html"))


@pytest.fixture
def scored(page_bench: Workbench, tmp_path: Path) -> Workbench:
    fill(page_bench, chats=5)
    path = tmp_path / "scores.csv"
    rows = [f"shop:amy-{k:03d},,{90 - k}" for k in range(5)]
    path.write_text("conversation_id,source,total\n" + "\n".join(rows) + "\n", "utf-8")
    importing.import_scores(page_bench, SYSTEM, now=datetime.now(UTC), path=path, name="acme")
    return page_bench


def test_an_empty_page_says_what_to_do(page_bench: Workbench, open_page: OpenPage) -> None:
    at = open_page("lead", "scorer.py", language="zh_CN")
    assert not at.exception
    assert "还没有机器评分" in html(at)


def test_a_version_is_taken_into_use_and_out_of_it(scored: Workbench, open_page: OpenPage) -> None:
    at = open_page("boss", "scorer.py", role=Role.LEAD)
    assert not at.exception
    assert at.dataframe[0].value["Conversations"].to_list() == [5]
    at.button(key="scorer_use").click().run()
    assert not at.exception
    assert versions.get(scored, SYSTEM, "acme").state == "active"
    at.button(key="scorer_use").click().run()
    assert versions.get(scored, SYSTEM, "acme").state == "retired"


def test_inspectors_are_refused(page_bench: Workbench, open_page: OpenPage) -> None:
    """Whoever scores sees nothing of what a machine said."""
    at = open_page("inspector", "scorer.py")
    assert at.header[0].value == "This page is not for your role"


def test_figures_stand_three_abreast_and_in_files(
    page_bench: Workbench, open_page: OpenPage, lead: Actor, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    world.reviewed(page_bench, lead, now)
    done = world.take(page_bench, now, tmp_path / "s.csv", world.chats())
    at = open_page("boss", "scorer.py", role=Role.LEAD, language="zh_CN", query={"period": "all"})
    assert not at.exception
    said = "".join(node.value for node in (*at.markdown, *at.caption)) + html(at)
    assert "相当于每月多质检" in said
    assert "仅机评：" in said
    criteria = at.dataframe[1].value
    assert criteria["评分项"].to_list() == ["久等致歉"]
    assert "[" in criteria["修正后"][0]

    calibrated.activate(page_bench, SYSTEM, now=now, scorer=done.version)
    page = Page(
        page_bench, lead, Translator("en", "Asia/Shanghai"), now, accounts.find(page_bench, SYSTEM, login="boss")
    )
    amy, nobody = beside.with_corrected(page, pl.DataFrame({"agent_id": ["amy", "nobody"]}), Scope()).to_dicts()
    assert amy["corrected_low"] < amy["corrected"] < amy["corrected_high"]
    assert amy["corrected_n"] > 0
    assert {nobody[name] for name in beside.CORRECTED} == {None}
