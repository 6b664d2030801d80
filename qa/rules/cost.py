"""What a rule's patterns cost on the texts that are worst for them, measured: a pattern that could hold a server up is
not published.

The bound is a multiple of what one known pattern costs in the same process, so that a slow machine refuses nothing that
a fast one takes. Patterns whose possibilities are few by their form are not tried. Runs in `qa.processes.isolation`
alone.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from functools import cache

from scoring.problem import N_, Words
from scoring.redline import Rule, RuleProblem
from scoring.redline.check import all_terms
from scoring.redline.evasion import phrase_node, regex_node
from scoring.redline.hazard import endless, paths
from scoring.redline.matcher import Piece, phrase_piece, regex_piece
from scoring.redline.probe import probes
from scoring.redline.syntax import Node, parse

LENGTH = 8_000
"""Characters of the text that is judged by: a long message."""
SHORT = 1_000
"""Characters that are tried first: most patterns are known from them."""
FEW = 100
"""Ways of matching from one start below which nothing can take long."""
REFERENCE = re.compile(r"[^xy]{1,20}[^xy]{1,20}[xy]")
MOST = 16.0
"""Times the reference that a pattern may cost."""

At = Callable[[str, str], None]


def slow(rule: Rule, at: At) -> Iterator[RuleProblem]:
    """An objection to every pattern of the rule that costs more than it may; `at` hears each field and pattern before
    it is tried. The rule's patterns must be readable."""
    for field, written, piece, tree in suspects(rule):
        at(field, written)
        seconds = seconds_of(piece, tree)
        if seconds > most_seconds():
            yield RuleProblem(rule.id, field, "cost", too_slow(seconds), written)


def too_slow(seconds: float) -> Words:
    """Why a pattern that takes so long is refused, and the cure."""
    return Words(
        N_(
            "is too slow: on {n} unlucky characters it takes {seconds} s, and {limit} s are allowed. Give its"
            " repetitions smaller bounds, or let it begin with a fixed word"
        ),
        n=LENGTH,
        seconds=f"{seconds:.1f}",
        limit=f"{most_seconds():.1f}",
    )


def seconds_of(piece: Piece, tree: Node) -> float:
    """CPU seconds on the worst text of `LENGTH` characters; at least that many where it is more than allowed."""
    worst, most = 0.0, most_seconds()
    for text in probes(tree, SHORT):
        taken = _seconds(piece.exact, text)
        if most < taken * LENGTH / SHORT < 4 * most:  # once more: the machine may have been busy
            taken = min(taken, _seconds(piece.exact, text))
        if taken * LENGTH / SHORT <= most < taken * (LENGTH / SHORT) ** 2:  # it may grow with the square
            taken = min(_seconds(piece.exact, text * (LENGTH // SHORT)) for _ in range(2)) * SHORT / LENGTH
        worst = max(worst, taken * LENGTH / SHORT)
        if worst > most:
            break
    return worst


@cache
def most_seconds() -> float:
    """CPU seconds that a pattern may take on `LENGTH` characters, on this machine."""
    text = "的" * SHORT
    return MOST * min(_seconds(REFERENCE, text) for _ in range(3)) * LENGTH / SHORT


def _seconds(pattern: re.Pattern[str], text: str) -> float:
    started = time.thread_time()
    for _ in pattern.finditer(text):
        pass
    return time.thread_time() - started


def suspects(rule: Rule) -> Iterator[tuple[str, str, Piece, Node]]:
    """Field, written form, searchable form and tree of every pattern whose form alone does not clear it."""
    for path, terms in all_terms(rule):
        for written in terms.regex:
            tree = parse(written)
            if paths(tree) > FEW or endless(tree):
                yield f"{path}regex", written, regex_piece(written, rule.evasion), regex_node(tree, rule.evasion)
        for written in terms.phrases:
            if not written.isalnum():  # between letters there is room for marks, which then can be both
                piece = phrase_piece(written, rule.evasion)
                yield f"{path}phrases", written, piece, phrase_node(written, rule.evasion)
