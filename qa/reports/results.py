"""Single results behind a figure: the list of inspections, and one of them explained line by line.

An agent reads only results of their own, and never who inspected. Does not average anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import case, exists, func, select
from sqlalchemy.orm import Session

from qa import scoping, transcripts
from qa.casefiles.windows import closes, window_days
from qa.errors import NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, require, require_own
from qa.reports.scope import FactsReader, Scope, names_of, readable, reading
from qa.tables import (
    Acknowledgement,
    Agent,
    Appeal,
    Inspection,
    RubricVersion,
    RuleVersion,
    Sample,
    Transcript,
    User,
    Verdict,
)
from qa.verdicts import ledger
from qa.workbench import Workbench
from scoring.explain import Explanation, explain
from scoring.label import Label
from scoring.rubric import from_dict
from scoring.sheet import Outcome

LIST_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "verdict_id": pl.Int64,
    "sample_id": pl.Int64,
    "agent_id": pl.String,
    "name": pl.String,
    "unit_id": pl.String,
    "source": pl.String,
    "occurred_at": pl.Datetime("us", "UTC"),
    "decided_at": pl.Datetime("us", "UTC"),
    "score": pl.Float64,
    "redlines": pl.List(pl.String),
    "reason": pl.String,
    "pi": pl.Float64,
    "read": pl.Boolean,
    "first_line": pl.String,
    "appeal_until": pl.Datetime("us", "UTC"),
}


@dataclass(frozen=True)
class Result:
    """One current verdict, explained. `lines` add up to the total; `inspector` is empty for agents."""

    verdict_id: int
    sample_id: int
    unit_id: str
    source: str
    agent_id: str
    agent_name: str
    occurred_at: datetime | None
    decided_at: datetime
    kind: str
    reason: str
    total: int
    total_without_redlines: int
    lines: tuple[Explanation, ...]
    comment: str
    inspector: str
    acknowledged_at: datetime | None
    appeal_until: datetime


def results(
    bench: Workbench,
    actor: Actor,
    *,
    scope: Scope,
    limit: int = 200,
    now: datetime | None = None,
    reader: FactsReader | None = None,
) -> pl.DataFrame:
    """The inspections of a scope, newest first, with the columns of `LIST_SCHEMA` (`read`: acknowledged by the agent;
    `first_line`: what the customer said first, masked for whoever may not see customers).

    With `now` the results that can still be objected to come first, the one whose time ends soonest before the others,
    and `appeal_until` says when it ends; it is null for all others. An agent must name themselves.
    """
    if len(scope.agents) == 1 and scope.agents[0] == actor.agent_id:
        require_own(actor, actor.agent_id)
    else:
        scope = readable(actor, scope)
    with reading(bench, reader) as reader:
        names = dict(names_of(reader))
        found = (
            reader.rows(scope)
            .with_columns(score=pl.col("total") / 100, name=pl.col("agent_id").replace(names))
            .sort("occurred_at", "sample_id", descending=True)
            .head(limit)
            .collect()
        )
        seen = select(Acknowledgement.verdict_id).where(Acknowledgement.verdict_id.in_(found["verdict_id"].to_list()))
        read = list(reader.session.scalars(seen))
        until = _open_until(reader.session, found, now) if now is not None else {}
        lines = _first_lines(reader.session, actor, found["sample_id"].to_list())
        return (
            found.with_columns(
                _looked_up("verdict_id", until, pl.Datetime("us", "UTC")).alias("appeal_until"),
                _looked_up("sample_id", lines, pl.String()).fill_null("").alias("first_line"),
                read=pl.col("verdict_id").is_in(read),
            )
            .sort("appeal_until", nulls_last=True, maintain_order=True)
            .select(*LIST_SCHEMA)
        )


def _looked_up(column: str, values: Mapping[int, Any], kind: pl.DataType) -> pl.Expr:
    return pl.col(column).replace_strict(list(values), list(values.values()), default=None, return_dtype=kind)


def _first_lines(session: Session, reader: Actor, samples: list[int]) -> dict[int, str]:
    query = (
        select(Sample.id, Transcript.content)
        .join(Transcript, Transcript.id == Sample.transcript_id)
        .where(Sample.id.in_(samples))
    )
    return {
        sample: transcripts.shown_text(reader, transcripts.read(content).first_line)
        for sample, content in session.execute(query)
    }


def _open_until(session: Session, found: pl.DataFrame, now: datetime) -> dict[int, datetime]:
    """Until when each of these results can be objected to; only those that still can, and that nobody objects to
    now."""
    appealed = select(Appeal.verdict_id).where(Appeal.state == "open", Appeal.verdict_id.is_not(None))
    query = select(Verdict).where(
        Verdict.id.in_(found["verdict_id"].to_list()),
        Verdict.created_at >= now - timedelta(days=window_days(session)),
        Verdict.id.not_in(appealed),
    )
    ends = {
        verdict.id: closes(session, ledger.standing_since(session, verdict).created_at)
        for verdict in session.scalars(query)
    }
    return {verdict: until for verdict, until in ends.items() if until >= now}


def newest(bench: Workbench) -> int:
    """The id of the newest verdict: results and what is estimated from them are the same until it changes."""
    with bench.db.read() as session:
        return session.scalar(select(func.max(Verdict.id))) or 0


def next_unread(bench: Workbench, actor: Actor, *, now: datetime) -> int | None:
    """The next current result of their own that `actor` has not acknowledged: first those that can still be objected
    to, the one whose time ends soonest before the others, then the newest of the rest."""
    require(actor, Right.ANSWER)
    with bench.db.read() as session:
        open_since = now - timedelta(days=window_days(session))
        return session.scalar(
            select(Verdict.id)
            .join(Sample, Sample.id == Verdict.sample_id)
            .where(
                Verdict.agent_id == actor.agent_id,
                Verdict.is_current,
                Verdict.kind != "withdrawn",
                ~exists().where(Acknowledgement.verdict_id == Verdict.id),
            )
            .order_by(
                case((Verdict.created_at >= open_since, 0), else_=1),
                case((Verdict.created_at >= open_since, Verdict.created_at)),
                Verdict.created_at.desc(),
                Sample.occurred_at,
                Verdict.id,
            )
            .limit(1)
        )


def behind(
    bench: Workbench, actor: Actor, *, scope: Scope, by: str, group: str, first: date, last: date, limit: int = 200
) -> pl.DataFrame:
    """The inspections behind one point of a trend."""
    fields: dict[str, Any] = {
        "source": scope.source,
        "teams": scope.teams,
        "shops": scope.shops,
        "channels": scope.channels,
        "agents": scope.agents,
        "first": first,
        "last": last,
    }
    name = {"team": "teams", "shop": "shops", "channel": "channels", "agent": "agents"}.get(by)
    if name is not None:
        fields[name] = (group,)
    if scope.first:
        fields["first"] = max(first, scope.first)
    if scope.last:
        fields["last"] = min(last, scope.last)
    return results(bench, actor, scope=Scope(**fields), limit=limit)


def result(bench: Workbench, actor: Actor, verdict_id: int, language: str) -> Result:
    """One verdict with the reasons for every point; the one that counts now where `verdict_id` was replaced. Raises
    `NotFound`, also for results of others."""
    with bench.db.read() as session:
        same = select(Verdict.sample_id).where(Verdict.id == verdict_id).scalar_subquery()
        row = session.execute(
            select(Verdict, Sample, Agent.name, Inspection, User.display_name)
            .join(Sample, Sample.id == Verdict.sample_id)
            .outerjoin(Agent, Agent.agent_id == Verdict.agent_id)
            .outerjoin(Inspection, Inspection.id == Verdict.inspection_id)
            .outerjoin(User, User.id == Inspection.inspector_id)
            .where(Verdict.sample_id == same, Verdict.is_current, Verdict.kind != "withdrawn")
        ).first()
        if row is None or not _may_read(bench, actor, row[0].agent_id, row[1].occurred_at):
            raise NotFound(N_("There is no result {verdict}."), verdict=verdict_id)
        verdict, sample, name, inspection, inspector = row
        rubric = from_dict(session.get_one(RubricVersion, verdict.rubric_version_id).content)
        outcome = Outcome.from_dict(verdict.outcome)
        found = Result(
            verdict.id,
            sample.id,
            sample.unit_id,
            sample.source,
            verdict.agent_id,
            name or verdict.agent_id,
            sample.occurred_at,
            verdict.created_at,
            verdict.kind,
            verdict.reason or "",
            verdict.total,
            Outcome.from_dict(verdict.outcome).total_without_redlines,
            explain(outcome, rubric, language, _rules(session)),
            (inspection.sheet or {}).get("comment", "") if inspection else "",
            inspector or "" if actor.may(Right.VIEW_RESULTS) else "",
            _acknowledged(session, verdict.id),
            closes(session, ledger.standing_since(session, verdict).created_at),
        )
        customer = transcripts.read(session.get_one(Transcript, sample.transcript_id).content).customer_id
    return _shown(actor, found, (customer,) if customer else ())


def _shown(actor: Actor, found: Result, names: tuple[str, ...]) -> Result:
    """A result as `actor` may read it: what inspectors and leads wrote about it may quote the customer."""
    lines = tuple(transcripts.shown_fields(actor, line, "note", names=names) for line in found.lines)
    return replace(transcripts.shown_fields(actor, found, "reason", "comment", names=names), lines=lines)


def _may_read(bench: Workbench, actor: Actor, agent_id: str, at: datetime | None) -> bool:
    if actor.may(Right.VIEW_RESULTS) or actor.agent_id == agent_id:
        return True
    days = scoping.days_of(bench, actor)
    return days is not None and days.holds(agent_id, at)


def _acknowledged(session: Session, verdict_id: int) -> datetime | None:
    return session.scalar(select(Acknowledgement.at).where(Acknowledgement.verdict_id == verdict_id))


def _rules(session: Session) -> dict[str, Label]:
    """Newest names of the red-line rules by id."""
    names: dict[str, Label] = {}
    for rule_id, label in session.execute(
        select(RuleVersion.rule_id, RuleVersion.content["label"]).order_by(RuleVersion.version)
    ):
        if isinstance(label, dict):
            names[rule_id] = Label(label.get("zh", ""), label.get("en", ""))
    return names


def rule_names(bench: Workbench) -> dict[str, Label]:
    """Names of all red-line rules, for labels of boards."""
    with bench.db.read() as session:
        return _rules(session)


def criterion_labels(bench: Workbench, *, reader: FactsReader | None = None) -> dict[str, Label]:
    """Newest labels of all criteria by id."""
    with reading(bench, reader) as reader:
        return {item.id: item.label for item in reader.rubrics().criteria}


def root_cause_labels(bench: Workbench) -> dict[str, Label]:
    """Labels of the root causes by id, from the newest rubric that has them."""
    labels: dict[str, Label] = {}
    with bench.db.read() as session:
        contents = session.scalars(select(RubricVersion.content).order_by(RubricVersion.id)).all()
    for content in contents:
        for cause in content.get("root_causes") or []:
            labels[cause["id"]] = Label.from_dict(cause["label"])
    return labels
