"""A paged JSON source as data: addresses, sign-in, paging, limits, and which path of an answer is which field.

Two ways of paging are known: by a cursor that the source gives (`cursor`, `next`, `over`), and by number, the newest
activity first, down to what was seen before (`page`, `newer`). Paths are names joined by dots; a number is a place in a
list. Texts may name settings in braces, `{id}` of the conversation, and `{since}` (seconds since 1970).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import msgspec

from qa.errors import Invalid
from qa.i18n import N_

KINDS = ("bearer", "basic", "header", "query", "checksum")


class Auth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How requests say who asks. `user` of basic; `name` of the header or of the parameter."""

    kind: str
    user: str = ""
    name: str = ""


class AskingLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often the source lets itself be asked."""

    per_minute: int = 60


class ListOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The list of conversations."""

    url: str
    items: str
    id: str
    params: dict[str, str] = {}
    first: dict[str, str] = {}
    """Parameters of the first request, before there is a cursor."""
    cursor: str = ""
    next: str = ""
    over: str = ""
    page: str = ""
    newer: str = ""


class LeaveOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Messages that nobody said to the other side: those whose `path` holds `value`."""

    path: str
    value: Any


class MessagesOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The messages of a conversation: of a request of their own (`url`), or in the list."""

    items: str
    text: str
    sent_at: str
    url: str = ""
    sender: str = ""
    role: str = ""
    roles: dict[str, str] = {}
    customer: str = ""
    """Path in the conversation: whose `sender` this is, is the customer; everybody else an agent."""
    leave_out: LeaveOut | None = None


class ExportOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Addresses at which an export is asked for and looked after (`qa.connectors.qiyu`)."""

    ask: str
    check: str


class Fields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which path of a conversation is which field."""

    agent_id: str = ""
    agent_name: str = ""
    customer_id: str = ""
    shop: str = ""
    channel: str = ""
    order_id: str = ""
    satisfaction: str = ""
    satisfaction_words: dict[str, int] = {}


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One source. `settings`: what whoever sets it up must give; `base` must be an https address."""

    id: str
    name: dict[str, str]
    settings: list[str]
    auth: Auth
    listing: ListOf = ListOf("", "", "")
    messages: MessagesOf = MessagesOf("", "", "")
    conversation: Fields = Fields()
    limits: AskingLimits = AskingLimits()
    export: ExportOf | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address that it names; those that are not needed are empty."""
        exported = (self.export.ask, self.export.check) if self.export is not None else ()
        return (self.listing.url, self.messages.url, *exported)


def read(text: str) -> Description:
    """A description from TOML. Raises `Invalid` with the place that is wrong."""
    try:
        found = msgspec.convert(tomllib.loads(text), Description, strict=True)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as problem:
        raise Invalid(N_("The description of the source cannot be read: {reason}"), reason=str(problem)) from problem
    if found.auth.kind not in KINDS:
        raise Invalid(N_("There is no kind “{value}”. Kinds: {known}."), value=found.auth.kind, known=", ".join(KINDS))
    if (found.export is None) == (not found.listing.url) or (found.auth.kind == "checksum") != bool(found.export):
        raise Invalid(
            N_("The description of the source cannot be read: {reason}"), reason="listing and messages, or export"
        )
    paged = found.listing
    if found.export is None and (bool(paged.cursor) == bool(paged.page) or (paged.page and not paged.newer)):
        raise Invalid(
            N_("The description of the source cannot be read: {reason}"), reason="listing: cursor, or page and newer"
        )
    if found.limits.per_minute < 1:
        raise Invalid(N_("The description of the source cannot be read: {reason}"), reason="limits.per_minute")
    return found


def value_at(data: Any, path: str) -> Any:
    """What stands at a path; None where there is nothing."""
    for name in path.split(".") if path else ():
        if isinstance(data, Mapping):
            data = data.get(name)
        elif isinstance(data, list) and name.isdigit() and int(name) < len(data):
            data = data[int(name)]
        else:
            return None
    return data


def _shipped() -> dict[str, Description]:
    folder = files("qa.connectors") / "data"
    found = [
        read(file.read_text("utf-8"))
        for file in sorted(folder.iterdir(), key=lambda f: f.name)
        if file.name.endswith(".toml")
    ]
    return {one.id: one for one in found}


SHIPPED: Mapping[str, Description] = _shipped()
