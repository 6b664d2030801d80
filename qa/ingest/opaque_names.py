"""Chats that an earlier release named after agent, customer and day, under names that tell nobody who they were.

What was drawn or has a case file keeps its name, because sealed facts speak of it; how many those are is told. The
frames of all draws are kept first, so that every draw can still be made again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import select

from qa.archive import ArchiveChange, Snapshot
from qa.archive.schema import KEYS
from qa.draws import kept_frames
from qa.ingest import silence, sources
from qa.policy import Actor, Right, require
from qa.tables import Sample, Violation
from qa.workbench import Workbench

CHAT = "conversation_key"
LINKED = ("disputes", "ratings")


@dataclass(frozen=True)
class Renamed:
    """How many chats have opaque names now, and how many keep one that tells agent and customer."""

    renamed: int
    kept: int


def hide_names(bench: Workbench, actor: Actor, *, now: datetime) -> Renamed:
    """Give every chat that is free to change an opaque name. Doing it again finds nothing more to do; killed, it leaves
    the old names or the new ones. Raises `Conflict` when somebody is importing."""
    require(actor, Right.MAINTAIN)
    found = _told(bench.archive.at())
    if found.is_empty():
        return Renamed(0, 0)
    pinned = _pinned(bench)
    named = _names(bench.archive.at(), found.filter(~pl.col(CHAT).is_in(list(pinned))), sources.id_key(bench, now))
    done = Renamed(named.height, found.height - named.height)
    if not done.renamed:
        return done
    kept_frames.keep_all(bench)
    with bench.archive.hold() as writer:
        with bench.begin(actor, now) as work:
            work.record("archive.names_hidden", "archive", "names", renamed=done.renamed, kept=done.kept)
        with writer.change("opaque names", now) as change:
            _rename(change, named)
    return done


def _told(at: Snapshot) -> pl.DataFrame:
    """Chats whose derived id says whose they are: key, source, id."""
    id_, theirs = pl.col("conversation_id"), pl.concat_str(pl.lit("|"), "customer_id", pl.lit("|"))
    earlier = id_.str.contains(silence.EARLIER) & id_.str.contains(theirs, literal=True).fill_null(False)
    return at.scan("conversations").filter(earlier).select(CHAT, "source", "conversation_id").collect()


def _pinned(bench: Workbench) -> set[str]:
    """Chats of which something was decided."""
    with bench.db.read() as session:
        drawn = session.scalars(select(Sample.conversation_key).where(Sample.conversation_key.is_not(None)).distinct())
        files = session.scalars(select(Violation.conversation_key).distinct())
        return {*drawn, *files}


def _names(at: Snapshot, chats: pl.DataFrame, key: bytes) -> pl.DataFrame:
    """Key → new key and id, as an import would name them (`qa.ingest.silence`); those whose name is taken stay out."""
    began = at.scan("messages").join(chats.lazy().select(CHAT), on=CHAT, how="semi").group_by(CHAT)
    times = began.agg(begin=pl.col("sent_at").min()).drop_nulls("begin").collect()
    pairs = chats.join(times, on=CHAT, how="inner")  # chats without a time keep their name
    pairs = pairs.with_columns(pair=silence.opaque(key, pairs["conversation_id"].str.replace(silence.EARLIER, "")))
    begun = pairs.select(pl.concat_str("pair", pl.col("begin").dt.epoch("us"), separator="|")).to_series()
    named = pairs.with_columns(mark=silence.opaque(key, begun, 10)).with_columns(
        id=pl.concat_str(pl.lit(silence.NAMED), "pair", pl.lit("-"), "mark")
    )
    named = named.with_columns(new=pl.concat_str("source", pl.lit(":"), "id")).unique("new", keep="none")
    taken = at.scan("conversations").select(CHAT).collect()
    return named.join(taken, left_on="new", right_on=CHAT, how="anti").select(CHAT, "new", "id")


def _rename(change: ArchiveChange, named: pl.DataFrame) -> None:
    """Every row of these chats, and every link to one, under the new name."""
    names, before = named.lazy(), change.before
    for table in (name for name, key in KEYS.items() if key == CHAT):
        rows = before.scan(table).join(names, on=CHAT, how="inner").collect()
        if rows.is_empty():
            continue
        rows = rows.with_columns(pl.col("new").alias(CHAT))
        if "conversation_id" in rows.columns:
            rows = rows.with_columns(conversation_id="id")
        change.remove(table, named[CHAT])
        change.append(table, rows.drop("new", "id"))
    for table in LINKED:
        rows = before.scan(table).join(names, on=CHAT, how="inner").collect()
        if rows.height:
            change.remove(table, rows[KEYS[table]])
            change.append(table, rows.with_columns(pl.col("new").alias(CHAT)).drop("new", "id"))
