"""Lists whose rows are clickable as a whole: a click anywhere on a row opens it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

ROW = 35
"""Height of a row in pixels."""


def clickable(data: Any, count: int, key: str, opened: Callable[[int], None], *, most: int = 14, **more: Any) -> None:
    """A table of `count` rows; `opened` is called with the number of the row that was clicked, as a callback: the run
    that follows shows what it opened. Nothing stays selected, so that the same row opens again."""

    def clicked() -> None:
        cells = st.session_state[key]["selection"]["cells"]
        st.session_state[key] = {"selection": {"rows": [], "columns": [], "cells": []}}
        if cells and cells[0][0] < count:
            opened(int(cells[0][0]))

    height: Any = "content" if count <= most else ROW * (most + 1)
    st.dataframe(
        data,
        key=key,
        on_select=clicked,
        selection_mode="single-cell",
        hide_index=True,
        width="stretch",
        height=height,
        **more,
    )
