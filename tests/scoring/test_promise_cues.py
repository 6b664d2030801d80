"""The cheap look before promises are read: never too few strings, in whatever spelling a text comes."""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl
import pytest

from scoring.promises.cues import cues, unfolded
from scoring.promises.words import ACTIONS, CUES, FOLD

LINES = Path(__file__).parents[2] / "benchmarks" / "data"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("退[款钱]", {"退款", "退钱"}),
        ("refund(?:ed)?", {"refund"}),
        ("(?:钱|款)[^，]{0,9}打回|赔", {"打回", "赔"}),
        ("补?[发寄]新", {"发新", "寄新"}),
        ("[^a]{2}x{2}", {"xx"}),
        ("^\\bship$", {"ship"}),
    ],
)
def test_what_must_be_there(pattern: str, expected: set[str]) -> None:
    assert cues(pattern) == expected


@pytest.mark.parametrize("pattern", ["a?", "[^x]", "退款|.*", "(?:退款)?"])
def test_an_expression_that_needs_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="must be there"):
        cues(pattern)


def test_every_text_with_an_action_holds_a_cue() -> None:
    texts = [row[0] for file in sorted(LINES.glob("promises*.tsv")) for row in _rows(file)]
    frame = pl.DataFrame({"text": texts}).with_columns(
        folded=pl.col("text").str.replace_many(list(FOLD), list(FOLD.values()))
    )
    acts = frame.filter(pl.any_horizontal(pl.col("folded").str.contains(action) for action in ACTIONS.values()))
    assert acts.height > 200
    assert acts.filter(~pl.col("folded").str.contains_any(CUES)).is_empty()
    raw = unfolded(CUES, FOLD)
    assert acts.filter(~pl.col("text").str.contains_any(raw, ascii_case_insensitive=True)).is_empty()


def test_other_spellings_are_looked_for() -> None:
    raw = unfolded(["退款", "ship", "补发"], FOLD)
    texts = pl.Series(["補發", "补發", "SHIP", "ｓｈｉｐ", "退", "无"])
    found = texts.str.contains_any(raw, ascii_case_insensitive=True)
    assert found.to_list() == [True, True, True, True, False, False]


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row][1:]
