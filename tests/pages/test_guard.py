"""Every page, as a stranger, as each wrong role, and on an empty installation as each right one."""

from __future__ import annotations

import ast
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.kit.nav import ENTRIES, FOLDER, PageEntry
from qa.people import accounts, signins
from qa.policy import RIGHTS, SYSTEM, Role
from qa.workbench import Workbench

OpenPage = Callable[..., AppTest]
FILES = sorted(path.name for path in FOLDER.glob("*.py") if path.name != "__init__.py")
BY_FILE = {entry.file: entry for entry in ENTRIES}
THERE = [entry for entry in ENTRIES if entry.path.exists()]


def _may(entry: PageEntry, role: Role) -> bool:
    return not entry.rights or any(right in RIGHTS[role] for right in entry.rights)


RIGHT = [(entry, role) for entry in THERE for role in Role if _may(entry, role)]
WRONG = [(entry, role) for entry in THERE for role in Role if not _may(entry, role)]


def _name(value: object) -> str:
    return value.file if isinstance(value, PageEntry) else str(value)


def test_every_page_file_is_on_the_map() -> None:
    assert set(FILES) <= set(BY_FILE)


@pytest.mark.parametrize("file", FILES)
def test_the_guard_is_called_first_and_asks_for_what_the_menu_says(file: str) -> None:
    """Exactly one `enter(…)` in the page, before anything that could show something, with the rights of the map."""
    tree = ast.parse((FOLDER / file).read_text("utf-8"))
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "enter"
    ]
    assert len(calls) == 1, "one guard"
    rights = {
        f"{argument.value.id}.{argument.attr}"
        for argument in calls[0].args
        if isinstance(argument, ast.Attribute) and isinstance(argument.value, ast.Name)
    }
    assert len(rights) == len(calls[0].args), "the rights are written out"
    assert rights == {f"Right.{right.name}" for right in BY_FILE[file].rights}
    statements = [
        node for node in tree.body if not isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef))
    ]
    first = next(
        node for node in statements if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    )
    assert calls[0] in list(ast.walk(first)), "the guard is the first statement"


@pytest.mark.parametrize("entry", THERE, ids=_name)
def test_strangers_see_nothing(open_page: OpenPage, entry: PageEntry) -> None:
    at = open_page(None, entry.file)
    assert not at.exception
    assert len(at.main) == 0


@pytest.mark.parametrize("entry, role", WRONG, ids=_name)
def test_the_wrong_role_reads_why_and_nothing_else(open_page: OpenPage, entry: PageEntry, role: Role) -> None:
    at = open_page(role.value, entry.file)
    assert not at.exception
    assert [element.type for element in list(at.main)[1:]] == ["header", "markdown"]
    assert at.header[0].value == "This page is not for your role"


@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize("entry, role", RIGHT, ids=_name)
def test_every_page_opens_on_an_empty_installation(
    open_page: OpenPage, entry: PageEntry, role: Role, language: str
) -> None:
    at = open_page(role.value, entry.file, language=language)
    assert not at.exception
    assert len(at.main) > 0, "an empty page says what to do next"


@pytest.mark.parametrize("ending", ["revoked", "disabled", "expired mark"])
def test_an_ended_sign_in_stops_at_the_next_run(open_page: OpenPage, page_bench: Workbench, ending: str) -> None:
    at = open_page("lead", "home.py")
    assert len(at.main) > 0
    user = accounts.find(page_bench, SYSTEM, login="lead")
    if ending == "revoked":
        signins.revoke_sign_ins(page_bench, SYSTEM, user.id, now=datetime.now(UTC))
    elif ending == "disabled":
        accounts.disable_user(page_bench, SYSTEM, user.id, now=datetime.now(UTC))
    else:
        at.user = {"session": "1.forged"}
    at.run()
    assert len(at.main) == 0


@pytest.mark.parametrize("role", list(Role))
def test_the_entry_script_runs_for_every_role(open_page: OpenPage, role: Role) -> None:
    at = open_page(role.value, "streamlit_app.py")
    assert not at.exception
    assert at.button(key="sign_out").label == "Sign out"


def test_the_entry_script_shows_strangers_nothing(open_page: OpenPage) -> None:
    at = open_page(None, "streamlit_app.py")
    assert not at.exception
    assert len(at.main) == 0


def test_the_chosen_language_stays(open_page: OpenPage, page_bench: Workbench) -> None:
    for language, label in (("en", "Sign out"), ("zh_CN", "退出登录")):
        open_page("lead", "streamlit_app.py", language=None).segmented_control(key="language_choice").set_value(
            language
        ).run()
        assert accounts.find(page_bench, SYSTEM, login="lead").language == language
        assert open_page("lead", "streamlit_app.py").button(key="sign_out").label == label


def test_pages_are_thin() -> None:
    assert {
        path.name: n for path in Path(FOLDER).glob("*.py") if (n := len(path.read_text("utf-8").splitlines())) > 200
    } == {}
