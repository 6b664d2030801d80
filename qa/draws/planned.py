"""A frame with its chances, ready to be drawn from: held in memory, or so large that a keyed screen streams it.

Both kinds answer the same questions, so that preview, publication, verification and replacement need not care. A frame
is screened when it is large and nothing in it was predicted; the receipt names the algorithm. Does not know the
database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol
from zoneinfo import ZoneInfo

import polars as pl

from qa.archive import Snapshot
from qa.disputes.settled import Settled
from qa.draws import frames
from qa.draws.closeness import Closeness
from qa.draws.design import PlanDesign, draw_problem, scoring_design
from qa.draws.frames import Period
from scoring import draw as scoring_draw
from scoring import estimate
from scoring.draw import DrawError, Receipt, Replacement
from scoring.draw.design import PLANNING

LARGE = 1_000_000
"""From so many conversations on, a frame without predictions is streamed instead of held."""
_PART = 500_000
_DETAILS = ("conversation_key", "occurred_at", "p", "loss")


@dataclass(frozen=True)
class Resolved:
    """A design meeting one period: everything the probabilities depend on, as values that go on the receipt."""

    design: PlanDesign
    period: Period
    time_zone: str
    archive_version: int
    agents: tuple[str, ...] | None
    levels: tuple[tuple[str, str], ...]
    pool_share: float
    model_version: str
    residual: tuple[float, float] | None = None
    """Residual variance a + b·p(1−p) of past reviews, in points²; None while there are too few."""
    plain: tuple[float, float] | None = None
    """The same without predictions: what a share for the riskiest is compared with."""
    lam: float | None = None
    """Weight of the predicted scores in every mean of this draw, frozen before it from history; None in old
    receipts."""
    lam_rate: float | None = None
    """Weight of the predicted chances in every rate of this draw, frozen likewise."""
    planning: int = PLANNING
    """Version of the rules by which the plan is made, so that old draws can be made again."""
    barred: tuple[str, ...] = ()
    """Risk models that learnt from days of the period: their predictions are not used."""
    wanted: tuple[tuple[str, int], ...] = ()
    """Random reviews of each agent's chats that the plan's goal takes; empty for plans by number."""
    screened: bool = False
    """Whether the frame is streamed behind the keyed screen."""
    decided: tuple[Settled, ...] = ()
    """What people had settled about the period's disputes."""
    closeness: tuple[Closeness, ...] = field(default=(), compare=False)
    """Why the levels are what they are; for readers, no probability depends on it."""

    def scoring_design(self) -> scoring_draw.Design:
        return scoring_design(
            self.design,
            period=self.period.label,
            pool_share=self.pool_share,
            levels=self.levels,
            residual=self.residual,
            plain=self.plain,
            lam=self.lam,
            lam_rate=self.lam_rate,
            planning=self.planning,
            wanted=self.wanted,
        )


class Planned(Protocol):
    """What a frame with its chances can tell."""

    resolved: Resolved

    @property
    def units(self) -> int: ...
    def figures(self) -> scoring_draw.Preview:
        """What the plan promises."""

    def by_source(self) -> Mapping[str, int]:
        """Units of each source."""

    def unpredicted(self) -> int:
        """Units nobody predicted."""

    def select(self, seed: str) -> pl.DataFrame:
        """The draw: picks and whoever may replace them, as `scoring.draw.replace` takes them."""

    def receipt(
        self, drawn: pl.DataFrame, seed: str, commitment: str, replacements: Sequence[Replacement] = ()
    ) -> Receipt:
        """The receipt of `drawn`, which came from `select` with the same seed."""

    def details(self, picks: pl.DataFrame) -> pl.DataFrame:
        """`picks` with conversation_key, occurred_at, p and loss."""

    def summaries(self) -> pl.DataFrame:
        """What estimates need of the whole frame, per source and agent: `scoring.estimate.totals`; f in points."""

    def rows(self) -> Iterator[pl.DataFrame]:
        """The frame as anybody needs it to draw again, in parts."""


