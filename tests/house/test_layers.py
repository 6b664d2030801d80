"""The shape of the house: layers and purity by contract, one subject = one package, every room in the table."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.application.use_cases import lint_imports
from importlinter.configuration import configure

ROOT = Path(__file__).parents[2]
PACKAGES = ("scoring", "qa", "pages")
FLAT_FILES = 14
"""How many modules may lie in `qa` beside its packages."""
NO_SUBJECT = {"common", "errors", "cli", "web"}
"""Catalogues of what all subjects share."""
SCREENS_WITHOUT_SERVICE = {"home"}
"""Screens whose service is a module, not a package."""
ADDRESSES = {
    "admin": "upkeep",
    "agent": "reports",
    "appeals": "verdicts",
    "inspections": "desk",
    "ranking": "reports",
    "trends": "reports",
}
"""Pages that are one of several of their subject."""


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def rooms(package: str) -> set[str]:
    """Names of the packages and modules directly in `package`."""
    return {
        path.stem
        for path in (ROOT / package).iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    }


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module)


def test_the_contracts_hold() -> None:
    configure()
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None), "run `make lint` for the report"


@pytest.mark.parametrize("path", sources("scoring"), ids=lambda path: str(path.relative_to(ROOT)))
def test_scoring_has_no_clock_and_no_dice(path: Path) -> None:
    forbidden = {"random", "secrets", "time", "socket", "urllib", "os", "sqlite3", "uuid"}
    assert {module.split(".")[0] for module in imported(path)} & forbidden == set()
    calls = {
        ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)
    }
    assert {c for c in calls if c.endswith((".now", ".today", ".utcnow", "default_rng", "random.seed"))} == set()


@pytest.mark.parametrize("path", sources(*PACKAGES), ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_are_short_and_say_what_they_are(path: Path) -> None:
    text = path.read_text("utf-8")
    assert all(".." not in module for module in imported(path))
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "a module opens with what it owns"
    if "versions" not in path.parts:  # migrations are written by a tool
        assert len(text.splitlines()) <= 550


def test_few_files_lie_flat_in_the_application() -> None:
    assert len(list((ROOT / "qa").glob("*.py"))) <= FLAT_FILES


def test_screens_and_pages_bear_the_names_of_services() -> None:
    services, screens = rooms("qa"), rooms("pages/screens")
    assert screens <= services, "a screen is named like the service it shows"
    pages = {path.stem for path in (ROOT / "pages").glob("*.py")} - {"__init__"}
    assert {ADDRESSES.get(page, page) for page in pages} <= screens, "a page is named like its screen"


def test_catalogues_bear_the_names_of_subjects() -> None:
    catalogues = {path.stem for path in (ROOT / "qa" / "locale" / "zh_CN").glob("*.po")}
    assert catalogues - NO_SUBJECT <= rooms("qa")


def test_tests_bear_the_names_of_subjects() -> None:
    folders = {path.name for path in (ROOT / "tests" / "qa").iterdir() if (path / "__init__.py").exists()}
    assert folders <= rooms("qa")


def test_every_room_is_in_the_table() -> None:
    """`ARCHITECTURE.md` has one line for every package and module of `qa` and `scoring`, and none for what is gone."""
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    named = set(re.findall(r"^\| `((?:qa|scoring)\.\w+)` \|", text, re.MULTILINE))
    there = {f"{package}.{room}" for package in ("qa", "scoring") for room in rooms(package)} - {
        "qa.locale",
        "scoring.data",
    }
    assert there - named == set(), "missing in the table"
    assert named - there == set(), "named, but not there"


def test_one_class_name_means_one_thing() -> None:
    defined: dict[str, list[str]] = defaultdict(list)
    for path in sources(*PACKAGES):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                defined[node.name].append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in defined.items() if len(paths) > 1} == {}
