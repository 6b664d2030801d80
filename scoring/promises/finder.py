"""From messages to promises, in bulk: what may hold one is found by one search, cut into clauses, and read.

A clause promises when it names an action of a kind with a word that makes a promise of it, and neither it nor its
sentence takes it back. A sentence gives one promise of a kind, and a clause one promise: of the first kind in the order
of the word lists. All searches are linear in the text; each different clause and sentence is read once, and sentences
only where a clause promises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

import polars as pl

from scoring.promises.cues import unfolded
from scoring.promises.due import due
from scoring.promises.numerals import number
from scoring.promises.words import ACTIONS, BLOCKS, CUES, FOLD, KINDS, MARK, MONEY, NOT_OF_KIND, TIME

MOST = 5_000
"""Characters of a message that are read."""
SENTENCE = 400
"""Of a longer sentence only its beginning is read, as far as this or the clause in question."""
_AT = pl.Datetime("us", "UTC")
T = TypeVar("T")
PROMISE_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "row": pl.UInt32,  # of the messages searched
    "conversation_key": pl.String,
    "seq": pl.Int32,
    "kind": pl.String,
    "start": pl.Int32,
    "end": pl.Int32,
    "matched": pl.String,
    "amount": pl.Int64,  # hundredths
    "due_at": _AT,
}
_CUT = "\0"
"""Put behind a clause, and twice behind a sentence: an empty clause ends it. Folding leaves none in the texts."""
_BLANK = " \t\r\n\u3000"
_MARKS = _BLANK + "，,、…。.！!；;？?~～"
_TIMED = (
    "[0-9零一二两三四五六七八九十半今明后当年月周天日午早晚点底内]|day|night|noon|(?-u:\\b)(?:mon|tue|wed|thu|fri|"
    "sat|sun|by|in|within|hour|week|month|year|morning|afternoon|evening|tomorrow|tmrw|tmr|tomoz|tonite|jan|feb|mar|"
    "apr|may|jun|jul|aug|sep|oct|nov|dec)"
)
"""One of these stands wherever a time is named."""
_PAID = re.compile(MONEY)
_OF_MONEY = ("refund", "compensate", "price", "gift")
"""Kinds that a sum elsewhere in their sentence can be about."""
_JOINTS = ("but", "and then", "so")


def _cuts() -> dict[str, str]:
    """What texts are written as where they are cut, beside what folding writes: behind marks, before English joints;
    never within a number or an abbreviation."""
    digits = "0123456789"
    kept = {f"{a},{b}": f"{a},{b}" for a in digits for b in digits}
    joints = {f" {said} ": f" {_CUT}{word} " for word in _JOINTS for said in (word, word.capitalize(), word.upper())}
    commas = {mark: mark + _CUT for mark in "，,、…"}
    marks = [*"。！!；;\n？?"]
    runs = [one * 3 for one in marks] + [one + other for one in marks for other in marks]
    stops = {run: run + 2 * _CUT for run in [*runs, *marks]}
    periods = {f".{blank}": f".{2 * _CUT}{blank}" for blank in " \t\r\u3000"}
    return kept | joints | commas | stops | periods | {k: v for k, v in FOLD.items() if v not in ",;!?"}


_FOLDS = _cuts()
_MARKED = f"{MARK}|{TIME}"
_CUES = unfolded(CUES, FOLD)


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
        said = messages.select("conversation_key", "seq", "role", "sent_at", "text").with_row_index("row")
        spoken = said.filter(pl.col("role") == "agent").with_columns(pl.col("text").fill_null(""))
        if (spoken["text"].str.len_bytes() > MOST).any():
            spoken = spoken.with_columns(pl.col("text").str.slice(0, MOST))
        spoken = spoken.filter(pl.col("text").str.contains_any(_CUES, ascii_case_insensitive=True)).with_columns(
            cut=pl.col("text").str.replace_many(list(_FOLDS), list(_FOLDS.values()), leftmost=True)
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
        clauses = _clauses(spoken)
        read = _around(_meant(spoken, clauses, _promising(clauses)))
        here = pl.concat([read, spoken.drop("role", "cut")[read["message"]]], how="horizontal")
        start, end = pl.col("at") + pl.col("low"), pl.col("at") + pl.col("high")
        return here.with_columns(
            start=start,
            end=end,
            matched=pl.col("text").str.slice(start, end - start),
            amount=_of_rows(here, ["paid"], _amount, pl.Int64()),
            due_at=_of_rows(here, ["timed", "sent_at"], self._due, _AT),
        )

    def _due(self, around: str, said: datetime) -> datetime | None:
        return due(around, said.astimezone(self.zone))


def _clauses(spoken: pl.DataFrame) -> pl.DataFrame:
    """The texts, folded and cut: message (its place among `spoken`), clause, before (code points before it in all texts
    together) and sentence (numbered through); in their order."""
    cut = spoken.select(message=pl.int_range(pl.len(), dtype=pl.UInt32), clause=pl.col("cut").str.split(_CUT))
    length = pl.col("clause").str.len_chars().cast(pl.Int64)
    ended = (pl.col("clause") == "").cum_sum()
    placed = cut.explode("clause").with_columns(before=length.cum_sum() - length, ended=ended)
    begun = _changes("message") | _changes("ended")
    return placed.filter(pl.col("clause") != "").with_columns(begun=begun).with_columns(
        sentence=pl.col("begun").cum_sum() - 1
    )  # fmt: skip


def _changes(column: str) -> pl.Expr:
    return pl.col(column).ne_missing(pl.col(column).shift())


def _says(name: str, column: str = "plain") -> pl.Expr:
    return pl.col(column).str.contains(BLOCKS[name])


def _promising(clauses: pl.DataFrame) -> pl.DataFrame:
    """The different clauses that promise by themselves: clause, said (without blanks and marks at its ends), kind. The
    cheapest question that most fail comes first."""
    different = clauses.select(pl.col("clause").unique())
    named = different.filter(pl.col("clause").str.contains_any(CUES))
    said = named.with_columns(said=pl.col("clause").str.strip_chars_start(_BLANK).str.strip_chars_end(_MARKS))
    plain = said.with_columns(plain=pl.col("said").str.replace_all(BLOCKS["harmless"], ""))
    meant = plain.filter(~_says("policy")).filter(~_says("refused")).drop("plain")
    open_ = meant.filter(pl.col("said").str.contains(_MARKED)).filter(~_says("done", "said"))
    over = open_.select(_says("over", "said")).to_series()
    still = open_.filter(over).filter(_says("future", "said"))
    return _of_kinds(pl.concat([open_.filter(~over), still]))


def _meant(spoken: pl.DataFrame, clauses: pl.DataFrame, promising: pl.DataFrame) -> pl.DataFrame:
    """Where clauses promise and their sentences do not take it back: message, sentence (its number) and its words, at
    (code points before it in the text), clause, said, kind, low and high (of the clause, in code points of the
    sentence)."""
    here = _with_sentences(spoken, clauses, clauses.join(promising, on="clause", maintain_order="left"))
    asked = here.filter(~_says("asked_after", "following"))
    able = asked.with_columns(plain=pl.col("words").str.replace_all(BLOCKS["harmless"], ""))
    able = able.filter(~_says("question")).filter(~_says("conditional"))
    return able.with_columns(plain=pl.col("words").str.slice(0, "high")).filter(~_says("quoted"))


def _with_sentences(spoken: pl.DataFrame, clauses: pl.DataFrame, here: pl.DataFrame) -> pl.DataFrame:
    """The clauses `here` with the words of their sentence and of the one `following` in the message, at, low and
    high."""
    lengths = spoken["text"].str.len_chars().cast(pl.Int64)
    ends = lengths.cum_sum()
    starts = clauses.filter(pl.col("begun"))["before"].extend_constant(ends[-1] if len(ends) else 0, 2)
    message, sentence = here["message"], here["sentence"]
    base, stop = (ends - lengths).gather(message), ends.gather(message)
    begins, middle, after = (starts.gather(sentence + step) for step in (0, 1, 2))
    middle, after = (pl.select(pl.min_horizontal(one, stop)).to_series() for one in (middle, after))
    told = here.select("message", "clause", "said", "kind", "sentence").with_columns(
        spoken["cut"].gather(message).str.replace_all(_CUT, "", literal=True).alias("folded"),
        at=begins - base, low=here["before"] - begins, size=middle - begins, more=after - middle,
    )  # fmt: skip
    length = pl.col("clause").str.len_chars().cast(pl.Int64)
    most = pl.min_horizontal("size", pl.max_horizontal(pl.lit(SENTENCE), pl.col("low") + length))
    return told.select(
        "message", "sentence", "clause", "said", "kind", "at", "low", high=pl.col("low") + length,
        words=pl.col("folded").str.slice("at", most),
        following=pl.col("folded").str.slice(pl.col("at") + pl.col("size"), "more"),
    )  # fmt: skip


def _of_kinds(clauses: pl.DataFrame) -> pl.DataFrame:
    """The clauses whose words (said) name an action, each with the first kind of which they do."""
    found, rest = [], clauses
    for kind in KINDS:
        named = rest.select(pl.col("said").str.contains(ACTIONS[kind])).to_series()
        here, rest = rest.filter(named), rest.filter(~named)
        if kind in NOT_OF_KIND:
            another = here.select(pl.col("said").str.contains(NOT_OF_KIND[kind])).to_series()
            here, rest = here.filter(~another), pl.concat([rest, here.filter(another)])
        found.append(here.with_columns(kind=pl.lit(kind)))
    return pl.concat(found)


def _around(found: pl.DataFrame) -> pl.DataFrame:
    """One promise of a kind in a sentence, with its place and the words about it, of its clause first: as `timed` where
    they may name a time, as `paid` where they name a sum, else null."""
    words = pl.col("words")
    rest = pl.concat_str(words.str.slice(pl.col("high")), pl.lit("\n"), words.str.slice(0, pl.col("low")))
    one = found.unique(["sentence", "kind"], keep="first", maintain_order=True)
    alone = pl.len().over("sentence") == 1  # sums and times of a sentence with several promises stay with their clauses
    around = pl.concat_str("said", pl.lit("\n"), pl.when(alone).then(rest).otherwise(pl.lit("")))
    lead = pl.col("clause").str.len_chars() - pl.col("clause").str.strip_chars_start(_BLANK).str.len_chars()
    low = pl.col("low") + lead.cast(pl.Int64)
    return one.select(
        "message",
        "at",
        "kind",
        low=low,
        high=low + pl.col("said").str.len_chars(),
        timed=pl.when(words.str.contains(_TIMED)).then(around),
        paid=pl.when(words.str.contains(MONEY)).then(
            pl.when(pl.col("kind").is_in(_OF_MONEY)).then(around).otherwise("said")
        ),
    )


def _amount(text: str) -> int | None:
    """The first sum of money named, in hundredths."""
    named = _PAID.search(text)
    value = number((named[1] or named[2]).replace(",", "")) if named else None
    return None if value is None else round(value * 100)


def _of_rows(found: pl.DataFrame, where: Sequence[str], make: Callable[..., T | None], kind: pl.DataType) -> pl.Series:
    """What `make` makes of the columns `where` of the rows in which none of them is null."""
    rows = found.select(pl.arg_where(pl.all_horizontal(pl.col(where).is_not_null()))).to_series()
    made = [make(*row) for row in found.select(where)[rows].iter_rows()]
    return pl.Series([None], dtype=kind).new_from_index(0, found.height).scatter(rows, pl.Series(made, dtype=kind))
