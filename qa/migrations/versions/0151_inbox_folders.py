"""folders that files are dropped into"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0151"
down_revision = "0150"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inbox_folders",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("source", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("preset", sa.String(length=60), nullable=False),
        sa.Column("profile", sa.String(length=200), nullable=False),
        sa.Column("silence_hours", sa.Double(), nullable=True),
        sa.Column("created_at", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_inbox_folders")),
    )


def downgrade() -> None:
    op.drop_table("inbox_folders")
