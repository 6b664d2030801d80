"""What a file is and how it is to be read: values that every reader shares."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from qa.errors import Invalid
from qa.i18n import N_

MAX_COLUMNS = 2_000
Tap = Callable[[bytes | memoryview], object]


@dataclass(frozen=True)
class Blob:
    """Bytes with a name: a file, or (`member`) a file inside a ZIP archive."""

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        return Path(self.member or self.path).name

    @property
    def suffix(self) -> str:
        return Path(self.name).suffix.lower()

    @property
    def size(self) -> int:
        if not self.member:
            return self.path.stat().st_size
        with zipfile.ZipFile(self.path) as archive:
            return archive.getinfo(self.member).file_size

    def open(self) -> BinaryIO:
        """The bytes, from the beginning; can be sought."""
        return io.BytesIO(self.read()) if self.member else self.path.open("rb")

    def read(self) -> bytes:
        """All bytes."""
        if not self.member:
            return self.path.read_bytes()
        with zipfile.ZipFile(self.path) as archive:
            return archive.read(self.member)


@dataclass(frozen=True)
class ReadOptions:
    """What a person may say about a file when it is read wrongly. Empty means: find out.

    `encoding` of text; `delimiter` of CSV; `header_row` counts lines from 1, −1 says that there is none; `sheets` are
    names of sheets to read; `list` is the path of the list of messages in JSON, like `thread.events`. `opening`
    describes a first message that stands beside the list: column of a message → column of its conversation, or `=text`.
    """

    encoding: str = ""
    delimiter: str = ""
    header_row: int = 0
    sheets: tuple[str, ...] = ()
    list: str = ""
    opening: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        every = {
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "header_row": self.header_row,
            "sheets": [*self.sheets],
            "list": self.list,
            "opening": dict(self.opening),
        }
        return {name: value for name, value in every.items() if value}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ReadOptions:
        return cls(
            encoding=str(data.get("encoding", "")),
            delimiter=str(data.get("delimiter", "")),
            header_row=int(data.get("header_row", 0)),
            sheets=tuple(map(str, data.get("sheets", ()))),
            list=str(data.get("list", "")),
            opening={str(k): str(v) for k, v in data.get("opening", {}).items()},
        )

    def over(self, other: ReadOptions) -> ReadOptions:
        """These options; what they leave open is taken from `other`."""
        return ReadOptions.from_dict({**other.to_dict(), **self.to_dict()})


@dataclass(frozen=True)
class Shape:
    """What a file is. `nested` names the list of messages inside each record (JSON only), as a path.

    `choices`: sheets or lists that could be read instead; `notes`: (problem code, what it is about) to be told with the
    rows. `header_at` counts the lines before the header (−1: there is none). `parts` are the files of an archive.
    """

    blob: Blob
    format: str
    encoding: str
    delimiter: str
    headers: tuple[str, ...]
    nested: str
    size: int
    header_at: int = 0
    options: ReadOptions = field(default_factory=ReadOptions)
    choices: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    parts: tuple[Shape, ...] = ()

    @property
    def path(self) -> Path:
        return self.blob.path


@dataclass(frozen=True)
class RowBatch:
    """Some rows, every column text, `file_row` counting records from 1; `share` of the file read so far."""

    frame: pl.DataFrame
    share: float


def header(cells: Iterable[str], name: str) -> tuple[str, ...]:
    """Usable, different names: empty ones by place, repeated ones numbered. Refuses tables too wide to be one."""
    found: dict[str, None] = {}
    for place, cell in enumerate(cells, 1):
        if place > MAX_COLUMNS:
            raise too_wide(name)
        known = clean_header(cell) or f"column {place}"
        found[known if known not in found else f"{known} ({place})"] = None
    return tuple(found)


def too_wide(name: str) -> Invalid:
    """More columns than any export has."""
    return Invalid(
        N_("The file {file} has more than {limit} columns. Export it with the columns that are needed."),
        file=name,
        limit=MAX_COLUMNS,
    )


def clean_header(cell: str) -> str:
    """A header without space around it and without what makes spreadsheets take it for text."""
    text = cell.strip().strip("\ufeff").strip()
    if text.startswith('="') and text.endswith('"'):
        text = text[2:-1]
    return " ".join(text.replace("\0", "").split())


def text_frame(columns: Mapping[str, list[Any]], rows: list[int] | range) -> pl.DataFrame:
    """A frame of text columns and `file_row`."""
    return pl.DataFrame(
        {**columns, "file_row": list(rows)}, schema={**dict.fromkeys(columns, pl.String), "file_row": pl.Int64}
    )
