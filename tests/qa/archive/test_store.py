"""The archive changes as a whole or not at all, keeps every version, and survives a killed writer."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from qa.archive import Archive, stage
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
    from qa.archive import Archive, stage
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
