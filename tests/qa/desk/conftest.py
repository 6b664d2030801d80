"""The core of the desk is tested through every driver it can be served with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from qa.config import Config
from qa.workbench import Workbench

URLS = {"sqlite": "sqlite_url", "pg8000": "postgres_url", "psycopg": "psycopg_url"}


@pytest.fixture(params=list(URLS))
def every_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workbench]:
    """An empty workbench on each database, PostgreSQL through either driver."""
    url = str(request.getfixturevalue(URLS[request.param]))
    workbench = Workbench.open(Config(home=tmp_path, database_url=url))
    yield workbench
    workbench.close()
