"""The archive changes as a whole or not at all, keeps every version, and survives a killed writer."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

from qa.archive import Archive, parts, stage
from qa.archive.ranges import cut, message_files
from qa.errors import Conflict, NotFound

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def messages(*keys: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "conversation_key": list(keys),
            "seq": [0] * len(keys),
            "role": "agent",
            "text": "好的 👌",
            "sent_at": [NOW] * len(keys),
        }
    )


def keys(archive: Archive, version: int | None = None) -> list[str]:
    return sorted(archive.at(version).scan("messages").collect()["conversation_key"])


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(str(tmp_path / "archive"))


def test_an_empty_archive_has_version_0_and_no_rows(archive: Archive) -> None:
    assert archive.version() == 0
    assert archive.at().count("messages") == 0
    assert archive.history().is_empty()


def test_every_version_stays_readable(archive: Archive) -> None:
    with archive.change("one", NOW) as change:
        change.append("messages", messages("a", "b"))
    with archive.change("two", NOW) as change:
        change.remove("messages", pl.Series(["a"]))
        change.append("messages", messages("c"))
    assert (keys(archive, 1), keys(archive, 2), keys(archive)) == (["a", "b"], ["b", "c"], ["b", "c"])
    assert archive.history()["what"].to_list() == ["two", "one"]
    with pytest.raises(NotFound):
        archive.at(3)


def test_what_others_add_or_put_in_its_place_is_seen_at_once(archive: Archive, tmp_path: Path) -> None:
    other = Archive(archive.root)
    for what in ("one", "two"):
        with other.change(what, NOW) as change:
            change.append("messages", messages(what))
        assert archive.history()["what"][0] == what
    second = Archive(str(tmp_path / "second"))
    for what in ("three", "four"):
        with second.change(what, NOW) as change:
            change.append("messages", messages(what))
    shutil.rmtree(archive.root)
    shutil.move(second.root, archive.root)
    assert keys(archive) == ["four", "three"]


def test_no_version_is_lost_when_its_log_is_old(archive: Archive) -> None:
    def add(name: str) -> None:
        with archive.change(name, NOW) as change:
            change.append("messages", messages(name))
            change.remove("messages", pl.Series(["nobody"]))

    add("a")
    for table in ("messages", "catalogue"):  # as after a hundred changes
        DeltaTable(f"{archive.root}/{table}").alter.set_table_properties({"delta.checkpointInterval": "2"})
    add("b")
    for entry in Path(archive.root).glob("*/_delta_log/*"):
        os.utime(entry, (0, 0))
    for name in "cdef":
        add(name)
    assert [keys(archive, n) for n in (1, 2, 3)] == [["a"], ["a", "b"], ["a", "b", "c"]]
    assert archive.check().damaged == ()


def test_many_small_files_become_few_and_earlier_versions_keep_theirs(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert archive.merge_small_files(NOW) == 0
    monkeypatch.setattr(parts, "MANY", 4)
    for n in range(4):
        with archive.change(str(n), NOW) as change:
            change.adopt("messages", [stage("messages", messages(f"{9 - n}", f"{n}", f"{n}"), change.staging())])
            change.append("hits", pl.DataFrame({"conversation_key": [None, f"{n}"], "rule_id": ["R", "S"]}))
    before = archive.at()
    rows = {table: before.scan(table).collect() for table in ("messages", "hits")}
    assert (archive.merge_small_files(NOW), archive.merge_small_files(NOW)) == (8, 0)
    after = archive.at()
    assert [len(one.files("messages")) for one in (before, after)] == [4, 1]
    for table, known in rows.items():
        for version in (before, after):
            assert_frame_equal(version.scan(table).collect(), known, check_row_order=False)
    ends = after.scan("messages").collect()["conversation_key"].to_list()
    assert ends == sorted(ends), "a conversation is in one piece"
    with archive.change("on", NOW) as change:
        change.remove("messages", pl.Series(["3"]))
    assert (archive.version(), archive.history().height, archive.check().damaged) == (6, 6, ())
    assert keys(archive) == sorted(key for key in ends if key != "3")
    assert keys(archive, 4) == ends


def test_a_merge_that_was_not_published_is_taken_back(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MANY", 2)
    for name in "ab":
        with archive.change(name, NOW) as change:
            change.append("messages", messages(name))
    with archive.change("compaction", NOW) as change:
        change.merge_small_files("messages")
        change.forget()  # as when its process is killed
    assert keys(archive) == ["a", "b"]
    with archive.change("c", NOW) as change:
        change.append("messages", messages("c"))
    assert (keys(archive), archive.check().damaged) == (["a", "b", "c"], ())


def test_staged_files_are_adopted_with_their_content(archive: Archive) -> None:
    with archive.change("one", NOW) as change:
        change.adopt(
            "messages",
            [
                stage("messages", messages("a"), change.staging()),
                stage("messages", messages("b", "c"), change.staging()),
            ],
        )
    with archive.change("two", NOW) as change:
        change.append("messages", messages("d"))
    assert keys(archive) == ["a", "b", "c", "d"]
    assert archive.at().scan("messages").collect()["text"].to_list() == ["好的 👌"] * 4
    assert not (Path(archive.root) / ".staging").exists()


@pytest.mark.parametrize("count", [3, 700], ids=["by predicate", "by join"])
def test_removing_keys_with_quotes(archive: Archive, count: int) -> None:
    names = [f"o'k{i}" for i in range(count)]
    with archive.change("one", NOW) as change:
        change.append("messages", messages(*names, "stays"))
    with archive.change("two", NOW) as change:
        change.remove("messages", pl.Series(names))
    assert keys(archive) == ["stays"]


def _fail_half_way(archive: Archive) -> None:
    with archive.change("two", NOW) as change:
        change.append("messages", messages("b"))
        change.remove("messages", pl.Series(["a"]))
        raise ZeroDivisionError


def test_a_block_that_fails_changes_nothing(archive: Archive) -> None:
    with archive.change("one", NOW) as change:
        change.append("messages", messages("a"))
    with pytest.raises(ZeroDivisionError):
        _fail_half_way(archive)
    assert (archive.version(), keys(archive)) == (1, ["a"])
    with archive.change("three", NOW) as change:
        change.append("conversations", pl.DataFrame({"conversation_key": ["x"]}))
    assert keys(archive) == ["a"]


def test_a_change_sees_itself_before_others_do(archive: Archive) -> None:
    with archive.change("one", NOW) as change:
        change.append("messages", messages("a"))
        assert change.now().count("messages") == 1
        assert archive.at().count("messages") == 0


def test_only_one_writer_at_a_time(archive: Archive) -> None:
    with archive.change("one", NOW) as change:
        with pytest.raises(Conflict), Archive(archive.root).change("two", NOW):
            pass
        change.append("messages", messages("a"))
    assert keys(archive) == ["a"]


KILLED = """
    import os, sys
    import polars as pl
    from datetime import UTC, datetime
    from qa.archive import Archive, parts, stage
    from tests.qa.archive.test_store import messages, NOW
    root, where = sys.argv[1:]
    with Archive(root).change("killed", NOW) as change:
        files = [stage("messages", messages("b"), change.staging())]
        if where == "staged": os._exit(9)
        change.remove("messages", pl.Series(["a"]))
        if where == "removed": os._exit(9)
        change.adopt("messages", files)
        if where == "adopted": os._exit(9)
        change.append("conversations", pl.DataFrame({"conversation_key": ["b"]}))
        if where == "written": os._exit(9)
