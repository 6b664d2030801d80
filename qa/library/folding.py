"""One way to fold text for finding it again: width, case, traditional characters and white space stop mattering."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opencc import OpenCC

_SPACE = re.compile(r"\s+")


@lru_cache(maxsize=1)
def _simplifier() -> OpenCC:
    from opencc import OpenCC  # reads its dictionaries

    return OpenCC("t2s")


def fold(text: str) -> str:
    """`text` as it is indexed and searched: NFKC, simplified characters, lower case, single spaces."""
    text = unicodedata.normalize("NFKC", text).casefold()
    if not text.isascii():
        text = _simplifier().convert(text)
    return _SPACE.sub(" ", text).strip()


def searchable(title: str, lesson: str, tags: Iterable[str], excerpt: Iterable[dict[str, Any]]) -> str:
    """What is stored in `Case.search_text`."""
    marked = " ".join(f"#{tag}#" for tag in tags)
    return fold(" ".join((title, lesson, marked, *(str(message["text"]) for message in excerpt))))
