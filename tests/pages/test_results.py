"""Draws, trends, agent and ranking pages as people use them, with real services, database and archive, in both
languages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, select
from streamlit.testing.v1 import AppTest

from pages.kit.plainfigures import _round_end
from qa import draws, reports
from qa.jobs import Worker
from qa.people import signins
from qa.policy import SYSTEM, Actor, Role
from qa.reports import Scope, measures
from qa.tables import Agent, Draw, User, Verdict, Violation
from qa.workbench import Workbench, share
from tests.world.judged import judge
from tests.world.shop import fill

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
    link = signins.new_link(bench, SYSTEM, USERS[who], now=now)
    mark = signins.session_mark(bench, signins.sign_in_by_link(bench, link, now=now).token, now=now)
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
    parts = [str(getattr(element, "value", "")) + str(getattr(element, "label", "")) for element in page._tree]
    parts += [node.proto.body for node in page.get("html")]
    return "\n".join(parts).replace("\\", "")


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("file", ["trends.py", "agent.py", "ranking.py", "draws.py"])
def test_the_lead_sees_every_page(shop: Workbench, file: str, language: str) -> None:
    page = open_page(shop, file, "lead", language, by="all")
    assert not page.exception
    assert not page.warning, [w.value for w in page.warning]
    if file != "draws.py":
        assert " n = " in text_of(page)


@pytest.mark.parametrize(
    "query",
    [
        {"metric": "redline", "by": "agent"},
        {"metric": "redline", "by": "all", "bucket": "month"},
        {"metric": "dim:attitude", "by": "shop"},
        {"by": "agent", "span": "all"},
        {"source": "dispute", "by": "channel"},
        {"source": "rating"},
        {"by": "team", "point": "2026-02-02~presale"},
        {"point": "nonsense~'"},
    ],
)
def test_trends_for_every_choice(shop: Workbench, query: dict[str, str]) -> None:
    page = open_page(shop, "trends.py", "lead", "zh_CN", **query)
    assert not page.exception
    for name in ("metric", "by", "source", "span"):
        if name in query:  # a link means the same in every language
            assert page.session_state[f"pick_{name}"] == query[name]


def test_a_rate_by_agent_draws_no_empty_chart_and_counts_in_words(shop: Workbench) -> None:
    page = open_page(shop, "trends.py", "lead", metric="redline", by="agent", span="all")
    assert not page.get("plotly_chart")
    assert set(page.dataframe[0].value["Method"]) == {"count only: no rate for one agent"}
    page = open_page(shop, "trends.py", "lead", metric="redline", by="all", span="all")
    assert len(page.get("plotly_chart")) == 1


def test_before_and_after_are_told_in_full(shop: Workbench) -> None:
    told = text_of(open_page(shop, "trends.py", "lead", by="all", span="all"))
    assert "Training · 2026-02-14 · Everybody" in told
    assert "28 days before: " in told
    change = re.search(r"Change ([+−][\d.]+|0\.0) \[([+−][\d.]+|0\.0), ([+−][\d.]+|0\.0)\] n = \d+: ", told)
    assert change, told


def test_agents_with_one_name_stay_apart(shop: Workbench) -> None:
    with shop.db.write() as session:
        for agent in ("amy", "bob"):
            session.get_one(Agent, agent).name = "<b>Sam</b>"
    for view, axis in (("statements", "y"), ("heat", "y")):
        page = open_page(shop, "ranking.py", "lead", view=view, span="all")
        assert not page.exception
        figure = json.loads(page.get("plotly_chart")[0].proto.spec)
        names = {name for trace in figure["data"] for name in trace[axis]}
        assert {"&lt;b&gt;Sam&lt;/b&gt; (amy)", "&lt;b&gt;Sam&lt;/b&gt; (bob)"} <= names


@pytest.mark.parametrize("view", ["statements", "heat", "losses", "process"])
def test_every_view_of_the_ranking(shop: Workbench, view: str) -> None:
    page = open_page(shop, "ranking.py", "lead", view=view, span="all")
    assert not page.exception
    assert not page.warning, [w.value for w in page.warning]


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
    assert ["There is no result" in shown.value for shown in page.warning] == [True]
    for file in ("trends.py", "ranking.py", "draws.py"):
        assert "not for your role" in text_of(open_page(shop, file, "agent"))


@pytest.mark.parametrize("who", ["lead", "agent"])
def test_an_agents_page_looks_at_the_facts_once(shop: Workbench, who: str) -> None:
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        sent.append(statement)

    event.listen(shop.db.engine, "before_cursor_execute", note)
    page = open_page(shop, "agent.py", who, span="all", agent="amy")
    event.remove(shop.db.engine, "before_cursor_execute", note)
    assert not page.exception
    newer = [one for one in sent if "FROM verdicts" in one and "verdicts.id >" in one]
    finished = [one for one in sent if "GROUP BY samples.draw_id, samples.agent_id" in one]
    assert (len(newer), len(finished)) == (1, 1), "everything on a page shows the same moment, read once"


def test_what_agents_read_is_a_light_list_and_opens_by_row(shop: Workbench) -> None:
    page = open_page(shop, "agent.py", "agent", span="all")
    assert not page.dataframe
    (listed,) = [node for node in page.get("bidi_component") if "agent_results" in node.proto.id]
    data = json.loads(listed.proto.json)
    assert data["heads"][data["title"]] == "Conversation"
    assert len(data["rows"]) > 1
    assert all(len(row) == len(data["heads"]) for row in data["rows"])


def test_an_agent_answers_a_red_line_while_there_is_time(shop: Workbench) -> None:
    now = datetime.now(UTC)
    with shop.db.write() as session:
        for days, rule in ((1, "R03"), (9, "R04")):
            session.add(
                Violation(
                    conversation_key=f"shop:amy-{rule}",
                    agent_id="amy",
                    rule_id=rule,
                    rule_version=1,
                    severity="major",
                    state="upheld",
                    occurred_at=now - timedelta(days=days),
                    opened_at=now,
                    changed_at=now - timedelta(days=days),
                    evidence=[],
                )
            )
    page = open_page(shop, "agent.py", "agent", span="all")
    entries = reports.agent_report(shop, Actor(5, Role.AGENT, "Amy", "amy"), agent_id="amy", scope=Scope()).ledger
    page.session_state["dialog_open"], page.session_state["dialog_beside"] = "ruling", entries[0]
    page.run()
    assert "object, until" in text_of(page) or [x for x in page.get("page_link") if "object, until" in x.proto.label]
    page.session_state["dialog_open"], page.session_state["dialog_beside"] = "ruling", entries[1]
    page.run()
    assert "The time to object ended on" in text_of(page)
    assert not [x for x in page.get("page_link") if "object, until" in x.proto.label]


def test_publishing_from_the_page(bench: Workbench) -> None:
    fill(bench)
    share(bench)
    try:
        plan = draws.create_plan(
            bench, LEAD, now=NOW, name="February", design=draws.PlanDesign(), seed="a-seed-for-the-page"
        )
        page = open_page(bench, "draws.py", "lead", plan=str(plan.id), since="2026-02-01", until="2026-02-28")
        assert not page.exception
        assert not page.warning, [w.value for w in page.warning]
        page.button(key="open_publish").click().run()
        page.button(key="publish_draw").click().run()
        assert not page.exception
        assert Worker(bench).run_waiting() == 1
        page.run()
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
    from tests.world.shop import people

    people(bench)
    share(bench)
    try:
        for file in ("trends.py", "ranking.py", "draws.py", "agent.py"):
            page = open_page(bench, file, "lead")
            assert not page.exception
            assert "sc-empty" in text_of(page)
    finally:
        share(None)


@pytest.mark.parametrize(("most", "end"), [(0.0, 1.0), (5.923, 6.0), (10.0, 10.0), (0.07, 0.08), (1.01, 1.5)])
def test_an_axis_from_zero_ends_at_a_round_number(most: float, end: float) -> None:
    assert _round_end(most) == pytest.approx(end)
    assert _round_end(most) >= most
