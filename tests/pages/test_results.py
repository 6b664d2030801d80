"""Draws, trends, agent and ranking pages as people use them, with real services, database and archive, in both languages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from qa import accounts, draws, measures
from qa.policy import SYSTEM, Actor, Role
from qa.tables import Draw, User, Verdict
from qa.workbench import Workbench, share
from tests.qa.draws.world import fill
from tests.qa.reports.judged import judge

PAGES = Path(__file__).parents[2] / "pages"
NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
LEAD = Actor(1, Role.LEAD, "Lead")
USERS = {"lead": 1, "inspector": 2, "agent": 5}
Open = Callable[..., AppTest]


@pytest.fixture
def shop(bench: Workbench) -> Iterator[Workbench]:
    judge(bench, LEAD, NOW)
    measures.create_measure(bench, LEAD, now=NOW, name="<b>Training</b>", on_day=date(2026, 2, 14))
    share(bench)
    yield bench
    share(None)


def open_page(bench: Workbench, file: str, who: str, language: str = "en", **query: str) -> AppTest:
    now = datetime.now(UTC)
    with bench.db.write() as session:
        session.get_one(User, USERS[who]).language = language
    link = accounts.new_link(bench, SYSTEM, USERS[who], now=now)
    mark = accounts.session_mark(bench, accounts.sign_in_by_link(bench, link, now=now).token, now=now)
    # the menu is built first, as the entry script does, so that links between pages resolve
    script = (
        "import runpy\nfrom pages.kit.guard import enter\nfrom pages.kit.nav import navigation\n"
        f"navigation(enter())\nrunpy.run_path({str(PAGES / file)!r})\n"
    )
    page = AppTest.from_string(script, default_timeout=60)
    page.user = {"session": mark}
    for key, value in query.items():
        page.query_params[key] = value
    return page.run()


def text_of(page: AppTest) -> str:
    parts = [str(getattr(element, "value", "")) + str(getattr(element, "label", "")) for element in page.main]
    parts += [node.proto.body for node in page.get("html")]
    return "\n".join(parts).replace("\\", "")


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("file", ["trends.py", "agent.py", "ranking.py", "draws.py"])
def test_the_lead_sees_every_page(shop: Workbench, file: str, language: str) -> None:
    page = open_page(shop, file, "lead", language, by="all")
    assert not page.exception
    assert not page.warning
    if file != "draws.py":
        assert " n = " in text_of(page)


@pytest.mark.parametrize("query", [
    {"metric": "redline", "by": "agent"}, {"metric": "redline", "by": "all", "bucket": "month"}, {"metric": "dim:attitude", "by": "shop"},
    {"by": "agent", "span": "all"}, {"source": "dispute", "by": "channel"}, {"source": "rating"},
    {"by": "team", "point": "2026-02-02~presale"}, {"point": "nonsense~'"},
])
def test_trends_for_every_choice(shop: Workbench, query: dict[str, str]) -> None:
    page = open_page(shop, "trends.py", "lead", "zh_CN", **query)
    assert not page.exception
    for name in ("metric", "by", "source", "span"):
        if name in query:  # a link means the same in every language
            assert page.session_state[f"pick_{name}"] == query[name]


@pytest.mark.parametrize("view", ["statements", "heat", "losses", "process"])
def test_every_view_of_the_ranking(shop: Workbench, view: str) -> None:
    page = open_page(shop, "ranking.py", "lead", view=view, span="all")
    assert not page.exception
    assert not page.warning


def test_an_agent_sees_their_own_page_and_no_other(shop: Workbench) -> None:
    with shop.db.read() as session:
        mine = session.scalars(select(Verdict.id).where(Verdict.agent_id == "amy")).first()
        other = session.scalars(select(Verdict.id).where(Verdict.agent_id == "bob")).first()
    page = open_page(shop, "agent.py", "agent", span="all", agent="bob", verdict=str(mine))
    assert not page.exception
    assert "Amy" in text_of(page)
    assert "Bob" not in text_of(page)
    assert "inspected by" not in text_of(page)
    page = open_page(shop, "agent.py", "agent", span="all", verdict=str(other))
    assert "There is no result" in text_of(page)
    for file in ("trends.py", "ranking.py", "draws.py"):
        assert "not for your role" in text_of(open_page(shop, file, "agent"))


def test_publishing_from_the_page(bench: Workbench) -> None:
    fill(bench)
    share(bench)
    try:
        plan = draws.create_plan(bench, LEAD, now=NOW, name="February", design=draws.PlanDesign(), seed="a-seed-for-the-page")
        page = open_page(bench, "draws.py", "lead", plan=str(plan.id), since="2026-02-01", until="2026-02-28")
        assert not page.exception
        assert not page.warning
        page.button(key="publish_draw").click().run()
        assert not page.exception
        with bench.db.read() as session:
            assert len(session.scalars(select(Draw)).all()) == 1
        assert "a-seed-for-the-page" in str(page.dataframe[0].value.values.tolist())
        page.button(key="verify_draw").click().run()
        assert page.success[0].value.startswith("Equal")
    finally:
        share(None)


def test_an_inspector_reads_receipts_and_cannot_plan(shop: Workbench) -> None:
    page = open_page(shop, "draws.py", "inspector")
    assert not page.exception
    assert not [b for b in page.button if b.key == "publish_draw"]
    page = open_page(shop, "draws.py", "inspector", draw="1")
    assert not page.exception
    assert page.button(key="verify_draw")


def test_empty_pages_say_what_to_do(bench: Workbench) -> None:
    from tests.qa.draws.world import people

    people(bench)
    share(bench)
    try:
        for file in ("trends.py", "ranking.py", "draws.py", "agent.py"):
            page = open_page(bench, file, "lead")
            assert not page.exception
            assert "sc-empty" in text_of(page)
    finally:
        share(None)
