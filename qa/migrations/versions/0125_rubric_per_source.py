"""a drawn sample may have a rubric version of its own: that of its source"""

from __future__ import annotations

from alembic import op

revision = "0125"
down_revision = "0100"
branch_labels = None
depends_on = None

_NAMED = "(pi IS NULL) = (reason = 'named') AND (draw_id IS NULL) = (reason = 'named')"


def upgrade() -> None:
    _check("(rubric_version_id IS NOT NULL OR reason <> 'named')")


def downgrade() -> None:
    _check("(rubric_version_id IS NULL) = (reason <> 'named')")


def _check(rubric: str) -> None:
    with op.batch_alter_table("samples") as batch:
        batch.drop_constraint(op.f("ck_samples_named"), type_="check")
        batch.create_check_constraint(op.f("ck_samples_named"), f"{_NAMED} AND {rubric}")
