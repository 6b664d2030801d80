"""The ledger as it is read: rows for pages and files, what is due today, and each agent's share with its interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl
from sqlalchemy import select

from qa import scoping
from qa.i18n import N_
from qa.policy import SYSTEM, Actor, Right, require
from qa.promises.reading import LedgerPromise, of_rows
from qa.tables import Agent
from qa.transcripts import shown_text
from qa.workbench import Workbench
from scoring.estimate.rates import clopper_pearson
from scoring.promises import PromiseEvidence, PromiseStatus

DAYS = 90
STATUS_NAMES = {
    PromiseStatus.KEPT: N_("Kept"),
    PromiseStatus.BROKEN: N_("Broken"),
    PromiseStatus.OPEN: N_("Not due yet"),
    PromiseStatus.UNKNOWN: N_("Cannot tell"),
    PromiseStatus.NONE: N_("No promise"),
}
EVIDENCE_NAMES = {
    PromiseEvidence.REFUND: N_("refunded in time"),
    PromiseEvidence.REFUND_SMALLER: N_("refunded less than promised"),
    PromiseEvidence.REFUND_LATE: N_("refunded later than promised"),
    PromiseEvidence.REFUSED: N_("refund refused or closed"),
    PromiseEvidence.CUSTOMER: N_("the customer said so later"),
    PromiseEvidence.AGENT: N_("the agent wrote again in time"),
    PromiseEvidence.RATING: N_("a low rating complains of it"),
    PromiseEvidence.DISPUTE: N_("a dispute complains of it"),
    PromiseEvidence.NOT_DUE: N_("its time has not come"),
    PromiseEvidence.NOTHING: N_("nothing in the data speaks of it"),
    PromiseEvidence.RULING: N_("ruled by a person"),
}


@dataclass(frozen=True)
class LedgerRow:
    """One promise with what a reader sees of it."""

    promise: LedgerPromise
    agent_name: str
    text: str
    due_today: bool


@dataclass(frozen=True)
class AgentPromises:
    """An agent's promises whose outcome is known: share broken with its exact 95 % interval. Others are only counted."""

    agent_id: str
    agent_name: str
    kept: int
    broken: int
    unknown: int
    low: float
    high: float

    @property
    def n(self) -> int:
        """Promises with a known outcome."""
        return self.kept + self.broken


def rows(bench: Workbench, actor: Actor, *, now: datetime, days: int = DAYS) -> tuple[LedgerRow, ...]:
    """Promises of the last `days` that `actor` may see: due today first, then broken, then the others, newest first."""
    require(actor, Right.VIEW_RESULTS, Right.VIEW_TEAM)
    snapshot = bench.archive.at()
    since = pl.col("said_at").is_null() | (pl.col("said_at") >= now - timedelta(days=days))
    found = of_rows(bench, snapshot, snapshot.scan("promises").filter(since), now)
    team = scoping.days_of(bench, actor)
    if team is not None:
        found = tuple(p for p in found if team.holds(p.agent_id, p.said_at))
    found = tuple(p for p in found if actor.agent_id is None or p.agent_id != actor.agent_id)
    names, said = _names(bench), _said(bench, found)
    today = now.astimezone(bench.config.zone).date()
    made = []
    for each in found:
        due = each.due_at.astimezone(bench.config.zone).date() if each.due_at else None
        text, customer = said.get((each.conversation_key, each.seq), ("", ""))
        shown = shown_text(None if actor is SYSTEM else actor, text, (customer,) if customer else ())
        is_due = due == today and each.status is PromiseStatus.OPEN
        made.append(LedgerRow(each, names.get(each.agent_id) or each.agent_id, shown, is_due))
    return tuple(sorted(made, key=_urgency))


def by_agent(found: Iterable[LedgerRow]) -> tuple[AgentPromises, ...]:
    """Each agent's promises, in the order of names."""
    counts: dict[tuple[str, str], dict[PromiseStatus, int]] = defaultdict(lambda: defaultdict(int))
    for row in found:
        counts[row.agent_name, row.promise.agent_id][row.promise.status] += 1
    made = []
    for (name, agent), by in sorted(counts.items()):
        kept, broken = by[PromiseStatus.KEPT], by[PromiseStatus.BROKEN]
        low, high = clopper_pearson(broken, kept + broken) if kept + broken else (0.0, 1.0)
        made.append(AgentPromises(agent, name, kept, broken, by[PromiseStatus.UNKNOWN], low, high))
    return tuple(made)


def frame(found: Iterable[LedgerRow]) -> pl.DataFrame:
    """The rows for a file: one promise each, statuses and evidence by their codes, amounts in hundredths."""
    columns: dict[str, pl.DataType | type[pl.DataType]] = {
        "conversation_key": pl.String, "seq": pl.Int32, "agent_id": pl.String, "agent": pl.String, "kind": pl.String,
        "amount": pl.Int64, "said_at": pl.Datetime("us", "UTC"), "due_at": pl.Datetime("us", "UTC"),
        "status": pl.String, "evidence": pl.String, "text": pl.String,
    }  # fmt: skip
    data = [
        (p.conversation_key, p.seq, p.agent_id, row.agent_name, p.kind, p.amount, p.said_at, p.due_at, p.status.value,
         p.evidence.value, row.text)
        for row in found for p in (row.promise,)
    ]  # fmt: skip
    return pl.DataFrame(data, schema=columns, orient="row")


def _urgency(row: LedgerRow) -> tuple[int, float]:
    said = row.promise.said_at
    group = 0 if row.due_today else 1 if row.promise.status is PromiseStatus.BROKEN else 2
    return group, -(said.timestamp() if said else 0.0)


def _names(bench: Workbench) -> dict[str, str]:
    with bench.db.read() as session:
        return {agent: name or "" for agent, name in session.execute(select(Agent.agent_id, Agent.name))}


def _said(bench: Workbench, found: Iterable[LedgerPromise]) -> dict[tuple[str, int], tuple[str, str]]:
    """Text and customer of the messages with a promise."""
    places = pl.DataFrame(
        sorted({(p.conversation_key, p.seq) for p in found}),
        schema={"conversation_key": pl.String, "seq": pl.Int32}, orient="row",
    )  # fmt: skip
    snapshot = bench.archive.at()
    chats = snapshot.scan("conversations").select("conversation_key", "customer_id")
    said = (
        snapshot.scan("messages")
        .join(places.lazy(), on=["conversation_key", "seq"], how="semi")
        .join(chats, on="conversation_key", how="left")
        .select("conversation_key", "seq", pl.col("text").fill_null(""), pl.col("customer_id").fill_null(""))
        .collect()
    )
    return {(key, seq): (text, customer) for key, seq, text, customer in said.iter_rows()}
