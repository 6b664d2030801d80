"""Traditional and simplified characters, for reading only: the original is what was said and what evidence names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from opencc import OpenCC

WAYS = {"simplified": "t2s", "traditional": "s2t"}
LIMIT = 1_000_000
"""Characters in one request; the longest conversations have a tenth of it."""


@lru_cache(maxsize=len(WAYS))
def _converter(way: str) -> OpenCC:
    return OpenCC(way)


def convert(texts: Sequence[object], to: str) -> list[str]:
    """`texts` in the script `to`, in order; unchanged where there is nothing to convert."""
    plain = [text if isinstance(text, str) else "" for text in texts]
    if to not in WAYS or sum(map(len, plain)) > LIMIT:
        return plain
    converter = _converter(WAYS[to])
    return [text if text.isascii() else converter.convert(text) for text in plain]
