"""What of an import is new: conversations against the archive by content, records by content.

A blank in the file never erases what the archive knows. Equal content is not written again. Frames in, frames out; the
only thing read is the archive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from zoneinfo import ZoneInfo

import polars as pl

from qa.archive import KEYS, PROVENANCE, TABLES, Snapshot, among
from qa.disputes import deadlines
from qa.ingest.hashing import probe, row_hash

ATTRIBUTES = ("agent_id", "customer_id", "shop", "channel", "order_id", "started_at", "ended_at", "satisfaction")
MARK, DIGITS = 8, 20
"""A content hash is the mark of the hash function, the hash of the messages and the hash of the fields."""
CARRIED = ("customer_id", "shop", "channel", "order_id", "satisfaction")


def differing(found: pl.DataFrame, before: Snapshot, source: str) -> pl.DataFrame:
    """Those of `found` (`conversation_key`, `m`) of which the archive has other messages."""
    known = existing(before, "conversations", "conversation_key", found["conversation_key"], source).select(
        "conversation_key", "content_hash"
    )
    if known.is_empty():
        return found.clear()
    known = _with_current_mark(known, before)
    both = found.join(known, on="conversation_key", how="inner", maintain_order="left")
    return both.filter(pl.col("content_hash").str.slice(MARK, DIGITS) != _digits("m")).drop("content_hash")


def chats(found: pl.DataFrame, before: Snapshot, source: str, import_id: int) -> pl.DataFrame:
    """Conversations of the file, merged with the archive's: columns of the table plus `state` and `same_messages`.

    `state` is new, changed or unchanged.
    """
    known = existing(before, "conversations", "conversation_key", found["conversation_key"], source)
    known = _with_current_mark(
        known.select("conversation_key", "content_hash", "agent_ids", "message_count", "import_id", *ATTRIBUTES), before
    )
    known = known.rename({name: f"old_{name}" for name in known.columns if name != "conversation_key"})
    nothing = [
        pl.lit(None, dtype=kind).alias(name) for name, kind in known.schema.items() if name != "conversation_key"
    ]
    joined = (
        found.join(known, on="conversation_key", how="left", maintain_order="left")
        if known.height
        else found.with_columns(nothing)
    )
    joined = joined.with_columns(
        same_messages=(pl.col("old_content_hash").str.slice(MARK, DIGITS) == _digits("m")).fill_null(False)
    )
    merged = joined.with_columns(
        *[_first_of(joined, name) for name in CARRIED],
        agent_id=pl.when("same_messages")
        .then(pl.coalesce("old_agent_id", *_present(joined, "speaker", "named_agent")))
        .otherwise(pl.coalesce(*_present(joined, "speaker", "named_agent"), "old_agent_id")),
        agent_ids=_participants(joined),
        started_at=_bound(joined, "started_at", "first_at", pl.min_horizontal),
        ended_at=_bound(joined, "ended_at", "last_at", pl.max_horizontal),
    )
    return _finish_chats(merged, source, import_id)


def of_other_people(merged: pl.DataFrame) -> pl.DataFrame:
    """Changed conversations whose file names another customer and another agent than the archive: probably the same id
    of two shops."""
    changed = merged.filter(pl.col("state") == "changed")
    if changed.is_empty() or ("named_agent" not in changed.columns and "speakers" not in changed.columns):
        return changed.clear()
    theirs = pl.col("old_agent_ids").fill_null([])
    if "named_agent" in changed.columns:
        stranger = pl.col("named_agent").is_not_null() & ~pl.col("named_agent").is_in(theirs)
    else:
        stranger = pl.col("speakers").list.set_difference(theirs).list.len() > 0
    return changed.filter(
        stranger & (theirs.list.len() > 0) & (pl.col("customer_id") != pl.col("old_customer_id")).fill_null(False)
    )


def sessions(found: pl.DataFrame, before: Snapshot, source: str, import_id: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Session attributes laid over the archive's conversations; second, the sessions without messages there."""
    known = existing(before, "conversations", "conversation_key", found["conversation_key"], source)
    known = _with_current_mark(known, before).rename(
        {name: f"old_{name}" for name in known.columns if name != "conversation_key"}
    )
    lost = found.join(known, on="conversation_key", how="anti", maintain_order="left")
    joined = found.join(known, on="conversation_key", how="inner", maintain_order="left")
    merged = joined.with_columns(
        *[_first_of(joined, name) for name in (*CARRIED, "agent_id", "started_at", "ended_at")],
        agent_ids=pl.col("old_agent_ids"),
        message_count=pl.col("old_message_count"),
        agent_message_count=pl.col("old_agent_message_count"),
        m=pl.col("old_content_hash").str.slice(MARK, DIGITS).cast(pl.UInt64),
        same_messages=pl.lit(True),
        first_row=pl.col("file_row"),
    ).with_columns(
        agent_ids=pl.concat_list("agent_ids", pl.concat_list("agent_id"))
        .list.drop_nulls()
        .list.unique(maintain_order=True)
    )
    return _finish_chats(merged, source, import_id), lost


