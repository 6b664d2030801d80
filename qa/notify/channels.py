"""Channels: where notices go. The address holds the secret; it is sealed and never shown again."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import func, select

from qa import audit
from qa.errors import FormField, Invalid, NotFound
from qa.i18n import LANGUAGES, N_
from qa.notify.events import AREAS, EVENTS, KINDS, WEBHOOK
from qa.policy import Actor, Right, require
from qa.security import keys, sealing
from qa.tables import AuditEntry, NotifyChannel, User
from qa.texts import written
from qa.unit_of_work import UnitOfWork
from qa.workbench import Workbench

ABOUT = "address of a channel"
NAME = FormField("name", N_("Name"))
TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
SCHEMES = {
    "dingtalk": ("dingtalk",),
    "feishu": ("feishu", "lark"),
    "wecom": ("wecombot",),
    "mail": ("mailto", "mailtos"),
}
SECRET = "whsec_"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Channel:
    """A channel to set up. `address`: for robots and mail as apprise writes it (`dingtalk://SECRET@TOKEN`,
    `feishu://TOKEN`, `wecombot://KEY`, `mailtos://user:password@host?to=…`), for a webhook `URL SECRET` with a secret
    that begins with `whsec_`. `events`: of `EVENTS`, for a webhook of `AREAS`. Without `user_id` it is a group's."""

    name: str
    kind: str
    address: str = field(repr=False)
    events: tuple[str, ...] = ()
    user_id: int | None = None
    digest: bool = False
    quiet_from: str = ""
    quiet_to: str = ""
    language: str = "zh_CN"


@dataclass(frozen=True)
class ChannelView:
    """A channel as it is shown: without its address."""

    id: int
    name: str
    kind: str
    events: tuple[str, ...]
    user_id: int | None
    digest: bool
    quiet_from: str
    quiet_to: str
    language: str
    paused: bool


def channels(bench: Workbench, actor: Actor) -> tuple[ChannelView, ...]:
    """Every channel, by number."""
    require(actor, Right.MAINTAIN)
    with bench.db.read() as session:
        return tuple(view(row) for row in session.scalars(select(NotifyChannel).order_by(NotifyChannel.id)))


def add(bench: Workbench, actor: Actor, channel: Channel, *, now: datetime) -> int:
    """Set up a channel; it is told what happens from now on. Raises `Invalid` naming what cannot be used."""
    require(actor, Right.MAINTAIN)
    _check(channel)
    check_address(channel.kind, channel.address)
    sealed = sealing.close(channel.address.strip(), keys.seeds(bench.config.keys), ABOUT)
    with bench.begin(actor, now) as work:
        if channel.user_id is not None and work.session.get(User, channel.user_id) is None:
            raise NotFound(N_("There is no account with number {number}."), number=channel.user_id)
        row = NotifyChannel(
            **_values(channel), kind=channel.kind, address=sealed, paused_at=None, created_at=now, changed_at=now,
            since=work.session.scalar(select(func.max(AuditEntry.id))) or 0,
        )  # fmt: skip
        work.session.add(row)
        work.session.flush()
        work.record("channel.added", "channel", row.id, name=row.name, kind=row.kind, events=row.events)
        return row.id


def change(bench: Workbench, actor: Actor, channel_id: int, channel: Channel, *, now: datetime) -> None:
    """Change a channel; with an empty `address` it keeps its own. Its kind stays."""
    require(actor, Right.MAINTAIN)
    _check(channel)
    with bench.begin(actor, now) as work:
        row = _find(work, channel_id)
        if channel.kind != row.kind:
            raise Invalid(N_("The kind of a channel stays as it is; set up another one."))
        before = {name: getattr(row, name) for name in _values(channel)}
        changed = audit.changes(before, _values(channel))
        if channel.address.strip():
            check_address(channel.kind, channel.address)
            row.address = sealing.close(channel.address.strip(), keys.seeds(bench.config.keys), ABOUT)
            changed["address"] = ["…", "…"]
        if changed:
            for name, value in _values(channel).items():
                setattr(row, name, value)
            row.changed_at = now
            work.record("channel.changed", "channel", channel_id, changes=changed)


