"""What is sealed: the columns of each table that are facts, and how a row becomes a checksum.

Columns are named one by one, so a column that is added later changes no seal. Texts that retention may remove are
covered by their own checksum column. Columns that move from empty to filled once (undone, withdrawn, ruled) are checked
against the audit trail instead.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Date, Text, cast, select, true, type_coerce
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql import SQLColumnExpression

from qa.db import JsonDocument, UtcDateTime
from qa.tables import (
    Acknowledgement,
    Appeal,
    AssessmentEntry,
    AuditEntry,
    CoachingEntry,
    CoachingThread,
    DisputeSettlement,
    Draw,
    ExamQuestion,
    Inspection,
    NewcomerEntry,
    PromiseRuling,
    RubricVersion,
    RuleVersion,
    Sample,
    SchemeVersion,
    ScorerDifference,
    Transcript,
    Verdict,
    ViolationEvent,
)

FETCH = 2_000


@dataclass(frozen=True)
class SealedPart:
    """One table's facts. `moment`: the column that holds the time of the transaction that wrote the row, if any."""

    subject: str
    key: InstrumentedAttribute[int]
    columns: tuple[InstrumentedAttribute[Any], ...]
    moment: InstrumentedAttribute[Any] | None
    when: ColumnElement[bool]


def _part(model: Any, names: str, moment: str | None, when: ColumnElement[bool] | None = None) -> SealedPart:
    columns = tuple(getattr(model, name) for name in names.split())
    key = next(iter(model.__table__.primary_key.columns)).key
    return SealedPart(
        model.__tablename__, getattr(model, key), columns, getattr(model, moment) if moment else None,
        true() if when is None else when,
    )  # fmt: skip


PARTS: tuple[SealedPart, ...] = (
    _part(AuditEntry, "at actor_id actor_name action entity entity_id facts mac", "at"),
    _part(
        Draw,
        "plan_id name period_from period_to archive_version frame_hash frame_size receipt receipt_hash "
        "rubric_version_id published_by published_at nonce",
        "published_at",
    ),
    _part(Transcript, "unit_id content_hash created_at", "created_at"),
    _part(
        Sample,
        "draw_id unit_id source conversation_key agent_id stratum reason pi u rank risk prediction occurred_at "
        "transcript_id replaces_id",
        None,
    ),
    _part(
        Inspection,
        "assignment_id sample_id inspector_id rubric_version_id sheet outcome total nonce claimed_at "
        "submitted_at active_seconds",
        "submitted_at",
    ),
    _part(
        Verdict,
        "sample_id version kind inspection_id agent_id rubric_version_id outcome total sheet reason created_by "
        "created_at",
        "created_at",
    ),
    _part(SchemeVersion, "scheme_id version content_hash created_by created_at", "created_at"),
    _part(AssessmentEntry, "assessment_id agent_id team role result created_at", "created_at"),
    _part(ExamQuestion, "exam_id place case_id case_version content agents created_at", "created_at"),
    _part(NewcomerEntry, "plan_id task_id met value body written_by written_at", "written_at"),
    _part(Acknowledgement, "user_id at", "at"),
    _part(ViolationEvent, "violation_id kind actor_id at reason facts", "at"),
    _part(PromiseRuling, "conversation_key seq kind start agent_id status reason ruled_by ruled_at", "ruled_at"),
    _part(
        DisputeSettlement,
        "dispute_key conversation_key agent_id before_conversation_key before_agent_id reason settled_by settled_at",
        "settled_at",
    ),
    _part(
        ScorerDifference,
        "inspection_id scorer_id criterion_id mark machine_mark answer double_id answered_by answered_at",
        "answered_at",
    ),
    _part(CoachingThread, "agent_id sample_id case_id source criterion_id opened_by opened_at", "opened_at"),
    _part(CoachingEntry, "thread_id kind body written_by written_at", "written_at"),
    _part(Appeal, "verdict_id violation_id agent_id criterion_id body filed_by filed_at", "filed_at"),
    _part(
        RubricVersion,
        "rubric_id version content content_hash created_by created_at published_at",
        None,
        RubricVersion.state != "draft",
    ),
    _part(
        RuleVersion, "rule_id version content content_hash created_by created_at", None, RuleVersion.state != "draft"
    ),
)


def digests(session: Session, part: SealedPart, *conditions: ColumnElement[bool]) -> Iterator[tuple[int, str, Any]]:
    """(key, checksum, moment) of the rows of a part that fulfil `conditions`, in order of their key."""
    raw = session.get_bind().dialect.name == "sqlite"
    columns: list[ColumnElement[Any]] = [
        readable(column, raw).label(f"v{place}") for place, column in enumerate(part.columns)
    ]
    moment = (part.key if part.moment is None else readable(part.moment, raw)).label("moment")
    query = select(part.key, moment, *columns).where(part.when, *conditions).order_by(part.key)
    for rows in session.execute(query.execution_options(yield_per=FETCH)).partitions(FETCH):
        for key, at, *values in rows:
            yield int(key), digest(values), _time(at) if part.moment is not None else None


def readable(column: InstrumentedAttribute[Any], raw: bool) -> SQLColumnExpression[Any]:
    """Documents as their text; on SQLite times and truth values as they are stored, since forged ones may be none."""
    if isinstance(column.type, JsonDocument):
        return cast(column, Text)
    if raw and isinstance(column.type, UtcDateTime | Date | Boolean):
        return type_coerce(column, Text)
    return column


def _time(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=UTC)
    except ValueError:
        return None


def digest(values: Sequence[Any]) -> str:
    """SHA-256 over values in their one text form."""
    text = json.dumps([_text(value) for value in values], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return value.isoformat() if isinstance(value, date) else repr(value)


def chained(before: str, rows: Sequence[tuple[str, int | str, str]]) -> str:
    """The chain after a batch: over the chain before it and (subject, key, checksum) of its rows, in that order."""
    state = hashlib.sha256(before.encode())
    for subject, key, checksum in rows:
        state.update(f"{subject}:{key}:{checksum}\n".encode())
    return state.hexdigest()
