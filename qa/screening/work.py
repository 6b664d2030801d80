"""One range of messages in, its hits, signals and rule scores out: what runs here or on a worker of a cluster.

Depends on nothing but the files it is told to read, so that a range that is done twice (a worker was lost) gives the
same rows twice, and only one of them is kept. Does not know what was screened before and where results go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from qa.archive import Snapshot, among, conform, empty
from qa.archive.predictions import RULES
from qa.archive.ranges import NO_IMPORT, Range
from scoring.promises import PROMISE_WORDS_HASH, PromiseFinder
from scoring.redline import Rule, Screener
from scoring.risk import rule_score
from scoring.timing import conversation_metrics, definition_of

PROMISES = "promises"
"""Stands for the word lists of promises among the rules that the archive reflects."""
CHAT_COLUMNS = ("conversation_key", "agent_id", "channel", "started_at", "satisfaction", "import_id")


@dataclass(frozen=True)
class ScreeningPass:
    """What is the same for all ranges of one pass. `imports` None: conversations of every import."""

    snapshot: Snapshot
    rules: tuple[Rule, ...]
    time_zone: str
    imports: frozenset[int] | None
    with_signals: bool
    with_promises: bool = True


@dataclass(frozen=True)
class ScreenedRows:
    """Rows of the archive tables `hits`, `promises`, `signals` and `predictions`, and how many messages were read for
    them."""

    hits: pl.DataFrame
    promises: pl.DataFrame
    signals: pl.DataFrame
    predictions: pl.DataFrame
    messages: int


@lru_cache(maxsize=2)
def _screener(rules: tuple[Rule, ...], time_zone: str) -> Screener:
    return Screener(rules, tz=time_zone)


@lru_cache(maxsize=1)
def _promise_finder(time_zone: str) -> PromiseFinder:
    return PromiseFinder(tz=time_zone)


def screen_range(job: ScreeningPass, piece: Range) -> ScreenedRows:
    """Screen the conversations of one range that belong to the job."""
    messages = piece.scan().select("conversation_key", "seq", "role", "agent_id", "sent_at", "kind", "text").collect()
    chats = _chats(job, messages)
    if job.imports is not None:
        messages = messages.join(
            chats.select("conversation_key"), on="conversation_key", how="semi", maintain_order="left"
        )
    if messages.is_empty():
        return ScreenedRows(empty("hits"), empty("promises"), empty("signals"), empty("predictions"), 0)
    found = _screener(job.rules, job.time_zone).screen(
        messages, chats.select("conversation_key", "started_at", platform="channel")
    )
    hits = with_agents(found, messages, chats)
    promises = _promises(messages, job.time_zone) if job.with_promises else empty("promises")
    if not job.with_signals:
        return ScreenedRows(hits, promises, empty("signals"), empty("predictions"), messages.height)
    measured = measure(messages, chats, hits, job.time_zone).sort("conversation_key")  # the same rows, the same bytes
    return ScreenedRows(hits, promises, conform("signals", measured), _rule_score(messages, measured), messages.height)


def screen_ranges(say: Callable[[object], None], job: ScreeningPass, todo: Sequence[tuple[int, Range]]) -> None:
    """Screen range after range and say each number with its rows: what a process of its own runs."""
    for number, piece in todo:
        say((number, screen_range(job, piece)))


def unscreened(snapshot: Snapshot, imports: Iterable[int], keys: pl.Series | None = None) -> pl.LazyFrame:
    """Conversations of `imports`, of those with `keys`, whose present content is not in `signals`; their `import_id`
    is never null."""
    wanted, number = sorted(imports), pl.col("import_id").fill_null(NO_IMPORT)
    tables = [snapshot.scan(name) for name in ("conversations", "signals")]
    chats, done = tables if keys is None else [among(table, keys) for table in tables]
    chats = chats.select(CHAT_COLUMNS)
    chats = chats.with_columns(number).filter(pl.col("import_id").is_in(wanted))
    done = done.select("conversation_key", number).filter(pl.col("import_id").is_in(wanted))
    return chats.join(done, on=["conversation_key", "import_id"], how="anti")


def _chats(job: ScreeningPass, messages: pl.DataFrame) -> pl.DataFrame:
    keys = messages["conversation_key"].unique()
    if job.imports is None:
        return among(job.snapshot.scan("conversations"), keys).select(CHAT_COLUMNS).collect()
    return unscreened(job.snapshot, job.imports, keys).collect()


def with_agents(found: pl.DataFrame, messages: pl.DataFrame, chats: pl.DataFrame) -> pl.DataFrame:
    """Hits as the archive keeps them: who said it, or who was responsible where nobody of the shop said it."""
    if found.is_empty():
        return empty("hits")
    speakers = messages.lazy().select("conversation_key", "seq", "agent_id")
    owners = chats.lazy().select("conversation_key", owner="agent_id")
    joined = (
        found.lazy()
        .join(speakers, on=["conversation_key", "seq"], how="left")
        .join(owners, on="conversation_key", how="left")
        .with_columns(pl.coalesce("agent_id", "owner").alias("agent_id"))
        .sort("conversation_key", "seq", "rule_id", "start", "end")
        .collect()
    )
    return conform("hits", joined)


def _promises(messages: pl.DataFrame, time_zone: str) -> pl.DataFrame:
    """What agents promised, with who said it and when."""
    found = _promise_finder(time_zone).find(messages)
    said = messages.select("agent_id", said_at="sent_at")[found["row"]]
    return conform("promises", pl.concat([found.drop("row"), said], how="horizontal"))


def measure(messages: pl.DataFrame, chats: pl.DataFrame, hits: pl.DataFrame, time_zone: str) -> pl.DataFrame:
    """Signals of complete conversations: reply times by the platform's definition, and hits; with what else the rule
    score reads of them."""
    counted = hits.group_by("conversation_key").agg(pl.len().cast(pl.Int32).alias("hit_count"))
    number = pl.when(pl.col("import_id") != NO_IMPORT).then("import_id").alias("import_id")
    return (
        chats.with_columns(number)
        .join(_timed(messages, chats, time_zone), on="conversation_key", how="left")
        .join(counted, on="conversation_key", how="left")
        .with_columns(pl.col("hit_count").fill_null(0))
    )


def _timed(messages: pl.DataFrame, chats: pl.DataFrame, time_zone: str) -> pl.DataFrame:
    parts = []
    for (channel,), group in chats.group_by("channel"):
        said = messages.join(group.select("conversation_key"), on="conversation_key", how="semi", maintain_order="left")
        parts.append(conversation_metrics(said, definition_of(channel), time_zone))
    columns = {"rounds_in_time": "in_time", "max_gap_s": "max_reply_s"}
    kept = ("conversation_key", "first_reply_s", "mean_reply_s", "rounds", "unanswered", "untimed")
    return pl.concat(parts).select(*kept, **columns)


def _rule_score(messages: pl.DataFrame, measured: pl.DataFrame) -> pl.DataFrame:
    """Rows of `predictions`: the risk that needs no labels."""
    said = (
        messages.lazy().filter(pl.col("role") == "customer").sort("conversation_key", "seq")
        .group_by("conversation_key").agg(pl.col("text").str.join("\n").alias("customer_text"))
    )  # fmt: skip
    last = (
        messages.lazy().filter(pl.col("role").is_in(["customer", "agent", "bot"]))
        .group_by("conversation_key").agg((pl.col("role").sort_by("seq").last() == "customer").alias("customer_last"))
    )  # fmt: skip
    frame = (
        measured.lazy()
        .select(
            "conversation_key", "import_id", unit_id="conversation_key", hits="hit_count", rating="satisfaction",
            slow_replies=pl.col("rounds") - pl.col("rounds_in_time") - pl.col("unanswered") - pl.col("untimed"),
        )
        .join(said, on="conversation_key", how="left")
        .join(last, on="conversation_key", how="left")
        .with_columns(pl.col("customer_text").fill_null(""))
        .collect()
    )  # fmt: skip
    scored = rule_score(frame.drop("conversation_key", "import_id"))
    named = scored.select(
        "p", conversation_key="unit_id", predictor=pl.lit(RULES), version=pl.lit(RULES), import_id=frame["import_id"]
    )
    return conform("predictions", named.sort("conversation_key"))


def substances(rules: Sequence[Rule], with_promises: bool) -> dict[str, str]:
    """The same with the word lists of promises."""
    return hashes(rules) | ({PROMISES: PROMISE_WORDS_HASH} if with_promises else {})


def hashes(rules: Sequence[Rule]) -> dict[str, str]:
    """For each rule id, the substance of all its versions in force: what its hits depend on."""
    found: dict[str, list[str]] = {}
    for rule in rules:
        found.setdefault(rule.id, []).append(f"{rule.version}:{rule.content_hash}")
    return {rule_id: ",".join(sorted(parts)) for rule_id, parts in sorted(found.items())}
