"""The archive in an object store: the same rows as in a folder though the store is busy, and never a torn version
though no lock keeps two writers apart."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sqlalchemy import select

from qa import draws, migrations, screening
from qa.archive import TABLES, Archive, stage
from qa.config import Config
from qa.errors import Busy
from qa.policy import SYSTEM, Actor
from qa.tables import Sample
from qa.workbench import Workbench
from tests.qa.archive.test_store import NOW, keys, messages
from tests.qa.ingest.files import CHATS, write_csv
from tests.qa.ingest.test_formats import load
from tests.world import rules
from tests.world.judged import judge
from tests.world.object_store import ObjectStore, object_store


@pytest.fixture(scope="module")
def running() -> Iterator[ObjectStore]:
    with object_store(busy_every=15) as store:
        yield store


@pytest.fixture
def store(running: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    return running


@pytest.mark.slow
def test_import_screening_and_draw_give_what_a_folder_gives(store: ObjectStore, tmp_path: Path, lead: Actor) -> None:
    """One setting moves the archive; every row, every sample and the receipt stay what they are."""
    file = write_csv(tmp_path / "chats.csv", CHATS)
    made, turned_away = [], store.turned_away()
    for name, url in (("folder", ""), ("store", store.url("whole"))):
        home = tmp_path / name
        bench = Workbench.open(Config(home=home, database_url=f"sqlite:///{home / 'workbench.db'}", archive_url=url))
        try:
            made.append(_whole(bench, lead, file))
        finally:
            bench.close()
    (here, samples), (there, others) = made
    for table in TABLES:
        assert_frame_equal(here[table], there[table], check_row_order=False)
    assert samples == others
    assert store.turned_away() > turned_away


def _whole(bench: Workbench, lead: Actor, file: Path) -> tuple[dict[str, pl.DataFrame], list[tuple[str, str]]]:
    migrations.upgrade(bench.db)
    rules.publish(bench, rules.rule("T01", "今天发货"))
    load(bench, lead, NOW, file)
    screening.screen(bench, SYSTEM, now=NOW)
    draw = judge(bench, lead, NOW)
    with bench.db.read() as session:
        samples = sorted((sample.unit_id, sample.reason) for sample in session.scalars(select(Sample)))
    assert not draws.verify(bench, SYSTEM, draw_id=draw.draw_id).differences
    archive = bench.archive.at()
    return {table: archive.scan(table).collect() for table in TABLES}, samples


@pytest.mark.parametrize("first", ["earlier", "later"])
def test_of_two_writers_one_is_refused_and_nothing_of_it_is_seen(store: ObjectStore, first: str) -> None:
    archive = Archive(store.url(f"two-{first}"))
    with archive.change("before", NOW) as change:
        change.append("messages", messages("old"))
    one, two = archive.change("one", NOW), archive.change("two", NOW)
    earlier = one.__enter__()
    earlier.append("messages", messages("one"))
    later = two.__enter__()  # takes back what it sees of the first: it may be the rest of a killed writer
    later.adopt("messages", [stage("messages", messages("two"), later.staging())])
    winner, loser = (one, two) if first == "earlier" else (two, one)
    winner.__exit__(None, None, None)
    with pytest.raises(Busy):
        loser.__exit__(None, None, None)
    names = ("one", "two") if first == "earlier" else ("two", "one")
    assert keys(archive) == sorted(["old", names[0]])
    assert archive.history()["what"].to_list() == [names[0], "before"]
    with archive.change(names[1], NOW) as again:
        again.append("messages", messages(names[1]))
    assert keys(archive) == ["old", "one", "two"]


def test_a_writer_whose_table_moved_on_is_refused_at_once(store: ObjectStore) -> None:
    archive = Archive(store.url("moved"))
    with archive.change("before", NOW) as change:
        change.append("messages", messages("old", "gone"))
    for act in (
        lambda change: change.append("messages", messages("mine")),
        lambda change: change.remove("messages", pl.Series(["gone"])),
        lambda change: change.replace("messages", messages("mine")),
    ):
        mine = archive.change("mine", NOW)
        change = mine.__enter__()
        with archive.change("theirs", NOW) as theirs:
            theirs.remove("messages", pl.Series(["new"]))
            theirs.append("messages", messages("new"))
        with pytest.raises(Busy) as refused:
            act(change)
        mine.__exit__(Busy, refused.value, None)
    assert keys(archive) == ["gone", "new", "old"]


KILLED = """
    import os, sys
    from datetime import UTC, datetime
    from qa.archive import Archive
    from tests.qa.archive.test_store import messages
    with Archive(sys.argv[1]).change("killed", datetime(2026, 3, 2, tzinfo=UTC)) as change:
        change.append("messages", messages("half"))
        os._exit(9)
"""


def test_what_a_killed_writer_left_is_taken_back(store: ObjectStore) -> None:
    archive = Archive(store.url("killed"))
    with archive.change("before", NOW) as change:
        change.append("messages", messages("old"))
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), archive.root], check=False)
    assert ended.returncode == 9
    assert keys(archive) == ["old"]
    with archive.change("after", NOW) as change:
        change.append("messages", messages("new"))
    assert keys(archive) == ["new", "old"]
