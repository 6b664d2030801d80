"""`draw`, `verify-draw` and `export` as typed: output for programs, exit codes, wrong input."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from qa import draws, migrations
from qa.cli.main import main
from qa.config import Config
from qa.policy import Actor
from qa.workbench import Workbench
from tests.world.judged import judge

Run = Callable[..., tuple[int, object]]


@pytest.fixture
def home(tmp_path: Path, lead: Actor, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPOTCHECK_LANGUAGE", "en")
    bench = Workbench.open(Config(home=tmp_path))
    migrations.upgrade(bench.db)
    judge(bench, lead, now)
    (tmp_path / "receipt.zip").write_bytes(draws.export_receipt(bench, lead, now=now, draw_id=1).content)
    bench.close()
    return tmp_path


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, object]:
        code = main(["--home", str(home), "--json", *map(str, arguments)])
        text = capsys.readouterr().out
        return code, json.loads(text) if text.strip() else None

    return call


def test_draw_verify_export(run: Run, home: Path) -> None:
    period = ("--from", "2026-02-01", "--to", "2026-02-10", "--quota", "2", "--all-disputes")
    code, look = run("draw", *period, "--preview")
    assert code == 0
    code, done = run("draw", *period)
    assert code == 0
    assert done["samples"] == look["reviews"]
    assert run("verify-draw", done["draw"]) == (
        0,
        {"equal": True, "units": done["units"], "reviews": done["samples"], "removed": 0, "differences": []},
    )
    assert run("verify-draw", home / "receipt.zip")[0] == 0
    code, written = run("export", "verdicts", home / "v.csv", "--source", "chat")
    assert code == 0
    assert len((home / "v.csv").read_text("utf-8-sig").splitlines()) == written["rows"] + 1
    assert run("export", "trend", home / "t.jsonl", "--metric", "redline", "--by", "all")[0] == 0


def test_a_forged_receipt_is_found(run: Run, home: Path) -> None:
    data = draws.receipt_from_file(home / "receipt.zip")
    data["picks"][0]["unit_id"] = "shop:forged"
    (home / "forged.json").write_text(json.dumps(data), "utf-8")
    code, said = run("verify-draw", home / "forged.json")
    assert code == 1
    assert not said["equal"]


@pytest.mark.parametrize(
    "arguments, code",
    [
        (("verify-draw", "99"), 4),
        (("verify-draw", "/no/such/file.json"), 4),
        (("draw", "--plan", "none"), 4),
        (("draw", "--from", "2026-02-01"), 2),
        (("draw", "--from", "2020-01-01", "--to", "2020-02-01"), 2),
        (("export", "verdicts", "/no/such/folder/v.csv"), 2),
        (("export", "trend", "/no/such/folder/v.csv"), 2),
        (("export", "verdicts", "v.pdf"), 2),
        (("export", "trend", "t.csv", "--metric", "nonsense"), 2),
    ],
)
def test_wrong_input(run: Run, arguments: tuple[str, ...], code: int) -> None:
    assert run(*arguments)[0] == code