def _finish_chats(merged: pl.DataFrame, source: str, import_id: int) -> pl.DataFrame:
    fields, old = _fields_hash(ATTRIBUTES, ""), _fields_hash(ATTRIBUTES, "old_")
    same = pl.col("same_messages") & (pl.col("f") == pl.col("old_f"))
    merged = merged.with_columns(f=fields, old_f=old)
    return merged.with_columns(
        state=pl.when(pl.col("old_content_hash").is_null())
        .then(pl.lit("new"))
        .when(same)
        .then(pl.lit("unchanged"))
        .otherwise(pl.lit("changed")),
        source=pl.lit(source),
        import_id=pl.lit(import_id, dtype=pl.Int64),
        file_row=pl.col("first_row"),
        content_hash=pl.concat_str(pl.lit(probe()), _digits("m"), _digits("f")),
    )


def with_hash(rows: pl.DataFrame) -> pl.DataFrame:
    """Conversations with the hash of their messages (`m`) and fields as `content_hash`."""
    hashed = rows.with_columns(f=_fields_hash(ATTRIBUTES, ""))
    return hashed.with_columns(content_hash=pl.concat_str(pl.lit(probe()), _digits("m"), _digits("f"))).drop("f")


def records(table: str, found: pl.DataFrame, before: Snapshot, source: str, key: str) -> pl.DataFrame:
    """Disputes or ratings of the file, merged with the archive's, with `content_hash` and `state` (new, changed,
    unchanged)."""
    known = existing(before, table, key, found[key], source)
    known = known.rename({name: f"old_{name}" for name in known.columns if name != key})
    joined = found.join(known, on=key, how="left", maintain_order="left")
    told = [name for name in content_of(table) if name in (*found.columns, "messages")]
    merged = joined.with_columns(
        pl.coalesce(*_present(joined, name), f"old_{name}").alias(name) for name in content_of(table)
    )
    if table == "disputes":  # of a record that waits for somebody, also again, the last change is no end
        merged = merged.with_columns(closed_at=pl.when(~deadlines.waiting(pl.col("status"))).then("closed_at"))
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"old_{name}")) for name in told)
    if "conversation_id" in found.columns:  # it may name another chat than the one it was linked to
        differs |= (
            ~pl.col("old_conversation_key").str.ends_with(pl.concat_str(pl.lit(":"), "conversation_id"))
        ).fill_null(False)
    return (
        merged.with_columns(
            state=pl.when(pl.col("old_source").is_null())
            .then(pl.lit("new"))
            .when(differs)
            .then(pl.lit("changed"))
            .otherwise(pl.lit("unchanged")),
            f=_fields_hash([name for name in content_of(table) if name != "messages"], "")
            ^ (pl.col("messages").hash(7) if "messages" in told else pl.lit(0, dtype=pl.UInt64)),
        )
        .with_columns(content_hash=pl.concat_str(pl.lit(probe()), _digits("f")))
        .drop("f")
    )


def with_earlier_keys(found: pl.DataFrame, before: Snapshot, source: str, key: str) -> pl.DataFrame:
    """`found` with the keys under which the archive already has the same records: those that release 0.1.0 gave
    (`earlier_key`)."""
    if "earlier_key" not in found.columns or found["earlier_key"].null_count() == found.height:
        return found
    names = [name for name in content_of("ratings") if name in found.columns and name != "rating_id"]
    known = existing(before, "ratings", key, found["earlier_key"].drop_nulls(), source).select(
        pl.col(key).alias("earlier_key"), "conversation_key", *names
    )
    both = found.join(
        known.rename({name: f"old_{name}" for name in known.columns if name != "earlier_key"}),
        on="earlier_key",
        how="left",
        maintain_order="left",
    )
    same = (
        pl.all_horizontal(pl.coalesce(name, f"old_{name}").eq_missing(pl.col(f"old_{name}")) for name in names)
        & pl.col("old_rated_at").is_not_null()
    )
    if "conversation_id" in found.columns:
        same &= (
            pl.col("conversation_id").is_null()
            | pl.col("old_conversation_key").is_null()
            | pl.col("old_conversation_key").str.ends_with(pl.concat_str(pl.lit(":"), "conversation_id"))
        )
    same &= pl.int_range(pl.len()).over("earlier_key", same) == 0
    id_ = pl.col("earlier_key").str.slice(len(source) + 1)
    return both.select(
        *[name for name in found.columns if name not in (key, "rating_id")],
        pl.when(same).then("earlier_key").otherwise(key).alias(key),
        pl.when(same).then(id_).otherwise("rating_id").alias("rating_id"),
    )


def content_of(table: str) -> list[str]:
    """The columns of a dispute or rating that a file can fill."""
    return [
        name
        for name in TABLES[table]
        if name not in (KEYS[table], "source", "conversation_key", "joined_by", "content_hash", *PROVENANCE)
    ]


