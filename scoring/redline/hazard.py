"""Proof obligations on an author's pattern: no runaway, no empty match, no monster.

Owns the bounds and the reasons for refusing, computed from the tree alone, so that the same pattern is judged the same
way on every machine. Does not time anything.
"""

from __future__ import annotations

from scoring.problem import N_, Words
from scoring.redline.syntax import Alt, Chars, Edge, Lookaround, Node, Repeat, Seq, broad

MAX_PATHS = 20_000  # ways of matching from one start: the product of repetition choices along one path
MAX_SIZE = 600  # characters of the pattern with its repetitions spelled out


def shortest(node: Node) -> int:
    """Length of the shortest match, in characters."""
    match node:
        case Chars():
            return 1
        case Edge() | Lookaround():
            return 0
        case Seq(items):
            return sum(map(shortest, items))
        case Alt(branches):
            return min(map(shortest, branches))
        case Repeat(body, low, _, _):
            return low * shortest(body)


def size(node: Node) -> int:
    """Characters of the pattern with all its repetitions spelled out: what a search engine must hold."""
    match node:
        case Chars():
            return 1
        case Edge() | Lookaround():
            return 0
        case Seq(parts) | Alt(parts):
            return sum(map(size, parts))
        case Repeat(body, low, high, _):
            return size(body) * max(low, high or 1)


def variable(node: Node) -> bool:
    """Can the tree match the same start in texts of different length?"""
    match node:
        case Repeat(body, low, high, _):
            return low != high or variable(body)
        case Seq(items):
            return any(map(variable, items))
        case Alt(branches):
            return any(map(variable, branches)) or len(set(map(shortest, branches))) > 1
        case _:
            return False


def paths(node: Node) -> int:
    """Upper bound on the ways of matching from one start: the product of the choices along a path."""
    match node:
        case Repeat(body, low, high, _):
            inner = paths(body)
            if high is None:
                return inner  # unbounded repeats are ruled by their own checks
            choices = high - low + 1
            return choices if inner == 1 else int(min(float(choices) * float(inner) ** min(high, 8), 1e12))
        case Seq(items):
            product = 1
            for item in items:
                product = min(product * paths(item), 10**12)
            return product
        case Alt(branches):
            ways = [(opening(branch), paths(branch)) for branch in branches]
            return max(sum(n for other, n in ways if other is mine or not told_apart(mine, other)) for mine, _ in ways)
        case Lookaround(_, _, body):
            return paths(body)
        case _:
            return 1


def endless(node: Node) -> bool:
    """Does the tree hold a repetition without an upper bound?"""
    match node:
        case Repeat(body, _, high, _):
            return high is None or endless(body)
        case Seq(parts) | Alt(parts):
            return any(map(endless, parts))
        case Lookaround(_, _, body):
            return endless(body)
        case _:
            return False


def opening(node: Node) -> list[Chars]:
    """The character sets every match begins with, as far as they are fixed."""
    match node:
        case Chars():
            return [node]
        case Repeat(Chars() as body, low, _, _):
            return [body] * low
        case Seq(items):
            found: list[Chars] = []
            for item in items:
                found += opening(item)
                if isinstance(item, Alt) or variable(item):
                    break
            return found
        case _:
            return []


def told_apart(a: list[Chars], b: list[Chars]) -> bool:
    """Can two branches never match at one place, because their openings differ?"""
    return any(not overlap(x, y) for x, y in zip(a, b, strict=False))


def overlap(a: Node, b: Node) -> bool:
    """Do two character sets share a member? Trees that are not plain sets count as overlapping."""
    if not (isinstance(a, Chars) and isinstance(b, Chars)):
        return True
    return any(x0 <= y1 and y0 <= x1 for x0, x1 in a.ranges for y0, y1 in b.ranges)


def runaway(node: Node) -> str | None:
    """Why matching could take very long on an unlucky message, or None."""
    match node:
        case Repeat(body, _, high, _):
            if high is None and isinstance(body, Chars) and body.wide:
                return Words(
                    N_(
                        "an unbounded “.” or negated class can swallow a whole message; give an upper bound such as"
                        " {bound}"
                    ),
                    bound=".{0,20}",
                )
            if high is None and not isinstance(body, Chars):
                return Words(
                    N_("an unbounded repetition of a group can run away; give an upper bound such as {bound}"),
                    bound="{1,20}",
                )
            if high is not None and high > 1 and variable(body) and paths(node) > MAX_PATHS:
                return N_("a repetition inside a repetition can run away (catastrophic backtracking); flatten it")
            return runaway(body)
        case Seq(items):
            open_ends = [i for i in items if isinstance(i, Repeat) and i.high is None]
            if any(overlap(a.body, b.body) for n, a in enumerate(open_ends) for b in open_ends[n + 1 :]):
                return N_("two unbounded repetitions of the same characters can run away; bound one of them")
            return next((r for r in map(runaway, items) if r), None)
        case Alt(branches):
            return next((r for r in map(runaway, branches) if r), None)
        case Lookaround(_, _, body):
            return runaway(body)
        case _:
            return None


def hazard(node: Node) -> str | None:
    """The reason for which a parsed pattern must not be used, or None."""
    if shortest(broad(node)) == 0:
        return N_("the pattern can match nothing at all; let it require at least one character")
    if size(node) > MAX_SIZE:
        return Words(
            N_("the pattern spells out to {n} characters; {limit} are allowed, make the bounds smaller"),
            n=size(node),
            limit=MAX_SIZE,
        )
    reason = runaway(node)
    if reason is None and paths(node) > MAX_PATHS:
        return N_("too many ways to match; make the bounds smaller")
    return reason
