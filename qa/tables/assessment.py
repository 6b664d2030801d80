"""The month: versions of schemes, sheets with their frozen inputs, objections to them, and soft indicators'
examples."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from qa.tables.base import Base


class SchemeVersion(Base):
    """One version of a scheme of assessment; never changes. The newest of a scheme is in use."""

    __tablename__ = "scheme_versions"
    __table_args__ = (UniqueConstraint("scheme_id", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    scheme_id: Mapped[str] = mapped_column(String(60))
    version: Mapped[int]
    content: Mapped[dict[str, Any]]
    content_hash: Mapped[str] = mapped_column(String(64))
    created_by: Mapped[int]
    """Zero for the machine's owner at the command line."""
    created_at: Mapped[datetime]


class Assessment(Base):
    """One sheet of a month (`months` 1) or of three pooled ones that end with it. Its inputs are frozen when drafted;
    a correction is a new revision."""

    __tablename__ = "assessments"
    __table_args__ = (
        UniqueConstraint("month", "months", "revision"),
        CheckConstraint("state IN ('draft', 'published', 'final', 'replaced', 'dropped')", name="state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    month: Mapped[date]
    """First day of the (last) month."""
    months: Mapped[int]
    revision: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    schemes: Mapped[dict[str, Any]]
    """Role ('presale', 'aftersale' or '') to the version of its scheme."""
    archive_version: Mapped[int]
    inputs: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    inputs_hash: Mapped[str] = mapped_column(String(64))
    result_hash: Mapped[str] = mapped_column(String(64))
    created_by: Mapped[int]
    created_at: Mapped[datetime]
    published_by: Mapped[int | None]
    published_at: Mapped[datetime | None]
    closed_by: Mapped[int | None]
    closed_at: Mapped[datetime | None]
    """When it became final, or was replaced or dropped."""


class AssessmentEntry(Base):
    """What a sheet says of one person in one team and role."""

    __tablename__ = "assessment_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    assessment_id: Mapped[int] = mapped_column(ForeignKey("assessments.id"), index=True)
    agent_id: Mapped[str] = mapped_column(String(200), index=True)
    team: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20))
    result: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class AssessmentObjection(Base):
    """An agent's objection to their entry; ruled once, by somebody who did not publish the sheet."""

    __tablename__ = "assessment_objections"
    __table_args__ = (CheckConstraint("state IN ('open', 'upheld', 'rejected')", name="state"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("assessment_entries.id"), index=True)
    indicator: Mapped[str | None] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(Text)
    filed_by: Mapped[int]
    filed_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(20))
    ruled_by: Mapped[int | None]
    ruled_at: Mapped[datetime | None]
    ruling: Mapped[str | None] = mapped_column(Text)


class SoftExample(Base):
    """One example of a soft indicator, for (1) or against (-1) a person: counts when a second person confirmed it."""

    __tablename__ = "soft_examples"
    __table_args__ = (
        CheckConstraint("direction IN (1, -1)", name="direction"),
        CheckConstraint("state IN ('proposed', 'confirmed', 'refused')", name="state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[str] = mapped_column(String(200), index=True)
    month: Mapped[date]
    direction: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"))
    proposed_by: Mapped[int]
    proposed_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(20))
    decided_by: Mapped[int | None]
    decided_at: Mapped[datetime | None]
