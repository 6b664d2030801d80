"""Every command of the how-tos runs, in both languages, on a small demo."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHATS = (
    "会话ID,客服,买家,发送方,时间,内容\nc1,小青,风吹麦浪,买家,2025-11-03 "
    "10:00:00,在吗\nc1,小青,风吹麦浪,客服,2025-11-03 10:00:20,在的亲\n"
)


def blocks(language: str) -> list[str]:
    """The lines of every `sh` block, in order."""
    text = (ROOT / "docs" / language / "howto.md").read_text("utf-8")
    found = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line for block in found for line in block.splitlines() if line.strip()]


def test_both_languages_show_the_same_commands() -> None:
    assert blocks("zh") == blocks("en")
    assert len(blocks("en")) >= 10


@pytest.mark.parametrize("language", ["en"])
def test_every_command_runs(language: str, tmp_path: Path) -> None:
    (tmp_path / "chats.csv").write_text(CHATS, "utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SPOTCHECK_")}
    for line in blocks(language):
        program, *arguments = shlex.split(line)
        assert program == "spotcheck"
        done = subprocess.run(
            [sys.executable, "-m", "qa.cli.main", *arguments],
            cwd=tmp_path,
            env={**kept, "PYTHONPATH": str(ROOT), "SPOTCHECK_LANGUAGE": "en"},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
