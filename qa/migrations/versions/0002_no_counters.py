"""no counters that nobody reads

Every change raised a counter per area for caches that were never built: a row that all writers waited for.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("data_versions")
