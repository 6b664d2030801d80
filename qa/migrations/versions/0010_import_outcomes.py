"""import outcomes

What an import came to is written down before its rows become visible, so that one that is killed in between can be
completed by the next.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0010"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("import_runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("outcome", qa.db.JsonDocument(), nullable=True))
