"""Giving conversations the risk that the model in use predicts, or the rule score again when none is: columnar, in
ranges, visible all at once.

Only conversations after the last day the model learnt from are scored, whoever asks: a prediction must not weight a day
whose verdicts it was made of. The rule score learnt from nothing and speaks of every day. Owns no model and no rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from qa import audit
from qa.archive import ArchiveChange, Snapshot
from qa.archive.ranges import cut, message_files
from qa.errors import Cancelled
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.predictors.features import chats, features
from qa.predictors.versions import active, load
from qa.screening.work import COLD_START
from qa.workbench import Workbench
from scoring import risk
from scoring.risk import RiskModel

BATCH = 400_000
"""Messages of one range: about 200 MB while its features are made."""
REWRITE_SHARE = 20
"""Signals are rewritten as a whole when more than one in this many changes: cheaper than deleting by key."""

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Rescored:
    """What a run did. `version` is empty while the rule score is in use."""

    conversations: int
    version: str
    archive_version: int


def score(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
    batch: int = BATCH,
    again: bool = False,
) -> Rescored:
    """Give every screened conversation after the model's last day the prediction of the model in use, where it has
    another; without a model in use, the rule score to those that carry a model's prediction.

    Run it after a screening or after taking a model into use or out of it; with nothing to do it costs one scan of the
    signals. `again` scores also what has its prediction already: a change of the red-line rules changes the hits that
    predictions are made of, but not the predictions. A conversation that is imported or screened again meanwhile keeps
    what that gave it. Raises `Cancelled` when `cancel` answers true; nothing is written then.
    """
    require(actor, Right.IMPORT if not actor.may(Right.PLAN_DRAW) else Right.PLAN_DRAW)
    snapshot = bench.archive.at()
    with bench.db.read() as session:
        row = active(session)
        model = load(row) if row is not None else None
    version = model.version if model else ""
    waiting = _waiting(snapshot, version or COLD_START, first_moment(bench, model) if model else None, again)
    if waiting.is_empty():
        return Rescored(0, version, snapshot.version)
    predicted = _predictions(bench, snapshot, model, waiting, batch, progress, cancel)
    with bench.archive.hold() as writer:
        with writer.change("risk model", now) as change:
            count = _write(change, predicted, version or COLD_START)
        number = bench.archive.version()
        with bench.db.write() as session:
            audit.record(
                session,
                actor,
                now,
                "risk_model.scored",
                "archive",
                number,
                model=version or COLD_START,
                conversations=count,
            )
    if progress is not None:
        progress(1.0, N_("Scoring conversations"))
    return Rescored(count, version, number)


def first_moment(bench: Workbench, model: RiskModel) -> datetime:
    """The first moment a model may speak of: midnight after the last day it learnt from, in the business time zone."""
    return datetime.combine(model.last + timedelta(days=1), time(), bench.config.zone).astimezone(UTC)


def _waiting(snapshot: Snapshot, version: str, start: datetime | None, again: bool) -> pl.DataFrame:
    """Screened conversations from `start` on whose risk is not of this version. Those without messages have none."""
    wanted = pl.col("model_version").is_not_null() if again else pl.col("model_version") != version
    if start is not None:
        wanted &= pl.col("started_at") >= start
    return chats(snapshot).filter(wanted).drop("model_version").collect()


def _predictions(
    bench: Workbench,
    snapshot: Snapshot,
    model: RiskModel | None,
    waiting: pl.DataFrame,
    batch: int,
    progress: Progress | None,
    cancel: Callable[[], bool] | None,
) -> pl.DataFrame:
    """conversation_key, import_id, p and loss (centi-points) of the waiting conversations."""
    ranges = cut(message_files(snapshot, waiting.lazy()), batch)
    total, seen, parts = max(sum(piece.rows for piece in ranges), 1), 0, []
    keys = waiting.lazy().select("conversation_key")
    for piece in ranges:
        said = (
            piece.scan()
            .select("conversation_key", "seq", "role", "text")
            .join(keys, on="conversation_key", how="semi")
            .collect()
        )
        if not said.is_empty():
            mine = waiting.join(said.select("conversation_key").unique(), on="conversation_key", how="semi")
            parts.append(_predict(bench, model, features(said, mine)))
        seen += piece.rows
        if cancel is not None and cancel():
            raise Cancelled(N_("Scoring was stopped; every conversation keeps the risk it had."))
        if progress is not None:
            progress(0.98 * seen / total, N_("Scoring conversations"))
    schema = {"conversation_key": pl.String, "import_id": pl.Int64, "p": pl.Float64, "loss": pl.Float64}
    return pl.concat([pl.DataFrame(schema=schema), *parts])


def _predict(bench: Workbench, model: RiskModel | None, frame: pl.DataFrame) -> pl.DataFrame:
    if frame.is_empty():
        return pl.DataFrame(
            schema={"conversation_key": pl.String, "import_id": pl.Int64, "p": pl.Float64, "loss": pl.Float64}
        )
    if model is None:
        # as the screening gave it, which does not wait for disputes
        found = risk.rule_score(frame.drop("refund")).select("unit_id", "p", f=pl.lit(None, pl.Float64))
    else:
        found = risk.predict(model, frame, _days(bench, frame))  # refuses days the model learnt from
    return (
        pl.concat([frame.select("import_id"), found], how="horizontal")
        .select("import_id", "p", conversation_key="unit_id", loss=(100.0 - pl.col("f")) * 100.0)
        .select("conversation_key", "import_id", "p", "loss")
    )


def _days(bench: Workbench, frame: pl.DataFrame) -> tuple[date, date]:
    first, last = frame["started_at"].min(), frame["started_at"].max()
    assert isinstance(first, datetime)
    assert isinstance(last, datetime)
    return first.astimezone(bench.config.zone).date(), last.astimezone(bench.config.zone).date()


def _write(change: ArchiveChange, predicted: pl.DataFrame, version: str) -> int:
    """Replace the risk of what still has the content that was read; returns how many conversations that is."""
    signals = change.before.scan("signals")
    news = predicted.lazy().with_columns(pl.lit(version).alias("version"))
    everything = predicted.height * REWRITE_SHARE > change.before.count("signals")
    rows = (
        signals.join(
            news,
            on=["conversation_key", "import_id"],
            how="left" if everything else "inner",
            nulls_equal=True,
            maintain_order="left",
        )
        .with_columns(
            risk=pl.coalesce("p", "risk"),
            predicted_loss=pl.when(pl.col("version").is_not_null()).then("loss").otherwise("predicted_loss"),
            model_version=pl.coalesce("version", "model_version"),
        )
        .collect()
    )
    count = rows["version"].count()
    if not count:
        return 0
    if everything:
        change.replace("signals", rows)
    else:
        change.remove("signals", rows["conversation_key"])
        change.append("signals", rows)
    return int(count)
