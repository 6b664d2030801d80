"""Asking a source: requests at the pace it allows, tried again when it says so, and answers made into rows.

Does not know the database. Time, pauses and the client come in, so that tests are quick.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import polars as pl

from qa.connectors.descriptions import Description, value_at
from qa.errors import Invalid, Unavailable
from qa.i18n import N_

TRIES = 6
LONGEST = 300.0
"""Seconds that a source may ask us to wait; more is for the next night."""
SECONDS = 30.0
AWAY = N_("The source is away ({reason}); what was fetched stays, the rest comes the next time.")
PAGES = 200
"""Pages of one look; a source that never ends is cut off there, and goes on the next time."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
FIELDS = ("agent_id", "agent_name", "customer_id", "shop", "channel", "order_id")


@dataclass(frozen=True)
class Batch:
    """Rows of one or more pages, and where the source goes on. `over`: nothing more for now."""

    conversations: pl.DataFrame
    messages: pl.DataFrame
    cursor: str
    over: bool


@dataclass
class Source:
    """One source with its settings and its secret."""

    description: Description
    settings: Mapping[str, str]
    secret: str = field(repr=False)
    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _asked: float | None = None

    def batches(self, cursor: str, since: datetime) -> Iterator[Batch]:
        """What is new behind `cursor`; without one, from `since` on. Each batch is to be stored with its cursor."""
        with self._client() as client:
            if self.description.listing.page:
                yield self._by_page(client, cursor, since)
                return
            for _ in range(PAGES):
                batch = self._by_cursor(client, cursor, since)
                if batch.cursor == cursor and not batch.over:
                    raise Invalid(N_("The source gives the same place again and again; nothing more was fetched."))
                yield batch
                if batch.over:
                    return
                cursor = batch.cursor

    def _by_cursor(self, client: httpx.Client, cursor: str, since: datetime) -> Batch:
        asked = self.description.listing
        place = {asked.cursor: cursor} if cursor else self._filled(asked.first, since=since)
        page = self._get(client, self._text(asked.url, since=since), {**asked.params, **place})
        items = _listed(page, asked.items)
        following = value_at(page, asked.next)
        over = bool(value_at(page, asked.over)) if asked.over else not following or not items
        return self._batch(client, items, str(following or cursor), over)

    def _by_page(self, client: httpx.Client, cursor: str, since: datetime) -> Batch:
        asked, seen = self.description.listing, _number(cursor) if cursor else since.timestamp()
        newest, items = seen, dict[str, Any]()
        for number in range(1, PAGES + 1):
            params = {**asked.params, asked.page: str(number)}
            page = _listed(self._get(client, self._text(asked.url, since=since), params), asked.items)
            moved = [(item, _number(value_at(item, asked.newer))) for item in page]
            # a conversation that gets a message while we read moves up, and shows again on a later page: once is enough
            items |= {str(value_at(item, asked.id)): item for item, at in moved if at >= seen}
            newest = max([newest, *(at for _, at in moved)])
            if not page or any(at < seen for _, at in moved):
                break
        return self._batch(client, list(items.values()), repr(newest), True)

    def _batch(self, client: httpx.Client, items: list[Any], cursor: str, over: bool) -> Batch:
        told, said = self.description.messages, []
        chats = []
        for item in items:
            name = value_at(item, self.description.listing.id)
            if name is None:
                raise Invalid(N_("The source gave a conversation without “{path}”."), path=self.description.listing.id)
            found = self._get(client, self._text(told.url, id=str(name)), {}) if told.url else item
            rows = [
                row for n, one in enumerate(_listed(found, told.items)) if (row := self._message(item, name, n, one))
            ]
            if rows:
                chats.append(self._conversation(item, name))
                said += rows
        return Batch(pl.DataFrame(chats, schema=CHATS), pl.DataFrame(said, schema=SAID), cursor, over)

    def _conversation(self, item: Any, name: object) -> dict[str, Any]:
        paths, words = self.description.conversation, self.description.conversation.satisfaction_words
        row = {one: _text(value_at(item, getattr(paths, one))) if getattr(paths, one) else None for one in FIELDS}
        score = value_at(item, paths.satisfaction) if paths.satisfaction else None
        score = words.get(str(score)) if words else score
        return {"conversation_id": str(name), **row, "satisfaction": score if isinstance(score, int) else None}

    def _message(self, item: Any, name: object, place: int, one: Any) -> dict[str, Any] | None:
        told = self.description.messages
        if told.leave_out is not None and value_at(one, told.leave_out.path) == told.leave_out.value:
            return None
        text, at = _text(value_at(one, told.text)), _moment(value_at(one, told.sent_at))
        if not text or at is None:
            return None
        sender = _text(value_at(one, told.sender)) if told.sender else None
        if told.role:
            role = told.roles.get(str(value_at(one, told.role)), "")
        else:
            role = "customer" if sender == _text(value_at(item, told.customer)) else "agent"
        agent = sender if role == "agent" else None
        return {
            "conversation_id": str(name),
            "seq": place,
            "role": role,
            "agent_id": agent,
            "sent_at": at,
            "text": text,
        }

    def _get(self, client: httpx.Client, url: str, params: Mapping[str, str]) -> Any:
        """One answer; a source that is busy or away is asked again, as late as it says."""
        return answered(lambda: client.get(url, params=params), self.pause, self._pace)

    def _pace(self) -> None:
        gap, now = 60.0 / self.description.limits.per_minute, self.clock()
        if self._asked is not None and now - self._asked < gap:
            self.pause(gap - (now - self._asked))
        self._asked = self.clock()

    def _client(self) -> httpx.Client:
        auth, headers, params = self.description.auth, {"accept": "application/json"}, dict[str, str]()
        basic = None
        if auth.kind == "bearer":
            headers["authorization"] = f"Bearer {self.secret}"
        elif auth.kind == "basic":
            basic = httpx.BasicAuth(self._text(auth.user), self.secret)
        elif auth.kind == "header":
            headers[auth.name] = self.secret
        else:
            params[auth.name] = self.secret
        return httpx.Client(headers=headers, params=params, auth=basic, timeout=SECONDS, follow_redirects=False)

    def _text(self, text: str, **more: Any) -> str:
        since = more.pop("since", None)
        places = {**self.settings, **more, **({"since": str(int(since.timestamp()))} if since else {})}
        for name, value in places.items():
            text = text.replace("{" + name + "}", value)
        return text

    def _filled(self, texts: Mapping[str, str], since: datetime) -> dict[str, str]:
        return {name: self._text(text, since=since) for name, text in texts.items()}


