"""A team leader reads what is of the team, in its days, and nothing of another one: every reading service, and every
page."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sqlalchemy import select, update
from streamlit.testing.v1 import AppTest

from pages.kit.nav import ENTRIES
from qa import draws, reports, scoping
from qa.calibration import comparing, doubles, gold, pace
from qa.casefiles import record
from qa.desk import history, queue
from qa.errors import Denied, NotFound, SpotcheckError
from qa.library import cases
from qa.people import accounts, roster, signins, teams
from qa.policy import RIGHTS, SYSTEM, Actor, Right, Role
from qa.redlines import board, detail, quality, repeats
from qa.reports import Scope, boards, exporting, trends
from qa.reports.results import result, results
from qa.reports.standings import ranking, standings
from qa.rules import versions as rules
from qa.tables import Agent, Verdict
from qa.upkeep import health, trail
from qa.verdicts import appeals, corrections, reading
from qa.workbench import Workbench, share
from tests.world.judged import judge

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
LEAD = Actor(1, Role.LEAD, "Lead")
NORTH = Actor(90, Role.TEAM_LEADER, "North", team="north")
SOUTH = Actor(91, Role.TEAM_LEADER, "South", team="south")
NOBODY = Actor(92, Role.TEAM_LEADER, "Nobody", team=None)
MOVED = date(2026, 2, 12)
FEBRUARY = Scope(date(2026, 2, 1), date(2026, 2, 28))
ROOT = Path(__file__).parents[3]


def world(bench: Workbench) -> None:
    """Amy and bob in the north, cui and dan in the south; on 12 February bob goes south. A case file of each."""
    judge(bench, LEAD, NOW)
    with bench.db.write() as session:
        for agent, team in (("amy", "north"), ("bob", "north"), ("cui", "south"), ("dan", "south")):
            session.execute(update(Agent).where(Agent.agent_id == agent).values(team=team, name=f"{agent}-secret"))
        teams.move(session, session.get_one(Agent, "bob"), {"team": "south"}, MOVED, NOW)
        for agent in ("amy", "bob", "cui", "dan"):
            for k in (2, 25):  # before and after the move
                at = datetime(2026, 2, 1, 2, tzinfo=UTC) + timedelta(hours=20 * k)
                hit = (record.Evidence(1, 0, 2, f"said-by-{agent}-{k}"),)
                key = f"shop:{agent}-{k:03d}"
                record.open_files(session, [record.Finding(key, agent, "R03", 1, "critical", at, hit)], NOW)


@pytest.fixture
def shop(any_bench: Workbench) -> Workbench:
    world(any_bench)
    return any_bench


def theirs(agent: str, day: date, team: str) -> bool:
    """Who is of the team on a day, said once more without the code under test."""
    if agent == "bob":
        return team == ("north" if day < MOVED else "south")
    return team == ("north" if agent == "amy" else "south")


@pytest.mark.parametrize("leader", [NORTH, SOUTH], ids=lambda actor: actor.name)
def test_results_files_and_figures_are_those_of_the_team_in_its_days(shop: Workbench, leader: Actor) -> None:
    team = str(leader.team)
    zone = shop.config.zone
    every = results(shop, LEAD, scope=FEBRUARY)
    wanted = {
        row["verdict_id"]
        for row in every.iter_rows(named=True)
        if theirs(row["agent_id"], row["occurred_at"].astimezone(zone).date(), team)
    }
    mine = results(shop, leader, scope=FEBRUARY)
    assert set(mine["verdict_id"]) == wanted
    assert 0 < len(wanted) < every.height
    for number in every["verdict_id"]:
        if number in wanted:
            assert result(shop, leader, number, "en").inspector == ""
            reading.view(shop, leader, verdict_id=number, language="en")
        else:
            with pytest.raises(NotFound):
                result(shop, leader, number, "en")
            with pytest.raises(Denied):
                reading.view(shop, leader, verdict_id=number, language="en")
    told = trends.trend(shop, leader, scope=FEBRUARY, by="agent", bucket="month")
    assert set(told.frame["group"]) <= {"amy", "bob"} if team == "north" else {"bob", "cui", "dan"}
    assert trends.trend(shop, leader, scope=FEBRUARY, by="team", bucket="month").frame["group"].to_list() == [team]
    assert trends.overview(shop, leader).teams == (team,)
    same = trends.trend(shop, LEAD, scope=Scope(FEBRUARY.first, FEBRUARY.last, teams=(team,)), bucket="month")
    assert_frame_equal(trends.trend(shop, leader, scope=FEBRUARY, bucket="month").frame, same.frame)
    files = board.listing(shop, leader, board.Filter(), now=NOW).rows
    assert files
    assert all(theirs(row.agent_id, row.occurred_at.astimezone(zone).date(), team) for row in files if row.occurred_at)
    ids = {row.id for row in files}
    for row in board.listing(shop, LEAD, board.Filter(), now=NOW).rows:
        if row.id in ids:
            detail.case_file(shop, leader, row.id, now=NOW)
        else:
            with pytest.raises(Denied):
                detail.case_file(shop, leader, row.id, now=NOW)


def test_reports_about_one_agent_hold_the_days_in_the_team_only(shop: Workbench, tmp_path: Path) -> None:
    assert [one.agent_id for one in reports.roster(shop, NORTH)] == ["amy", "bob"]
    assert [one.agent_id for one in reports.roster(shop, SOUTH)] == ["bob", "cui", "dan"]
    bob = reports.agent_report(shop, NORTH, agent_id="bob", scope=FEBRUARY)
    whole = reports.agent_report(shop, LEAD, agent_id="bob", scope=FEBRUARY)
    assert 0 < bob.score.n < whole.score.n
    assert len(bob.ledger) == 1 < len(whole.ledger) == 2
    assert bob.replies is None or bob.replies.conversations < whole.replies.conversations  # type: ignore[union-attr]
    with pytest.raises(Denied):
        reports.agent_report(shop, NORTH, agent_id="cui", scope=FEBRUARY)
    file = tmp_path / "v.csv"
    exporting.export_verdicts(shop, NORTH, now=NOW, path=file)
    assert set(pl.read_csv(file)["agent_id"]) == {"amy", "bob"}
    assert {row.agent_id for row in repeats.repeats(shop, NORTH, now=NOW)} <= {"amy"}
    assert dict(board.choices(shop, NORTH).agents).keys() == {"amy", "bob"}
    with shop.db.read() as session:
        verdict = session.scalar(select(Verdict).where(Verdict.agent_id == "dan"))
    assert verdict is not None
    with pytest.raises(Denied):
        cases.material(shop, NORTH, now=NOW, sample_id=verdict.sample_id, violation_id=None)


def test_a_leader_does_not_read_where_somebody_moved_to(shop: Workbench) -> None:
    assert {one.team for one in reports.roster(shop, NORTH)} == {"north"}
    assert {one.team for one in reports.roster(shop, LEAD) if one.agent_id == "bob"} == {"south"}
    assert reports.agent_report(shop, NORTH, agent_id="bob", scope=FEBRUARY).person.team == "north"
    assert board.choices(shop, NORTH).teams == ("north",)
    found = board.listing(shop, NORTH, board.Filter(), now=NOW).rows
    assert {(row.agent_id, row.team) for row in found} == {("amy", "north"), ("bob", "north")}
    bob = next(row for row in found if row.agent_id == "bob")
    assert detail.case_file(shop, NORTH, bob.id, now=NOW).row.team == "north"
    assert len(board.listing(shop, NORTH, board.Filter(team="north"), now=NOW).rows) == len(found)
    assert not board.listing(shop, NORTH, board.Filter(team="south"), now=NOW).rows


def test_who_leads_no_team_or_asks_for_another_gets_nothing(shop: Workbench) -> None:
    for scope, leader in ((FEBRUARY, NOBODY), (Scope(teams=("south",)), NORTH)):
        for ask in (
            trends.trend,
            standings,
            ranking,
            boards.heat_map,
            boards.losses,
            results,
        ):
            with pytest.raises(Denied):
                ask(shop, leader, scope=scope)  # type: ignore[operator]
    assert board.listing(shop, NOBODY, board.Filter(), now=NOW).rows == ()
    assert reports.roster(shop, NOBODY) == []


FOREIGN: tuple[Callable[[Workbench, Actor], Any], ...] = (
    lambda bench, actor: draws.list_plans(bench, actor),
    lambda bench, actor: draws.list_draws(bench, actor),
    lambda bench, actor: draws.get_draw(bench, actor, 1),
    lambda bench, actor: quality.false_alarms(bench, actor),
    lambda bench, actor: rules.listing(bench, actor, today=NOW.date()),
    lambda bench, actor: gold.gold_results(bench, actor),
    lambda bench, actor: doubles.disagreements(bench, actor),
    lambda bench, actor: doubles.comparison(bench, actor, sample_id=1),
    lambda bench, actor: comparing.programme(bench, actor, since=NOW),
    lambda bench, actor: pace.pace(bench, actor, since=NOW),
    lambda bench, actor: queue.claim_next(bench, actor, now=NOW),
    lambda bench, actor: history.past(bench, actor, inspector_id=2),
    lambda bench, actor: history.record(bench, actor, inspector_id=2),
    lambda bench, actor: trail.entries(bench, actor),
    lambda bench, actor: trail.security(bench, actor),
    lambda bench, actor: exporting.export_verdicts(bench, Actor(5, Role.AGENT, "A", "amy"), now=NOW, path=Path("/x")),
    lambda bench, actor: health.examine(bench, actor),
    lambda bench, actor: accounts.users(bench, actor),
    lambda bench, actor: roster.roster(bench, actor),
    lambda bench, actor: appeals.set_window(bench, actor, now=NOW, days=3),
    lambda bench, actor: corrections.decide(bench, actor, now=NOW, correction_id=1, accept=True),
)


def test_what_is_of_no_team_is_not_for_its_leader(shop: Workbench) -> None:
    for ask in FOREIGN:
        with pytest.raises(Denied):
            ask(shop, NORTH)


def test_moments_decide_and_what_has_none_counts_to_the_team_of_today(shop: Workbench) -> None:
    north, south = scoping.days_of(shop, NORTH), scoping.days_of(shop, SOUTH)
    assert north is not None
    assert south is not None
    edge = datetime(2026, 2, 11, 16, tzinfo=UTC)  # midnight of the business time zone
    rows = pl.DataFrame({"who": ["bob"] * 3 + ["amy"], "at": [edge - timedelta(seconds=1), edge, None, edge]})
    rows = rows.with_columns(pl.col("at").cast(pl.Datetime("us", "UTC")))
    for days, expected in ((north, [True, False, False, True]), (south, [False, True, True, False])):
        assert rows.select(days.expression(pl.col("who"), pl.col("at"))).to_series().to_list() == expected
        assert [days.holds(who, at) for who, at in rows.iter_rows()] == expected
    assert scoping.days_of(shop, LEAD) is None
    assert scoping.seen_rows(shop, NORTH, rows.lazy(), "who", "at").collect().height == 2


def test_no_right_of_a_team_leader_is_one_of_everybody() -> None:
    assert RIGHTS[Role.TEAM_LEADER].isdisjoint(
        {Right.VIEW_RESULTS, Right.VIEW_VIOLATIONS, Right.UNMASK, Right.CALIBRATE}
    )
    assert "TEAM" in inspect.getsource(Right)


# every page


@pytest.fixture
def paged(bench: Workbench) -> Iterator[Workbench]:
    world(bench)
    share(bench)
    yield bench
    share(None)


def leader_of(bench: Workbench, team: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    made = accounts.create_user(
        bench, SYSTEM, now=now, login=f"leads-{team}", role=Role.TEAM_LEADER, home_team=team, language="en"
    )
    opened = signins.sign_in_by_link(bench, signins.new_link(bench, SYSTEM, made.id, now=now), now=now)
    return {"session": signins.session_mark(bench, opened.token, now=now)}


def test_no_page_shows_a_leader_another_team(paged: Workbench) -> None:
    who = leader_of(paged, "north")
    shown = ""
    for entry in ENTRIES:
        script = (
            "import runpy\nfrom pages.kit.guard import enter\nfrom pages.kit.nav import navigation\n"
            f"navigation(enter())\nrunpy.run_path({str(entry.path)!r})\n"
        )
        page = AppTest.from_string(script, default_timeout=60)
        page.user = who
        page.query_params["period"] = "all"
        page.run()
        assert not page.exception, entry.file
        text = everything(page)
        for secret in ("cui-secret", "dan-secret", "said-by-cui", "said-by-dan", "said-by-bob-25"):
            assert secret not in text, (entry.file, secret)
        shown += text
    assert "amy-secret" in shown
    assert "said-by-amy-2" in shown


def everything(page: AppTest) -> str:
    """All that was sent to the browser."""
    return "".join(str(element.proto) for element in page.main) + "".join(
        str(element.proto) for element in page.sidebar
    )


def test_without_a_team_there_is_no_leader(bench: Workbench) -> None:
    with pytest.raises(SpotcheckError):
        accounts.create_user(bench, SYSTEM, now=NOW, login="x", role=Role.TEAM_LEADER)
