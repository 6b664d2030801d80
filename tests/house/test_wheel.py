"""The built wheel, installed away from the source, runs in an empty folder; what it imports is what it asks for."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path) -> str:
    pip = {"PIP_CACHE_DIR": str(Path.home() / ".cache" / "pip")}  # not the folder of the tests
    words = [str(part) for part in command]
    return subprocess.run(words, cwd=cwd, env=os.environ | pip, check=True, capture_output=True, text=True).stdout


def built(folder: Path) -> Path:
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    run(*pip, "--wheel-dir", folder, ROOT, cwd=folder.parent)
    return next(folder.glob("*.whl"))


def shows_the_demo(environment: Path, folder: Path) -> None:
    empty = folder / "empty"
    empty.mkdir()
    shown = run(environment / "bin" / "spotcheck", "demo", "--scale", "0.02", cwd=empty)
    assert shown.count("/login/link?token=") == 4
    assert (empty / "home" / "workbench.db").exists()


def test_demo_from_the_wheel(tmp_path: Path) -> None:
    """The libraries are those of this environment: a plain line in a `.pth` brings them and not its editable source."""
    clean = tmp_path / "clean"
    run(sys.executable, "-m", "venv", "--without-pip", clean, cwd=tmp_path)
    python = clean / "bin" / "python"
    target = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip())
    (target / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    wheel = built(tmp_path / "dist")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel, cwd=tmp_path)
    where = run(python, "-c", "import qa, pages, scoring; print(qa.__file__, pages.__file__)", cwd=tmp_path)
    assert str(ROOT) not in where
    shows_the_demo(clean, tmp_path)


@pytest.mark.slow
def test_demo_from_the_wheel_and_the_lock_alone(tmp_path: Path) -> None:
    clean = tmp_path / "clean"
    run(sys.executable, "-m", "venv", clean, cwd=tmp_path)
    python = clean / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", ROOT / "requirements.lock", cwd=tmp_path)
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", built(tmp_path / "dist"), cwd=tmp_path)
    shows_the_demo(clean, tmp_path)


def test_every_library_that_is_imported_is_locked() -> None:
    locked = set(re.findall(r"^([a-z0-9._-]+)(?:\[.*\])?==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    asked = {re.split(r"[^a-z0-9._-]", line.lower())[0] for line in metadata.requires("spotcheck-qa") or []}
    distributions = metadata.packages_distributions()
    assert len(asked) > 10 < len(locked)
    missing = {
        f"{module} in {path.relative_to(ROOT)}"
        for package in ("qa", "pages", "scoring")
        for path in (ROOT / package).rglob("*.py")
        for module in imported(path) - sys.stdlib_module_names - {"qa", "pages", "scoring", "_typeshed"}
        if not {name.lower().replace("_", "-") for name in distributions.get(module, [])} & (locked | asked)
    }
    assert missing == set()


def imported(path: Path) -> set[str]:
    """The topmost names of the modules that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {one.name.split(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add((node.module or "").split(".")[0])
    return names
