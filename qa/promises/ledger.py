"""The ledger as it is read: a page of it, what is due today, and each agent's share with its interval.

What became of the promises is judged once for an archive version and what people ruled and settled, and kept until the
time of the next one is over: a click on the page filters what is kept and reads the messages of one page alone.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock

import polars as pl
from sqlalchemy import select

from qa import scoping
from qa.i18n import N_
from qa.policy import SYSTEM, Actor, Right, require
from qa.promises import odds
from qa.promises.reading import LedgerPromise, as_promises, judged, resting_on
from qa.tables import Agent
from qa.transcripts import shown_text
from qa.workbench import Workbench
from scoring.estimate.rates import clopper_pearson
from scoring.promises import OPEN_WITHOUT_TIME, PromiseEvidence, PromiseStatus
from scoring.risk.odds import Learnt

DAYS = 90
PAGE = 100
_FRESH = timedelta(minutes=5)
_MOST_KEPT = 2
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
    PromiseEvidence.REFUND_UNCLEAR: N_("refunded; the record lacks the sum or the time"),
    PromiseEvidence.REFUSED: N_("the shop refused the refund"),
    PromiseEvidence.CLOSED: N_("the refund was closed; the record does not say why"),
    PromiseEvidence.CUSTOMER: N_("the customer said so later"),
    PromiseEvidence.CUSTOMER_LATE: N_("the customer confirmed it after its time; when it was done is not on record"),
    PromiseEvidence.AGENT: N_("the agent wrote first in time"),
    PromiseEvidence.RATING: N_("a low rating complains of it"),
    PromiseEvidence.DISPUTE: N_("a dispute complains of it"),
    PromiseEvidence.NOT_DUE: N_("its time has not come"),
    PromiseEvidence.NOTHING: N_("nothing in the data speaks of it"),
    PromiseEvidence.RULING: N_("ruled by a person"),
}


@dataclass(frozen=True)
class LedgerFilter:
    """What of the ledger is asked for; empty: everything. `view`: due (today), broken, open, all."""

    view: str = "all"
    kind: str = ""
    agent_id: str = ""
    status: str = ""


@dataclass(frozen=True)
class LedgerRow:
    """One promise with what a reader sees of it."""

    promise: LedgerPromise
    agent_name: str
    text: str
    due_today: bool


@dataclass(frozen=True)
class LedgerPage:
    """Some rows of `total`."""

    rows: tuple[LedgerRow, ...]
    total: int


@dataclass(frozen=True)
class AgentPromises:
    """An agent's promises whose outcome is known: share broken with its exact 95 % interval. Others are only
    counted."""

    agent_id: str
    agent_name: str
    kept: int
    broken: int
    unknown: int
    open: int
    low: float
    high: float

    @property
    def n(self) -> int:
        """Promises with a known outcome."""
        return self.kept + self.broken


@dataclass(frozen=True)
class Ledger:
    """What one reader may see of the promises of some days: rows of `qa.promises.reading.judged` with `due_today` and
    `p` (`qa.promises.odds`); due today first, then broken by their odds, then the others; the newest first."""

    frame: pl.DataFrame
    odds: Learnt
    """What the rulings among them say of broken ones."""

    def where(self, wanted: LedgerFilter) -> Ledger:
        """The part that is asked for."""
        by_view = {
            "due": pl.col("due_today"),
            "broken": pl.col("status") == "broken",
            "open": pl.col("status") == "open",
        }
        wish = by_view.get(wanted.view, pl.lit(value=True))
        for name in ("kind", "agent_id", "status"):
            if value := getattr(wanted, name):
                wish &= pl.col(name) == value
        return replace(self, frame=self.frame.filter(wish))

    @property
    def total(self) -> int:
        return self.frame.height


def read(bench: Workbench, actor: Actor, *, now: datetime, days: int = DAYS) -> Ledger:
    """The promises of the last `days` that `actor` may see."""
    require(actor, Right.VIEW_RESULTS, Right.VIEW_TEAM)
    found = _kept(bench, now, days)
    team = scoping.days_of(bench, actor)
    if team is not None:
        found = found.filter(team.expression(pl.col("agent_id"), pl.col("said_at")))
    if actor.agent_id is not None:
        found = found.filter(pl.col("agent_id") != actor.agent_id)
    today = now.astimezone(bench.config.zone).date()
    due = pl.col("due_at").dt.convert_time_zone(bench.config.time_zone).dt.date() == today
    due_today = (due & (pl.col("status") == "open")).fill_null(value=False)
    known = odds.learnt(found)
    urgent = odds.with_odds(found, known).with_columns(due_today=due_today)
    group = pl.when("due_today").then(0).when(pl.col("status") == "broken").then(1).otherwise(2)
    order = [group, pl.when(pl.col("status") == "broken").then(pl.col("p").round(2).fill_null(1.0)), "said_at"]
    return Ledger(urgent.sort(order, descending=[False, True, True], nulls_last=True, maintain_order=True), known)


def page(bench: Workbench, actor: Actor, ledger: Ledger, *, start: int = 0, limit: int | None = PAGE) -> LedgerPage:
    """Rows `start` to `start + limit` of a ledger that `actor` has read, with what was said, masked for them."""
    frame = ledger.frame.slice(start, limit)
    found = as_promises(frame)
    names, said = agent_names(bench), _said(bench, frame)
    reader = None if actor is SYSTEM else actor
    made = []
    for promise, due_today in zip(found, frame["due_today"], strict=True):
        text, customer = said.get((promise.conversation_key, promise.seq), ("", ""))
        shown = shown_text(reader, text, (customer,) if customer else ())
        made.append(LedgerRow(promise, names.get(promise.agent_id) or promise.agent_id, shown, due_today))
    return LedgerPage(tuple(made), ledger.total)


def by_agent(bench: Workbench, ledger: Ledger) -> tuple[AgentPromises, ...]:
    """Each agent's promises, in the order of names."""
    status = pl.col("status")
    counted = ledger.frame.group_by("agent_id").agg(
        (status == name).sum().alias(name) for name in ("kept", "broken", "unknown", "open")
    )
    names = agent_names(bench)
    made = []
    for agent, kept, broken, unknown, not_due in counted.iter_rows():
        low, high = clopper_pearson(broken, kept + broken) if kept + broken else (0.0, 1.0)
        made.append(AgentPromises(agent, names.get(agent) or agent, kept, broken, unknown, not_due, low, high))
    return tuple(sorted(made, key=lambda one: (one.agent_name, one.agent_id)))


