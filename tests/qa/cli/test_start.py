"""Commands are known before anything heavy is loaded: which modules a command line imports, not how long it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from qa import ingest, migrations
from qa.cli import export, importing
from qa.cli.main import parser
from qa.reports import scope

ROOT = Path(__file__).parents[3]
FITTING = {"scipy.stats", "scipy.optimize", "scipy.sparse", "sklearn", "pandas"}
"""What trains and estimates: by far the dearest to load."""
FILES = {"xlsxwriter", "fastexcel"}
MATHEMATICS = {"numpy", "hyperscan", "tantivy", "pyarrow", "plotly", "streamlit"} | FITTING
TABLES = {"polars", "deltalake"}
DATABASE = {"sqlalchemy"}
ANOTHER_DATABASE = {"sqlalchemy.dialects.postgresql"}
CHANGING_THE_SCHEMA = {"alembic"}
EVERYTHING = MATHEMATICS | FILES | TABLES | DATABASE | ANOTHER_DATABASE | CHANGING_THE_SCHEMA

SCRIPT = """
import json, sys
from qa.cli.main import main
try:
    code = main(sys.argv[1:])
except SystemExit as end:
    code = end.code
print("loaded", json.dumps(sorted(sys.modules)), code or 0)
"""


def loaded(home: Path, *words: str) -> set[str]:
    """Modules in memory when `spotcheck WORDS` has ended well."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words, "--home", str(home)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    word, rest = done.stdout.splitlines()[-1].split(" ", 1)
    names, _, code = rest.rpartition(" ")
    assert (word, code) == ("loaded", "0"), done.stdout + done.stderr
    return set(json.loads(names))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("start") / "home"
    subprocess.run(
        [sys.executable, "-m", "qa.cli.main", "init", "--home", str(home)], cwd=ROOT, check=True, capture_output=True
    )
    return home


def test_help_needs_neither_database_nor_mathematics(home: Path) -> None:
    assert loaded(home, "--help") & EVERYTHING == set()


COMMANDS = [
    "assess",
    "backup",
    "bench",
    "coaching",
    "connector",
    "demo",
    "development",
    "disputes",
    "doctor",
    "draw",
    "export",
    "find",
    "forget",
    "import",
    "imports",
    "inbox",
    "init",
    "keys",
    "notify",
    "promises",
    "restore",
    "retention",
    "risk",
    "roster",
    "rubric",
    "rules",
    "run",
    "schedule",
    "scorer",
    "screen",
    "seal",
    "serve",
    "stop-draw",
    "take-back",
    "token",
    "upgrade",
    "user",
    "verify-draw",
]


def test_all_commands_are_tested_here() -> None:
    found = parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    assert sorted(found) == COMMANDS  # type: ignore[arg-type]


def test_every_command_is_known_before_its_work_is_loaded(home: Path) -> None:
    script = "\n".join(
        [
            "import sys",
            "from qa.cli.main import parser",
            f"for command in {COMMANDS!r}:",
            "    parser(command)",
            "print(*sorted(sys.modules))",
        ]
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & EVERYTHING == set()


@pytest.mark.parametrize("words", [("user", "list"), ("rubric", "list"), ("rules", "list"), ("seal",)], ids=" ".join)
def test_what_lies_in_the_database_needs_nothing_else(home: Path, words: tuple[str, ...]) -> None:
    assert loaded(home, *words) & EVERYTHING == DATABASE


def test_the_doctor_counts_without_mathematics(home: Path) -> None:
    assert loaded(home, "doctor") & (MATHEMATICS | FILES | ANOTHER_DATABASE | CHANGING_THE_SCHEMA) == set()


@pytest.mark.parametrize("words", [("risk", "list"), ("imports",), ("run", "--once")], ids=" ".join)
def test_nothing_is_fitted_before_there_is_something_to_fit(home: Path, words: tuple[str, ...]) -> None:
    assert loaded(home, *words) & (FITTING | FILES | ANOTHER_DATABASE | CHANGING_THE_SCHEMA) == set()


def test_what_the_command_line_offers_is_what_there_is() -> None:
    assert tuple(ingest.KINDS) == importing.ORDER
    assert tuple(scope.GROUPS) == export.GROUPS
    assert tuple(scope.BUCKETS) == export.BUCKETS


def test_the_newest_revision_is_the_head_of_the_migrations() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(migrations.FOLDER))
    script = ScriptDirectory.from_config(config)
    assert migrations.newest() == script.get_current_head()
    assert migrations.revisions() == {one.revision for one in script.walk_revisions()}


@pytest.mark.parametrize("before", [[], ["--json"], ["--home", "somewhere"], ["--home=somewhere", "--json"]])
def test_options_before_a_command_do_not_load_the_others(home: Path, before: list[str]) -> None:
    others = {"qa.cli.assess", "qa.cli.draw", "qa.cli.scorer"}
    assert not loaded(home, *before, "user", "list") & others
    assert others <= loaded_by_help(), "the help knows every command"


def loaded_by_help() -> set[str]:
    """Modules in memory after `spotcheck --help`."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1].split(" ", 1)[1].rpartition(" ")[0]))
