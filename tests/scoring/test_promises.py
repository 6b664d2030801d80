"""Promises are found with kind, amount and due time; conditions, refusals, policies and questions are none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from scoring.promises import Fact, PromiseEvidence, PromiseFinder, PromiseStatus, outcome

SAID = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)  # a Wednesday, 10:00 in Shanghai


@pytest.fixture(scope="module")
def finder() -> PromiseFinder:
    return PromiseFinder()


@pytest.mark.parametrize(
    ("text", "kind", "amount", "due"),
    [
        ("亲，今天一定给您发货哦", "ship", None, "11-25 23:59"),
        ("24小时内给您退款50元", "refund", 5000, "11-26 10:00"),
        ("２４小時內給您退款５０元", "refund", 5000, "11-26 10:00"),
        ("我们会在周五前给您补发一件", "replace", None, "11-27 23:59"),
        ("月底之前赔您二十块", "compensate", 2000, "11-30 23:59"),
        ("明天上午給您回電", "call_back", None, "11-26 12:00"),
        ("三天内退款到账", "refund", None, "11-28 23:59"),
        ("两个工作日内给您退款", "refund", None, "11-27 23:59"),
        ("We'll refund $20 within 48 hours.", "refund", 2000, "11-27 10:00"),
        ("I will call you back by Friday.", "call_back", None, "11-27 23:59"),
        ("We will send you a replacement within three days.", "replace", None, "11-28 23:59"),
    ],
)
def test_a_promise_is_read(finder: PromiseFinder, text: str, kind: str, amount: int | None, due: str) -> None:
    [found] = finder.in_text(text, SAID)
    assert found.due_at is not None
    assert (found.kind, found.amount, found.due_at.astimezone(finder.zone).strftime("%m-%d %H:%M")) == (
        kind,
        amount,
        due,
    )


@pytest.mark.parametrize(
    "text",
    [
        "如未发货可申请退款",
        "不能保证今天发货",
        "今天可以给您发货吗？",
        "一般48小时内发货",
        "您收到后24小时内给您退款",
        "已经给您退款了",
        "您说今天给您发货",
        "If it has not shipped you can apply for a refund",
        "I can't promise it will arrive tomorrow.",
        "Would you like us to refund it today?",
        "We usually ship within 48 hours.",
    ],
)
def test_what_is_no_promise(finder: PromiseFinder, text: str) -> None:
    assert finder.in_text(text, SAID) == []


def test_only_agents_promise(finder: PromiseFinder) -> None:
    said = "今天一定给您发货"
    frame = pl.DataFrame(
        {
            "conversation_key": ["a", "a"],
            "seq": [0, 1],
            "role": ["customer", "agent"],
            "sent_at": [SAID, SAID],
            "text": [said, said],
        }
    )
    assert finder.find(frame).select("seq", "kind").rows() == [(1, "ship")]


DUE = SAID + timedelta(days=1)


@pytest.mark.parametrize(
    ("kind", "fact", "expected"),
    [
        (
            "refund",
            Fact("refund", SAID + timedelta(hours=3), status="SUCCESS", amount=5000),
            (PromiseStatus.KEPT, PromiseEvidence.REFUND),
        ),
        (
            "refund",
            Fact("refund", DUE + timedelta(hours=3), status="SUCCESS", amount=5000),
            (PromiseStatus.BROKEN, PromiseEvidence.REFUND_LATE),
        ),
        (
            "refund",
            Fact("refund", SAID + timedelta(hours=3), status="SUCCESS", amount=100),
            (PromiseStatus.BROKEN, PromiseEvidence.REFUND_SMALLER),
        ),
        (
            "ship",
            Fact("customer", DUE + timedelta(hours=3), "怎么还没发货"),
            (PromiseStatus.BROKEN, PromiseEvidence.CUSTOMER),
        ),
        (
            "ship",
            Fact("customer", DUE - timedelta(hours=3), "怎么还没发货"),
            (PromiseStatus.UNKNOWN, PromiseEvidence.NOTHING),
        ),
        (
            "ship",
            Fact("customer", DUE + timedelta(hours=3), "收到货了谢谢"),
            (PromiseStatus.KEPT, PromiseEvidence.CUSTOMER),
        ),
        (
            "call_back",
            Fact("rating", DUE + timedelta(hours=3), "没人联系我"),
            (PromiseStatus.BROKEN, PromiseEvidence.RATING),
        ),
    ],
)
def test_what_became_of_it(kind: str, fact: Fact, expected: tuple[PromiseStatus, PromiseEvidence]) -> None:
    found = outcome(kind, 5000, SAID, DUE, [fact], SAID + timedelta(days=20))
    assert (found.status, found.evidence) == expected


def test_what_happened_later_is_not_known_yet() -> None:
    fact = Fact("customer", DUE + timedelta(days=2), "怎么还没发货")
    assert outcome("ship", None, SAID, DUE, [fact], SAID + timedelta(hours=1)).status is PromiseStatus.OPEN
