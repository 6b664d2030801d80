"""Typed client of the HTTP API of Spotcheck 0.1.0, generated from its description. Do not edit.

    client = Client("https://qa.example.com", "the token")
    for verdict in client.every(client.get_verdicts, first="2026-03-01"):
        print(verdict.agent_id, verdict.total, verdict.pi)

Needs Python 3.11 with httpx and msgspec.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import httpx
import msgspec

A = TypeVar("A")
T = TypeVar("T", covariant=True)


class ApiEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """A figure with its interval at `level`. Without an honest interval `low` and `high` are null and `reason` says
    why; then `value` is not to be shown as if it were known.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    level: float
    method: str
    reason: str


class AgentEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """One agent's mean score in points."""

    agent_id: str
    name: str
    team: str | None
    score: ApiEstimate


class AgentsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody of the scope, and the mean over all of them. `pending`: samples drawn and not yet decided."""

    team: ApiEstimate
    items: list[AgentEstimate]
    pending: int
    estimator: str


class ApiAssessment(msgspec.Struct, frozen=True, kw_only=True):
    """One sheet: of a month, or of the three months that end with it."""

    id: int
    month: date
    months: int
    revision: int
    state: str
    people: int
    created_at: datetime
    published_at: datetime | None
    objections_until: datetime | None


class ApiAssessmentEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What a sheet says of one person in one team and role: `result` holds the total with its interval, the
    probabilities of grades and every indicator in parts, as the sheet stores them.
    """

    agent_id: str
    name: str
    team: str
    role: str
    result: dict[str, Any]


class ApiCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case of the library."""

    id: int
    title: str
    lesson: str
    kind: str
    tags: list[str]
    criterion_id: str | None
    rule_id: str | None
    language: str


class ApiConversation(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation of a list; names of customers are masked for whoever may not see them."""

    handle: str
    started_at: datetime | None
    agent_id: str
    agent_name: str
    customer: str
    channel: str
    messages: int
    rating: int | None
    rules: list[str]


class ApiDraw(msgspec.Struct, frozen=True, kw_only=True):
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
    published_at: datetime


class ApiMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message."""

    seq: int
    role: str | None
    agent_id: str | None
    kind: str | None
    text: str | None
    sent_at: datetime | None


class ApiSample(msgspec.Struct, frozen=True, kw_only=True):
    """One sample of a draw, with the chance `pi` it was drawn with."""

    sample_id: int
    unit_id: str
    source: str
    agent_id: str
    reason: str
    pi: float | None
    rank: int | None
    finished: bool
    withdrawn_at: datetime | None


class ApiVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """One current verdict. `pi` is the chance with which the sample was drawn: no mean of verdicts is valid without
    weighting each by 1/pi. `total` in points.
    """

    verdict_id: int
    sample_id: int
    draw_id: int | None
    unit_id: str
    source: str
    agent_id: str
    team: str | None
    reason: str
    pi: float
    weight: float
    total: float
    total_without_redlines: float
    redline: bool
    occurred_at: datetime | None
    decided_at: datetime


class ApiViolation(msgspec.Struct, frozen=True, kw_only=True):
    """A case file without its words: those are read on its page."""

    id: int
    state: str
    rule_id: str
    severity: str
    agent_id: str
    team: str
    occurred_at: datetime | None
    opened_at: datetime
    changed_at: datetime
    due: datetime | None


class AssessmentsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page, the newest month first."""

    items: list[ApiAssessment]
    next: str | None


class CaseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole case; its excerpt is masked for everybody."""

    id: int
    title: str
    lesson: str
    kind: str
    state: str
    tags: list[str]
    excerpt: list[dict[str, Any]]


class CasesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page, by relevance or the newest first."""

    items: list[ApiCase]
    total: int
    next: str | None


class ConversationsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page, the newest first; `total` counts all that match."""

    items: list[ApiConversation]
    total: int
    next: str | None


class CorrectedAgent(msgspec.Struct, frozen=True, kw_only=True):
    """One agent's mean score with the machine scorer, in points."""

    agent_id: str
    score: ApiEstimate


class CorrectedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Figures corrected with the machine scorer in use, over the `draws` that lie in the days as a whole. `human`
    rests on the reviews alone. Where there is no `corrected` one `reason` says why: no_scorer, metric, source,
    filters, adjusted, no_draws, few_reviews, no_gain, dependent, unlike. Agents of whom nothing can be said are
    left out.
    """

    scorer: str
    metric: str
    draws: int
    human: ApiEstimate | None
    corrected: ApiEstimate | None
    reason: str
    items: list[CorrectedAgent]


class DrawsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page, the newest first."""

    items: list[ApiDraw]
    next: str | None


class EntriesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page, by team and name."""

    items: list[ApiAssessmentEntry]
    next: str | None


class MeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whose token this is, and what it may do."""

    login: str
    role: str
    token: str
    scopes: list[str]
    expires_at: datetime


class PeriodEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """One group in one week or month (its first day)."""

    group: str
    name: str
    period: date
    estimate: ApiEstimate


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True):
    """An error as RFC 9457 says it (`application/problem+json`). `code` never changes, `detail` is a sentence in the
    reader's language, `facts` are what it says.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    facts: dict[str, Any]


class PushProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which rows were wrong, with how often: reason and cure in words."""

    code: str
    field: str
    n: int
    reason: str
    cure: str


class PushAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was imported. `import_id` names it on the page Import, where it can be taken back."""

    import_id: int
    archive_version: int
    new: int
    changed: int
    unchanged: int
    extended: int
    messages: int
    left_out: int
    problems: list[PushProblem] = msgspec.field(default_factory=list)


class PushedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `role`: customer, agent, bot, system or platform. `sent_at` with its offset from UTC."""

    role: str
    sent_at: datetime
    text: str
    agent_id: str | None = None
    kind: str | None = None


