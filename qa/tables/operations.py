"""What runs by itself: when each step of the night is done."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from qa.tables.base import Base


class Schedule(Base):
    """When one step of the night is done, and how. A step without a row is not switched on."""

    __tablename__ = "schedules"

    step: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[str] = mapped_column(String(5))
    """Time of day in the business time zone, HH:MM."""
    days: Mapped[list[Any]]
    """Days of the week, Monday is 0."""
    options: Mapped[dict[str, Any]]
    paused_at: Mapped[datetime | None]
    since: Mapped[datetime]
    """Nights before this moment are not made up: it was paused then, or not there."""
    changed_at: Mapped[datetime]


class InboxFolder(Base):
    """One folder that files are dropped into, and how its files are read."""

    __tablename__ = "inbox_folders"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    source: Mapped[str] = mapped_column(String(60))
    kind: Mapped[str] = mapped_column(String(40))
    """Kind of the files; empty: as each file shows."""
    preset: Mapped[str] = mapped_column(String(60))
    profile: Mapped[str] = mapped_column(String(200))
    """Saved column mapping; empty: the preset, or as each file shows."""
    silence_hours: Mapped[float | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
