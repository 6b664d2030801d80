"""The word lists of `scoring/data/promises` as rules of the red-line engine and as readings of a sentence."""

from __future__ import annotations

import hashlib
import re
import tomllib
from importlib.resources import files

from scoring.label import Label
from scoring.redline.rule import Evasion, Rule, Terms

_CONTENT = (files("scoring") / "data/promises/default.toml").read_bytes()
_DATA = tomllib.loads(_CONTENT.decode())
PROMISE_WORDS_HASH = hashlib.sha256(_CONTENT).hexdigest()[:16]
"""Names the word lists: finds of another name are out of date."""

FOLD = str.maketrans(
    dict(zip(_DATA["fold"]["from"], _DATA["fold"]["to"], strict=True))
    | {chr(n): chr(n - 0xFEE0) for n in range(0xFF10, 0xFF5B)}
)
"""Traditional characters, full-width digits and letters to what the readings are written in, one for one."""

READINGS = {name: re.compile(pattern) for name, pattern in _DATA["readings"].items()}
KINDS: tuple[str, ...] = tuple(kind["id"] for kind in _DATA["kind"])
_MARKERS = ("commit", "when", "commit_en", "when_en", "extra")
_LONGEST = 400
_EVASION = Evasion(
    separators=False, homophones=False, pinyin=False, split=False, slang=False, zero_width=False, digits=False
)


def kind_label(kind: str) -> Label:
    """The kind's name in both languages."""
    found = next(each for each in _DATA["kind"] if each["id"] == kind)
    return Label(found["zh"], found["en"])


def rules() -> list[Rule]:
    """What the engine looks for, in the order of `KINDS`: the words of each kind's action; last, the words that make a
    promise of them (who will, and when)."""
    found = [
        _rule(kind["id"], (*_pieces(kind["action"]), *_pieces(_casual(kind["action_en"])))) for kind in _DATA["kind"]
    ]
    fragments = _DATA["fragments"]
    return [*found, _rule("marker", tuple(piece for name in _MARKERS for piece in _pieces(fragments[name])))]


def expressions() -> list[re.Pattern[str]]:
    """For each of `KINDS`, what a promise of it looks like in a folded text. Gaps are bounded, so is the work."""
    return [re.compile("|".join(f"(?:{_filled(each, kind)})" for each in kind["regex"])) for kind in _DATA["kind"]]


def _casual(english: str) -> str:
    """The same words as they are typed in a hurry: u, ur."""
    return re.sub(
        r"(?<![a-z\[])you(?![a-z])", "(?:you|ya|u(?![a-z]))", re.sub(r"(?<![a-z])your(?![a-z])", "(?:your|ur)", english)
    )


def _pieces(pattern: str) -> list[str]:
    """A group of alternatives as several shorter ones: the engine takes patterns up to a length."""
    if not pattern.startswith("(?:") or len(pattern) < _LONGEST:
        return [pattern]
    alternatives, depth = [""], 0
    for character in pattern[3:-1]:
        depth += (character in "([") - (character in ")]")
        if character == "|" and not depth:
            alternatives.append("")
        else:
            alternatives[-1] += character
    pieces = [""]
    for one in alternatives:
        if pieces[-1] and len(pieces[-1]) + len(one) > _LONGEST:
            pieces.append("")
        pieces[-1] += ("|" if pieces[-1] else "") + one
    return [f"(?:{piece})" for piece in pieces]


def _rule(rule_id: str, regex: tuple[str, ...]) -> Rule:
    return Rule(rule_id, 1, Label(rule_id, rule_id), Terms(regex=regex), evasion=_EVASION)


def _filled(template: str, kind: dict[str, str]) -> str:
    for name, value in (
        _DATA["fragments"] | {"action": kind["action"], "action_en": _casual(kind["action_en"])}
    ).items():
        template = template.replace("{" + name + "}", value)
    return template
