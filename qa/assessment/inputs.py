"""What a sheet rests on, gathered once and frozen: parts by day, estimates from the draws, examples, red lines.

A person who changed team or role within the time is an entry of each, with the days of each. Types of days (campaign,
weekend, weekday) come from the schemes; cells are platform, shop, type of day and month.
"""

from __future__ import annotations

import calendar
import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from qa.assessment import facts, own
from qa.assessment.cells import MICRO
from qa.casefiles.lifecycle import STANDING
from qa.development import results
from qa.errors import Invalid
from qa.i18n import N_
from qa.reports.scope import FactsReader, Scope
from qa.reports.standings import read_standings
from qa.tables import Agent, Assessment, AssessmentEntry, SoftExample, TeamMembership, Violation
from qa.workbench import Workbench
from scoring.assessment.lines import values
from scoring.assessment.schemes import INDICATORS, MEASURED, Scheme
from scoring.assessment.truths import HISTORY


class NothingKnown(Invalid):
    """Nobody has an indicator or an inspection in the time: a sheet would say nothing of anybody."""


_GIVEN = {
    "agent_id": pl.String, "indicator": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
    "n": pl.Float64, "method": pl.String, "day": pl.Date,
}  # fmt: skip
_HISTORY = dict.fromkeys(HISTORY, pl.String) | dict.fromkeys(("value", "low", "high"), pl.Float64)
_ROWS = {
    "group": pl.String, "entry": pl.String, "team": pl.String, "indicator": pl.String, "day": pl.Date,
    "cell": pl.String, "num": pl.Int64, "den": pl.Int64,
}  # fmt: skip
SCHEMAS: Mapping[str, Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "rows": _ROWS,
    "given": {
        "group": pl.String,
        "entry": pl.String,
        "indicator": pl.String,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "n": pl.Float64,
        "method": pl.String,
    },
    "people": {"entry": pl.String, "agent_id": pl.String, "team": pl.String, "role": pl.String, "months": pl.Int64},
    "redlines": {"entry": pl.String, "violation_id": pl.Int64, "rule_id": pl.String},
    "history": _HISTORY,
    "own": _ROWS,
}


@dataclass(frozen=True)
class Inputs:
    """Frames with `SCHEMAS`: groups are roles, entries one person in one team and role; parts in millionths. `own` is
    what the workbench computes itself (`qa.assessment.own`); sheets of earlier releases have none."""

    rows: pl.DataFrame
    given: pl.DataFrame
    people: pl.DataFrame
    redlines: pl.DataFrame
    history: pl.DataFrame
    own: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SCHEMAS["own"]))

    def pack(self) -> bytes:
        """One file of them; the same inputs give the same bytes."""
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
            for one in fields(self):
                part = io.BytesIO()
                getattr(self, one.name).write_parquet(part, compression="zstd", statistics=False)
                archive.writestr(zipfile.ZipInfo(one.name), part.getvalue())
        return made.getvalue()

    def digest(self) -> str:
        """Checksum over the values, whatever wrote the bytes."""
        state = hashlib.sha256()
        for one in fields(self):
            frame: pl.DataFrame = getattr(self, one.name)
            if one.name == "own" and frame.is_empty():
                continue  # the checksum of inputs without it is what it was
            state.update(f"{one.name} {frame.columns}\n".encode() + frame.write_csv().encode())
        return state.hexdigest()


