"""The real application, in process: no port, no browser, a fresh installation for each test."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from qa.config import Config
from qa.people import accounts, passwords
from qa.policy import SYSTEM, Role
from qa.workbench import Workbench, share

with warnings.catch_warnings():  # it recommends a successor of its HTTP library
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

PASSWORD = "correct-horse-1"
ORIGIN = "http://localhost:8501"


@pytest.fixture(scope="session", autouse=True)
def quick_hashing() -> Iterator[None]:
    """The same hash function with the least work: hundreds of sign-ins here, and its strength is tested elsewhere."""
    before = passwords.hasher
    passwords.hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    passwords.dummy_hash.cache_clear()
    yield
    passwords.hasher = before
    passwords.dummy_hash.cache_clear()


@pytest.fixture(scope="session")
def application(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Any]:
    """A client of the one `st.App` of this process, started; its event loop must serve every other client too."""
    bench = Workbench.open(Config(home=tmp_path_factory.mktemp("home"), database_url=f"sqlite:///{sqlite_template}"))
    share(bench)
    import streamlit_app

    with TestClient(streamlit_app.app, base_url=ORIGIN) as started:
        yield started
    share(None)
    bench.close()


@pytest.fixture
def people(bench: Workbench) -> dict[str, accounts.Account]:
    """One account per role, named like the role, with `PASSWORD`."""
    now = datetime.now(UTC)
    return {
        role.value: accounts.create_user(
            bench,
            SYSTEM,
            now=now,
            login=role.value,
            role=role,
            display_name=f"{role.value} *星*",
            password=PASSWORD,
            agent_id="a-1" if role is Role.AGENT else None,
            home_team="一组" if role is Role.TEAM_LEADER else None,
        )
        for role in Role
    }


@pytest.fixture
def shared_bench(bench: Workbench, people: dict[str, accounts.Account]) -> Iterator[Workbench]:
    """The test's workbench, as the one every page uses."""
    share(bench)
    yield bench
    share(None)


@pytest.fixture
def reconfigure(shared_bench: Workbench) -> Callable[..., Workbench]:
    """`reconfigure(public_url=…)`: the same stores with other settings."""

    def change(**settings: Any) -> Workbench:
        changed = Workbench(replace(shared_bench.config, **settings), shared_bench.db, shared_bench.archive)
        share(changed)
        return changed

    return change


@pytest.fixture
def browser(application: Any, shared_bench: Workbench) -> Callable[..., TestClient]:
    """`browser("lead")`: a browser of its own that is signed in, `browser()`: a stranger's. Redirects are not
    followed."""

    def make(login: str | None = None, base_url: str = ORIGIN) -> TestClient:
        client = TestClient(
            application.app,
            base_url=base_url,
            follow_redirects=False,
            headers={"accept": "text/html", "accept-language": "en"},
        )
        client.portal = application.portal
        if login:
            answer = client.post("/login", data={"login": login, "password": PASSWORD}, headers={"origin": base_url})
            assert answer.status_code == 303, answer.text
        return client

    return make
