"""The case as one story, and statements that do not go together."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.kit.desk import case as telling
from qa.disputes import case, statements
from qa.disputes.statements import Stance
from qa.errors import Denied
from qa.i18n import Translator
from qa.policy import Actor, Role
from qa.workbench import Workbench
from tests.world.disputes import OPENED, T0, chat, dispute, put, shop
from tests.world.redlines import LEAD, people

LEADER = Actor(8, Role.TEAM_LEADER, "Leader", team="售后")
NOW = T0 + timedelta(days=9)
ZH = Translator("zh_CN", "Asia/Shanghai")


def test_everything_about_the_order_in_order_of_time(bench: Workbench) -> None:
    shop(bench)
    told = case.read(bench, LEAD, "shop:d3", now=NOW)
    assert [m.text for m in told.transcript.messages] == [
        "退货", "好的", "催一下", "24小时内退款", "机器人", "还没退", "抱歉",
    ]  # fmt: skip
    assert [m.seq for m in told.transcript.messages] == list(range(7))
    assert [(c.first, c.joined, c.after) for c in told.chapters] == [
        (0, True, False),
        (2, False, False),
        (5, False, True),
    ]
    assert told.places["shop:4", 1] == 3
    assert {m.role for m in told.transcript.messages} == {"customer", "agent", "bot"}


@pytest.fixture
def told(bench: Workbench) -> Workbench:
    """Order 7: a chat that contradicts itself and the record; a record with three roles; a second dispute; hostile
    text."""
    people(bench)
    messages = [
        {"role": "customer", "text": "<img src=x onerror=alert(1)> 打我电话13800001234", "sent_at": OPENED},
        {"role": "agent", "text": "已与买家协商换新", "sent_at": OPENED + timedelta(hours=3)},
        {"role": "platform", "text": "请双方举证", "sent_at": OPENED + timedelta(hours=5)},
        {"role": "agent", "text": "没有时间的留言", "sent_at": None},
    ]
    put(
        bench,
        [
            chat(
                "1",
                [
                    (1, "customer", None, "坏了"),
                    (2, "agent", "a2", "这个只能退货"),
                    (3, "agent", "a2", "24小时内给您退款50元"),
                ],
                order_id="7",
            )
        ],
        dispute(
            "d1",
            conversation_key="shop:1",
            joined_by="order",
            order_id="7",
            agent_id="a2",
            messages=messages,
            status="SUCCESS",
            dispute_type="REFUND",
            refund_fee=3000,
            total_fee=9000,
            due_at=OPENED + timedelta(hours=2),
            closed_at=OPENED + timedelta(hours=9),
        ),
        dispute("d2", order_id="7", opened_at=OPENED + timedelta(days=1), agent_id="a2", cs_status=11),
        promises=[
            {
                "conversation_key": "shop:1",
                "seq": 2,
                "kind": "refund",
                "start": 0,
                "end": 2,
                "amount": 5000,
                "agent_id": "a2",
                "said_at": T0 + timedelta(hours=3),
            }
        ],
    )
    return bench


def test_what_does_not_go_together_stands_side_by_side(told: Workbench) -> None:
    found = case.read(told, LEAD, "shop:d1", now=NOW)
    pairs = {(one.one.stance, one.other.stance) for one in found.contradictions}
    assert pairs == {
        (Stance.RETURN_ONLY, Stance.EXCHANGE),
        (Stance.EXCHANGE, Stance.ASKED_REFUND),
        (Stance.AMOUNT, Stance.PAID),
    }
    assert (found.paid, [o.dispute_id for o in found.others]) == (3000, ["d2"])


def test_told_in_words_with_deadline_and_amounts(told: Workbench) -> None:
    found = case.read(told, LEAD, "shop:d1", now=NOW)
    items = telling.story(ZH, found)
    titles = [item["title"] for item in items if item["k"] == "e"]
    assert any("(d2)" in title for title in titles)
    assert any("1 小时" in item["text"] for item in items if item["k"] == "e")  # first answer after the deadline
    labels = {fact["label"]: fact["value"] for fact in telling.facts(ZH, found, OPENED)}
    assert {"30.00", "90.00"} <= set(labels.values())
    assert [item["role"] for item in items if item.get("part")] == ["customer", "agent", "platform", "agent"]


def test_masked_for_who_may_not_see_customers(told: Workbench) -> None:
    found = case.read(told, LEADER, "shop:d1", now=NOW)
    assert "13800001234" not in str(telling.story(ZH, found))
    assert "13800001234" in str(telling.story(ZH, case.read(told, LEAD, "shop:d1", now=NOW)))


def test_nobody_reads_the_case_of_their_own_chat(told: Workbench) -> None:
    with pytest.raises(Denied):
        case.read(told, Actor(9, Role.INSPECTOR, "x", agent_id="a2"), "shop:d1", now=NOW)


@pytest.mark.parametrize(
    ("text", "stances"),
    [
        ("这个只能退货，运费您先出", {Stance.RETURN_ONLY}),
        ("换货单已经建好，单号GD1", {Stance.EXCHANGE}),
        ("给您换新，旧的上门取", {Stance.EXCHANGE}),
        ("好的，已同意退款", {Stance.REFUND}),
        ("拆了包装就不能退了", {Stance.NO_REFUND}),
        ("不能退款，只能退货", {Stance.RETURN_ONLY}),
        ("不支持退换货以外的方式", set()),
        ("您是想换货吗？给您换新？", set()),
        ("如果检测不过，只能退货", set()),
        ("不是只能退货，换也行", set()),
        ("支持7天无理由退换", set()),
        ("A replacement was offered, tracking uploaded.", {Stance.EXCHANGE}),
        ("Refund approved, waiting for the return.", {Stance.REFUND}),
        ("We cannot refund this", {Stance.NO_REFUND}),
        ("If it is broken we will refund you", set()),
    ],
)
def test_what_an_agent_says(text: str, stances: set[Stance]) -> None:
    assert statements.said(text) == stances


@given(st.lists(st.tuples(st.integers(0, 50), st.text(max_size=60)), max_size=8))
def test_no_contradiction_without_words(lines: list[tuple[int, str]]) -> None:
    for found in statements.contradictions(lines, ()):
        assert {found.one.stance, found.other.stance} <= {s for _, text in lines for s in statements.said(text)}
