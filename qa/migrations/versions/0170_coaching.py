"""coaching threads and what was written in them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0170"
down_revision = "0160"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "coaching_threads",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.String(length=200), nullable=False),
        sa.Column("sample_id", sa.Integer(), nullable=True),
        sa.Column("case_id", sa.Integer(), nullable=True),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("criterion_id", sa.String(length=60), nullable=True),
        sa.Column("opened_by", sa.Integer(), nullable=False),
        sa.Column("opened_at", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(sample_id IS NULL) <> (case_id IS NULL)", name=op.f("ck_coaching_threads_one_subject")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_coaching_threads_case_id_cases")),
        sa.ForeignKeyConstraint(["opened_by"], ["users.id"], name=op.f("fk_coaching_threads_opened_by_users")),
        sa.ForeignKeyConstraint(["sample_id"], ["samples.id"], name=op.f("fk_coaching_threads_sample_id_samples")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coaching_threads")),
    )
    op.create_index(op.f("ix_coaching_threads_agent_id"), "coaching_threads", ["agent_id"])
    op.create_index(op.f("ix_coaching_threads_sample_id"), "coaching_threads", ["sample_id"])
    op.create_table(
        "coaching_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("thread_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("written_by", sa.Integer(), nullable=False),
        sa.Column("written_at", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('note', 'answer', 'read', 'closed')", name=op.f("ck_coaching_entries_kind")),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["coaching_threads.id"], name=op.f("fk_coaching_entries_thread_id_coaching_threads")
        ),
        sa.ForeignKeyConstraint(["written_by"], ["users.id"], name=op.f("fk_coaching_entries_written_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coaching_entries")),
    )
    op.create_index(op.f("ix_coaching_entries_thread_id"), "coaching_entries", ["thread_id"])


def downgrade() -> None:
    op.drop_table("coaching_entries")
    op.drop_table("coaching_threads")
