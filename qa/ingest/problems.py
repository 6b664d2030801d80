"""What can be wrong with a row, said with its row number, its field and the cure. Rows stay data: nothing here decides.

A problem of severity `bad` keeps its row out of the archive; a `warning` lets it in.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from qa.i18n import N_, Translator

VALUE_LENGTH = 80
SCHEMA = {"row": pl.Int64, "field": pl.String, "code": pl.String, "value": pl.String, "rows": pl.Int64}
SHOWN = ("row", "field", "code", "value")
REFUSED = {"conversation_id": pl.String, "file_row": pl.Int64}


@dataclass(frozen=True)
class ProblemKind:
    """One way a row can be wrong. Texts may name `{row}`, `{field}` and `{value}`."""

    severity: str
    reason: str
    cure: str


KINDS: Mapping[str, ProblemKind] = {
    "unreadable": ProblemKind(
        "bad", N_("This line cannot be read: {value}"), N_("Repair the line in the file, or export it again.")
    ),
    "encoding": ProblemKind(
        "bad",
        N_("Some bytes of this row are not valid in the file's encoding."),
        N_("Choose the right encoding, or export the file again as UTF-8."),
    ),
    "other_encoding": ProblemKind(
        "warning",
        N_("This row is in another encoding than the file; it was read in that one (UTF-8 or GB18030)."),
        N_("Look whether its text is right; export the file again in one encoding if it is not."),
    ),
    "too_many_cells": ProblemKind(
        "bad",
        N_("The row has {value} cells, more than the header."),
        N_("Put the cell that holds a comma or line break into quotation marks."),
    ),
    "missing": ProblemKind("bad", N_("“{field}” is empty."), N_("Fill in “{field}” in this row.")),
    "no_messages": ProblemKind(
        "bad", N_("The conversation has no messages."), N_("Export the conversation together with its messages.")
    ),
    "empty_text": ProblemKind(
        "bad",
        N_("The message has no text."),
        N_("Remove the row, or give its kind (image, card, file) if it is not text."),
    ),
    "unknown_role": ProblemKind(
        "bad",
        N_("“{value}” does not say who spoke (customer, agent, bot, system, platform)."),
        N_("Add “{value}” to the value mapping of “{field}”."),
    ),
    "bad_time": ProblemKind(
        "bad",
        N_("“{value}” in “{field}” is not a time in any of the known formats."),
        N_("Correct the cell, or add its format to “{field}” in the mapping."),
    ),
    "no_time": ProblemKind(
        "warning",
        N_("The message has no time; reply times cannot be measured for it."),
        N_("Export the chat with message times if you can."),
    ),
    "no_start": ProblemKind(
        "bad",
        N_("The conversation has no time at all, so it belongs to no period."),
        N_("Give the start of the conversation or the time of at least one message."),
    ),
    "bad_score": ProblemKind(
        "warning",
        N_("“{value}” in “{field}” is not a known score; it was left out."),
        N_("Add “{value}” to the value mapping of “{field}”."),
    ),
    "bad_rating": ProblemKind(
        "bad",
        N_("“{value}” in “{field}” is not a known score."),
        N_("Add “{value}” to the value mapping of “{field}”."),
    ),
    "bad_date": ProblemKind(
        "warning",
        N_("“{value}” in “{field}” is not a date; it was left out."),
        N_("Correct the date, or add its format to “{field}” in the mapping."),
    ),
    "rounded_id": ProblemKind(
        "warning",
        N_("“{value}” in “{field}” is a long number that a spreadsheet has rounded; it was left out."),
        N_("Format the column as text in the spreadsheet and export again."),
    ),
    "rounded_key": ProblemKind(
        "bad",
        N_("“{value}” in “{field}” is a long number that a spreadsheet has rounded: several records would become one."),
        N_("Export the file again as CSV, or format the column as text before the numbers are entered."),
    ),
    "unknown_speaker": ProblemKind(
        "bad",
        N_("“{value}” is neither the customer nor a known agent, so it is not clear who spoke."),
        N_("Say who “{value}” is under “Who is who”, or import the roster first."),
    ),
    "assumed_agent": ProblemKind(
        "warning",
        N_("“{value}” is not the customer of the chat and was taken for an agent."),
        N_("If that is wrong, say who “{value}” is under “Who is who”."),
    ),
    "ambiguous_date": ProblemKind(
        "bad",
        N_("In “{value}” the day or the month may come first; the file does not settle it."),
        N_("Choose the order of day and month for this file."),
    ),
    "other_order": ProblemKind(
        "bad",
        N_("“{value}” has day and month in another order than other dates of the file."),
        N_("Correct the date, or choose the order of day and month for this file."),
    ),
    "assumed_dates": ProblemKind(
        "warning",
        N_("In dates like “{value}” the day or the month may come first; the usual order was taken."),
        N_("If that is wrong, choose the order of day and month for this file."),
    ),
    "bad_status": ProblemKind(
        "warning",
        N_("“{value}” in “{field}” is not a known state; it was left out."),
        N_("Add “{value}” to the value mapping of “{field}”."),
    ),
    "bad_flag": ProblemKind(
        "warning",
        N_("“{value}” in “{field}” is neither yes nor no; it was taken as no."),
        N_("Add “{value}” to the value mapping of “{field}”."),
    ),
    "bad_amount": ProblemKind(
        "warning",
        N_("“{value}” in “{field}” is not a number; it was left out."),
        N_("Correct the number in “{field}”."),
    ),
    "lines_above": ProblemKind(
        "warning",
        N_("Lines above the first message were not read, like “{value}”."),
        N_("If they are messages, look at how they begin: name and time must stand there as in the others."),
    ),
    "head_in_text": ProblemKind(
        "warning",
        N_("“{value}” stands in the text of a message, but looks like the beginning of another one."),
        N_("If it is one, write name and time as in the other messages of the file."),
    ),
    "no_rows": ProblemKind(
        "warning",
        N_("The file has no rows below its header; nothing was read."),
        N_("Check the period of the export, and whether another sheet holds the data."),
    ),
    "header_again": ProblemKind("warning", N_("The row repeats the header; it is no record."), N_("Nothing to do.")),
    "lost_text": ProblemKind(
        "warning",
        N_("“{value}” is what a spreadsheet left of a text that began with =, + or -."),
        N_("Export the texts again as CSV or JSON, without opening the file in a spreadsheet."),
    ),
    "odd_character": ProblemKind(
        "warning",
        N_("Half a character or a NUL stands in this row; it was replaced by �."),
        N_("Nothing to do, unless many rows are affected: then export the file again."),
    ),
    "no_transcript": ProblemKind(
        "bad",
        N_("In “{field}” no messages with name and time were found."),
        N_("Choose another column for the whole chat, or map text, time and speaker one by one."),
    ),
    "other_shop": ProblemKind(
        "bad",
        N_("An earlier row has the same conversation id in another shop than “{value}”."),
        N_("Import every shop by itself, under a source of its own."),
    ),
    "filled_down": ProblemKind(
        "warning",
        N_("The row names no conversation, agent and customer; it was taken to belong to the row above."),
        N_("If that is wrong, fill in “{field}” in every row."),
    ),
    "total_row": ProblemKind(
        "warning", N_("The line is a total or a remark below the table; it is no record."), N_("Nothing to do.")
    ),
    "no_header": ProblemKind(
        "warning",
        N_("No row names the columns; they are called column 1 to column {value}."),
        N_("Say which row is the header, or map the columns by their place."),
    ),
    "sheet_left_out": ProblemKind(
        "warning",
        N_("The sheet “{value}” was not read."),
        N_("If it holds data, choose it; sheets with other columns are imported one at a time."),
    ),
    "file_left_out": ProblemKind(
        "warning",
        N_("The file “{value}” in the archive was not read."),
        N_("If it holds data, import it by itself; files with other columns are imported one at a time."),
    ),
    "duplicate_id": ProblemKind(
        "bad",
        N_("“{value}” appeared in an earlier row with different content; the earlier row was kept."),
        N_("Give every record its own “{field}”, or remove the row that is wrong."),
    ),
    "unknown_agent": ProblemKind(
        "warning",
        N_("Agent “{value}” is not in the roster; they were added without a team."),
        N_("Import the roster, or correct “{field}”."),
    ),
    "no_agent": ProblemKind(
        "warning",
        N_("Nobody answered in this conversation and no agent is named; it cannot be drawn for an agent."),
        N_("Map the column that names the agent who was responsible."),
    ),
    "no_session": ProblemKind(
        "bad",
        N_("There are no messages of session “{value}” in the archive."),
        N_("Import the messages of this session first, then this file again."),
    ),
    "no_dispute": ProblemKind(
        "bad",
        N_("There is no dispute “{value}” in the archive."),
        N_("Import the disputes first, then this file again."),
    ),
    "other_source": ProblemKind(
        "warning",
        N_("Nearly all of these ids are in the archive under the source “{value}”."),
        N_("If this is the same shop, import it as “{value}”: the same chat would be there twice otherwise."),
    ),
    "other_people": ProblemKind(
        "warning",
        N_("Conversation “{value}” is known with another agent and another customer."),
        N_("Two shops may use the same ids: give each shop a source of its own."),
    ),
    "alike_ids": ProblemKind(
        "warning",
        N_("The conversation ids {value} differ only in how they are written."),
        N_("If they are one chat, write its id in one way in the file and import it again."),
    ),
    "mixed_customers": ProblemKind(
        "warning",
        N_("Conversation “{value}” has messages of several customers in this file."),
        N_("Two shops may use the same ids: import each shop by itself, with a source of its own."),
    ),
}


@dataclass(frozen=True)
class RowProblem:
    """One problem of one row. `row` 1 is the first row below the header (JSONL: the first line)."""

    row: int | None
    field: str
    code: str
    value: str

    @property
    def severity(self) -> str:
        return KINDS[self.code].severity

    def reason(self, t: Translator) -> str:
        """What is wrong, in the reader's language."""
        return t(KINDS[self.code].reason, row=self.row, field=self.field, value=self.value)

    def cure(self, t: Translator) -> str:
        """What to do about it, in the reader's language."""
        return t(KINDS[self.code].cure, row=self.row, field=self.field, value=self.value)

    def to_dict(self) -> dict[str, Any]:
        return {"row": self.row, "field": self.field, "code": self.code, "value": self.value}


