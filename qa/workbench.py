"""One opened installation: its settings, database and archive, handed to every service as the first argument."""

from __future__ import annotations

from dataclasses import dataclass

from qa.archive import Archive
from qa.config import Config
from qa.db import Database


@dataclass(frozen=True)
class Workbench:
    """What a service needs to work. Cheap to share between threads."""

    config: Config
    db: Database
    archive: Archive

    @classmethod
    def open(cls, config: Config) -> Workbench:
        """Open (and where absent create) the stores of `config`. The schema is the business of `qa.migrations`."""
        return cls(config, Database(config.database), Archive(config.archive))

    def close(self) -> None:
        self.db.close()
