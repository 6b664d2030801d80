"""Bringing predictions up to date: the rule score where it is missing, and the risk model in use: columnar, in ranges,
visible all at once.

Only conversations after the last day a predictor learnt from are given to it, whoever asks: a prediction must not
weight a day whose verdicts it was made of. Owns no model and no rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from qa import audit
from qa.archive import ArchiveChange, Snapshot, predictions
from qa.archive.ranges import Range, cut, message_files
from qa.disputes import settled
from qa.errors import Cancelled
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.predictors.features import chats
from qa.predictors.protocol import SCHEMA, Predictor, RuleScore, TrainedRisk
from qa.predictors.versions import active, load
from qa.processes import cluster
from qa.workbench import Workbench

BATCH = 400_000
"""Messages of one range: about 200 MB while its features are made."""

Progress = Callable[[float, str], None]
Cancel = Callable[[], bool]


@dataclass(frozen=True)
class Rescored:
    """What a run did: `conversations` whose prediction in use is another now. `version` is empty while the rule score
    is in use."""

    conversations: int
    version: str
    archive_version: int


def score(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    batch: int = BATCH,
    again: bool = False,
) -> Rescored:
    """Give every screened conversation after the model's last day the prediction of the model in use, where it has
    another; without a model in use, take back what models have said, so that the rule score stands.

    Run it after a screening or after taking a model into use or out of it; with nothing to do it costs a scan of the
    predictions. `again` scores also what has its prediction already: a change of the red-line rules changes the hits
    that predictions are made of, but not the predictions. A conversation that is imported or screened again meanwhile
    keeps what that gave it. Raises `Cancelled` when `cancel` answers true; nothing is written then.
    """
    require(actor, Right.IMPORT if not actor.may(Right.PLAN_DRAW) else Right.PLAN_DRAW)
    snapshot = bench.archive.at()
    with bench.db.read() as session:
        row = active(session)
        model = load(row) if row is not None else None
        decided = settled.in_force(session)
    used = RuleScore() if model is None else TrainedRisk(model, bench.config.time_zone)
    # an archive of 0.1.0 has no rule score where a model had spoken
    every = (used,) if model is None else (RuleScore(), used)
    zone = bench.config.zone
    waits = {one.name: waiting(snapshot, one, zone, decided, again=again and one is used) for one in every}
    spoken = None if model is not None else predictions.of(snapshot, predictions.RISK).select("conversation_key")
    gone = pl.Series(dtype=pl.String) if spoken is None else spoken.collect().to_series()
    version = model.version if model else ""
    if gone.is_empty() and all(found.is_empty() for found in waits.values()):
        return Rescored(0, version, snapshot.version)
    shares = _shares(progress, len(every))
    made = {
        one.name: predict(
            snapshot, one, waits[one.name], batch=batch, progress=tell, cancel=cancel, address=bench.config.cluster
        )
        for one, tell in zip(every, shares, strict=True)
    }
    if gone.is_empty() and all(rows.is_empty() for rows in made.values()):
        return Rescored(0, version, snapshot.version)
    with bench.archive.hold() as writer:
        with writer.change("risk model", now) as change:
            count = _write(change, made, used.name, gone)
        number = bench.archive.version()
        with bench.db.write() as session:
            audit.record(
                session,
                actor,
                now,
                "risk_model.scored",
                "archive",
                number,
                model=used.version,
                conversations=count,
            )
    if progress is not None:
        progress(1.0, N_("Scoring conversations"))
    return Rescored(count, version, number)


def first_moment(predictor: Predictor, zone: ZoneInfo) -> datetime | None:
    """The first moment a predictor may speak of: midnight after the last day it learnt from, in the business time zone;
    None: any."""
    if predictor.learnt_to is None:
        return None
    return datetime.combine(predictor.learnt_to + timedelta(days=1), time(), zone).astimezone(UTC)


def waiting(
    snapshot: Snapshot,
    predictor: Predictor,
    zone: ZoneInfo,
    decided: Sequence[settled.Settled] = (),
    *,
    again: bool = False,
) -> pl.DataFrame:
    """Screened conversations that `predictor` may speak of and whose present content this version of it has not seen:
    the columns `qa.predictors.features.CHATS`. Also those it has seen when `again`; disputes belong to the chats that
    people `decided`."""
    found, start = chats(snapshot, decided), first_moment(predictor, zone)
    if start is not None:
        found = found.filter(pl.col("started_at") >= start)
    if not again:
        done = predictions.scan(snapshot).filter(
            (pl.col("predictor") == predictor.name) & (pl.col("version") == predictor.version)
        )
        found = found.join(
            done.select("conversation_key", "import_id"),
            on=["conversation_key", "import_id"],
            how="anti",
            nulls_equal=True,
        )
    return found.collect()


def predict(
    snapshot: Snapshot,
    predictor: Predictor,
    waiting: pl.DataFrame,
    *,
    batch: int = BATCH,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    address: str | None = None,
) -> pl.DataFrame:
    """What `predictor` says of the `waiting` conversations, for `qa.archive.predictions.put`; those without messages
    get none. `batch` bounds memory (messages at a time); `address` is the scheduler of a cluster that does the work.
    Raises `Cancelled` when `cancel` answers true."""
    parts = [pl.DataFrame(schema=SCHEMA)]
    ranges = [] if waiting.is_empty() else cut(message_files(snapshot, waiting.lazy()), batch)
    total, seen = max(sum(piece.rows for piece in ranges), 1), 0
    pieces = (_Piece(piece, _within(piece, waiting)) for piece in ranges)
    for piece, said in zip(ranges, cluster.each(address, _predicted, predictor, pieces, cancel), strict=True):
        parts.append(said)
        seen += piece.rows
        if cancel is not None and cancel():
            raise Cancelled(N_("Scoring was stopped; every conversation keeps the risk it had."))
        if progress is not None:
            progress(seen / total, N_("Scoring conversations"))
    return pl.concat(parts)


@dataclass(frozen=True)
class _Piece:
    """Messages, and the conversations among them that are to be predicted (columns `CHATS`)."""

    messages: Range
    chats: pl.DataFrame


def _within(piece: Range, waiting: pl.DataFrame) -> pl.DataFrame:
    """Those of `waiting` whose messages are in the range."""
    keys = piece.scan().select(pl.col("conversation_key").unique()).collect()
    return waiting.join(keys, on="conversation_key", how="semi", maintain_order="left")


def _predicted(predictor: Predictor, piece: _Piece) -> pl.DataFrame:
    """What runs here or on a worker of a cluster."""
    if piece.chats.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    said = piece.messages.scan().select("conversation_key", "seq", "role", "text")
    mine = said.join(piece.chats.lazy().select("conversation_key"), on="conversation_key", how="semi")
    return predictor.predict(piece.chats, mine.collect())


def _shares(progress: Progress | None, parts: int) -> list[Progress | None]:
    """The progress of several predictors one after the other, as one."""

    def share(k: int) -> Progress | None:
        return None if progress is None else lambda done, what: progress(0.98 * (k + done) / parts, what)

    return [share(k) for k in range(parts)]


def _write(change: ArchiveChange, made: dict[str, pl.DataFrame], used: str, gone: pl.Series) -> int:
    """Write what was `made` by each predictor and take back the risk of `gone`; returns how many conversations have
    another prediction in use."""
    counts = {name: predictions.put(change, name, rows) for name, rows in made.items()}
    if gone.is_empty():
        return counts[used]
    predictions.withdraw(change, predictions.RISK)
    return int(pl.concat([gone, made[used]["conversation_key"]]).n_unique())
