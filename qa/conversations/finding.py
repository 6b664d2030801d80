"""Finding conversations in the whole archive: words and filters in, one page of results out, every search on record.

A conversation is found when each word stands in one of its messages. Readers without the right to personal data search
what they would read: masked text, masked customers and orders. An inspector learns nothing of what was drawn, and
nobody finds conversations that they took part in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from qa import scoping
from qa.blinding import waiting
from qa.conversations import index, listing
from qa.conversations.folding import pattern, words
from qa.conversations.index import IndexState
from qa.conversations.listing import ConversationList, Wanted
from qa.conversations.matching import Flags
from qa.conversations.picking import NAMED
from qa.errors import Denied, Invalid
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.reports import exporting
from qa.reports.exporting import ExportFile
from qa.tables import Agent, Inspection, Sample, Verdict
from qa.transcripts import handle, sees_customers, shown_customer, shown_order, shown_text
from qa.workbench import Workbench

SIZE = 25
AROUND = 24
"""Characters of a snippet before the word that was found."""
LINE = 90
MOST_EXPORTED = 20_000


@dataclass(frozen=True)
class Snippet:
    """A piece of the first message that has a word; `start` and `end` mark the word in `text`."""

    seq: int
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class FoundConversation:
    """One line of the results, as its reader may see it. `sample_id`, `score` (centi-points) and
    `verdict_id` are of the newest sample, only where the reader may know; `named`: it is a named pick; `own`: the
    reader has inspected it."""

    handle: str
    started_at: datetime | None
    agent_id: str
    agent_name: str
    customer: str
    order: str
    channel: str
    messages: int
    rating: int | None
    rules: tuple[str, ...]
    first_line: str
    snippet: Snippet | None
    sample_id: int | None = None
    score: int | None = None
    verdict_id: int | None = None
    named: bool = False
    own: bool = False


@dataclass(frozen=True)
class FoundPage:
    """One page of results; `total` counts all. `words` are the words that were searched for, folded."""

    rows: tuple[FoundConversation, ...]
    total: int
    words: tuple[str, ...]
    by_index: bool
    index: IndexState


def find(
    bench: Workbench,
    actor: Actor,
    wanted: Wanted,
    *,
    now: datetime,
    page: int = 1,
    size: int = SIZE,
    seen: Wanted | None = None,
) -> FoundPage:
    """Conversations that fulfil `wanted`, newest first. `seen` is the search that the reader's last page came from:
    another page of it, or looking at it again, is no second search in the audit trail.

    Raises `Denied` for a filter that the reader may not use.
    """
    require(actor, Right.VIEW_CONVERSATIONS)
    _check(actor, wanted)
    known = listing.of(bench)
    sought = words(wanted.query, masked=not sees_customers(actor))
    with bench.db.read() as session:
        rows = np.flatnonzero(_matching(bench, session, actor, known, wanted, sought))
        chosen = rows[(page - 1) * size : page * size].tolist()
        found = _results(session, actor, known, chosen, sought)
    if seen != wanted:
        with bench.begin(actor, now) as work:
            fields = list(wanted.named())
            work.record("conversations.searched", "conversations", "", fields=fields, words=len(sought), n=len(rows))
    return FoundPage(
        found, len(rows), sought, known.messages.by_index, index.state(bench, known.snapshot, known.archive)
    )


def export(
    bench: Workbench, actor: Actor, wanted: Wanted, *, now: datetime, form: str, labels: Mapping[str, str]
) -> ExportFile:
    """The whole list as a file, masked for whoever it may reach, and on record. `labels` are the titles of `EXPORTED`.

    Raises `Invalid` for more than `MOST_EXPORTED` conversations.
    """
    require(actor, Right.EXPORT)
    _check(actor, wanted)
    known = listing.of(bench)
    sought = words(wanted.query, masked=not sees_customers(actor))
    with bench.db.read() as session:
        rows = np.flatnonzero(_matching(bench, session, actor, known, wanted, sought))
        if len(rows) > MOST_EXPORTED:
            raise Invalid(
                N_("{n} conversations are too many for one file; {limit} are allowed. Narrow the search."),
                n=len(rows),
                limit=MOST_EXPORTED,
            )
        names = _names(session)
    lines = _first_lines(known, rows.tolist())
    table = [_exported(row, names, lines) for row in known.frame[rows].with_columns(at=rows).iter_rows(named=True)]
    frame = pl.DataFrame(table, schema=EXPORTED, orient="row")
    return exporting.export(bench, actor, now=now, what="conversations", frame=frame, form=form, labels=labels)


EXPORTED: Mapping[str, type[pl.DataType]] = {
    "conversation": pl.String,
    "started_at": pl.Datetime,
    "agent_id": pl.String,
    "agent": pl.String,
    "customer": pl.String,
    "order": pl.String,
    "shop": pl.String,
    "channel": pl.String,
    "messages": pl.Int64,
    "rating": pl.Int64,
    "longest_wait_s": pl.Float64,
    "rules": pl.String,
    "first_line": pl.String,
}


def _exported(row: Mapping[str, object], names: Mapping[str, str], lines: Mapping[int, str]) -> tuple[object, ...]:
    agent, customer = str(row["agent_id"] or ""), _text(row["customer_id"])
    at = row["started_at"]
    rules = row["rules"]
    return (
        handle(str(row["conversation_key"])), at.replace(tzinfo=None) if isinstance(at, datetime) else None,
        agent, names.get(agent, ""), shown_customer(None, customer), shown_order(None, _text(row["order_id"])),
        row["shop"], row["channel"], row["message_count"], row["rating"], row["max_gap_s"],
        ", ".join(rules) if isinstance(rules, list) else "",
        shown_text(None, lines.get(int(str(row["at"])), ""), (customer,) if customer else ()),
    )  # fmt: skip


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _check(actor: Actor, wanted: Wanted) -> None:
    if wanted.drawn and not listing.sees_draws(actor):
        raise Denied(N_("What was drawn shows only to those who do not have to score it."))


def _matching(
    bench: Workbench, session: Session, actor: Actor, known: ConversationList, wanted: Wanted, sought: Sequence[str]
) -> Flags:
    flags = listing.filtered(bench, session, actor, known, wanted)
    masked = not sees_customers(actor)
    for word in sorted(sought, key=len, reverse=True):
        if not flags.any():
            break
        flags &= known.messages.holding(word, masked=masked)
    return flags


def _results(
    session: Session, actor: Actor, known: ConversationList, rows: Sequence[int], sought: Sequence[str]
) -> tuple[FoundConversation, ...]:
    if not rows:
        return ()
    said = {key[0]: part for key, part in known.messages.of(rows).partition_by("row", as_dict=True).items()}
    names, frame = _names(session), known.frame[rows]
    found = [
        _result(actor, row, names, said.get(at), sought)
        for at, row in zip(rows, frame.iter_rows(named=True), strict=True)
    ]
    inspected = _inspected(session, actor, frame["conversation_key"].to_list())
    return tuple(
        replace(one, **inspected.get(key, {})) for key, one in zip(frame["conversation_key"], found, strict=True)
    )


def _names(session: Session) -> dict[str, str]:
    return {agent: name for agent, name in session.execute(select(Agent.agent_id, Agent.name)) if name}


def _result(
    actor: Actor, row: Mapping[str, object], names: Mapping[str, str], said: pl.DataFrame | None, sought: Sequence[str]
) -> FoundConversation:
    customer, agent = _text(row["customer_id"]), str(row["agent_id"] or "")
    own = (customer,) if customer else ()
    lines = said.select("seq", "role", "text").rows() if said is not None else []
    first = next((text for _, role, text in lines if role == "customer" and text.strip()), "")
    rules, rating, count = row["rules"], row["rating"], row["message_count"]
    return FoundConversation(
        handle(str(row["conversation_key"])), row["started_at"] if isinstance(row["started_at"], datetime) else None,
        agent, names.get(agent, agent), shown_customer(actor, customer) or "",
        shown_order(actor, _text(row["order_id"])) or "", str(row["channel"] or ""),
        count if isinstance(count, int) else 0, rating if isinstance(rating, int) else None,
        tuple(rules) if isinstance(rules, list) else (),
        _shortened(shown_text(actor, first, own)), _snippet(actor, lines, own, sought),
    )  # fmt: skip


def _shortened(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LINE else flat[:LINE] + "…"


def _snippet(
    actor: Actor, lines: Sequence[tuple[int, str, str]], own: tuple[str, ...], sought: Sequence[str]
) -> Snippet | None:
    """The first message that has one of the words. The look at the whole text comes first: masking is slower."""
    for word in sought:
        way = re.compile(pattern(word))
        for seq, _, text in lines:
            if way.search(text) and (there := way.search(seen := shown_text(actor, text, own))):
                return _cut(seq, seen, there)
    return None


def _cut(seq: int, text: str, there: re.Match[str]) -> Snippet:
    begin, stop = max(0, there.start() - AROUND), min(len(text), there.start() + LINE)
    before, after = "…" if begin else "", "…" if stop < len(text) else ""
    piece = text[begin:stop].translate({10: " ", 13: " ", 9: " "})
    start = there.start() - begin + len(before)
    return Snippet(seq, before + piece + after, start, min(start + len(there.group()), len(before) + len(piece)))


def _first_lines(known: ConversationList, rows: Sequence[int]) -> dict[int, str]:
    said = known.messages.of(rows).filter(pl.col("role") == "customer", pl.col("text").str.strip_chars() != "")
    first = said.group_by("row", maintain_order=True).agg(pl.col("text").first())
    return {row: _shortened(text) for row, text in first.iter_rows()}


def _inspected(session: Session, actor: Actor, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The fields of `FoundConversation` about the newest standing sample of conversations, as far as `actor` may know:
    readers of all results all but what they still have to score, inspectors what they have inspected themselves and
    need not score again."""
    key = func.coalesce(Sample.conversation_key, Sample.unit_id)
    mine = (
        select(Inspection.id)
        .where(
            Inspection.sample_id == Sample.id, Inspection.inspector_id == actor.user_id, Inspection.undone_at.is_(None)
        )
        .exists()
    )
    open_ = waiting(actor).with_only_columns(key)
    query = (
        select(key, Sample.id, Verdict.total, Verdict.id, Sample.reason == NAMED, mine)
        .outerjoin(Verdict, (Verdict.sample_id == Sample.id) & Verdict.is_current & (Verdict.kind != "withdrawn"))
        .where(key.in_(list(keys)), Sample.withdrawn_at.is_(None), key.not_in(open_))
        .order_by(Sample.id)
    )
    if not listing.sees_draws(actor):
        query = query.where(mine)
    scores = listing.sees_draws(actor)
    return {
        found: {
            "sample_id": sample, "score": total if scores else None, "verdict_id": verdict if scores else None,
            "named": bool(named), "own": bool(own),
        }
        for found, sample, total, verdict, named, own in session.execute(query)
    }  # fmt: skip


def agent_names(bench: Workbench, actor: Actor) -> dict[str, str]:
    """Display names by agent id."""
    require(actor, Right.VIEW_CONVERSATIONS)
    with bench.db.read() as session:
        return _names(session)


def choices(bench: Workbench, actor: Actor) -> dict[str, list[str]]:
    """What the filters offer: agents, teams, shops, channels and rules that occur."""
    require(actor, Right.VIEW_CONVERSATIONS)
    known = listing.of(bench)
    with bench.db.read() as session:
        frame = known.frame.filter(listing.filtered(bench, session, actor, known, Wanted()))
        teams = sorted(team for team in session.scalars(select(Agent.team).distinct()) if team)
    occur = {
        name: frame[column].unique()
        for name, column in (("agent", "agent_id"), ("shop", "shop"), ("channel", "channel"))
    }
    occur["rule"] = frame["rules"].explode().unique()
    found = {name: [value for value in values.drop_nulls().sort().to_list() if value] for name, values in occur.items()}
    return {**found, "team": teams if scoping.sees_all(actor) else []}