def unpack(content: bytes) -> Inputs:
    """The inputs of `Inputs.pack`."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        held = set(archive.namelist())
        return Inputs(
            **{
                one.name: pl.read_parquet(io.BytesIO(archive.read(one.name)))
                for one in fields(Inputs)
                if one.name in held
            }
        )


def window(month: date, months: int) -> tuple[date, date]:
    """First and last day of the `months` that end with the month of `month`."""
    first = month.replace(day=1)
    for _ in range(months - 1):
        first = (first - timedelta(days=1)).replace(day=1)
    return first, month.replace(day=calendar.monthrange(month.year, month.month)[1])


def gather(
    bench: Workbench,
    *,
    now: datetime,
    month: date,
    months: int,
    schemes: Mapping[str, Scheme],
    version: int | None = None,
) -> Inputs:
    """All of a sheet's inputs as they are now (of archive `version`). Raises `NothingKnown`."""
    first, last = window(month, months)
    snapshot = bench.archive.at(version)
    with bench.db.read() as session:
        stays = _stays(session)
        parts = facts.with_people(bench, session, facts.current(snapshot, first, last))
        parts = _placed(parts.filter(pl.col("agent_id").is_not_null()), stays)
        spans = _people(stays, first, last)
        examples, redlines = _examples(session, first, last), _redlines(bench, session, first, last)
        ours = _placed(own.parts(bench, session, snapshot, first, last), stays)
        history, marks = _history(session, first), _exams(session, first, last, now)
    given = pl.concat([_inspection(bench, first, last), examples, marks])
    rows = _celled(parts, schemes)
    seen = pl.concat([rows.select("entry"), _at_entry(given, spans).select("entry")]).unique()
    if seen.is_empty():
        raise NothingKnown(
            N_("There are neither indicators nor inspections of anybody from {first} to {last}."),
            first=first.isoformat(), last=last.isoformat(),
        )  # fmt: skip
    months_of = rows.group_by("entry").agg(months=pl.col("day").dt.month_start().n_unique().cast(pl.Int64))
    people = (
        spans.join(seen, on="entry", how="semi")
        .join(months_of, on="entry", how="left")
        .with_columns(pl.col("months").fill_null(0))
        .sort("entry")
    )
    made = {
        "rows": rows.sort("entry", "indicator", "day", "cell"),
        "given": _at_entry(given, spans).sort("entry", "indicator"),
        "people": people,
        "redlines": _at_entry(redlines, spans).sort("entry", "violation_id"),
        "history": history,
        "own": ours.join(people.select("entry"), on="entry", how="semi")
        .with_columns(group="role", cell=pl.lit(""))
        .sort("entry", "indicator", "day"),
    }
    return Inputs(**{name: made[name].select(pl.col(c).cast(t) for c, t in SCHEMAS[name].items()) for name in SCHEMAS})


