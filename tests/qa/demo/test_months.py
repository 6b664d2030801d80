"""The demo's months: sheets agree with the planted truth, a second load adds nothing, and nothing lies in the
future."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
from sqlalchemy import select

from qa.assessment import facts, sheets
from qa.demo import months
from qa.demo.people import LEAD, SECOND_LEAD, make_accounts, make_roster
from qa.demo.world import agents
from qa.policy import SYSTEM
from qa.tables import Assessment, AuditEntry, ImportRun
from qa.workbench import Workbench

NOW = datetime(2026, 3, 11, 6, 0, tzinfo=UTC)


def test_sheets_agree_with_the_truth(bench: Workbench) -> None:
    people = agents("demo", date(2026, 1, 12))
    make_roster(bench, NOW, people)
    users = make_accounts(bench, NOW, people)
    for _ in range(2):
        months.load(bench, users[LEAD].actor, users[SECOND_LEAD].actor, now=NOW, seed="demo", people=people)
    with bench.db.read() as session:
        moments = [*session.scalars(select(AuditEntry.at)), *session.scalars(select(ImportRun.started_at))]
        assert len(session.scalars(select(ImportRun.id).where(ImportRun.kind == "indicators")).all()) == 3
        assert len(session.scalars(select(Assessment.id)).all()) == months.MONTHS + 1
    assert max(moments) <= NOW
    assert facts.current(bench.archive.at())["until"].max() == date(2026, 2, 28)
    heads = sheets.sheets(bench, SYSTEM)
    assert {(f"{h.month:%m}", h.months, h.state) for h in heads} == {
        ("11", 1, "final"), ("12", 1, "final"), ("01", 1, "final"), ("02", 1, "final"), ("02", 3, "final"),
    }  # fmt: skip
    [pooled] = [head for head in heads if head.pooled]
    truth = {agent.agent_id: months.level_of(agent) for agent in people}
    inside, grades = [], 0
    for entry in sheets.entries(bench, SYSTEM, pooled.id):
        lines = {line["indicator"]: line for line in entry.result["lines"]}
        for name, true in (
            ("satisfaction", truth[entry.agent_id].satisfied),
            ("response_time", truth[entry.agent_id].reply_s),
        ):
            if (line := lines.get(name)) and line["low"] is not None and not line["method"].startswith("team_"):
                inside.append(line["low"] <= true <= line["high"])
        grades += bool(entry.result["stated"])
    assert len(inside) > 40
    assert sum(inside) >= 0.9 * len(inside)
    assert grades > 20
    newcomer = next(agent for agent in people if agent.grade == "P1")
    worked = facts.current(bench.archive.at()).filter(pl.col("account") == newcomer.agent_id)["day"].min()
    assert worked >= newcomer.hired_on  # type: ignore[operator]
