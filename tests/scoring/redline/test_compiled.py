"""Compiled searches that are kept give the same hits, and a damaged one is made again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from qa.security.compiled_files import KEPT, CompiledFiles, of_account
from scoring import compiled
from scoring.redline.finder import Patterns, hyperscan
from scoring.redline.syntax import parse

pytestmark = pytest.mark.skipif(hyperscan is None, reason="no hyperscan on this platform")
TEXTS = pl.Series(["abc", "xyz", "加我微信"])
SEARCHES = [parse("b+"), parse("微信")]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[CompiledFiles]:
    before = compiled.store()
    files = CompiledFiles(tmp_path / "cache")
    compiled.use(files)
    yield files
    compiled.use(before)


def hits() -> list[list[int]]:
    return Patterns(SEARCHES).scan(TEXTS).tolist()


def test_the_second_time_nothing_is_compiled(kept: CompiledFiles) -> None:
    first = hits()
    assert first == [[0, 0], [2, 1]]
    (file,) = kept.folder.iterdir()
    assert file.stat().st_mode & 0o077 == 0
    written = file.stat().st_ino
    assert hits() == first
    assert file.stat().st_ino == written


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_file_is_made_again(kept: CompiledFiles, damage: bytes | None) -> None:
    first = hits()
    (file,) = kept.folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]) if damage is None else damage)
    assert hits() == first
    assert file.read_bytes() == whole


def test_other_expressions_have_files_of_their_own_and_those_not_used_for_long_go(kept: CompiledFiles) -> None:
    hits()
    (used,) = kept.folder.iterdir()
    for number in range(KEPT + 3):
        Patterns([parse(f"a{number}")])
        hits()
    files = list(kept.folder.iterdir())
    assert len(files) == KEPT
    assert used in files


def test_a_folder_that_cannot_be_written_disturbs_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    before = compiled.store()
    compiled.use(CompiledFiles(tmp_path / "file"))
    try:
        assert hits() == [[0, 0], [2, 1]]
    finally:
        compiled.use(before)


def test_an_account_without_a_home_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert of_account() == CompiledFiles(tmp_path / "spotcheck")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", _no_home)
    assert of_account() is None


def _no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")
