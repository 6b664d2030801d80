"""What became of a promise, judged from what the data show afterwards; the evidence is named, or nothing is said.

Strongest first: what the platform recorded of the order's refund, then what the customer said, then a rating or a
dispute that complains of the very thing. Silence keeps no promise and breaks none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

OPEN_WITHOUT_TIME = timedelta(days=7)
"""A promise without a time counts as open this long."""
REFUNDED = frozenset({"SUCCESS", "REFUND_SUCCESS", "退款成功", "成功", "已退款"})
REFUSED = frozenset({"SELLER_REFUSE_BUYER", "CLOSED", "REFUND_CLOSED", "退款关闭", "卖家拒绝退款", "已拒绝", "关闭"})
SAYS_DONE = {
    "refund": r"(?:退款|钱|款).{0,6}(?:到账了|收到了|退了|已经?到)|(?:已|已经)收到.{0,4}(?:退款|钱)|got (?:the|my) (?:refund|money)|refund (?:has )?arrived",
    "compensate": r"(?:红包|补偿|赔偿|运费|钱).{0,6}(?:收到了|到账了|已经?到)|(?:已|已经)收到.{0,4}(?:补偿|红包|钱)|got (?:the|my) (?:compensation|money|credit)",
    "ship": r"(?:已经?)?收到(?:货|了|包裹)|货到了|签收了|(?:快递|包裹|东西).{0,4}(?:到了|收到)|(?:it|parcel|package|order) (?:has )?arrived|got (?:the|my) (?:parcel|package|order)",
    "replace": r"(?:新的|补发|换).{0,8}(?:收到了|到了)|(?:replacement|new one) (?:has )?arrived",
    "gift": r"(?:赠品|礼物|券).{0,6}(?:收到|到了)|got (?:the|my) (?:gift|voucher|coupon)",
}
SAYS_NOT = {
    "refund": r"(?:还没|没有?|未|怎么不|为什么不).{0,6}(?:退|到账|收到.{0,3}款)|(?:haven['’]?t|not|no|never).{0,24}(?:refund|money)",
    "compensate": r"(?:还没|没有?|未).{0,8}(?:赔|补偿|红包|收到.{0,3}钱|到账)|(?:haven['’]?t|not|no|never).{0,24}(?:compensation|credit|money)",
    "ship": r"(?:还没|没有?|未|怎么不|为什么不|一直没).{0,5}(?:发货?|寄|物流|收到|到货?)|(?:haven['’]?t|not|still|never|hasn['’]?t).{0,24}(?:ship|arriv|sent|received|deliver|dispatch)",
    "replace": r"(?:还没|没有?|未|一直没).{0,6}(?:补|换|寄|发|收到)|(?:haven['’]?t|not|still|never|hasn['’]?t).{0,24}(?:replac|arriv|sent|received)",
    "call_back": r"(?:没有?人?|还没|一直没).{0,5}(?:联系|回复|回电|打|理|答复|消息)|(?:nobody|no one|never|haven['’]?t|not).{0,24}(?:call|contact|repl|heard|answer)",
    "price": r"(?:还没|没有?|未).{0,6}(?:补|退|差价|改|优惠)|(?:haven['’]?t|not|no|never).{0,24}(?:price|differen|discount)",
    "gift": r"(?:没有?|没见|未).{0,5}(?:赠|礼|送|券)|(?:no|not|without|never).{0,20}(?:gift|voucher|coupon|sample)",
    "other": r"(?:还没|没有?|未|一直没).{0,6}(?:处理|解决|修|开|人|上门)|(?:haven['’]?t|not|still|never|nobody).{0,24}(?:fix|resol|repair|invoice|done)",
}
_BROKEN_WORD = (
    r"说好的|不是说|答应(?:了|过)?(?:我|的)|说话不算|骗人|虚假发货|未按约定|you (?:said|promised)|broken promise"
)
_DONE = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in SAYS_DONE.items()}
_NOT = {kind: re.compile(f"{pattern}|{_BROKEN_WORD}", re.IGNORECASE) for kind, pattern in SAYS_NOT.items()}
_MOST = 500


class PromiseStatus(StrEnum):
    """What became of a promise. `NONE`: a person has ruled that it was none."""

    KEPT = "kept"
    BROKEN = "broken"
    OPEN = "open"
    UNKNOWN = "unknown"
    NONE = "none"


class PromiseEvidence(StrEnum):
    """What a status rests on."""

    REFUND = "refund"  # amount and time of the order's refund
    REFUND_SMALLER = "refund_smaller"
    REFUND_LATE = "refund_late"
    REFUSED = "refused"
    CUSTOMER = "customer"  # a later message of the customer
    AGENT = "agent"  # a later message of the agent: who promised to call back has written
    RATING = "rating"
    DISPUTE = "dispute"
    NOT_DUE = "not_due"
    NOTHING = "nothing"
    RULING = "ruling"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened about the order after the promise. `what`: customer, agent, rating, dispute, refund."""

    what: str
    at: datetime | None
    text: str = ""
    status: str = ""
    amount: int | None = None
    ref: str = ""


