"""What outsiders bring as a table, read as a frame: polars frames, columns as arrays or lists, pandas or Arrow tables,
rows.

Owns the reading alone: which columns there must be, and what is in them, is said by the function that asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TypeAlias

import numpy as np
import polars as pl

#: A polars frame (also lazy), a mapping of names to arrays or lists, a pandas or Arrow table, or a list of rows as
#: mappings. Anything with a polars ``frame``, like a plan, stands for that frame.
Table: TypeAlias = object


def table(data: Table, what: str) -> pl.DataFrame:
    """Return ``data`` as a frame; ``what`` names it in the message of the ``TypeError`` for what is no table."""
    if isinstance(data, pl.DataFrame):
        return data
    if isinstance(data, pl.LazyFrame):
        return data.collect(engine="streaming")
    inner = getattr(data, "frame", None)
    if isinstance(inner, pl.DataFrame):
        return inner
    if isinstance(data, Mapping):
        return _columns({str(name): values for name, values in data.items()}, what)
    if hasattr(data, "__arrow_c_stream__"):
        return pl.DataFrame(data)
    if hasattr(data, "columns") and hasattr(data, "__getitem__"):
        return _columns({str(name): data[name].to_numpy() for name in data.columns}, what)
    if isinstance(data, np.ndarray) and data.dtype.names:
        return _columns({name: data[name] for name in data.dtype.names}, what)
    if isinstance(data, Sequence) and not isinstance(data, str) and all(isinstance(row, Mapping) for row in data):
        return pl.DataFrame(list(data), infer_schema_length=None)
    raise TypeError(
        f"expected {what} as a polars or pandas frame, a mapping of columns to arrays, or a list of rows; "
        f"found {type(data).__name__}"
    )


def _columns(columns: Mapping[str, object], what: str) -> pl.DataFrame:
    series = {name: _series(name, values) for name, values in columns.items()}
    lengths = {name: len(values) for name, values in series.items()}
    longest = max(lengths.values(), default=0)
    short = [name for name, length in lengths.items() if length not in (1, longest)]
    if short:
        raise TypeError(
            f"expected columns of {what} of one length; {short[0]} has {lengths[short[0]]} of {longest} values"
        )
    return pl.DataFrame([s if len(s) == longest else s.new_from_index(0, longest) for s in series.values()])


def _series(name: str, values: object) -> pl.Series:
    if isinstance(values, pl.Series):
        return values.alias(name)
    if isinstance(values, (str, bytes, int, float, bool, date)) or values is None:
        return pl.Series(name, [values])
    array = values if isinstance(values, np.ndarray) else None
    if array is not None and array.dtype.kind in "biuf":
        # A missing number is a gap, whether it arrives as null or as NaN.
        return pl.Series(name, array).fill_nan(None) if array.dtype.kind == "f" else pl.Series(name, array)
    listed = array.tolist() if array is not None else list(values)  # type: ignore[call-overload]
    return pl.Series(name, [None if isinstance(v, float) and v != v else v for v in listed], strict=False)
