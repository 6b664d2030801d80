"""The frame of a draw: which units of the archive a period and filters select, read columnar at one version.

Owns periods in the business time zone and the join of units with risk predictions and participants. Does not know
plans in the database, seeds and inspectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from qa.archive import Snapshot, predictions
from qa.disputes import responsible, settled
from qa.disputes.settled import Settled
from qa.draws.design import PlanDesign
from qa.errors import Invalid
from qa.i18n import N_

UNIT_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "unit_id": pl.String,
    "agent_id": pl.String,
    "source": pl.String,
    "conversation_key": pl.String,
    "occurred_at": pl.Datetime("us", "UTC"),
    "p": pl.Float64,
    "loss": pl.Float64,
}


@dataclass(frozen=True)
class Period:
    """Days `first` to `last`, both inclusive, of the business time zone."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise Invalid(
                N_("The period ends ({last}) before it begins ({first})."), first=str(self.first), last=str(self.last)
            )

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """First moment of the period and first moment after it, in UTC."""
        start = datetime.combine(self.first, time(), zone)
        end = datetime.combine(self.last + timedelta(days=1), time(), zone)
        return start.astimezone(UTC), end.astimezone(UTC)

    @property
    def days(self) -> int:
        """How many days there are."""
        return (self.last - self.first).days + 1

    @property
    def label(self) -> str:
        return f"{self.first}/{self.last}"


def build(
    snapshot: Snapshot,
    design: PlanDesign,
    period: Period,
    zone: ZoneInfo,
    agents: Sequence[str] | None,
    barred: Sequence[str] = (),
    decided: Sequence[Settled] = (),
) -> pl.DataFrame:
    """Every unit that could be drawn, sorted by unit_id: unit_id, agent_id, source, conversation_key, occurred_at, p
    and loss (null when unscreened): predicted probability of a violation and predicted centi-points lost.

    `agents` limits the frame to these people (None: everybody). Predictions of `barred` models are not used. `decided`
    is what people settled about disputes. Units without a responsible agent cannot be inspected for anybody and are
    left out.
    """
    parts = [source(snapshot, quota.source, design, period, zone, agents, barred, decided) for quota in design.quotas]
    return _sorted(pl.concat([pl.LazyFrame(schema=UNIT_SCHEMA), *parts]).collect())


def _sorted(units: pl.DataFrame) -> pl.DataFrame:
    """By unit_id, one column after the other: millions of units are never there twice."""
    order, names = units.select("unit_id").with_row_index("row").sort("unit_id"), units.columns
    return pl.DataFrame(
        [order["unit_id"] if name == "unit_id" else units.drop_in_place(name).gather(order["row"]) for name in names]
    )


def source(
    snapshot: Snapshot,
    name: str,
    design: PlanDesign,
    period: Period,
    zone: ZoneInfo,
    agents: Sequence[str] | None,
    barred: Sequence[str] = (),
    decided: Sequence[Settled] = (),
    *,
    predicted: bool = True,
) -> pl.LazyFrame:
    """The units of one source, lazily; without predictions when they are not asked for, which spares a join."""
    units = _units(snapshot, name, design, period.bounds(zone), decided)
    if predicted:
        units = predictions.predicted(units, snapshot, design.predictor, barred)
        units = units.with_columns(pl.col("p").clip(0.0, 1.0))
    else:
        units = units.with_columns(p=pl.lit(None, pl.Float64), loss=pl.lit(None, pl.Float64))
    units = units.filter(pl.col("agent_id").is_not_null() & (pl.col("agent_id") != ""))
    if agents is not None:
        units = units.filter(pl.col("agent_id").is_in(list(agents)))
    return units.select(
        "unit_id", "agent_id", pl.lit(name).alias("source"), "conversation_key", "occurred_at", "p", "loss"
    )


