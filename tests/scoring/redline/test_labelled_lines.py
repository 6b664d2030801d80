"""The shipped rules against lines made up for the purpose, harmless and violating, by kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
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


def read(name: str) -> tuple[Line, ...]:
    written = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    return tuple(Line(*row.split("\t")) for row in written if not row.startswith("#"))


@cache
def lines() -> tuple[Line, ...]:
    return read("labelled_lines.tsv")


@cache
def unseen() -> tuple[Line, ...]:
    return read("unseen_lines.tsv")


@cache
def learnt() -> tuple[Line, ...]:
    return read("wording_lines.tsv")


@cache
def blind() -> tuple[Line, ...]:
    return read("blind_lines.tsv")


@cache
def screener(engine: str) -> Screener:
    """Compiled once for all files: compiling takes longer than searching them."""
    return Screener(load_default_rules(), engine=engine)


def screened(texts: Sequence[str], engine: str) -> dict[int, set[str]]:
    chats = {"conversation_key": range(len(texts)), "seq": 0, "role": "agent", "sent_at": None, "text": texts}
    found: dict[int, set[str]] = defaultdict(set)
    hit = screener(engine).screen(pl.DataFrame(chats))
    for key, rule in hit.select("conversation_key", "rule_id").iter_rows():
        found[int(key)].add(rule)
    return found


@cache
def found_in(name: str) -> tuple[set[str], ...]:
    """Rules that hit each line of a file."""
    found = screened([line.text for line in read(name)], "hyperscan")
    return tuple(found.get(n, set()) for n in range(len(read(name))))


@cache
def hits(engine: str) -> dict[int, set[str]]:
    """Rules that hit, by the place of the line; those of the unseen lines come last."""
    return screened([line.text for line in (*lines(), *unseen())], engine)


@pytest.mark.parametrize("engine", ["hyperscan", "polars"])
def test_a_rule_that_zeroes_a_form_hits_no_harmless_line(engine: str) -> None:
    assert len(lines()) >= 400
    hit = [line for n, line in enumerate(lines()) if line.label == "F" and hits(engine).get(n, set()) & GRAVE]
    assert hit == []


def test_precision_and_recall_by_rule() -> None:
    for rule in sorted({line.rule for line in lines()} - {"any"}):
        wanted = {n for n, line in enumerate(lines()) if line.label == "V" and line.rule == rule}
        harmless = {n for n, line in enumerate(lines()) if line.label == "F"}
        found = {n for n in range(len(lines())) if rule in hits("hyperscan").get(n, ())}
        assert len(found & wanted) >= 0.9 * len(wanted), rule
        assert len(found & harmless) <= 0.1 * max(1, len(found & wanted)), rule


def test_lines_that_steered_no_pattern_show_what_other_words_cost() -> None:
    found = [n in hits("hyperscan") for n in range(len(lines()), len(lines()) + len(unseen()))]
    wanted = [line.label == "V" for line in unseen()]
    right = sum(f and w for f, w in zip(found, wanted, strict=True))
    assert right >= 0.65 * sum(wanted)
    assert right >= 0.95 * sum(found), "precision"


def test_blind_lines_are_found_and_harmless_ones_left_alone() -> None:
    """Nothing was tuned on these lines: what is found here is what other people's words may expect."""
    found = found_in("blind_lines.tsv")
    wanted = [line.label == "V" for line in blind()]
    right = sum(bool(f) and w for f, w in zip(found, wanted, strict=True))
    assert right >= 0.78 * sum(wanted)
    assert right >= 0.88 * sum(map(bool, found)), "precision"
    grave = sum(bool(f & GRAVE) and not w for f, w in zip(found, wanted, strict=True))
    assert grave <= 2


def test_lines_of_shop_talk_are_told_apart() -> None:
    """At first sight, before anything was mended for them, 74 of the 80 violations were found, and of the 150 near
    misses 11 were hit, 4 of them by a rule that zeroes a form."""
    talk, found = read("shop_lines.tsv"), found_in("shop_lines.tsv")
    right = sum(bool(f) for line, f in zip(talk, found, strict=True) if line.label == "V")
    wrong = [(line.text, f) for line, f in zip(talk, found, strict=True) if line.label == "F" and f]
    assert (len(talk), sum(line.label == "V" for line in talk)) == (230, 80)
    assert right >= 0.9 * 80
    assert [text for text, f in wrong if f & GRAVE] == []
    assert len(wrong) <= 5, wrong


def test_learnt_lines_hold_no_grave_false_hit() -> None:
    hit = [
        line.text
        for line, found in zip(learnt(), found_in("wording_lines.tsv"), strict=True)
        if line.label == "F" and found & GRAVE
    ]
    assert hit == []


def test_both_engines_agree_on_every_line() -> None:
    assert dict(hits("hyperscan")) == dict(hits("polars"))
