"""Rubrics in the database, read: what the desk, the ledger, draws and pages need to know about a scorecard version.

A published version never changes, so its parsed form is kept in memory by content hash. Who may change a rubric and
when is the business of `qa.rubrics`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from qa.errors import NotFound
from qa.i18n import N_
from qa.tables import RubricVersion
from scoring.rubric import Rubric, from_dict

_KEPT = 64
_parsed: OrderedDict[tuple[str, int, str], Rubric] = OrderedDict()
_lock = threading.Lock()


_KEY = select(RubricVersion.rubric_id, RubricVersion.version, RubricVersion.content_hash).where(
    RubricVersion.id == bindparam("rubric")
)


def rubric_of(session: Session, rubric_version_id: int) -> Rubric:
    """The rubric of one version row, looked up once in a transaction. Raises `NotFound`."""
    seen: dict[int, Rubric] = session.info.setdefault("rubrics", {})
    if rubric_version_id not in seen:
        seen[rubric_version_id] = _looked_up(session, rubric_version_id)
    return seen[rubric_version_id]


def _looked_up(session: Session, rubric_version_id: int) -> Rubric:
    row = session.execute(_KEY, {"rubric": rubric_version_id}).one_or_none()
    if row is None:
        raise NotFound(N_("There is no rubric version {id}."), id=rubric_version_id)
    key = (row.rubric_id, row.version, row.content_hash)
    with _lock:
        if key in _parsed:
            _parsed.move_to_end(key)
            return _parsed[key]
    content = session.scalars(select(RubricVersion.content).where(RubricVersion.id == rubric_version_id)).one()
    rubric = from_dict({**content, "id": row.rubric_id, "version": row.version})
    with _lock:
        _parsed[key] = rubric
        while len(_parsed) > _KEPT:
            _parsed.popitem(last=False)
    return rubric
