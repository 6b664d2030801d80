"""What a version in use tells plans: its answers calibrated per criterion on reviews, put together with the risk model.

A conversation is never told by its own review: reviewed days are calibrated out of fold, in folds by conversation, and
days after the last review by all reviews. Whether a conversation was reviewed makes no difference to how its value is
made. Chooses no version and draws nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from qa.archive import Snapshot, predictions
from qa.errors import Conflict
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.reports.scope import FactsReader
from qa.rubrics.stored import rubric_of
from qa.scorer import reviewed, versions
from qa.scorer.versions import ScorerView
from qa.tables import AuditEntry, Scorer
from qa.workbench import Workbench
from scoring.judge import calibration, chances, corrected

FOLDS = reviewed.FOLDS
GROWN = 1.1
"""Calibrated anew when there are so many times the reviews of the last time."""


@dataclass(frozen=True)
class CalibratedScores:
    """Predictions as `qa.archive.predictions.put` takes them, and what they were made of: `reviews` with a score, the
    `criteria` calibrated, whether the risk model is `stacked` into the points, and into the `chance` of a red line."""

    rows: pl.DataFrame
    reviews: int
    criteria: tuple[str, ...]
    stacked: bool
    chance: bool

    def facts(self) -> dict[str, object]:
        """For the audit trail."""
        return {
            "reviews": self.reviews,
            "criteria": list(self.criteria),
            "stacked": self.stacked,
            "chance": self.chance,
        }


def calibrated(
    bench: Workbench, snapshot: Snapshot, predictor: str, version: str, rubric_version_id: int
) -> CalibratedScores:
    """Everything the version has scored, as it tells plans."""
    with FactsReader(bench) as reader:
        rubric = rubric_of(reader.session, rubric_version_id)
        past = reviewed.reviews(reader, rubric)
    scores = versions.scores(snapshot, predictor, version).collect()
    whole = scores.filter(pl.col("about").is_null() & pl.col("loss").is_not_null()).select(
        "conversation_key", "import_id", own=100 - pl.col("loss") / 100
    )
    whole = _placed(snapshot, whole, bench.config.time_zone, past["day"].max())
    answers = scores.filter(pl.col("about").is_not_null()).select(
        "conversation_key", "about", given=pl.col("loss") / 100
    ).join(whole.select("conversation_key", "fold"), on="conversation_key")  # fmt: skip
    judged = reviewed.calibrating(answers, past, rubric)
    criteria = _criteria(judged)
    if criteria:
        whole = _expected(whole, answers, judged, criteria)
    whole = whole.join(_rest(snapshot, whole), on="conversation_key", how="left", maintain_order="left")
    known = past.join(whole.select("conversation_key", "own", "rest", "p", "fold"), on="conversation_key")
    blend = corrected.blend(known)
    chance = chances.stack(known.with_columns(lost=100 - pl.col("own"), fold=pl.col("fold").abs(), bad="redline"))
    rows = whole.select(
        "conversation_key", "import_id", version=pl.lit(version),
        p=pl.lit(None, pl.Float64) if chance is None else chance.of(pl.col("p"), 100 - pl.col("own")),
        loss=100 * (100 - corrected.blended(blend)),
    )  # fmt: skip
    return CalibratedScores(rows, known.height, criteria, blend is not None, chance is not None)


def _placed(snapshot: Snapshot, whole: pl.DataFrame, zone: str, last: object) -> pl.DataFrame:
    """With `fold`: 0 … for days that were reviewed, −1 after them."""
    day = pl.col("started_at").dt.convert_time_zone(zone).dt.date()
    days = snapshot.scan("conversations").select("conversation_key", day=day)
    placed = whole.lazy().join(days, on="conversation_key", how="left", maintain_order="left").collect()
    folds = reviewed.folds(placed["conversation_key"])
    after = (pl.col("day") > last).fill_null(True) if isinstance(last, date) else pl.lit(True)
    return placed.with_columns(folds).with_columns(fold=pl.when(after).then(pl.lit(-1)).otherwise("fold")).drop("day")


def _criteria(judged: pl.DataFrame) -> tuple[str, ...]:
    """Criteria that can be calibrated whichever fold is left out: one scale for all."""
    parts = [set(calibration.calibrate(judged))]
    parts += [set(calibration.calibrate(judged.filter(pl.col("fold") != fold))) for fold in range(FOLDS)]
    return tuple(sorted(set.intersection(*parts)))


def _expected(
    whole: pl.DataFrame, answers: pl.DataFrame, judged: pl.DataFrame, criteria: tuple[str, ...]
) -> pl.DataFrame:
    """`whole` with own as the points expected by inspectors."""
    answers = answers.filter(pl.col("about").is_in(list(criteria)))
    parts = []
    for fold in (-1, *range(FOLDS)):
        found = calibration.calibrate(judged.filter(pl.col("fold") != fold))
        mine = answers.filter(pl.col("fold") == fold)
        parts.append(calibration.expected(mine, {name: found[name] for name in criteria}))
    sums = pl.concat(parts).group_by("conversation_key").agg(pl.col("expected").sum())
    joined = whole.join(sums, on="conversation_key", how="left", maintain_order="left")
    return joined.with_columns(own=pl.coalesce(100 - pl.col("expected"), "own")).drop("expected")


def _rest(snapshot: Snapshot, whole: pl.DataFrame) -> pl.DataFrame:
    """conversation_key, p and rest (points) of the next predictor."""
    said = predictions.predicted(whole.select("conversation_key").lazy(), snapshot, predictions.RISK)
    return said.select("conversation_key", "p", rest=100 - pl.col("loss") / 100).collect()


def activate(bench: Workbench, actor: Actor, *, now: datetime, scorer: str | int) -> ScorerView:
    """Take a version into use: its scores become predictions, in place of the version's before, which is retired."""
    require(actor, Right.PLAN_DRAW, Right.MAINTAIN)
    view = versions.get(bench, actor, scorer)
    if view.state != "active" and not view.scored:
        raise Conflict(N_("Version {version} has scored nothing yet; it cannot be used."), version=view.version)
    with bench.archive.hold() as writer:
        with writer.change("machine scorer", now) as change:
            before = predictions.of(change.before, view.predictor).select("conversation_key").collect().to_series()
            predictions.carry(change)
            found = calibrated(bench, change.before, view.predictor, view.version, view.rubric_version_id)
            if before.len():
                predictions.withdraw(change, view.predictor)
            count = predictions.put(change, view.predictor, found.rows)
        with bench.begin(actor, now) as work:
            row = work.session.get_one(Scorer, view.id)
            if row.state != "active":
                versions.retire_used(work, view.predictor)
                row.state, row.activated_at, row.retired_at = "active", now, None
            work.record("scorer.activated", "scorer", row.id, name=view.predictor, version=view.version,
                        conversations=[before.len(), count], **found.facts())  # fmt: skip
    return versions.get(bench, actor, view.id)


