"""Which import said what of a record: kept as soon as a second one touches it, so that any of them can be taken back.

A record that one import alone has touched needs nothing: its row names that import. Frames in, frames out.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from qa.archive import KEYS, TABLES, Snapshot, conform

CHATS, SESSIONS = "chats", "sessions"
ORIGINS = {"conversations": "conversation_origins", "disputes": "dispute_origins", "ratings": "rating_origins"}
SAID = ("customer_id", "shop", "channel", "order_id", "started_at", "ended_at", "satisfaction")


def of_chats(part: pl.DataFrame, merged: pl.DataFrame, import_id: int, kind: str = CHATS) -> pl.DataFrame:
    """What this import says of conversations that are known: `part` as the file gives them, `merged` with the archive's
    (`old_…`).

    With a column `base`: true for what was known before, which counts where nothing is kept yet.
    """
    known = merged.filter(pl.col("old_content_hash").is_not_null())
    said = part.join(known.select("conversation_key"), on="conversation_key", how="semi")
    agent = "named_agent" if "named_agent" in said.columns else "agent_id"
    own = said.with_columns(
        agent_id=pl.col(agent) if agent in said.columns else pl.lit(None, dtype=pl.String),
        kind=pl.lit(kind),
        import_id=pl.lit(import_id),
        file_row=pl.col("first_row"),
        part=pl.when("united").then(pl.lit(import_id)) if kind == CHATS else pl.lit(None, dtype=pl.Int64),
    )
    before = known.select(
        "conversation_key", *[pl.col(f"old_{name}").alias(name) for name in ("agent_id", *SAID, "import_id")]
    )
    before = before.with_columns(kind=pl.lit(CHATS), part=pl.col("import_id"))
    return pl.concat(
        [
            conform("conversation_origins", own).with_columns(base=pl.lit(False)),
            conform("conversation_origins", before).with_columns(base=pl.lit(True)),
        ]
    )


def of_records(table: str, found: pl.DataFrame, merged: pl.DataFrame, import_id: int) -> pl.DataFrame:
    """The same for disputes and ratings."""
    key = KEYS[table]
    known = merged.filter(pl.col("old_source").is_not_null())
    own = found.join(known.select(key), on=key, how="semi").with_columns(import_id=pl.lit(import_id))
    before = known.select(key, *[pl.col(f"old_{name}").alias(name) for name in TABLES[table] if name != key])
    return pl.concat(
        [
            conform(ORIGINS[table], own).with_columns(base=pl.lit(False)),
            conform(ORIGINS[table], before).with_columns(base=pl.lit(True)),
        ]
    )


def missing(table: str, said: pl.DataFrame, before: Snapshot) -> pl.DataFrame:
    """The rows of `said` to keep: this import's, and those of before where nothing is kept yet."""
    key, origins = KEYS[table], ORIGINS[table]
    if said.is_empty():
        return conform(origins, said)
    kept = (
        before.scan(origins)
        .join(said.lazy().select(key).unique(), on=key, how="semi")
        .select(key, "import_id")
        .collect()
    )
    fresh = said.filter(~pl.col("base") | ~pl.col(key).is_in(kept[key].unique().implode()))
    return conform(origins, fresh)


def parts_before(before: Snapshot, keep: Callable[[pl.DataFrame], None]) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Gives the messages that are known of some conversations; those of which no parts are kept yet are handed to
    `keep` as one."""
    messages, parts = before.scan("messages"), before.scan("message_parts").select("conversation_key").unique()

    def earlier(keys: pl.DataFrame) -> pl.DataFrame:
        old = messages.join(keys.lazy(), on="conversation_key", how="semi").collect()
        whole = old.lazy().join(parts, on="conversation_key", how="anti").collect()
        if whole.height:
            owners = (
                before.scan("conversations")
                .select("conversation_key", owner="import_id")
                .join(
                    before.scan("conversation_origins").group_by("conversation_key").agg(first=pl.col("part").min()),
                    on="conversation_key",
                    how="left",
                )
                .join(keys.lazy(), on="conversation_key", how="semi")
                .select("conversation_key", owner=pl.coalesce("first", "owner"))
                .collect()
            )
            keep(
                whole.join(owners, on="conversation_key", how="left")
                .with_columns(import_id=pl.coalesce("owner", "import_id"))
                .drop("owner")
            )
        return old

    return earlier
