"""channels and notices"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0153"
down_revision = "0152"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notify_channels",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("events", qa.db.JsonDocument(), nullable=False),
        sa.Column("digest", sa.Boolean(), nullable=False),
        sa.Column("quiet_from", sa.String(length=5), nullable=False),
        sa.Column("quiet_to", sa.String(length=5), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("since", sa.Integer(), nullable=False),
        sa.Column("paused_at", qa.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notify_channels_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notify_channels")),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("channel_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("event", sa.String(length=60), nullable=False),
        sa.Column("about", sa.String(length=100), nullable=False),
        sa.Column("facts", qa.db.JsonDocument(), nullable=False),
        sa.Column("at", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", qa.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(length=300), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'sending', 'sent', 'failed')", name=op.f("ck_notices_state")),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["notify_channels.id"], name=op.f("fk_notices_channel_id_notify_channels")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("channel_id", "key", name=op.f("uq_notices_channel_id_key")),
    )
    op.create_index(op.f("ix_notices_state_not_before"), "notices", ["state", "not_before"])


def downgrade() -> None:
    op.drop_table("notices")
    op.drop_table("notify_channels")
