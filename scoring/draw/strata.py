"""Rows numbered by stratum and worked on a few strata at a time, so that millions of them need neither string sorts nor
temporaries of their own length.

Owns the numbering and the blocks. Does not know probabilities, ranks and what a stratum stands for.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int64]
_BLOCK = 200_000


def codes(names: pl.Series) -> tuple[NDArray[np.int32], list[str]]:
    """Return the number of every row's name and the names, sorted."""
    categories = names.cast(pl.Categorical(pl.Categories.random())).rename("name")
    found = categories.unique()
    order = found.cast(pl.String).arg_sort()
    number = np.zeros(int(found.to_physical().max() or 0) + 1, dtype=np.int32)  # type: ignore[arg-type]
    number[found.to_physical().to_numpy()[order.to_numpy()]] = np.arange(len(found), dtype=np.int32)
    return number[categories.to_physical().to_numpy()], found.cast(pl.String).gather(order).to_list()


def groups(units: pl.DataFrame) -> tuple[NDArray[np.int32], list[tuple[str, str]]]:
    """Return the number of every row's source and agent_id, and these pairs in their order."""
    agent, agents = codes(units["agent_id"])
    source, sources = codes(units["source"].cast(pl.String).fill_null(""))
    number = source * np.int32(len(agents)) + agent
    there = np.bincount(number, minlength=len(sources) * len(agents)) > 0
    names = [pair for pair, used in zip(((s, a) for s in sources for a in agents), there, strict=True) if used]
    return (np.cumsum(there, dtype=np.int32) - np.int32(1))[number], names


def blocks(stratum: NDArray[np.integer], strata: int, size: int = _BLOCK) -> Iterator[tuple[slice, Ints]]:
    """Yield whole strata, about ``size`` rows at a time: which strata, and the rows stratum by stratum, each stratum's
    in the order given. A sum over a stratum therefore comes out the same to the last bit as one over all rows."""
    small = stratum.astype(np.min_scalar_type(max(strata, 1)))  # up to 65,535 strata are sorted by counting
    rows = np.arange(len(small)) if (small[1:] >= small[:-1]).all() else np.argsort(small, kind="stable")
    ends = np.cumsum(np.bincount(stratum, minlength=strata)) if strata else np.zeros(0, np.int64)
    first = start = 0
    while first < strata:
        last = max(int(np.searchsorted(ends, start + size, side="right")), first + 1)
        yield slice(first, last), rows[start : ends[last - 1]]
        first, start = last, int(ends[last - 1])
