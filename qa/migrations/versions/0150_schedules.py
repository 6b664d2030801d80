"""when each step of the night is done"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0150"
down_revision = "0146"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column("step", sa.String(length=40), nullable=False),
        sa.Column("at", sa.String(length=5), nullable=False),
        sa.Column("days", qa.db.JsonDocument(), nullable=False),
        sa.Column("options", qa.db.JsonDocument(), nullable=False),
        sa.Column("paused_at", qa.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("since", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("step", name=op.f("pk_schedules")),
    )


def downgrade() -> None:
    op.drop_table("schedules")
