"""Disputes in figures: how often they arise, how often the platform steps in and rules against the shop, what they
cost, how many could have been avoided, and which reasons lead.

All disputes are counted, so intervals are exact ones for counts (`scoring.estimate.counts`); only what inspections say
is estimated by the design of the draws. A dispute counts for whoever answers for it, in the team of its day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl
from sqlalchemy import select

from qa.disputes import responsible, settled
from qa.i18n import N_
from qa.policy import Actor
from qa.reports.scope import FactsReader, Scope, names_of, readable, truncated
from qa.tables import Measure
from qa.transcripts import shown_column
from qa.workbench import Workbench
from scoring import estimate
from scoring.estimate import LEAST_EXPECTED, Estimate
from scoring.promises.outcome import REFUNDED

GROUPS: Mapping[str, str] = {
    "agent": N_("Agent"), "team": N_("Team"), "shop": N_("Shop"), "reason": N_("Reason"), "week": N_("Week"),
}  # fmt: skip
EXPOSURES: Mapping[str, str] = {"chats": N_("chats"), "orders": N_("orders")}
OWN, TEAM, ALL = "own", "team", "all"
OF: Mapping[str, str] = {
    OWN: N_("own"), TEAM: N_("of the team: fewer than 10 expected"), ALL: N_("of everybody: fewer than 10 expected"),
}  # fmt: skip
"""Whose figure stands in a row."""
AVOIDABLE = "intervention"
"""The criterion of the dispute card that says whether the platform's step could have been avoided."""
STEPPED = (2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
_AGAINST, _RULED = 8, (8, 9)


@dataclass(frozen=True)
class DisputeCounts:
    """What was counted in a group. Amounts in hundredths; `stepped` of `known` disputes had the platform in them,
    `against` of `ruled` rulings went against the shop."""

    disputes: int = 0
    exposure: int = 0
    known: int = 0
    stepped: int = 0
    ruled: int = 0
    against: int = 0
    refunded: int = 0
    beyond: int = 0
    freight: int = 0
    compensation: int = 0

    def __add__(self, other: DisputeCounts) -> DisputeCounts:
        return DisputeCounts(*(a + b for a, b in zip(self.values(), other.values(), strict=True)))

    def values(self) -> tuple[int, ...]:
        """The counts in order."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)


@dataclass(frozen=True)
class DisputeRates:
    """One group. `rate` is disputes per chat (or order); each figure says whose it is (`OF`)."""

    group: str
    label: str
    own: DisputeCounts
    rate: Estimate
    rate_of: str
    stepped: Estimate
    stepped_of: str
    against: Estimate
    against_of: str


@dataclass(frozen=True)
class ReasonRow:
    """One reason with its share now and in the period before, of equal length; `drift` is the difference."""

    reason: str
    now: int
    share: Estimate
    before: int
    drift: Estimate


@dataclass(frozen=True)
class MeasureRow:
    """A dated measure: disputes over the exposure in as many days before and after it, and how the rate changed."""

    name: str
    on_day: date
    team: str | None
    days: int
    before: tuple[int, int]
    after: tuple[int, int]
    ratio: Estimate


@dataclass(frozen=True)
class DisputeFigures:
    """Everything for one scope."""

    by: str
    exposure: str
    rows: tuple[DisputeRates, ...]
    total: DisputeRates
    avoidable: Estimate
    reasons: tuple[ReasonRow, ...]
    measures: tuple[MeasureRow, ...]


def figures(
    bench: Workbench, actor: Actor, *, scope: Scope, by: str = "agent", exposure: str = "chats"
) -> DisputeFigures:
    """Figures of the disputes opened in `scope` over the chats begun (or orders talked about) in it."""
    scope = readable(actor, replace(scope, source="dispute"))
    with FactsReader(bench) as reader:
        rows, base = _disputes(reader, scope, actor), _exposed(reader, scope, exposure)
        names = names_of(reader)
        total = _row("", N_("Everybody"), _counted(rows, base), (), OWN)
        return DisputeFigures(
            by,
            exposure,
            _groups(rows, base, by, names),
            total,
            _avoidable(reader, scope),
            _reasons(reader, scope, rows, actor),
            _measures(reader, scope, exposure, actor),
        )


def frame(found: DisputeFigures) -> pl.DataFrame:
    """The rows for a file: counts, figures with their intervals, whose each is; amounts in hundredths."""
    out = []
    for row in (*found.rows, found.total):
        line: dict[str, object] = {
            "group": row.group,
            "label": row.label,
            "by": found.by,
            "exposure_in": found.exposure,
        }
        line |= {name: getattr(row.own, name) for name in DisputeCounts.__dataclass_fields__}
        for name, value, of in (
            ("rate", row.rate, row.rate_of),
            ("stepped", row.stepped, row.stepped_of),
            ("against", row.against, row.against_of),
        ):
            line |= {f"{name}_value": value.value, f"{name}_low": value.low, f"{name}_high": value.high,
                     f"{name}_method": value.method, f"{name}_of": of}  # fmt: skip
        out.append(line)
    return pl.DataFrame(out, infer_schema_length=None)


# what is counted


def _disputes(reader: FactsReader, scope: Scope, actor: Actor) -> pl.DataFrame:
    """The disputes of the scope: agent_id, team, shop, week, reason (as `actor` may read it) and what happened."""
    snapshot = reader.bench.archive.at()
    first, last = reader.bounds(scope)
    records = snapshot.scan("disputes")
    records = records.filter(pl.col("opened_at") >= first) if first else records
    records = records.filter(pl.col("opened_at") < last) if last else records
    over = settled.laid_over(records, snapshot.scan("conversations"), settled.in_force(reader.session))
    cases = responsible.answering(over, snapshot, responsible.LAST).with_columns(occurred_at="opened_at")
    done = pl.col("status").is_in(list(REFUNDED)).fill_null(False)
    found = _of_scope(reader, cases, scope).select(
        "dispute_key", "agent_id", "team", "shop", "day",
        week=truncated(pl.col("day"), "week").cast(pl.String),
        reason=pl.col("reason").fill_null("").str.strip_chars(),
        known=pl.col("cs_status").is_not_null(),
        stepped=pl.col("cs_status").is_in(STEPPED).fill_null(False),
        ruled=pl.col("cs_status").is_in(_RULED).fill_null(False),
        against=(pl.col("cs_status") == _AGAINST).fill_null(False),
        refunded=pl.when(done).then("refund_fee").fill_null(0),
        beyond=pl.when(done).then((pl.col("refund_fee") - pl.col("total_fee")).clip(lower_bound=0)).fill_null(0),
        freight=pl.col("freight").fill_null(0), compensation=pl.col("compensation").fill_null(0),
    )  # fmt: skip
    told = found.collect()
    return told.with_columns(shown_column(actor, told["reason"]))


def _exposed(reader: FactsReader, scope: Scope, exposure: str) -> pl.DataFrame:
    """What disputes can arise from, one row each: agent_id, team, shop, day, week. An order counts once for each
    agent."""
    snapshot = reader.bench.archive.at()
    first, last = reader.bounds(scope)
    chats = snapshot.scan("conversations").filter(pl.col("agent_id").is_not_null())
    chats = chats.filter(pl.col("started_at") >= first) if first else chats
    chats = chats.filter(pl.col("started_at") < last) if last else chats
    if exposure == "orders":
        named = chats.filter(pl.col("order_id").fill_null("") != "").sort("started_at")
        chats = named.unique(["agent_id", "shop", "order_id"], keep="first")
    found = _of_scope(reader, chats.with_columns(occurred_at="started_at"), scope)
    week = truncated(pl.col("day"), "week").cast(pl.String)
    return found.select("agent_id", "team", "shop", "day", week=week).collect()


def _of_scope(reader: FactsReader, rows: pl.LazyFrame, scope: Scope) -> pl.LazyFrame:
    if scope.shops:
        rows = rows.filter(pl.col("shop").is_in(list(scope.shops)))
    if scope.agents:
        rows = rows.filter(pl.col("agent_id").is_in(list(scope.agents)))
    return reader.with_team(rows, scope)


def _counted(rows: pl.DataFrame, base: pl.DataFrame) -> DisputeCounts:
    sums = rows.select(pl.col(name).sum() for name in DisputeCounts.__dataclass_fields__ if name in rows.columns).row(0)
    named = dict(zip((n for n in DisputeCounts.__dataclass_fields__ if n in rows.columns), sums, strict=True))
    return DisputeCounts(disputes=rows.height, exposure=base.height, **{name: int(v or 0) for name, v in named.items()})


def _per(frame_: pl.DataFrame, column: str) -> dict[str, pl.DataFrame]:
    keyed = frame_.with_columns(pl.col(column).fill_null("").alias("_key"))
    return {str(key): part for (key,), part in keyed.group_by("_key")}


# figures


def _groups(rows: pl.DataFrame, base: pl.DataFrame, by: str, names: Mapping[str, str]) -> tuple[DisputeRates, ...]:
    everybody = _counted(rows, base)
    cases = _per(rows, "agent_id" if by == "agent" else by)
    chats = {} if by == "reason" else _per(base, "agent_id" if by == "agent" else by)
    teams = _teams(rows, base) if by == "agent" else {}
    found = []
    for key in sorted(cases.keys() | chats.keys()):
        own_cases, own_chats = cases.get(key, rows.clear()), base if by == "reason" else chats.get(key, base.clear())
        own = _counted(own_cases, own_chats)
        if by == "agent" and not key:
            continue  # nobody answers for it: counted in the whole alone
        wider = ((TEAM, teams[key]), (ALL, everybody)) if by == "agent" and key in teams else ((ALL, everybody),)
        found.append(_row(key, names.get(key, key), own, wider if by == "agent" else (), OWN))
    order = (lambda row: row.group) if by == "week" else (lambda row: (-row.own.disputes, row.label))
    return tuple(sorted(found, key=order))


def _teams(rows: pl.DataFrame, base: pl.DataFrame) -> dict[str, DisputeCounts]:
    """The counts of the team each agent was last seen in."""
    cases, chats = _per(rows, "team"), _per(base, "team")
    whole = {team: _counted(cases.get(team, rows.clear()), chats.get(team, base.clear())) for team in {*cases, *chats}}
    last = pl.concat([f.select("agent_id", "team", "day") for f in (rows, base)]).drop_nulls("agent_id")
    last = last.sort("day").group_by("agent_id").agg(pl.col("team").last().fill_null(""))
    return {agent: whole[team] for agent, team in last.iter_rows() if team}


def _row(
    group: str, label: str, own: DisputeCounts, wider: tuple[tuple[str, DisputeCounts], ...], of: str
) -> DisputeRates:
    """The group's own figures; where fewer than ten cases are to be expected, those of the wider group, and so said."""
    ways = ((of, own), *wider)
    average = ways[-1][1]

    def chosen(cases: str, size: str) -> tuple[DisputeCounts, str]:
        usual = getattr(average, cases) / getattr(average, size) if getattr(average, size) else 0.0
        for name, counted in ways:
            if getattr(counted, size) * usual >= LEAST_EXPECTED:
                return counted, name
        return ways[-1][1], ways[-1][0]

    (rate, rate_of), (stepped, stepped_of), (against, against_of) = (
        chosen("disputes", "exposure"), chosen("stepped", "known"), chosen("against", "known"),
    )  # fmt: skip
    return DisputeRates(
        group,
        label,
        own,
        estimate.per_exposure(rate.disputes, rate.exposure),
        rate_of,
        estimate.share(stepped.stepped, stepped.known),
        stepped_of,
        estimate.share(against.against, against.known),
        against_of,
    )


def _avoidable(reader: FactsReader, scope: Scope) -> Estimate:
    """The share of disputes whose platform step inspectors found avoidable, weighted by the design of the draws."""
    loss = reader.rubrics("dispute").criterion_column(AVOIDABLE)
    rows = reader.rows(scope).with_columns(y=loss).filter(pl.col("y").is_not_null())
    judged = rows.select("agent_id", "pi", y=(pl.col("y") > 0).cast(pl.Float64)).collect()
    return estimate.rate(judged, value="y") if judged.height else estimate.refusal("no_reviews")


def _reasons(reader: FactsReader, scope: Scope, rows: pl.DataFrame, actor: Actor) -> tuple[ReasonRow, ...]:
    """Reasons by their number, with their shares in the period before of equal length."""
    if scope.first is None or scope.last is None:
        before = rows.clear()
    else:
        days = (scope.last - scope.first).days + 1
        earlier = replace(scope, first=scope.first - timedelta(days=days), last=scope.first - timedelta(days=1))
        before = _disputes(reader, earlier, actor)
    now, then = (dict(f.group_by("reason").len().iter_rows()) for f in (rows, before))
    found = []
    for reason in now.keys() | then.keys():
        one = estimate.share(now.get(reason, 0), rows.height)
        other = estimate.share(then.get(reason, 0), before.height)
        found.append(ReasonRow(reason, now.get(reason, 0), one, then.get(reason, 0), estimate.difference(other, one)))
    return tuple(sorted(found, key=lambda row: (-row.now, row.reason)))


def _measures(reader: FactsReader, scope: Scope, exposure: str, actor: Actor) -> tuple[MeasureRow, ...]:
    """Before and after every measure of the period: as many days on either side as the period has, four weeks at
    most."""
    if scope.first is None or scope.last is None:
        return ()
    found = []
    for one in reader.session.scalars(select(Measure).order_by(Measure.on_day, Measure.id)):
        days = min((scope.last - one.on_day).days + 1, (one.on_day - scope.first).days, 28)
        if days < 1 or (one.team and scope.teams and one.team not in scope.teams):
            continue
        teams = (one.team,) if one.team else scope.teams
        sides = []
        for first in (one.on_day - timedelta(days=days), one.on_day):
            part = replace(scope, first=first, last=first + timedelta(days=days - 1), teams=teams)
            sides.append((_disputes(reader, part, actor).height, _exposed(reader, part, exposure).height))
        found.append(
            MeasureRow(one.name, one.on_day, one.team, days, sides[0], sides[1], estimate.ratio(sides[0], sides[1]))
        )
    return tuple(found)