def changes(merged: pl.DataFrame, key: str, names: Iterable[str], zone: ZoneInfo) -> pl.DataFrame:
    """What `merged` (with `state` and the columns `old_…`) would change in what is there: `field`, `key`, `old`, `new`
    in words, times in `zone`; one row a changed field."""
    known = merged.filter(pl.col("state") == "changed")
    found = [pl.DataFrame(schema=dict.fromkeys(("field", "key", "old", "new"), pl.String))]
    for name in names:
        other = known.filter(pl.col(f"old_{name}").is_not_null() & pl.col(name).ne_missing(pl.col(f"old_{name}")))
        old, new = _said(f"old_{name}", other, zone), _said(name, other, zone)
        found.append(other.select(field=pl.lit(name), key=key, old=old, new=new))
    return pl.concat(found)


def _said(name: str, frame: pl.DataFrame, zone: ZoneInfo) -> pl.Expr:
    value = pl.col(name)
    if isinstance(frame.schema[name], pl.List):
        value = value.list.len()
    elif isinstance(frame.schema[name], pl.Datetime):
        value = value.dt.convert_time_zone(str(zone)).dt.strftime("%Y-%m-%d %H:%M:%S")
    return value.cast(pl.String)


def existing(before: Snapshot, table: str, key: str, keys: pl.Series, source: str) -> pl.DataFrame:
    """The archive's rows of `table` whose key is among `keys`."""
    return among(before.scan(table), keys.drop_nulls(), key).filter(pl.col("source") == source).collect()


def _with_current_mark(known: pl.DataFrame, before: Snapshot) -> pl.DataFrame:
    """Stored hashes that another library version or machine made are computed again from the stored messages."""
    mark = probe()
    foreign = known.filter(~pl.col("content_hash").str.starts_with(mark)).select("conversation_key")
    if foreign.is_empty():
        return known
    messages = before.scan("messages").join(foreign.lazy(), on="conversation_key", how="semi")
    hashed = messages.map_batches(
        lambda rows: rows.select("conversation_key", row_hash(rows)),
        schema={"conversation_key": pl.String, "h": pl.UInt64},
        streamable=True,
    )
    again = hashed.group_by("conversation_key").agg(m=pl.col("h").sum()).collect(engine="streaming")
    fresh = again.select("conversation_key", fresh=pl.concat_str(pl.lit(mark), _digits("m"), pl.lit("0" * DIGITS)))
    return (
        known.join(fresh, on="conversation_key", how="left", maintain_order="left")
        .with_columns(content_hash=pl.coalesce("fresh", "content_hash"))
        .drop("fresh")
    )


def _digits(name: str) -> pl.Expr:
    """A 64-bit number as 20 digits."""
    return pl.col(name).cast(pl.String).str.zfill(DIGITS)


def _fields_hash(names: tuple[str, ...] | list[str], prefix: str) -> pl.Expr:
    """Hash of several fields; each has its own seed, so equal values may not change places unseen."""
    mixed = pl.lit(0, dtype=pl.UInt64)
    for place, name in enumerate(names):
        mixed = (mixed ^ pl.col(prefix + name).hash(place + 11)) * pl.lit(0x9E3779B97F4A7C15, dtype=pl.UInt64)
    return mixed


def _present(frame: pl.DataFrame, *names: str) -> list[str]:
    return [name for name in names if name in frame.columns]


def _bound(frame: pl.DataFrame, name: str, told: str, outer: Callable[..., pl.Expr]) -> pl.Expr:
    """Begin or end: as given, as known for the same messages, else the first or last message. A part of a conversation
    can only widen it."""
    given, old = _present(frame, name), f"old_{name}"
    whole = pl.coalesce(*given, pl.when("same_messages").then(old), told, old)
    return pl.when("united").then(outer(pl.coalesce(*given, told), old)).otherwise(whole)


def _first_of(frame: pl.DataFrame, name: str) -> pl.Expr:
    return pl.coalesce(*_present(frame, name), f"old_{name}").alias(name)


def _participants(frame: pl.DataFrame) -> pl.Expr:
    parts = [pl.col("speakers").fill_null([])] if "speakers" in frame.columns else []
    if frame["united"].any():
        parts.append(pl.when("united").then(pl.col("old_agent_ids").fill_null([])).otherwise([]))
    elif "speakers" in frame.columns and not _others_named(frame):
        return pl.col("speakers").fill_null([])
    if "named_agent" in frame.columns:
        parts.append(pl.concat_list("named_agent"))
    if not parts:
        return pl.lit([], dtype=pl.List(pl.String))
    return pl.concat_list(*parts).list.drop_nulls().list.unique(maintain_order=True)


def _others_named(frame: pl.DataFrame) -> bool:
    """Whether any conversation names an agent who did not speak in it."""
    if "named_agent" not in frame.columns:
        return False
    known = pl.col("named_agent").is_null() | (pl.col("named_agent") == pl.col("speaker")).fill_null(False)
    return not frame.select(known.all()).item()
