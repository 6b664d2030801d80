"""From messages to promises, in bulk: what may hold one is found by one search, cut into sentences and clauses, and read.

A clause promises when it names an action of a kind with a word that makes a promise of it, and neither it nor its
sentence takes it back. A sentence gives one promise of a kind, and a clause one promise: of the first kind in the order
of the word lists. All searches are linear in the text; each different sentence is read once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl

from scoring.promises.due import due
from scoring.promises.numerals import number
from scoring.promises.words import ACTIONS, BLOCKS, FOLD, KINDS, MARK, MONEY, NOT_OF_KIND, TIME

MOST = 5_000
"""Characters of a message that are read."""
SENTENCE = 400
"""Longer sentences are cut."""
PROMISE_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "conversation_key": pl.String,
    "seq": pl.Int32,
    "kind": pl.String,
    "start": pl.Int32,
    "end": pl.Int32,
    "matched": pl.String,
    "amount": pl.Int64,  # hundredths
    "due_at": pl.Datetime("us", "UTC"),
}
_SENTENCES = rf"(?s)(?:[^。！!；;\n？?.]|\.[^\s])(?:[^。！!；;\n？?.]|\.[^\s]){{0,{SENTENCE}}}[。！!；;\n？?.]*|[。！!；;\n？?.]+"
_CLAUSES = r"(?:[^，,、…]|[0-9],[0-9])+[，,、…]*|[，,、…]+"
_BLANK = " \t\r\n\u3000"
_MARKS = _BLANK + "，,、…。.！!；;？?~～"
_ENGLISH_JOINTS = r" (but|and then|so) "
_COUNTED = r"(?-u:\b)(?:within|in|by|an?|one|two|three|four|five|six|seven|eight|nine|ten|half)(?-u:\b)|[年月]"
_NEEDS = f"{MARK}|{TIME}".replace(r"^\s*", "")
"""The same words anywhere: a cheap first look."""


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise in one text: code points of the text, hundredths of money, due time in UTC."""

    kind: str
    start: int
    end: int
    amount: int | None
    due_at: datetime | None


class PromiseFinder:
    """`tz` is the business time zone in which a day ends."""

    def __init__(self, *, tz: str = "Asia/Shanghai") -> None:
        self.zone = ZoneInfo(tz)

    def find(self, messages: pl.DataFrame) -> pl.DataFrame:
        """Promises (`PROMISE_SCHEMA`, sorted) in what agents say in `messages`: conversation_key, seq, role, sent_at
        (UTC, may be null), text."""
        spoken = (
            messages.filter(pl.col("role") == "agent")
            .select("conversation_key", "seq", "sent_at", "text")
            .with_columns(folded=_folded())
            .filter(pl.col("folded").str.contains(_NEEDS))
            .filter(pl.any_horizontal([pl.col("folded").str.contains(action) for action in ACTIONS.values()]))
            .with_row_index("row")
        )
        found = self._promises(spoken)
        return found.select(pl.col(name).cast(kind) for name, kind in PROMISE_SCHEMA.items()).sort(
            "conversation_key", "seq", "start", "kind"
        )

    def in_text(self, text: str, sent_at: datetime | None = None) -> list[Promise]:
        """The promises of one text, said by an agent."""
        line = {"conversation_key": [""], "seq": [0], "role": ["agent"], "sent_at": [sent_at], "text": [text]}
        found = self.find(pl.DataFrame(line, schema_overrides={"sent_at": pl.Datetime("us", "UTC")}))
        return [Promise(*row) for row in found.select("kind", "start", "end", "amount", "due_at").iter_rows()]

    def _promises(self, spoken: pl.DataFrame) -> pl.DataFrame:
        placed = _sentences(spoken)
        different = placed.select("sentence").unique(maintain_order=True).with_row_index("id")
        read = _read(different)
        here = (
            placed.join(different, on="sentence")
            .filter(~pl.col("asked_after"))
            .join(read, on="id")
            .sort("row", "at", "low")
            .join(spoken.select("row", "conversation_key", "seq", "sent_at", "text"), on="row", how="left")
        )
        start, end = pl.col("at") + pl.col("low"), pl.col("at") + pl.col("high")
        matched = pl.col("text").str.slice(start, end - start)
        return here.with_columns(
            start=start, end=end, matched=matched, due_at=pl.Series(self._due(here), dtype=pl.Datetime("us", "UTC"))
        )

    def _due(self, found: pl.DataFrame) -> list[datetime | None]:
        times: list[datetime | None] = []
        for sent_at, around in found.select("sent_at", "around").iter_rows():
            said = None if sent_at is None or around is None else sent_at.astimezone(self.zone)
            times.append(None if said is None else due(around, said))
        return times


