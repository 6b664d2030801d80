"""Copying conversations, disputes and ratings out of the archive at one version, and storing each content once.

What is copied is the stored form, plain JSON whose hash names it; `qa.transcripts.document` reads it. Who samples it
and who may read it is not known here: the content is unmasked, masking happens where it is served.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from qa.archive import Snapshot
from qa.tables import Transcript

_BATCH = 2_000
_HIDDEN = ("import_id", "file_row", "content_hash", "messages", "settled_agent")


def freeze(
    snapshot: Snapshot,
    units: pl.DataFrame,
    names: Mapping[str, str] | None = None,
    *,
    disputes: pl.LazyFrame | None = None,
) -> list[dict[str, Any]]:
    """Copy the units out of the archive, in the order of `units`.

    `units` has `unit_id`, `source` ('chat' | 'dispute' | 'rating') and `conversation_key` (null when no chat is
    joined), optionally `agent_id` (else the agent of the record). `names` gives display names of agents; `disputes`
    stands for the archive's where people settled something about them. Messages of a
    dispute follow those of the chat with `part` = 'dispute', so that evidence can name any of them by `seq`. Costs one
    scan of each table, whatever the number of units. A unit the archive does not hold comes back without messages.
    """
    chats = _rows(snapshot, "conversations", "conversation_key", units["conversation_key"])
    messages = _messages(snapshot, units["conversation_key"])
    lost = _lost(snapshot, units["conversation_key"])
    tables = {"disputes": disputes} if disputes is not None else {}
    records = {
        source: _rows(snapshot, table, key, units.filter(pl.col("source") == source)["unit_id"], tables.get(table))
        for source, table, key in (("dispute", "disputes", "dispute_key"), ("rating", "ratings", "rating_key"))
    }
    names = names or {}
    return [
        _content(unit, chats.get(unit["conversation_key"]), messages.get(unit["conversation_key"], []), records, names)
        | lost.get(unit["conversation_key"], {})
        for unit in units.iter_rows(named=True)
    ]


def _lost(snapshot: Snapshot, keys: pl.Series) -> dict[str, dict[str, int]]:
    """Of conversations of which rows were refused, how many."""
    rows = snapshot.scan("refused").filter(pl.col("conversation_key").is_in(keys.drop_nulls().unique().implode()))
    counts = rows.group_by("conversation_key").agg(pl.struct("import_id", "file_row").n_unique().alias("n")).collect()
    return {key: {"lost_rows": n} for key, n in counts.iter_rows()}


def content_hash(content: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of a frozen transcript, in hex."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def store(session: Session, contents: Sequence[Mapping[str, Any]], now: datetime) -> list[int]:
    """Keep each content once and return its id, in order. Belongs in the caller's transaction."""
    hashes = [content_hash(content) for content in contents]
    known = _known(session, hashes)
    fresh = {
        digest: {"unit_id": content["unit_id"], "content": dict(content), "content_hash": digest, "created_at": now}
        for digest, content in zip(hashes, contents, strict=True)
        if digest not in known
    }
    rows = list(fresh.values())
    for start in range(0, len(rows), _BATCH):
        session.execute(insert(Transcript), rows[start : start + _BATCH])
    known |= _known(session, fresh)
    return [known[digest] for digest in hashes]


def _known(session: Session, hashes: Iterable[str]) -> dict[str, int]:
    wanted, found = list(hashes), dict[str, int]()
    for start in range(0, len(wanted), 500):
        query = select(Transcript.content_hash, Transcript.id).where(
            Transcript.content_hash.in_(wanted[start : start + 500])
        )
        found.update((digest, number) for digest, number in session.execute(query))
    return found


def _rows(
    snapshot: Snapshot, table: str, key: str, keys: pl.Series, other: pl.LazyFrame | None = None
) -> dict[str, dict[str, Any]]:
    wanted = keys.drop_nulls().unique()
    if wanted.is_empty():
        return {}
    rows = snapshot.scan(table) if other is None else other
    frame = rows.filter(pl.col(key).is_in(wanted.implode())).collect()
    return {row[key]: row for row in frame.iter_rows(named=True)}


def _messages(snapshot: Snapshot, keys: pl.Series) -> dict[str, list[dict[str, Any]]]:
    wanted = keys.drop_nulls().unique()
    if wanted.is_empty():
        return {}
    frame = (
        snapshot.scan("messages")
        .filter(pl.col("conversation_key").is_in(wanted.implode()))
        .select("conversation_key", "seq", "role", "agent_id", "sent_at", "kind", "text")
        .collect()
        .sort("conversation_key", "seq")
    )
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in frame.iter_rows(named=True):
        grouped.setdefault(row.pop("conversation_key"), []).append(row)
    return grouped


def _content(
    unit: Mapping[str, Any],
    chat: Mapping[str, Any] | None,
    messages: Sequence[Mapping[str, Any]],
    records: Mapping[str, Mapping[str, dict[str, Any]]],
    names: Mapping[str, str],
) -> dict[str, Any]:
    dispute = records["dispute"].get(unit["unit_id"]) if unit["source"] == "dispute" else None
    rating = records["rating"].get(unit["unit_id"]) if unit["source"] == "rating" else None
    record = dispute or rating or {}
    chat = chat or {}
    agent_id = unit.get("agent_id") or record.get("agent_id") or chat.get("agent_id")
    lines = [_line(message, names) for message in messages]
    if dispute:
        lines += _dispute_lines(dispute, agent_id, 1 + max((line["seq"] for line in lines), default=-1), names)
    return {
        "unit_id": unit["unit_id"],
        "source": unit["source"],
        "conversation_key": unit["conversation_key"],
        "agent_id": agent_id,
        "agent_name": names.get(agent_id or ""),
        "participants": sorted({*(chat.get("agent_ids") or []), *([agent_id] if agent_id else [])}),
        "shop": chat.get("shop") or record.get("shop"),
        "channel": chat.get("channel"),
        "customer_id": chat.get("customer_id") or record.get("customer_id"),
        "order_id": chat.get("order_id") or record.get("order_id"),
        "started_at": _iso(chat.get("started_at") or record.get("opened_at") or record.get("rated_at")),
        "satisfaction": chat.get("satisfaction"),
        "messages": lines,
        "dispute": _plain(dispute),
        "rating": _plain(rating),
    }


def _line(message: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    line = {name: message[name] for name in ("seq", "role", "agent_id", "kind", "text")}
    line["sent_at"] = _iso(message["sent_at"])
    if message["agent_id"] in names:
        line["agent_name"] = names[message["agent_id"]]
    return line


def _dispute_lines(
    dispute: Mapping[str, Any], agent_id: str | None, first: int, names: Mapping[str, str]
) -> list[dict[str, Any]]:
    lines = []
    for seq, message in enumerate(dispute["messages"] or [], start=first):
        own = agent_id if message["role"] == "agent" else None
        line = _line({**message, "seq": seq, "kind": "text", "agent_id": own}, names)
        lines.append({**line, "part": "dispute"})
    return lines


def _plain(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {name: _iso(v) if isinstance(v, datetime) else v for name, v in row.items() if name not in _HIDDEN}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
