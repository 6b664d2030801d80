"""Work on a cluster gives what work here gives, also when workers are killed."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import distributed  # the optional extra `cluster`, in the development lock
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from qa import ingest, predictors, screening
from qa.archive import KEYS, TABLES
from qa.config import Config
from qa.conversations import index
from qa.errors import Cancelled, Unavailable
from qa.ingest import FileToImport, sources
from qa.policy import SYSTEM
from qa.processes import cluster
from qa.workbench import Workbench
from tests.conftest import NOW
from tests.world.rules import publish, rule

RULES = (rule("T01", "滚"), rule("T02", "不开发票"))
SAID = ("您好", "在吗", "我们不开发票", "好的，马上给您发货", "滚", "请问什么时候到", "已经登记了，稍后回复您", "谢谢")


@contextmanager
def scheduler(monkeypatch: pytest.MonkeyPatch, *, processes: bool) -> Iterator[distributed.LocalCluster]:
    # tests of pages leave their page as the main module, which every worker that is spawned would run first
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=processes, dashboard_address=":0"
    ) as machines:
        yield machines


def _times(shared: int, piece: int) -> int:
    time.sleep(0.02 if piece % 3 else 0.1)
    return shared * piece


def _unseen(_: None, path: str) -> bytes:
    return Path(path).read_bytes()


def _slow(_: None, piece: int) -> int:
    time.sleep(5)
    return piece


def test_results_come_in_the_order_of_the_pieces_here_and_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with scheduler(monkeypatch, processes=False) as machines:
        for address in (None, machines.scheduler_address):
            assert list(cluster.each(address, _times, 3, range(20))) == [3 * n for n in range(20)]
            assert list(cluster.each(address, _times, 3, ())) == []


def test_a_single_piece_needs_no_cluster() -> None:
    nowhere = "tcp://127.0.0.1:9"
    assert list(cluster.each(nowhere, _times, 3, [7])) == [21]
    assert list(cluster.each(nowhere, _times, 3, [])) == []
    with pytest.raises(Unavailable, match="does not answer"):
        list(cluster.each(nowhere, _times, 3, [7, 8]))


def test_what_goes_wrong_on_a_cluster_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with scheduler(monkeypatch, processes=False) as machines:
        address = machines.scheduler_address
        with pytest.raises(Unavailable, match="same address"):
            list(cluster.each(address, _unseen, None, [str(tmp_path / "not-there.csv")] * 2))
        with pytest.raises(Cancelled):
            list(cluster.each(address, _slow, None, range(2), cancel=lambda: True))
        waiting = cluster.each(address, _slow, None, range(4))
        threading.Timer(1.0, machines.scheduler.close).start()
    with pytest.raises(Unavailable, match="does not answer"):
        list(waiting)


class _Killer:
    """Kills workers of a cluster while they are at work."""

    def __init__(self, machines: distributed.LocalCluster) -> None:
        self._machines, self.killed = machines, 0

    @contextmanager
    def once(self) -> Iterator[None]:
        """Kill the first worker that is seen at work inside."""
        before, over = self.killed, threading.Event()
        watching = threading.Thread(target=self._watch, args=(over,))
        watching.start()
        try:
            yield
        finally:
            over.set()
            watching.join()
        assert self.killed == before + 1

    def _watch(self, over: threading.Event) -> None:
        with distributed.Client(self._machines.scheduler_address, set_as_default=False) as client:
            while not over.is_set():
                busy = [address for address, tasks in client.processing().items() if tasks]
                nannies = {one.worker_address: one for one in self._machines.workers.values()}
                if busy and busy[0] in nannies and nannies[busy[0]].pid:
                    with suppress(ProcessLookupError):
                        os.kill(nannies[busy[0]].pid, signal.SIGKILL)
                        self.killed += 1
                        return
                time.sleep(0.002)


def _file(folder: Path, number: int, chats: int, *, named: bool = True) -> FileToImport:
    """A file of chats with some agents that earlier ones do not know; without ids when not `named`."""
    rng, rows = random.Random(number), []
    for chat in range(chats):
        at = NOW - timedelta(days=20) + timedelta(minutes=rng.randrange(20_000))
        agent, buyer = f"客服{rng.randrange(6) + 2 * number}", f"b{number}-{chat}"
        for seq in range(rng.randrange(2, 12)):
            ours = seq % 2 == 1
            text = f"{rng.choice(SAID)}{rng.randrange(10_000)}"
            moment = (at + timedelta(seconds=30 * seq)).strftime("%Y-%m-%d %H:%M:%S")
            one = {"时间": moment, "内容": text, "客服": agent, "买家": buyer, "角色": "客服" if ours else "买家"}
            rows.append(({"会话ID": f"{number}-{chat}"} if named else {}) | one)
    path = folder / f"chats-{number}.csv"
    pl.DataFrame(rows).write_csv(path)
    found = ingest.detect(path)
    assert found.kind == "conversations"
    return FileToImport(path, found.mapping, found.kind, "shop")


def _homes(folder: Path, template: Path) -> tuple[Workbench, Workbench]:
    """Two installations that were one until now."""
    homes = [folder / "here", folder / "there"]
    homes[0].mkdir()
    shutil.copy(template, homes[0] / "workbench.db")
    first = _open(homes[0])
    publish(first, *RULES)
    sources.id_key(first, NOW)
    first.close()
    shutil.copytree(homes[0], homes[1])
    return _open(homes[0]), _open(homes[1])


def _open(home: Path, address: str = "") -> Workbench:
    return Workbench.open(Config(home=home, database_url=f"sqlite:///{home / 'workbench.db'}", cluster=address))


def _import(bench: Workbench, files: Sequence[FileToImport]) -> list[Any]:
    done = []
    with ingest.reading_ahead(bench, SYSTEM, files, now=NOW) as ahead:
        for file in files:
            how = (file.path, file.mapping, file.kind, file.source)
            seen = ingest.preview(bench, SYSTEM, *how, ahead=ahead)
            path, mapping, kind, source = how
            made = ingest.commit(
                bench, SYSTEM, now=NOW, path=path, mapping=mapping, kind=kind, source=source, ahead=ahead
            )
            assert made.counts.new == seen.counts.new > 0
            done.append((made.counts, made.problems, made.summary))
    return done


def _same(one: Workbench, other: Workbench) -> None:
    """Every table of the archive: the rows, their order and the bytes of the files that hold them."""
    mine, theirs = one.archive.at(), other.archive.at()
    for table in TABLES:
        assert mine.count(table) == theirs.count(table), table
        frames = [each.scan(table).sort(KEYS[table], maintain_order=True).collect() for each in (mine, theirs)]
        assert_frame_equal(*frames)
        assert _bytes(mine, table) == _bytes(theirs, table), table


def _bytes(snapshot: Any, table: str) -> list[str]:
    return sorted(hashlib.sha256(Path(uri).read_bytes()).hexdigest() for uri in snapshot.files(table))


def _same_index(one: Workbench, other: Workbench) -> None:
    """The same pieces: the same lists, the same texts. Where a text lies in its file depends on where it came from."""
    held = []
    for bench in (one, other):
        manifest = index.of(bench).manifest()
        assert manifest is not None
        held.append(index.of(bench).segments(manifest))
    assert len(held[0]) == len(held[1]) > 1
    for mine, theirs in zip(*held, strict=True):
        for part in ("grams", "starts", "rows"):
            assert np.array_equal(getattr(mine, part), getattr(theirs, part))
        assert_frame_equal(mine.texts, theirs.texts)
        assert_frame_equal(mine.chats, theirs.chats)


def test_files_read_ahead_are_imported_as_files_read_here(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [*(_file(tmp_path, number, 40) for number in range(3)), _file(tmp_path, 3, 30, named=False)]
    here, there = _homes(tmp_path, sqlite_template)
    expected = _import(here, files)
    with scheduler(monkeypatch, processes=False) as machines:
        found = _import(_open(there.config.home, machines.scheduler_address), files)
    assert found == expected
    _same(here, there)


@pytest.mark.slow
def test_killed_workers_leave_no_trace_in_what_is_imported_screened_scored_and_indexed(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [_file(tmp_path, number, 8_000) for number in range(4)]
    here, there = _homes(tmp_path, sqlite_template)
    expected = _import(here, files)
    screening.screen(here, SYSTEM, now=NOW, batch=20_000)
    predictors.score(here, SYSTEM, now=NOW, again=True, batch=20_000)
    index.update(here)
    with scheduler(monkeypatch, processes=True) as machines:
        killer, far = _Killer(machines), _open(there.config.home, machines.scheduler_address)
        with killer.once():
            assert _import(far, files) == expected
        with killer.once():
            screening.screen(far, SYSTEM, now=NOW, batch=20_000, cluster=machines.scheduler_address)
        with killer.once():
            predictors.score(far, SYSTEM, now=NOW, again=True, batch=20_000)
        with killer.once():
            index.update(far)
    _same(here, there)
    _same_index(here, there)
    assert here.archive.at().count("hits") > 1_000
