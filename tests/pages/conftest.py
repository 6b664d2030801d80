"""Pages run by AppTest on a real workbench, as a person who is really signed in.

def test_something(open_page):
    at = open_page("lead", "trends.py")
    assert not at.exception
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from pages.kit.nav import ENTRIES
from qa.people import accounts, passwords, signins
from qa.policy import SYSTEM, Actor, Role
from qa.workbench import Workbench, share

ROOT = Path(__file__).parents[2]
PASSWORD = "correct-horse-1"


@pytest.fixture(scope="session", autouse=True)
def quick_hashing() -> Iterator[None]:
    """The same hash function with the least work: its strength is tested elsewhere."""
    before = passwords.hasher
    passwords.hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    yield
    passwords.hasher = before


@pytest.fixture(scope="session", autouse=True)
def one_look_for_components() -> Iterator[None]:
    """The toolkit reads the description of every installed distribution at each run of a page; once is enough."""
    before = manifest_scanner.scan_component_manifests
    manifest_scanner.scan_component_manifests = cache(before)
    yield
    manifest_scanner.scan_component_manifests = before


@pytest.fixture
def page_bench(bench: Workbench) -> Iterator[Workbench]:
    """The test's workbench, as the one every page uses."""
    share(bench)
    yield bench
    share(None)


SignInAs = Callable[..., dict[str, Any]]


@pytest.fixture
def signed_in_as(page_bench: Workbench) -> SignInAs:
    """`signed_in_as("lead")`: what `AppTest.user` must be; the account is created when first named."""

    def sign_in(
        login: str, role: Role | None = None, language: str | None = "en", agent_id: str | None = None
    ) -> dict[str, Any]:
        now = datetime.now(UTC)
        if not any(account.login == login for account in accounts.users(page_bench, SYSTEM)):
            kind = role or Role(login)
            accounts.create_user(
                page_bench,
                SYSTEM,
                now=now,
                login=login,
                role=kind,
                password=PASSWORD,
                language=language,
                display_name=login.title(),
                agent_id=agent_id or ("a-1" if kind is Role.AGENT else None),
                home_team="一组" if kind is Role.TEAM_LEADER else None,
            )
        opened = signins.sign_in(page_bench, login, PASSWORD, address="1", now=now)
        return {"session": signins.session_mark(page_bench, opened.token, now=now)}

    return sign_in


@pytest.fixture
def open_page(page_bench: Workbench, signed_in_as: SignInAs) -> Callable[..., AppTest]:
    """`open_page("lead", "trends.py", language="zh_CN", query={"week": "3"})`: the page after its first run, chosen
    from the menu by those who have it there, run without the menu by those who have not. `None` is a stranger."""

    def open_it(
        login: str | None,
        file: str,
        language: str | None = "en",
        query: dict[str, str] | None = None,
        role: Role | None = None,
    ) -> AppTest:
        entry = next((entry for entry in ENTRIES if entry.file == file), None)
        who = signed_in_as(login, role, language) if login else {}
        through_menu = entry is not None and login is not None and entry.open_to(_actor(page_bench, login))
        at = AppTest.from_file(
            str(ROOT / ("pages/" + file if entry and not through_menu else "streamlit_app.py")), default_timeout=60
        )
        at.user = who
        if through_menu and entry is not None and entry.url:
            at.run()
            assert not at.exception
            at.switch_page(f"pages/{file}")
        for key, value in (query or {}).items():
            at.query_params[key] = value
        return at.run()

    return open_it


def _actor(bench: Workbench, login: str) -> Actor:
    return accounts.find(bench, SYSTEM, login=login).actor