def pause(bench: Workbench, actor: Actor, channel_id: int, *, now: datetime) -> None:
    """Tell the channel nothing more. What happens meanwhile is not told later."""
    require(actor, Right.MAINTAIN)
    with bench.begin(actor, now) as work:
        row = _find(work, channel_id)
        if row.paused_at is None:
            row.paused_at = row.changed_at = now
            work.record("channel.paused", "channel", channel_id, name=row.name)


def resume(bench: Workbench, actor: Actor, channel_id: int, *, now: datetime) -> None:
    """Tell the channel again what happens from now on."""
    require(actor, Right.MAINTAIN)
    with bench.begin(actor, now) as work:
        row = _find(work, channel_id)
        if row.paused_at is not None:
            row.paused_at, row.changed_at = None, now
            row.since = work.session.scalar(select(func.max(AuditEntry.id))) or 0
            work.record("channel.resumed", "channel", channel_id, name=row.name)


def address_of(bench: Workbench, row: NotifyChannel) -> str:
    """The address of a channel, for whoever sends. Raises `Invalid`."""
    return sealing.opened(row.address, keys.seeds(bench.config.keys, create=False), ABOUT)


def reseal(bench: Workbench, actor: Actor, *, now: datetime) -> int:
    """Seal every address with the newest key, before older ones are forgotten; returns how many."""
    require(actor, Right.MAINTAIN)
    with bench.begin(actor, now) as work:
        rows = work.session.scalars(select(NotifyChannel)).all()
        for row in rows:
            row.address = sealing.close(address_of(bench, row), keys.seeds(bench.config.keys), ABOUT)
            work.record("channel.sealed", "channel", row.id)
    return len(rows)


def check_address(kind: str, address: str) -> None:
    """Raise `Invalid` unless notices of this kind can be sent there. Nothing of the address is repeated."""
    if kind == WEBHOOK:
        _check_webhook(address)
        return
    import apprise

    scheme = address.strip().partition("://")[0].lower()
    if scheme not in SCHEMES[kind] or apprise.Apprise.instantiate(address.strip(), suppress_exceptions=True) is None:
        raise Invalid(
            N_("This is no address of this kind; it begins with {schemes}."),
            schemes=" / ".join(f"{name}://" for name in SCHEMES[kind]),
        )


def _check_webhook(address: str) -> None:
    url, _, secret = address.strip().partition(" ")
    parts = urlsplit(url)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    try:
        held = base64.b64decode(secret.strip().removeprefix(SECRET), validate=True)
    except binascii.Error:
        held = b""
    if not safe or not parts.hostname or not secret.strip().startswith(SECRET) or not 24 <= len(held) <= 64:
        raise Invalid(N_("A webhook is an https address, a space, and a secret: whsec_ and 24 to 64 bytes in base64."))


def _check(channel: Channel) -> None:
    written(channel.name, NAME, 100)
    if channel.kind not in KINDS:
        raise Invalid(N_("There is no kind “{value}”. Kinds: {known}."), value=channel.kind, known=", ".join(KINDS))
    known = AREAS if channel.kind == WEBHOOK else EVENTS
    if not channel.events or not set(channel.events) <= set(known):
        raise Invalid(N_("Choose at least one event. Events: {known}."), known=", ".join(known))
    times = (channel.quiet_from, channel.quiet_to)
    if times != ("", "") and not all(TIME.fullmatch(one) for one in times):
        raise Invalid(N_("Quiet hours: expected two times as HH:MM, or none."))
    if channel.language not in LANGUAGES:
        raise Invalid(N_("There is no language “{value}”."), value=channel.language)


def _values(channel: Channel) -> dict[str, object]:
    return {
        "name": channel.name.strip(), "events": list(channel.events), "user_id": channel.user_id,
        "digest": channel.digest, "quiet_from": channel.quiet_from, "quiet_to": channel.quiet_to,
        "language": channel.language,
    }  # fmt: skip


def _find(work: UnitOfWork, channel_id: int) -> NotifyChannel:
    row = work.session.get(NotifyChannel, channel_id, with_for_update=True)
    if row is None:
        raise NotFound(N_("There is no channel {number}."), number=channel_id)
    return row


def view(row: NotifyChannel) -> ChannelView:
    """A channel without its address."""
    return ChannelView(
        row.id, row.name, row.kind, tuple(row.events), row.user_id, row.digest, row.quiet_from, row.quiet_to,
        row.language, row.paused_at is not None,
    )  # fmt: skip
