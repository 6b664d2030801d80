"""One opened installation: its settings, database and archive, handed to every service as the first argument."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from sqlalchemy import func, select

from qa import restore_journal
from qa.archive import Archive
from qa.config import Config, load
from qa.db import Database
from qa.tables import Draw, ImportRun


@dataclass(frozen=True)
class Workbench:
    """What a service needs to work. Cheap to share between threads."""

    config: Config
    db: Database
    archive: Archive

    @classmethod
    def open(cls, config: Config, *, settle: bool = True) -> Workbench:
        """Open (and where absent create) the stores of `config`. The schema is the business of `qa.migrations`.

        A restore that was interrupted is completed or taken back first, unless `settle` is False.
        """
        bench = cls(config, Database(config.database), Archive(config.archive))
        if settle:
            try:
                restore_journal.settle(config.home, bench.db, bench.archive)
            except BaseException:
                bench.close()
                raise
        return bench

    def known_archive_version(self) -> int:
        """The newest version of the archive that the database speaks of."""
        with self.db.read() as session:
            return max(
                session.scalar(select(func.max(column))) or 0
                for column in (ImportRun.archive_version, Draw.archive_version)
            )

    def close(self) -> None:
        self.db.close()


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
