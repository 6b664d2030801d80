"""Teams over time: which team, shop and stage an agent had on a day. A result belongs to the team of its day.

An agent who never moved needs no history: the roster holds for every day. The first move keeps what was before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from qa.tables import Agent, TeamMembership

DATED = ("team", "shop", "stage")
FIRST_DAY = date(1900, 1, 1)
"""From here on counts what was before the first move."""
SCHEMA = {"agent_id": pl.String, "from_day": pl.Date, "until": pl.Date, "team": pl.String}


def on(session: Session, agent: Agent, day: date) -> dict[str, str]:
    """Team, shop and stage of `agent` on `day`."""
    rows = select(TeamMembership).where(TeamMembership.agent_id == agent.agent_id, TeamMembership.from_day <= day)
    row = session.scalars(rows.order_by(TeamMembership.from_day.desc()).limit(1)).first() or agent
    return {name: getattr(row, name) for name in DATED}


def move(session: Session, agent: Agent, values: Mapping[str, object], day: date, now: datetime) -> bool:
    """Give `agent` the team, shop and stage in `values` from `day` on; returns whether anything changes.

    What was empty before is filled in for all days: nobody has moved who had no team yet. A day before the last move
    mends the past and leaves the roster as it is.
    """
    before = on(session, agent, day)
    after = {**before, **{name: str(values[name]) for name in DATED if name in values}}
    if before == after:
        return False
    kept = list(
        session.scalars(
            select(TeamMembership).where(TeamMembership.agent_id == agent.agent_id).order_by(TeamMembership.from_day)
        )
    )
    for row in kept:
        for name in DATED:
            setattr(row, name, getattr(row, name) or after[name])
    if any(before[name] and before[name] != after[name] for name in DATED):
        if not kept:
            was = {name: before[name] or after[name] for name in DATED}
            session.add(TeamMembership(agent_id=agent.agent_id, from_day=FIRST_DAY, created_at=now, **was))
        same = next((row for row in kept if row.from_day == day), None)
        if same is None:
            session.add(TeamMembership(agent_id=agent.agent_id, from_day=day, created_at=now, **after))
        else:
            for name in DATED:
                setattr(same, name, after[name])
    if day >= max((row.from_day for row in kept), default=FIRST_DAY):
        for name in DATED:
            setattr(agent, name, after[name])
    session.flush()
    return True


def history(session: Session) -> pl.DataFrame:
    """Every agent who has moved: team from `from_day` until the day before `until` (null: still)."""
    rows = session.execute(
        select(TeamMembership.agent_id, TeamMembership.from_day, TeamMembership.team).order_by(
            TeamMembership.agent_id, TeamMembership.from_day
        )
    )
    frame = pl.DataFrame(
        [tuple(row) for row in rows],
        schema={"agent_id": pl.String, "from_day": pl.Date, "team": pl.String},
        orient="row",
    )
    return frame.with_columns(until=pl.col("from_day").shift(-1).over("agent_id")).select(list(SCHEMA))


def with_team(rows: pl.LazyFrame, roster: pl.DataFrame, moves: pl.DataFrame) -> pl.LazyFrame:
    """`rows` (`agent_id`, `day`) with the `team` of their day; null for who has none. `roster`: agent_id, team."""
    teams = roster.lazy().select("agent_id", pl.col("team").replace("", None))
    if moves.is_empty():
        return rows.join(teams, on="agent_id", how="left")
    movers = moves["agent_id"].unique().implode()
    steady = rows.filter(~pl.col("agent_id").is_in(movers).fill_null(False)).join(teams, on="agent_id", how="left")
    spans = moves.lazy().with_columns(pl.col("team").replace("", None))
    moved = rows.filter(pl.col("agent_id").is_in(movers)).join(spans, on="agent_id", how="inner")
    day, until = pl.col("day"), pl.col("until")
    there = moved.filter(
        (day.is_null() & until.is_null()) | ((day >= pl.col("from_day")) & (until.is_null() | (day < until)))
    )
    return pl.concat([steady, there.drop("from_day", "until")])


def teams_of(
    roster: pl.DataFrame, moves: pl.DataFrame, teams: list[str], first: date | None, last: date | None
) -> list[str]:
    """Agents who belonged to one of `teams` on some day between `first` and `last` (null: open)."""
    steady = roster.join(moves, on="agent_id", how="anti").filter(pl.col("team").is_in(teams))["agent_id"]
    spans = moves.filter(pl.col("team").is_in(teams))
    if first:
        spans = spans.filter(pl.col("until").is_null() | (pl.col("until") > first))
    if last:
        spans = spans.filter(pl.col("from_day") <= last)
    return sorted({*steady.to_list(), *spans["agent_id"].to_list()})