"""


@pytest.mark.parametrize("where", ["staged", "removed", "adopted", "written"])
@pytest.mark.parametrize("before", ["empty", "filled"])
def test_a_killed_writer_leaves_the_old_version(archive: Archive, where: str, before: str) -> None:
    if before == "filled":
        with archive.change("one", NOW) as change:
            change.append("messages", messages("a"))
    old, version = keys(archive), archive.version()
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), archive.root, where], check=False)
    assert ended.returncode == 9
    assert (keys(archive), archive.version()) == (old, version)
    with archive.change("retry", NOW) as change:
        change.adopt("messages", [stage("messages", messages("b"), change.staging())])
    assert keys(archive) == sorted([*old, "b"])
    assert archive.at().count("conversations") == 0


@pytest.mark.parametrize("folder", ["plain", "Li Lei", "李雷", "c#1 (copy)", "50% é"])
def test_the_archive_may_be_in_any_folder(tmp_path: Path, folder: str) -> None:
    archive = Archive(str(tmp_path / folder / "archive"))
    with archive.change("one", NOW) as change:
        change.append("messages", messages("a"))
    with archive.change("two", NOW) as change:
        change.adopt("messages", [stage("messages", messages("b"), change.staging())])
    with archive.change("three", NOW) as change:
        change.remove("messages", pl.Series(["a"]))
    assert archive.history()["what"].to_list() == ["three", "two", "one"]
    assert (keys(archive), keys(archive, 2)) == (["b"], ["a", "b"])
    assert all(Path(file).exists() for file in archive.at().files("messages"))
    pieces = cut(message_files(archive.at()), 10)
    assert [piece.scan().collect()["conversation_key"].to_list() for piece in pieces] == [["b"]]


def test_a_later_list_cannot_vouch_for_another_file(archive: Archive) -> None:
    """Files are written once: whoever puts another in its place cannot list it anew."""
    with archive.change("first", NOW) as change:
        change.append("messages", messages("a"))
    (file,) = (Path(archive.root) / "messages").glob("*.parquet")
    pl.read_parquet(file).with_columns(text=pl.lit("somebody else said this")).write_parquet(file)
    assert [damage.path.endswith(file.name) for damage in archive.check().damaged] == [True]
    line = [
        file.relative_to(archive.root).as_posix(),
        file.stat().st_size,
        hashlib.sha256(file.read_bytes()).hexdigest(),
    ]
    (Path(archive.root) / "checksums" / f"99999999-{'a' * 32}.jsonl").write_text(json.dumps(line) + "\n")
    assert [damage.path.endswith(file.name) for damage in archive.check().damaged] == [True]


def test_a_log_that_is_written_again_under_its_number_is_vouched_for(archive: Archive) -> None:
    """A change that was taken back leaves its place, and that of its checkpoint, to the next one."""
    with archive.change("first", NOW) as change:
        change.append("messages", messages("a"))
    log = Path(archive.root) / "messages" / "_delta_log"
    checkpoint = log / f"{0:020d}.checkpoint.parquet"
    for said in ("taken back", "kept"):
        pl.DataFrame({"said": [said]}).write_parquet(checkpoint)
        digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
        line = [checkpoint.relative_to(archive.root).as_posix(), checkpoint.stat().st_size, digest]
        name = f"{99999998 if said == 'taken back' else 99999999}-{'a' * 32}.jsonl"
        (Path(archive.root) / "checksums" / name).write_text(json.dumps(line) + "\n")
    assert archive.check().damaged == ()
