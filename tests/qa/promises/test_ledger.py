"""The ledger: promises with what became of them, and a person's word against it."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from qa import screening
from qa.errors import Denied, Invalid, NotFound
from qa.policy import SYSTEM
from qa.promises import reading, ruling
from qa.tables import AuditEntry
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


@pytest.mark.parametrize("change", ["UPDATE promise_rulings SET status = 'kept'", "DELETE FROM promise_rulings"])
def test_a_ruling_is_a_fact(shop: Workbench, now: datetime, change: str) -> None:
    key = reading.of_order(shop, "o1", LATER)[1].key
    ruling.rule(shop, LEAD, now=now, key=key, status=PromiseStatus.BROKEN, reason="没有回电")
    with pytest.raises(DatabaseError), shop.db.write() as session:
        session.execute(text(change))
