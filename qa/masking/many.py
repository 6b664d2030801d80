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
_WHOLE = STAR * 4


def substitute(pattern: re.Pattern[str], hide: Callable[[re.Match[str]], str], text: str) -> str:
    """`pattern.sub(hide, text)`; every match is hidden whole when there are more than `MANY`."""
    masked, count = pattern.subn(hide, text, MANY)
    return masked if count < MANY else pattern.sub(_WHOLE, text)


def crowded(pattern: re.Pattern[str], text: str) -> str:
    """`text`, its matches hidden whole when there are more than `MANY` of them."""
    found = sum(1 for _ in islice(pattern.finditer(text), MANY))
    return text if found < MANY else pattern.sub(_WHOLE, text)