def _folded() -> pl.Expr:
    """The text as the lists are written, code point for code point."""
    narrow = pl.col("text").fill_null("").str.slice(0, MOST).str.replace_many(list(FOLD), list(FOLD.values()))
    lower = narrow.str.to_lowercase()
    return pl.when(lower.str.len_chars() == narrow.str.len_chars()).then(lower).otherwise(narrow)


def _sentences(spoken: pl.DataFrame) -> pl.DataFrame:
    """The sentences of the texts, folded: row, at (code points before it), sentence, and whether the next one asks."""
    pieces = spoken.select("row", sentence=pl.col("folded").str.extract_all(_SENTENCES))
    cut = pieces.explode("sentence").drop_nulls()
    following = pl.col("sentence").shift(-1).over("row").fill_null("")
    return cut.with_columns(
        at=pl.col("sentence").str.len_chars().cum_sum().over("row") - pl.col("sentence").str.len_chars(),
        asked_after=following.str.contains(BLOCKS["asked_after"]),
    )


def _says(name: str, column: str = "plain") -> pl.Expr:
    return pl.col(column).str.contains(BLOCKS[name])


def _read(sentences: pl.DataFrame) -> pl.DataFrame:
    """The promises of different sentences: id, kind, low and high (code points in the sentence), amount, around (the
    words a due time is read from; null where they name none). The cheapest question that most fail comes first."""
    able = sentences.filter(pl.col("sentence").str.contains(_NEEDS))
    able = able.with_columns(plain=pl.col("sentence").str.replace_all(BLOCKS["harmless"], ""))
    able = able.filter(~_says("question")).filter(~_says("conditional"))
    clauses = _clauses(able).with_columns(quoted=_says("quoted", "clause").cum_max().over("id"))
    marked = clauses.filter(~pl.col("quoted"), pl.col("clause").str.contains(f"{MARK}|{TIME}"))
    past = _says("done", "clause") | (_says("over", "clause") & ~_says("future", "clause"))
    marked = marked.filter(~past).with_columns(plain=pl.col("clause").str.replace_all(BLOCKS["harmless"], ""))
    promising = marked.filter(~_says("policy")).filter(~_says("refused"))
    return _around(promising.with_columns(kind=_kind()).filter(pl.col("kind").is_not_null()))


def _clauses(sentences: pl.DataFrame) -> pl.DataFrame:
    """The clauses of sentences, without blanks and marks at their ends; low and length are those of the whole clause,
    lead counts the blanks before it."""
    whole = pl.col("sentence").str.replace_all(_ENGLISH_JOINTS, ",$1 ").str.extract_all(_CLAUSES)
    cut = sentences.with_columns(clause=whole).explode("clause").with_columns(length=pl.col("clause").str.len_chars())
    begun = cut.with_columns(
        pl.col("clause").str.strip_chars_start(_BLANK), low=(pl.col("length").cum_sum() - pl.col("length")).over("id")
    )
    return begun.with_columns(
        pl.col("clause").str.strip_chars_end(_MARKS), lead=pl.col("length") - pl.col("clause").str.len_chars()
    )


def _kind() -> pl.Expr:
    """The first kind of which the clause names an action."""
    kind = pl.lit(None, dtype=pl.String)
    for name in reversed(KINDS):
        named = pl.col("clause").str.contains(ACTIONS[name])
        if name in NOT_OF_KIND:
            named &= ~pl.col("clause").str.contains(NOT_OF_KIND[name])
        kind = pl.when(named).then(pl.lit(name)).otherwise(kind)
    return kind


def _around(found: pl.DataFrame) -> pl.DataFrame:
    """One promise of a kind in a sentence, with its place, sum and the words about its time: of its clause first."""
    said, after = pl.col("sentence"), pl.col("low") + pl.col("length")
    rest = pl.concat_str(said.str.slice(after), pl.lit("\n"), said.str.slice(0, pl.col("low")))
    timed = pl.col("sentence").str.contains(f"[0-9]|{TIME}|{_COUNTED}")
    one = found.unique(["id", "kind"], keep="first", maintain_order=True)
    alone = pl.len().over("id") == 1  # sums and times of a sentence with several promises stay with their clauses
    rest = pl.when(alone).then(rest).otherwise(pl.lit(""))
    return one.select(
        "id", "kind", low=pl.col("low") + pl.col("lead"), high=pl.col("low") + pl.col("lead") + pl.col("clause").str.len_chars(),
        amount=pl.coalesce(_money(pl.col("clause")), _money(rest)),
        around=pl.when(timed).then(pl.concat_str("clause", pl.lit("\n"), rest)),
    )  # fmt: skip


def _money(text: pl.Expr) -> pl.Expr:
    """The first sum of money named, in hundredths."""
    named = pl.coalesce(text.str.extract(MONEY, 1), text.str.extract(MONEY, 2))
    return named.map_elements(_hundredths, return_dtype=pl.Int64, skip_nulls=True)


def _hundredths(text: str) -> int | None:
    value = number(text)
    return None if value is None else round(value * 100)