def _stays(session: Session) -> pl.DataFrame:
    """Team and role of every agent from a day on; who never moved has one row from the beginning."""
    moved = session.execute(
        select(TeamMembership.agent_id, TeamMembership.from_day, TeamMembership.team, TeamMembership.stage)
    )
    rows = [tuple(row) for row in moved]
    known = {row[0] for row in rows}
    steady = session.execute(select(Agent.agent_id, Agent.team, Agent.stage))
    rows += [(agent, date(1900, 1, 1), team, stage) for agent, team, stage in steady if agent not in known]
    schema = {"agent_id": pl.String, "from_day": pl.Date, "team": pl.String, "role": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row").sort("agent_id", "from_day")
    return frame.with_columns(
        entry=pl.concat_str("agent_id", "team", "role", separator="\n"),
        until=pl.col("from_day").shift(-1).over("agent_id"),
    )


def _placed(parts: pl.DataFrame, stays: pl.DataFrame) -> pl.DataFrame:
    """Parts with the entry of their day."""
    joined = parts.sort("day").join_asof(
        stays.select("agent_id", "from_day", "team", "role", "entry").sort("from_day"),
        left_on="day", right_on="from_day", by="agent_id", check_sortedness=False,
    )  # fmt: skip
    return joined.filter(pl.col("entry").is_not_null())


def _people(stays: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """Everybody's entries within the time, with the days they began and ended."""
    inside = stays.filter((pl.col("from_day") <= last) & (pl.col("until").is_null() | (pl.col("until") > first)))
    return inside.group_by("entry", "agent_id", "team", "role").agg(
        pl.col("from_day").min(), until=pl.col("until").fill_null(date(9999, 1, 1)).max()
    )


def _at_entry(frame: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """Rows of an agent (with `day`) at the entry of that day, or at the last entry of the time."""
    joined = frame.join(spans, on="agent_id").with_columns(day=pl.coalesce("day", pl.lit(date(9998, 1, 1))))
    inside = (pl.col("from_day") <= pl.col("day")) & (pl.col("day") < pl.col("until"))
    key = [name for name in frame.columns if name not in ("day",)]
    return (
        joined.sort(inside, "until", descending=True)
        .unique(subset=key, keep="first", maintain_order=True)
        .with_columns(group="role")
    )


def _celled(parts: pl.DataFrame, schemes: Mapping[str, Scheme]) -> pl.DataFrame:
    campaign = pl.lit(False)
    for role, scheme in schemes.items():
        mark = pl.col("day").dt.strftime("%m-%d")
        for first, last in scheme.campaigns:
            campaign = campaign | ((pl.col("role") == role) & mark.is_between(pl.lit(first), pl.lit(last)))
    kind = (
        pl.when(pl.col("day") != pl.col("until")).then(pl.lit("span"))
        .when(campaign).then(pl.lit("campaign"))
        .when(pl.col("day").dt.weekday() >= 6).then(pl.lit("weekend"))
        .otherwise(pl.lit("weekday"))
    )  # fmt: skip
    cell = pl.concat_str("platform", "shop", kind, pl.col("day").dt.strftime("%Y-%m"), separator="|")
    summed = parts.with_columns(group="role", cell=cell)
    key = ["group", "entry", "team", "indicator", "day", "cell"]
    return summed.group_by(key).agg(pl.col("num", "den").sum())


def _inspection(bench: Workbench, first: date, last: date) -> pl.DataFrame:
    with FactsReader(bench) as reader:
        agents = read_standings(reader, Scope(first, last)).agents
    figures = [pl.col(name).cast(pl.Float64) for name in ("value", "low", "high", "n")]
    return agents.select(
        pl.col("agent_id").cast(pl.String),
        pl.lit("inspection").alias("indicator"),
        *figures,
        method=pl.lit("estimate"),
        day=pl.lit(None, pl.Date),
    )


def _examples(session: Session, first: date, last: date) -> pl.DataFrame:
    query = (
        select(SoftExample.agent_id, func.sum(SoftExample.direction), func.count())
        .where(SoftExample.state == "confirmed", SoftExample.month >= first, SoftExample.month <= last)
        .group_by(SoftExample.agent_id)
    )
    rows = [(a, "soft", float(v), float(v), float(v), float(n), "examples", None) for a, v, n in session.execute(query)]
    return pl.DataFrame(rows, schema=_GIVEN, orient="row")


def _exams(session: Session, first: date, last: date, now: datetime) -> pl.DataFrame:
    """The mean of the monthly marks of exams within the time."""
    found: dict[str, list[int]] = {}
    for one in results.month_marks(session, first, last, now):
        found.setdefault(one.agent_id, []).append(one.mark)
    rows = [
        (a, "exam", v, v, v, float(len(m)), "exam", None)
        for a, m in sorted(found.items())
        for v in (sum(m) / len(m) / 100,)
    ]
    return pl.DataFrame(rows, schema=_GIVEN, orient="row")


def _redlines(bench: Workbench, session: Session, first: date, last: date) -> pl.DataFrame:
    zone = bench.config.zone
    begin = datetime.combine(first, time(), zone).astimezone(UTC)
    end = datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
    moment = func.coalesce(Violation.occurred_at, Violation.opened_at)
    query = select(Violation.agent_id, Violation.id, Violation.rule_id, moment).where(
        Violation.state.in_([state.value for state in STANDING]), moment >= begin, moment < end
    )
    rows = [(a, v, r, _utc(at).astimezone(zone).date()) for a, v, r, at in session.execute(query)]
    schema = {"agent_id": pl.String, "violation_id": pl.Int64, "rule_id": pl.String, "day": pl.Date}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _utc(at: datetime | str) -> datetime:
    moment = at if isinstance(at, datetime) else datetime.fromisoformat(at)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _history(session: Session, first: date) -> pl.DataFrame:
    """Lines of earlier pooled sheets that share no month with this one, each time counted once."""
    sheets = session.execute(
        select(Assessment.id, Assessment.month)
        .where(Assessment.months > 1, Assessment.state.in_(["published", "final"]), Assessment.month < first)
        .order_by(Assessment.month.desc(), Assessment.revision.desc())
    ).all()
    rows: list[tuple[object, ...]] = []
    free = first
    for number, month in sheets:
        begin, end = window(month, 3)
        if end >= free:
            continue
        free = begin
        for entry in session.scalars(select(AssessmentEntry).where(AssessmentEntry.assessment_id == number)):
            name = "\n".join((entry.agent_id, entry.team, entry.role))
            for line in entry.result["lines"]:
                if line["points"] is not None:
                    rows.append(
                        (
                            entry.role,
                            name,
                            line["indicator"],
                            line["value"],
                            line["low"],
                            line["high"],
                            line["method"],
                            "",
                        )
                    )
    return pl.DataFrame(rows, schema=_HISTORY, orient="row").sort("group", "entry", "indicator")


def judged_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows as the mathematics takes them: parts as numbers."""
    return rows.with_columns(pl.col("num", "den").cast(pl.Float64) / MICRO)


def own_values(frozen: Inputs, scheme: Scheme, role: str) -> dict[str, dict[str, dict[str, Any]]]:
    """By entry and indicator what the workbench measured itself, as it is, of the lines of a scheme: value, low, high,
    n, reason."""
    rows = judged_rows(frozen.own.filter(pl.col("group") == role))
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for line in scheme.lines:
        if rows.is_empty() or INDICATORS[line.indicator].kind not in MEASURED:
            continue
        plain = replace(line, relative=False, of="agent")
        for row in values(rows, plain, INDICATORS[line.indicator]).iter_rows(named=True):
            told = {name: row[name] for name in ("value", "low", "high", "n", "reason")}
            found.setdefault(row["entry"], {})[line.indicator] = told
    return found
