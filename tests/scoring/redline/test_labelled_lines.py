"""The shipped rules against lines made up for the purpose, harmless and violating, by kind."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from scoring.redline import EffectKind, Screener, load_default_rules

GRAVE = {r.id for r in load_default_rules() if r.effect.kind is EffectKind.ZERO_FORM}


class Line(NamedTuple):
    label: str
    rule: str
    kind: str
    text: str


@cache
def lines() -> tuple[Line, ...]:
    written = (Path(__file__).parent / "labelled_lines.tsv").read_text(encoding="utf-8").splitlines()
    return tuple(Line(*row.split("\t")) for row in written if not row.startswith("#"))


@cache
def hits(engine: str) -> dict[int, set[str]]:
    chats = pl.DataFrame(
        {
            "conversation_key": range(len(lines())),
            "seq": 0,
            "role": "agent",
            "sent_at": None,
            "text": [line.text for line in lines()],
        }
    )
    found: dict[int, set[str]] = defaultdict(set)
    for key, rule in (
        Screener(load_default_rules(), engine=engine).screen(chats).select("conversation_key", "rule_id").iter_rows()
    ):
        found[int(key)].add(rule)
    return found


@pytest.mark.parametrize("engine", ["hyperscan", "polars"])
def test_a_rule_that_zeroes_a_form_hits_no_harmless_line(engine: str) -> None:
    assert len(lines()) >= 400
    hit = [line for n, line in enumerate(lines()) if line.label == "F" and hits(engine)[n] & GRAVE]
    assert hit == []


def test_precision_and_recall_by_rule() -> None:
    for rule in sorted({line.rule for line in lines()} - {"any"}):
        wanted = {n for n, line in enumerate(lines()) if line.label == "V" and line.rule == rule}
        harmless = {n for n, line in enumerate(lines()) if line.label == "F"}
        found = {n for n in range(len(lines())) if rule in hits("hyperscan")[n]}
        assert len(found & wanted) >= 0.9 * len(wanted), rule
        assert len(found & harmless) <= 0.1 * max(1, len(found & wanted)), rule


def test_both_engines_agree_on_every_line() -> None:
    assert dict(hits("hyperscan")) == dict(hits("polars"))
