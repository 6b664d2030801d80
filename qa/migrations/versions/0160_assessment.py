"""schemes, monthly sheets, objections to them, and examples of soft indicators"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0160"
down_revision = "0154"
branch_labels = None
depends_on = None


def _moment(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, qa.db.UtcDateTime(timezone=True), nullable=nullable)


def _id(table: str) -> tuple[sa.Column[int], sa.PrimaryKeyConstraint]:
    return sa.Column("id", sa.Integer(), nullable=False), sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}"))


def upgrade() -> None:
    op.create_table(
        "scheme_versions",
        *_id("scheme_versions"),
        sa.Column("scheme_id", sa.String(length=60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", qa.db.JsonDocument(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=False),
        _moment("created_at"),
        sa.UniqueConstraint("scheme_id", "version", name=op.f("uq_scheme_versions_scheme_id_version")),
    )
    op.create_table(
        "assessments",
        *_id("assessments"),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("months", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("schemes", qa.db.JsonDocument(), nullable=False),
        sa.Column("archive_version", sa.Integer(), nullable=False),
        sa.Column("inputs", sa.LargeBinary(), nullable=False),
        sa.Column("inputs_hash", sa.String(length=64), nullable=False),
        sa.Column("result_hash", sa.String(length=64), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=False),
        _moment("created_at"),
        sa.Column("published_by", sa.Integer(), nullable=True),
        _moment("published_at", nullable=True),
        sa.Column("closed_by", sa.Integer(), nullable=True),
        _moment("closed_at", nullable=True),
        sa.CheckConstraint(
            "state IN ('draft', 'published', 'final', 'replaced', 'dropped')", name=op.f("ck_assessments_state")
        ),
        sa.UniqueConstraint("month", "months", "revision", name=op.f("uq_assessments_month_months_revision")),
    )
    op.create_table(
        "assessment_entries",
        *_id("assessment_entries"),
        sa.Column("assessment_id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.String(length=200), nullable=False),
        sa.Column("team", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("result", qa.db.JsonDocument(), nullable=False),
        _moment("created_at"),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["assessments.id"], name=op.f("fk_assessment_entries_assessment_id_assessments")
        ),
    )
    op.create_index(op.f("ix_assessment_entries_assessment_id"), "assessment_entries", ["assessment_id"])
    op.create_index(op.f("ix_assessment_entries_agent_id"), "assessment_entries", ["agent_id"])
    op.create_table(
        "assessment_objections",
        *_id("assessment_objections"),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("indicator", sa.String(length=60), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("filed_by", sa.Integer(), nullable=False),
        _moment("filed_at"),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("ruled_by", sa.Integer(), nullable=True),
        _moment("ruled_at", nullable=True),
        sa.Column("ruling", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'upheld', 'rejected')", name=op.f("ck_assessment_objections_state")),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["assessment_entries.id"], name=op.f("fk_assessment_objections_entry_id_assessment_entries")
        ),
    )
    op.create_index(op.f("ix_assessment_objections_entry_id"), "assessment_objections", ["entry_id"])
    op.create_table(
        "soft_examples",
        *_id("soft_examples"),
        sa.Column("agent_id", sa.String(length=200), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("direction", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=True),
        sa.Column("proposed_by", sa.Integer(), nullable=False),
        _moment("proposed_at"),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        _moment("decided_at", nullable=True),
        sa.CheckConstraint("direction IN (1, -1)", name=op.f("ck_soft_examples_direction")),
        sa.CheckConstraint("state IN ('proposed', 'confirmed', 'refused')", name=op.f("ck_soft_examples_state")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_soft_examples_case_id_cases")),
    )
    op.create_index(op.f("ix_soft_examples_agent_id"), "soft_examples", ["agent_id"])


def downgrade() -> None:
    for table in ("soft_examples", "assessment_objections", "assessment_entries", "assessments", "scheme_versions"):
        op.drop_table(table)