@dataclass(frozen=True, slots=True)
class PromiseOutcome:
    """A status with what it rests on; `ref` names the message, dispute or rating."""

    status: PromiseStatus
    evidence: PromiseEvidence
    ref: str = ""
    at: datetime | None = None


def outcome(
    kind: str,
    amount: int | None,
    said_at: datetime | None,
    due_at: datetime | None,
    facts: Iterable[Fact],
    now: datetime,
) -> PromiseOutcome:
    """The status of one promise at `now`, given the facts about its order in any order."""
    later = sorted(
        (f for f in facts if f.at is not None and (said_at is None or f.at > said_at)), key=lambda f: (f.at, f.ref)
    )
    known = [f for f in later if f.at is not None and f.at <= now]
    for judge in (_refunds, _words, _complaints):
        found = judge(kind, amount, due_at, known)
        if found is not None:
            return found
    ends = due_at if due_at is not None else said_at + OPEN_WITHOUT_TIME if said_at is not None else None
    if ends is not None and now <= ends:
        return PromiseOutcome(PromiseStatus.OPEN, PromiseEvidence.NOT_DUE)
    return PromiseOutcome(PromiseStatus.UNKNOWN, PromiseEvidence.NOTHING)


def _refunds(kind: str, amount: int | None, due_at: datetime | None, facts: Sequence[Fact]) -> PromiseOutcome | None:
    if kind != "refund":
        return None
    records = [f for f in facts if f.what == "refund"]
    paid = [f for f in records if f.status.upper() in REFUNDED]
    for fact in paid:
        if amount is not None and fact.amount is not None and fact.amount < amount:
            return PromiseOutcome(PromiseStatus.BROKEN, PromiseEvidence.REFUND_SMALLER, fact.ref, fact.at)
        late = due_at is not None and fact.at is not None and fact.at > due_at
        status = PromiseStatus.BROKEN if late else PromiseStatus.KEPT
        return PromiseOutcome(
            status, PromiseEvidence.REFUND_LATE if late else PromiseEvidence.REFUND, fact.ref, fact.at
        )
    refused = next((f for f in records if f.status.upper() in REFUSED), None)
    return (
        None
        if refused is None
        else PromiseOutcome(PromiseStatus.BROKEN, PromiseEvidence.REFUSED, refused.ref, refused.at)
    )


def _words(kind: str, amount: int | None, due_at: datetime | None, facts: Sequence[Fact]) -> PromiseOutcome | None:
    for fact in facts:
        text = fact.text[:_MOST]
        overdue = due_at is not None and fact.at is not None and fact.at > due_at
        if fact.what == "customer":
            if overdue and kind in _NOT and _NOT[kind].search(text):
                return PromiseOutcome(PromiseStatus.BROKEN, PromiseEvidence.CUSTOMER, fact.ref, fact.at)
            if kind in _DONE and _DONE[kind].search(text) and not _NOT[kind].search(text):
                return PromiseOutcome(PromiseStatus.KEPT, PromiseEvidence.CUSTOMER, fact.ref, fact.at)
        if fact.what == "agent" and kind == "call_back" and not overdue and fact.status == "apart":
            return PromiseOutcome(PromiseStatus.KEPT, PromiseEvidence.AGENT, fact.ref, fact.at)
    return None


def _complaints(kind: str, amount: int | None, due_at: datetime | None, facts: Sequence[Fact]) -> PromiseOutcome | None:
    for fact in facts:
        if (
            fact.what not in ("rating", "dispute")
            or kind not in _NOT
            or (due_at is not None and fact.at and fact.at < due_at)
        ):
            continue
        if _NOT[kind].search(fact.text[:_MOST]):
            named = PromiseEvidence.RATING if fact.what == "rating" else PromiseEvidence.DISPUTE
            return PromiseOutcome(PromiseStatus.BROKEN, named, fact.ref, fact.at)
    return None
