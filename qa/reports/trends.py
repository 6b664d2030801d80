"""Scores over time with honest intervals: one function feeds chart, table and file.

Means weight every review by 1/π, so conversations picked because they looked bad cannot pull an average down. Red-line
rates are given for teams and larger; for one agent only the count of verified red lines is a fact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import polars as pl
from sqlalchemy import select

from qa.errors import Invalid
from qa.i18n import N_
from qa.policy import Actor
from qa.reports import metrics as m
from qa.reports.adjusting import Adjustment
from qa.reports.means import Means, measured
from qa.reports.metrics import Metric
from qa.reports.progress import ScopeProgress, read_progress
from qa.reports.rates import COLUMNS, Rates
from qa.reports.scope import BUCKETS, GROUPS, FactsReader, Scope, names_of, readable, readable_of, reading
from qa.tables import Measure
from qa.workbench import Workbench
from scoring import chart as scoring_chart
from scoring import estimate
from scoring.chart import Chart
from scoring.estimate import VERSION, Estimate
from scoring.rubric import SOURCES

SMALL_N = 5
"""Below so many reviews a point is drawn hollow: it says little alone."""

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "group": pl.String,
    "name": pl.String,
    "period": pl.Date,
    **COLUMNS,
}


@dataclass(frozen=True)
class DatedMeasure:
    """Something done on a day (training, rule change) that trends compare before and after."""

    id: int
    name: str
    kind: str
    on_day: date
    team: str | None


@dataclass(frozen=True)
class TrendSignal:
    """A shift that chance explains badly: in `period` the smoothed, standardised series of a group left its limits, and
    has been moving that way `since`. `worse` by the meaning of the metric."""

    group: str
    name: str
    period: date
    since: date
    direction: str
    worse: bool
    statistic: float
    limit: float
    centre: float


@dataclass(frozen=True)
class Baseline:
    """What a group is compared with since `opened` (the beginning, or a dated measure): the mean of its `periods` known
    periods from then `until`. `needed` more known periods are missing before anything can be said (0 = it is
    compared)."""

    group: str
    name: str
    opened: date
    until: date
    periods: int
    needed: int
    centre: float


@dataclass(frozen=True)
class Trend:
    """A trend. `frame` has one row per group and period, with the columns of `SCHEMA`; `overall` one per group for the
    whole scope. Chart, table and file show these rows and nothing else."""

    metric: Metric
    by: str
    bucket: str
    scope: Scope
    frame: pl.DataFrame
    overall: pl.DataFrame
    measures: tuple[DatedMeasure, ...]
    signals: tuple[TrendSignal, ...]
    adjustment: Adjustment | None = None
    """What became of the wish for severity-adjusted scores; None when nobody asked."""
    progress: ScopeProgress | None = None
    """What of the scope is drawn and not scored yet."""
    estimator: str = VERSION
    """The version of the estimates."""
    baselines: tuple[Baseline, ...] = ()
    """What the latest periods of each group are compared with."""

    @property
    def pending(self) -> int:
        """Drawn samples of the scope that nobody has scored yet."""
        return 0 if self.progress is None else self.progress.pending


def trend(
    bench: Workbench,
    actor: Actor,
    *,
    scope: Scope,
    metric: str = "total",
    by: str = "all",
    bucket: str = "week",
    estimator: str = VERSION,
) -> Trend:
    """Estimate `metric` for every group and week or month of the scope, by the estimator of today or an earlier one."""
    scope = readable(actor, scope)
    return unguarded_trend(bench, scope=scope, metric=metric, by=by, bucket=bucket, estimator=estimator)


def unguarded_trend(
    bench: Workbench, *, scope: Scope, metric: str, by: str, bucket: str, estimator: str = VERSION
) -> Trend:
    """The same for callers in this package that have authorised already."""
    if by not in GROUPS or bucket not in BUCKETS:
        raise Invalid(
            N_("A trend can be split by {groups} and by {buckets}."),
            groups=", ".join(GROUPS),
            buckets=", ".join(BUCKETS),
        )
    with FactsReader(bench, estimator, scope) as reader:
        return read_trend(reader, scope, metric, by, bucket, read_progress(reader, scope))


def read_trend(
    reader: FactsReader, scope: Scope, metric: str, by: str, bucket: str, progress: ScopeProgress | None = None
) -> Trend:
    """The same inside a report, with its `progress`."""
    chosen = m.find(reader.rubrics(), metric)
    rows = measured(reader, scope, chosen, by, bucket)
    names = names_of(reader) if by == "agent" else {}
    measures = _measures(reader, scope)
    adjustment = None
    if chosen.unit == "rate":
        rates = Rates(reader, scope, rows, by)
        frame, overall = rates.estimate(["group", "period"], bucket), rates.estimate(["group"], None)
    else:
        means = Means(reader, scope, rows, by, chosen)
        frame, overall = means.estimate(["group", "period"], bucket), means.estimate(["group"], None)
        adjustment = means.adjustment
    teams = dict(reader.roster.select("agent_id", "team").iter_rows()) if by == "agent" else {}
    named = _named(frame, names)
    signals, baselines = _signals(named, chosen, by, measures, teams)
    return Trend(
        chosen, by, bucket, scope, named, _named(overall, names), measures, signals, adjustment, progress,
        reader.estimator, baselines,
    )  # fmt: skip


def _signals(
    frame: pl.DataFrame, metric: Metric, by: str, measures: Sequence[DatedMeasure], teams: Mapping[str, str | None]
) -> tuple[tuple[TrendSignal, ...], tuple[Baseline, ...]]:
    """The first signal of each run of every group's z-EWMA chart; a dated measure that concerns the group starts its
    chart afresh."""
    found: list[TrendSignal] = []
    baselines: list[Baseline] = []
    for (group,), rows in frame.group_by("group", maintain_order=True):
        days = rows["period"].to_list()
        team = str(group) if by == "team" else teams.get(str(group)) if by == "agent" else None
        starts = [measure.on_day for measure in measures if measure.team in (None, team)]
        fresh = [next((k for k, day in enumerate(days) if day >= start), len(days)) for start in starts]
        chart = _charted(rows, metric, fresh)
        baselines += _baselines(chart, str(group), rows["name"][0], days)
        before: tuple[int, str] | None = None
        for signal in (s for s in chart.signals if s.chart == "ewma"):
            if before != (signal.period - 1, signal.direction):
                worse = (signal.direction == "up") == metric.lower_is_better
                found.append(
                    TrendSignal(
                        str(group),
                        rows["name"][0],
                        days[signal.period],
                        days[signal.since],
                        signal.direction,
                        worse,
                        signal.statistic,
                        signal.limit,
                        signal.centre,
                    )
                )
            before = (signal.period, signal.direction)
    return tuple(found), tuple(baselines)


def _charted(rows: pl.DataFrame, metric: Metric, restart: Sequence[int]) -> Chart:
    """The chart of one group's periods. Rates have the spread that chance gives them under the baseline's rate: the
    error of a period that found nothing would be 0."""
    values = rows["value"].to_list()
    if metric.unit == "rate":
        return scoring_chart.chart(values, sizes=rows["effective"].to_list(), restart=restart)
    return scoring_chart.chart(values, rows["se"].to_list(), restart=restart)


def _baselines(chart: Chart, group: str, name: str, days: Sequence[date]) -> list[Baseline]:
    """The baseline of the latest segment."""
    return [
        Baseline(group, name, days[last.first], days[last.until], last.baseline, last.needed, last.centre)
        for last in chart.segments[-1:]
    ]


def _named(frame: pl.DataFrame, names: object) -> pl.DataFrame:
    lookup: dict[str, str] = dict(names) if isinstance(names, dict) else {}
    if "effective" not in frame.columns:
        frame = frame.with_columns(effective=pl.lit(None, pl.Float64))
    if "period" not in frame.columns:
        frame = frame.with_columns(period=pl.lit(None, pl.Date))
    named = frame.with_columns(name=pl.col("group").replace(lookup) if lookup else pl.col("group"))
    return named.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()).sort("group", "period")


def _measures(reader: FactsReader, scope: Scope) -> tuple[DatedMeasure, ...]:
    query = select(Measure).order_by(Measure.on_day)
    if scope.first:
        query = query.where(Measure.on_day >= scope.first)
    if scope.last:
        query = query.where(Measure.on_day <= scope.last)
    found = [DatedMeasure(x.id, x.name, x.kind, x.on_day, x.team) for x in reader.session.scalars(query)]
    concerned = set(scope.teams)
    if scope.agents:
        concerned = set(reader.roster.filter(pl.col("agent_id").is_in(list(scope.agents)))["team"].drop_nulls())
    return tuple(x for x in found if x.team is None or not (scope.teams or scope.agents) or x.team in concerned)


@dataclass(frozen=True)
class MeasureEffect:
    """What changed around a measure: the metric in equally long spans before and after, and the difference."""

    measure: DatedMeasure
    metric: Metric
    days: int
    before: Estimate
    after: Estimate
    difference: Estimate

    @property
    def clear(self) -> bool:
        """Whether the interval of the difference excludes no change."""
        d = self.difference
        return d.low is not None and d.high is not None and (d.low > 0 or d.high < 0)


def effect(
    bench: Workbench, actor: Actor, *, measure: DatedMeasure, scope: Scope, metric: str = "total", days: int = 28
) -> MeasureEffect:
    """Compare the `days` before a measure with the `days` from its day on, for the team it concerns.

    Both sides are estimated as the points of a trend are: with predictions where whole draws lie inside a span.
    """
    about = readable(actor, replace(scope, teams=(measure.team,)) if measure.team else scope)
    first, last = measure.on_day - timedelta(days=days), measure.on_day + timedelta(days=days - 1)
    concerned = replace(about, first=first, last=last, adjusted=False)
    with FactsReader(bench) as reader:
        chosen = m.find(reader.rubrics(), metric)
        before, after = (
            _side(reader, replace(concerned, first=start, last=end), chosen)
            for start, end in ((first, measure.on_day - timedelta(days=1)), (measure.on_day, last))
        )
    return MeasureEffect(measure, chosen, days, before, after, estimate.difference(before, after))


def _side(reader: FactsReader, scope: Scope, metric: Metric) -> Estimate:
    rows = measured(reader, scope, metric, "all", "week")
    if metric.unit == "rate":
        return Rates(reader, scope, rows, "all").whole()
    return Means(reader, scope, rows, "all", metric).whole()


@dataclass(frozen=True)
class VerdictsOverview:
    """What the archive of verdicts holds: to choose defaults and to say what to do when it is empty. `days` are the
    first and last day with results of each source that has any."""

    reviews: int
    first: date | None
    last: date | None
    shops: tuple[str, ...]
    channels: tuple[str, ...]
    teams: tuple[str, ...]
    days: Mapping[str, tuple[date, date]] = field(default_factory=dict)
    metrics: Mapping[str, tuple[Metric, ...]] = field(default_factory=dict)
    """What can be measured of each source: its rubrics have criteria of their own."""


def overview(bench: Workbench, actor: Actor) -> VerdictsOverview:
    """The span of days with results and the values of every filter."""
    every = readable(actor, Scope())
    with FactsReader(bench) as reader:
        lists = reader.plain(every).select("day", "shop", "channel", "source").collect()
        metrics = {source: m.all_metrics(reader.rubrics(source)) for source in SOURCES}
        teams = every.teams or sorted({team for team in reader.roster["team"] if team})
    return VerdictsOverview(
        lists.height,
        lists["day"].min(),  # type: ignore[arg-type]
        lists["day"].max(),  # type: ignore[arg-type]
        tuple(sorted({s for s in lists["shop"] if s})),
        tuple(sorted({c for c in lists["channel"] if c})),
        tuple(teams),
        _days(lists),
        metrics,
    )


def _days(rows: pl.DataFrame) -> dict[str, tuple[date, date]]:
    known = rows.drop_nulls("day").group_by("source").agg(first=pl.col("day").min(), last=pl.col("day").max())
    return {source: (first, last) for source, first, last in known.sort("source").iter_rows()}


def own_overview(
    bench: Workbench, actor: Actor, agent_id: str, *, reader: FactsReader | None = None
) -> VerdictsOverview:
    """The same for one agent's page: the spans of their own results, and no filters."""
    own = readable_of(actor, agent_id, Scope())
    with reading(bench, reader) as reader:
        found = reader.plain(own).select("day", "source").collect()
    chats = found.filter(pl.col("source") == "chat")["day"]
    return VerdictsOverview(len(chats), chats.min(), chats.max(), (), (), (), _days(found))  # type: ignore[arg-type]
