"""One question to an endpoint that speaks OpenAI-compatible chat completions, and its answer as one clear state.

A whole answer or none: what is broken, cut, refused or of another model is a state, never half a score. Owns neither
the order of questions nor their record. Goes to the address it is given and to no other: no proxy, no redirect.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from qa.errors import Invalid
from qa.i18n import N_
from qa.scorer.connections import Connections, TooSlow

SCORED, REFUSED, CUT, BROKEN, EMPTY = "scored", "refused", "cut", "broken", "empty"
WRONG_KEY, NO_MODEL, BAD_REQUEST, OTHER_MODEL = "wrong_key", "no_model", "bad_request", "other_model"
BUSY, FAILING, SLOW, UNREACHABLE = "busy", "failing", "slow", "unreachable"
STATES: Mapping[str, str] = {
    SCORED: N_("scored"),
    REFUSED: N_("the model refused"),
    CUT: N_("the answer was cut off"),
    BROKEN: N_("the answer is not the JSON that was asked for"),
    EMPTY: N_("the answer is empty"),
    WRONG_KEY: N_("the endpoint does not accept the key"),
    NO_MODEL: N_("the endpoint does not know the model or the address"),
    BAD_REQUEST: N_("the endpoint does not accept the request"),
    OTHER_MODEL: N_("another model answered"),
    BUSY: N_("the endpoint asks to wait"),
    FAILING: N_("the endpoint fails"),
    SLOW: N_("the endpoint did not answer in time"),
    UNREACHABLE: N_("the endpoint cannot be reached"),
}
"""What can become of a question."""
FINAL = frozenset({SCORED, REFUSED, CUT, BROKEN, EMPTY})
"""Answers that were paid for: asking again would pay again."""
STOPPING = frozenset({WRONG_KEY, NO_MODEL, BAD_REQUEST, OTHER_MODEL})
"""No other question would fare better: the run stops."""
LARGEST = 1 << 20
"""Bytes of an answer that are read."""
LONGEST_WAIT = 300.0


@dataclass(frozen=True)
class Address:
    """Where to ask. `timeout` (seconds) is for the whole answer."""

    url: str
    model: str
    key: str = field(default="", repr=False)
    timeout: float = 60.0

    @property
    def host(self) -> str:
        return host_of(self.url)


@dataclass(frozen=True)
class Reply:
    """What became of a question. `answers` holds what the model said per criterion, unchecked; `wait` the seconds the
    endpoint asks for; tokens are the endpoint's own count."""

    state: str
    answers: Mapping[str, Any] | None = None
    model: str = ""
    fingerprint: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    wait: float | None = None
    detail: str = ""
    no_schema: bool = False


def host_of(url: str) -> str:
    """The host of an address, in lower case. Raises `Invalid` for what is no address of a web service."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        host = ""
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.password:
        raise Invalid(
            N_("“{url}” is no address of an endpoint: expected one like http://127.0.0.1:8000/v1."), url=url[:80]
        )
    return host.lower()


def is_local(host: str) -> bool:
    """Whether what is sent there stays on this machine."""
    return host in ("localhost", "::1") or (host.startswith("127.") and host.replace(".", "").isdigit())


def connections(to: Address) -> Connections:
    """What asks; to be closed when nothing more is to be asked."""
    return Connections(to.url)


def ask(http: Connections, to: Address, content: bytes, mark: str) -> Reply:
    """Send `content` and read the answer. `mark` names the question (Idempotency-Key): an endpoint that keeps it does
    not charge for it twice."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": mark}
    if to.key:
        headers["Authorization"] = f"Bearer {to.key}"
    try:
        status, held, data = http.post("/chat/completions", content, headers, timeout=to.timeout, largest=LARGEST)
    except (TooSlow, TimeoutError):
        return Reply(SLOW)
    except (HTTPException, OSError, ValueError) as problem:
        return Reply(UNREACHABLE, detail=type(problem).__name__)
    if status == 200:
        return read(data)
    return _failed(status, held, data)


def _failed(status: int, headers: Mapping[str, str], data: bytes) -> Reply:
    said = data[:500].decode("utf-8", "replace")
    if status in (401, 403):
        return Reply(WRONG_KEY)
    if status == 404:
        return Reply(NO_MODEL)
    if status == 429:
        return Reply(BUSY, wait=waiting(headers.get("retry-after", "")))
    if status in (400, 415, 422):
        return Reply(
            BAD_REQUEST,
            detail=said[:200],
            no_schema="response_format" in said or "json_schema" in said or "schema" in said.lower(),
        )
    return Reply(FAILING, wait=waiting(headers.get("retry-after", "")), detail=str(status))


def waiting(text: str, now: float | None = None) -> float | None:
    """Seconds of a Retry-After header, a number or a date; None for neither, at most five minutes."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - (time.time() if now is None else now)
        except (TypeError, ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT) if seconds == seconds else None


def read(data: bytes) -> Reply:
    """The answer in a body of chat completions."""
    document = _json(data.decode("utf-8", "replace"))
    if not isinstance(document, dict):
        return Reply(BROKEN, detail="body")
    choices = document.get("choices")
    first = _object(choices[0] if isinstance(choices, list) and choices else None)
    said, usage = _object(first.get("message")), _object(document.get("usage"))
    known = Reply(
        SCORED, None, _text(document.get("model")), _text(document.get("system_fingerprint")),
        _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")),
    )  # fmt: skip
    content = said.get("content")
    if said.get("refusal") or first.get("finish_reason") == "content_filter":
        return replace(known, state=REFUSED)
    if first.get("finish_reason") == "length":
        return replace(known, state=CUT)
    if not isinstance(content, str) or not content.strip():
        return replace(known, state=EMPTY)
    answers = parsed(content)
    return replace(known, state=BROKEN) if answers is None else replace(known, answers=answers)


def parsed(content: str) -> Mapping[str, Any] | None:
    """The JSON object that a text is, alone or in one fence; None for anything else: nothing is guessed."""
    text = content.strip()
    if text.startswith("```") and text.endswith("```") and len(text) > 6:
        text = text[3:-3].removeprefix("json").strip()
    document = _json(text)
    if not isinstance(document, dict) or not all(isinstance(one, dict) for one in document.values()) or not document:
        return None
    return document


def rows(answers: Mapping[str, Any], criteria: Sequence[str], conversation_key: str) -> list[dict[str, Any]]:
    """The model's answers as `scoring.judge.checked` takes them: one row a criterion of the rubric, whatever the model
    left out or added."""
    found = []
    for about in criteria:
        one = _object(answers.get(about))
        said = one.get("answer")
        found.append(
            {
                "conversation_key": conversation_key, "about": about,
                "said": str(said)[:80] if isinstance(said, (str, int)) and not isinstance(said, bool) else None,
                "evidence": _evidence(one.get("evidence")), "quote": _text(one.get("quote"), 2_000),
            }
        )  # fmt: skip
    return found


def _evidence(value: object) -> list[int] | None:
    """The messages an answer names; one that cannot be there for what is no list of numbers."""
    if value is None:
        return None
    if not isinstance(value, list) or not all(type(seq) is int and abs(seq) < 2**31 for seq in value):
        return [-1]
    return value[:50]


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _text(value: object, most: int = 100) -> str:
    return value.encode("utf-8", "replace").decode().replace("\0", "")[:most] if isinstance(value, str) else ""


def _count(value: object) -> int:
    return min(value, 10**9) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
