"""named picks: samples without a draw and without a chance of being drawn; cases made from a conversation"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0075"
down_revision = "0096"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("samples") as batch:
        batch.add_column(sa.Column("rubric_version_id", sa.Integer(), nullable=True))
        batch.alter_column("draw_id", existing_type=sa.Integer(), nullable=True)
        batch.alter_column("pi", existing_type=sa.Double(), nullable=True)
        batch.create_foreign_key(
            op.f("fk_samples_rubric_version_id_rubric_versions"), "rubric_versions", ["rubric_version_id"], ["id"]
        )
        batch.create_check_constraint(
            op.f("ck_samples_named"),
            "(pi IS NULL) = (reason = 'named') AND (draw_id IS NULL) = (reason = 'named')"
            " AND (rubric_version_id IS NULL) = (reason <> 'named')",
        )
    with op.batch_alter_table("cases") as batch:
        batch.add_column(sa.Column("conversation_key", sa.String(length=300), nullable=True))
        batch.create_index(op.f("ix_cases_conversation_key"), ["conversation_key"])


def downgrade() -> None:
    with op.batch_alter_table("cases") as batch:
        batch.drop_index(op.f("ix_cases_conversation_key"))
        batch.drop_column("conversation_key")
    with op.batch_alter_table("samples") as batch:
        batch.drop_constraint(op.f("ck_samples_named"), type_="check")
        batch.drop_constraint(op.f("fk_samples_rubric_version_id_rubric_versions"), type_="foreignkey")
        batch.alter_column("pi", existing_type=sa.Double(), nullable=False)
        batch.alter_column("draw_id", existing_type=sa.Integer(), nullable=False)
        batch.drop_column("rubric_version_id")
