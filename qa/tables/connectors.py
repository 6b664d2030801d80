"""Sources that conversations are fetched from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from qa.tables.base import Base


class Connector(Base):
    """One source, and how far it was fetched. `cursor` moves with the rows, in one transaction."""

    __tablename__ = "connectors"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    source: Mapped[str] = mapped_column(String(60))
    description: Mapped[str] = mapped_column(Text)
    settings: Mapped[dict[str, Any]]
    secret: Mapped[str] = mapped_column(Text)
    """Sealed."""
    since: Mapped[datetime]
    cursor: Mapped[str] = mapped_column(Text)
    paused_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
