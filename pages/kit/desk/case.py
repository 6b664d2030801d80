"""A dispute as one story: the transcript of everything about its order, what was asked, paid and due, and statements
that do not go together side by side. For the page of disputes and, at the press of a key, for the desk."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from pages.kit.desk.component import DESK, mount
from pages.kit.desk.conversation import DISPUTES, STEPS, duration, event, events, header, items
from pages.kit.desk.texts import texts
from pages.kit.guard import Page
from pages.kit.promises import Notes, notes
from qa.disputes.case import Chapter, DisputeCase
from qa.disputes.statements import Mismatch, Stance, Statement
from qa.i18n import N_, Translator
from qa.promises import reading

STANCES = {
    Stance.RETURN_ONLY: N_("only a return is possible"),
    Stance.EXCHANGE: N_("the goods are exchanged or sent again"),
    Stance.REFUND: N_("money goes back"),
    Stance.NO_REFUND: N_("no money goes back"),
    Stance.REFUSED: N_("the shop refused in the record"),
    Stance.REFUNDED: N_("the record says refunded"),
    Stance.ASKED_REFUND: N_("the record asks for money back"),
    Stance.AMOUNT: N_("refund promised"),
    Stance.PAID: N_("refund paid"),
}


def show(page: Page, found: DisputeCase, *, key: str, height: int = 420) -> None:
    """The whole case, `height` pixels high. `key` must be constant for its place on the page."""
    data = {
        "mode": "read",
        "id": found.key,
        "language": page.t.language,
        "texts": texts(page.t),
        "height": height,
        "header": facts(page.t, found, page.now),
        "items": story(page.t, found, promised(page, found, ruled=True)),
        "pairs": pairs(page.t, found),
    }
    mount(DESK, key=key, data=data)


def promised(page: Page, case: DisputeCase, *, ruled: bool) -> Notes:
    """What became of the promises of its chats, as `notes`."""
    made = reading.of_conversations(page.bench, {key for key, _ in case.places}, page.now)
    return notes(page.t, made, lambda one: case.places.get((one.conversation_key, one.seq)), ruled=ruled)


def story(t: Translator, case: DisputeCase, promises: Notes | None = None) -> list[dict[str, Any]]:
    """The transcript of the case from top to bottom, with where each chat begins, what other disputes there were, and
    beside the messages what became of their promises."""
    more = [_chapter(t, one) for one in case.chapters]
    for other in case.others:
        found = events(t, replace(case.transcript, messages=(), rating=None, dispute=other))
        more += [each | {"title": f"{each['title']} ({other.dispute_id})"} for each in found]
    return items(t, case.transcript, more=more, promises=promises)


def facts(t: Translator, case: DisputeCase, now: datetime) -> list[dict[str, str]]:
    """What stands above the story: label and value, only what is known."""
    known = header(t, case.transcript)
    record = case.transcript.dispute
    if record is None:
        return known
    money = ((t("Asked"), record.refund_fee), (t("Order total"), record.total_fee), (t("Paid back"), case.paid))
    rows = [(label, t.number(amount / 100, 2)) for label, amount in money if amount is not None]
    status = t(DISPUTES[record.status]) if record.status in DISPUTES else record.status
    step = t(STEPS[record.cs_status]) if record.cs_status in STEPS else None
    rows += [(t("Status"), " · ".join(part for part in (status, step) if part))] if status or step else []
    if record.due_at is not None and record.closed_at is None:
        rows.append((t("Deadline"), _left(t, record.due_at, now)))
    return known + [{"label": label, "value": value} for label, value in rows]


def pairs(t: Translator, case: DisputeCase) -> list[dict[str, Any]]:
    """Statements that do not go together: what each says, its words, and the number of its message (None: the
    record)."""
    return [_pair(t, each) for each in case.contradictions]


def _pair(t: Translator, found: Mismatch) -> dict[str, Any]:
    return {"one": _side(t, found.one), "other": _side(t, found.other)}


def _side(t: Translator, said: Statement) -> dict[str, Any]:
    amount = "" if said.amount is None else f" {t.number(said.amount / 100, 2)}"
    where = t("record") if said.seq is None else f"#{said.seq + 1}"
    text = said.text if said.seq is not None else t(DISPUTES[said.text]) if said.text in DISPUTES else said.text
    return {"seq": said.seq, "where": where, "what": t(STANCES[said.stance]) + amount, "text": text}


def _chapter(t: Translator, chat: Chapter) -> dict[str, Any]:
    title = t("Chat after the dispute was opened") if chat.after else t("Chat before the dispute")
    mark = t("the chat of this dispute") if chat.joined else ""
    return event(chat.started_at, "chat", title, mark, ", ".join(chat.agents) or t("no agent"))


def _left(t: Translator, due: datetime, now: datetime) -> str:
    apart = duration(t, int(abs((due - now).total_seconds())))
    return (
        t("{when}, {time} left", when=t.when(due), time=apart)
        if due >= now
        else t("{when}, exceeded by {time}", when=t.when(due), time=apart)
    )
