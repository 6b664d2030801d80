"""what was asked of a machine scorer's endpoint"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0146"
down_revision = "0145"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scorer_requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("scorer_id", sa.Integer(), nullable=False),
        sa.Column("conversation_key", sa.String(length=300), nullable=False),
        sa.Column("content", sa.String(length=40), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("asked_at", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("answered_at", qa.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("answers", qa.db.JsonDocument(), nullable=True),
        sa.Column("tokens_in", sa.Integer(), nullable=False),
        sa.Column("tokens_out", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("latency_ms", sa.Integer(), nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["scorer_id"], ["scorers.id"], name=op.f("fk_scorer_requests_scorer_id_scorers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scorer_requests")),
        sa.UniqueConstraint(
            "scorer_id",
            "conversation_key",
            "content",
            "purpose",
            name=op.f("uq_scorer_requests_scorer_id_conversation_key_content_purpose"),
        ),
    )


def downgrade() -> None:
    op.drop_table("scorer_requests")
