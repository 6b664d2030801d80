"""What stands around a hit: neighbours, repetition, and phrases that should have been said but were not.

Owns everything that needs a whole conversation, as plain lists of lines; it is asked only for conversations that matter
(those with a hit, or those of a missing-phrase rule). Does not know frames, engines, dates and platforms.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from scoring.redline.guards import echoed
from scoring.redline.logic import And, Expression, Name, holds, parse_logic
from scoring.redline.markup import as_read
from scoring.redline.matcher import Matcher, pieces
from scoring.redline.rule import Anchor, Condition, Evasion, Guard, Missing, Relation, Repetition, Rule, Terms

PARTIES = ("customer", "agent", "bot")


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """One message of a party to the conversation, in order."""

    seq: int
    role: str
    sent_at: datetime | None
    text: str


@dataclass(frozen=True, slots=True)
class LineHit:
    """A span in the line at ``at`` (index into the conversation's lines). An empty span marks the whole message."""

    at: int
    start: int
    end: int


@lru_cache(maxsize=5_000)
def terms_matcher(terms: Terms, evasion: Evasion, guards: tuple[Guard, ...] = ()) -> Matcher:
    return Matcher(pieces(terms, evasion), guards=guards)


def seconds_between(a: SpokenLine, b: SpokenLine) -> float | None:
    if a.sent_at is None or b.sent_at is None:
        return None
    return abs((b.sent_at - a.sent_at).total_seconds())


def close(lines: Sequence[SpokenLine], a: int, b: int, messages: int | None, seconds: int | None) -> bool:
    """Are two lines within the given distances? Unknown times are never within a number of seconds."""
    if messages is not None and abs(a - b) > messages:
        return False
    if seconds is None:
        return True
    apart = seconds_between(lines[a], lines[b])
    return apart is not None and apart <= seconds


def stands(relation: Relation, anchor: int, other: int) -> bool:
    """Does ``other`` stand in ``relation`` to ``anchor``?"""
    match relation:
        case Relation.BEFORE:
            return other < anchor
        case Relation.AFTER:
            return other > anchor
        case Relation.NEAR:
            return other != anchor
        case Relation.SAME:
            return other == anchor
        case Relation.ANYWHERE:
            return True


def condition_lines(condition: Condition, evasion: Evasion, lines: Sequence[SpokenLine]) -> list[int]:
    """Indices of the lines that satisfy a condition's terms (only the ``nth`` of them when it is given)."""
    matcher = terms_matcher(condition.terms, evasion)
    found = [
        n
        for n, line in enumerate(lines)
        if line.role in condition.speaker.roles and matcher.said_in(as_read(line.text))
    ]
    return found[condition.nth - 1 : condition.nth] if condition.nth else found


def expression(rule: Rule) -> Expression:
    """The rule's logic; without one, all its conditions."""
    return parse_logic(rule.logic) if rule.logic.strip() else And(tuple(Name(c.name) for c in rule.conditions))


def with_conditions(rule: Rule, lines: Sequence[SpokenLine], hits: Sequence[LineHit]) -> list[LineHit]:
    """The hits around which the rule's logic holds."""
    if not rule.conditions:
        return list(hits)
    where = {c.name: condition_lines(c, rule.evasion, lines) for c in rule.conditions}
    by_name = {c.name: c for c in rule.conditions}
    logic = expression(rule)

    def true_at(anchor: int, name: str) -> bool:
        c = by_name[name]
        return any(
            stands(c.relation, anchor, other) and close(lines, anchor, other, c.within_messages, c.within_seconds)
            for other in where[name]
        )

    anchors = {h.at: holds(logic, lambda name, at=h.at: true_at(at, name)) for h in hits}  # type: ignore[misc]
    return [h for h in hits if anchors[h.at]]


def with_repetition(wanted: Repetition, lines: Sequence[SpokenLine], hits: Sequence[LineHit]) -> list[LineHit]:
    """The hits of every message that completes ``times`` hitting messages within the window."""
    at = sorted({h.at for h in hits})
    full = {
        last
        for n, last in enumerate(at)
        if n + 1 >= wanted.times
        and close(lines, at[n + 1 - wanted.times], last, wanted.within_messages, wanted.within_seconds)
    }
    return [h for h in hits if h.at in full]


def without_echoes(lines: Sequence[SpokenLine], hits: Sequence[LineHit]) -> list[LineHit]:
    """The hits that say a number which the customer did not say before."""

    def said_before(at: int) -> str:
        return "\n".join(line.text for line in lines[:at] if line.role == "customer")

    return [h for h in hits if not echoed(lines[h.at].text[h.start : h.end], said_before(h.at))]


def judged(rule: Rule, lines: Sequence[SpokenLine], hits: Sequence[LineHit]) -> list[LineHit]:
    """The hits that remain once the guard against echoes, conditions, repetition and a missing follow-up are
    considered."""
    spoken = without_echoes(lines, hits) if Guard.ECHOED in rule.guards else hits
    kept = with_conditions(rule, lines, spoken)
    if rule.repetition is not None:
        kept = with_repetition(rule.repetition, lines, kept)
    if rule.missing is not None and rule.missing.anchor is Anchor.PHRASE:
        kept = [h for h in kept if not followed_up(rule, rule.missing, lines, h.at)]
    return kept


# --- missing phrases -----------------------------------------------------------------------------------------------


def followed_up(rule: Rule, missing: Missing, lines: Sequence[SpokenLine], at: int) -> bool:
    """Did the agent come back in time, with an expected phrase where there is one?

    A later reply of unknown time counts as in time: no accusation without a clock.
    """
    later = []
    for n in range(at + 1, len(lines)):
        apart = seconds_between(lines[at], lines[n])
        if lines[n].role == "agent" and (apart is None or apart <= missing.within_seconds):
            later.append(n)
    if not missing.expected:
        return bool(later)
    matcher = terms_matcher(missing.expected, rule.evasion)
    return any(matcher.said_in(as_read(lines[n].text)) for n in later)


def late_replies(lines: Sequence[SpokenLine], wait_seconds: int) -> list[int]:
    """Agent lines that answer a customer who had waited longer than ``wait_seconds`` since the first open question."""
    late, asked = [], None
    for n, line in enumerate(lines):
        if line.role == "customer" and asked is None:
            asked = n
        elif line.role == "agent" and asked is not None:
            apart = seconds_between(lines[asked], line)
            if apart is not None and apart > wait_seconds:
                late.append(n)
            asked = None
    return late


def omissions(rule: Rule, lines: Sequence[SpokenLine], said: Container[int]) -> list[LineHit]:
    """Hits of a missing-phrase rule with the anchors opening, closing and wait: empty spans at the message to look at.

    ``said`` holds the ``seq`` of every agent line with an expected phrase.
    """
    missing = rule.missing
    replies = [n for n, line in enumerate(lines) if line.role == "agent"]
    if missing is None or not replies:
        return []

    def left_out(looked_at: Sequence[int]) -> bool:
        return bool(missing.expected) and not any(lines[n].seq in said for n in looked_at)

    match missing.anchor:
        case Anchor.OPENING:
            return [LineHit(replies[0], 0, 0)] if left_out(replies[: missing.messages]) else []
        case Anchor.CLOSING:
            return [LineHit(replies[-1], 0, 0)] if left_out(replies[-missing.messages :]) else []
        case Anchor.WAIT:
            late = late_replies(lines, missing.wait_seconds)
            return [LineHit(n, 0, 0) for n in late if left_out([m for m in replies if m >= n][: missing.messages])]
        case Anchor.PHRASE:
            return []
