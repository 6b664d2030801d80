"""Arrows point down only: who may import whom, as ARCHITECTURE.md says."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASE = {
    "config",
    "errors",
    "i18n",
    "masking",
    "policy",
    "lifecycle",
    "tables",
    "db",
    "migrations",
    "audit",
    "archive",
    "workbench",
    "transcripts",
    "folding",
    "casefile",
    "rulebook",
    "scorecards",
    "leases",
    "blinding",
    "rule_reasons",
    "verdict_ledger",
    "sanctions",
    "inspections",
    "comparing",
    "workspace",
    "facts",
    "severities",
    "windows",
    "texts",
    "restore_journal",
}
"""Modules of `qa` that services share: what two services need goes down to here."""
READ_SIDE = {
    "reports",
    "search",
    "exporting",
    "overview",
    "auditlog",
    "health",
    "redline_board",
    "redline_files",
    "redline_repeats",
    "redline_quality",
}
FAMILY = {"rule_bench": "screening", "risk_models": "screening"}
"""A service in several modules: the parts of one may import each other."""
EDGE = {"web", "cli", "demo"}
"""Start processes or tell a story through the services; nobody imports them."""
OUTSIDE = {
    "scoring": {"polars", "numpy", "scipy", "sklearn", "hyperscan", "opencc"},
    "base": {"polars", "numpy", "sqlalchemy", "alembic", "deltalake", "pyarrow", "babel", "opencc"},
    "services": {
        "polars",
        "numpy",
        "sqlalchemy",
        "deltalake",
        "pyarrow",
        "argon2",
        "fastexcel",
        "xlsxwriter",
        "distributed",
        "tantivy",
    },
    "read side": {"polars", "numpy", "sqlalchemy", "xlsxwriter", "tantivy"},
    "edge": {"polars", "numpy", "sqlalchemy", "starlette", "anyio", "uvicorn", "streamlit", "plotly"},
    "kit": {"polars", "numpy", "streamlit", "plotly", "opencc"},
    "pages": {"polars", "streamlit"},
}


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Every module a file imports, with `from package import module` as `package.module`."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                yield (
                    (
                        f"{node.module}.{alias.name}"
                        if node.module in ("qa", "pages", "pages.kit", "scoring")
                        else str(node.module)
                    ),
                    node.lineno,
                )


def floor(path: Path) -> str:
    """The floor of the house a file stands on."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] == "scoring":
        return "scoring"
    if parts[0] == "pages":
        return "kit" if parts[1] == "kit" else "pages"
    name = parts[1]
    return (
        "base"
        if name in BASE or name == "__init__"
        else "read side"
        if name in READ_SIDE
        else "edge"
        if name in EDGE
        else "services"
    )


ALL = [path for folder in ("scoring", "qa", "pages") for path in sources(folder)]


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    here, problems = floor(path), []
    me = path.relative_to(ROOT).with_suffix("").parts
    for module, line in imported(path):
        top, *rest = module.split(".")
        if top in sys.stdlib_module_names or (top == me[0] and rest[:1] == list(me[1:2])):
            continue
        if top == "scoring":
            continue
        if top == "qa":
            problem = None if rest[:1] == [FAMILY.get(me[1])] else _within_qa(here, rest[0] if rest else "__init__")
        elif top == "pages":
            problem = None if here in ("kit", "pages") and (rest[:1] == ["kit"] or not rest) else "pages"
        else:
            problem = None if top in OUTSIDE[here] else top
        if problem:
            problems.append(f"line {line}: {here} imports {module}")
    assert not problems, "\n".join(problems)


def _within_qa(here: str, name: str) -> str | None:
    if here == "scoring":
        return name
    if here in ("edge", "kit", "pages"):
        return name if here in ("kit", "pages") and name in EDGE else None
    if here == "base":
        return None if name in BASE or name == "__init__" else name
    if here == "read side":
        return None if name in BASE or name in READ_SIDE else name
    return None if name in BASE else name


@pytest.mark.parametrize(
    "path", [p for p in ALL if floor(p) == "scoring"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_scoring_has_no_clock_and_no_dice(path: Path) -> None:
    forbidden = {"random", "secrets", "time", "socket", "urllib", "os", "sqlite3", "uuid"}
    assert {module.split(".")[0] for module, _line in imported(path)} & forbidden == set()
    calls = {
        ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)
    }
    assert {
        call for call in calls if call.endswith((".now", ".today", ".utcnow", "default_rng", "random.seed"))
    } == set()


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_are_short_and_say_what_they_are(path: Path) -> None:
    text = path.read_text("utf-8")
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "a module opens with what it owns"
    if "versions" not in path.parts:  # migrations are written by a tool
        assert len(text.splitlines()) <= 550
