"""HTML and link markup in a message, seen through: 加<b>微</b>信 reads as 加微信, [加微信](https://…) as 加微信.

Owns which marks are markup and where each visible character stands in the original text. Does not know rules.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape

SIGN = r"<[a-zA-Z/!]|&[a-zA-Z#]|\]\("  # a text without this holds no markup
MARKUP = re.compile(
    r"<(?P<tag>/?[A-Za-z][A-Za-z0-9]{0,15})(?:[\s/][^<>]{0,500})?>|<!--[^<>]{0,500}-->"
    r"|(?P<entity>&(?:\#[0-9]{1,7}|\#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,8});)"
    r"|!?\[(?P<label>[^\[\]\n]{1,200})\]\([^()\s]{0,500}\)"
)
BREAKS = frozenset(
    ("br", "p", "div", "li", "ul", "ol", "tr", "td", "th", "table", "h1", "h2", "h3", "h4", "h5", "h6", "hr")
)


@dataclass(frozen=True, slots=True)
class Visible:
    """What a reader sees of a text; ``places[n]`` are start and end of its n-th character in the original."""

    text: str
    places: Sequence[tuple[int, int]]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original text behind a span of the visible one."""
        if start == end:
            return start, end
        return self.places[start][0], self.places[end - 1][1]


def visible(text: str) -> Visible | None:
    """The text without its markup, or None when it has none."""
    if "<" not in text and "&" not in text and "](" not in text:
        return None
    parts: list[str] = []
    places: list[tuple[int, int]] = []

    def keep(start: int, end: int) -> None:
        parts.append(text[start:end])
        places.extend((n, n + 1) for n in range(start, end))

    done, found = 0, False
    for match in MARKUP.finditer(text):
        shown = shown_for(match)
        if shown is None:
            continue
        found = True
        keep(done, match.start())
        if match["label"]:
            keep(*match.span("label"))
        else:
            parts.append(shown)
            places.extend([match.span()] * len(shown))
        done = match.end()
    if not found:
        return None
    keep(done, len(text))
    return Visible("".join(parts), places)


def shown_for(match: re.Match[str]) -> str | None:
    """What stands for a piece of markup: a new line for a block, a character for an entity; None when it is no
    markup."""
    if match["entity"]:
        shown = unescape(match["entity"])
        return None if shown == match["entity"] else shown.replace("\0", "\ufffd")
    if match["tag"]:
        return "\n" if match["tag"].strip("/").lower() in BREAKS else ""
    return ""


def as_read(text: str) -> str:
    """The visible text."""
    seen = visible(text)
    return text if seen is None else seen.text
