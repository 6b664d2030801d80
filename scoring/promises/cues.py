"""Strings of which a text must hold one for an expression to match in it: asked first, because a look for many strings
at once is cheap.

Of a sequence the most telling part that must be there, of alternatives all. Never too few: what cannot be listed is
passed over, and an expression without any part that can is refused.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

from scoring.redline.syntax import Alt, Chars, Edge, Node, PatternParser, Repeat, Seq

MOST = 64
"""Strings that one part of an expression may stand for."""
LONGEST = 4
"""Characters of a string that are looked for where it can be spelled in several ways."""
_WIDE = range(0xFF10, 0xFF5B)

Strings = tuple[str, ...]


def cues(pattern: str) -> frozenset[str]:
    """Strings of which one stands in every match of `pattern`; those that hold another are left out. `pattern` is of
    the red lines' syntax, of any length. Raises `ValueError` when it has no part that must be there."""
    found = _needed(PatternParser(pattern).alternatives())
    if found is None:
        raise ValueError(f"expected an expression with a part that must be there, found {pattern!r}")
    return frozenset(one for one in found if not any(other in one for other in found if other != one))


def unfolded(strings: Iterable[str], fold: Mapping[str, str]) -> list[str]:
    """What to look for, without regard to ASCII case, in texts that `fold` (one character for one) was not laid over
    yet: every spelling of the strings, and each full-width letter or digit by itself."""
    wide = {written for written in fold if ord(written) in _WIDE}
    spellings: dict[str, list[str]] = {}
    for written, folded in fold.items():
        if written not in wide and not written.isascii():
            spellings.setdefault(folded, []).append(written)
    found = set(wide)
    for one in strings:
        ways = [(c, *spellings.get(c, ())) for c in one]
        spelled = ways if all(len(way) == 1 for way in ways) else ways[:LONGEST]
        found |= {"".join(each) for each in itertools.product(*spelled)}
    return sorted(found)


def _needed(node: Node) -> Strings | None:
    """Strings of which every match holds one; None when none can be named."""
    match node:
        case Alt(branches):
            parts = [_needed(branch) for branch in branches]
            return None if any(part is None for part in parts) else tuple(s for part in parts for s in part or ())
        case Repeat(body, low, _high):
            return _needed(body) if low else None
        case Seq(items):
            found = [*_runs(items), *(part for item in items if (part := _needed(item)) is not None)]
            return max(found, key=_telling, default=None)
        case _:
            return _usable(_exactly(node))


def _runs(items: Iterable[Node]) -> Iterable[Strings]:
    """What neighbouring items that can be listed stand for together, as far as there are not too many."""
    run: Strings = ("",)
    for item in items:
        here = _exactly(item)
        longer = _joined(run, here) if here is not None else None
        if longer is not None:
            run = longer
            continue
        if all(run):
            yield run
        run = here or ("",)
    if all(run):
        yield run


def _exactly(node: Node) -> Strings | None:
    """All that a node can match, when that is little."""
    match node:
        case Edge():
            return ("",)
        case Chars(ranges):
            if sum(high - low + 1 for low, high in ranges) > MOST:
                return None
            return tuple(chr(point) for low, high in ranges for point in range(low, high + 1))
        case Alt(branches):
            parts = [_exactly(branch) for branch in branches]
            if any(part is None for part in parts):
                return None
            found = tuple(dict.fromkeys(s for part in parts for s in part or ()))
            return found if len(found) <= MOST else None
        case Seq(items):
            return _all_joined(_exactly(item) for item in items)
        case Repeat(body, 0, 1):
            once = _exactly(body)
            return None if once is None else ("", *once)
        case Repeat(body, low, high) if low == high:
            return _all_joined(_exactly(body) for _ in range(low))
        case _:
            return None


def _all_joined(parts: Iterable[Strings | None]) -> Strings | None:
    run: Strings | None = ("",)
    for part in parts:
        run = None if run is None or part is None else _joined(run, part)
    return run


def _joined(one: Strings, other: Strings) -> Strings | None:
    return tuple(a + b for a in one for b in other) if len(one) * len(other) <= MOST else None


def _usable(strings: Strings | None) -> Strings | None:
    return strings if strings and all(strings) else None


def _telling(strings: Strings) -> tuple[float, int]:
    """The longer the shortest of them the better (a Chinese character tells about what three letters do), then the
    fewer."""
    return min(sum(1 if c.isascii() else 3 for c in s) for s in strings), -len(strings)
