"""Rubrics in the database, read: what the desk, the ledger, draws and pages need to know about a scorecard version.

A published version never changes, so its parsed form is kept in memory by content hash. Who may change a rubric and
when is the business of `qa.rubrics`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from qa.errors import NotFound
from qa.i18n import N_
from qa.tables import RubricVersion
from scoring.rubric import Rubric, from_dict

_KEY = select(RubricVersion.rubric_id, RubricVersion.version, RubricVersion.content_hash).where(
    RubricVersion.id == bindparam("rubric")
)


@dataclass(frozen=True)
class RubricKey:
    """What names the content of a version: enough to find its parsed form in memory."""

    rubric_id: str
    version: int
    content_hash: str


_KEPT = 64
_parsed: OrderedDict[RubricKey, Rubric] = OrderedDict()
_lock = threading.Lock()


def rubric_of(session: Session, rubric_version_id: int, key: RubricKey | None = None) -> Rubric:
    """The rubric of one version row, looked up once in a transaction, or not at all where the caller has read its
    `key`. Raises `NotFound`."""
    seen: dict[int, Rubric] = session.info.setdefault("rubrics", {})
    if rubric_version_id not in seen:
        seen[rubric_version_id] = _parsed_form(session, rubric_version_id, key or _key_of(session, rubric_version_id))
    return seen[rubric_version_id]


def _key_of(session: Session, rubric_version_id: int) -> RubricKey:
    row = session.execute(_KEY, {"rubric": rubric_version_id}).one_or_none()
    if row is None:
        raise NotFound(N_("There is no rubric version {id}."), id=rubric_version_id)
    return RubricKey(*row)


def _parsed_form(session: Session, rubric_version_id: int, key: RubricKey) -> Rubric:
    with _lock:
        if key in _parsed:
            _parsed.move_to_end(key)
            return _parsed[key]
    content = session.scalars(select(RubricVersion.content).where(RubricVersion.id == rubric_version_id)).one()
    rubric = from_dict({**content, "id": key.rubric_id, "version": key.version})
    with _lock:
        _parsed[key] = rubric
        while len(_parsed) > _KEPT:
            _parsed.popitem(last=False)
    return rubric
