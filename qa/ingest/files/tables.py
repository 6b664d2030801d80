"""Where a table begins and ends: the header among title rows, lines of totals. Rows of text in, numbers out; reads no
files."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import polars as pl

LOOKED_AT = 40
VALUE = re.compile(r"^[\d\s:：/.,%+\-TZ年月日时分秒]+$")
TOTAL = (
    r"^\s*(?:合\s*计|总\s*计|小\s*计|共\s*\d+\s*[条行笔个项]\w{0,4}|记录总?数|导出人|制表人|grand"
    r" total|sub-?total|total|sum|#?\s*[-=*]*\s*(?:end|列表结束|导出时间|导出账号))(?:\b|\s|[:：(（]|$)"
)
FOOT_ROWS = 10
Known = Callable[[str], bool]


def header_at(rows: Sequence[Sequence[str]], known: Known) -> int:
    """Index of the header among the first rows; −1 when there is none, because the rows are data from the first on.

    The header is the row with most names that `known` accepts. Without any it is the first row as wide as the table,
    unless that row holds values like those below it.
    """
    head = rows[:LOOKED_AT]
    scores = [sum(bool(cell.strip()) and known(cell) for cell in row) for row in head]
    best = max(scores, default=0)
    if best >= 2:
        return scores.index(best)
    filled = [sum(bool(cell.strip()) for cell in row) for row in head]
    width = sorted(filled)[len(filled) // 2] if filled else 0
    first = next((n for n, count in enumerate(filled) if count >= max(2, 0.7 * width)), 0)
    return -1 if _all_values(head[first:]) else first


def _all_values(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row looks like the ones below: numbers or times stand at the same places, and it has some."""
    if len(rows) < 2:
        return False
    first, others = rows[0], rows[1:6]
    places = [n for n, cell in enumerate(first) if VALUE.match(cell.strip()) and any(c.isdigit() for c in cell)]
    return bool(places) and all(len(row) > n and VALUE.match(row[n].strip()) for row in others for n in places)


def headers_again(frame: pl.DataFrame) -> pl.Series:
    """Which rows say the names of the columns once more, as files that were put together do."""
    names = [name for name in frame.columns if name != "file_row"]
    if not names or not (frame[names[0]] == names[0]).any():
        return pl.Series("again", [False], dtype=pl.Boolean).new_from_index(0, frame.height)
    same = [
        (pl.col(name).str.strip_chars('\ufeff" \t') == name) | (pl.col(name).is_null() if n else pl.lit(False))
        for n, name in enumerate(names)
    ]
    return frame.select(again=pl.all_horizontal(same).fill_null(False))["again"]


def totals(frame: pl.DataFrame) -> pl.Series:
    """Which of the last rows are totals or remarks of the export: few cells, and one of them says so."""
    names = [name for name in frame.columns if name != "file_row"]
    rows = frame.height
    marks = [False] * rows
    for at in range(max(0, rows - FOOT_ROWS), rows):
        cells = [str(cell).strip() for cell in frame.row(at) if cell is not None]
        cells = [
            cell
            for cell, name in zip(frame.row(at), frame.columns, strict=True)
            if name != "file_row" and cell is not None and str(cell).strip()
        ]
        sparse = len(cells) <= max(1, len(names) // 2)
        marks[at] = sparse and any(re.match(TOTAL, str(cell), re.IGNORECASE) for cell in cells)
    return pl.Series("total", marks, dtype=pl.Boolean)
