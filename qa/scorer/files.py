"""Files of machine scores as rows of text: CSV, XLSX or JSON lines, one row a criterion or one a conversation.

A record of JSON may hold its answers as a list, or as an object by criterion. Owns names of columns; decides nothing
about what a row says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from qa.errors import Invalid
from qa.i18n import N_
from qa.ingest import reading
from qa.ingest.problems import ProblemLog

NAMES: Mapping[str, tuple[str, ...]] = {
    "conversation_id": (
        "conversation_id",
        "conversation",
        "conversation_key",
        "chat_id",
        "session_id",
        "会话id",
        "会话",
        "会话编号",
    ),
    "source": ("source", "来源"),
    "about": ("criterion_id", "criterion", "item", "question_id", "评分项", "评分项id", "评分项编号"),
    "said": ("option", "answer", "value", "mark", "选项", "答案", "取值"),
    "evidence": ("evidence", "evidence_seq", "seq", "message", "messages", "证据", "证据消息", "消息序号"),
    "quote": ("quote", "quotation", "引文", "原文"),
    "total": ("total", "score", "总分", "得分"),
    "rubric": ("rubric_version", "rubric", "评分标准版本"),
}
"""Columns and their usual names, compared without case and space."""
LISTS = ("scores", "answers", "criteria", "results", "评分")
"""Where a record of JSON keeps its answers."""
SCHEMA = {"row": pl.Int64, **dict.fromkeys(NAMES, pl.String)}
LONGEST_LINE = 4 << 20


def read(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows (`SCHEMA`; `row` counts data rows from 1) and the lines that cannot be read (row, value). Raises
    `Invalid` for a file that is nothing of the kind."""
    shape = reading.look(path)
    rows, broken = _of_json(path) if shape.format in ("jsonl", "json") else _of_table(shape)
    if not any(rows[name].null_count() < rows.height for name in ("said", "total")):
        raise Invalid(
            N_(
                "{file} names no scores: it needs a column “conversation_id” and “option” by “criterion_id”, or "
                "“total”."
            ),
            file=path.name,
        )
    return rows, broken


def _of_table(shape: reading.Shape) -> tuple[pl.DataFrame, pl.DataFrame]:
    known = _known(shape.headers)
    log = ProblemLog({})
    parts = [piece.frame for piece in reading.pieces(shape, list(known.values()), log)]
    frame = pl.concat(parts, how="diagonal") if parts else pl.DataFrame(schema={"file_row": pl.Int64})
    empty = pl.lit(None, pl.String)
    columns = [
        (pl.col(known[name]) if name in known and known[name] in frame.columns else empty).alias(name) for name in NAMES
    ]
    rows = frame.select(pl.col("file_row").alias("row"), *columns).match_to_schema(SCHEMA)
    unread = log.frame().filter(pl.col("code").is_in(["unreadable", "too_many_cells", "encoding"]))
    return rows, unread.select("row", "value")


def _of_json(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows: list[dict[str, Any]] = []
    broken: list[tuple[int, str]] = []
    for number, record in _records(path):
        if isinstance(record, Mapping):
            rows += [{"row": number, **row} for row in _flat(record)]
        else:
            broken.append((number, str(record)[:80]))
    return (
        pl.DataFrame(rows, schema=SCHEMA, orient="row"),
        pl.DataFrame(broken, schema={"row": pl.Int64, "value": pl.String}, orient="row"),
    )


def _records(path: Path) -> Iterator[tuple[int, object]]:
    """Number and content of each record; text for what is no JSON."""
    text = path.read_bytes().decode("utf-8-sig", "replace")
    if text.lstrip().startswith("["):
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            document = None
        if isinstance(document, list):
            yield from enumerate(document, 1)
            return
    number = 0
    for line in text.split("\n"):
        if not line.strip():
            continue
        number += 1
        try:
            yield number, json.loads(line) if len(line) <= LONGEST_LINE else line[:80]
        except (ValueError, RecursionError):
            yield number, line[:80]


def _flat(record: Mapping[str, Any]) -> Iterator[dict[str, str | None]]:
    """A row for each answer of a record, and one for its total."""
    whole = _named(record)
    answers = next((record[name] for name in record if name.strip().lower() in LISTS), None)
    if answers is None:
        yield whole
        return
    shared = {name: whole[name] for name in ("conversation_id", "source", "rubric")}
    if isinstance(answers, Mapping):
        answers = [{"criterion_id": key, **_as_answer(value)} for key, value in answers.items()]
    for answer in answers if isinstance(answers, list) else ():
        if isinstance(answer, Mapping):
            yield {**_named(answer), **shared, "total": None}
    if whole["total"] is not None:
        yield {**dict.fromkeys(NAMES), **shared, "total": whole["total"]}


def _as_answer(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, Mapping) else {"option": value}


def _named(record: Mapping[str, Any]) -> dict[str, str | None]:
    known = _known(tuple(str(name) for name in record))
    return {name: _text(record[known[name]]) if name in known else None for name in NAMES}


def _text(value: object) -> str | None:
    """A value of JSON as a cell holds it; a list as its parts with commas."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ",".join(str(part) for part in value)
    return str(value).encode("utf-8", "replace").decode()


def _known(headers: tuple[str, ...]) -> dict[str, str]:
    """The column of the file for each of ours."""
    folded = {"".join(header.lower().split()): header for header in reversed(headers)}
    return {
        name: folded[said] for name, all_names in NAMES.items() for said in reversed(all_names) if said in folded
    }  # fmt: skip
