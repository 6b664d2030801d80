"""The ledger: promises with what became of them, and a person's word against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from qa import screening
from qa.errors import Denied, Invalid, NotFound
from qa.policy import SYSTEM, Role
from qa.promises import ledger, odds, reading, ruling, tables
from qa.tables import AuditEntry, DisputeSettlement, PromiseRuling
from qa.workbench import Workbench
from scoring.promises import PromiseEvidence, PromiseStatus
from tests.world.redlines import AGENT, LEAD, T0, chats
from tests.world.rules import publish, rule

LATER = T0 + timedelta(days=30)
SAID = [("customer", "什么时候退款"), ("agent", "24小时内给您退款50元"), ("agent", "明天给您回电")]


@pytest.fixture
def shop(bench: Workbench, now: datetime) -> Workbench:
    publish(bench, rule("T01", "滚"))
    heads, lines = chats([("shop:1", "a1", SAID), ("shop:2", "a2", [("agent", "今天一定给您发货")])])
    heads = heads.with_columns(order_id=pl.Series(["o1", "o2"]), shop=pl.lit("s"))
    refund = {
        "dispute_key": "shop:d1", "order_id": "o1", "status": "SUCCESS", "refund_fee": 5000,
        "opened_at": T0 + timedelta(hours=1), "closed_at": T0 + timedelta(hours=2),
        "shop": "s",
    }  # fmt: skip
    with bench.archive.change("import", T0) as change:
        change.append("conversations", heads)
        change.append("messages", lines)
        change.append("disputes", pl.DataFrame([refund]))
    screening.screen(bench, SYSTEM, now=now)
    return bench


def statuses(bench: Workbench) -> list[tuple[str, PromiseStatus, PromiseEvidence]]:
    return [(p.kind, p.status, p.evidence) for p in reading.of_order(bench, "o1", LATER)]


def test_what_the_data_say(shop: Workbench) -> None:
    assert statuses(shop) == [
        ("refund", PromiseStatus.KEPT, PromiseEvidence.REFUND),
        ("call_back", PromiseStatus.UNKNOWN, PromiseEvidence.NOTHING),
    ]
    assert [p.amount for p in reading.of_conversation(shop, "shop:1", LATER)] == [5000, None]


def test_a_ruling_stands_against_the_data(shop: Workbench, now: datetime) -> None:
    key = reading.of_order(shop, "o1", LATER)[1].key
    number = ruling.rule(shop, LEAD, now=now, key=key, status=PromiseStatus.BROKEN, reason="  没有回电记录 ")
    assert statuses(shop)[1] == ("call_back", PromiseStatus.BROKEN, PromiseEvidence.RULING)
    assert ruling.rule(shop, LEAD, now=now, key=key, status=PromiseStatus.BROKEN, reason="没有回电记录") == 0
    assert ruling.rule(shop, LEAD, now=now, key=key, status=PromiseStatus.NONE, reason="不是承诺") > number
    assert statuses(shop)[1][1] is PromiseStatus.NONE
    with shop.db.read() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "promise.ruled")).all()
    assert [entry.facts["status"] for entry in entries] == [["unknown", "broken"], ["broken", "none"]]


def test_what_is_refused(shop: Workbench, now: datetime) -> None:
    key = reading.of_order(shop, "o1", LATER)[1].key
    with pytest.raises(Invalid):
        ruling.rule(shop, LEAD, now=now, key=key, status=PromiseStatus.KEPT, reason=" ")
    with pytest.raises(Denied):
        ruling.rule(shop, AGENT, now=now, key=key, status=PromiseStatus.KEPT, reason="我打过")
    with pytest.raises(NotFound):
        ruling.rule(shop, LEAD, now=now, key=(key[0], 99, *key[2:]), status=PromiseStatus.KEPT, reason="好")


def test_a_ruling_is_taken_back(shop: Workbench, now: datetime) -> None:
    key = reading.of_order(shop, "o1", LATER)[1].key
    assert ruling.take_back(shop, LEAD, now=now, key=key) == 0
    ruling.rule(shop, LEAD, now=now, key=key, status=PromiseStatus.BROKEN, reason="没有回电记录")
    assert ruling.take_back(shop, LEAD, now=now, key=key) > 0
    assert statuses(shop)[1] == ("call_back", PromiseStatus.UNKNOWN, PromiseEvidence.NOTHING)
    with shop.db.read() as session:
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.action == "promise.taken_back"))
    assert entry.facts["status"] == ["broken", "unknown"]
    assert entry.facts["reason"] == ["没有回电记录", ""]


def test_what_identifies_a_customer_is_not_kept_in_a_reason(shop: Workbench, now: datetime) -> None:
    """A ruling is a fact that retention cannot empty."""
    key = reading.of_order(shop, "o1", LATER)[1].key
    ruling.rule(shop, LEAD, now=now, key=key, status=PromiseStatus.BROKEN, reason="顾客c0来电 13812345678 说没接到")
    with shop.db.read() as session:
        [kept] = session.scalars(select(PromiseRuling.reason))
        [told] = session.scalars(select(AuditEntry.facts).where(AuditEntry.action == "promise.ruled"))
    assert "13812345678" not in kept + str(told)
    assert "c0" not in kept
    assert ruling.rule(
        shop, LEAD, now=now, key=key, status=PromiseStatus.BROKEN, reason="顾客c0来电 13812345678 说没接到"
    ) == 0  # fmt: skip


def test_a_reason_kept_by_an_earlier_version_is_masked_for_readers_and_in_later_entries(
    shop: Workbench, now: datetime
) -> None:
    """Rulings are sealed facts: what was written before masking stays, and is hidden where it is read."""
    promise = reading.of_order(shop, "o1", LATER)[1]
    conversation, seq, kind, start = promise.key
    with shop.db.write() as session:
        session.add(
            PromiseRuling(
                conversation_key=conversation, seq=seq, kind=kind, start=start, agent_id=promise.agent_id,
                status="kept", reason="顾客c0来电 13812345678 说没接到", ruled_by=LEAD.user_id, ruled_at=now,
            )
        )  # fmt: skip
    old = reading.of_order(shop, "o1", LATER)[1]
    leader = replace(LEAD, role=Role.TEAM_LEADER)
    assert "13812345678" in ruling.shown_reason(LEAD, old)
    assert "13812345678" not in ruling.shown_reason(leader, old)
    ruling.rule(shop, LEAD, now=now, key=promise.key, status=PromiseStatus.BROKEN, reason="没有回电记录")
    ruling.take_back(shop, LEAD, now=now, key=promise.key)
    with shop.db.read() as session:
        told = str(session.scalars(select(AuditEntry.facts).where(AuditEntry.action.startswith("promise."))).all())
    assert "没有回电记录" in told
    assert "说没接到" in told
    assert "13812345678" not in told
    assert "c0" not in told


def test_a_ruling_follows_its_words_when_their_place_moves(shop: Workbench, now: datetime) -> None:
    """Better word lists find the same promise some characters further on."""
    key = reading.of_order(shop, "o1", LATER)[1].key
    ruling.rule(shop, LEAD, now=now, key=key, status=PromiseStatus.BROKEN, reason="没有回电记录")
    with shop.archive.change("screening", now) as change:
        held = change.before.scan("promises").collect()
        change.replace("promises", held.with_columns(pl.col("start") + 1, pl.col("end") + 1))
    assert statuses(shop)[1] == ("call_back", PromiseStatus.BROKEN, PromiseEvidence.RULING)


def test_the_ledger_is_read_in_pages_and_judged_once(shop: Workbench, now: datetime) -> None:
    found = ledger.read(shop, SYSTEM, now=LATER)
    assert [row.promise.kind for row in ledger.page(shop, SYSTEM, found, limit=2).rows] == ["ship", "call_back"]
    assert [row.text for row in ledger.page(shop, SYSTEM, found, start=2).rows] == ["24小时内给您退款50元"]
    assert ledger.read(shop, SYSTEM, now=LATER).frame["said_at"].equals(found.frame["said_at"])
    assert found.where(ledger.LedgerFilter(status="kept")).total == 1
    key = reading.of_order(shop, "o1", LATER)[1].key
    ruling.rule(shop, LEAD, now=now, key=key, status=PromiseStatus.BROKEN, reason="没有回电记录")
    found = ledger.read(shop, SYSTEM, now=LATER)
    assert [row.promise.kind for row in ledger.page(shop, SYSTEM, found.where(ledger.LedgerFilter("broken"))).rows] == [
        "call_back"
    ]
    assert tables.agents(shop, found).select("agent_id", "broken", "kept", "n").rows() == [
        ("a1", 1, 1, 2),
        ("a2", 0, 0, 0),
    ]


def test_several_refunds_of_an_order_are_one_sum(shop: Workbench, now: datetime) -> None:
    refund = {
        "dispute_key": ["shop:d1", "shop:d2"],
        "order_id": ["o1", "o1"],
        "status": ["SUCCESS", "SUCCESS"],
        "shop": ["s", "s"],
        "refund_fee": [2000, 3000],
        "opened_at": [T0, T0],
        "closed_at": [T0 + timedelta(hours=2), T0 + timedelta(days=3)],
    }
    with shop.archive.change("import", now) as change:
        change.replace("disputes", pl.DataFrame(refund))
    assert statuses(shop)[0] == ("refund", PromiseStatus.BROKEN, PromiseEvidence.REFUND_LATE)


@pytest.mark.parametrize("change", ["UPDATE promise_rulings SET status = 'kept'", "DELETE FROM promise_rulings"])
def test_a_ruling_is_a_fact(shop: Workbench, now: datetime, change: str) -> None:
    key = reading.of_order(shop, "o1", LATER)[1].key
    ruling.rule(shop, LEAD, now=now, key=key, status=PromiseStatus.BROKEN, reason="没有回电")
    with pytest.raises(DatabaseError), shop.db.write() as session:
        session.execute(text(change))


def test_rulings_order_what_the_data_call_broken() -> None:
    """Two of two late refunds confirmed, none of two complaints: the next late refund comes first."""
    rows = [("refund_late", "refund", "broken"), ("customer", "ship", "kept")] * 2
    rows += [("customer", "ship", None), ("refund_late", "refund", None)]
    names = ["evidence", "kind", "ruled"]
    frame = pl.DataFrame(rows, schema=names, orient="row").with_columns(found=pl.lit("broken"))
    known = odds.learnt(frame)
    told = odds.with_odds(frame, known)["p"].to_list()
    assert told[:4] == [None] * 4
    assert told[5] > 0.5 > told[4]
    assert (known.odds("refund_late", "refund").rule_confirmed, known.n) == (2, 4)


def test_the_ledger_is_judged_anew_when_a_time_is_over_or_something_was_settled(shop: Workbench) -> None:
    """The last promise is due at the end of the next day; what is kept holds until then, and no longer."""
    early = T0 + timedelta(hours=3)
    first = ledger._kept(shop, early, ledger.DAYS)
    assert ledger._kept(shop, early + timedelta(hours=2), ledger.DAYS) is first
    assert "open" in first["status"]
    over = ledger._kept(shop, early + timedelta(hours=22), ledger.DAYS)
    assert over["status"].to_list() != first["status"].to_list()
    with shop.db.write() as session:
        session.add(
            DisputeSettlement(
                dispute_key="shop:d1",
                conversation_key="shop:1",
                agent_id=None,
                reason="核对",
                settled_by=3,
                settled_at=T0,
            )
        )
    assert ledger._kept(shop, early + timedelta(hours=22), ledger.DAYS) is not over
