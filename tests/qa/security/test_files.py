"""An installation can be read by its own account alone, also where it was open before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from qa.config import Config
from qa.security import files as private
from qa.workbench import Workbench


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*")) if not path.is_symlink()}


def test_what_the_command_line_makes_is_closed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    words = [sys.executable, "-m", "qa.cli.main", "--home", str(home), "init"]
    subprocess.run(words, check=True, capture_output=True, umask=0o022, env={**os.environ, "SPOTCHECK_LANGUAGE": "en"})
    found = modes(home)
    assert {"workbench.db", "keys.json"} <= found.keys()
    assert [name for name, mode in found.items() if mode & 0o077] == []


def test_an_open_installation_is_closed_when_it_is_opened(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    bench = Workbench.open(Config(home=home))
    bench.db.ping()
    bench.close()
    (home / "workbench.db").chmod(0o644)
    (home / "old.csv").write_text("x")
    (home / "old.csv").chmod(0o644)
    home.chmod(0o755)
    Workbench.open(Config(home=home)).close()
    found = modes(home)
    assert (found["home"], found["workbench.db"]) == (0o700, 0o600)
    private.everything(home)
    assert modes(home)["old.csv"] == 0o600


def test_folders_of_the_system_are_left_alone(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    assert not private.close(shared)
    assert not private.close(Path("/"))
