"""The doctor tells whether the search index holds the archive, and its command line builds it anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qa import migrations
from qa.cli.main import main
from qa.config import Config
from qa.conversations import index, listing
from qa.policy import SYSTEM
from qa.upkeep import health
from qa.workbench import Workbench
from tests.world.conversations import fill, said


def _told(bench: Workbench) -> list[tuple[str, str]]:
    return [(one.state.value, one.detail) for one in health.examine(bench, SYSTEM) if one.name == "Search index"]


def test_the_doctor_names_what_the_index_lacks(bench: Workbench) -> None:
    assert _told(bench) == []
    fill(bench, {"c1": said("退款")})
    assert _told(bench)[0][1].startswith("is missing")
    index.update(bench)
    assert _told(bench) == [("ok", "holds the archive as it is")]
    fill(bench, {"c2": said("退款")})
    assert _told(bench)[0][1].startswith("is behind")
    index.update(bench)
    next(index.of(bench).folder.rglob("texts.arrow")).write_bytes(b"")
    assert _told(bench)[0][1].startswith("is damaged")


def test_the_command_line_finds_and_rebuilds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench = Workbench.open(Config(home=tmp_path))
    migrations.upgrade(bench.db)
    fill(bench, {"c1": said("退款到了吗", "电话13812345678"), "c2": said("发货")})
    bench.close()
    home = ["--home", str(tmp_path), "--json"]
    assert main(["find", "退款", *home]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["total"], found["by_index"]) == (1, False)
    assert main(["doctor", "--rebuild-index", *home]) in (0, 1)
    capsys.readouterr()
    assert main(["find", "退款", *home]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["total"], found["by_index"]) == (1, True)
    assert main(["find", "13812345678", *home]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == 0
    file = tmp_path / "list.csv"
    assert main(["find", "--file", str(file), *home]) == 0
    assert len(file.read_text("utf-8-sig").splitlines()) == 3
    bench = Workbench.open(Config(home=tmp_path))
    assert listing.of(bench).messages.by_index
    bench.close()
