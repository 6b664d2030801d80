"""Figures of disputes: what counts for whom, exact intervals, and whose figure stands where cases are few."""

from __future__ import annotations

from datetime import timedelta

import pytest

from qa.disputes import settling
from qa.errors import Denied
from qa.policy import Actor, Role
from qa.reports import disputes as figures
from qa.reports import exporting, measures
from qa.reports.scope import Scope
from qa.workbench import Workbench
from tests.world.disputes import OPENED, T0, chat, dispute, put
from tests.world.redlines import AGENT, LEAD, people

NOW = T0 + timedelta(days=40)
SCOPE = Scope((T0 - timedelta(days=1)).date(), (T0 + timedelta(days=30)).date(), "dispute")


@pytest.fixture
def counted(bench: Workbench) -> Workbench:
    """400 chats of a1, 40 of a2; 40 disputes of a1 (8 with the platform, 4 against the shop), 2 of a2."""
    people(bench)
    chats = [
        chat(f"a{n}", [(n / 4, "customer", None, "在"), (n / 4 + 0.1, "agent", "a1", "您好")], order_id=f"o{n // 2}")
        for n in range(400)
    ]
    chats += [chat(f"b{n}", [(1, "agent", "a2", "您好")], order_id=f"p{n}") for n in range(40)]
    made = [
        dispute(
            f"d{n}",
            conversation_key=f"shop:a{n}",
            joined_by="given",
            agent_id=None,
            status="SUCCESS",
            refund_fee=1100,
            total_fee=1000,
            freight=200 if n < 5 else None,
            compensation=50 if n < 2 else None,
            cs_status=8 if n < 4 else 9 if n < 8 else 1,
            reason="质量" if n < 30 else "物流",
            opened_at=OPENED + timedelta(hours=n),
        )
        for n in range(40)
    ]
    made += [
        dispute(f"e{n}", conversation_key=f"shop:b{n}", joined_by="given", cs_status=1, refund_fee=500) for n in (0, 1)
    ]
    put(bench, chats, *made)
    return bench


def test_rates_with_exposure_and_exact_intervals(counted: Workbench) -> None:
    found = figures.figures(counted, LEAD, scope=SCOPE, by="agent")
    [one, two] = found.rows
    assert (one.group, one.own.disputes, one.own.exposure, one.rate_of) == ("a1", 40, 400, "own")
    assert one.rate.value == pytest.approx(0.1)
    assert (one.rate.low, one.rate.high) == (pytest.approx(0.0714, abs=1e-4), pytest.approx(0.1362, abs=1e-4))
    assert (one.own.refunded, one.own.beyond) == (44_000, 4_000)
    assert (one.own.freight, one.own.compensation) == (1_000, 100)
    assert (two.group, two.own.disputes, two.rate_of) == ("a2", 2, "all")  # its team expects fewer than ten as well
    assert two.rate.value == found.total.rate.value
    assert (found.total.own.stepped, found.total.own.against, found.total.own.known) == (8, 4, 42)
    orders = figures.figures(counted, LEAD, scope=SCOPE, by="team", exposure="orders")
    assert {row.group: row.own.exposure for row in orders.rows} == {"售前": 200, "售后": 40}
    assert all(row.rate_of == "own" for row in orders.rows)


def test_reasons_and_their_drift(counted: Workbench) -> None:
    later = Scope((OPENED + timedelta(hours=30)).date(), (OPENED + timedelta(hours=54)).date(), "dispute")
    found = figures.figures(counted, LEAD, scope=later, by="reason")
    assert {row.reason for row in found.reasons} == {"质量", "物流", ""}
    assert sum(row.now for row in found.reasons) + sum(row.before for row in found.reasons) == 42
    assert all(row.rate.known for row in found.rows)


def test_a_correction_moves_the_dispute(counted: Workbench) -> None:
    settling.settle(counted, LEAD, now=NOW, dispute_key="shop:d0", reason="错", conversation_key="shop:b5")
    found = figures.figures(counted, LEAD, scope=SCOPE, by="agent")
    assert {row.group: row.own.disputes for row in found.rows} == {"a1": 39, "a2": 3}


def test_before_and_after_a_measure(counted: Workbench) -> None:
    measures.create_measure(
        counted, LEAD, now=NOW, name="培训", on_day=(OPENED + timedelta(days=1)).date(), team="售前"
    )
    [row] = figures.figures(counted, LEAD, scope=SCOPE, by="week").measures
    assert row.before[0] + row.after[0] > 0
    assert row.ratio.known


def test_a_team_leader_sees_the_team_and_an_agent_nothing(counted: Workbench) -> None:
    found = figures.figures(counted, Actor(8, Role.TEAM_LEADER, "L", team="售后"), scope=SCOPE, by="agent")
    assert [row.group for row in found.rows] == ["a2"]
    assert found.total.own.disputes == 2
    with pytest.raises(Denied):
        figures.figures(counted, AGENT, scope=SCOPE)


def test_the_file_carries_intervals(counted: Workbench) -> None:
    frame = figures.frame(figures.figures(counted, LEAD, scope=SCOPE, by="agent"))
    assert {"rate_low", "rate_high", "rate_method", "rate_of", "stepped_low", "against_high"} <= set(frame.columns)
    made = exporting.export(counted, LEAD, now=NOW, what="disputes", frame=frame)
    assert b"clopper_pearson" in made.content