def agent_names(bench: Workbench) -> dict[str, str]:
    """Names of agents by their id."""
    with bench.db.read() as session:
        return {agent: name or "" for agent, name in session.execute(select(Agent.agent_id, Agent.name))}


@dataclass(frozen=True)
class _Judged:
    """The judged promises as they stand from `since` until `until`, when the time of one is over."""

    frame: pl.DataFrame
    since: datetime
    until: datetime


_judged: OrderedDict[tuple[object, ...], _Judged] = OrderedDict()
_judging = Lock()


def _kept(bench: Workbench, now: datetime, days: int) -> pl.DataFrame:
    """The judged promises, from what is kept or judged now; one of several readers at a time does the work."""
    key = (*resting_on(bench), days)
    with _judging:
        held = _judged.get(key)
        if held is None or not held.since <= now < held.until:
            since = pl.col("said_at").is_null() | (pl.col("said_at") >= now - timedelta(days=days))
            snapshot = bench.archive.at()
            frame = judged(bench, snapshot, snapshot.scan("promises").filter(since), now)
            held = _judged[key] = _Judged(frame, now, _next_change(frame, now))
            while len(_judged) > _MOST_KEPT:
                _judged.popitem(last=False)
        return held.frame


def _next_change(frame: pl.DataFrame, now: datetime) -> datetime:
    """When the next promise stops being open, but not sooner than in a few minutes; at most a day from now, when those
    of the first day leave the list."""
    ends = pl.coalesce("due_at", pl.col("said_at") + OPEN_WITHOUT_TIME)
    first = frame.filter(pl.col("found") == PromiseStatus.OPEN.value).select(ends.min()).item()
    soonest, latest = now + _FRESH, now + timedelta(days=1)
    return latest if first is None else min(max(first, soonest), latest)


def _said(bench: Workbench, found: pl.DataFrame) -> dict[tuple[str, int], tuple[str, str]]:
    """Text and customer of the messages with a promise."""
    places = found.select("conversation_key", "seq").unique()
    snapshot = bench.archive.at()
    chats = snapshot.scan("conversations").select("conversation_key", "customer_id")
    said = (
        snapshot.scan("messages")
        .filter(pl.col("conversation_key").is_in(places["conversation_key"].unique().implode()))
        .join(places.lazy(), on=["conversation_key", "seq"], how="semi")
        .join(chats, on="conversation_key", how="left")
        .select("conversation_key", "seq", pl.col("text").fill_null(""), pl.col("customer_id").fill_null(""))
        .collect()
    )
    return {(key, seq): (text, customer) for key, seq, text, customer in said.iter_rows()}
