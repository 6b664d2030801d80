"""What an agent said about the matter of a dispute, and which of it does not go together: with what else was said, with
what the record says, with what was paid. By short lists of words and by data alone; what is asked, conditional or
denied is left out, and nothing is concluded from silence.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from scoring.promises.outcome import REFUNDED


class Stance(StrEnum):
    """What an agent says will be done, or what the record says was asked or done."""

    RETURN_ONLY = "return_only"
    EXCHANGE = "exchange"
    REFUND = "refund"
    NO_REFUND = "no_refund"
    REFUSED = "refused"  # the record: the shop refused
    REFUNDED = "refunded"  # the record: the refund went through
    ASKED_REFUND = "asked_refund"  # the record: money back, with or without a return
    AMOUNT = "amount"  # promised in the chat, hundredths
    PAID = "paid"  # the record, hundredths


@dataclass(frozen=True)
class Statement:
    """Something said (`seq`: its message) or standing in the record (`seq` None). `amount` in hundredths."""

    stance: Stance
    seq: int | None = None
    text: str = ""
    amount: int | None = None


@dataclass(frozen=True)
class Mismatch:
    """Two statements that do not go together, the earlier one first."""

    one: Statement
    other: Statement


OPPOSITES = (
    (Stance.RETURN_ONLY, Stance.EXCHANGE), (Stance.NO_REFUND, Stance.REFUND), (Stance.REFUND, Stance.REFUSED),
    (Stance.NO_REFUND, Stance.REFUNDED), (Stance.EXCHANGE, Stance.ASKED_REFUND),
)  # fmt: skip
"""What does not go together."""
_WORDS = {
    Stance.RETURN_ONLY: r"只能(?:申请)?退货|只支持退货|can only be returned|only (?:a )?return",
    Stance.EXCHANGE: r"换货单(?:已|建|号)|(?:给您|为您|帮您|已经?|安排|免费|协商)(?:换新|换货|补发|重发|重新发)|"
    r"replacement (?:is|has been|was) (?:on|sent|booked|arranged|offered)|send(?:ing)? (?:you )?a (?:new one|"
    r"replacement)",
    Stance.REFUND: r"(?:已|已经|同意|给您|为您|帮您|马上|今天)(?:同意)?(?:提交|办理|申请)?退款|退款(?:已|"
    r"申请已)(?:提交|同意|通过)|refund (?:approved|has been|was issued|is on)|(?:will|have|we['’]ll) refund",
    Stance.NO_REFUND: r"(?:不能|不支持|无法|不予|不给|没法|不可以)(?:给您)?(?:申请)?退款?(?![换货])|退不了|cannot "
    r"(?:be )?refund|can['’]t refund|no refund",
}
_FOUND = {stance: re.compile(pattern, re.IGNORECASE) for stance, pattern in _WORDS.items()}
_NOT_MEANT = re.compile(
    r"[?？]|如果|若是|要是|假如|除非|不是|并非|没说|没有说|是否|吗|\bif\b|\bunless\b|\bnot say", re.IGNORECASE
)
_SENTENCE = re.compile(r"[^。！!；;\n]+")
_MOST = 1_000
"""Characters of a message that are read."""


def said(text: str) -> frozenset[Stance]:
    """What an agent's message says will be done."""
    found: set[Stance] = set()
    for sentence in _SENTENCE.findall(text[:_MOST] + ("？" if text[:_MOST].rstrip().endswith(("?", "？")) else "")):
        if not _NOT_MEANT.search(sentence):
            found |= {stance for stance, pattern in _FOUND.items() if pattern.search(sentence)}
    if Stance.NO_REFUND in found and Stance.RETURN_ONLY in found:
        found.discard(Stance.NO_REFUND)  # “money alone is not possible, only a return” is one statement
    return frozenset(found)


def of_record(status: str | None, dispute_type: str | None, paid: int | None) -> tuple[Statement, ...]:
    """What the record says: asked, refused, refunded, and the amount that went back."""
    found = []
    if dispute_type in ("REFUND", "REFUND_AND_RETURN"):
        found.append(Statement(Stance.ASKED_REFUND, text=dispute_type))
    if status in ("SELLER_REFUSE_BUYER", "卖家拒绝退款", "已拒绝"):
        found.append(Statement(Stance.REFUSED, text=status or ""))
    if status in REFUNDED:
        found.append(Statement(Stance.REFUNDED, text=status or ""))
        found += [Statement(Stance.PAID, amount=paid)] if paid is not None else []
    return tuple(found)


def contradictions(
    lines: Iterable[tuple[int, str]], record: Sequence[Statement], promised: Iterable[Statement] = ()
) -> tuple[Mismatch, ...]:
    """What does not go together among an agent's `lines` (number, text, in order of time), what the record says, and
    refunds `promised` with an amount. One for each pair of stances: the first time it was said, against the last."""
    by: dict[Stance, list[Statement]] = {}
    for seq, text in lines:
        for stance in said(text):
            by.setdefault(stance, []).append(Statement(stance, seq, text))
    for each in record:
        by.setdefault(each.stance, []).append(each)
    found = []
    for one, other in OPPOSITES:
        if one in by and other in by:
            pair = sorted((by[one][0], by[other][-1]), key=lambda s: (s.seq is None, s.seq or 0))
            found.append(Mismatch(*pair))
    paid = by.get(Stance.PAID, [])
    for each in promised:
        if paid and each.amount is not None and each.amount > (paid[-1].amount or 0):
            found.append(Mismatch(each, paid[-1]))
    return tuple(found)
