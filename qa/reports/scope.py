"""What a report looks at: period, source and filters, and the rows of verdicts that belong to it.

Owns the reading of facts for all reports, in the business time zone. Does not estimate anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from qa.archive import Snapshot
from qa.errors import Denied, Invalid
from qa.i18n import N_, bounds
from qa.people import teams
from qa.policy import SYSTEM, Actor, Right, refused, require, require_own
from qa.reports import weights
from qa.scoping import OTHERS
from qa.tables import Agent, Draw, RubricVersion
from qa.verdicts import facts
from qa.workbench import Workbench
from scoring.estimate import VERSION
from scoring.label import Label
from scoring.rubric import may_score

FIRST = "1"
ESTIMATORS = (FIRST, VERSION)
HELD = 50_000
"""Facts up to which a report holds them in memory."""
BUCKETS: Mapping[str, str] = {"week": N_("Week"), "month": N_("Month")}
_TRUNCATE = {"week": "1w", "month": "1mo"}
GROUPS: Mapping[str, str] = {
    "all": N_("Everybody"),
    "team": N_("Team"),
    "shop": N_("Shop"),
    "channel": N_("Channel"),
    "agent": N_("Agent"),
}
"""What a trend can be split by."""


@dataclass(frozen=True)
class Scope:
    """Which verdicts count: those of conversations that happened from `first` to `last` (days of the business time
    zone, both included; None = open). One source at a time: chats, disputes and low ratings are populations of their
    own and are never averaged together."""

    first: date | None = None
    last: date | None = None
    source: str = "chat"
    teams: tuple[str, ...] = ()
    shops: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    adjusted: bool = False
    """Whether scores are corrected for the severity of inspectors, where that can be done."""


def readable(actor: Actor, scope: Scope) -> Scope:
    """What of `scope` this reader may see: all of it, or their own team's part. Raises `Denied` for who reads neither,
    and where it names other teams only. Every report begins with this."""
    if actor is SYSTEM or actor.may(Right.VIEW_RESULTS):
        return scope
    require(actor, Right.VIEW_TEAM)
    if not actor.team or (scope.teams and actor.team not in scope.teams):
        refused(actor, Right.VIEW_TEAM)
        raise Denied(OTHERS)
    return replace(scope, teams=(actor.team,))


def readable_of(actor: Actor, agent_id: str, scope: Scope) -> Scope:
    """The same for one agent: oneself, or as `readable` says."""
    require_own(actor, agent_id)
    own = replace(scope, agents=(agent_id,), teams=())
    return own if actor.agent_id == agent_id else readable(actor, own)


@dataclass(frozen=True)
class Item:
    """A dimension or criterion of the rubrics in use: its id, its label in both languages and its worth in points."""

    id: str
    label: Label
    points: float
    dimension: str = ""


@dataclass(frozen=True)
class Rubrics:
    """Everything reports need of the rubric versions: newest labels, and which wide column an item has in each."""

    dimensions: tuple[Item, ...]
    criteria: tuple[Item, ...]
    _orders: tuple[tuple[int, tuple[str, ...], tuple[str, ...]], ...]

    def dimension_column(self, item_id: str) -> pl.Expr:
        """Share of the dimension earned, 0–100; null where the rubric version does not have it."""
        return self._column(item_id, 1, "d{}")

    def criterion_column(self, item_id: str) -> pl.Expr:
        """Points the criterion cost the agent; null where it did not apply."""
        return self._column(item_id, 2, "c{:02d}") / 100

    def label(self, item_id: str) -> Label | None:
        """The newest label of a dimension or criterion."""
        return next((item.label for item in (*self.criteria, *self.dimensions) if item.id == item_id), None)

    def _column(self, item_id: str, part: int, pattern: str) -> pl.Expr:
        places: dict[str, list[int]] = {}
        for order in self._orders:
            names: Any = order[part]
            if item_id in names:
                places.setdefault(pattern.format(names.index(item_id)), []).append(order[0])
        if len(places) == 1 and len(next(iter(places.values()))) == len(self._orders):
            return pl.col(next(iter(places))).cast(pl.Float64)
        column = pl.lit(None, pl.Float64)
        for name, versions in places.items():
            column = pl.when(pl.col("rubric_version_id").is_in(versions)).then(pl.col(name)).otherwise(column)
        return column


class FactsReader:
    """One look at the facts: everything a report reads comes from the same moment.

    `estimator` is the version of the estimates. FIRST is that of draws before π, λ and the expected spread were
    settled with them: chances as drawn whatever was reviewed, and one λ tuned on the reviews a report looks at
    (`looked_at`). It is kept so that what was exported then can be made again.
    """

    def __init__(self, bench: Workbench, estimator: str = VERSION, looked_at: Scope | None = None) -> None:
        if estimator not in ESTIMATORS:
            raise Invalid(
                N_("There is no estimator “{value}”; known: {known}."), value=estimator, known=", ".join(ESTIMATORS)
            )
        self.bench, self.estimator, self._looked_at = bench, estimator, looked_at
        self._reading: AbstractContextManager[Session] | None = None
        self.session: Session
        self._unfinished: dict[str, pl.DataFrame] = {}
        self._lambdas: dict[str, pl.DataFrame] = {}
        self._summaries: dict[frozenset[int], Sequence[Any]] = {}
        self._weighed: dict[str, pl.LazyFrame] = {}
        self._rubrics: dict[str | None, Rubrics] = {}
        self._rows: dict[Scope, pl.LazyFrame] = {}

    def __enter__(self) -> FactsReader:
        self._reading = self.bench.db.read()
        self.session = self._reading.__enter__()
        return self

    def __exit__(self, *problem: Any) -> None:
        if self._reading is not None:
            self._reading.__exit__(*problem)

    @cached_property
    def facts(self) -> pl.LazyFrame:
        """Every current verdict (`qa.verdicts.facts.scan`), looked up once."""
        return facts.joined(self.session, self._stored.collect().lazy() if self.few else self._stored)

    @cached_property
    def _stored(self) -> pl.LazyFrame:
        """The archive's copy of the facts: its files are looked up when it is first read, and then known."""
        return self.snapshot.scan("facts")

    @cached_property
    def snapshot(self) -> Snapshot:
        """The archive as it is when the first question is asked."""
        return self.bench.archive.at()

    @cached_property
    def few(self) -> bool:
        """Whether facts are read once and held: a report asks ten questions, and opening the files for each costs more
        than the columns that it does not need."""
        return int(self._stored.select(pl.len()).collect().item()) <= HELD

    @cached_property
    def roster(self) -> pl.DataFrame:
        """agent_id, name, team of everybody on the roster."""
        rows = self.session.execute(select(Agent.agent_id, Agent.name, Agent.team).order_by(Agent.agent_id))
        return pl.DataFrame(
            [tuple(row) for row in rows],
            schema={"agent_id": pl.String, "name": pl.String, "team": pl.String},
            orient="row",
        )

    def rows(self, scope: Scope) -> pl.LazyFrame:
        """The facts of a scope, with `team`, `day` (a date of the business time zone), `pi` adjusted for unfinished
        draws and `f` as `weights.weighed` gives them."""
        if scope not in self._rows:
            found = self._inside(self._weighed_of(scope.source), scope)
            self._rows[scope] = found.collect().lazy() if self.few else found
        return self._rows[scope]

    def _weighed_of(self, source: str) -> pl.LazyFrame:
        """The facts of a source, weighed once for all the scopes that are looked at."""
        if source not in self._weighed:
            every = self.facts.filter(pl.col("source") == source)
            found = weights.weighed(every, self.unfinished(source), self.lambdas(source))
            self._weighed[source] = found.collect().lazy() if self.few else found
        return self._weighed[source]

    def plain(self, scope: Scope) -> pl.LazyFrame:
        """The facts of a scope from every source, with `team` and `day`, without what only estimates need."""
        return self._inside(self.facts, scope)

    @property
    def first(self) -> bool:
        """Whether figures are those of the first estimator."""
        return self.estimator == FIRST

    def _inside(self, lazy: pl.LazyFrame, scope: Scope) -> pl.LazyFrame:
        """The rows of a scope, with `team` and `day`."""
        bounds = self.bounds(scope)
        if bounds[0] is not None:
            lazy = lazy.filter(pl.col("occurred_at") >= bounds[0])
        if bounds[1] is not None:
            lazy = lazy.filter(pl.col("occurred_at") < bounds[1])
        for column, wanted in (("shop", scope.shops), ("channel", scope.channels)):
            if wanted:
                lazy = lazy.filter(pl.col(column).is_in(list(wanted)))
        if (members := self.members(scope)) is not None:
            lazy = lazy.filter(pl.col("agent_id").is_in(members))
        return self.with_team(lazy, scope)

    def with_team(self, rows: pl.LazyFrame, scope: Scope) -> pl.LazyFrame:
        """`rows` (`agent_id`, `occurred_at`) with `day` and the `team` of that day; of the scope's teams only, where it
        names some."""
        day = pl.col("occurred_at").dt.convert_time_zone(self.bench.config.time_zone).dt.date()
        found = teams.with_team(rows.with_columns(day=day), self.roster, self.moves)
        return found.filter(pl.col("team").is_in(list(scope.teams))) if scope.teams else found

    @cached_property
    def moves(self) -> pl.DataFrame:
        """Which team every agent who has moved belonged to, and when."""
        return teams.history(self.session)

    def moved(self, scope: Scope, by: str) -> bool:
        """Whether somebody changed teams inside the scope where teams matter: frames know an agent only as a whole
        then."""
        if by != "team" and not scope.teams:
            return False
        inside = self.moves.filter(pl.col("from_day") > (scope.first or teams.FIRST_DAY))
        return not (inside.filter(pl.col("from_day") <= scope.last) if scope.last else inside).is_empty()

    def unfinished(self, source: str) -> pl.DataFrame:
        """draw_id, agent_id and share of draws of which fewer random picks were reviewed than drawn."""
        if source not in self._unfinished:
            every = self.facts.filter(pl.col("source") == source)
            found = weights.shares(self.session, source, every)
            self._unfinished[source] = found.clear() if self.first else found
        return self._unfinished[source]

    def lambdas(self, source: str) -> pl.DataFrame:
        """draw_id, lam and lam_rate: the weights of predictions, the same for every report."""
        if source not in self._lambdas:
            every = self.facts.filter(pl.col("source") == source)
            known = weights.lambdas(self.session, source, every)
            if self.first:
                known = weights.tuned(known, self._inside(every, replace(self._looked_at or Scope(), source=source)))
            self._lambdas[source] = known
        return self._lambdas[source]

    def summaries(self, draws: Sequence[int]) -> Sequence[Any]:
        """draw_id, first day, last day and frame summary of these draws. Every score asks for those of its draws, and
        a receipt is long."""
        wanted = frozenset(draws)
        if wanted not in self._summaries:
            query = select(Draw.id, Draw.period_from, Draw.period_to, Draw.receipt["frame_summary"])
            self._summaries[wanted] = self.session.execute(query.where(Draw.id.in_(sorted(wanted)))).all()
        return self._summaries[wanted]

    def rubrics(self, source: str | None = None) -> Rubrics:
        """Dimensions and criteria of all rubric versions, or of those that may score `source`: the newest label, and
        the most points that any of them gives."""
        if source not in self._rubrics:
            self._rubrics[source] = self._read_rubrics(source)
        return self._rubrics[source]

    def _read_rubrics(self, source: str | None) -> Rubrics:
        versions = self._rubric_versions
        dimensions: dict[str, Item] = {}
        criteria: dict[str, Item] = {}
        for _, content in versions:
            if source is not None and not may_score(content.get("sources") or (), source):
                continue
            for d in content.get("dimensions") or []:
                _add(dimensions, Item(d["id"], _label(d), d["points"] / 100))
                for c in d["criteria"]:
                    _add(criteria, Item(c["id"], _label(c), c["points"] / 100, d["id"]))
        orders = tuple((number, *map(tuple, facts.order_of(content))) for number, content in versions)
        return Rubrics(tuple(dimensions.values()), tuple(criteria.values()), orders)

    @cached_property
    def _rubric_versions(self) -> Sequence[Any]:
        """Number and content of every rubric version but drafts, the newest first."""
        query = select(RubricVersion.id, RubricVersion.content).where(RubricVersion.state != "draft")
        ordered = query.order_by(RubricVersion.published_at.desc(), RubricVersion.id.desc())
        return [(number, content) for number, content in self.session.execute(ordered)]

    def members(self, scope: Scope) -> list[str] | None:
        """Agents a scope is limited to by name or team; None when it is not."""
        if not scope.teams:
            return list(scope.agents) or None
        people = teams.teams_of(self.roster, self.moves, list(scope.teams), scope.first, scope.last)
        return [agent for agent in people if not scope.agents or agent in scope.agents]

    def bounds(self, scope: Scope) -> tuple[datetime | None, datetime | None]:
        """First moment of the scope and first moment after it, in UTC."""
        return bounds(scope.first, scope.last, self.bench.config.zone)


