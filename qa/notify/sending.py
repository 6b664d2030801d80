"""Sending what waits. A channel that does not answer is tried again, later each time, and holds up no other.

A webhook is told each notice by itself, what concerns one object in order, and may be told twice when a server dies:
its id stays the same. A robot or a mailbox gets everything that waits in one message, and never the same message twice.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from qa.errors import Invalid, NotFound, SpotcheckError, Unavailable
from qa.i18n import N_, Translator
from qa.notify.channels import SECRET, address_of
from qa.notify.events import EVENTS, WEBHOOK
from qa.policy import Actor, Right, require
from qa.tables import Notice, NotifyChannel
from qa.workbench import Workbench

PAUSES = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 240, 720))
"""Before the next attempt; after the last one it is given up."""
LEASE = timedelta(minutes=2)
SHOWN, LINES = 200, 20
SECONDS = 10.0
Post = Callable[[str, bytes, dict[str, str]], int]


@dataclass(frozen=True)
class NoticeLine:
    """One notice and what became of it."""

    id: int
    channel: str
    event: str
    at: datetime
    state: str
    attempts: int
    ended_at: datetime | None
    error: str


def deliver(bench: Workbench, now: datetime, *, digests: bool = False, post: Post | None = None) -> int:
    """Send what is due; returns how many notices were sent. Channels that collect for a digest are sent with `digests`
    alone, once a night. Never raises because of a channel."""
    sent = 0
    with bench.db.read() as session:
        rows = session.scalars(select(NotifyChannel).order_by(NotifyChannel.id)).all()
    for row in rows:
        if row.digest and not digests and row.kind != WEBHOOK:
            continue
        due = _due(bench, row, now)
        if row.kind == WEBHOOK:
            sent += _to_program(bench, row, due, now, post or _post)
        elif due:
            sent += _to_people(bench, row, due, now)
    return sent


def test(bench: Workbench, actor: Actor, channel_id: int, *, now: datetime) -> None:
    """Send a line to a channel at once. Raises `Unavailable` with what the other side said."""
    require(actor, Right.MAINTAIN)
    with bench.db.read() as session:
        row = session.get(NotifyChannel, channel_id)
    if row is None:
        raise NotFound(N_("There is no channel {number}."), number=channel_id)
    t = Translator(row.language, bench.config.time_zone)
    if row.kind == WEBHOOK:
        body = json.dumps({"type": "test", "timestamp": now.isoformat(), "data": {}}).encode()
        error = _posted(_post, address_of(bench, row), "test", body, now)
    else:
        error = _say(bench, row, t(N_("Spotcheck: test")), t(N_("This channel works.")))
    if error:
        raise Unavailable(N_("It was not taken: {reason}"), reason=error)


def replay(bench: Workbench, actor: Actor, channel_id: int, first: int, last: int, *, now: datetime) -> int:
    """Tell a webhook the notices `first` to `last` again, in their order; returns how many."""
    require(actor, Right.MAINTAIN)
    with bench.begin(actor, now) as work:
        row = work.session.get(NotifyChannel, channel_id)
        if row is None or row.kind != WEBHOOK:
            raise Invalid(N_("Only what a webhook was told can be told again."))
        mine = (Notice.channel_id == channel_id, Notice.id >= first, Notice.id <= last)
        values = {"state": "waiting", "attempts": 0, "not_before": now, "ended_at": None, "error": ""}
        n = work.session.execute(update(Notice).where(*mine, Notice.state.in_(("sent", "failed"))).values(**values))
        work.record("channel.replayed", "channel", channel_id, first=first, last=last)
        return int(n.rowcount)  # type: ignore[attr-defined]


def log(bench: Workbench, actor: Actor, limit: int = SHOWN) -> tuple[NoticeLine, ...]:
    """The newest notices, newest first."""
    require(actor, Right.MAINTAIN)
    query = select(Notice, NotifyChannel.name).join(NotifyChannel, NotifyChannel.id == Notice.channel_id)
    with bench.db.read() as session:
        return tuple(
            NoticeLine(n.id, name, n.event, n.at, n.state, n.attempts, n.ended_at, n.error)
            for n, name in session.execute(query.order_by(Notice.id.desc()).limit(limit))
        )


def _due(bench: Workbench, row: NotifyChannel, now: datetime) -> list[Notice]:
    """What is due of a channel, oldest first; of an object whose earlier notice still waits, nothing."""
    open_ = (Notice.channel_id == row.id, Notice.state.in_(("waiting", "sending")), Notice.not_before <= now)
    with bench.db.read() as session:
        if session.scalar(select(Notice.id).where(*open_).limit(1)) is None:
            return []
    with bench.db.write() as session:
        _give_up_lost(session, row, now)
        waiting = session.scalars(
            select(Notice)
            .where(Notice.channel_id == row.id, Notice.state.in_(("waiting", "sending")))
            .order_by(Notice.id)
        ).all()
    held: set[str] = set()
    due = []
    for notice in waiting:
        if notice.about in held and row.kind == WEBHOOK:
            continue
        if notice.not_before > now or notice.state == "sending":  # later, or by another server just now
            held.add(notice.about)
            continue
        due.append(notice)
    return due[:SHOWN]


def _give_up_lost(session: Session, row: NotifyChannel, now: datetime) -> None:
    """What a server was sending when it died: told again by webhook, never again to people."""
    lost = (Notice.channel_id == row.id, Notice.state == "sending", Notice.not_before <= now)
    if row.kind == WEBHOOK:
        session.execute(update(Notice).where(*lost).values(state="waiting"))
    else:
        reason = "the server ended while it was sent; it may have arrived"
        session.execute(update(Notice).where(*lost).values(state="failed", ended_at=now, error=reason))


def _claimed(bench: Workbench, notices: Sequence[Notice], now: datetime) -> list[Notice]:
    """Those that no other server has taken meanwhile."""
    mine = []
    with bench.db.write() as session:
        for notice in notices:
            free = (Notice.id == notice.id, Notice.state == "waiting")
            values = {"state": "sending", "not_before": now + LEASE, "attempts": Notice.attempts + 1}
            if session.execute(update(Notice).where(*free).values(**values)).rowcount:  # type: ignore[attr-defined]
                mine.append(notice)
    return mine


def _to_program(bench: Workbench, row: NotifyChannel, due: list[Notice], now: datetime, post: Post) -> int:
    try:
        address = address_of(bench, row)
    except SpotcheckError as problem:
        _ended(bench, _claimed(bench, due, now), now, str(problem))
        return 0
    sent, failed = 0, set[str]()
    for notice in due:
        if notice.about in failed:
            continue
        if not _claimed(bench, [notice], now):
            failed.add(notice.about)  # another server is at it: what follows on the object comes after
            continue
        body = json.dumps(
            {"type": notice.event, "timestamp": notice.at.isoformat(), "data": notice.facts}, ensure_ascii=False
        ).encode()
        error = _posted(post, address, f"msg_{row.id}_{notice.id}", body, now)
        _ended(bench, [notice], now, error)
        sent += not error
        if error:
            failed.add(notice.about)
            if len(failed) >= 3:  # it is away: the rest waits for the next round
                break
    return sent


def _to_people(bench: Workbench, row: NotifyChannel, due: list[Notice], now: datetime) -> int:
    mine = _claimed(bench, due, now)
    if not mine:
        return 0
    title, text = message(bench, row.language, mine)
    error = _say(bench, row, title, text)
    _ended(bench, mine, now, error)
    return 0 if error else len(mine)


def message(bench: Workbench, language: str, notices: Sequence[Notice]) -> tuple[str, str]:
    """Title and text of what people are told: one line a notice, with its link. No word of a customer is in it."""
    t, base = Translator(language, bench.config.time_zone), bench.config.public_url.rstrip("/")
    lines = []
    for notice in notices[:LINES]:
        event = EVENTS[notice.event]
        line = t(event.says, **notice.facts)
        which = notice.facts.get(event.query) or notice.facts.get("id")
        query = f"?{event.query}={which}" if event.query and which else ""
        lines.append(f"{line} {base}/{event.page}{query}" if base else line)
    if len(notices) > LINES:
        lines.append(t("… and {n} more", n=len(notices) - LINES))
    title = t(EVENTS[notices[0].event].title) if len(notices) == 1 else t(N_("{n} notices"), n=len(notices))
    return f"Spotcheck · {title}", "\n".join(lines)


def _say(bench: Workbench, row: NotifyChannel, title: str, text: str) -> str:
    """Send to people; what went wrong, or nothing. The address never gets into what is said."""
    try:
        import apprise

        robot = apprise.Apprise.instantiate(address_of(bench, row), suppress_exceptions=True)
        if robot is None:
            return "the address cannot be read"
        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines may hold addresses
        taken = robot.notify(body=text, title=title, body_format=apprise.NotifyFormat.TEXT)
        return "" if taken else "not taken"
    except SpotcheckError as error:
        return str(error)
    except Exception as problem:  # a library of many services: whatever it raises is a notice not sent
        return type(problem).__name__


def _posted(post: Post, address: str, number: str, body: bytes, now: datetime) -> str:
    url, _, secret = address.partition(" ")
    try:
        status = post(url, body, headers(secret.strip(), number, body, now))
    except Exception as problem:  # the other side is away, in whatever way
        return type(problem).__name__
    return "" if 200 <= status < 300 else f"HTTP {status}"


def headers(secret: str, number: str, body: bytes, now: datetime) -> dict[str, str]:
    """Headers of a webhook by the Standard Webhooks specification (version 1): id, time and HMAC-SHA256 over both and
    the body."""
    stamp = str(int(now.timestamp()))
    key = base64.b64decode(secret.removeprefix(SECRET))
    signed = hmac.new(key, f"{number}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "content-type": "application/json", "webhook-id": number, "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }  # fmt: skip


def _post(url: str, body: bytes, sent: dict[str, str]) -> int:
    import httpx

    return httpx.post(url, content=body, headers=sent, timeout=SECONDS, follow_redirects=False).status_code


def _ended(bench: Workbench, notices: Sequence[Notice], now: datetime, error: str) -> None:
    with bench.db.write() as session:
        for notice in notices:
            row = session.get_one(Notice, notice.id)
            values: dict[str, Any] = {"state": "sent", "ended_at": now, "error": ""}
            if error and row.attempts > len(PAUSES):
                values = {"state": "failed", "ended_at": now, "error": error[:300]}
            elif error:
                pause = PAUSES[max(0, row.attempts - 1)]
                values = {"state": "waiting", "not_before": now + pause, "error": error[:300]}
            for name, value in values.items():
                setattr(row, name, value)
