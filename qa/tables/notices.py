"""Who is told what: channels, and every notice with what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from qa.tables.base import Base


class NotifyChannel(Base):
    """One place where notices go: a group's robot, a mailbox, a program's address."""

    __tablename__ = "notify_channels"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(20))
    address: Mapped[str] = mapped_column(Text)
    """Sealed: it holds the secret."""
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """Only what concerns this person; empty: a group."""
    events: Mapped[list[Any]]
    digest: Mapped[bool]
    quiet_from: Mapped[str] = mapped_column(String(5))
    quiet_to: Mapped[str] = mapped_column(String(5))
    language: Mapped[str] = mapped_column(String(10))
    since: Mapped[int]
    """Entries of the trail up to this number are not told, or were looked at."""
    paused_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class Notice(Base):
    """Something to tell one channel, and how it went. `key` makes sure that it is told once."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("channel_id", "key"),
        CheckConstraint("state IN ('waiting', 'sending', 'sent', 'failed')", name="state"),
        Index(None, "state", "not_before"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("notify_channels.id"))
    key: Mapped[str] = mapped_column(String(100))
    event: Mapped[str] = mapped_column(String(60))
    about: Mapped[str] = mapped_column(String(100))
    """The object it is about: what happens to one object is told in order."""
    facts: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(20))
    attempts: Mapped[int]
    not_before: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(String(300))