def planned(
    snapshot: Snapshot | None,
    resolved: Resolved,
    units: pl.DataFrame | None = None,
    *,
    kept: pl.LazyFrame | None = None,
) -> Planned:
    """The frame of `resolved` in `snapshot`. `units` spares building it again, and so does `kept` for one that is
    streamed; with them no snapshot is needed. Raises `Invalid` for a frame that cannot be drawn from."""
    if resolved.screened:
        return FrameOnDisk(snapshot, resolved, kept=kept)
    if units is None:
        assert snapshot is not None
        zone = ZoneInfo(resolved.time_zone)
        units = frames.build(
            snapshot, resolved.design, resolved.period, zone, resolved.agents, resolved.barred, resolved.decided
        )
    return FrameInMemory(resolved, units)


class FrameInMemory:
    """A frame in memory, with or without predictions: the plan and, row by row beside it, what else is known of its
    units."""

    def __init__(self, resolved: Resolved, units: pl.DataFrame) -> None:
        self.resolved = resolved
        units = units if units["unit_id"].is_sorted() else units.sort("unit_id")
        try:
            plan = scoring_draw.plan(predictable(units), resolved.scoring_design())
        except DrawError as problem:
            raise draw_problem(problem) from problem
        # Words that repeat take a byte or four a row instead of sixteen.
        self.plan = replace(
            plan, frame=plan.frame.with_columns(pl.col("source", "stratum", "role").cast(pl.Categorical))
        )
        self._beside = units.select(_DETAILS)

    @property
    def units(self) -> int:
        return self.plan.frame.height

    def figures(self) -> scoring_draw.Preview:
        return scoring_draw.preview(self.plan, self.resolved.period.days)

    def by_source(self) -> Mapping[str, int]:
        return dict(self.plan.sizes.group_by("source").agg(pl.col("frame").sum()).sort("source").iter_rows())

    def unpredicted(self) -> int:
        return self._beside["p"].null_count()

    def select(self, seed: str) -> pl.DataFrame:
        try:
            return scoring_draw.select(self.plan, seed)
        except DrawError as problem:
            raise draw_problem(problem) from problem

    def receipt(
        self, drawn: pl.DataFrame, seed: str, commitment: str, replacements: Sequence[Replacement] = ()
    ) -> Receipt:
        return scoring_draw.make_receipt(
            drawn, seed, archive_version=str(self.resolved.archive_version), model_version=self.resolved.model_version,
            commitment=commitment, replacements=replacements,
        )  # fmt: skip

    def details(self, picks: pl.DataFrame) -> pl.DataFrame:
        wanted = self.plan.frame["unit_id"].is_in(picks["unit_id"].implode())
        known = self._beside.filter(wanted).with_columns(self.plan.frame["unit_id"].filter(wanted))
        named = picks.with_columns(pl.col(pl.Categorical).cast(pl.String))
        return named.join(known, on="unit_id", how="left", maintain_order="left")

    def summaries(self) -> pl.DataFrame:
        predicted = self._beside.select("p", f=100 - pl.col("loss") / 100)
        population = self.plan.frame.select("source", "agent_id", "pi", "role").hstack(predicted)
        parts = [
            estimate.totals(part).with_columns(source=pl.lit(str(source)))
            for (source,), part in population.group_by("source", maintain_order=True)
        ]
        return pl.concat(parts).sort("source", "agent_id")

    def rows(self) -> Iterator[pl.DataFrame]:
        yield self.plan.frame.select("unit_id", "agent_id", "source", "pi", "role")