class ProblemLog:
    """Collects problems column by column; `names` turns field ids into the file's own column names."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._frames: list[pl.DataFrame] = []
        self._refused: list[pl.DataFrame] = []

    def empty(self) -> ProblemLog:
        """A log for the same columns without problems."""
        return ProblemLog(self._names)

    def refuse(self, rows: pl.DataFrame) -> None:
        """Rows that stay out of a known conversation: `conversation_id`, `file_row`."""
        if rows.height:
            self._refused.append(rows.select(pl.col(name).cast(kind) for name, kind in REFUSED.items()).drop_nulls())

    def refused_any(self) -> bool:
        """Whether anything was told that keeps a row out."""
        return any(frame["code"].is_in(bad_codes()).any() for frame in self._frames)

    def refused(self) -> pl.DataFrame:
        """What `refuse` was told, with the first problem that kept each row out: REFUSED, `field`, `code`, `value`."""
        told = pl.concat([pl.DataFrame(schema=REFUSED), *self._refused]).unique(maintain_order=True)
        why = self.frame().filter(pl.col("code").is_in(bad_codes())).unique("row", keep="first", maintain_order=True)
        return told.join(
            why.select("field", "code", "value", file_row="row"), on="file_row", how="inner", maintain_order="left"
        )

    def add(self, code: str, field: str, rows: pl.DataFrame, value: str | None = None) -> None:
        """Every row of `rows` (column `file_row`) has problem `code`; column `value` holds what the cell said, `rows`
        for how many it stands."""
        if rows.is_empty():
            return
        said = pl.col(value).cast(pl.String).fill_null("").str.slice(0, VALUE_LENGTH) if value else pl.lit("")
        self._frames.append(
            rows.select(
                row=pl.col("file_row").cast(pl.Int64),
                field=pl.lit(self._names.get(field, field)),
                code=pl.lit(code),
                value=said,
                rows=pl.col("rows").cast(pl.Int64) if "rows" in rows.columns else pl.lit(1, dtype=pl.Int64),
            )
        )

    def take(self, other: ProblemLog, before: int) -> None:
        """The problems of one part of a file, whose rows are counted on from `before`."""
        self._frames += [
            frame.with_columns(field=pl.col("field").replace(dict(self._names)), row=pl.col("row") + before)
            for frame in other._frames
        ]

    def adopt(self, other: ProblemLog) -> None:
        """The problems of the same file, told to another log for the same columns."""
        self._frames += other._frames
        self._refused += other._refused

    def one(self, code: str, field: str, row: int | None, value: str = "") -> None:
        """One row has problem `code`."""
        self._frames.append(
            pl.DataFrame(
                [[row, self._names.get(field, field), code, value[:VALUE_LENGTH], 1]], schema=SCHEMA, orient="row"
            )
        )

    def frame(self) -> pl.DataFrame:
        """All problems in row order: row, field, code, value."""
        return (
            pl.concat(self._frames)
            .group_by("row", "field", "code", "value", maintain_order=True)
            .agg(
                pl.when(pl.col("code").first().is_in(bad_codes()))
                .then(pl.col("rows").sum())
                .otherwise(pl.col("rows").max())
            )
            .sort("row", maintain_order=True)
            if self._frames
            else pl.DataFrame(schema=SCHEMA)
        )


UNREAD = ("unreadable", "encoding", "too_many_cells")
"""Problems of rows that were never rows of a table."""


def unread_rows(frame: pl.DataFrame) -> int:
    """Number of rows that could not be read at all."""
    return frame.filter(pl.col("code").is_in(UNREAD))["row"].n_unique()


def bad_codes() -> list[str]:
    """Codes of the problems that keep a row out."""
    return [code for code, kind in KINDS.items() if kind.severity == "bad"]


def bad_rows(frame: pl.DataFrame) -> int:
    """Number of rows that stayed out: of a conversation that did, all of its rows. Every row is bad for one reason."""
    return int(frame.filter(pl.col("code").is_in(bad_codes()))["rows"].sum())


def first(frame: pl.DataFrame, limit: int) -> tuple[RowProblem, ...]:
    """Up to `limit` problems, the ones that kept rows out before the warnings, and every kind represented."""
    if frame.is_empty():
        return ()
    codes = bad_codes()
    ranked = frame.with_columns(
        nth=pl.int_range(pl.len()).over("code", "field"), light=(~pl.col("code").is_in(codes)).cast(pl.Int8)
    )
    head = ranked.sort("light", "nth", "row", maintain_order=True).head(limit).sort("light", "row", maintain_order=True)
    return tuple(RowProblem(*row) for row in head.select(SHOWN).iter_rows())


def summary(frame: pl.DataFrame) -> tuple[tuple[RowProblem, int], ...]:
    """One example of every kind of problem with how often it occurs, the most frequent first."""
    if frame.is_empty():
        return ()
    groups = frame.group_by("code", "field").agg(
        pl.col("rows").sum().alias("n"), pl.col("row").first(), pl.col("value").first()
    )
    ordered = groups.sort(["n", "code", "field"], descending=[True, False, False])
    return tuple(
        (RowProblem(row["row"], row["field"], row["code"], row["value"]), row["n"])
        for row in ordered.iter_rows(named=True)
    )


def write_csv(frame: pl.DataFrame, path: Path, t: Translator) -> None:
    """The whole list as a spreadsheet file that cannot carry formulas."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([t(N_("Row")), t(N_("Field")), t(N_("Severity")), t(N_("Reason")), t(N_("Cure"))])
        writer.writerows(_lines(frame, t))


def _lines(frame: pl.DataFrame, t: Translator) -> Iterable[list[str]]:
    words = {"bad": t(N_("left out")), "warning": t(N_("warning"))}
    for row in frame.select(SHOWN).iter_rows():
        problem = RowProblem(*row)
        cells = [str(problem.row or ""), problem.field, words[problem.severity], problem.reason(t), problem.cure(t)]
        yield [harmless(cell) for cell in cells]


def harmless(cell: str) -> str:
    """A cell no spreadsheet will run."""
    return "'" + cell if cell.lstrip()[:1] in ("=", "+", "-", "@") or cell[:1] in ("\t", "\r", "\n") else cell
