"""Seals: checksums of facts, chained in batches, so that whatever is changed, deleted or inserted by hand is found."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from qa.tables.base import Base


class SealBatch(Base):
    """Facts that were sealed together. `chain` covers them and the chain of the batch before."""

    __tablename__ = "seal_batches"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[str] = mapped_column(String(32))
    """Begins anew with a restore: what the anchor outside the database names as well."""
    reason: Mapped[str] = mapped_column(String(20))
    """Empty, or why an epoch began: `first`, `restored` or `lost`."""
    rows: Mapped[int]
    chain: Mapped[str] = mapped_column(String(64))
    suspects: Mapped[list[Any]]
    """Rows that were already wrong when they were sealed: [table, key]."""
    sealed_at: Mapped[datetime]


class Seal(Base):
    """The checksum of the unchangeable columns of one row."""

    __tablename__ = "seals"

    subject: Mapped[str] = mapped_column(String(20), primary_key=True)
    key: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(String(64))
    batch_id: Mapped[int] = mapped_column(ForeignKey("seal_batches.id"), index=True)


class RecordSeal(Base):
    """The checksum of a row that may change, as it stood when a batch was sealed; the newest one counts. Empty: the row
    was removed."""

    __tablename__ = "record_seals"

    subject: Mapped[str] = mapped_column(String(40), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("seal_batches.id"), primary_key=True, index=True)
    digest: Mapped[str] = mapped_column(String(64))
