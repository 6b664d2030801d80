"""What exports bring that no record should be: each is shown as what it is, and nothing is joined by guess."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from qa.disputes import case, deadlines, listing
from qa.policy import SYSTEM, Actor
from qa.tables import AuditEntry
from qa.upkeep import health
from qa.workbench import Workbench
from tests.qa.ingest.files import write_csv
from tests.qa.ingest.test_formats import load
from tests.world.disputes import OPENED, T0, chat, dispute, put
from tests.world.redlines import people

NOW = T0 + timedelta(days=9)


@pytest.fixture
def shop(bench: Workbench) -> Workbench:
    people(bench)
    put(
        bench,
        [
            chat("1", [(1, "customer", None, "在吗"), (2, "agent", "a1", "您好")], order_id="7"),
            chat("2", [(80, "customer", None, "怎么还没退"), (81, "agent", "a2", "抱歉")], order_id="8"),
            chat(
                "3", [(1, "customer", None, "撤回前"), (2, "system", None, ""), (3, "bot", None, "您好")], order_id="9"
            ),
        ],
    )
    return bench


def test_records_of_every_kind_come_as_what_they_are(
    shop: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    base = {"BuyerNick": "tb1", "SellerNick": "s", "Reason": "r"}
    rows = [
        base | {"RefundId": "nowhere", "Tid": "", "BuyerNick": "", "Created": "2026-02-25 10:00:00", "Status": "5", "RefundFee": "10"},
        base | {"RefundId": "two-a", "Tid": "7", "Created": "2026-02-25T02:00:00Z", "Status": "SUCCESS", "RefundFee": "￥1,234.50"},
        base | {"RefundId": "two-b", "Tid": "7", "Created": "2026-02-25 12:00:00+08:00", "Status": "退款成功", "RefundFee": "10元"},
        base | {"RefundId": "early", "Tid": "8", "Created": "2026-02-23 11:00:00", "Status": "WAIT_SELLER_AGREE", "RefundFee": "10"},
        base | {"RefundId": "bots", "Tid": "9", "Created": "2026-02-25 10:00:00", "Status": "SUCCESS", "RefundFee": "abc"},
    ]  # fmt: skip
    load(shop, lead, now, write_csv(tmp_path / "a.csv", rows), kind="disputes")
    seen = {row.dispute_id: row for row in listing.rows(shop, SYSTEM, now=NOW)}
    assert (seen["nowhere"].conversation_key, seen["nowhere"].agent_id, seen["nowhere"].todo) == (None, None, "none")
    assert (seen["two-a"].conversation_key, seen["two-a"].refund_fee) == ("shop:1", 123_450)
    assert seen["two-a"].opened_at == datetime(2026, 2, 25, 2, tzinfo=UTC)
    assert (seen["two-b"].opened_at, seen["two-b"].refund_fee) == (datetime(2026, 2, 25, 4, tzinfo=UTC), 1000)
    assert [one.dispute_id for one in case.read(shop, SYSTEM, seen["two-a"].key, now=NOW).others] == ["two-b"]
    # its only chat came later: nothing is joined, nobody answers, the chat is offered and said to be later
    assert (seen["early"].conversation_key, seen["early"].agent_id) == (None, None)
    [later, *_] = listing.candidates(shop, SYSTEM, seen["early"].key)
    assert (later.conversation_key, later.why, later.after) == ("shop:2", "order", True)
    if "bots" in seen:  # a chat in which nobody but a bot wrote has nobody to answer for it
        assert (seen["bots"].conversation_key, seen["bots"].agent_id) == ("shop:3", None)


def test_a_deadline_kept_as_closing_time_is_reported_and_moved(shop: Workbench) -> None:
    put(
        shop, [],
        dispute("open", status="WAIT_SELLER_AGREE", closed_at=OPENED + timedelta(days=2)),
        dispute("over", status="SUCCESS", closed_at=OPENED + timedelta(days=2)),
    )  # fmt: skip
    told = [one for one in health.examine(shop, SYSTEM) if one.name == "Deadlines of disputes"]
    assert [one.facts for one in told] == [{"count": 1}]
    assert deadlines.mend(shop, SYSTEM, now=NOW) == 1
    rows = shop.archive.at().scan("disputes").select("dispute_id", "closed_at", "due_at").sort("dispute_id").collect()
    late = OPENED + timedelta(days=2)
    assert rows.rows() == [("open", None, late), ("over", late, None)]
    assert deadlines.mend(shop, SYSTEM, now=NOW) == 0
    with shop.db.read() as session:
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.action == "disputes.deadlines_moved"))
    assert entry.facts["n"] == 1
