"""A frozen transcript as the browser half shows it: one ordered list of days, messages and events, texts as they are.

Pure: takes a transcript, returns plain data. Knows no session and decides nothing about who may see what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pages.kit.promises import Notes
from qa.disputes import responsible
from qa.i18n import N_, Translator
from qa.transcripts import FrozenMessage, FrozenTranscript
from qa.transcripts.document import DISPUTE, FrozenDispute
from scoring.timing import Definition
from scoring.waits import Wait

ROLES = {
    "customer": N_("Customer"),
    "agent": N_("Agent"),
    "bot": N_("Bot"),
    "system": N_("System"),
    "platform": N_("Platform"),
}
KINDS = {
    "note": N_("Private note"),
    "recalled": N_("Recalled message"),
    "image": N_("Picture"),
    "card": N_("Card"),
    "video": N_("Video"),
    "audio": N_("Voice message"),
    "file": N_("Attached file"),
    "emoji": N_("Sticker"),
    "location": N_("Location"),
    "order": N_("Order card"),
    "product": N_("Product card"),
}

DISPUTES = {
    "REFUND": N_("Refund without return"),
    "REFUND_AND_RETURN": N_("Return and refund"),
    "TMALL_EXCHANGE": N_("Exchange"),
    "TAOBAO_EXCHANGE": N_("Exchange"),
    "REPAIR": N_("Repair"),
    "RESHIPPING": N_("Sent again"),
    "OTHERS": N_("Other"),
    "WAIT_SELLER_AGREE": N_("Waiting for the shop"),
    "WAIT_BUYER_RETURN_GOODS": N_("Waiting for the return"),
    "WAIT_SELLER_CONFIRM_GOODS": N_("Waiting for the shop to confirm the return"),
    "SELLER_REFUSE_BUYER": N_("Refused by the shop"),
    "SUCCESS": N_("Settled"),
    "CLOSED": N_("Withdrawn or closed"),
}
"""Types and states of disputes as shops export them; what is not listed is shown as it came."""

STEPS = {
    1: N_("No intervention needed"),
    2: N_("Platform asked to step in"),
    3: N_("Platform has stepped in"),
    4: N_("First ruling given"),
    5: N_("Review by a supervisor failed"),
    6: N_("Platform is done"),
    7: N_("Intervention withdrawn"),
    8: N_("Ruled for the customer"),
    9: N_("Ruled for the shop"),
    10: N_("Evidence is being gathered"),
    11: N_("Appeal is open"),
}
"""Steps of the platform in a dispute (Taobao CsStatus)."""
JOINS = {
    "given": N_("named in the record"),
    "order": N_("same order"),
    "customer": N_("the customer's only chat in the 30 days before"),
    "settled": N_("decided by a person"),
    "several": N_("several chats can be meant, none was taken"),
}
"""Why a chat belongs to a dispute."""


@dataclass(frozen=True)
class Span:
    """A place in a message that a red line was found in: code points of the original text."""

    seq: int
    start: int
    end: int
    rule_id: str
    title: str
    reason: str = ""


def items(
    t: Translator,
    content: FrozenTranscript,
    spans: Sequence[Span] = (),
    waits: Sequence[Wait] = (),
    measure: str = "",
    more: Sequence[dict[str, Any]] = (),
    promises: Notes | None = None,
) -> list[dict[str, Any]]:
    """The transcript from top to bottom. Every message has `seq`; days and events have none. `measure` says by which
    figure the `waits` are late; `more` are further events (`event`), `promises` what stands beside messages."""
    late = {wait.seq: wait for wait in waits if wait.late}
    marked: dict[int, list[Span]] = {}
    for span in spans:
        marked.setdefault(span.seq, []).append(span)
    rows = [
        _message(t, message, marked.get(message.seq, ()), late.get(message.seq), measure)
        for message in content.messages
    ]
    _number_agents(rows)
    for row in rows:
        if promises and row["seq"] in promises:
            row["promises"] = promises[row["seq"]]
    return _with_days(t, _merged(rows, [*events(t, content), *more]))


def reply_time(t: Translator, definition: Definition) -> str:
    """A platform's reply-time figure with its limit: what "late" means here."""
    name = definition.zh if t.language == "zh_CN" else definition.en
    return t("{figure}, limit {time}", figure=name, time=duration(t, definition.threshold_s))