def answered(send: Callable[[], httpx.Response], pause: Callable[[float], None], pace: Callable[[], None]) -> Any:
    """The JSON that a request is answered with; a source that is busy or away is asked again, as late as it says."""
    wait, reason = 1.0, ""
    for attempt in range(1, TRIES + 1):
        pace()
        try:
            answer = send()
        except httpx.HTTPError as problem:
            reason, wait = type(problem).__name__, wait * 2
        else:
            if answer.status_code == 200:
                return _json(answer)
            if answer.status_code in (401, 403):
                raise Invalid(
                    N_("The source refused the secret (HTTP {status}). Set it anew."), status=answer.status_code
                )
            if answer.status_code != 429 and answer.status_code < 500:
                raise Invalid(N_("The source refused the request (HTTP {status})."), status=answer.status_code)
            reason, wait = f"HTTP {answer.status_code}", _retry_after(answer) or wait * 2
        if attempt == TRIES or wait > LONGEST:
            break
        pause(wait)
    raise Unavailable(AWAY, reason=reason)


def is_safe(address: str) -> bool:
    """Whether an address may be asked: https, or this machine."""
    parts = urlsplit(address)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))


CHATS: dict[str, Any] = {"conversation_id": pl.String, **dict.fromkeys(FIELDS, pl.String), "satisfaction": pl.Int64}
SAID: dict[str, Any] = {
    "conversation_id": pl.String, "seq": pl.Int64, "role": pl.String, "agent_id": pl.String,
    "sent_at": pl.Datetime("us", "UTC"), "text": pl.String,
}  # fmt: skip


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as problem:
        raise Unavailable(
            N_("The source is away ({reason}); what was fetched stays, the rest comes the next time."), reason="JSON"
        ) from problem


def _listed(page: Any, path: str) -> list[Any]:
    found = value_at(page, path)
    if not isinstance(found, list):
        raise Invalid(N_("The source gave no list at “{path}”."), path=path)
    return found


def _retry_after(answer: httpx.Response) -> float | None:
    said = answer.headers.get("retry-after", "")
    if said.isdigit():
        return float(said)
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
    except ValueError:
        return None


def _number(value: Any) -> float:
    at = _moment(value)
    return at.timestamp() if at is not None else 0.0


def _moment(value: Any) -> datetime | None:
    """A moment from seconds since 1970 or ISO 8601 with its zone; None for what is neither."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        text = str(value or "")
        if text.replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(text), UTC)
        found = datetime.fromisoformat(text)
        return found if found.tzinfo is not None else None
    except (ValueError, OverflowError, OSError):
        return None


def _text(value: Any) -> str | None:
    return None if value is None or isinstance(value, dict | list) else str(value)