def renew(bench: Workbench, actor: Actor, *, now: datetime) -> tuple[str, ...]:
    """Calibrate the versions in use anew where reviews have grown by a tenth; the versions that were."""
    require(actor, Right.MAINTAIN, Right.PLAN_DRAW)
    with bench.db.read() as session:
        used = [(row.id, row.predictor, row.version, row.rubric_version_id) for row in session.scalars(
            select(Scorer).where(Scorer.state == "active"))]  # fmt: skip
        counts = {number: _last_count(session, number) for number, *_rest in used}
    done = []
    for number, predictor, version, rubric in used:
        found = calibrated(bench, bench.archive.at(), predictor, version, rubric)
        if found.reviews < GROWN * max(counts[number], 1):
            continue
        with bench.archive.hold() as writer:
            with writer.change("machine scorer", now) as change:
                predictions.put(change, predictor, found.rows)
            with bench.begin(actor, now) as work:
                work.record("scorer.calibrated", "scorer", number, version=version, **found.facts())
        done.append(version)
    return tuple(done)


def _last_count(session: Session, number: int) -> int:
    actions = ("scorer.calibrated", "scorer.activated", "scorer.published")
    query = select(AuditEntry.facts).where(
        AuditEntry.action.in_(actions), AuditEntry.entity == "scorer", AuditEntry.entity_id == str(number)
    )
    found = session.scalar(query.order_by(AuditEntry.id.desc()).limit(1))
    return int((found or {}).get("reviews") or 0)