class PushedConversation(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation and its messages in order; another part of a known one adds to it."""

    conversation_id: str
    messages: list[PushedMessage]
    agent_id: str | None = None
    agent_name: str | None = None
    customer_id: str | None = None
    shop: str | None = None
    channel: str | None = None
    order_id: str | None = None
    satisfaction: int | None = None


class PushBody(msgspec.Struct, frozen=True, kw_only=True):
    """At most 10,000 conversations of one source (a short name of shop and platform, part of every key)."""

    source: str
    conversations: list[PushedConversation]


class SamplesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page in the order of the draw."""

    items: list[ApiSample]
    next: str | None


class TranscriptAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation in full, masked for whoever may not see customers."""

    handle: str
    agent_id: str | None
    shop: str | None
    channel: str | None
    started_at: datetime | None
    messages: list[ApiMessage]
    rules: list[str]


class TrendAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The periods of each group, in the unit of the metric: points, percent, loss or rate."""

    metric: str
    unit: str
    by: str
    bucket: str
    items: list[PeriodEstimate]
    pending: int
    estimator: str


class VerdictsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page of verdicts in the order of their samples; `next` is the cursor of the page after."""

    items: list[ApiVerdict]
    next: str | None


class ViolationsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page, the newest first."""

    items: list[ApiViolation]
    next: str | None


class ApiProblem(Exception):
    """What the server refused, or could not do. `status` is that of HTTP, `details` what the server says of it."""

    def __init__(self, status: int, details: ProblemDetails | None, text: str = "") -> None:
        super().__init__(f"{status} {details.code}: {details.detail}" if details else f"{status} {text}".strip())
        self.status, self.details = status, details


class Page(Protocol[T]):
    """One page of a list; `next` is the cursor of the page after."""

    @property
    def items(self) -> Sequence[T]: ...

    @property
    def next(self) -> str | None: ...


class Client:
    """Every address of the API as a method. `address` is that of the workbench, `token` one made there.

    Raises `ApiProblem`. When the server asks to wait (`Retry-After`), a call waits up to `patience` seconds in all.
    """

    def __init__(self, address: str, token: str, *, patience: float = 60.0, http: httpx.Client | None = None) -> None:
        self._root = address.rstrip("/") + "/api/v1"
        self._token, self._patience = token, patience
        self._http = http or httpx.Client(timeout=300.0)

    def every(self, ask: Callable[..., Page[T]], *ids: str, **params: Any) -> Iterator[T]:
        """The items of all pages of a list, page by page: `client.every(client.get_draws)`."""
        cursor: str | None = ""
        while cursor is not None:
            page = ask(*ids, **params, cursor=cursor)
            yield from page.items
            cursor = page.next

    def _ask(
        self,
        method: str,
        path: str,
        answer: type[A],
        params: Mapping[str, Any],
        body: Any = None,
        key: str = "",
    ) -> A:
        headers = {"Authorization": f"Bearer {self._token}"}
        if body is not None:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": key or uuid.uuid4().hex}
        content = None if body is None else msgspec.json.encode(body)
        given = {name: value for name, value in params.items() if value != ""}
        patience = self._patience
        while True:
            response = self._http.request(method, self._root + path, params=given, content=content, headers=headers)
            wait = float(response.headers.get("Retry-After", 0))
            if response.is_success or not 0 < wait <= patience:
                break
            patience -= wait
            time.sleep(wait)
        if response.is_success:
            return msgspec.json.decode(response.content, type=answer)
        try:
            details = msgspec.json.decode(response.content, type=ProblemDetails)
        except msgspec.MsgspecError:
            raise ApiProblem(response.status_code, None, response.reason_phrase) from None
        raise ApiProblem(response.status_code, details)

    def get_me(
        self,
    ) -> MeAnswer:
        """Whose token this is."""
        return self._ask(
            "GET",
            "/me",
            MeAnswer,
            {},
        )

    def get_conversations(
        self,
        *,
        query: str = "",
        agent: str = "",
        team: str = "",
        shop: str = "",
        channel: str = "",
        first: str = "",
        last: str = "",
        rule: str = "",
        cursor: str = "",
        limit: int = 50,
    ) -> ConversationsAnswer:
        """Find conversations. Needs the scope `conversations`."""
        return self._ask(
            "GET",
            "/conversations",
            ConversationsAnswer,
            {
                "query": query,
                "agent": agent,
                "team": team,
                "shop": shop,
                "channel": channel,
                "first": first,
                "last": last,
                "rule": rule,
                "cursor": cursor,
                "limit": limit,
            },
        )

    def post_conversations(
        self,
        body: PushBody,
        *,
        idempotency_key: str = "",
    ) -> PushAnswer:
        """Push conversations. Needs the scope `import`."""
        return self._ask(
            "POST",
            "/conversations",
            PushAnswer,
            {},
            body,
            idempotency_key,
        )

    def get_conversations_handle(
        self,
        handle: str | int,
    ) -> TranscriptAnswer:
        """One conversation in full. Needs the scope `conversations`."""
        return self._ask(
            "GET",
            f"/conversations/{quote(str(handle), safe='')}",
            TranscriptAnswer,
            {},
        )

    def get_draws(
        self,
        *,
        cursor: str = "",
        limit: int = 50,
    ) -> DrawsAnswer:
        """Published draws. Needs the scope `draws`."""
        return self._ask(
            "GET",
            "/draws",
            DrawsAnswer,
            {
                "cursor": cursor,
                "limit": limit,
            },
        )

    def get_draws_draw_samples(
        self,
        draw: str | int,
        *,
        cursor: str = "",
        limit: int = 50,
    ) -> SamplesAnswer:
        """Samples of a draw. Needs the scope `draws`."""
        return self._ask(
            "GET",
            f"/draws/{quote(str(draw), safe='')}/samples",
            SamplesAnswer,
            {
                "cursor": cursor,
                "limit": limit,
            },
        )

    def get_draws_draw_receipt(
        self,
        draw: str | int,
    ) -> dict[str, Any]:
        """Receipt of a draw. Needs the scope `draws`."""
        return self._ask(
            "GET",
            f"/draws/{quote(str(draw), safe='')}/receipt",
            dict[str, Any],
            {},
        )

    def get_verdicts(
        self,
        *,
        source: str = "chat",
        first: str = "",
        last: str = "",
        team: str = "",
        shop: str = "",
        channel: str = "",
        agent: str = "",
        cursor: str = "",
        limit: int = 50,
    ) -> VerdictsAnswer:
        """Current verdicts with their inclusion probability. Needs the scope `results`."""
        return self._ask(
            "GET",
            "/verdicts",
            VerdictsAnswer,
            {
                "source": source,
                "first": first,
                "last": last,
                "team": team,
                "shop": shop,
                "channel": channel,
                "agent": agent,
                "cursor": cursor,
                "limit": limit,
            },
        )

    def get_estimates_agents(
        self,
        *,
        source: str = "chat",
        first: str = "",
        last: str = "",
        team: str = "",
        shop: str = "",
        channel: str = "",
        agent: str = "",
    ) -> AgentsAnswer:
        """Mean scores with their intervals. Needs the scope `results`."""
        return self._ask(
            "GET",
            "/estimates/agents",
            AgentsAnswer,
            {
                "source": source,
                "first": first,
                "last": last,
                "team": team,
                "shop": shop,
                "channel": channel,
                "agent": agent,
            },
        )

    def get_estimates_corrected(
        self,
        *,
        source: str = "chat",
        first: str = "",
        last: str = "",
        team: str = "",
        shop: str = "",
        channel: str = "",
        agent: str = "",
        metric: str = "total",
    ) -> CorrectedAnswer:
        """Means and rates corrected with the machine scorer. Needs the scope `results`."""
        return self._ask(
            "GET",
            "/estimates/corrected",
            CorrectedAnswer,
            {
                "source": source,
                "first": first,
                "last": last,
                "team": team,
                "shop": shop,
                "channel": channel,
                "agent": agent,
                "metric": metric,
            },
        )

    def get_estimates_trend(
        self,
        *,
        source: str = "chat",
        first: str = "",
        last: str = "",
        team: str = "",
        shop: str = "",
        channel: str = "",
        agent: str = "",
        metric: str = "total",
        by: str = "all",
        bucket: str = "week",
    ) -> TrendAnswer:
        """A figure over time, with its intervals. Needs the scope `results`."""
        return self._ask(
            "GET",
            "/estimates/trend",
            TrendAnswer,
            {
                "source": source,
                "first": first,
                "last": last,
                "team": team,
                "shop": shop,
                "channel": channel,
                "agent": agent,
                "metric": metric,
                "by": by,
                "bucket": bucket,
            },
        )

    def get_violations(
        self,
        *,
        state: str = "",
        rule: str = "",
        agent: str = "",
        team: str = "",
        cursor: str = "",
        limit: int = 50,
    ) -> ViolationsAnswer:
        """Case files of red lines. Needs the scope `violations`."""
        return self._ask(
            "GET",
            "/violations",
            ViolationsAnswer,
            {
                "state": state,
                "rule": rule,
                "agent": agent,
                "team": team,
                "cursor": cursor,
                "limit": limit,
            },
        )

    def get_cases(
        self,
        *,
        query: str = "",
        kind: str = "",
        tag: str = "",
        cursor: str = "",
        limit: int = 50,
    ) -> CasesAnswer:
        """Published cases. Needs the scope `cases`."""
        return self._ask(
            "GET",
            "/cases",
            CasesAnswer,
            {
                "query": query,
                "kind": kind,
                "tag": tag,
                "cursor": cursor,
                "limit": limit,
            },
        )

    def get_cases_case(
        self,
        case: str | int,
    ) -> CaseAnswer:
        """One case. Needs the scope `cases`."""
        return self._ask(
            "GET",
            f"/cases/{quote(str(case), safe='')}",
            CaseAnswer,
            {},
        )

    def get_assessments(
        self,
        *,
        cursor: str = "",
        limit: int = 50,
    ) -> AssessmentsAnswer:
        """Monthly sheets. Needs the scope `assessments`."""
        return self._ask(
            "GET",
            "/assessments",
            AssessmentsAnswer,
            {
                "cursor": cursor,
                "limit": limit,
            },
        )

    def get_assessments_assessment_entries(
        self,
        assessment: str | int,
        *,
        cursor: str = "",
        limit: int = 50,
    ) -> EntriesAnswer:
        """What a monthly sheet says of people. Needs the scope `assessments`."""
        return self._ask(
            "GET",
            f"/assessments/{quote(str(assessment), safe='')}/entries",
            EntriesAnswer,
            {
                "cursor": cursor,
                "limit": limit,
            },
        )