def header(t: Translator, content: FrozenTranscript, timing: Definition | None = None) -> list[dict[str, str]]:
    """The facts above the conversation: label and value, only those that are known."""
    satisfaction = content.satisfaction
    facts = (
        (t("Agent"), content.agent_name or content.agent_id),
        (t("Shop"), content.shop),
        (t("Customer"), content.customer_id),
        (t("Order number"), content.order_id),
        (t("Chat joined by"), joined_by(t, content)),
        (t("Answers for it because"), answers_by(t, content)),
        (t("Satisfaction"), f"{satisfaction} / 5" if satisfaction is not None else None),
        (
            t("Incomplete"),
            t("{n} rows of its file could not be read", n=content.lost_rows) if content.lost_rows else None,
        ),
        (t("Replies measured by"), (timing.zh if t.language == "zh_CN" else timing.en) if timing else None),
    )
    return [{"label": label, "value": str(value)} for label, value in facts if value not in (None, "")]


def joined_by(t: Translator, content: FrozenTranscript) -> str | None:
    """Why the chat belongs to the dispute, or that there is none; nothing for samples frozen by earlier releases."""
    if content.dispute is None:
        return None
    if content.dispute.joined_by is None:
        return None if content.conversation_key else t("no chat before the dispute")
    return t(JOINS[content.dispute.joined_by]) if content.dispute.joined_by in JOINS else content.dispute.joined_by


def answers_by(t: Translator, content: FrozenTranscript) -> str | None:
    """Why the agent answers for the dispute."""
    why = content.dispute.answers_by if content.dispute else None
    return t(responsible.REASONS[why]) if why is not None and why in responsible.REASONS else None