def participants(snapshot: Snapshot, units: pl.DataFrame) -> pl.DataFrame:
    """Who took part in the given units: unit_id, agent_id, one row a person. `units` as from `build`."""
    wanted = units["conversation_key"].drop_nulls().unique()
    chats = (
        snapshot.scan("conversations")
        .filter(pl.col("conversation_key").is_in(wanted.implode()))
        .select("conversation_key", agent_id="agent_ids")
        .explode("agent_id")
        .collect()
    )
    joined = units.select("unit_id", "conversation_key").join(chats, on="conversation_key")
    everyone = pl.concat([joined.select("unit_id", "agent_id"), units.select("unit_id", "agent_id")])
    return everyone.drop_nulls().unique().sort("unit_id", "agent_id")


def model_versions(snapshot: Snapshot, design: PlanDesign, period: Period, zone: ZoneInfo) -> list[str]:
    """Whose predictions the period's conversations are drawn with, the one with most of them first; empty when nothing
    was screened."""
    chats = snapshot.scan("conversations").filter(_within("started_at", period.bounds(zone))).select("conversation_key")
    return predictions.versions(chats, snapshot, design.predictor)


def disputes(
    snapshot: Snapshot, design: PlanDesign, decided: Sequence[Settled], bounds: tuple[datetime, datetime] | None = None
) -> pl.LazyFrame:
    """The disputes (of a time) as the plan sees them: with what people settled, and whoever answers as their agent."""
    records = snapshot.scan("disputes")
    records = records if bounds is None else records.filter(_within("opened_at", bounds))
    over = settled.laid_over(records, snapshot.scan("conversations"), decided)
    return responsible.answering(over, snapshot, design.responsible)


def settled_in(snapshot: Snapshot, decided: Sequence[Settled], period: Period, zone: ZoneInfo) -> tuple[Settled, ...]:
    """Those decisions that speak of disputes of the period: what a receipt has to keep."""
    if not decided:
        return ()
    opened = snapshot.scan("disputes").filter(_within("opened_at", period.bounds(zone)))
    named = pl.col("dispute_key").is_in([one.dispute_key for one in decided])
    keys = set(opened.filter(named).select("dispute_key").collect()["dispute_key"])
    return tuple(one for one in decided if one.dispute_key in keys)


def _units(
    snapshot: Snapshot, source: str, design: PlanDesign, bounds: tuple[datetime, datetime], decided: Sequence[Settled]
) -> pl.LazyFrame:
    chats = snapshot.scan("conversations")
    if source == "chat":
        units = chats.select(
            "agent_id",
            "shop",
            "channel",
            "conversation_key",
            unit_id="conversation_key",
            occurred_at="started_at",
        )
    else:
        of_chat = chats.select("conversation_key", "channel", chat_agent="agent_id")
        if source == "dispute":
            key, moment, answers = "dispute_key", "opened_at", pl.col("agent_id")
            records = disputes(snapshot, design, decided, bounds)
        else:
            key, moment, answers = "rating_key", "rated_at", pl.coalesce("agent_id", "chat_agent")
            low = snapshot.scan("ratings").filter(pl.col("score") <= design.rating_max)
            records = low.filter(_within(moment, bounds))
        joined = records.join(of_chat, on="conversation_key", how="left")
        units = joined.select(
            answers.alias("agent_id"),
            "shop",
            "channel",
            "conversation_key",
            unit_id=key,
            occurred_at=moment,
        )
    units = units.filter(_within("occurred_at", bounds))
    if design.complete_only:
        units = units.join(
            snapshot.scan("refused").select("conversation_key").unique(), on="conversation_key", how="anti"
        )
    for column, wanted in (("shop", design.shops), ("channel", design.channels)):
        if wanted:
            units = units.filter(pl.col(column).is_in(list(wanted)))
    return units


def _within(column: str, bounds: tuple[datetime, datetime]) -> pl.Expr:
    return (pl.col(column) >= bounds[0]) & (pl.col(column) < bounds[1])
