"""Chats of files that name none: what one agent and one customer say until they are silent for a while.

A chat is named after its source, agent, customer and first message, so it is the same whatever order the files come in;
the name is a keyed hash that tells nobody who they were.
A late file may close the silence between two known chats, or begin one earlier: they are joined under the new name,
which is shown before anything is written. Chats that were drawn or have a case file keep their name and are never
joined.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import polars as pl

from qa.archive import Snapshot, conform
from qa.ingest.hashing import probe

CHAT = "conversation_key"
USUAL = timedelta(hours=4)
PLACE = 100_000
"""Places of the messages of the second chat that is joined begin here, those of the third at twice that."""
Pinned = Callable[[Sequence[str]], set[str]]
"""Which of some conversation keys must keep their name."""
JOINS = {"old": pl.String, "new": pl.String, "rank": pl.Int64}


@dataclass(frozen=True)
class Named:
    """`ids`: the id of the chat of every row, in the order of the rows; `joins`: known chats that get another name
    (keys)."""

    ids: pl.Series
    joins: pl.DataFrame


MARK = "\x01"
"""What the id of a row begins with until its chat is named; agent and customer follow."""
NAMED = "auto-"
EARLIER = r"\|[0-9TZ:-]+$"
"""How the ids end that earlier releases derived: agent, customer and a day or a moment."""


def unnamed(agent: pl.Series, customer: pl.Series, sent_at: pl.Series) -> pl.Series:
    """The id of rows that name no chat, until it is known; null where one of the three is."""
    pair = pl.concat_str([agent, customer], separator="|")
    return pl.select(pl.when(sent_at.is_not_null()).then(pl.concat_str(pl.lit(MARK), pair))).to_series()


def opaque(key: bytes, texts: pl.Series, digits: int = 16) -> pl.Series:
    """Keyed hashes (HMAC-SHA256, RFC 2104) of texts, as hexadecimal digits."""
    distinct = texts.drop_nulls().unique()
    found = {text: hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:digits] for text in distinct}
    return texts.replace_strict(found, default=None, return_dtype=pl.String)


def name(rows: pl.DataFrame, before: Snapshot, source: str, gap: timedelta, pinned: Pinned, key: bytes) -> Named:
    """Name the chats of `rows` (`pair`, `sent_at`), beside those of the archive. `key` makes names opaque."""
    rows = rows.with_columns(pair=opaque(key, rows["pair"]))
    known = _known(before, source, rows["pair"].unique(), key)
    kept = pinned(known["key"].to_list()) if known.height else set()
    known = known.with_columns(pinned=pl.col("key").is_in(list(kept)))
    events = pl.concat(
        [
            rows.with_row_index("row").select(
                "pair",
                begin="sent_at",
                end="sent_at",
                row=pl.col("row").cast(pl.Int64),
                key=pl.lit(None, dtype=pl.String),
                pinned=pl.lit(False),
            ),
            known.select("pair", "begin", "end", row=pl.lit(None, dtype=pl.Int64), key="key", pinned="pinned"),
        ]
    ).sort("pair", "begin", "end", maintain_order=True)
    reached = pl.col("end").cum_max().over("pair").shift(1).over("pair")
    fresh = reached.is_null() | (pl.col("begin") - reached >= gap)
    events = events.with_columns(chat=fresh.cum_sum())
    groups = events.group_by("chat", maintain_order=True).agg(
        pl.col("pair").first(),
        begin=pl.col("begin").min(),
        keys=pl.col("key").drop_nulls(),
        firsts=pl.col("begin").filter(pl.col("key").is_not_null()),
        rows=pl.col("row").is_not_null().sum(),
        fixed=pl.col("pinned").any(),
    )
    begun = groups.select(pl.concat_str("pair", pl.col("begin").dt.epoch("us"), separator="|")).to_series()
    groups = groups.with_columns(mark=opaque(key, begun, 10))
    natural = pl.concat_str(pl.lit(NAMED), "pair", pl.lit("-"), "mark")
    first = pl.col("keys").list.first().str.slice(len(source) + 1)
    starts_known = (pl.col("firsts").list.first() <= pl.col("begin")).fill_null(False)
    groups = groups.with_columns(id=pl.when(starts_known | pl.col("fixed")).then(first).otherwise(natural))
    joined = (
        groups.filter((pl.col("rows") > 0) & ~pl.col("fixed")).select("id", old="keys").explode("old").drop_nulls("old")
    )
    joins = joined.with_columns(new=pl.concat_str(pl.lit(source + ":"), "id"))
    several = joins.filter((pl.col("old") != pl.col("new")).any().over("new")).with_columns(
        rank=pl.int_range(pl.len()).over("new")
    )
    ids = events.join(groups.select("chat", "id", "fixed"), on="chat", how="left").filter(pl.col("row").is_not_null())
    ids = pl.concat(
        [
            ids.filter(~pl.col("fixed")).select("row", "id"),
            _nearest(events, groups.filter("fixed", pl.col("rows") > 0), source),
        ]
    ).sort("row")
    return Named(ids["id"], several.select(pl.col(n).cast(t) for n, t in JOINS.items()))


def _known(before: Snapshot, source: str, pairs: pl.Series, key: bytes) -> pl.DataFrame:
    """Chats of these pairs in the archive: `pair`, `key`, time of the first and the last message."""
    id_ = pl.col("conversation_id")
    ours = before.scan("conversations").filter(
        (pl.col("source") == source) & (id_.str.starts_with(NAMED) | id_.str.contains(EARLIER))
    )
    chats = ours.select(CHAT, id_).collect()
    named = chats["conversation_id"].str.extract(rf"^{NAMED}([0-9a-f]+)-[0-9a-f]+$")
    earlier = opaque(key, chats["conversation_id"].str.replace(EARLIER, ""))
    chats = chats.select(CHAT, pair=named.zip_with(named.is_not_null(), earlier))
    mine = chats.lazy().join(pairs.to_frame("pair").lazy(), on="pair", how="semi")
    times = before.scan("messages").select(CHAT, "sent_at").join(mine, on=CHAT, how="inner").group_by(CHAT, "pair")
    found = times.agg(begin=pl.col("sent_at").min(), end=pl.col("sent_at").max()).drop_nulls("begin").collect()
    return found.select("pair", "begin", "end", key=CHAT).sort("pair", "begin", "key")


def _nearest(events: pl.DataFrame, groups: pl.DataFrame, source: str) -> pl.DataFrame:
    """Rows beside chats that must keep their name go to the nearest one, the earlier where two are as near."""
    mine = events.join(groups.select("chat"), on="chat", how="semi")
    rows = mine.filter(pl.col("row").is_not_null()).select("chat", "row", at="begin")
    both = rows.join(
        mine.filter(pl.col("key").is_not_null()).select("chat", "key", "begin", "end"), on="chat", how="inner"
    )
    away = pl.max_horizontal(pl.col("begin") - pl.col("at"), pl.col("at") - pl.col("end"), pl.lit(timedelta(0)))
    best = both.with_columns(away=away).sort("row", "away", "begin").unique("row", keep="first", maintain_order=True)
    return best.select("row", id=pl.col("key").str.slice(len(source) + 1))


class Rejoined:
    """A snapshot in which some chats are joined under new names already. Its `frames` hold the rows of those."""

    def __init__(self, before: Snapshot, joins: pl.DataFrame) -> None:
        self._before, self._joins = before, joins
        self._old = joins.select(pl.col("old").alias(CHAT))
        self.root, self.version, self.tables = before.root, before.version, before.tables
        self.frames = {
            "conversations": self._conversations(),
            "messages": self._messages("messages"),
            "message_parts": self._parts(),
            "conversation_origins": self._origins(),
            "refused": self._renamed("refused"),
        }

    def scan(self, table: str) -> pl.LazyFrame:
        """As `Snapshot.scan`."""
        rows = self._before.scan(table)
        if table not in self.frames:
            return rows
        rest = rows.join(self._old.lazy(), on=CHAT, how="anti")
        return pl.concat([rest, self.frames[table].lazy()])

    def count(self, table: str) -> int:
        """As `Snapshot.count`."""
        return int(self.scan(table).select(pl.len()).collect().item())

    def _renamed(self, table: str) -> pl.DataFrame:
        mine = self._before.scan(table).join(self._joins.lazy(), left_on=CHAT, right_on="old", how="inner").collect()
        return conform(table, mine.with_columns(pl.col("new").alias(CHAT)))

    def _messages(self, table: str) -> pl.DataFrame:
        mine = self._before.scan(table).join(self._joins.lazy(), left_on=CHAT, right_on="old", how="inner").collect()
        placed = mine.with_columns(
            pl.col("new").alias(CHAT), seq=pl.col("seq") + (pl.col("rank") * PLACE).cast(pl.Int32)
        )
        return conform(table, placed.sort(CHAT, "seq"))

    def _owners(self) -> pl.LazyFrame:
        """Chats of which one import alone knows, with that import."""
        chats = (
            self._before.scan("conversations")
            .join(self._old.lazy(), on=CHAT, how="semi")
            .join(self._before.scan("conversation_origins"), on=CHAT, how="anti")
        )
        return chats.select(CHAT, owner="import_id")

    def _parts(self) -> pl.DataFrame:
        kept = self._messages("message_parts")
        have = self._before.scan("message_parts").select(CHAT).unique()
        first = self._before.scan("conversation_origins").group_by(CHAT).agg(first=pl.col("part").min())
        owners = self._before.scan("conversations").select(CHAT, owner="import_id").join(first, on=CHAT, how="left")
        mine = (
            self._before.scan("messages")
            .join(self._joins.lazy(), left_on=CHAT, right_on="old", how="inner")
            .join(have, on=CHAT, how="anti")
            .join(owners, on=CHAT, how="left")
            .collect()
        )
        placed = mine.with_columns(
            pl.col("new").alias(CHAT),
            seq=pl.col("seq") + (pl.col("rank") * PLACE).cast(pl.Int32),
            import_id=pl.coalesce("first", "owner", "import_id"),
        )
        return pl.concat([kept, conform("message_parts", placed)]).sort(CHAT, "import_id", "seq")

    def _origins(self) -> pl.DataFrame:
        kept = self._renamed("conversation_origins")
        alone = (
            self._before.scan("conversations")
            .join(self._owners(), on=CHAT, how="inner")
            .join(self._joins.lazy(), left_on=CHAT, right_on="old", how="inner")
            .collect()
        )
        base = alone.with_columns(
            pl.col("new").alias(CHAT), kind=pl.lit("chats"), part=pl.col("owner"), import_id=pl.col("owner")
        )
        return pl.concat([kept, conform("conversation_origins", base)])

    def _conversations(self) -> pl.DataFrame:
        mine = (
            self._before.scan("conversations")
            .join(self._joins.lazy(), left_on=CHAT, right_on="old", how="inner")
            .collect()
            .sort("new", "rank")
        )
        plain = ("source", "agent_id", "customer_id", "shop", "channel", "order_id", "satisfaction")
        joined = mine.group_by("new", maintain_order=True).agg(
            *[pl.col(name).drop_nulls().first() for name in plain],
            pl.col("agent_ids").explode().unique(maintain_order=True),
            pl.col("started_at").min(),
            pl.col("ended_at").max(),
            pl.col("message_count").sum(),
            pl.col("agent_message_count").sum(),
            pl.col("import_id").max(),
            pl.col("file_row").first(),
        )
        named = joined.with_columns(
            pl.col("new").alias(CHAT), conversation_id=pl.col("new").str.slice(pl.col("source").str.len_chars() + 1)
        )
        return conform("conversations", named.with_columns(content_hash=pl.lit("-" * len(probe()))))


def spooled(frames: Sequence[Path]) -> pl.DataFrame:
    """Pair and time of all rows that wait in these files and name no chat, in order."""
    pair = pl.col("conversation_id").str.strip_prefix(MARK)
    wanted = [
        pl.scan_parquet(path).filter(is_unnamed("conversation_id")).select(pair=pair, sent_at="sent_at")
        for path in frames
    ]
    return (
        pl.concat(wanted).collect()
        if wanted
        else pl.DataFrame(schema={"pair": pl.String, "sent_at": pl.Datetime("us", "UTC")})
    )


def is_unnamed(column: str) -> pl.Expr:
    """Whether a row names no chat."""
    return pl.col(column).str.starts_with(MARK)
