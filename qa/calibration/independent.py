"""Which readings may be compared as if chance had chosen them: not the second readings that a difference with a machine
scorer asked for. They lie where somebody was in doubt, and would make inspectors look further apart than they are.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, select

from qa.tables import Assignment, ScorerDifference

ASKED_FOR = select(ScorerDifference.double_id).where(ScorerDifference.double_id.is_not(None))
"""Places of the queue that a difference asked for."""


def by_chance() -> ColumnElement[bool]:
    """Condition on `Assignment`: a first reading, or a second one that the draw dealt."""
    return and_(Assignment.kind.in_(("primary", "double")), Assignment.id.not_in(ASKED_FOR))
