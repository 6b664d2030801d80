"""Promises are found with kind, amount and due time; conditions, refusals, policies and questions are none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.promises import FACT_SCHEMA, PromiseFinder, outcomes

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
        ("sending u a new one tmrw", "replace", None, "11-26 23:59"),
        ("昨天的事抱歉，今晚八点前给您把款退了", "refund", None, "11-25 20:00"),
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
        "快递说明天会送到",
        "您下午给快递打个电话吧",
        "要是坏了就给您换新的",
        "那位师傅上午给您打过电话",
        "who told you we'd call you back today",
    ],
)
def test_what_is_no_promise(finder: PromiseFinder, text: str) -> None:
    assert finder.in_text(text, SAID) == []


def test_a_sentence_and_its_clauses_are_read_by_themselves(finder: PromiseFinder) -> None:
    """What is refused in one sentence takes nothing back in the next; each promise stands at its own words."""
    text = "今天发不了了。\n 明天一定给您发货，24小时内给您补偿10元！您放心"
    found = finder.in_text(text, SAID)
    assert [(one.kind, text[one.start : one.end], one.amount) for one in found] == [
        ("ship", "明天一定给您发货", None),
        ("compensate", "24小时内给您补偿10元", 1000),
    ]


@given(st.text(alphabet=st.sampled_from("今天给您发货退款20元，。？\n 不 will ship tomorrow.!🙏發"), max_size=60))
@settings(max_examples=60, deadline=None)
def test_places_lie_in_the_text(finder: PromiseFinder, text: str) -> None:
    for one in finder.in_text(text, SAID):
        assert 0 <= one.start < one.end <= len(text)
        assert text[one.start : one.end].strip() == text[one.start : one.end]


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
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def fact(what: str, at: datetime | None, text: str = "", **more: object) -> dict[str, object]:
    return {"matter": "m", "what": what, "at": at, "text": text, "status": "", "ref": text, **more}


def became(
    kind: str,
    *facts: dict[str, object],
    amount: int | None = None,
    due: datetime | None = DUE,
    now: datetime = SAID + 20 * DAY,
) -> tuple[str, str]:
    made = {"id": [0], "matter": ["m"], "kind": [kind], "amount": [amount], "said_at": [SAID], "due_at": [due]}
    clock = pl.Datetime("us", "UTC")
    types = {"id": pl.UInt32, "amount": pl.Int64, "said_at": clock, "due_at": clock}
    found = outcomes(pl.DataFrame(made, schema_overrides=types), pl.DataFrame(facts, schema=FACT_SCHEMA), now)
    return found.select("status", "evidence").row(0)


def paid(at: datetime | None, amount: int | None = 5000, status: str = "SUCCESS", **more: object) -> dict[str, object]:
    return fact("refund", at, status=status, amount=amount, **more)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([paid(SAID + HOUR)], ("kept", "refund")),
        ([paid(DUE + HOUR)], ("broken", "refund_late")),
        ([paid(SAID + HOUR, 100)], ("broken", "refund_smaller")),
        ([paid(SAID + HOUR, 2000), paid(SAID + 2 * HOUR, 3000)], ("kept", "refund")),
        ([paid(SAID + HOUR, 2000), paid(DUE + HOUR, 3000)], ("broken", "refund_late")),
        ([paid(SAID - HOUR)], ("unknown", "nothing")),
        ([paid(None, after=SAID + HOUR)], ("unknown", "refund_unclear")),
        ([paid(SAID + HOUR, None)], ("unknown", "refund_unclear")),
        ([paid(SAID + HOUR, status="CLOSED")], ("unknown", "closed")),
        ([paid(SAID + HOUR, status="退款关闭"), fact("customer", DUE + HOUR, "怎么还没退款")], ("broken", "customer")),
        ([paid(SAID + HOUR, status="seller_refuse_buyer")], ("broken", "refused")),
        ([paid(None, after=SAID + HOUR, status="SELLER_REFUSE_BUYER")], ("broken", "refused")),
        ([paid(None, after=SAID - HOUR, status="SELLER_REFUSE_BUYER")], ("unknown", "nothing")),
        ([paid(SAID + HOUR, status="SELLER_REFUSE_BUYER"), paid(SAID + 3 * HOUR)], ("kept", "refund")),
        ([paid(None, after=SAID + HOUR, status="WAIT_SELLER_AGREE")], ("unknown", "nothing")),
    ],
)
def test_refunds_are_added_up_and_dated(facts: list[dict[str, object]], expected: tuple[str, str]) -> None:
    assert became("refund", *facts, amount=5000) == expected


def test_until_its_time_is_over_neither_a_refusal_nor_a_part_breaks_it() -> None:
    for early in (paid(SAID + HOUR, status="SELLER_REFUSE_BUYER"), paid(SAID + HOUR, 100)):
        assert became("refund", early, amount=5000, now=SAID + 2 * HOUR) == ("open", "not_due")


@pytest.mark.parametrize(
    ("kind", "facts", "expected"),
    [
        ("ship", [fact("customer", DUE + 3 * HOUR, "怎么还没发货")], ("broken", "customer")),
        ("ship", [fact("customer", DUE - 3 * HOUR, "怎么还没发货")], ("unknown", "nothing")),
        ("ship", [fact("customer", DUE + 3 * HOUR, "收到货了谢谢")], ("kept", "customer")),
        ("ship", [fact("customer", DUE + 6 * DAY, "收到货了谢谢")], ("unknown", "customer_late")),
        ("ship", [fact("customer", DUE + 3 * HOUR, "说好的今天发货呢")], ("broken", "customer")),
        ("refund", [fact("customer", DUE + 3 * HOUR, "你们都是骗人的")], ("unknown", "nothing")),
        ("refund", [fact("customer", DUE + 3 * HOUR, "退款收到了")], ("unknown", "customer_late")),
        ("call_back", [fact("rating", DUE + 3 * HOUR, "没人联系我")], ("broken", "rating")),
        ("call_back", [fact("rating", DUE - 3 * HOUR, "没人联系我")], ("unknown", "nothing")),
        ("refund", [fact("dispute", DUE + DAY, "一直没有退款")], ("broken", "dispute")),
    ],
)
def test_what_customers_say(kind: str, facts: list[dict[str, object]], expected: tuple[str, str]) -> None:
    assert became(kind, *facts) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([fact("agent", SAID + 5 * HOUR)], "kept"),
        ([fact("customer", SAID + HOUR / 4, "好的"), fact("agent", SAID + 5 * HOUR)], "kept"),
        ([fact("customer", SAID + 4 * HOUR, "在吗"), fact("agent", SAID + 5 * HOUR)], "unknown"),
        ([fact("agent", SAID + HOUR / 2)], "unknown"),
        ([fact("agent", DUE + HOUR)], "unknown"),
        ([fact("customer", SAID + 5 * HOUR, "电话接到了，谢谢")], "kept"),
    ],
)
def test_a_call_back_is_kept_by_who_writes_first(facts: list[dict[str, object]], expected: str) -> None:
    assert became("call_back", *facts)[0] == expected


def test_without_a_time_a_week_is_given() -> None:
    late = fact("customer", SAID + 8 * DAY, "还没退款")
    assert became("refund", late, due=None) == ("broken", "customer")
    assert became("refund", fact("customer", SAID + 3 * DAY, "还没退款"), due=None) == ("unknown", "nothing")


def test_what_happened_later_is_not_known_yet() -> None:
    assert became("ship", fact("customer", DUE + 2 * DAY, "怎么还没发货"), now=SAID + HOUR) == ("open", "not_due")


def test_a_refund_said_with_its_sum_in_front_of_the_customer_is_no_compensation() -> None:
    said = [(p.kind, p.amount) for p in PromiseFinder().in_text("放心，24小时内退款50元给您。")]
    assert said == [("refund", 5_000)]
    assert [p.kind for p in PromiseFinder().in_text("今天给您补偿50元")] == ["compensate"]


@pytest.mark.parametrize(
    "text, amount, place",
    [
        ("今天给您退款1,299.50元，麻烦您稍等", 129_950, "今天给您退款1,299.50元"),
        ("好的.. 今天给您退款20元", 2_000, "今天给您退款20元"),
        ("I'll look. We will refund you $1,050 today. Bye", 105_000, "We will refund you $1,050 today"),
        ("您好！！给您退20元", 2_000, "给您退20元"),
    ],
)
def test_texts_are_cut_at_marks_and_not_in_numbers(finder: PromiseFinder, text: str, amount: int, place: str) -> None:
    (found,) = finder.in_text(text, SAID)
    assert (found.amount, text[found.start : found.end]) == (amount, place)


def test_what_asks_behind_other_marks_takes_an_offer_back(finder: PromiseFinder) -> None:
    assert finder.in_text("给您补偿20元！！您看可以吗？", SAID) == []
    assert finder.in_text("给您补偿20元。好的。", SAID)


def test_the_same_clause_counts_in_each_message_by_its_own_sentence(finder: PromiseFinder) -> None:
    texts = ["今天给您退款，您放心", "如果坏了，今天给您退款", "", "嗯。今天给您退款，您放心"]
    rows = {"conversation_key": ["c"] * 4, "seq": range(4), "role": ["agent"] * 4, "sent_at": [SAID] * 4, "text": texts}
    found = finder.find(pl.DataFrame(rows, schema_overrides={"sent_at": pl.Datetime("us", "UTC")}))
    assert found.select("row", "seq", "start").rows() == [(0, 0, 0), (3, 3, 2)]
