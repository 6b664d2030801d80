"""Disputes as a list: which chat each has and why, who answers, and which of them a person has to settle; and for one
of these the chats that can be meant, each with its reason and its first line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from qa import scoping
from qa.archive import Snapshot
from qa.disputes import responsible, settled
from qa.disputes.settled import SETTLED, Settled
from qa.errors import Denied, NotFound
from qa.i18n import N_
from qa.policy import SYSTEM, Actor, Right, require
from qa.tables import Agent
from qa.transcripts import shown_customer, shown_order, shown_text
from qa.workbench import Workbench

DAYS = 90
MOST_CANDIDATES = 20
AROUND = timedelta(days=60)
"""How far from a dispute another chat of its customer may lie to be offered."""
STATES: Mapping[str, str] = {
    "several": N_("several chats can be meant"),
    "none": N_("no chat was found"),
    "gone": N_("the chat it was settled on is not in the archive any more"),
    "differs": N_("its chat is about another order or customer"),
    "nobody": N_("nobody answers for it"),
}
"""Why a dispute is to be settled."""
WHY: Mapping[str, str] = {
    "order": N_("same order"),
    "customer": N_("same customer, no order named in the chat"),
    "other_order": N_("same customer, but about another order"),
    "joined": N_("joined now"),
}
"""Why a chat is offered."""


@dataclass(frozen=True)
class DisputeRow:
    """One dispute, as its reader may see it. `todo`: why it is to be settled (`STATES`), empty when it is not."""

    key: str
    dispute_id: str
    opened_at: datetime | None
    shop: str
    order_id: str
    customer: str
    reason: str
    dispute_type: str | None
    status: str | None
    cs_status: int | None
    refund_fee: int | None
    conversation_key: str | None
    joined_by: str | None
    agent_id: str | None
    agent_name: str
    answers_by: str | None
    todo: str


@dataclass(frozen=True)
class Candidate:
    """A chat that a dispute can belong to. `after`: it began when the dispute was open already; `agents` wrote in it as
    people."""

    conversation_key: str
    why: str
    after: bool
    other_shop: bool
    started_at: datetime | None
    agents: tuple[tuple[str, str], ...]
    first_line: str


def rows(
    bench: Workbench, actor: Actor, *, now: datetime, days: int = DAYS, rule: str = responsible.LAST
) -> tuple[DisputeRow, ...]:
    """Disputes opened in the last `days` that `actor` may see, those to be settled first, the newest first."""
    require(actor, Right.VIEW_RESULTS, Right.VIEW_TEAM)
    snapshot = bench.archive.at()
    since = snapshot.scan("disputes").filter(pl.col("opened_at") >= now - timedelta(days=days))
    with bench.db.read() as session:
        names, decided = names_of(session), settled.in_force(session)
    found = scoping.seen_rows(bench, actor, _known(snapshot, since, decided, rule), "agent_id", "opened_at").collect()
    own = found["agent_id"] == actor.agent_id if actor.agent_id else None
    found = found if own is None else found.filter(~own.fill_null(False))
    made = [_row(actor, row, names) for row in found.sort("opened_at", descending=True).iter_rows(named=True)]
    return tuple(sorted(made, key=lambda row: not row.todo))


def one(bench: Workbench, actor: Actor, key: str, rule: str = responsible.LAST) -> DisputeRow:
    """One dispute. Raises `NotFound`, and `Denied` for what `actor` may not see or took part in."""
    require(actor, Right.VIEW_RESULTS, Right.VIEW_TEAM, Right.INSPECT)
    snapshot = bench.archive.at()
    with bench.db.read() as session:
        names, decided = names_of(session), settled.in_force(session, [key])
    found = _known(snapshot, snapshot.scan("disputes").filter(pl.col("dispute_key") == key), decided, rule).collect()
    if found.is_empty():
        raise NotFound(N_("There is no such dispute in the archive; it may have been taken back."))
    row = found.row(0, named=True)
    if actor.agent_id is not None and actor.agent_id in (row["agent_id"], *(row["agent_ids"] or ())):
        raise Denied(N_("You took part in this dispute; somebody else has to decide."))
    if not scoping.sees_all(actor):
        scoping.require_seen(bench, actor, row["agent_id"] or "", row["opened_at"])
    return _row(actor, row, names)


def candidates(bench: Workbench, actor: Actor, key: str) -> tuple[Candidate, ...]:
    """The chats that dispute `key` can belong to: of its order first, then of its customer, the nearest first."""
    one(bench, actor, key)
    snapshot = bench.archive.at()
    with bench.db.read() as session:
        names, decided = names_of(session), settled.in_force(session, [key])
    chats = snapshot.scan("conversations")
    disputes = snapshot.scan("disputes").filter(pl.col("dispute_key") == key)
    dispute = settled.laid_over(disputes, chats, decided).collect().row(0, named=True)
    found = _near(chats, dispute).collect()
    lines = _first_lines(snapshot, found["conversation_key"].to_list())
    return tuple(_candidate(actor, row, dispute, names, lines) for row in found.iter_rows(named=True))


def names_of(session: Session) -> dict[str, str]:
    """Display names by agent id."""
    return {agent: name or agent for agent, name in session.execute(select(Agent.agent_id, Agent.name))}


def _known(snapshot: Snapshot, disputes: pl.LazyFrame, decided: tuple[Settled, ...], rule: str) -> pl.LazyFrame:
    """Disputes with their chat, who answers, and `todo`."""
    chats = snapshot.scan("conversations")
    given = pl.DataFrame(
        [(one.dispute_key, one.conversation_key) for one in decided],
        schema={"dispute_key": pl.String, "settled_chat": pl.String}, orient="row",
    )  # fmt: skip
    over = settled.laid_over(disputes, chats, decided)
    answered = responsible.answering(over, snapshot, rule).join(given.lazy(), on="dispute_key", how="left")
    about = chats.select("conversation_key", "agent_ids", chat_order="order_id", chat_customer="customer_id")
    found = answered.join(about, on="conversation_key", how="left")
    nothing = pl.col("conversation_key").is_null()
    other = _differ("order_id", "chat_order") | _differ("customer_id", "chat_customer")
    todo = (
        pl.when(nothing & (pl.col("settled_chat") != "").fill_null(False))
        .then(pl.lit("gone"))
        .when(nothing & pl.col("settled_chat").is_null() & (pl.col("joined_by") == "several").fill_null(False))
        .then(pl.lit("several"))
        .when(nothing & pl.col("settled_chat").is_null())
        .then(pl.lit("none"))
        .when(~nothing & pl.col("joined_by").ne_missing(SETTLED) & other)
        .then(pl.lit("differs"))
        .when(pl.col("agent_id").is_null() & pl.col("settled_agent").is_null())
        .then(pl.lit("nobody"))
        .otherwise(pl.lit(""))
    )
    return found.with_columns(todo=todo)


def _differ(one_: str, other: str) -> pl.Expr:
    """Both are known and they are not the same."""
    known = (pl.col(one_).fill_null("") != "") & (pl.col(other).fill_null("") != "")
    return known & (pl.col(one_) != pl.col(other)).fill_null(False)


def _row(actor: Actor, row: Mapping[str, Any], names: Mapping[str, str]) -> DisputeRow:
    reader = None if actor is SYSTEM else actor
    customer, agent = row["customer_id"] or "", row["agent_id"]
    return DisputeRow(
        row["dispute_key"], row["dispute_id"] or "", row["opened_at"], row["shop"] or "",
        shown_order(reader, row["order_id"]) or "", shown_customer(reader, customer) or "",
        shown_text(reader, row["reason"] or "", (customer,) if customer else ()),
        row["dispute_type"], row["status"], row["cs_status"], row["refund_fee"], row["conversation_key"],
        row["joined_by"], agent, names.get(agent, agent) if agent else "", row["answers_by"], row["todo"],
    )  # fmt: skip


def _near(chats: pl.LazyFrame, dispute: Mapping[str, Any]) -> pl.LazyFrame:
    """Chats of the order, of the customer around the time, and the one that is joined now: nearest first."""
    opened, order, customer = dispute["opened_at"], dispute["order_id"] or "", dispute["customer_id"] or ""
    same_order = pl.lit(bool(order)) & (pl.col("order_id") == order).fill_null(False)
    close = pl.col("started_at").is_between(opened - AROUND, opened + AROUND).fill_null(False)
    same_customer = pl.lit(bool(customer)) & (pl.col("customer_id") == customer).fill_null(False) & close
    now = (pl.col("conversation_key") == (dispute["conversation_key"] or "")).fill_null(False)
    unsaid = (pl.col("order_id").fill_null("") == "") | pl.lit(not order)
    why = (
        pl.when(same_order).then(pl.lit("order"))
        .when(same_customer & unsaid).then(pl.lit("customer"))
        .when(same_customer).then(pl.lit("other_order"))
        .otherwise(pl.lit("joined"))
    )  # fmt: skip
    rank = why.replace_strict({"order": 0, "customer": 1, "joined": 2, "other_order": 3}, return_dtype=pl.Int8)
    apart = (pl.col("started_at") - pl.lit(opened)).dt.total_seconds().abs()
    found = chats.filter(same_order | same_customer | now).with_columns(why=why, rank=rank, apart=apart)
    names = ["conversation_key", "agent_ids", "shop", "customer_id", "started_at", "why"]
    return found.sort("rank", "apart", "conversation_key").select(names).head(MOST_CANDIDATES)


def _first_lines(snapshot: Snapshot, keys: list[str]) -> dict[str, str]:
    said = snapshot.scan("messages").filter(
        pl.col("conversation_key").is_in(keys)
        & (pl.col("role") == "customer")
        & (pl.col("text").str.strip_chars() != "")
    )
    first = said.group_by("conversation_key").agg(pl.col("text").sort_by("seq").first()).collect()
    return dict(first.iter_rows())


def _candidate(
    actor: Actor, row: Mapping[str, Any], dispute: Mapping[str, Any], names: Mapping[str, str], lines: Mapping[str, str]
) -> Candidate:
    customer, started = row["customer_id"] or "", row["started_at"]
    text = shown_text(
        None if actor is SYSTEM else actor, lines.get(row["conversation_key"], ""), (customer,) if customer else ()
    )
    after = started is not None and started > dispute["opened_at"]
    other = bool(row["shop"] and dispute["shop"] and row["shop"] != dispute["shop"])
    people = tuple((agent, names.get(agent, agent)) for agent in row["agent_ids"] or ())
    return Candidate(row["conversation_key"], row["why"], after, other, started, people, " ".join(text.split())[:80])
