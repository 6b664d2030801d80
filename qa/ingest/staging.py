"""Chats on their way into the archive: pieces become staged files, conversations add up, then only what is new goes in.

A conversation may be spread over the whole file. Each piece is numbered with running counters, hashed and written at
once; what is kept in memory is a few numbers a conversation. Conversations that turn out to need another order
(messages not in time, gaps in given numbers, repeated message ids) are put in order afterwards, from the staged files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from qa.archive import TABLES, stage
from qa.ingest import agent_counts, moments, uniting
from qa.ingest.agent_counts import AgentCounts
from qa.ingest.attributes import Attributes, Read
from qa.ingest.hashing import row_hash
from qa.ingest.problems import ProblemLog
from qa.ingest.tally import NO_TIME, Groups, Numbers, Tally

BUCKET_ROWS = 400_000
CHUNK = 50_000


class ChatStage:
    """Takes canonical message rows piece by piece (`add`), then hands out conversations and files (`conversations`,
    `files`)."""

    def __init__(
        self, folder: Path, source: str, import_id: int, log: ProblemLog, whole_records: bool, read: Read
    ) -> None:
        self._folder, self._source, self._import_id, self._log = folder, source, import_id, log
        self._whole_records = (
            whole_records  # one record of the file is one conversation: the same id again is another page of it
        )
        self._codes = pl.Categorical(pl.Categories.random())
        self._alive = pl.Series([""], dtype=self._codes)  # keeps the codes for our lifetime
        self.tally = Tally()
        self._attributes = Attributes(read)
        self._agents = AgentCounts()
        self._message_ids: list[pl.DataFrame] = []
        self._falls = (
            0  # how much more often times fall than rise within conversations: above zero, the file is newest first
        )
        self._seq_base: int | None = None
        self._files: list[Path] = []
        self._ids = pl.DataFrame(schema={"c": pl.UInt32, "conversation_id": pl.String})
        self.mixed: list[pl.DataFrame] = []
        self.rows = 0
        self.duplicates = 0

    # taking pieces

    def add(self, frame: pl.DataFrame) -> None:
        """Number, hash, tally and write one piece."""
        if frame.is_empty():
            return
        frame = frame.with_columns(c=pl.col("conversation_id").cast(self._codes).to_physical())
        self.tally.grow(int(frame["c"].max()) + 1)  # type: ignore[arg-type]
        groups = Groups(frame["c"].to_numpy())
        if self._whole_records:
            self._note_pages(frame, groups)
        self._note_customers(frame, groups)
        self._attributes.note(frame, groups, self.tally.count[groups.codes] == 0, self.tally.size)
        frame = self._numbered(frame, groups)
        frame = frame.with_columns(row_hash(frame))
        self._agents.note(frame, groups)
        if "message_id" in frame.columns and not self._whole_records:
            named = frame.filter(pl.col("message_id").is_not_null())
            self._message_ids.append(
                named.select("c", row_hash(named, None), m=pl.col("message_id").hash(5), row="file_row")
            )
        self._add_up(frame, groups)
        self.rows += frame.height
        self._files.append(self._write(frame))

    def _note_pages(self, frame: pl.DataFrame, groups: Groups) -> None:
        """Conversations that have several records are united afterwards."""
        rows = frame["file_row"].to_numpy()
        first = np.minimum(self.tally.first_row[groups.codes], groups.reduce(np.minimum, rows))
        paged = groups.codes[groups.reduce(np.maximum, rows) != first]
        self.tally.paged[paged] = self.tally.untidy[paged] = True

    def _note_customers(self, frame: pl.DataFrame, groups: Groups) -> None:
        """Conversations in which the file names several customers: rows next to each other tell it."""
        if "customer_id" not in frame.columns:
            return
        customers = frame["customer_id"]
        if customers.dtype != pl.String:
            return
        other = ((customers != customers.shift(1)) & (frame["c"] == frame["c"].shift(1))).fill_null(False)
        if other.any():
            said = frame.filter(other | other.shift(-1).fill_null(False)).select(
                "c", pl.col("customer_id").map_elements(moments.unwrapped, return_dtype=pl.String).str.to_lowercase()
            )
            counts = said.group_by("c").agg(pl.col("customer_id").filter(pl.col("customer_id") != "").n_unique())
            self.mixed.append(counts.filter(pl.col("customer_id") > 1).select("c"))

    def _numbered(self, frame: pl.DataFrame, groups: Groups) -> pl.DataFrame:
        if "seq" in frame.columns and not frame["seq"].null_count():
            if self._seq_base is None:
                self._seq_base = min(int(frame["seq"].min()), 1)  # type: ignore[arg-type]
            return frame.with_columns((pl.col("seq") - self._seq_base).clip(-1, 2**31 - 1).cast(pl.Int32))
        numbers = groups.rank() + self.tally.count[frame["c"].to_numpy()]
        return frame.with_columns(seq=pl.Series(numbers, dtype=pl.Int32))

    def _add_up(self, frame: pl.DataFrame, groups: Groups) -> None:
        tally, codes = self.tally, groups.codes
        at = frame["sent_at"].dt.epoch("us").fill_null(NO_TIME).to_numpy()
        earliest, latest = groups.bounds(at)
        given = "seq" in frame.columns and self._seq_base is not None
        if not given:
            fallen, excess = groups.disordered(at)
            tally.untidy[fallen] = True
            self._falls += excess
            tally.untidy[codes[earliest < tally.newest[codes]]] = True
        tally.newest[codes] = np.maximum(tally.newest[codes], latest)
        tally.first_at[codes] = np.minimum(tally.first_at[codes], earliest)
        tally.last_at[codes] = np.maximum(tally.last_at[codes], latest)
        tally.count[codes] += groups.lengths
        tally.hashes[codes] += groups.reduce(np.add, frame["h"].to_numpy())
        tally.agent_count[codes] += groups.reduce(np.add, (frame["role"] == "agent").to_numpy().astype(np.int64))
        tally.first_row[codes] = np.minimum(tally.first_row[codes], groups.first(frame["file_row"].to_numpy()))
        if given:
            seq = frame["seq"].to_numpy().astype(np.int64)
            tally.seq_sum[codes] += groups.reduce(np.add, seq)
            tally.seq_squares[codes] += groups.reduce(np.add, seq * seq)

    def _write(self, frame: pl.DataFrame) -> Path:
        named = frame.with_columns(
            conversation_key=pl.concat_str(pl.lit(self._source + ":"), "conversation_id"),
            import_id=pl.lit(self._import_id, dtype=pl.Int64),
        )
        return stage("messages", named, self._folder)

    def describe(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Attributes given apart from the messages (`Attributes.describe`)."""
        return self._attributes.describe(frame, self.tally.size)

    # handing out

    def settle(self) -> None:
        """Put in order what did not come in order. Once, after the last piece."""
        self._drop_repeated_messages()
        self._settle()
        self._ids = self._attributes.ids()

    def transcript(self, keys: pl.Series) -> pl.DataFrame:
        """The messages of one of `keys`, of the first whose messages the first staged file holds; for showing."""
        if not self._files or keys.is_empty():
            return pl.DataFrame(schema=dict(TABLES["messages"]))
        rows = pl.scan_parquet(self._files[-1 if self.tally.untidy[: self.tally.size].all() else 0])
        found = rows.filter(pl.col("conversation_key").is_in(keys.implode())).select(list(TABLES["messages"])).collect()
        counts = found.group_by("conversation_key").agg(
            roles=pl.col("role").n_unique(), n=pl.len(), at=pl.col("file_row").min()
        )
        best = counts.sort(["roles", "at"], descending=[True, False]).head(1)
        return found.join(best.select("conversation_key"), on="conversation_key", how="semi").sort("seq")

    def identities(self) -> pl.DataFrame:
        """Every conversation with its code and the hash of its messages: `c`, `conversation_key`, `m`."""
        ids = self._attributes.ids()
        codes = ids["c"].to_numpy()
        named = ids.with_columns(
            conversation_key=pl.concat_str(pl.lit(self._source + ":"), "conversation_id"),
            m=pl.Series(self.tally.hashes[codes], dtype=pl.UInt64),
        )
        return named.filter(pl.Series(self.tally.count[codes] > 0)).select("c", "conversation_key", "m")

    def named(self, codes: pl.DataFrame) -> pl.DataFrame:
        """`c` with its `conversation_id` and its first row in the file (`file_row`)."""
        rows = pl.Series(self.tally.first_row[codes["c"].to_numpy()], dtype=pl.Int64)
        return codes.with_columns(file_row=rows).join(self._ids, on="c", how="left", maintain_order="left")

    def alike(self) -> pl.DataFrame:
        """Ids of the file that differ from another one only in how they are written: `value` (all of them),
        `file_row`."""
        id_ = pl.col("conversation_id")
        ids = self._ids.filter(~id_.str.starts_with("auto-"))
        if not ids.select(id_.str.contains("[^0-9a-z_-]").any()).item():  # none that could be written otherwise
            return pl.DataFrame(schema={"file_row": pl.Int64, "value": pl.String})
        folded = id_.str.normalize("NFKC").str.to_lowercase().str.replace(r"\.0+$", "")
        ids = ids.with_columns(f=folded).filter(pl.col("f").is_duplicated())
        rows = self.named(ids.select("c")).sort("file_row").join(ids.select("c", "f"), on="c", maintain_order="left")
        both = rows.group_by("f", maintain_order=True).agg(
            pl.col("file_row").last(), value=pl.col("conversation_id").unique(maintain_order=True).str.join(" / ")
        )
        return both.select("file_row", "value")

    def unite(
        self,
        chosen: pl.DataFrame,
        earlier: Callable[[pl.DataFrame], pl.DataFrame],
        keep: Callable[[pl.DataFrame], None],
    ) -> None:
        """Add the messages that are known of the conversations `chosen` (`c`, `conversation_key`); `earlier` gives them
        for some keys, `keep` is told what the file alone has."""

        def united(rows: pl.DataFrame) -> pl.DataFrame:
            keep(rows)
            keys = rows.select("conversation_key", "c").unique()
            old = earlier(keys.select("conversation_key")).join(keys, on="conversation_key", how="left")
            parts = [
                frame.with_columns(part=pl.lit(part), place=pl.col("seq").cast(pl.Int64))
                for part, frame in enumerate((old.select(rows.columns), rows))
            ]
            return uniting.unite(pl.concat(parts))

        codes, tally = chosen["c"].to_numpy(), self.tally
        alone = tally.hashes[codes].copy()
        self._again(chosen.select("c", "conversation_key"), united)
        tally.united[codes] = True
        tally.part[codes] = tally.hashes[codes] != alone

    def conversations(self) -> Iterator[pl.DataFrame]:
        """All conversations, a bounded number at a time, one row each: `c`, `conversation_key`, counts, times, agents,
        attributes, `m` (hash of its messages), `first_row`, `united` (with what was known of them), `part` (some of it
        is not in the file).
        """
        attributes = self._attributes.take(self.tally.size)
        agents = self._agents.all()
        for low in range(0, self.tally.size, CHUNK):
            high = min(low + CHUNK, self.tally.size)
            frame = self._tallied(low, high).with_columns(cells.slice(low, high - low) for cells in attributes)
            if agents.height:
                speakers = self._agents.speakers(agent_counts.between(agents, low, high))
                frame = frame.join(speakers, on="c", how="left", maintain_order="left")
            yield frame.filter(pl.col("message_count") > 0).with_columns(
                conversation_key=pl.concat_str(pl.lit(self._source + ":"), "conversation_id")
            )

    def _tallied(self, low: int, high: int) -> pl.DataFrame:
        tally, part = self.tally, slice(low, high)
        return pl.DataFrame(
            {
                "c": pl.Series(np.arange(low, high), dtype=pl.UInt32),
                "message_count": pl.Series(tally.count[part], dtype=pl.Int32),
                "agent_message_count": pl.Series(tally.agent_count[part], dtype=pl.Int32),
                "m": pl.Series(tally.hashes[part], dtype=pl.UInt64),
                "united": pl.Series(tally.united[part]),
                "part": pl.Series(tally.part[part]),
                "first_row": pl.Series(tally.first_row[part], dtype=pl.Int64),
                "first_at": _moments(tally.first_at[part]),
                "last_at": _moments(tally.last_at[part]),
            }
        )

    def files(self, drop: pl.DataFrame) -> list[Path]:
        """The staged files without the conversations in `drop` (column `conversation_key`), ready to be adopted."""
        if drop.height >= int((self.tally.count > 0).sum()):
            return []
        return [kept for file in self._files if (kept := self._without(file, drop)) is not None]

    def _without(self, file: Path, drop: pl.DataFrame) -> Path | None:
        if drop.is_empty():
            return file
        keys = pl.read_parquet(file, columns=["conversation_key"])
        gone = keys["conversation_key"].is_in(drop["conversation_key"].implode())
        if not gone.any():
            return file
        kept = pl.read_parquet(file).filter(~gone)
        file.unlink()
        return stage("messages", kept, self._folder) if kept.height else None

    def _drop_repeated_messages(self) -> None:
        """The same message id twice in a conversation: the first stays; with other content it is a problem."""
        self._dropped = pl.DataFrame(schema={"row": pl.Int64})
        if not self._message_ids:
            return
        ids = pl.concat(self._message_ids).sort("row")
        repeated = ids.filter(pl.len().over("c", "m") > 1).with_columns(
            h0=pl.col("h").first().over("c", "m"), nth=pl.int_range(pl.len()).over("c", "m")
        )
        later = repeated.filter(pl.col("nth") > 0)
        self.duplicates += later.height
        self._log.add("duplicate_id", "message_id", later.filter(pl.col("h") != pl.col("h0")).select(file_row="row"))
        self._dropped = later.select("row")
        self.tally.untidy[later["c"].to_numpy()] = True

    def _settle(self) -> None:
        """Number the untidy conversations anew, from the staged files, a bounded number of rows at a time."""
        tally = self.tally
        if self._seq_base is not None:
            n = tally.count
            tally.untidy |= (tally.seq_sum != n * (n - 1) // 2) | (tally.seq_squares != (n - 1) * n * (2 * n - 1) // 6)
        elif self._falls > 0:  # where all times are equal, the file says that the last comes first
            tally.untidy |= (tally.first_at == tally.last_at) & (tally.count > 1)
        codes = np.flatnonzero(tally.untidy[: tally.size])
        if not len(codes):
            return
        untidy = pl.DataFrame({"c": pl.Series(codes, dtype=pl.UInt32)}).join(self._attributes.ids(), on="c", how="left")
        untidy = untidy.with_columns(
            conversation_key=pl.concat_str(pl.lit(self._source + ":"), "conversation_id")
        ).select("c", "conversation_key")
        self._again(untidy, self._ordered)

    def _again(self, chosen: pl.DataFrame, order: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        """Let `order` put the staged messages of some conversations in order, a bounded number at a time, and stage
        what it returns."""
        codes = chosen["c"].to_numpy()
        buckets = min(int(self.tally.count[codes].sum()) // BUCKET_ROWS + 1, chosen.height)
        originals, self._files = self._files, []
        self._agents.forget(chosen)
        for bucket in range(buckets):
            part = chosen.gather_every(buckets, bucket)
            rows = (
                pl.scan_parquet(originals)
                .join(part.lazy(), on="conversation_key", how="inner", maintain_order="left")
                .collect()
            )
            self._put(order(rows))
        self._files += [kept for file in originals if (kept := self._without(file, chosen)) is not None]

    def _ordered(self, rows: pl.DataFrame) -> pl.DataFrame:
        if self._dropped.height:
            rows = rows.join(self._dropped, left_on="file_row", right_on="row", how="anti", maintain_order="left")
        paged = pl.Series(self.tally.paged[rows["c"].to_numpy()])
        if not paged.any():
            return self._one_part(rows)
        return pl.concat([self._one_part(rows.filter(~paged)), self._pages(rows.filter(paged))])

    def _one_part(self, rows: pl.DataFrame) -> pl.DataFrame:
        if self._seq_base is None:
            rows = self._oldest_first(rows, "c").with_columns(at=pl.col("sent_at").forward_fill().over("c"))
            rows = rows.sort("c", "at", maintain_order=True, nulls_last=False).drop("at")
        else:
            rows = rows.sort("c", "seq", "file_row", maintain_order=True)
        return rows.with_columns(seq=pl.int_range(pl.len(), dtype=pl.Int32).over("c"))

    def _pages(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Conversations of several records: each is a part."""
        records = rows.select("c", "file_row").unique().height
        ordered = (
            self._oldest_first(rows, "c", "file_row")
            if self._seq_base is None
            else rows.sort("c", "file_row", "seq", maintain_order=True)
        )
        united = uniting.unite(
            ordered.with_columns(part="file_row", place=pl.int_range(pl.len()).over("c", "file_row"))
        )
        self.duplicates += records - united.select("c", "file_row").unique().height
        return united.select(rows.columns)

    def _oldest_first(self, rows: pl.DataFrame, *by: str) -> pl.DataFrame:
        """In the order of the file, turned round where it is newest first."""
        step = pl.col("sent_at").diff().over(by)
        rows = rows.sort(*by, "file_row", "seq", maintain_order=True).with_columns(
            turn=(step < timedelta(0)).sum().over(by).cast(pl.Int64) - (step > timedelta(0)).sum().over(by),
            place=pl.int_range(pl.len()).over(by),
        )
        newest_first = (pl.col("turn") > 0) | ((pl.col("turn") == 0) & pl.lit(self._falls > 0))
        turned = rows.with_columns(place=pl.when(newest_first).then(-pl.col("place")).otherwise("place"))
        return turned.sort(*by, "place", maintain_order=True).drop("turn", "place")

    def _put(self, rows: pl.DataFrame) -> None:
        """Stage whole conversations in order, in place of what was tallied of them."""
        rows = rows.with_columns(row_hash(rows))
        sums = rows.group_by("c").agg(
            pl.col("h").sum(),
            pl.len().alias("n"),
            (pl.col("role") == "agent").sum().alias("agents"),
            first=pl.col("sent_at").min().dt.epoch("us").fill_null(np.iinfo(np.int64).max),
            last=pl.col("sent_at").max().dt.epoch("us").fill_null(NO_TIME),
        )
        codes, tally = sums["c"].to_numpy(), self.tally
        tally.hashes[codes] = sums["h"].to_numpy()
        tally.count[codes] = sums["n"].to_numpy()
        tally.agent_count[codes] = sums["agents"].to_numpy()
        tally.first_at[codes], tally.last_at[codes] = sums["first"].to_numpy(), sums["last"].to_numpy()
        self._agents.note(rows, Groups(rows["c"].to_numpy()))
        self._files.append(stage("messages", rows, self._folder))


def _moments(micros: Numbers) -> pl.Series:
    """Epoch microseconds to UTC; the start values of the tally are no time."""
    series = pl.Series(micros, dtype=pl.Int64)
    missing = (series == NO_TIME) | (series == np.iinfo(np.int64).max)
    return series.zip_with(~missing, pl.Series([None], dtype=pl.Int64)).cast(pl.Datetime("us", "UTC"))
