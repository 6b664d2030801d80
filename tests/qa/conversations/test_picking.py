"""Named picks: scored like a sample, and shut out of every estimate."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import DatabaseError

from qa import reports
from qa.calibration import severities
from qa.calibration.comparing import inspected
from qa.conversations import picking
from qa.db import Database
from qa.desk import inspecting, queue
from qa.errors import Conflict, Denied, Invalid
from qa.people import accounts
from qa.people.accounts import Account
from qa.policy import SYSTEM, Role
from qa.redlines import quality
from qa.rubrics import versions as rubrics
from qa.tables import Sample, Verdict
from qa.transcripts import handle
from qa.verdicts import facts
from qa.workbench import Workbench
from scoring.sheet import Sheet
from tests.world.conversations import ADMIN, INSPECTOR, LEAD, NOW, fill, said

LATER = NOW + timedelta(minutes=20)


@pytest.fixture
def mei(any_bench: Workbench) -> Account:
    fill(any_bench, {"c1": said("退款", "好的"), "c2": said("发货", "好的")})
    rubrics.load_default(any_bench, SYSTEM, now=NOW)
    return accounts.create_user(any_bench, SYSTEM, now=NOW, login="mei", role=Role.INSPECTOR)


def _pick(bench: Workbench, who: int, key: str = "c1") -> int:
    return picking.pick(bench, LEAD, handle(key), now=NOW, inspector_id=who, reason="a complaint")


def _score(bench: Workbench, person: Account) -> int:
    claim = queue.claim_next(bench, person.actor, now=NOW)
    assert isinstance(claim, queue.Claim)
    inspecting.submit(
        bench, person.actor, now=NOW, assignment_id=claim.assignment_id, version=claim.version, sheet=Sheet(),
        nonce="0123456789abcdef0123", active_seconds=60,
    )  # fmt: skip
    return claim.sample_id


def test_a_pick_is_scored_and_enters_no_estimate(any_bench: Workbench, mei: Account) -> None:
    picked = _pick(any_bench, mei.id)
    assert _pick(any_bench, mei.id) == picked
    assert picking.open_pick(any_bench, LEAD, handle("c1")) is not None
    assert _score(any_bench, mei) == picked
    with any_bench.db.read() as session:
        sample = session.get_one(Sample, picked)
        assert (sample.pi, sample.draw_id, sample.reason) == (None, None, "named")
        assert session.scalar(select(Verdict.total).where(Verdict.sample_id == picked)) == 10_000
        assert facts.scan(any_bench, session).collect().is_empty()
        assert severities.scores(session, first=None, before=None).is_empty()
        assert inspected(session) == []
    facts.compact(any_bench, LATER)
    assert any_bench.archive.at().count("facts") == 0
    assert reports.trend(
        any_bench, LEAD, scope=reports.Scope(), metric="total", by="all", bucket="week"
    ).frame.is_empty()
    assert all(one.reviewed == 0 for one in quality.misses(any_bench, LEAD))


def test_a_pick_is_taken_back_while_nobody_has_inspected_it(any_bench: Workbench, mei: Account) -> None:
    picked = _pick(any_bench, mei.id)
    picking.take_back(any_bench, LEAD, now=NOW, sample_id=picked)
    picking.take_back(any_bench, LEAD, now=NOW, sample_id=picked)
    assert picking.open_pick(any_bench, LEAD, handle("c1")) is None
    assert isinstance(queue.claim_next(any_bench, mei.actor, now=NOW), queue.Empty)
    again = _pick(any_bench, mei.id)
    assert again != picked
    _score(any_bench, mei)
    with pytest.raises(Conflict):
        picking.take_back(any_bench, LEAD, now=NOW, sample_id=again)
    with pytest.raises(Conflict):
        _pick(any_bench, mei.id)


def test_what_a_pick_needs(any_bench: Workbench, mei: Account) -> None:
    with pytest.raises(Invalid):
        picking.pick(any_bench, LEAD, handle("c1"), now=NOW, inspector_id=mei.id, reason=" ")
    for reader in (ADMIN, INSPECTOR):
        with pytest.raises(Denied):
            picking.pick(any_bench, reader, handle("c1"), now=NOW, inspector_id=mei.id, reason="a complaint")
    agent = accounts.create_user(any_bench, SYSTEM, now=NOW, login="a1", role=Role.INSPECTOR, agent_id="a1")
    with pytest.raises(Denied):
        _pick(any_bench, agent.id)


def test_the_database_refuses_a_pick_with_a_chance_and_a_drawn_sample_without(database_url: str) -> None:
    db = Database(database_url)
    sample = {
        "unit_id": "u", "source": "chat", "agent_id": "a", "stratum": "", "u": 0.5, "rank": 1, "transcript_id": 1,
    }  # fmt: skip
    for more in ({"reason": "named", "pi": 0.5}, {"reason": "base", "pi": None}):
        with pytest.raises(DatabaseError, match=r"(?i)named"):
            with db.write() as session:
                session.execute(insert(Sample).values(**sample, **more))
    db.close()
