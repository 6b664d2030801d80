"""What the finders share: arrays of (row, piece) and copies of texts with other characters.

Owns two small chores. Does not know engines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from scoring.redline.lookalikes import Codes
from scoring.redline.syntax import Chars

Pairs = np.ndarray[Any, np.dtype[np.int64]]
NONE: Pairs = np.empty((0, 2), dtype=np.int64)
NOTHING = Chars(())
RECORD = "\x1e"  # parts texts while they are one; a text that holds it gets a space in the copy


def copies(texts: pl.Series, table: Codes) -> pl.Series:
    """The texts with every code point looked up in ``table``, those that map to 0 left out."""
    whole: str = texts.str.replace_all(RECORD, " ", literal=True).str.join(RECORD).item()
    codes = table[np.frombuffer(whole.encode("utf-32-le"), dtype=np.uint32)]
    return pl.Series([codes[codes != 0].tobytes().decode("utf-32-le")]).str.split(RECORD).explode()


def ordered(found: Sequence[Pairs]) -> Pairs:
    """All pairs sorted by row and piece, each once."""
    pairs = np.concatenate(found) if found else NONE
    packed = np.unique(pairs[:, 0] << 20 | pairs[:, 1])
    return np.column_stack((packed >> 20, packed & 0xFFFFF))