def duration(t: Translator, seconds: int) -> str:
    """A wait as people say it: seconds, minutes, or hours and minutes."""
    if seconds < 60:
        return t("{n} s", n=seconds)
    if seconds < 3600:
        return (
            t("{n} min {s} s", n=seconds // 60, s=seconds % 60)
            if seconds < 600 and seconds % 60
            else t("{n} min", n=seconds // 60)
        )
    return t("{h} h {n} min", h=seconds // 3600, n=seconds % 3600 // 60)


def _message(
    t: Translator, message: FrozenMessage, spans: Sequence[Span], wait: Wait | None, measure: str
) -> dict[str, Any]:
    role = message.role or "system"
    kind = message.kind or "text"
    row: dict[str, Any] = {
        "k": "m",
        "seq": message.seq,
        "role": role if role in ROLES else "system",
        "text": message.text or "",
        "_at": message.sent_at,
    }
    who = message.agent_name or message.agent_id if role == "agent" else None
    row["who"] = who or t(ROLES.get(role, ROLES["system"]))
    row["agent"] = message.agent_id or "" if role == "agent" else ""
    if kind != "text":
        row["kind"] = t(KINDS.get(kind, N_("Card")))
    if message.part:
        row["part"] = message.part
    if wait is not None:
        row["wait"] = (
            t("replied after {time}", time=duration(t, wait.seconds)) if wait.seconds is not None else t("no reply")
        )
        row["measure"] = measure
    if spans:
        row["spans"] = [
            {"start": span.start, "end": span.end, "rule": span.rule_id, "title": span.title, "reason": span.reason}
            for span in sorted(spans, key=lambda span: (span.start, -span.end))
        ]
    return row


def _number_agents(rows: Sequence[dict[str, Any]]) -> None:
    """Agents of one chat are told apart by a small number, not only by name."""
    numbers: dict[str, int] = {}
    for row in rows:
        agent = row.pop("agent")
        if agent:
            row["n"] = numbers.setdefault(agent, len(numbers))


def events(t: Translator, content: FrozenTranscript) -> list[dict[str, Any]]:
    """Rating and dispute of a transcript, each step at its time."""
    found = []
    if rating := content.rating:
        stars = t("Rated {score} of 5", score=rating.score if rating.score is not None else "–")
        label = None if str(rating.label) == str(rating.score) else rating.label
        found.append(event(rating.rated_at, "rating", stars, label, rating.comment))
    if dispute := content.dispute:
        fee, whole = dispute.refund_fee, dispute.total_fee
        amount = t("refund of {amount}", amount=t.number(fee / 100, 2)) if isinstance(fee, int) else ""
        if amount and isinstance(whole, int):
            amount = t("{refund} of an order of {amount}", refund=amount, amount=t.number(whole / 100, 2))
        detail = (_known(t, dispute.dispute_type), dispute.title, dispute.reason, amount, dispute.description)
        found.append(event(dispute.opened_at, "dispute", t("Dispute opened"), *detail))
        if dispute.closed_at:
            step = t(STEPS[dispute.cs_status]) if dispute.cs_status in STEPS else None
            found.append(event(dispute.closed_at, "dispute", t("Dispute closed"), _known(t, dispute.status), step))
        else:
            found.extend(_standing(t, dispute))
        found.extend(_carried(t, dispute))
        if dispute.due_at:
            found.append(event(dispute.due_at, "dispute", t("Deadline"), *_kept(t, content, dispute.due_at)))
    return found


def _carried(t: Translator, dispute: FrozenDispute) -> list[dict[str, Any]]:
    """Where the goods were, as far as the record names times."""
    back = dispute.returned_at is not None
    steps = (
        (dispute.sent_out_at, t("Goods sent"), None if back else dispute.carrier),
        (dispute.delivered_at, t("Goods delivered"), None),
        (dispute.returned_at, t("Goods sent back"), dispute.carrier),
    )
    return [event(at, "dispute", title, carrier) for at, title, carrier in steps if at]


def _standing(t: Translator, dispute: FrozenDispute) -> list[dict[str, Any]]:
    """How an open dispute stood when it was frozen; when that was so is not known."""
    step = t(STEPS[dispute.cs_status]) if dispute.cs_status in STEPS else None
    known = [one for one in (_known(t, dispute.status), step) if one]
    return [event(None, "dispute", t("State of the dispute"), *known)] if known else []


def _kept(t: Translator, content: FrozenTranscript, due: datetime) -> list[str]:
    """What was left of the time when the shop first answered in the record and when the dispute was closed."""
    answers = (m.sent_at for m in content.messages if m.part == DISPUTE and m.role == "agent" and m.sent_at)
    closed = content.dispute.closed_at if content.dispute else None
    told = []
    if first := next(iter(answers), None):
        told.append(t("first answer {time} before it", time=_apart(t, first, due)) if first <= due
                    else t("first answer {time} after it", time=_apart(t, first, due)))  # fmt: skip
    if closed:
        told.append(t("closed {time} before it", time=_apart(t, closed, due)) if closed <= due
                    else t("closed {time} after it", time=_apart(t, closed, due)))  # fmt: skip
    return told or [t("no answer in the record")]


def _apart(t: Translator, one: datetime, other: datetime) -> str:
    return duration(t, int(abs((one - other).total_seconds())))


def _known(t: Translator, code: str | None) -> str | None:
    return t(DISPUTES[code]) if code in DISPUTES else code


def event(at: datetime | None, kind: str, title: str, *details: Any) -> dict[str, Any]:
    """Something that happened, as the transcript shows it."""
    return {
        "k": "e",
        "kind": kind,
        "title": title,
        "text": " · ".join(str(detail) for detail in details if detail),
        "_at": at,
    }


def _merged(rows: list[dict[str, Any]], events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events at their time among the messages, whose own order never changes; those without a time at the end."""
    waiting = sorted(events, key=lambda event: (event["_at"] is None, event["_at"].timestamp() if event["_at"] else 0))
    merged: list[dict[str, Any]] = []
    for row in rows:
        while waiting and waiting[0]["_at"] and row["_at"] and waiting[0]["_at"] <= row["_at"]:
            merged.append(waiting.pop(0))
        merged.append(row)
    return merged + waiting


def _with_days(t: Translator, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    day, out = "", []
    for row in rows:
        at = row.pop("_at")
        if at is not None:
            local = t.local(at)
            row["at"] = f"{local:%H:%M:%S}"
            if (today := f"{local:%Y-%m-%d}") != day:
                day = today
                out.append({"k": "d", "text": day})
        out.append(row)
    return out
