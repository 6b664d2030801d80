"""Answers of a run become scores: checked against what was asked, and visible in the archive all at once."""

from __future__ import annotations

from datetime import datetime

import polars as pl
from sqlalchemy import select, update

from qa.archive import conform, predictions
from qa.policy import Actor
from qa.rubrics.stored import rubric_of
from qa.scorer import calibrated, endpoint, versions
from qa.scorer.questions import MAIN, checked
from qa.tables import Scorer, ScorerRequest
from qa.workbench import Workbench


def publish(bench: Workbench, actor: Actor, *, now: datetime, scorer_id: int) -> int:
    """Check what was answered and make it visible in the archive, all at once; returns how many conversations. Doing it
    again publishes nothing twice."""
    with bench.db.read() as session:
        scorer = session.get_one(Scorer, scorer_id)
        rubric = rubric_of(session, scorer.rubric_version_id)
        ready = (ScorerRequest.scorer_id == scorer_id, ScorerRequest.purpose == MAIN, ~ScorerRequest.published)
        rows = session.execute(
            select(ScorerRequest.id, ScorerRequest.conversation_key, ScorerRequest.content, ScorerRequest.answers)
            .where(*ready, ScorerRequest.state == endpoint.SCORED).order_by(ScorerRequest.id)
        ).all()  # fmt: skip
        active = scorer.state == "active"
        predictor, version, rubric_version = scorer.predictor, scorer.version, scorer.rubric_version_id
    facts: dict[str, object] = {}
    if not rows:
        return 0
    with bench.archive.hold() as writer:
        with writer.change("machine scores", now) as change:
            said = [answer for _, _, _, answers in rows for answer in answers or ()]
            scored = checked(change.before, rubric, said)
            held = versions.scores(change.before, predictor, version).select("conversation_key").unique().collect()
            keys = change.before.scan("conversations").select("conversation_key", "import_id").collect()
            current = {(key, "" if number is None else str(number)) for key, number in keys.iter_rows()}
            good = [key for _, key, content, _ in rows if (key, content) in current]
            fresh = (
                scored.filter(pl.col("conversation_key").is_in(good)).join(held, on="conversation_key", how="anti")
                .join(keys, on="conversation_key").with_columns(predictor=pl.lit(predictor), version=pl.lit(version))
            )  # fmt: skip
            if not fresh.is_empty():
                change.append("machine_scores", conform("machine_scores", fresh))
                if active:
                    found = calibrated.calibrated(bench, change.now(), predictor, version, rubric_version)
                    predictions.put(change, predictor, found.rows)
                    facts = found.facts()
        with bench.begin(actor, now) as work:
            numbers = [number for number, *_ in rows]
            for start in range(0, len(numbers), 500):
                mine = ScorerRequest.id.in_(numbers[start : start + 500])
                work.session.execute(update(ScorerRequest).where(mine).values(published=True))
            work.record(
                "scorer.published",
                "scorer",
                scorer_id,
                version=version,
                conversations=fresh["conversation_key"].n_unique(),
                **facts,
            )
    return int(fresh["conversation_key"].n_unique())
