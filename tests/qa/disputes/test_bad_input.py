"""What exports bring that no record should be: each is shown as what it is, and nothing is joined by guess."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from pages.kit.desk import case as telling
from qa.disputes import case, deadlines, listing
from qa.i18n import Translator
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
    base = {"BuyerNick": "tb1", "SellerNick": "s", "Reason": "r", "运费": "", "补偿金额": ""}
    rows = [
        base
        | {
            "RefundId": "nowhere",
            "Tid": "",
            "BuyerNick": "",
            "Created": "2026-02-25 10:00:00",
            "Status": "5",
            "RefundFee": "10",
        },
        base
        | {
            "RefundId": "two-a",
            "Tid": "7",
            "Created": "2026-02-25T02:00:00Z",
            "Status": "SUCCESS",
            "RefundFee": "￥1,234.50",
        },
        base
        | {
            "RefundId": "two-b",
            "Tid": "7",
            "Created": "2026-02-25 12:00:00+08:00",
            "Status": "退款成功",
            "RefundFee": "10元",
            "运费": "￥12",
            "补偿金额": "5.5元",
        },
        base
        | {
            "RefundId": "early",
            "Tid": "8",
            "Created": "2026-02-23 11:00:00",
            "Status": "WAIT_SELLER_AGREE",
            "RefundFee": "10",
        },
        base
        | {"RefundId": "bots", "Tid": "9", "Created": "2026-02-25 10:00:00", "Status": "SUCCESS", "RefundFee": "abc"},
    ]
    load(shop, lead, now, write_csv(tmp_path / "a.csv", rows), kind="disputes")
    seen = {row.dispute_id: row for row in listing.rows(shop, SYSTEM, now=NOW)}
    assert (seen["nowhere"].conversation_key, seen["nowhere"].agent_id, seen["nowhere"].todo) == (None, None, "none")
    assert (seen["two-a"].conversation_key, seen["two-a"].refund_fee) == ("shop:1", 123_450)
    assert seen["two-a"].opened_at == datetime(2026, 2, 25, 2, tzinfo=UTC)
    assert (seen["two-b"].opened_at, seen["two-b"].refund_fee) == (datetime(2026, 2, 25, 4, tzinfo=UTC), 1000)
    rows_of = shop.archive.at().scan("disputes").filter(dispute_id="two-b").select("freight", "compensation")
    assert rows_of.collect().rows() == [(1200, 550)]
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


def test_a_reopened_dispute_stands_as_the_platform_last_said(
    shop: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    """The same record again with a later status: what changed is told, and the end it had is no longer one."""
    row = {
        "RefundId": "again", "Tid": "7", "BuyerNick": "tb1", "SellerNick": "s", "Created": "2026-02-25 10:00:00",
        "Modified": "2026-02-26 10:00:00", "Status": "CLOSED", "RefundFee": "10",
    }  # fmt: skip
    load(shop, lead, now, write_csv(tmp_path / "a.csv", [row]), kind="disputes")
    later = row | {"Status": "WAIT_SELLER_AGREE", "Modified": "2026-02-27 09:00:00"}
    load(shop, lead, now + timedelta(days=1), write_csv(tmp_path / "b.csv", [later]), kind="disputes")
    [one] = listing.rows(shop, SYSTEM, now=NOW)
    assert (one.dispute_id, one.status, one.conversation_key) == ("again", "WAIT_SELLER_AGREE", "shop:1")
    record = case.read(shop, SYSTEM, one.key, now=NOW).transcript.dispute
    assert record is not None
    assert record.closed_at is None  # an open record's last change is no end


def test_a_partly_refunded_order_is_told_by_its_parts(
    shop: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    base = {"Tid": "7", "BuyerNick": "tb1", "SellerNick": "s", "TotalFee": "100", "Created": "2026-02-25 10:00:00"}
    rows = [
        base | {"RefundId": "part", "Status": "SUCCESS", "RefundFee": "30"},
        base | {"RefundId": "rest", "Status": "SELLER_REFUSE_BUYER", "RefundFee": "70"},
    ]
    load(shop, lead, now, write_csv(tmp_path / "a.csv", rows), kind="disputes")
    seen = {row.dispute_id: row for row in listing.rows(shop, SYSTEM, now=NOW)}
    story = case.read(shop, SYSTEM, seen["part"].key, now=NOW)
    assert (story.paid, story.transcript.dispute.total_fee) == (3_000, 10_000)  # type: ignore[union-attr]
    assert case.read(shop, SYSTEM, seen["rest"].key, now=NOW).paid is None


def test_withdrawn_messages_leave_the_rest_of_the_story(shop: Workbench) -> None:
    put(shop, [], dispute("d", order_id="9", conversation_key="shop:3"))
    story = case.read(shop, SYSTEM, "shop:d", now=NOW)
    assert [(m.role, m.text) for m in story.transcript.messages] == [
        ("customer", "撤回前"), ("system", ""), ("bot", "您好"),
    ]  # fmt: skip


def test_where_the_goods_were_stands_in_the_story(shop: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    row = {
        "RefundId": "goods", "Tid": "7", "BuyerNick": "tb1", "SellerNick": "s", "Created": "2026-02-25 10:00:00",
        "Status": "SUCCESS", "RefundFee": "10", "发货时间": "2026-02-20 09:00:00", "签收时间": "2026-02-22 18:30:00",
        "GoodReturnTime": "2026-02-26 08:00:00", "CompanyName": "中通快递",
    }  # fmt: skip
    load(shop, lead, now, write_csv(tmp_path / "a.csv", [row]), kind="disputes")
    [one] = listing.rows(shop, SYSTEM, now=NOW)
    told = telling.story(Translator("zh_CN", "Asia/Shanghai"), case.read(shop, SYSTEM, one.key, now=NOW))
    steps = [(line["title"], line["text"]) for line in told if line["k"] == "e"]
    assert [step for step in steps if step[0] in ("发货", "签收", "退货寄回")] == [
        ("发货", ""), ("签收", ""), ("退货寄回", "中通快递"),
    ]  # fmt: skip
