"""Taking an import back: what only it brought goes, what others brought too stays as they said it.

`left` works out, from what is kept about every import, what the archive would be without one; nothing here decides who
may do it, and nothing outside the archive is touched.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from qa.archive import KEYS, TABLES, Snapshot, conform
from qa.ingest import joining, merging
from qa.ingest.hashing import probe, row_hash
from qa.ingest.loading import RECORDS
from qa.ingest.provenance import CHATS, ORIGINS, SAID, SESSIONS
from qa.ingest.requests import Sink
from qa.ingest.uniting import unite

CHAT = "conversation_key"


@dataclass(frozen=True)
class Without:
    """The archive without an import: keys that go and rows as they will be, by table; messages that go."""

    gone: dict[str, pl.Series] = field(default_factory=dict)
    rows: dict[str, pl.DataFrame] = field(default_factory=dict)
    rewritten: pl.Series = field(default_factory=lambda: pl.Series(CHAT, dtype=pl.String))
    """Conversations that stay with fewer messages."""
    messages: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=dict(TABLES["messages"])))
    lost: int = 0
    stays: bool = False
    """Whether the archive stays as it is."""

    def touched(self) -> pl.Series:
        """Conversations that go or lose messages."""
        return pl.concat([self.gone["conversations"], self.rewritten])


def nothing() -> Without:
    """A plan by which nothing changes: another import of the same file stands."""
    none = {table: pl.Series(KEYS[table], dtype=pl.String) for table in ("conversations", "disputes", "ratings")}
    return Without(none, {table: pl.DataFrame(schema=dict(TABLES[table])) for table in none}, stays=True)


def without(before: Snapshot, run_id: int, new_id: int) -> Without:
    """What the archive would be without import `run_id`; what changes gets `new_id` as its import, to be screened
    again."""
    gone, kept = _affected(before, "conversations", run_id)
    said = _said(before, "conversations", kept, run_id)
    silent = kept.filter(
        ~kept.is_in(said.filter(pl.col("kind") == CHATS)[CHAT].implode())
    )  # a session list alone brings no chat
    gone, kept = pl.concat([gone, silent]), kept.filter(~kept.is_in(silent.implode()))
    rows, messages, rewritten = _rebuilt(before, kept, said, new_id)
    counts = before.scan("conversations").select(CHAT, "message_count")
    had = (
        counts.join(pl.concat([gone, rewritten]).to_frame(CHAT).lazy(), on=CHAT, how="semi")
        .select(pl.col("message_count").sum())
        .collect()
        .item()
    )
    result = Without(
        {"conversations": gone}, {"conversations": rows}, rewritten, messages, int(had or 0) - messages.height
    )
    for table in ("disputes", "ratings"):
        key = KEYS[table]
        result.gone[table], kept = _affected(before, table, run_id)
        result.rows[table] = _folded(before, table, kept, _said(before, table, kept, run_id), new_id).filter(
            ~pl.col(key).is_in(result.gone[table].implode())
        )
    return result


def _affected(before: Snapshot, table: str, run_id: int) -> tuple[pl.Series, pl.Series]:
    """Keys that only this import brought, and keys that others brought as well."""
    key, origins = KEYS[table], before.scan(ORIGINS[table])
    mine = origins.filter(pl.col("import_id") == run_id).select(key).unique()
    others = origins.filter(pl.col("import_id") != run_id).select(key).unique()
    alone = before.scan(table).filter(pl.col("import_id") == run_id).join(origins, on=key, how="anti").select(key)
    kept = mine.join(others, on=key, how="semi").collect().to_series()
    gone = pl.concat([mine.join(others, on=key, how="anti"), alone]).unique().collect().to_series()
    return gone.sort(), kept.sort()


def _said(before: Snapshot, table: str, keys: pl.Series, run_id: int) -> pl.DataFrame:
    key = KEYS[table]
    rows = (
        before.scan(ORIGINS[table])
        .filter(pl.col("import_id") != run_id)
        .join(keys.to_frame(key).lazy(), on=key, how="semi")
    )
    return rows.collect().sort(key, "import_id", maintain_order=True)


def _last(name: str) -> pl.Expr:
    return pl.col(name).drop_nulls().last()


def _rebuilt(
    before: Snapshot, keys: pl.Series, said: pl.DataFrame, new_id: int
) -> tuple[pl.DataFrame, pl.DataFrame, pl.Series]:
    """Conversations as the remaining imports say them: rows that change, all messages of those that lose some, and
    their keys."""
    now = before.scan("conversations").join(keys.to_frame(CHAT).lazy(), on=CHAT, how="semi").collect()
    held = before.scan("messages").join(keys.to_frame(CHAT).lazy(), on=CHAT, how="semi").collect()
    united = _united(before, held, said)
    counts = held.group_by(CHAT).len("had").join(united.group_by(CHAT).len("has"), on=CHAT, how="left")
    rewritten = counts.filter(pl.col("had") != pl.col("has").fill_null(0))[CHAT].sort()
    numbers = _numbers(united)
    folded = said.group_by(CHAT, maintain_order=True).agg(
        *[_last(name).alias(f"said_{name}") for name in SAID if name not in ("started_at", "ended_at")],
        said_agent=pl.col("agent_id").filter(pl.col("kind") == SESSIONS).drop_nulls().last(),
        named=_last("agent_id"),
        begins=pl.col("started_at").min(),
        ends=pl.col("ended_at").max(),
        begin=_last("started_at"),
        end=_last("ended_at"),
        several=(pl.col("part").n_unique() > 1),
    )
    in_parts = before.scan("message_parts").join(keys.to_frame(CHAT).lazy(), on=CHAT, how="semi").select(CHAT).unique()
    folded = folded.with_columns(several=pl.col("several") & pl.col(CHAT).is_in(in_parts.collect()[CHAT].implode()))
    rows = (
        now.join(folded, on=CHAT, how="left")
        .join(numbers, on=CHAT, how="left")
        .with_columns(
            *[pl.col(f"said_{name}").alias(name) for name in SAID if name not in ("started_at", "ended_at")],
            agent_id=pl.coalesce("said_agent", "speaker", "named"),
            agent_ids=pl.concat_list(pl.col("speakers").fill_null([]), pl.concat_list("named"))
            .list.drop_nulls()
            .list.unique(maintain_order=True),
            started_at=pl.when("several")
            .then(pl.min_horizontal("begins", "first_at"))
            .otherwise(pl.coalesce("begin", "first_at")),
            ended_at=pl.when("several")
            .then(pl.max_horizontal("ends", "last_at"))
            .otherwise(pl.coalesce("end", "last_at")),
            message_count=pl.col("n"),
            agent_message_count=pl.col("agents"),
        )
    )
    rows = merging.with_hash(rows)
    changed = rows.join(now.select(CHAT, "content_hash"), on=[CHAT, "content_hash"], how="anti").with_columns(
        import_id=pl.lit(new_id, dtype=pl.Int64)
    )
    return (
        conform("conversations", changed),
        conform("messages", united.filter(pl.col(CHAT).is_in(rewritten.implode()))),
        rewritten,
    )


def _united(before: Snapshot, held: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
    """The messages that the imports of `said` brought. One that brought a whole conversation brought every part before
    it."""
    parts = before.scan("message_parts").join(said.lazy().select(CHAT).unique(), on=CHAT, how="semi").collect()
    single = held.join(parts.select(CHAT).unique(), on=CHAT, how="anti")
    if parts.is_empty():
        return single
    chats = said.filter(pl.col("kind") == CHATS)
    exact = chats.filter(pl.col("part").is_not_null()).select(CHAT, "part")
    whole = chats.filter(pl.col("part").is_null()).group_by(CHAT).agg(upto=pl.col("import_id").max())
    labels = parts.select(CHAT, part="import_id").unique()
    wanted = pl.concat(
        [exact, labels.join(whole, on=CHAT, how="inner").filter(pl.col("part") < pl.col("upto")).select(CHAT, "part")]
    ).unique()
    rows = parts.join(wanted, left_on=[CHAT, "import_id"], right_on=[CHAT, "part"], how="semi")
    if rows.is_empty():
        return single
    again = unite(rows.with_columns(part="import_id", place=pl.col("seq").cast(pl.Int64)))
    return pl.concat([single, again.select(single.columns)])


def _numbers(messages: pl.DataFrame) -> pl.DataFrame:
    """Per conversation: counts, first and last time, hash of the messages, who spoke and who most."""
    rows = messages.sort(CHAT, "seq").with_columns(row_hash(messages.sort(CHAT, "seq")))
    sums = rows.group_by(CHAT).agg(
        n=pl.len().cast(pl.Int32),
        agents=(pl.col("role") == "agent").sum().cast(pl.Int32),
        m=pl.col("h").sum(),
        first_at=pl.col("sent_at").min(),
        last_at=pl.col("sent_at").max(),
        speakers=pl.col("agent_id").drop_nulls().unique(maintain_order=True),
    )
    spoke = rows.drop_nulls("agent_id").group_by(CHAT, "agent_id").agg(pl.len(), pl.col("seq").min())
    most = spoke.sort([CHAT, "len", "seq"], descending=[False, True, False]).unique(
        CHAT, keep="first", maintain_order=True
    )
    return sums.join(most.select(CHAT, speaker="agent_id"), on=CHAT, how="left")


def _folded(before: Snapshot, table: str, keys: pl.Series, said: pl.DataFrame, new_id: int) -> pl.DataFrame:
    """Disputes or ratings as the remaining imports say them; those that change."""
    key, names = KEYS[table], merging.content_of(table)
    now = before.scan(table).join(keys.to_frame(key).lazy(), on=key, how="semi").collect()
    folded = said.group_by(key, maintain_order=True).agg(
        _last(name).alias(f"said_{name}") for name in names if name != "messages"
    )
    rows = now.join(folded, on=key, how="left")
    if "messages" in names:
        lists = (
            said.select(key, "messages")
            .explode("messages")
            .drop_nulls("messages")
            .unnest("messages")
            .unique(maintain_order=True)
        )
        lists = (
            lists.sort(key, "sent_at", maintain_order=True)
            .group_by(key, maintain_order=True)
            .agg(said_messages=pl.struct("role", "text", "sent_at"))
        )
        rows = rows.join(lists, on=key, how="left")
    then = {name: pl.coalesce(f"said_{name}", name) if name in LINKED else pl.col(f"said_{name}") for name in names}
    changed = rows.filter(
        pl.any_horizontal(pl.col(name).ne_missing(value) for name, value in then.items())
    ).with_columns(
        *[value.alias(name) for name, value in then.items()],
        import_id=pl.lit(new_id, dtype=pl.Int64),
        content_hash=pl.lit(probe()),
    )
    return conform(table, changed)


LINKED = ("agent_id", "shop", "customer_id", "order_id")
"""Columns of disputes and ratings that their chat fills where the file says nothing."""


class View:
    """The archive as it would be without an import, for looking at: a snapshot that nobody has written."""

    def __init__(self, before: Snapshot, plan: Without, run_id: int) -> None:
        self._before, self._plan, self._run_id = before, plan, run_id
        self.root, self.version, self.tables = before.root, before.version, before.tables

    def scan(self, table: str) -> pl.LazyFrame:
        """As `Snapshot.scan`."""
        rows, plan = self._before.scan(table), self._plan
        if table in ("conversations", "disputes", "ratings"):
            stale = pl.concat([plan.gone[table], plan.rows[table][KEYS[table]]])
            return pl.concat([_without_keys(rows, KEYS[table], stale), conform(table, plan.rows[table]).lazy()])
        if table == "messages":
            return pl.concat([_without_keys(rows, CHAT, plan.touched()), conform(table, plan.messages).lazy()])
        if table in ORIGINS.values() or table == "refused":
            return rows.filter(pl.col("import_id") != self._run_id)
        return _without_keys(rows, CHAT, plan.gone["conversations"]) if table == "message_parts" else rows

    def count(self, table: str) -> int:
        """As `Snapshot.count`."""
        return int(self.scan(table).select(pl.len()).collect().item())


def _without_keys(rows: pl.LazyFrame, key: str, keys: pl.Series) -> pl.LazyFrame:
    return rows.join(keys.to_frame(key).lazy(), on=key, how="anti")


def apply(sink: Sink, plan: Without, run_id: int) -> None:
    """Make the archive what `plan` says."""
    if plan.stays:
        return
    gone = plan.gone["conversations"]
    stale = pl.concat([gone, plan.rows["conversations"][CHAT], plan.rewritten]).unique()
    for table in ("hits", "promises", "signals", "predictions", "machine_scores"):
        sink.remove(table, stale)
    sink.remove("messages", plan.touched())
    sink.append("messages", plan.messages)
    sink.remove("conversations", pl.concat([gone, plan.rows["conversations"][CHAT]]))
    sink.append("conversations", plan.rows["conversations"])
    for table in ("disputes", "ratings"):
        sink.remove(table, pl.concat([plan.gone[table], plan.rows[table][KEYS[table]]]))
        sink.append(table, plan.rows[table])
    _unlink(sink, gone)
    for table in ORIGINS:
        origins, key = ORIGINS[table], KEYS[table]
        mine = sink.before.scan(origins).filter(pl.col("import_id") == run_id).select(key).collect().to_series()
        rest = (
            sink.before.scan(origins)
            .filter(pl.col("import_id") != run_id)
            .join(mine.to_frame(key).lazy(), on=key, how="semi")
            .collect()
        )
        sink.remove(origins, mine)
        sink.append(origins, rest)
    sink.remove("message_parts", gone)
    sink.remove("refused", pl.Series([run_id], dtype=pl.Int64), column="import_id")


def _unlink(sink: Sink, gone: pl.Series) -> None:
    """Disputes and ratings of chats that go look for the chat before again."""
    if gone.is_empty():
        return
    now = sink.now()
    for kind, (table, key, _field, moment) in RECORDS.items():
        rows = now.scan(table).join(gone.to_frame(CHAT).lazy(), on=CHAT, how="semi").collect()
        if rows.height:
            nothing = pl.lit(None, dtype=pl.String)
            free = rows.with_columns(conversation_key=nothing, joined_by=nothing)
            sink.remove(table, rows[key])
            sink.append(table, joining.link(free, now.scan("conversations"), moment, by_agent=kind == "ratings"))
