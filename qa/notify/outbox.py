"""What is to be told, taken from the trail after it was committed: each entry once for each channel that it concerns.

Numbers of entries are given out before their transactions commit, so a higher one may be seen first: how far a channel
has come moves up to `LAP` entries behind the newest, and the key of a notice makes sure that nothing is told twice.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from qa.casefiles.lifecycle import OPEN_STATES
from qa.notify.events import AREAS, EVENTS, WEBHOOK, NotifyEvent, event_of
from qa.policy import SYSTEM, Actor, Role
from qa.redlines import board
from qa.tables import Appeal, AuditEntry, Notice, NotifyChannel, User, Verdict, Violation
from qa.workbench import Workbench

LAP = 5_000
FACTS = ("first", "last", "samples", "rule", "kind", "state", "version", "verdict", "violation", "plan")
"""Facts of an entry that may be told; none of them is of a customer."""


def collect(bench: Workbench, now: datetime) -> int:
    """Put on record what is to be told since the last look; returns how many notices that were."""
    with bench.db.read() as session:
        rows = session.scalars(select(NotifyChannel).where(NotifyChannel.paused_at.is_(None))).all()
        if not rows:
            return 0
        newest = session.scalar(select(func.max(AuditEntry.id))) or 0
        since = min(row.since for row in rows)
        actions = [action for event in EVENTS.values() for action in event.actions]
        areas = [AuditEntry.action.startswith(f"{area}.") for area in AREAS]
        query = select(AuditEntry).where(AuditEntry.id > since, or_(AuditEntry.action.in_(actions), *areas))
        entries = session.scalars(query.order_by(AuditEntry.id)).all()
        known = set(
            session.execute(
                select(Notice.channel_id, Notice.key).where(Notice.key.in_([f"audit {e.id}" for e in entries]))
            ).all()
        )
        wanted = [
            notice for row in rows for entry in entries
            if entry.id > row.since and (row.id, f"audit {entry.id}") not in known
            and (notice := _notice(bench, session, row, entry, now)) is not None
        ]  # fmt: skip
    done = _put(bench, wanted)
    if since < newest - 2 * LAP:
        behind = (NotifyChannel.paused_at.is_(None), NotifyChannel.since < newest - LAP)
        with bench.db.write() as session:
            session.execute(update(NotifyChannel).where(*behind).values(since=newest - LAP))
    return done


def deadlines(bench: Workbench, now: datetime) -> int:
    """Tell once a day how many case files are due by the end of tomorrow; returns how many notices that were."""
    zone = bench.config.zone
    today = now.astimezone(zone).date()
    end = datetime.combine(today + timedelta(days=2), time(), zone)
    found = board.listing(
        bench, SYSTEM, board.Filter(states=tuple(OPEN_STATES)), now=now, limit=1000, newest_first=False
    )
    due = sum(row.due is not None and row.due < end for row in found.rows)
    if not due:
        return 0
    event = EVENTS["deadline_tomorrow"]
    with bench.db.read() as session:
        rows = session.scalars(select(NotifyChannel).where(NotifyChannel.paused_at.is_(None))).all()
        wanted = [
            _made(bench, row, f"deadline {today}", event.name, "deadline", {"n": due}, now)
            for row in rows
            if event.name in row.events and _concerns(session, row, event, None)
        ]
    return _put(bench, wanted)


def _notice(bench: Workbench, session: Session, row: NotifyChannel, entry: AuditEntry, now: datetime) -> Notice | None:
    facts = {name: entry.facts[name] for name in FACTS if name in entry.facts}
    about = f"{entry.entity} {entry.entity_id}"[:100]
    if row.kind == WEBHOOK:
        area = entry.action.partition(".")[0]
        told = {**facts, "id": entry.entity_id, "object": entry.entity, "at": entry.at.isoformat()}
        made = _made(bench, row, f"audit {entry.id}", entry.action, about, told, now)
        return made if area in row.events else None
    event = event_of(entry.action)
    if event is None or event.name not in row.events or not _concerns(session, row, event, entry):
        return None
    return _made(bench, row, f"audit {entry.id}", event.name, about, {**facts, "id": entry.entity_id}, now)


def _made(
    bench: Workbench, row: NotifyChannel, key: str, event: str, about: str, facts: dict[str, Any], now: datetime
) -> Notice:
    first = quiet_until(row.quiet_from, row.quiet_to, now, bench.config.zone)
    return Notice(
        channel_id=row.id, key=key, event=event, about=about, facts=facts, at=now, state="waiting", attempts=0,
        not_before=first, ended_at=None, error="",
    )  # fmt: skip


def quiet_until(start: str, end: str, now: datetime, zone: ZoneInfo) -> datetime:
    """`now`, or the end of the quiet hours that it falls into. Quiet hours may go over midnight."""
    if not start or start == end:
        return now
    local, first, last = now.astimezone(zone), time.fromisoformat(start), time.fromisoformat(end)
    at = local.time().replace(tzinfo=None)
    quiet = first <= at < last if first < last else at >= first or at < last
    if not quiet:
        return now
    day = local.date() + timedelta(days=1 if first > last and at >= first else 0)
    return datetime.combine(day, last, zone).astimezone(now.tzinfo)


def _concerns(session: Session, row: NotifyChannel, event: NotifyEvent, entry: AuditEntry | None) -> bool:
    """Whether an event is for the channel: a group's gets all it asked for, a person's what concerns that person."""
    if row.user_id is None:
        return True
    user = session.get(User, row.user_id)
    if user is None or not user.active:
        return False
    actor = Actor(user.id, Role(user.role), user.display_name, user.agent_id, user.home_team)
    if event.own:
        return entry is not None and user.agent_id is not None and _agent_of(session, entry) == user.agent_id
    return actor.may(event.right) and (entry is None or entry.actor_id != user.id)


def _agent_of(session: Session, entry: AuditEntry) -> str | None:
    if entry.entity == "appeal":
        return session.scalar(select(Appeal.agent_id).where(Appeal.id == int(entry.entity_id)))
    if entry.entity == "violation":
        return session.scalar(select(Violation.agent_id).where(Violation.id == int(entry.entity_id)))
    verdict = entry.facts.get("verdict")
    return None if verdict is None else session.scalar(select(Verdict.agent_id).where(Verdict.id == int(verdict)))


def _put(bench: Workbench, wanted: list[Notice]) -> int:
    """Put notices on record one by one: another server may have been first with some."""
    done = 0
    for notice in wanted:
        try:
            with bench.db.write() as session:
                session.add(notice)
            done += 1
        except IntegrityError:
            continue
    return done
