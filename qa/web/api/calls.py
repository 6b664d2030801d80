"""What an endpoint is, what it is given and what it answers; its parameters are a frozen dataclass."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date, datetime
from functools import cached_property
from typing import Annotated, Any, Generic, TypeVar, get_type_hints

import msgspec

from qa.errors import Invalid
from qa.i18n import N_
from qa.people.tokens import TokenView
from qa.policy import Actor
from qa.workbench import Workbench

P = TypeVar("P")
PATH = "/api/v1"
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment of an answer, described as one."""
SIZE, MOST = 50, 200
"""Rows of a page where nobody says how many, and at most."""


@dataclass(frozen=True)
class Call(Generic[P]):
    """One request: who asks, with which token, when (UTC), and its checked parameters. `ids` are those in the path;
    `body` is that of a POST."""

    bench: Workbench
    actor: Actor
    token: TokenView
    now: datetime
    params: P
    ids: dict[str, str]
    body: bytes

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the body."""
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True)
class Endpoint:
    """One address. `params` is a dataclass of optional fields, `answer` the type of what `handle` returns; `body` that
    of what a POST brings. `scope` is what a token needs; empty: any token."""

    method: str
    path: str
    scope: str
    summary: str
    params: type
    answer: Any
    handle: Callable[[Call[Any]], Any]
    body: Any = None


@dataclass(frozen=True)
class Nothing:
    """No parameters."""


@dataclass(frozen=True)
class Paged:
    """A page of a list: `cursor` as the page before gave it, `limit` rows (1 to 200)."""

    cursor: str = ""
    limit: int = SIZE


def read_params(type_: type[P], query: list[tuple[str, str]]) -> P:
    """The query string as the dataclass. Raises `Invalid` naming what cannot be read; what is not known is refused, so
    that a filter that was mistyped never means “everything”."""
    hints = get_type_hints(type_)
    given: dict[str, Any] = {}
    for name, value in query:
        if name not in hints:
            known = ", ".join(field.name for field in fields(type_)) or "–"  # type: ignore[arg-type]
            raise Invalid(N_("There is no parameter “{name}”. Parameters: {known}."), name=name[:60], known=known)
        if name in given:
            raise Invalid(N_("The parameter “{name}” was given twice."), name=name)
        if "\0" in value:
            raise Invalid(N_("{name}: “{value}” cannot be read."), name=name, value=value.replace("\0", "�")[:60])
        given[name] = value
    try:
        params = msgspec.convert(given, type_, strict=False, str_keys=True)
    except msgspec.ValidationError as problem:
        raise Invalid(N_("Parameters: {reason}"), reason=str(problem)) from problem
    limit = getattr(params, "limit", 1)
    if not 1 <= limit <= MOST:
        raise Invalid(
            N_("{name}: expected {least} to {most}, found {value}."), name="limit", least=1, most=MOST, value=limit
        )
    return params


def number(ids: dict[str, str], name: str) -> int:
    """An id of the path. Raises `Invalid` for what is no number."""
    text = ids[name]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid(N_("{name}: “{value}” is not a number."), name=name, value=text[:40])
    return int(text)


def cursor_of(place: int | None) -> str | None:
    """A place in a list as callers carry it: nothing to read or to compute with."""
    return None if place is None else base64.urlsafe_b64encode(f"v1:{place}".encode()).decode().rstrip("=")


def place_of(cursor: str) -> int | None:
    """The place again; None for the beginning. Raises `Invalid` for what is no cursor of ours."""
    if not cursor:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        version, _, place = text.partition(":")
        if version != "v1" or not place.isdigit() or len(place) > 9:
            raise ValueError(text)
        return int(place)
    except (ValueError, binascii.Error) as problem:
        raise Invalid(N_("{name}: “{value}” cannot be read."), name="cursor", value=cursor[:60]) from problem


def slice_of(call: Call[Paged], length: int) -> tuple[slice, str | None]:
    """The part of a list of `length` that is asked for, and the cursor of the part after it."""
    start = place_of(call.params.cursor) or 0
    end = start + call.params.limit
    return slice(start, end), cursor_of(end if end < length else None)


def business_day(text: str, name: str) -> date | None:
    """A day given as YYYY-MM-DD; None for none."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as problem:
        raise Invalid(N_("{name}: “{value}” is not a day like 2026-01-31."), name=name, value=text[:40]) from problem
