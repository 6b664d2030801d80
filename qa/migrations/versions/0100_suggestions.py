"""what the data suggested at the desk, kept with the inspection"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0100"
down_revision = "0097"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("inspections", sa.Column("suggested", qa.db.JsonDocument(), nullable=True))


def downgrade() -> None:
    op.drop_column("inspections", "suggested")
