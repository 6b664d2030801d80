"""The folders of the inbox and how their files are read: set up once, remembered for every file.

A folder is `<home>/inbox/<name>`; to watch another place, the owner of the machine puts a link there. Whoever maintains
the installation through the browser therefore never names a path of the machine.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from qa import audit, ingest
from qa.errors import Conflict, FormField, Invalid, NotFound
from qa.i18n import N_
from qa.ingest.service import check_source
from qa.ingest.sources import checked_silence
from qa.policy import SYSTEM, Actor, Right, require
from qa.tables import InboxFolder
from qa.unit_of_work import UnitOfWork
from qa.workbench import Workbench

DONE, FAILED = "done", "failed"
UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart", ".download", ".partial", ".swp")
"""How the names of files end that another program still writes."""
NAME = re.compile(r"[\w][\w.\- ]{0,58}[\w]|[\w]")
MISSING = N_("There is no folder “{name}” in the inbox.")
NAME_FIELD = FormField("name", N_("Folder"))


@dataclass(frozen=True)
class Folder:
    """One folder: the source of its files, and what is known of how they are read. Empty: as each file shows."""

    name: str
    source: str
    kind: str = ""
    preset: str = ""
    profile: str = ""
    silence_hours: float | None = None


def folders(bench: Workbench, actor: Actor) -> tuple[Folder, ...]:
    """Every folder of the inbox, by name."""
    require(actor, Right.MAINTAIN)
    with bench.db.read() as session:
        return tuple(_view(row) for row in session.scalars(select(InboxFolder).order_by(InboxFolder.name)))


def find(bench: Workbench, actor: Actor, name: str) -> Folder:
    """One folder. Raises `NotFound`."""
    for folder in folders(bench, actor):
        if folder.name == name:
            return folder
    raise NotFound(MISSING, name=name)


def add(bench: Workbench, actor: Actor, folder: Folder, *, now: datetime) -> Path:
    """Set up a folder; returns where it is. Raises `Conflict` when there is one of the name."""
    require(actor, Right.MAINTAIN)
    _check(bench, folder)
    with bench.begin(actor, now) as work:
        if work.session.get(InboxFolder, folder.name) is not None:
            raise Conflict(N_("There is a folder “{name}” already."), name=folder.name)
        work.session.add(InboxFolder(**asdict(folder), created_at=now, changed_at=now))
        work.record("inbox.added", "inbox_folder", folder.name, source=folder.source, kind=folder.kind or None,
                    preset=folder.preset or None, profile=folder.profile or None)  # fmt: skip
    made = place(bench, folder.name)
    made.mkdir(parents=True, exist_ok=True)
    return made


def change(bench: Workbench, actor: Actor, folder: Folder, *, now: datetime) -> None:
    """Read the files of a folder in another way from now on. Its source stays: it is part of every key."""
    require(actor, Right.MAINTAIN)
    _check(bench, folder)
    with bench.begin(actor, now) as work:
        row = _find(work, folder.name)
        if row.source != folder.source:
            raise Invalid(N_("The source of a folder stays as it is; set up another folder for another source."))
        changed = audit.changes(asdict(_view(row)), asdict(folder))
        if changed:
            row.kind, row.preset, row.profile = folder.kind, folder.preset, folder.profile
            row.silence_hours, row.changed_at = folder.silence_hours, now
            work.record("inbox.changed", "inbox_folder", folder.name, changes=changed)


def remove(bench: Workbench, actor: Actor, name: str, *, now: datetime) -> None:
    """Look into the folder no more. Its files stay where they are."""
    require(actor, Right.MAINTAIN)
    with bench.begin(actor, now) as work:
        row = _find(work, name)
        work.session.delete(row)
        work.record("inbox.removed", "inbox_folder", name, source=row.source)


def place(bench: Workbench, name: str = "") -> Path:
    """Where a folder is; without a name, the inbox."""
    return bench.config.home / "inbox" / name if name else bench.config.home / "inbox"


def waiting(bench: Workbench, name: str) -> list[Path]:
    """Files of a folder that wait to be taken, by name: no hidden ones, and none that is still being written."""
    folder = place(bench, name)
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir()
        if path.is_file() and not path.name.startswith((".", "~$")) and not path.name.lower().endswith(UNFINISHED)
    )  # fmt: skip


def set_aside(bench: Workbench, name: str) -> int:
    """How many files of a folder wait in `failed` for somebody."""
    folder = place(bench, name) / FAILED
    return sum(not path.name.endswith(".problems.txt") for path in folder.iterdir()) if folder.is_dir() else 0


def _check(bench: Workbench, folder: Folder) -> None:
    if NAME.fullmatch(folder.name) is None or folder.name.lower() in (DONE, FAILED):
        raise Invalid(
            N_("{field}: expected letters, digits, “-” and “_”, at most 60; found “{value}”."),
            field=NAME_FIELD, value=folder.name[:80],
        )  # fmt: skip
    check_source(folder.source)
    if folder.kind and folder.kind not in ingest.FIELDS:
        raise Invalid(
            N_("“{value}” is not a kind of file. Known kinds: {known}."), value=folder.kind,
            known=", ".join(ingest.FIELDS),
        )  # fmt: skip
    if folder.preset and folder.preset not in {preset.id for preset in ingest.PRESETS}:
        raise Invalid(
            N_("There is no preset “{value}”. Presets: {known}."), value=folder.preset,
            known=", ".join(preset.id for preset in ingest.PRESETS),
        )  # fmt: skip
    if folder.profile:
        if folder.preset:
            raise Invalid(N_("Choose a saved mapping or an export format, not both."))
        profile = ingest.load_profile(bench, SYSTEM, folder.profile)
        if folder.kind and profile.kind != folder.kind:
            raise Invalid(N_("The mapping “{name}” is for files of kind {kind}."), name=profile.name, kind=profile.kind)
    if folder.silence_hours is not None:
        checked_silence(folder.silence_hours)


def _find(work: UnitOfWork, name: str) -> InboxFolder:
    row = work.session.get(InboxFolder, name, with_for_update=True)
    if row is None:
        raise NotFound(MISSING, name=name)
    return row


def _view(row: InboxFolder) -> Folder:
    return Folder(row.name, row.source, row.kind, row.preset, row.profile, row.silence_hours)
