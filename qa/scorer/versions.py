"""Versions of machine scorers: what makes one, which one is in use, and its scores as predictions.

A version never changes: another model, prompt, schema or rubric is another version, and scores of two are never pooled.
Does not score and reads no file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from qa.archive import Snapshot, predictions
from qa.errors import Conflict, NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import RubricVersion, Scorer
from qa.unit_of_work import UnitOfWork
from qa.workbench import Workbench

STATES: Mapping[str, str] = {"stored": N_("stored"), "active": N_("in use"), "retired": N_("retired")}
OUTSIDE, ENDPOINT = "outside", "endpoint"
KIND_NAMES: Mapping[str, str] = {OUTSIDE: N_("scores from outside"), ENDPOINT: N_("endpoint")}


@dataclass(frozen=True)
class ScorerView:
    """One version. `content` says what makes it; `scored` is how many conversations have its scores."""

    id: int
    predictor: str
    version: str
    label: str
    kind: str
    rubric_version_id: int
    rubric: str
    content: Mapping[str, Any]
    state: str
    created_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None
    scored: int

    @property
    def name(self) -> str:
        """The predictor as people call it."""
        return self.predictor.removeprefix(f"{predictions.MACHINE}:")


def list_scorers(bench: Workbench, actor: Actor) -> tuple[ScorerView, ...]:
    """All versions, newest first."""
    require(actor, Right.VIEW_RESULTS, Right.VIEW_DRAWS)
    counts = _counts(bench.archive.at())
    with bench.db.read() as session:
        rows = session.execute(_query().order_by(Scorer.id.desc())).all()
        return tuple(_view(row, f"{rubric} v{number}", counts) for row, rubric, number in rows)


def get(bench: Workbench, actor: Actor, scorer: str | int) -> ScorerView:
    """A version by its number, its version, or the name of a predictor (then the one in use, else the newest). Raises
    `NotFound`."""
    every = list_scorers(bench, actor)
    text = str(scorer)
    for one in every:
        if text in (str(one.id), one.version):
            return one
    named = [one for one in every if text in (one.predictor, one.name)]
    found = next((one for one in named if one.state == "active"), named[0] if named else None)
    if found is None:
        raise NotFound(N_("There is no machine scorer {scorer}."), scorer=text)
    return found


def put(
    work: UnitOfWork, *, predictor: str, label: str, kind: str, rubric_version_id: int, content: Mapping[str, Any]
) -> tuple[Scorer, bool]:
    """The stored version of this content, and whether it is new."""
    version = version_of(predictor, content)
    known = work.session.scalars(select(Scorer).where(Scorer.version == version)).one_or_none()
    if known is not None:
        return known, False
    row = Scorer(
        predictor=predictor, version=version, label=label, kind=kind, rubric_version_id=rubric_version_id,
        content=dict(content), state="stored", created_by=work.actor.user_id or None, created_at=work.now,
        activated_at=None, retired_at=None,
    )  # fmt: skip
    work.session.add(row)
    work.session.flush()
    work.record("scorer.stored", "scorer", row.id, name=predictor, version=version, kind=kind, label=label)
    return row, True


def version_of(predictor: str, content: Mapping[str, Any]) -> str:
    """What names a version: a hash of everything that makes it."""
    text = json.dumps([predictor, content], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f"s{hashlib.sha256(text.encode()).hexdigest()[:11]}"


def retire(bench: Workbench, actor: Actor, *, now: datetime, scorer: str | int) -> ScorerView:
    """Use no version of this scorer: what plans lean on is the next predictor. Its scores stay."""
    require(actor, Right.PLAN_DRAW, Right.MAINTAIN)
    view = get(bench, actor, scorer)
    if view.state != "active":
        raise Conflict(N_("Version {version} is not in use."), version=view.version)
    with bench.archive.hold() as writer:
        with writer.change("machine scorer", now) as change:
            predictions.withdraw(change, view.predictor)
        with bench.begin(actor, now) as work:
            retire_used(work, view.predictor)
    return get(bench, actor, view.id)


def scores(snapshot: Snapshot, predictor: str, version: str) -> pl.LazyFrame:
    """The answers of one version to conversations as they are now: the columns of the archive's `machine_scores`."""
    current = snapshot.scan("conversations").select("conversation_key", "import_id")
    mine = (pl.col("predictor") == predictor) & (pl.col("version") == version)
    found = snapshot.scan("machine_scores").filter(mine)
    return found.join(current, on=["conversation_key", "import_id"], how="semi", nulls_equal=True)


def told(bench: Workbench) -> bool:
    """Whether any machine scorer is in use: agents are told, whoever they are."""
    with bench.db.read() as session:
        return session.scalar(select(Scorer.id).where(Scorer.state == "active").limit(1)) is not None


def used(bench: Workbench) -> ScorerView | None:
    """The version in use; of several scorers the first by name. Without the count of its scores."""
    with bench.db.read() as session:
        row = session.execute(
            _query().where(Scorer.state == "active").order_by(Scorer.predictor).limit(1)
        ).one_or_none()
        return None if row is None else _view(row[0], f"{row[1]} v{row[2]}", {})


def in_use(session: Session, predictor: str) -> Scorer | None:
    """The version in use."""
    query = select(Scorer).where(Scorer.predictor == predictor, Scorer.state == "active")
    return session.scalars(query).one_or_none()


def retire_used(work: UnitOfWork, predictor: str) -> None:
    """Take the version in use out of it, if there is one."""
    before = in_use(work.session, predictor)
    if before is not None:
        before.state, before.retired_at = "retired", work.now
        work.record("scorer.retired", "scorer", before.id, name=predictor, version=before.version)
        work.session.flush()  # the next one may only come after this one has gone


def _query() -> Select[Scorer, str, int]:
    return select(Scorer, RubricVersion.rubric_id, RubricVersion.version).join(
        RubricVersion, RubricVersion.id == Scorer.rubric_version_id
    )


def _counts(snapshot: Snapshot) -> dict[str, int]:
    whole = snapshot.scan("machine_scores").filter(pl.col("about").is_null())
    counted = whole.group_by("version").agg(pl.col("conversation_key").n_unique()).collect()
    return dict(counted.iter_rows())


def _view(row: Scorer, rubric: str, counts: Mapping[str, int]) -> ScorerView:
    return ScorerView(
        row.id, row.predictor, row.version, row.label, row.kind, row.rubric_version_id, rubric, row.content, row.state,
        row.created_at, row.activated_at, row.retired_at, counts.get(row.version, 0),
    )  # fmt: skip
