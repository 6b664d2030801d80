"""Texts on which a pattern has the most to do: what somebody would write who wants a search to take long.

Owns the choice of characters and their order, from the tree alone, so that the same pattern is always tried on the same
texts. Does not time anything: whoever has a clock runs them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from scoring.redline.syntax import Alt, Chars, Edge, Lookaround, Node, Repeat, Seq, sets

USUAL = tuple(map(ord, "的a0 ，.A\n"))
"""Characters of ordinary talk, tried before the rare ones."""
ENDS = 3  # ranges at either end of a set whose borders are tried
RUNS = 4  # characters of which a run is tried
WALKS = 12  # texts made of pieces of a match


def probes(node: Node, length: int) -> Iterator[str]:
    """Different texts of ``length`` characters: runs of what the pattern's classes accept, and matches that break off
    before their end, over and over."""
    chosen = _Choice(node)
    seen = set[str]()
    pieces = [*islice((chr(code) for code in chosen.order), RUNS), *islice(_broken(node, chosen), WALKS)]
    for piece in pieces:
        text = (piece * (length // len(piece) + 1))[:length] if piece else ""
        if text and text not in seen:
            seen.add(text)
            yield text


class _Choice:
    """Which character stands for a class: the one that most other classes of the pattern accept, too."""

    def __init__(self, node: Node) -> None:
        classes = Counter(sets(node))
        candidates = dict.fromkeys(USUAL)
        for one in classes:
            for low, high in (*one.ranges[:ENDS], *one.ranges[-ENDS:]):
                candidates |= dict.fromkeys((low, high))
        counted = {code: sum(n for one, n in classes.items() if _holds(one, code)) for code in candidates}
        self.order = sorted(counted, key=lambda code: -counted[code])  # stable: the usual ones first

    def of(self, one: Chars) -> str:
        return next((chr(code) for code in self.order if _holds(one, code)), "")


def _holds(one: Chars, code: int) -> bool:
    return any(low <= code <= high for low, high in one.ranges)


def _broken(node: Node, chosen: _Choice) -> Iterator[str]:
    """Matches with the shortest and the longest repetitions, without their last character; then what leads up to each
    repetition, alone and with the repetition spelled out."""
    for longest in (False, True):
        for text in _walks(node, chosen, longest=longest):
            yield text[:-1]
    for before, repeated in _leading(node, chosen):
        yield before
        yield before + repeated


def _walks(node: Node, chosen: _Choice, *, longest: bool) -> Iterator[str]:
    """One match for each branch of the outermost alternation."""
    for branch in node.branches if isinstance(node, Alt) else (node,):
        yield _walk(branch, chosen, longest=longest)


def _walk(node: Node, chosen: _Choice, *, longest: bool) -> str:
    match node:
        case Chars():
            return chosen.of(node)
        case Seq(items):
            return "".join(_walk(item, chosen, longest=longest) for item in items)
        case Alt(branches):
            walked = [_walk(branch, chosen, longest=longest) for branch in branches]
            return (max if longest else min)(walked, key=len)
        case Repeat(body, low, high, _):
            return _walk(body, chosen, longest=longest) * ((high or max(low, 8)) if longest else low)
        case Edge() | Lookaround():
            return ""


def _leading(node: Node, chosen: _Choice) -> Iterator[tuple[str, str]]:
    """What stands before each repetition at its shortest, and the repetition at its longest."""
    items: Sequence[Node] = node.items if isinstance(node, Seq) else (node,)
    before = ""
    for item in items:
        if isinstance(item, Repeat):
            yield before, _walk(item, chosen, longest=True)
        elif isinstance(item, Alt):
            for branch in item.branches:
                yield from ((before + lead, repeated) for lead, repeated in _leading(branch, chosen))
        before += _walk(item, chosen, longest=False)
