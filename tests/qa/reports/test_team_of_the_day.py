"""A result belongs to the team of its day: moving somebody changes no past."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sqlalchemy import select

from qa.people import teams
from qa.policy import Actor
from qa.reports import Scope, trends
from qa.reports.progress import read_progress
from qa.reports.scope import FactsReader
from qa.tables import Agent, TeamMembership
from qa.workbench import Workbench
from tests.qa.ingest.files import write_csv
from tests.qa.ingest.test_formats import load
from tests.world.judged import judge

FEBRUARY = Scope(date(2026, 2, 1), date(2026, 2, 28))


def by_team(bench: Workbench, lead: Actor, scope: Scope) -> pl.DataFrame:
    found = trends.trend(bench, lead, scope=scope, metric="total", by="team", bucket="month")
    return found.frame.select("group", "period", "n", "value").sort("group", "period")


def counts(bench: Workbench, scope: Scope) -> dict[str | None, int]:
    with FactsReader(bench) as reader:
        return dict(reader.rows(scope).group_by("team").len().collect().iter_rows())


def roster(bench: Workbench, lead: Actor, now: datetime, folder: Path, *rows: tuple[str, str]) -> None:
    path = write_csv(folder / "roster.csv", [{"agent_id": agent, "name": "", "team": team} for agent, team in rows])
    load(bench, lead, now, path, kind="agents")


def test_a_move_today_changes_no_past_and_counts_from_today_on(
    any_bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    judge(any_bench, lead, now)
    with any_bench.db.read() as session:
        agents = dict(session.execute(select(Agent.agent_id, Agent.team).where(Agent.team != "")).all())
    before, numbers = by_team(any_bench, lead, FEBRUARY), counts(any_bench, FEBRUARY)
    mover, old = sorted(agents.items())[0]
    roster(any_bench, lead, now, tmp_path, (mover, "新组"))
    assert counts(any_bench, FEBRUARY) == numbers
    assert_frame_equal(by_team(any_bench, lead, FEBRUARY), before)
    with any_bench.db.read() as session:
        assert session.get_one(Agent, mover).team == "新组"
        kept = [(m.from_day, m.team) for m in session.scalars(select(TeamMembership).order_by(TeamMembership.from_day))]
    assert kept == [(teams.FIRST_DAY, old), (now.astimezone(any_bench.config.zone).date(), "新组")]
    only = Scope(FEBRUARY.first, FEBRUARY.last, teams=("新组",))
    assert counts(any_bench, only) == {}
    with FactsReader(any_bench) as reader:
        assert read_progress(reader, only).pending == 0
    roster(any_bench, lead, now + timedelta(days=1), tmp_path, (mover, old))
    assert counts(any_bench, FEBRUARY) == numbers


@pytest.mark.parametrize("day", [date(2026, 2, 10), date(2026, 2, 20)])
def test_a_move_in_the_past_splits_its_days(any_bench: Workbench, lead: Actor, now: datetime, day: date) -> None:
    judge(any_bench, lead, now)
    with any_bench.db.read() as session:
        mover, old = session.execute(
            select(Agent.agent_id, Agent.team).where(Agent.team != "").order_by(Agent.agent_id)
        ).first() or ("", "")
    with FactsReader(any_bench) as reader:
        days = reader.rows(FEBRUARY).filter(pl.col("agent_id") == mover).select("day").collect()["day"]
    with any_bench.db.write() as session:
        assert teams.move(session, session.get_one(Agent, mover), {"team": "新组"}, day, now)
    with FactsReader(any_bench) as reader:
        mine = reader.rows(FEBRUARY).filter(pl.col("agent_id") == mover).group_by("team").len().collect()
        assert dict(mine.iter_rows()) == {
            k: v for k, v in ((old, int((days < day).sum())), ("新组", int((days >= day).sum()))) if v
        }
        assert reader.moved(FEBRUARY, "team")
        assert not reader.moved(Scope(date(2026, 1, 1), date(2026, 1, 31)), "team")
    by_team(any_bench, lead, FEBRUARY)


def test_a_first_team_is_no_move(any_bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    roster(any_bench, lead, now, tmp_path, ("a9", ""))
    roster(any_bench, lead, now, tmp_path, ("a9", "一组"))
    with any_bench.db.read() as session:
        assert session.scalars(select(TeamMembership)).all() == []
        assert session.get_one(Agent, "a9").team == "一组"
