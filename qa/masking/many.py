"""What a message with more than a hundred findings costs: from there on they are hidden whole, without a second look at
each.

Nobody types a hundred phone numbers into one message. A hostile text can, and a careful look at each would hold up
everybody else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice

STAR = "*"
MANY = 120
LOOKED_INTO = 48
"""How often a search goes on inside a match that was left; afterwards behind it."""
_WHOLE = STAR * 4


def substitute(pattern: re.Pattern[str], hide: Callable[[re.Match[str]], str], text: str) -> str:
    """`pattern.sub(hide, text)`; every match is hidden whole when there are more than `MANY`."""
    masked, count = pattern.subn(hide, text, MANY)
    return masked if count < MANY else pattern.sub(_WHOLE, text)


def substitute_any(pattern: re.Pattern[str], hide: Callable[[re.Match[str]], str], text: str) -> str:
    """Like `substitute`, but a match that `hide` leaves as it is does not hide one that begins inside it: in
    “11-30 110000 19400101 0000” the first eighteen digits are no identity card, the last are. For patterns whose
    matches are short: the search goes on inside a match that was left, up to `LOOKED_INTO` times."""
    parts, done, at, behind, count, left = [], 0, 0, 0, 0, 0
    while (match := pattern.search(text, at)) is not None:
        count += match.start() >= behind
        if count >= MANY:
            return pattern.sub(_WHOLE, text)
        behind = max(behind, match.end())
        hidden = hide(match)
        if hidden == match.group():
            left += 1
            at = match.start() + 1 if left <= LOOKED_INTO else match.end()
        else:
            parts += [text[done : match.start()], hidden]
            done = at = match.end()
    return "".join([*parts, text[done:]]) if parts else text


def crowded(pattern: re.Pattern[str], text: str) -> str:
    """`text`, its matches hidden whole when there are more than `MANY` of them."""
    found = sum(1 for _ in islice(pattern.finditer(text), MANY))
    return text if found < MANY else pattern.sub(_WHOLE, text)
