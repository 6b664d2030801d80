"""One opened installation: its settings, database and archive, handed to every service as the first argument."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from qa.config import RESTORE_JOURNAL, Config, load
from qa.db import Database
from qa.policy import Actor
from qa.security import compiled_files, keys, seeds
from qa.security import files as private
from qa.tables import Draw, ImportRun
from qa.unit_of_work import UnitOfWork, begin
from scoring import compiled

if TYPE_CHECKING:
    from qa.archive import Archive


class Workbench:
    """What a service needs to work. Cheap to share between threads; nothing of it changes."""

    def __init__(self, config: Config, db: Database, archive: Archive | None = None) -> None:
        self.config = config
        self.db = db
        if archive is not None:
            self.archive = archive

    @cached_property
    def archive(self) -> Archive:
        """The archive. Its module brings Polars, which accounts and settings need not wait for."""
        from qa.archive import Archive

        return Archive(self.config.archive)

    @classmethod
    def open(cls, config: Config, *, settle: bool = True) -> Workbench:
        """Open (and where absent create) the stores of `config`. The schema is the business of `qa.migrations`.

        A restore that was interrupted is completed or taken back first, unless `settle` is False.
        """
        private.home(config.home, _file_of(config.database))
        compiled.use(compiled_files.of_account())
        bench = cls(config, Database(config.database))
        private.home(config.home, _file_of(config.database))
        bench.db.signing_key = keys.signing(config.keys, create=not bench.db.read_only)
        if settle and (config.home / RESTORE_JOURNAL).exists():
            bench._settle()
        return bench

    def known_archive_version(self) -> int:
        """The newest version of the archive that the database speaks of."""
        with self.db.read() as session:
            return max(
                session.scalar(select(func.max(column))) or 0
                for column in (ImportRun.archive_version, Draw.archive_version)
            )

    def begin(self, actor: Actor, now: datetime) -> AbstractContextManager[UnitOfWork]:
        """One unit of work: commits when the block ends well, rolls back when it raises. `now` is UTC."""
        return begin(self.db, actor, now)

    def close_seed(self, seed: str) -> str:
        """A seed as the database keeps it: sealed by a key that lies outside. Raises `Invalid` without one."""
        return seeds.close(seed, keys.seeds(self.config.keys))

    def open_seed(self, stored: str) -> str:
        """What `close_seed` has sealed. Raises `Invalid`."""
        return seeds.opened(stored, keys.seeds(self.config.keys, create=False))

    def _settle(self) -> None:
        from qa import restore_journal

        try:
            restore_journal.settle(self.config.home, self.db, self.archive)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.db.close()


def _file_of(database: str) -> Path | None:
    prefix = "sqlite:///"
    return Path(database.removeprefix(prefix)) if database.startswith(prefix) else None


_opening = threading.Lock()
_shared: list[Workbench] = []


def share(bench: Workbench | None) -> None:
    """Make `bench` the one that every page of this process uses (None: forget it)."""
    _shared[:] = [] if bench is None else [bench]


def shared() -> Workbench:
    """The process-wide workbench; opened from the configuration the first time unless `share` named one."""
    with _opening:
        if not _shared:
            _shared.append(Workbench.open(load()))
        return _shared[0]
