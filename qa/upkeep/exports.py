"""Files that an admin asks for: all results, the audit trail, or a backup as one archive. Made as jobs, kept a while.

They lie in the installation's folder until `KEPT` newer ones were made; each was put on record when it was made.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
from sqlalchemy import select

from qa.errors import Invalid, NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.reports import exporting
from qa.tables import AuditEntry
from qa.transcripts import shown_facts
from qa.upkeep import backup
from qa.workbench import Workbench

KEPT = 10
FORMS = ("xlsx", "csv", "jsonl")
RESULTS, AUDIT, BACKUP = "verdicts", "audit", "backup"
_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.Int64, "at": pl.Datetime("us", "UTC"), "actor_id": pl.Int64, "actor": pl.String, "action": pl.String,
    "subject": pl.String, "subject_id": pl.String, "facts": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class MadeFile:
    """A file that can be fetched."""

    name: str
    bytes: int


def make(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    what: str,
    form: str = "xlsx",
    backup_name: str = "",
    progress: Callable[[float, str], None] = lambda share, what: None,
) -> MadeFile:
    """Make one file: `what` is RESULTS or AUDIT in one of `FORMS`, or BACKUP of that name as a zip archive."""
    require(actor, Right.MAINTAIN)
    if what != BACKUP and form not in FORMS:
        raise Invalid(N_("There is no file of the kind “{kind}”."), kind=form)
    place = folder(bench)
    place.mkdir(parents=True, exist_ok=True)
    name = f"spotcheck-{what}-{now.astimezone(bench.config.zone):%Y%m%d-%H%M%S}"
    path = place / (f"{name}.zip" if what == BACKUP else f"{name}.{form}")
    unfinished = path.with_name(f".{path.name}")
    try:
        _write(bench, actor, now, what, form, backup_name, unfinished, progress)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    for old in made(bench, actor)[KEPT:]:
        (place / old.name).unlink(missing_ok=True)
    return MadeFile(path.name, path.stat().st_size)


def made(bench: Workbench, actor: Actor) -> tuple[MadeFile, ...]:
    """The files that can be fetched, the newest first."""
    require(actor, Right.MAINTAIN)
    found = sorted(folder(bench).glob("spotcheck-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    return tuple(MadeFile(path.name, path.stat().st_size) for path in found)


def fetch(bench: Workbench, actor: Actor, name: str) -> bytes:
    """The bytes of one of them. Raises `NotFound`."""
    if name not in {one.name for one in made(bench, actor)}:
        raise NotFound(N_("The file {file} is not there any more; make it anew."), file=name)
    return (folder(bench) / name).read_bytes()


def folder(bench: Workbench) -> Path:
    """Where they lie."""
    return bench.config.home / "exports"


def _write(
    bench: Workbench, actor: Actor, now: datetime, what: str, form: str, backup_name: str, path: Path,
    progress: Callable[[float, str], None],
) -> None:  # fmt: skip
    if what == RESULTS:
        progress(0.1, N_("Results"))
        exporting.export_verdicts(bench, actor, now=now, path=path, form=form)
    elif what == AUDIT:
        progress(0.1, N_("Audit trail"))
        path.write_bytes(
            exporting.export(bench, actor, now=now, what=AUDIT, frame=trail_frame(bench, actor), form=form).content
        )
    elif what == BACKUP:
        _zip(bench, actor, now, backup_name, path, progress)
    else:
        raise Invalid(N_("There is no file of the kind “{kind}”."), kind=what)


def trail_frame(bench: Workbench, actor: Actor) -> pl.DataFrame:
    """The whole audit trail, the oldest entry first; facts as JSON, as `actor` may see them."""
    require(actor, Right.VIEW_AUDIT)
    with bench.db.read() as session:
        rows = [
            (one.id, one.at, one.actor_id, one.actor_name, one.action, one.entity, one.entity_id,
             json.dumps(shown_facts(actor, one.facts), ensure_ascii=False, sort_keys=True))
            for one in session.scalars(select(AuditEntry).order_by(AuditEntry.id).execution_options(yield_per=2_000))
        ]  # fmt: skip
    return pl.DataFrame(rows, schema=_COLUMNS, orient="row")


def _zip(
    bench: Workbench, actor: Actor, now: datetime, name: str, path: Path, progress: Callable[[float, str], None]
) -> None:
    known = dict(backup.listing(bench, actor))
    if name not in known:
        raise NotFound(N_("There is no backup “{name}”."), name=name)
    source = backup.own_folder(bench) / name
    files = sorted(one for one in source.rglob("*") if one.is_file())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for done, file in enumerate(files):
            progress(done / max(len(files), 1), N_("Copying"))
            target.write(file, f"{name}/{file.relative_to(source).as_posix()}")
    with bench.begin(actor, now) as work:
        work.record("export.taken", "export", BACKUP, name=name, files=len(files))
