"""Jobs: work that outlives the browser."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0005"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("params", qa.db.JsonDocument(), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=True),
        sa.Column("asked_by", sa.Integer(), nullable=True),
        sa.Column("asked_name", sa.String(length=100), nullable=False),
        sa.Column("asked_at", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("not_before", qa.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_by", sa.String(length=100), nullable=True),
        sa.Column("lease_until", qa.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("words", sa.String(length=200), nullable=False),
        sa.Column("cancel_at", qa.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("started_at", qa.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("ended_at", qa.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("result", qa.db.JsonDocument(), nullable=True),
        sa.Column("error", qa.db.JsonDocument(), nullable=True),
        sa.Column("put_away_at", qa.db.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'done', 'failed', 'cancelled')", name=op.f("ck_jobs_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("request", name=op.f("uq_jobs_request")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_jobs_state_id"), ["state", "id"], unique=False)
        batch_op.create_index(op.f("ix_jobs_asked_by_kind"), ["asked_by", "kind"], unique=False)


def downgrade() -> None:
    op.drop_table("jobs")
