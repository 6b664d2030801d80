"""Rules that are mostly false alarms: the words that cause them, and an exclusion that would silence them, as a draft.

An exclusion is proposed from decided files alone: it stands around the words of false alarms and in no confirmed file.
Taking it makes a draft; what it does to past chats is tried on the rule bench, and a person publishes it or does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import select

from qa.blinding import shown_files
from qa.casefiles.lifecycle import STANDING, FileState
from qa.errors import Conflict
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.rules import versions
from qa.tables import Violation
from qa.transcripts import shown_text
from qa.workbench import Workbench
from scoring.estimate.rates import clopper_pearson
from scoring.redline import Examples, Rule, Terms

LEAST = 10
"""Decided files below which nothing is said of a rule."""
FEWEST = 3
"""False alarms that an exclusion must silence."""
AROUND = 4
"""Characters looked at on either side of a match."""
READ = 400
"""Decided files that are read, the newest first."""


@dataclass(frozen=True)
class Exclusion:
    """A phrase around the words of false alarms: how many of them it would have silenced, with one to read."""

    phrase: str
    silences: int
    example: str


@dataclass(frozen=True)
class MostlyFalse:
    """A rule whose false alarms outnumber its violations, by more than chance: `wrong` of `decided`, at least `low` of
    all with 97.5 %."""

    rule_id: str
    decided: int
    wrong: int
    low: float
    words: tuple[tuple[str, int], ...]
    """What was said in the false alarms and in no confirmed file, with how often."""
    exclusions: tuple[Exclusion, ...]


@dataclass(frozen=True)
class _Said:
    text: str
    start: int
    end: int
    confirmed: bool


def mostly_false(bench: Workbench, actor: Actor, *, rule_id: str) -> MostlyFalse | None:
    """What causes the false alarms of a rule; None while at least half of it may be right or too little is decided."""
    require(actor, Right.VIEW_VIOLATIONS)
    right = tuple(state.value for state in (*STANDING, FileState.CONFIRMED))
    query = (
        select(Violation.conversation_key, Violation.state, Violation.evidence)
        .where(
            Violation.rule_id == rule_id,
            Violation.state.in_((*right, FileState.CLEARED.value, FileState.DISMISSED.value)),
            shown_files(bench, actor),
        )
        .order_by(Violation.id.desc())
        .limit(READ)
    )
    with bench.db.read() as session:
        files = session.execute(query).all()
    wrong = sum(state not in right for _key, state, _evidence in files)
    if len(files) < LEAST:
        return None
    low, _high = clopper_pearson(wrong, len(files))
    if low <= 0.5:
        return None
    said = _said(bench, [(key, state in right, evidence) for key, state, evidence in files])
    return MostlyFalse(
        rule_id,
        len(files),
        wrong,
        low,
        _words(said),
        tuple(replace(one, example=shown_text(actor, one.example)) for one in proposals(said)),
    )


def draft(bench: Workbench, actor: Actor, *, now: datetime, rule_id: str, exclusion: Exclusion) -> int:
    """Make a draft of the rule with one more exclusion and its false alarm as an example that must not hit.

    Returns the draft's version; raises `Conflict` when the rule has a draft already.
    """
    require(actor, Right.EDIT_RULES)
    history = versions.history(bench, actor, rule_id)
    if any(version.state == "draft" for version in history):
        raise Conflict(
            N_("Rule {rule} has a draft already: publish or discard it before you add an exclusion."), rule=rule_id
        )
    held = versions.get(bench, actor, rule_id)
    return versions.save_draft(bench, actor, now=now, rule=with_exclusion(held, exclusion))


def with_exclusion(rule: Rule, exclusion: Exclusion) -> Rule:
    """The rule with the phrase among its exclusions and its example among the lines that must not hit."""
    held = rule.exclusions
    negative = rule.examples.negative
    if exclusion.example not in negative:
        negative = (*negative, exclusion.example)
    return replace(
        rule,
        exclusions=Terms(tuple(dict.fromkeys((*held.phrases, exclusion.phrase))), held.regex),
        examples=Examples(rule.examples.positive, negative),
    )


def _said(bench: Workbench, files: Sequence[tuple[str, bool, Sequence[Mapping[str, Any]]]]) -> list[_Said]:
    keys = pl.Series([key for key, _confirmed, _evidence in files], dtype=pl.String).unique()
    read = (
        bench.archive.at()
        .scan("messages")
        .select("conversation_key", "seq", "text")
        .filter(pl.col("conversation_key").is_in(keys.implode()))
        .collect()
    )
    texts = {(key, seq): text or "" for key, seq, text in read.iter_rows()}
    found = []
    for key, confirmed, evidence in files:
        for hit in evidence:
            text = texts.get((key, hit["seq"]), hit["matched"])
            start, end = (hit["start"], hit["end"]) if (key, hit["seq"]) in texts else (0, len(text))
            if text[start:end] == hit["matched"] and end > start:
                found.append(_Said(text, start, end, confirmed))
    return found


def _words(said: Sequence[_Said]) -> tuple[tuple[str, int], ...]:
    right = {one.text[one.start : one.end] for one in said if one.confirmed}
    counted = Counter(one.text[one.start : one.end] for one in said if not one.confirmed)
    return tuple((word, n) for word, n in counted.most_common(12) if word not in right)[:6]


def proposals(said: Sequence[_Said], most: int = 3) -> tuple[Exclusion, ...]:
    """Phrases that silence the most false alarms and stand around no confirmed match, one after the other.

    Of phrases that silence the same, the longest is taken: it says the most about what it leaves alone.
    """
    wrong = [one for one in said if not one.confirmed]
    kept = [window for one in said if one.confirmed for window in _windows(one)]
    barred = set(kept)
    found: list[Exclusion] = []
    while len(found) < most:
        counted: dict[str, list[_Said]] = {}
        for one in wrong:
            for window in _windows(one):
                if window not in barred:
                    counted.setdefault(window, []).append(one)
        best = max(counted, key=lambda w: (len(counted[w]), len(w), w), default=None)
        if best is None or len(counted[best]) < FEWEST:
            break
        found.append(Exclusion(best, len(counted[best]), counted[best][0].text[:200]))
        silenced = {id(one) for one in counted[best]}
        wrong = [one for one in wrong if id(one) not in silenced]
    return tuple(found)


def _windows(one: _Said) -> set[str]:
    """Every stretch of the message that holds the match and up to `AROUND` characters on either side, in one line."""
    found = set()
    for left in range(AROUND + 1):
        for right in range(AROUND + 1):
            start, end = one.start - left, one.end + right
            text = one.text[max(0, start) : end]
            if start >= 0 and end <= len(one.text) and left + right and text == text.strip() and "\n" not in text:
                found.add(text)
    return found
