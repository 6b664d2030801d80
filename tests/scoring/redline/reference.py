"""A second, slow implementation to hold the engine against: no search engine, no regular expressions for phrases.

Phrases are matched by walking the text character by character; everything else is a loop over messages and rules.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import polars as pl

from scoring.redline.context import LineHit, SpokenLine, judged, omissions, terms_matcher
from scoring.redline.evasion import units
from scoring.redline.lookalikes import INVISIBLE, any_mark, is_mark, kind, lexicon, simplified, soft
from scoring.redline.matcher import Matcher, disjoint
from scoring.redline.rule import Evasion, Rule
from scoring.redline.syntax import Chars


def member(c: str, node: Chars) -> bool:
    return any(low <= ord(c) <= high for low, high in node.ranges)


def reads_as(c: str, wanted: str, ev: Evasion) -> bool:
    """Does a character of the text stand for a character of a phrase?"""
    forms = {wanted}
    if ev.case and wanted.isascii():
        forms |= {wanted.lower(), wanted.upper()}
    if ev.homophones:
        forms |= set(lexicon().homophones.get(wanted, ""))
    if c in forms or (ev.digits and c in lexicon().digits.get(wanted, "")):
        return True
    if ev.traditional and simplified().get(c) in forms:
        return True
    narrow = unicodedata.normalize("NFKC", c)
    return ev.width and len(narrow) == 1 and narrow.isascii() and narrow.isalnum() and narrow in forms


def after_char(text: str, at: int, wanted: str, ev: Evasion) -> Iterator[int]:
    """Ends of one character of a phrase that starts at ``at``."""
    if at < len(text) and reads_as(text[at], wanted, ev):
        yield at + 1
        if ev.digits and wanted.isdigit():
            for n in (1, 2):
                if all(c in "\ufe0f\u20e3" for c in text[at + 1 : at + 1 + n]) and at + 1 + n <= len(text):
                    yield at + 1 + n
    if ev.split:
        for parts in lexicon().split.get(wanted, ()):
            if text.startswith(parts, at):
                yield at + len(parts)


def after_gap(text: str, at: int, left: str, right: str, marks: str, ev: Evasion) -> Iterator[int]:
    """Ends of the gap between two characters that starts at ``at``."""

    def run(node: Chars, low: int, high: int, start: int) -> Iterator[int]:
        n = 0
        while True:
            if n >= low:
                yield start + n
            if n == high or start + n >= len(text) or not member(text[start + n], node):
                return
            n += 1

    if not ev.separators:
        for first in run(INVISIBLE, 0, 2, at) if ev.zero_width else (at,):
            ends = {first}
            for m in marks:
                ends = {e for end in ends for e in after_char(text, end, m, ev)}
            for end in ends:
                yield from run(INVISIBLE, 0, 2, end) if ev.zero_width else (end,)
    elif marks and all(m in "'’" for m in marks):
        yield at
        if text[at : at + 1] and text[at] in "'’‘`´＇":
            yield at + 1
    elif marks:
        zero = ev.zero_width
        between = soft(zero) if all(member(m, soft()) for m in marks) else any_mark(zero)
        yield from run(between, 1 if kind(left) and kind(right) else 0, max(3, len(marks)), at)
    elif left.isascii() and right.isascii():
        yield from run(INVISIBLE, 0, 2, at) if ev.zero_width else (at,)
    else:
        yield from run(soft(ev.zero_width), 0, 3, at)


def word_ends(text: str, at: int, word: str, ev: Evasion) -> set[int]:
    """Ends of one spelling of a word."""
    ends, last, marks = {at}, "", ""
    for c in word:
        if is_mark(c) and last:
            marks += c
            continue
        if last:
            ends = {e for end in ends for e in after_gap(text, end, last, c, marks, ev)}
        ends = {e for end in ends for e in after_char(text, end, c, ev)}
        last, marks = c, ""
    return ends


def cut_off(text: str, at: int, c: str, ev: Evasion) -> bool:
    """Is ``text[at]`` of the same run of letters or digits as ``c``?"""
    if not kind(c) or not 0 <= at < len(text):
        return False
    narrow = unicodedata.normalize("NFKC", text[at]) if ev.width else text[at]
    return len(narrow) == 1 and kind(narrow) == kind(c)


def phrase_spans(text: str, phrase: str, ev: Evasion) -> set[tuple[int, int]]:
    """All spans of ``text`` that a phrase may match."""
    cut = units(phrase, ev)
    found: set[tuple[int, int]] = set()
    for start in range(len(text)):
        fronts = {(start, "")}
        for n, unit in enumerate(cut):
            short = len(cut) == 1
            spellings = [unit.text, *(s for s in unit.spellings if not short or len(s) > (2 if s.isascii() else 1))]
            after: set[tuple[int, str]] = set()
            for end, _ in fronts:
                begins = after_gap(text, end, cut[n - 1].text[-1], unit.text[0], unit.marks, ev) if n else [end]
                for begin in set(begins):
                    for s in spellings:
                        if n == 0 and cut_off(text, start - 1, s[0], ev):
                            continue
                        after |= {(e, s[-1]) for e in word_ends(text, begin, s, ev)}
            fronts = after
        found |= {(start, end) for end, last in fronts if not cut_off(text, end, last, ev)}
        found |= {(start, end) for end in spread_ends(text, start, "".join(u.text for u in cut), ev)}
    return found


def spread_ends(text: str, start: int, phrase: str, ev: Evasion) -> set[int]:
    """Ends of a phrase with a mark in every gap."""
    letters = phrase.isascii()
    if not ev.separators or len(phrase) < (4 if letters else 3) or (letters and not phrase.isalpha()):
        return set()
    if cut_off(text, start - 1, phrase[0], ev):
        return set()
    ends = {start}
    for n, c in enumerate(phrase):
        if n:
            ends = {
                e + k
                for e in ends
                for k in (1, 2, 3)
                if e + k <= len(text) and all(member(m, any_mark(ev.zero_width)) for m in text[e : e + k])
            }
        ends = {e for end in ends for e in after_char(text, end, c, ev)}
    return {e for e in ends if not cut_off(text, e, phrase[-1], ev)}


def reference_hits(rules: list[Rule], messages: pl.DataFrame) -> set[tuple[str, int, str, int, int, int, str]]:
    """(conversation, seq, rule, version, start, end, matched) without search engine, dates and platforms."""
    found = set()
    for key in messages["conversation_key"].unique(maintain_order=True):
        rows = messages.filter(pl.col("conversation_key") == key).sort("seq")
        lines = [
            SpokenLine(seq, role, at, text or "")
            for seq, role, at, text in rows.select("seq", "role", "sent_at", "text").iter_rows()
            if role in ("customer", "agent", "bot")
        ]
        for rule in rules:
            matcher = Matcher.of(rule)
            hits = [
                LineHit(n, *span)
                for n, line in enumerate(lines)
                if line.role in rule.speaker.roles
                for span in disjoint(matcher.spans(line.text))
            ]
            wanted = terms_matcher(rule.missing.expected, rule.evasion) if rule.missing else Matcher(())
            said = [line.seq for line in lines if wanted.said_in(line.text)]
            for h in [*judged(rule, lines, hits), *omissions(rule, lines, said)]:
                line = lines[h.at]
                found.add((key, line.seq, rule.id, rule.version, h.start, h.end, line.text[h.start : h.end]))
    return found
