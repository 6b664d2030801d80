"""Work that outlives the browser: what was asked for, who works on it, how far it is, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from qa.tables.base import Base


class Job(Base):
    """One piece of long work. A worker holds it by a lease; what it leaves is its result or its error."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'running', 'done', 'failed', 'cancelled')", name="state"),
        Index(None, "state", "id"),
        Index(None, "asked_by", "kind"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    params: Mapped[dict[str, Any]]
    request: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Names the request: asking with the same name again is the same job."""
    asked_by: Mapped[int | None]
    asked_name: Mapped[str] = mapped_column(String(100))
    asked_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(20))
    not_before: Mapped[datetime | None]
    """A job that is tried again waits until then."""
    attempts: Mapped[int] = mapped_column(default=0)
    lease_by: Mapped[str | None] = mapped_column(String(100))
    lease_until: Mapped[datetime | None]
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    words: Mapped[str] = mapped_column(String(200), default="")
    """Msgid of what is being done."""
    cancel_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    result: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    put_away_at: Mapped[datetime | None]
    """When whoever asked had seen how it ended."""
