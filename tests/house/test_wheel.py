"""The built wheel, installed into a clean environment, runs in an empty folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_demo_from_the_wheel(tmp_path: Path) -> None:
    def run(*command: str | Path, cwd: Path = tmp_path) -> str:
        return subprocess.run(
            [str(part) for part in command], cwd=cwd, check=True, capture_output=True, text=True
        ).stdout

    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        tmp_path / "dist",
        ROOT,
    )
    wheel = next((tmp_path / "dist").glob("*.whl"))
    run(sys.executable, "-m", "venv", tmp_path / "clean")
    python = tmp_path / "clean" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", ROOT / "requirements.lock")
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", wheel)
    empty = tmp_path / "empty"
    empty.mkdir()
    shown = run(tmp_path / "clean" / "bin" / "spotcheck", "demo", "--scale", "0.05", cwd=empty)
    assert shown.count("/login/link?token=") == 4
    assert (empty / "home" / "workbench.db").exists()
