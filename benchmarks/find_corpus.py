"""A generated archive for the search benchmark: messages made of the demo's word lists.

Lines of the demo's scenes with their blanks filled, one to three of them a message, with numbers, names and a few
characters of its own, as people type. The same arguments give the same rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import polars as pl

from qa.demo import phrases_zh, scenes_en
from qa.demo.script import Phrases

COMMON = (
    "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以会家可下而过天去能对小多然于心学"
    "么之都好看起发当没成只如事把还用第样道想作种开美总从无情己面最女但现前些所同日手又行意动方期它头经长儿回位分爱老因"
)
VARIANTS = 6_000
ROWS_PER_CONVERSATION = 11.41
_BLANK = re.compile(r"\{(\w+)\}")


def _lines(phrases: Phrases) -> list[str]:
    turns = [line for scene in phrases.scenes for turn in scene.turns for line in turn.lines]
    faults = [line for s in phrases.scenes for t in s.turns for lines in t.faults.values() for line in lines]
    said = [line for red in phrases.red_lines for line in (*red.lines, *red.prompt)]
    more = (
        phrases.greetings + phrases.closings + phrases.apologies + phrases.empathy + phrases.holds + phrases.follow_ups
        + phrases.customer_anger + phrases.customer_impatience + phrases.customer_thanks + phrases.bot_lines
        + phrases.rating_comments_bad + phrases.dispute_buyer + phrases.dispute_seller
    )  # fmt: skip
    return [*turns, *faults, *said, *more]


def _filled(rng: np.random.Generator, phrases: Phrases, count: int) -> list[str]:
    lines = _lines(phrases)

    def value(match: re.Match[str]) -> str:
        choices: Sequence[str] = phrases.slots.get(match.group(1), ())
        return choices[rng.integers(len(choices))] if choices else str(rng.integers(10, 10_000))

    return [_BLANK.sub(value, lines[i]) for i in rng.integers(0, len(lines), count)]


def messages(conversations: int, seed: int = 7) -> pl.DataFrame:
    """One row per message, conversation by conversation: `conversation_key`, `seq`, `role`, `text`."""
    rng = np.random.default_rng(seed)
    counts = 1 + rng.poisson(ROWS_PER_CONVERSATION - 1, conversations)
    rows = int(counts.sum())
    owner = np.repeat(np.arange(conversations), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    lines = pl.Series(
        [*_filled(rng, phrases_zh.PHRASES, VARIANTS * 9 // 10), *_filled(rng, scenes_en.PHRASES, VARIANTS // 10)]
    )
    lines = lines.append(pl.Series([""]))
    none = len(lines) - 1
    one = (len(lines) - 1) * rng.random(rows) ** 2  # some lines are said far more often than others
    two = np.where(rng.random(rows) < 0.5, none, rng.integers(0, none, rows))
    three = np.where(rng.random(rows) < 0.8, none, rng.integers(0, none, rows))
    own = [pl.Series(list(COMMON))[rng.integers(0, len(COMMON), rows)] for _ in range(6)]
    number = rng.random(rows)
    frame = pl.DataFrame(
        {
            "c": owner,
            "seq": (np.arange(rows) - first).astype(np.int32),
            "agent": rng.random(rows) < 0.46,
            "a": lines[one.astype(np.int64)],
            "b": lines[two],
            "d": lines[three],
            "n": rng.integers(10**10, 10**11, rows),
            "u": number,
            **{f"o{k}": column for k, column in enumerate(own)},
        }
    )
    typed = pl.concat_str([f"o{k}" for k in range(6)])
    digits = (
        pl.when(pl.col("u") < 0.02)
        .then(pl.format("1{}", pl.col("n") // 10))
        .when(pl.col("u") < 0.1)
        .then(pl.format(" 订单号 {}", "n"))
        .otherwise(pl.lit(""))
    )
    return frame.select(
        pl.format("bench:S{}", pl.col("c").cast(pl.String).str.zfill(9)).alias("conversation_key"),
        "seq",
        pl.when("agent").then(pl.lit("agent")).otherwise(pl.lit("customer")).alias("role"),
        pl.concat_str("a", typed, "b", digits, "d").alias("text"),
    )
