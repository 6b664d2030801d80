"""Schemes of assessment in versions: the shipped ones, what a shop made of them, and what a change would have done."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from qa import audit
from qa.errors import Invalid, NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import SchemeVersion
from qa.unit_of_work import UnitOfWork
from qa.workbench import Workbench
from scoring.assessment.schemes import Scheme, SchemeError, check, from_data, shipped, to_data

ROLES = ("presale", "aftersale", "")
"""Roles of the roster; the last one is nobody's in particular."""
DEFAULTS = {"presale": "presale", "aftersale": "aftersale", "": "startup"}
"""Which scheme each role is judged by where nobody chose another."""


@dataclass(frozen=True)
class SchemeView:
    """One version of a scheme."""

    id: int
    version: int
    scheme: Scheme
    content_hash: str
    created_at: datetime


def history(bench: Workbench, actor: Actor) -> tuple[SchemeView, ...]:
    """All versions, the newest of every scheme first."""
    require(actor, Right.ASSESS)
    with bench.db.read() as session:
        rows = session.scalars(select(SchemeVersion).order_by(SchemeVersion.scheme_id, SchemeVersion.version.desc()))
        return tuple(_view(row) for row in rows)


def newest(bench: Workbench, actor: Actor) -> dict[str, SchemeView]:
    """The version in use of every scheme, by its id."""
    found: dict[str, SchemeView] = {}
    for view in history(bench, actor):
        found.setdefault(view.scheme.id, view)
    return found


def load_default(bench: Workbench, actor: Actor, *, now: datetime) -> int:
    """Store the shipped schemes that are not there yet; returns how many."""
    require(actor, Right.ASSESS)
    with bench.begin(actor, now) as work:
        known = set(work.session.scalars(select(SchemeVersion.scheme_id)))
        missing = [scheme for scheme in shipped() if scheme.id not in known]
        for scheme in missing:
            _store(work, scheme)
    return len(missing)


def save(bench: Workbench, actor: Actor, *, now: datetime, text: str) -> int:
    """Store a scheme written as TOML as the next version; returns its number, or that of the same one before. Raises
    `Invalid` naming line and cure."""
    return save_scheme(bench, actor, now=now, scheme=parsed(text))


def save_scheme(bench: Workbench, actor: Actor, *, now: datetime, scheme: Scheme) -> int:
    """The same for a scheme as it is."""
    require(actor, Right.ASSESS)
    with bench.begin(actor, now) as work:
        before = work.session.scalars(
            select(SchemeVersion)
            .where(SchemeVersion.scheme_id == scheme.id)
            .order_by(SchemeVersion.version.desc())
            .limit(1)
        ).first()
        if before is not None and before.content_hash == _hash(scheme):
            return before.id
        return _store(work, scheme, before)


def parsed(text: str) -> Scheme:
    """A scheme from TOML. Raises `Invalid`."""
    try:
        return from_data(tomllib.loads(text))
    except tomllib.TOMLDecodeError as problem:
        raise Invalid(N_("The scheme cannot be read as TOML: {reason}"), reason=str(problem)) from problem
    except SchemeError as problem:
        raise Invalid(problem.reason.msgid, **problem.reason.facts) from problem


def checked(scheme: Scheme) -> Scheme:
    """The scheme when it can be used. Raises `Invalid` naming line and cure."""
    try:
        check(scheme)
    except SchemeError as problem:
        raise Invalid(problem.reason.msgid, **problem.reason.facts) from problem
    return scheme


def written(scheme: Scheme) -> str:
    """A scheme as TOML, as `parsed` reads it."""
    data = to_data(scheme)
    head = [
        f"{name} = {json.dumps(data[name], ensure_ascii=False)}"
        for name in ("id", "role", "stage", "verified", "campaigns")
    ]
    for name in ("name", "note"):
        head.append(f"{name} = {{ zh = {_quoted(data[name]['zh'])}, en = {_quoted(data[name]['en'])} }}")
    grades = ", ".join(f"{{ name = {_quoted(g['name'])}, lowest = {g['lowest']:g} }}" for g in data["grades"])
    lines = [
        f"[[lines]]\nindicator = {_quoted(line['indicator'])}\nweight = {line['weight']:g}\n"
        f"relative = {str(line['relative']).lower()}\nof = {_quoted(line['of'])}\n"
        f"curve = [{', '.join(f'[{x:g}, {y:g}]' for x, y in line['curve'])}]"
        for line in data["lines"]
    ]
    return "\n".join([*head, f"grades = [{grades}]"]) + "\n\n" + "\n\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def of_version(session: Session, version_id: int) -> Scheme:
    """The scheme of one version. Raises `NotFound`."""
    row = session.get(SchemeVersion, version_id)
    if row is None:
        raise NotFound(N_("There is no version {id} of a scheme."), id=version_id)
    return from_data(row.content)


def chosen(bench: Workbench, actor: Actor) -> dict[str, int]:
    """Role to version: what a sheet uses where nobody chooses. Raises `Invalid` where there is no scheme yet."""
    found = newest(bench, actor)
    if not found:
        raise Invalid(N_("There is no scheme yet. Load the shipped ones first."))
    spare = next(iter(found.values())).id
    return {role: found[name].id if name in found else spare for role, name in DEFAULTS.items()}


def _store(work: UnitOfWork, scheme: Scheme, before: SchemeVersion | None = None) -> int:
    number = work.session.execute(
        insert(SchemeVersion)
        .values(
            scheme_id=scheme.id, version=1 if before is None else before.version + 1, content=to_data(scheme),
            content_hash=_hash(scheme), created_by=work.actor.user_id, created_at=work.now,
        )
        .returning(SchemeVersion.id)
    ).scalar_one()  # fmt: skip
    changes = {} if before is None else audit.changes(before.content, to_data(scheme))
    work.record("scheme.saved", "scheme_version", number, scheme=scheme.id, changes=changes)
    return int(number)


def _hash(scheme: Scheme) -> str:
    return hashlib.sha256(json.dumps(to_data(scheme), ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _view(row: SchemeVersion) -> SchemeView:
    return SchemeView(row.id, row.version, from_data(row.content), row.content_hash, row.created_at)
