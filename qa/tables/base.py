"""The declarative base: naming conventions that keep migrations equal on both databases."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index, MetaData, text
from sqlalchemy.orm import DeclarativeBase

from qa.db import JsonDocument, UtcDateTime


class Base(DeclarativeBase):
    """Base of all models."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        dict[str, Any]: JsonDocument,
        list[Any]: JsonDocument,
    }


def unique_where(name: str, column: str, condition: str) -> Index:
    """An index that keeps `column` unique among the rows of `condition`.

    On PostgreSQL the migration that makes the index states the condition: to name it here would load every driver of
    PostgreSQL into every process.
    """
    return Index(name, column, unique=True, sqlite_where=text(condition))
