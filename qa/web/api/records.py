"""Conversations, draws, case files and cases for programs, as the reader behind the token may see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from qa import draws
from qa.casefiles.lifecycle import FileState
from qa.conversations import finding, reading
from qa.conversations.listing import Wanted
from qa.errors import Invalid
from qa.i18n import N_
from qa.library import cases, search
from qa.redlines import board
from qa.web.api.calls import SIZE, Call, Instant, Nothing, Paged, business_day, cursor_of, number, place_of, slice_of


@dataclass(frozen=True)
class ConversationParams:
    """What to find; empty means no restriction. Days of the business time zone, both included."""

    query: str = ""
    agent: str = ""
    team: str = ""
    shop: str = ""
    channel: str = ""
    first: str = ""
    last: str = ""
    rule: str = ""
    cursor: str = ""
    limit: int = SIZE


@dataclass(frozen=True)
class ApiConversation:
    """One conversation of a list; names of customers are masked for whoever may not see them."""

    handle: str
    started_at: Instant | None
    agent_id: str
    agent_name: str
    customer: str
    channel: str
    messages: int
    rating: int | None
    rules: list[str]


@dataclass(frozen=True)
class ConversationsAnswer:
    """A page, the newest first; `total` counts all that match."""

    items: list[ApiConversation]
    total: int
    next: str | None


@dataclass(frozen=True)
class ApiMessage:
    """One message."""

    seq: int
    role: str | None
    agent_id: str | None
    kind: str | None
    text: str | None
    sent_at: Instant | None


@dataclass(frozen=True)
class TranscriptAnswer:
    """One conversation in full, masked for whoever may not see customers."""

    handle: str
    agent_id: str | None
    shop: str | None
    channel: str | None
    started_at: Instant | None
    messages: list[ApiMessage]
    rules: list[str]


@dataclass(frozen=True)
class ApiDraw:
    """A published draw."""

    id: int
    name: str
    plan_id: int
    plan: str
    period_from: date
    period_to: date
    frame_size: int
    samples: int
    finished: int
    receipt_hash: str
    published_at: Instant


@dataclass(frozen=True)
class DrawsAnswer:
    """A page, the newest first."""

    items: list[ApiDraw]
    next: str | None


@dataclass(frozen=True)
class ApiSample:
    """One sample of a draw, with the chance `pi` it was drawn with."""

    sample_id: int
    unit_id: str
    source: str
    agent_id: str
    reason: str
    pi: float | None
    rank: int | None
    finished: bool
    withdrawn_at: Instant | None


@dataclass(frozen=True)
class SamplesAnswer:
    """A page in the order of the draw."""

    items: list[ApiSample]
    next: str | None


@dataclass(frozen=True)
class ViolationParams:
    """Which case files; `state` one of the states a file can be in."""

    state: str = ""
    rule: str = ""
    agent: str = ""
    team: str = ""
    cursor: str = ""
    limit: int = SIZE


@dataclass(frozen=True)
class ApiViolation:
    """A case file without its words: those are read on its page."""

    id: int
    state: str
    rule_id: str
    severity: str
    agent_id: str
    team: str
    occurred_at: Instant | None
    opened_at: Instant
    changed_at: Instant
    due: Instant | None


@dataclass(frozen=True)
class ViolationsAnswer:
    """A page, the newest first."""

    items: list[ApiViolation]
    next: str | None


@dataclass(frozen=True)
class CaseParams:
    """Published cases that hold `query`."""

    query: str = ""
    kind: str = ""
    tag: str = ""
    cursor: str = ""
    limit: int = SIZE


@dataclass(frozen=True)
class ApiCase:
    """A case of the library."""

    id: int
    title: str
    lesson: str
    kind: str
    tags: list[str]
    criterion_id: str | None
    rule_id: str | None
    language: str


@dataclass(frozen=True)
class CasesAnswer:
    """A page, by relevance or the newest first."""

    items: list[ApiCase]
    total: int
    next: str | None


@dataclass(frozen=True)
class CaseAnswer:
    """A whole case; its excerpt is masked for everybody."""

    id: int
    title: str
    lesson: str
    kind: str
    state: str
    tags: list[str]
    excerpt: list[dict[str, Any]]


def conversations(call: Call[ConversationParams]) -> ConversationsAnswer:
    """Find conversations."""
    p, page = call.params, place_of(call.params.cursor) or 1
    wanted = Wanted(
        p.query, agent=p.agent, team=p.team, shop=p.shop, channel=p.channel, first=business_day(p.first, "first"),
        last=business_day(p.last, "last"), rule=p.rule,
    )  # fmt: skip
    seen = wanted if page > 1 else None
    found = finding.find(call.bench, call.actor, wanted, now=call.now, page=page, size=p.limit, seen=seen)
    items = [
        ApiConversation(r.handle, r.started_at, r.agent_id, r.agent_name, r.customer, r.channel, r.messages, r.rating,
                        list(r.rules))
        for r in found.rows
    ]  # fmt: skip
    return ConversationsAnswer(items, found.total, cursor_of(page + 1 if page * p.limit < found.total else None))


def conversation(call: Call[Nothing]) -> TranscriptAnswer:
    """Read one."""
    found = reading.read(call.bench, call.actor, call.ids["handle"], now=call.now)
    said = found.transcript
    messages = [ApiMessage(m.seq, m.role, m.agent_id, m.kind, m.text, m.sent_at) for m in said.messages]
    rules = sorted({hit.rule_id for hit in found.hits})
    return TranscriptAnswer(found.handle, said.agent_id, said.shop, said.channel, said.started_at, messages, rules)


def draw_list(call: Call[Paged]) -> DrawsAnswer:
    """Published draws."""
    before = place_of(call.params.cursor)
    found = [one for one in draws.list_draws(call.bench, call.actor) if before is None or one.id < before]
    page = found[: call.params.limit]
    items = [
        ApiDraw(d.id, d.name, d.plan_id, d.plan_name, d.period_from, d.period_to, d.frame_size, d.samples, d.finished,
                d.receipt_hash, d.published_at)
        for d in page
    ]  # fmt: skip
    return DrawsAnswer(items, cursor_of(page[-1].id if len(found) > len(page) else None))


def samples(call: Call[Paged]) -> SamplesAnswer:
    """Samples of a draw."""
    draw_id = number(call.ids, "draw")
    draws.get_draw(call.bench, call.actor, draw_id)
    frame = draws.samples(call.bench, call.actor, draw_id)
    part, more = slice_of(call, frame.height)
    names = ("sample_id", "unit_id", "source", "agent_id", "reason", "pi", "rank", "finished", "withdrawn_at")
    items = [ApiSample(*row) for row in frame[part].select(names).rows()]
    return SamplesAnswer(items, more)


def receipt(call: Call[Nothing]) -> dict[str, Any]:
    """The receipt of a draw, with which anybody can draw again."""
    return draws.receipt_of(call.bench, call.actor, number(call.ids, "draw"))


def violations(call: Call[ViolationParams]) -> ViolationsAnswer:
    """Case files."""
    p = call.params
    states = {state.value: state for state in FileState}
    if p.state and p.state not in states:
        raise Invalid(N_("There is no state “{value}”. States: {known}."), value=p.state[:40], known=", ".join(states))
    wanted = board.Filter(
        states=(states[p.state],) if p.state else (), rule_id=p.rule or None, agent_id=p.agent or None,
        team=p.team or None,
    )  # fmt: skip
    found = board.listing(call.bench, call.actor, wanted, now=call.now, after=place_of(p.cursor), limit=p.limit)
    items = [
        ApiViolation(r.id, r.state.value, r.rule_id, r.severity, r.agent_id, r.team, r.occurred_at, r.opened_at,
                     r.changed_at, r.due)
        for r in found.rows
    ]  # fmt: skip
    return ViolationsAnswer(items, cursor_of(found.after))


def case_list(call: Call[CaseParams]) -> CasesAnswer:
    """Published cases."""
    p, page = call.params, place_of(call.params.cursor) or 1
    wanted = search.CaseFilter(query=p.query, kind=p.kind, tag=p.tag)
    found = search.find_cases(call.bench, call.actor, wanted, page=page, size=p.limit)
    items = [
        ApiCase(h.id, h.title, h.lesson, h.kind, list(h.tags), h.criterion_id, h.rule_id, h.language)
        for h in found.hits
    ]
    return CasesAnswer(items, found.total, cursor_of(page + 1 if page * p.limit < found.total else None))


def case(call: Call[Nothing]) -> CaseAnswer:
    """One case."""
    found = cases.get(call.bench, call.actor, number(call.ids, "case"))
    text = found.text
    return CaseAnswer(
        found.id, text.title, text.lesson, text.kind, found.state, list(text.tags), [dict(m) for m in found.excerpt]
    )
