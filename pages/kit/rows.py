"""Lists whose rows are clickable as a whole: a click anywhere on a row opens it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

ROW = 35
"""Height of a row in pixels."""


def clickable(
    data: Any,
    count: int,
    key: str,
    opened: Callable[[int], None],
    *,
    most: int = 14,
    row_height: int = ROW,
    **more: Any,
) -> None:
    """A table of `count` rows, at most `most` of them high; `opened` is called with the number of the row that was
    clicked, as a callback: the run that follows shows what it opened. Nothing stays selected, so that the same row
    opens again."""

    def clicked() -> None:
        cells = st.session_state[key]["selection"]["cells"]
        st.session_state[key] = {"selection": {"rows": [], "columns": [], "cells": []}}
        if cells and cells[0][0] < count:
            opened(int(cells[0][0]))

    height: Any = "content" if count <= most else ROW + row_height * most
    st.dataframe(
        data,
        key=key,
        on_select=clicked,
        selection_mode="single-cell",
        hide_index=True,
        width="stretch",
        height=height,
        row_height=row_height,
        **more,
    )


def choosable(data: dict[str, Any], count: int, key: str, **more: Any) -> int | None:
    """The same, for lists with actions beside them: the row clicked last stays chosen and is marked. Returns its
    number."""
    chosen = st.session_state.get(f"{key}_chosen")
    chosen = chosen if isinstance(chosen, int) and chosen < count else None

    def choose(row: int) -> None:
        st.session_state[f"{key}_chosen"] = row

    marked = {"": ["▸" if row == chosen else "" for row in range(count)], **data}
    clickable(marked, count, key, choose, **more)
    return chosen
