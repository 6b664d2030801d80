"""Patterns written out again from their tree."""

from __future__ import annotations

from functools import lru_cache

from scoring.redline.syntax import Alt, Chars, Edge, Lookaround, Node, Repeat, Seq


def escape(code: int) -> str:
    """One code point, safe inside and outside a class for all three engines."""
    c = chr(code)
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    if code < 0x80 and not c.isalnum() and c not in " _\"'<>,:;=@`!%/":
        return "\\" + c
    return c


@lru_cache(maxsize=4_096)
def show_set(ranges: tuple[tuple[int, int], ...]) -> str:
    """Text of a character set. Kept: the marks allowed between two characters stand thousands of times in a rule
    set."""
    if not ranges:
        return "[^\\x00-\U0010ffff]"
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return escape(ranges[0][0])
    return "[" + "".join(escape(a) if a == b else f"{escape(a)}-{escape(b)}" for a, b in ranges) + "]"


def show(node: Node) -> str:
    """Text of the tree in the syntax common to ``re``, hyperscan (UTF-8 mode) and Rust."""
    match node:
        case Chars(ranges):
            return show_set(ranges)
        case Edge(kind):
            return kind if kind in "^$" else "\\" + kind
        case Lookaround(ahead, negative, body):
            return f"(?{'' if ahead else '<'}{'!' if negative else '='}{show(body)})"
        case Seq(items):
            return "".join(f"(?:{show(i)})" if isinstance(i, Alt) else show(i) for i in items)
        case Alt(branches):
            return "|".join(show(b) for b in branches)
        case Repeat(body, low, high, lazy):
            inner = show(body) if isinstance(body, Chars) else f"(?:{show(body)})"
            return inner + quantifier(low, high) + ("?" if lazy else "")


def quantifier(low: int, high: int | None) -> str:
    if high is None:
        return {0: "*", 1: "+"}.get(low, f"{{{low},}}")
    if (low, high) == (0, 1):
        return "?"
    return f"{{{low}}}" if low == high else f"{{{low},{high}}}"
