"""The agent roster: rows of a roster file, and agents that chats name but the roster does not know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime

import polars as pl
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from qa.ingest import chats, records
from qa.ingest.cells import Cells
from qa.ingest.problems import ProblemLog
from qa.ingest.reading import RowBatch
from qa.ingest.requests import AGENTS, SAMPLE_ROWS, ImportCounts, LoadedFile, LoadRequest
from qa.ingest.speakers import BOT_NAME, People
from qa.people import aliases, teams
from qa.tables import Agent, Sample, User, Violation
from qa.workbench import Workbench

COLUMNS = ("name", "team", "shop", "stage", "grade", "hired_on", "left_on")


def load(job: LoadRequest, pieces: Iterator[RowBatch], log: ProblemLog) -> LoadedFile:
    """The rows of a roster file. A roster is small: it is collected whole and written by `put`."""
    frames = [
        records.agents(Cells(chats.without_blank_rows(piece.frame), job.mapping, job.zone, log)) for piece in pieces
    ]
    found, duplicates = records.without_repeats(pl.concat(frames), "agent_id", "agent_id", log)
    agents = found.with_columns(pl.col("name").fill_null(pl.col("agent_id")))
    counts = ImportCounts(rows=sum(frame.height for frame in frames), new=found.height, duplicates=duplicates)
    return LoadedFile(counts, agents, agents.head(SAMPLE_ROWS))


def people(bench: Workbench, besides: Sequence[str] = ()) -> People:
    """The accounts of the roster, and the names that only one agent has; without those of `besides` who have no
    team."""
    with bench.db.read() as session:
        known = session.execute(select(Agent.agent_id, Agent.name, Agent.team)).all()
        others = aliases.known(session)
    # a bot that an earlier import took for a person has no team
    rows = [(agent, name) for agent, name, team in known if team or not (BOT_NAME.search(agent) or agent in besides)]
    times = Counter(name for _, name in rows)
    accounts = {name: agent for agent, name in rows if times[name] == 1} | {agent: agent for agent, _ in rows}
    return People(accounts | {alias.account: alias.account for alias in others}, others)


def put(session: Session, loaded: LoadedFile, now: datetime, today: date) -> ImportCounts:
    """Write the roster: empty cells leave what is known; who changes teams does so from `today` on. Returns the counts
    with what really changed."""
    known = {agent.agent_id: agent for agent in session.execute(select(Agent)).scalars()}
    new = changed = unchanged = 0
    for row in loaded.agents.iter_rows(named=True):
        values = {name: row[name] for name in COLUMNS if row.get(name) is not None}
        agent = known.get(row["agent_id"])
        if agent is None:
            session.add(
                Agent(
                    agent_id=row["agent_id"],
                    updated_at=now,
                    **{**dict.fromkeys(("team", "shop", "stage", "grade"), ""), **values},
                )
            )
            new += 1
        elif any(getattr(agent, name) != value for name, value in values.items()):
            teams.move(session, agent, values, today, now)
            for name, value in values.items():
                setattr(agent, name, value)
            agent.updated_at = now
            changed += 1
        else:
            unchanged += 1
    session.flush()
    return replace(loaded.counts, new=new, changed=changed, unchanged=unchanged)


def unknown(session: Session, agents: pl.DataFrame) -> pl.DataFrame:
    """Those of `agents` that the roster does not know."""
    known = set(session.execute(select(Agent.agent_id)).scalars()) if agents.height else set()
    return agents.select(list(AGENTS)).filter(~pl.col("agent_id").is_in(list(known)))


def drop_unknown(session: Session, agents: Sequence[str]) -> int:
    """Agents whom only a mistaken reading brought leave the roster, unless somebody has said anything about them;
    returns how many."""
    if not agents:
        return 0
    spoken_of = {
        *session.scalars(select(Sample.agent_id).where(Sample.agent_id.in_(agents))),
        *session.scalars(select(User.agent_id).where(User.agent_id.in_(agents))),
        *session.scalars(select(Violation.agent_id).where(Violation.agent_id.in_(agents))),
    }
    going = [agent for agent in agents if agent not in spoken_of]
    nobody = Agent.team == "", Agent.shop == "", Agent.stage == "", Agent.grade == ""
    done = session.execute(delete(Agent).where(Agent.agent_id.in_(going), *nobody))
    return int(done.rowcount)  # type: ignore[attr-defined]


def add_unknown(session: Session, agents: Sequence[tuple[str, str]], now: datetime) -> int:
    """Agents (id, name) the roster does not know join it without a team; returns how many."""
    known = set(session.execute(select(Agent.agent_id)).scalars()) if agents else set()
    rows = [
        {
            "agent_id": agent[:200],
            "name": (name or agent)[:200],
            "team": "",
            "shop": "",
            "stage": "",
            "grade": "",
            "updated_at": now,
        }
        for agent, name in agents
        if agent not in known
    ]
    if rows:
        session.execute(insert(Agent), rows)
    return len(rows)
