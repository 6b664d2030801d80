"""Lists whose rows are clickable as a whole: a click anywhere on a row opens it.

Long lists that people sort are grids of the toolkit (`clickable`); what agents read on a phone is `listed`.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import streamlit as st

from pages.kit.desk.component import ROWS, mount
from pages.kit.guard import Page

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


def listed(
    page: Page,
    data: Mapping[str, Sequence[str]],
    key: str,
    opened: Callable[[int], None],
    *,
    label: str,
    title: str = "",
    numbers: Sequence[str] = (),
    most: int = 12,
) -> None:
    """A short list of texts whose rows open something, without the weight of a grid: a table, and where that has no
    room a list of the rows. `label` says what it lists; the column `title` (else the first) heads each row and takes
    the room that is left. Rows beyond `most` are shown when asked for. `opened` is called as in `clickable`."""
    heads = list(data)
    rows = list(zip(*data.values(), strict=True))

    def clicked() -> None:
        row = st.session_state[key].get("opened")
        if isinstance(row, int) and 0 <= row < len(rows):
            opened(row)

    mount(
        ROWS, key=key, on_opened_change=clicked,
        data={
            "label": label, "heads": heads, "rows": [list(row) for row in rows], "most": most,
            "title": heads.index(title) if title else 0, "numbers": [heads.index(name) for name in numbers],
            "more": page.t("Show all {n}", n=page.t.number(len(rows))),
        },
    )  # fmt: skip


def choosable(data: dict[str, Any], count: int, key: str, *, narrow: Sequence[str] = (), **more: Any) -> int | None:
    """The same, for lists with actions beside them: the row clicked last stays chosen and is marked in the first
    column: one of its own would be stretched like the others. On a narrow screen there are the columns
    `narrow` alone, where they are named. Returns its number."""
    chosen = st.session_state.get(f"{key}_chosen")
    chosen = chosen if isinstance(chosen, int) and chosen < count else None

    def choose(row: int) -> None:
        st.session_state[f"{key}_chosen"] = row

    first, *_rest = data
    marked = [f"▸ {value}" if row == chosen else str(value) for row, value in enumerate(data[first])]
    shown = {**data, first: marked}
    with st.container(key=f"wide_{key}") if narrow else nullcontext():
        clickable(shown, count, key, choose, **more)
    if narrow:
        with st.container(key=f"narrow_{key}"):
            clickable({name: shown[name] for name in narrow}, count, f"{key}_narrow", choose, **more)
    return chosen


_LINES = """<style>
.sc-lines{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.92rem;margin:.2rem 0 .5rem}
.sc-lines th{text-align:start;font-weight:400;color:var(--sc-muted);padding:.2rem .8rem .2rem 0;
border-bottom:1px solid var(--sc-line)}
.sc-lines td{padding:.28rem .8rem .28rem 0;border-bottom:1px solid var(--sc-line);vertical-align:top;
overflow-wrap:anywhere}
@media (max-width:640px){.sc-lines thead{display:none}.sc-lines tr{display:grid;grid-template-columns:1fr;
padding:.45rem 0;border-bottom:1px solid var(--sc-line)}.sc-lines td{display:grid;grid-template-columns:7.5rem 1fr;
border:0;padding:.08rem 0}.sc-lines td:first-child{display:block;font-weight:600}
.sc-lines td:not(:first-child)::before{content:attr(data-label);color:var(--sc-muted)}}
</style>"""


def lines(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A few rows of text to read, nothing to click: a table, and on a narrow screen a list of the rows with the heads
    beside their cells."""
    head = "".join(f"<th>{html.escape(text)}</th>" for text in heads)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-label="{html.escape(name)}">{html.escape(text)}</td>'
            for name, text in zip(heads, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    st.html(f'{_LINES}<table class="sc-lines"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>')
