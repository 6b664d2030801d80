"""What the workbench computes itself of the indicators that platforms export: shown beside them, never for points.

Reply times by the platform's definition, customers' ratings, and disputes with who answers for them, as parts by day
like those of exports; each is whose it was on the day it happened.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import polars as pl
from sqlalchemy.orm import Session

from qa.archive import Snapshot
from qa.assessment.cells import MICRO
from qa.disputes import responsible, settled
from qa.reports.disputes import STEPPED
from qa.workbench import Workbench
from scoring.definitions import definition_of
from scoring.promises.outcome import REFUNDED

PARTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "agent_id": pl.String, "indicator": pl.String, "day": pl.Date, "num": pl.Int64, "den": pl.Int64,
}  # fmt: skip
SATISFIED, DISSATISFIED = 4, 2
"""Of 1 to 5: from here on satisfied, up to here a bad rating."""
_IN_TIME = {180: "reply_3min", 30: "reply_30s"}
"""Which indicator a platform's definition measures, by its limit in seconds."""


def parts(bench: Workbench, session: Session, snapshot: Snapshot, first: date, last: date) -> pl.DataFrame:
    """Parts (`PARTS`, numerator and denominator in millionths) of the days from `first` to `last`, a row an agent,
    indicator and day."""
    zone = bench.config.zone
    begin = datetime.combine(first, time(), zone).astimezone(UTC)
    end = datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)

    def within(column: str) -> pl.Expr:
        return pl.col(column).is_between(begin, end, closed="left")

    chats = snapshot.scan("conversations").filter(within("started_at"), pl.col("agent_id").is_not_null())
    records = settled.laid_over(
        snapshot.scan("disputes").filter(within("opened_at")),
        snapshot.scan("conversations"),
        settled.in_force(session),
    )
    cases = responsible.answering(records, snapshot, responsible.LAST)
    rated = snapshot.scan("ratings").filter(within("rated_at"))
    found = pl.concat([*_replies(snapshot, chats), *_ratings(snapshot, chats, rated), *_disputes(cases)])
    return (
        found.with_columns(day=pl.col("at").dt.convert_time_zone(bench.config.time_zone).dt.date())
        .filter(pl.col("agent_id").is_not_null(), pl.col("den") > 0)
        .group_by("agent_id", "indicator", "day")
        .agg((pl.col("num", "den").sum() * MICRO).round())
        .select(pl.col(name).cast(kind) for name, kind in PARTS.items())
        .sort("agent_id", "indicator", "day")
        .collect()
    )


def _part(rows: pl.LazyFrame, indicator: str | pl.Expr, at: str, num: pl.Expr, den: pl.Expr) -> pl.LazyFrame:
    named = pl.lit(indicator) if isinstance(indicator, str) else indicator
    figures = {"num": num.cast(pl.Float64), "den": den.cast(pl.Float64)}
    return rows.select("agent_id", indicator=named, at=at, **figures).drop_nulls(["indicator", "num", "den"])


def _replies(snapshot: Snapshot, chats: pl.LazyFrame) -> tuple[pl.LazyFrame, ...]:
    signals = snapshot.scan("signals").drop("import_id")
    timed = chats.select("conversation_key", "agent_id", "channel", "started_at").join(signals, on="conversation_key")
    channels = timed.select("channel").unique().collect().to_series().to_list()
    measured = {channel: _IN_TIME.get(definition_of(channel).threshold_s) for channel in channels}
    limit = pl.col("channel").replace_strict(measured, default=None, return_dtype=pl.String)
    one, rounds = pl.lit(1), pl.col("rounds")
    return (
        _part(timed, "response_time", "started_at", pl.col("mean_reply_s") * rounds, rounds),
        _part(timed, "first_reply_time", "started_at", pl.col("first_reply_s"), one),
        _part(timed, limit, "started_at", pl.col("rounds_in_time"), rounds),
    )


def _ratings(snapshot: Snapshot, chats: pl.LazyFrame, rated: pl.LazyFrame) -> tuple[pl.LazyFrame, ...]:
    """Ratings, and the marks of chats of which no rating was imported."""
    owners = snapshot.scan("conversations").select("conversation_key", owner="agent_id")
    given = rated.join(owners, on="conversation_key", how="left").select(
        pl.coalesce("agent_id", "owner").alias("agent_id"), at="rated_at", score="score"
    )
    marked = (
        chats.filter(pl.col("satisfaction").is_not_null())
        .join(snapshot.scan("ratings").select("conversation_key"), on="conversation_key", how="anti")
        .select("agent_id", at="started_at", score=pl.col("satisfaction").cast(pl.Int8))
    )
    every = pl.concat([given, marked]).drop_nulls("score")
    return (
        _part(every, "satisfaction", "at", pl.col("score") >= SATISFIED, pl.lit(1)),
        _part(every, "bad_ratings", "at", pl.col("score") <= DISSATISFIED, pl.lit(1)),
    )


def _disputes(cases: pl.LazyFrame) -> tuple[pl.LazyFrame, ...]:
    done = pl.col("status").str.to_uppercase().is_in(list(REFUNDED))
    took = (pl.col("closed_at") - pl.col("opened_at")).dt.total_seconds()
    known = cases.filter(pl.col("cs_status").is_not_null())
    return (
        _part(cases.filter(done), "refund_time", "opened_at", took, pl.lit(1)),
        _part(known, "dispute_rate", "opened_at", pl.col("cs_status").is_in(list(STEPPED)), pl.lit(1)),
    )
