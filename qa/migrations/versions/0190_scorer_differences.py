"""inspectors' answers where a machine scorer read otherwise"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0190"
down_revision = "0183"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scorer_differences",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("inspection_id", sa.Integer(), nullable=False),
        sa.Column("scorer_id", sa.Integer(), nullable=False),
        sa.Column("criterion_id", sa.String(length=100), nullable=False),
        sa.Column("mark", sa.Integer(), nullable=True),
        sa.Column("machine_mark", sa.Integer(), nullable=True),
        sa.Column("answer", sa.String(length=10), nullable=False),
        sa.Column("double_id", sa.Integer(), nullable=True),
        sa.Column("answered_by", sa.Integer(), nullable=False),
        sa.Column("answered_at", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("answer IN ('inspector', 'machine', 'open')", name=op.f("ck_scorer_differences_answer")),
        sa.ForeignKeyConstraint(
            ["double_id"], ["assignments.id"], name=op.f("fk_scorer_differences_double_id_assignments")
        ),
        sa.ForeignKeyConstraint(
            ["inspection_id"], ["inspections.id"], name=op.f("fk_scorer_differences_inspection_id_inspections")
        ),
        sa.ForeignKeyConstraint(["scorer_id"], ["scorers.id"], name=op.f("fk_scorer_differences_scorer_id_scorers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scorer_differences")),
    )
    op.create_index(op.f("ix_scorer_differences_inspection_id"), "scorer_differences", ["inspection_id"])
    op.create_index(op.f("ix_scorer_differences_double_id"), "scorer_differences", ["double_id"])


def downgrade() -> None:
    op.drop_table("scorer_differences")
