"""ZIP archives of files: those with the same columns are read one after the other, the others are named."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

from qa.errors import Invalid
from qa.i18n import N_
from qa.ingest.files.shape import Blob, ReadOptions, Shape

MOST_MEMBERS = 20_000
MOST_RATIO, FREE_SIZE = 200, 200 << 20
READ = (
    ".csv",
    ".tsv",
    ".txt",
    ".json",
    ".jsonl",
    ".ndjson",
    ".xlsx",
    ".xls",
    ".xlsm",
    ".ods",
    ".html",
    ".htm",
    ".mht",
    ".mhtml",
    ".xml",
    ".log",
)


def is_archive(path: Path) -> bool:
    """Whether a file is a ZIP archive that is not an Office document."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return False
    return "[Content_Types].xml" not in names and not ("mimetype" in names and "content.xml" in names)


def look(
    path: Path, options: ReadOptions, look_at: Callable[[Blob, ReadOptions], Shape], known: Callable[[str], bool]
) -> Shape:
    """The shape of an archive. Raises `Invalid` when no file in it can be read."""
    members = _members(path)
    parts, left = [], []
    for member in members:
        if options.sheets and member not in options.sheets:
            left.append(member)
            continue
        try:
            parts.append(look_at(Blob(path, member), ReadOptions.from_dict({**options.to_dict(), "sheets": ()})))
        except Invalid:
            left.append(member)
    if not parts:
        raise Invalid(
            N_("No file in the archive {file} can be read. It should hold CSV, XLSX, JSON or text files."),
            file=path.name,
        )
    groups: dict[tuple[str, ...], list[Shape]] = {}
    for part in parts:
        groups.setdefault(part.headers, []).append(part)
    headers = max(
        groups,
        key=lambda names: (sum(map(known, names)) + 3 * (groups[names][0].format == "transcript"), len(groups[names])),
    )
    left += [part.blob.member for part in parts if part.headers != headers]
    chosen, first = groups[headers], groups[headers][0]
    notes = tuple(("file_left_out", member) for member in left) + tuple(note for part in chosen for note in part.notes)
    return Shape(
        Blob(path),
        "zip",
        first.encoding,
        first.delimiter,
        headers,
        first.nested,
        path.stat().st_size,
        0,
        options,
        tuple(members),
        notes,
        tuple(chosen),
    )


def _members(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        infos = [
            info
            for info in archive.infolist()
            if not info.is_dir()
            and not info.filename.startswith("__MACOSX/")
            and Path(info.filename).suffix.lower() in READ
        ]
    total = sum(info.file_size for info in infos)
    if len(infos) > MOST_MEMBERS or (total > FREE_SIZE and total > MOST_RATIO * path.stat().st_size):
        raise Invalid(
            N_("The archive {file} unpacks to more than can be read. Unpack it and import the files."), file=path.name
        )
    if any(info.flag_bits & 1 for info in infos):
        raise Invalid(
            N_("The archive {file} is protected by a password. Unpack it and import the files."), file=path.name
        )
    return sorted(info.filename for info in infos)
