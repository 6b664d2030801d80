"""A published rubric, a draw with its samples, and their places in a queue, put into the database as they stand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, insert, select

from qa import transcripts
from qa.tables import Assignment, Draw, Plan, RubricVersion, Sample
from qa.workbench import Workbench
from scoring.rubric import default


def rubric(bench: Workbench, at: datetime) -> int:
    """The shipped rubric, published; returns its version's id."""
    with bench.db.write() as session:
        return session.execute(
            insert(RubricVersion)
            .values(
                rubric_id="default", version=1, state="published", content=default().to_dict(),
                content_hash=default().content_hash, created_at=at, published_at=at,
            )
            .returning(RubricVersion.id)
        ).scalar_one()  # fmt: skip


def draw(bench: Workbench, rubric_version_id: int, period: tuple[date, date], size: int, at: datetime) -> int:
    """A published draw of a plan of its own, without samples yet; returns its id."""
    with bench.db.write() as session:
        plan = session.execute(
            insert(Plan)
            .values(
                name="p", content={}, rubric_version_id=rubric_version_id, seed="s", seed_commitment="c", created_at=at
            )
            .returning(Plan.id)
        ).scalar_one()
        return session.execute(
            insert(Draw)
            .values(
                plan_id=plan, name="d", period_from=period[0], period_to=period[1], archive_version=1, frame_hash="f",
                frame_size=size, receipt={}, receipt_hash="r", rubric_version_id=rubric_version_id, published_at=at,
            )
            .returning(Draw.id)
        ).scalar_one()  # fmt: skip


def samples(
    bench: Workbench,
    draw_id: int,
    frozen: Sequence[dict[str, Any]],
    at: datetime,
    *,
    occurred_at: datetime | None = None,
    first: int = 0,
) -> list[int]:
    """Samples of these transcripts, ranked from `first` on; returns their ids in order."""
    with bench.db.write() as session:
        kept = transcripts.store(session, frozen, at)
        rows = [
            {
                "draw_id": draw_id, "unit_id": item["unit_id"], "source": "chat",
                "conversation_key": item["unit_id"], "agent_id": item["agent_id"], "stratum": "s", "reason": "base",
                "pi": 0.5, "u": 0.1, "rank": first + number, "occurred_at": occurred_at or at,
                "transcript_id": transcript,
            }
            for number, (item, transcript) in enumerate(zip(frozen, kept, strict=True))
        ]  # fmt: skip
        session.execute(insert(Sample), rows)
        found = dict(session.execute(select(Sample.unit_id, Sample.id).where(Sample.draw_id == draw_id)).all())
    return [found[item["unit_id"]] for item in frozen]


def place(
    bench: Workbench, sample: int, at: datetime, *, inspector: int | None = None, kind: str = "primary",
    position: int | None = None,
) -> int:  # fmt: skip
    """Put a sample into a queue, at its end unless told where; returns the assignment's id."""
    with bench.db.write() as session:
        last = session.scalar(select(func.max(Assignment.position))) or 0
        return session.execute(
            insert(Assignment)
            .values(
                sample_id=sample, inspector_id=inspector, kind=kind,
                position=last + 1 if position is None else position, version=1, created_at=at,
            )
            .returning(Assignment.id)
        ).scalar_one()  # fmt: skip
