"""Fixtures that drive the real application in Debian's Chromium: a server of its own process, a page per person.

def test_something(open_as, shoot):
    page = open_as("lead", "/trends", language="zh-CN")
    settle(page)
    shoot(page, "trends-zh")
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from qa import migrations
from qa.config import Config
from qa.people import accounts
from qa.policy import SYSTEM, Role
from qa.workbench import Workbench

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "screenshots"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
ROLES = {"admin": "admin", "lead": "lead", "inspector": "inspector", "agent": "agent"}
PASSWORD = "correct-horse-1"
PATIENCE = 60_000
"""Milliseconds that anything may take on a busy machine; how long things should take, `benchmarks/` says."""
expect.set_options(timeout=PATIENCE)


@dataclass(frozen=True)
class Site:
    """A running server. Every login of `accounts` has the password `PASSWORD`."""

    url: str
    home: Path
    accounts: dict[str, str]

    def cli(self, *arguments: str, stdin: str = "") -> dict[str, object]:
        """Run the command line on the same home; returns its JSON document."""
        return cli(self.home, *arguments, stdin=stdin)


def cli(home: Path, *arguments: str, stdin: str = "") -> dict[str, object]:
    """Run `spotcheck --json …` on `home`."""
    done = subprocess.run(
        [sys.executable, "-m", "qa.cli.main", "--home", str(home), "--json", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else {}


def environment() -> dict[str, str]:
    """The environment of the server: ours without settings that would leak into it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SPOTCHECK_", "STREAMLIT_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(home: Path, accounts: dict[str, str], **settings: str) -> Iterator[Site]:
    """Serve `home` in a process of its own until the block ends."""
    port = free_port()
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "qa.cli.main", "--home", str(home), "serve", "--port", str(port)],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=home,
            env={**environment(), **settings},
        )
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}/readyz", process, home / "server.log")
            yield Site(f"http://127.0.0.1:{port}", home, accounts)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.fail(f"{CHROMIUM} is not installed: apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An installation without data: the four roles, each with `PASSWORD`."""
    home = tmp_path_factory.mktemp("home")
    people(home)
    with serving(home, ROLES) as site:
        yield site


def people(home: Path) -> None:
    """Set up an installation in `home` with one account per role."""
    bench, now = Workbench.open(Config(home=home)), datetime.now(UTC)
    migrations.upgrade(bench.db)
    for login, role in ROLES.items():
        accounts.create_user(
            bench,
            SYSTEM,
            now=now,
            login=login,
            role=Role(role),
            password=PASSWORD,
            agent_id="a-1" if role == "agent" else None,
        )
    bench.close()


OpenAs = Callable[..., Page]


@pytest.fixture
def open_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """`open_context(language="zh-CN", dark=False, size=(1440, 900))`: a browser of its own, closed after the test."""
    opened: list[BrowserContext] = []

    def open_it(language: str = "zh-CN", dark: bool = False, size: tuple[int, int] = (1440, 900)) -> BrowserContext:
        context = browser.new_context(
            locale=language,
            timezone_id="Asia/Shanghai",
            color_scheme="dark" if dark else "light",
            viewport={"width": size[0], "height": size[1]},
            accept_downloads=True,
        )
        context.set_default_timeout(PATIENCE)
        opened.append(context)
        return context

    yield open_it
    for context in opened:
        context.close()


@pytest.fixture
def open_as(site: Site, open_context: Callable[..., BrowserContext]) -> OpenAs:
    """`open_as("lead", "/trends", language="en", dark=True, size=(1440, 900))`: a page of that person, signed in,
    settled."""

    def open_it(login: str, path: str = "/", at: Site | None = None, **options: object) -> Page:
        page = open_context(**options).new_page()
        sign_in(page, at or site, login)
        if path != "/":
            page.goto((at or site).url + path)
        settle(page)
        return page

    return open_it


def sign_in(page: Page, site: Site, login: str, password: str = PASSWORD) -> None:
    """Fill in the sign-in form."""
    page.goto(site.url + "/login")
    page.fill("#login", login)
    page.fill("#password", password)
    page.click("button[type=submit]")
    page.wait_for_url(re.compile(re.escape(site.url) + r"/(?!login)"))


def settle(page: Page) -> None:
    """Wait until the script has run and every part of the page is drawn (they load after the script ended)."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', state="attached")
    page.wait_for_function(
        '() => !document.querySelector(\'[data-testid="stSkeleton"], [data-testid="stAppSkeleton"]\')'
    )
    page.wait_for_timeout(150)


def open_first_row(page: Page, key: str) -> None:
    """Open the first row of a list. A grid is drawn on a canvas, so it is hit by place."""
    grid = page.locator(f".st-key-{key} .dvn-scroller").first
    listed = page.locator(f".st-key-{key} tbody button").first
    grid.or_(listed).wait_for()
    settle(page)
    if listed.count():
        listed.click()
        settle(page)
        return
    grid.click(position={"x": 16, "y": 52})
    settle(page)


@pytest.fixture
def shoot() -> Callable[[Page, str], Path]:
    """`shoot(page, "home-zh-light")`: a screenshot in the ignored folder `screenshots/`."""

    def take(page: Page, name: str, full: bool = False) -> Path:
        SCREENSHOTS.mkdir(exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        page.screenshot(path=path, full_page=full)
        return path

    return take
