"""Prints a pattern tree over UTF-8 bytes, for the searching engine alone.

Owns the split of code-point ranges into byte sequences and two trades: the marks that may stand between two characters
become a run of bytes that no ideograph, ASCII letter or digit starts with, which is a superset that costs the engine
one state instead of dozens (and neither knows nor counts which marks), and
a bounded run of any characters becomes an unbounded one within the message. Is not exact: the answer is a
candidate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from scoring.redline.printing import quantifier
from scoring.redline.syntax import Alt, Chars, Edge, Lookaround, Node, Repeat, Seq, merge

ENDS = (0x7F, 0x7FF, 0xFFFF, 0x10FFFF)  # last code point of each UTF-8 length
LONG = 3  # from this many optional repetitions on, the engine need not count them
LEADS = {0xC2, 0xCD, 0xE1, 0xE2, 0xE3, 0xEF, 0xF0}  # first bytes of all marks outside ASCII


def sequences(low: int, high: int) -> Iterator[tuple[tuple[int, int], ...]]:
    """Byte-range sequences that together encode exactly the code points ``low`` … ``high`` (surrogates aside)."""
    if low < 0xD800 and high > 0xDFFF:
        yield from sequences(low, 0xD7FF)
        low = 0xE000
    for end in ENDS:
        if low <= end < high:
            yield from sequences(low, end)
            yield from sequences(end + 1, high)
            return
    for shift in (6, 12, 18):  # split until the low bits of the range are either equal or full
        mask = (1 << shift) - 1
        if low & ~mask != high & ~mask:
            if low & mask:
                yield from sequences(low, low | mask)
                yield from sequences((low | mask) + 1, high)
                return
            if high & mask != mask:
                yield from sequences(low, (high & ~mask) - 1)
                yield from sequences(high & ~mask, high)
                return
    if low <= 0xDFFF and high >= 0xD800:
        low, high = (0xE000, high) if low >= 0xD800 else (low, min(high, 0xD7FF))
        if low > high or high < low:
            return
    first, last = chr(low).encode("utf-8", "surrogatepass"), chr(high).encode("utf-8", "surrogatepass")
    yield tuple(zip(first, last, strict=True))


def byte(low: int, high: int) -> str:
    return f"\\x{low:02x}" if low == high else f"[\\x{low:02x}-\\x{high:02x}]"


def byte_class(ranges: Iterable[tuple[int, int]]) -> str:
    inside = "".join(byte(a, b).strip("[]") for a, b in ranges)
    return inside if len(inside) == 4 else f"[{inside}]"


@lru_cache(maxsize=20_000)
def char_set(ranges: tuple[tuple[int, int], ...]) -> str:
    """A character set as byte sequences, those with a common beginning told apart by one class of last bytes."""
    endings: dict[str, list[tuple[int, int]]] = {}
    for low, high in ranges:
        for parts in sequences(low, high):
            endings.setdefault("".join(byte(a, b) for a, b in parts[:-1]), []).append(parts[-1])
    options = [start + byte_class(last) for start, last in endings.items()]
    return options[0] if len(options) == 1 else "(?:" + "|".join(options) + ")"


@lru_cache(maxsize=1_000)
def mark_run(ranges: tuple[tuple[int, int], ...], low: int) -> str | None:
    """The byte run for a gap of marks, or None when the set holds characters that a run of bytes cannot tell apart."""
    ascii_ = {c for a, b in ranges for c in range(a, min(b, 0x7F) + 1)}
    leads = {chr(c & ~63 if c > 0xFF else 0xA0).encode()[0] for a, b in ranges for c in (a, b) if b > 0x7F}
    if any(chr(c).isalnum() for c in ascii_) or not leads or not leads <= LEADS:
        return None
    return byte_class(merge((c, c) for c in (*ascii_, *LEADS, *range(0x80, 0xC0)))) + quantifier(low, None)


@lru_cache(maxsize=1_000)
def any_run(ranges: tuple[tuple[int, int], ...], low: int) -> str:
    """The byte run for a repeated “.” or negated class: any bytes but the ASCII ones it excludes and the message
    border."""
    out = merge((c, c) for c in range(0x80) if not c or not any(a <= c <= b for a, b in ranges))
    return "[^" + "".join(byte(a, b).strip("[]") for a, b in out) + "]" + quantifier(low, None)


def show_bytes(node: Node) -> str:
    """Text of a broad tree over bytes."""
    match node:
        case Chars(ranges):
            return char_set(ranges)
        case Edge() | Lookaround():
            raise ValueError("a broad tree holds no edges and looks")
        case Seq(items):
            return "".join(f"(?:{show_bytes(i)})" if isinstance(i, Alt) else show_bytes(i) for i in items)
        case Alt(options):
            return alternatives([b.items if isinstance(b, Seq) else (b,) for b in options])
        case Repeat(body, low, high, lazy):
            if isinstance(body, Chars) and (body.wide or high is not None):
                run = any_run(body.ranges, low) if body.wide else mark_run(body.ranges, low)
                if run:
                    return run
                if high is not None and high - low >= LONG:
                    high = None
            return f"(?:{show_bytes(body)})" + quantifier(low, high) + ("?" if lazy else "")


def alternatives(options: Sequence[tuple[Node, ...]]) -> str:
    """Alternatives with their common beginnings and ends written once: the engine compiles each state, not each
    spelling."""
    grouped: dict[Node | None, list[tuple[Node, ...]]] = {}
    for option in options:
        grouped.setdefault(option[0] if option else None, []).append(option)
    shown: dict[str, None] = {}
    ends: dict[tuple[Node, ...], list[Chars]] = {}
    for first, group in grouped.items():
        if first is None:
            shown[""] = None
        elif len(group) > 1:
            rest = alternatives([option[1:] for option in dict.fromkeys(group)])
            shown[show_bytes(Seq((first,))) + (f"(?:{rest})" if "|" in rest or not rest else rest)] = None
        elif isinstance(first, Chars) and not first.wide:
            ends.setdefault(group[0][1:], []).append(first)
        else:
            shown[show_bytes(Seq(group[0]))] = None
    for end, firsts in ends.items():
        one = Chars(merge(r for c in firsts for r in c.ranges))
        shown[show_bytes(Seq((one, *end)))] = None
    return "|".join(shown)