class FrameOnDisk:
    """A frame too large to hold, equal chances within each agent: three passes over two columns and no join."""

    def __init__(
        self,
        snapshot: Snapshot | None,
        resolved: Resolved,
        counts: pl.DataFrame | None = None,
        kept: pl.LazyFrame | None = None,
    ) -> None:
        self.resolved, self._snapshot, self._kept, self._frame_hash = resolved, snapshot, kept, ""
        self._counts = counts
        self._parts = {quota.source: self._lazy(quota.source) for quota in resolved.design.quotas}

    def _lazy(self, source: str) -> pl.LazyFrame:
        done = self.resolved
        if self._kept is not None:
            return self._kept.filter(pl.col("source") == source)
        assert self._snapshot is not None
        return frames.source(
            self._snapshot, source, done.design, done.period, ZoneInfo(done.time_zone), done.agents,
            decided=done.decided, predicted=False,
        )  # fmt: skip

    @cached_property
    def counts(self) -> pl.DataFrame:
        """Units of every source and agent: agent_id, source, frame."""
        if self._counts is not None:
            return self._counts
        return pl.concat(
            scoring_draw.agent_sizes(part).select("agent_id", source=pl.lit(name), frame="count")
            for name, part in self._parts.items()
        )

    @cached_property
    def sizes(self) -> pl.DataFrame:
        """source, agent_id, frame (units) and what the plan gives each: see `scoring.draw.plan_sizes`."""
        try:
            return scoring_draw.plan_sizes(self.counts, self.resolved.scoring_design())
        except DrawError as problem:
            raise draw_problem(problem) from problem

    @property
    def units(self) -> int:
        return int(self.sizes["frame"].sum())

    def figures(self) -> scoring_draw.Preview:
        return scoring_draw.preview_sizes(self.sizes, self.resolved.scoring_design(), self.resolved.period.days)

    def by_source(self) -> Mapping[str, int]:
        return dict(self.sizes.group_by("source").agg(pl.col("frame").sum()).sort("source").iter_rows())

    def unpredicted(self) -> int:
        return self.units

    def select(self, seed: str) -> pl.DataFrame:
        fingerprint, drawn = scoring_draw.FrameHash(), []
        try:
            for name, part in self._parts.items():
                mine = self.sizes.filter(pl.col("source") == name).select("agent_id", count="frame", take="base")
                found = scoring_draw.select_large(part, mine, seed, fingerprint=fingerprint, keep=_DETAILS)
                drawn.append(
                    found.with_columns(source=pl.lit(name), stratum=pl.concat_str(pl.lit(f"{name}|"), "agent_id"))
                )
        except DrawError as problem:
            raise draw_problem(problem) from problem
        self._frame_hash = fingerprint.hexdigest()
        return pl.concat(drawn)

    def receipt(
        self, drawn: pl.DataFrame, seed: str, commitment: str, replacements: Sequence[Replacement] = ()
    ) -> Receipt:
        return scoring_draw.large_receipt(
            drawn,
            seed,
            archive_version=str(self.resolved.archive_version),
            commitment=commitment,
            frame_hash=self._frame_hash,
            replacements=replacements,
        )

    def details(self, picks: pl.DataFrame) -> pl.DataFrame:
        return picks  # they came with the draw

    def summaries(self) -> pl.DataFrame:
        pi = pl.col("base") / pl.col("frame")
        spread = pl.when(pi > 0).then(pl.col("frame") * (1 - pi) / pi)
        unknown = pl.lit(None, pl.Float64)
        return self.sizes.select(
            "agent_id",
            units="frame",
            f_sum=unknown,
            spread=spread,
            spread_p=unknown,
            source="source",
            random=pl.col("frame").cast(pl.Float64),
            drawn=pl.col("base").cast(pl.Float64),
            targeted=pl.lit(0, pl.Int64),
        )

    def rows(self) -> Iterator[pl.DataFrame]:
        for part in self._parts.values():
            yield from part.select("unit_id", "agent_id", "source").collect_batches(chunk_size=_PART)


def predictable(units: pl.DataFrame) -> pl.DataFrame:
    """The columns a plan is made of; a unit nobody could predict counts as the average one, also where the riskiest are
    picked."""
    columns = ["unit_id", "agent_id", "source"]
    if units["p"].null_count() == units.height:
        return units.select(columns)
    known = units.select(*columns, "p")
    if known["p"].null_count():
        # Sorted first: a sum of floats depends on its order, and the draw must come out the same to the last bit.
        known = known if known["unit_id"].is_sorted() else known.sort("unit_id")
        known = known.with_columns(pl.col("p").fill_null(pl.col("p").mean()))
    return known
