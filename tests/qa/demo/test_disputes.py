"""The demo's disputes against their truth: every planted join is found and none is wrong, whoever answers is right,
and the ledger judges the planted promises as they were kept or broken."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from qa import ingest, screening
from qa.demo.generate import DemoData, generate
from qa.disputes import case, listing, statements
from qa.policy import SYSTEM
from qa.promises import reading
from qa.workbench import Workbench
from tests.world.rules import publish, rule

NOW = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def loaded(bench: Workbench) -> tuple[Workbench, DemoData]:
    data = generate("truth", date(2026, 3, 1), scale=0.3, weeks=4)
    publish(bench, rule("T01", "滚"))
    ingest.commit_frames(bench, SYSTEM, now=NOW, tables=data.tables, source="demo", file_name="demo.jsonl")
    screening.screen(bench, SYSTEM, now=NOW)
    return bench, data


def test_the_demo_is_true(loaded: tuple[Workbench, DemoData]) -> None:
    bench, data = loaded
    seen = {row.key: row for row in listing.rows(bench, SYSTEM, now=NOW)}
    assert set(data.disputes["join"]) == {"given", "order", "customer", "several", "none"}
    for row in data.disputes.iter_rows(named=True):
        found = seen[row["dispute_key"]]
        assert (found.conversation_key, found.agent_id) == (row["conversation_key"], row["agent_id"]), row
        assert (found.joined_by or "none") == row["join"]
        assert bool(found.todo) == (row["conversation_key"] is None)
    made = {
        (p.conversation_key, p.seq): p
        for p in reading.as_promises(
            reading.judged(bench, bench.archive.at(), bench.archive.at().scan("promises"), NOW)
        )
    }
    assert set(data.promises["status"]) == {"kept", "broken"}
    for row in data.promises.iter_rows(named=True):
        one = made[row["conversation_key"], row["seq"]]
        assert (one.kind, one.amount, one.status.value) == (row["kind"], row["amount"], row["status"]), row
    against = data.disputes.filter(
        pl.col("faults").list.contains("differs_in_record") & pl.col("conversation_key").is_not_null()
    )
    told = [case.read(bench, SYSTEM, key, now=NOW) for key in against["dispute_key"].head(3)]
    assert all(one.transcript.dispute is not None and one.chapters for one in told)
    assert statements.said("") == frozenset()