def reading(bench: Workbench, reader: FactsReader | None) -> AbstractContextManager[FactsReader]:
    """The look of whoever has one already, for what belongs to the same page; else one of its own."""
    return FactsReader(bench) if reader is None else nullcontext(reader)


def bucketed(bucket: str) -> pl.Expr:
    """The first day of the week (Monday) or month of `day`."""
    return truncated(pl.col("day"), bucket)


def truncated(day: pl.Expr, bucket: str) -> pl.Expr:
    """The first day of the week (Monday) or month that `day` falls into."""
    return day.dt.truncate(_TRUNCATE[bucket])


def group_column(by: str) -> pl.Expr:
    """The column a report is split by, as text; empty for what has no value."""
    if by == "all":
        return pl.lit("")
    return pl.col("agent_id" if by == "agent" else by).fill_null("")


def choices(rows: pl.DataFrame, column: str) -> list[str]:
    """Distinct values of a filter, sorted."""
    return [value for value in rows[column].unique().sort().to_list() if value]


def _add(known: dict[str, Item], item: Item) -> None:
    """Add an item, or what an older version gives for it where that is more."""
    newer = known.get(item.id)
    known[item.id] = item if newer is None else replace(newer, points=max(newer.points, item.points))


def _label(data: Mapping[str, Any]) -> Label:
    label = data.get("label") or {}
    return (
        Label(label.get("zh", ""), label.get("en", "")) if isinstance(label, Mapping) else Label(str(label), str(label))
    )


def names_of(reader: FactsReader) -> Mapping[str, str]:
    """Display names by agent id."""
    return {agent: name or agent for agent, name, _ in reader.roster.iter_rows()}


def known_filters(reader: FactsReader, columns: Sequence[str] = ("shop", "channel")) -> dict[str, list[str]]:
    """The values each filter offers: what occurs in the facts, and the teams of the roster."""
    found = reader.facts.select(*columns).unique().collect()
    values = {column: choices(found, column) for column in columns}
    return {
        **values,
        "team": choices(pl.concat([reader.roster.select("team"), reader.moves.select("team")]), "team"),
    }
