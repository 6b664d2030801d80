"""Server CPU and bytes of every page, cold and warm, and of what is clicked most, in a real browser on generated shops.

    python -m benchmarks.pages [--scale 1 2.4] [--home FOLDER]

A scale of 2.4 is a shop of about 15,000 conversations, made by the demo's own generator.
Cold: a browser that has nothing yet. Warm: the same browser comes again by a full load. CPU is that of the server
process, user and system, from the address being asked for until the page stands still; bytes are those that crossed the
wire, compressed as they were, the page's own websocket included. A lead sits at a desk, an agent looks at a phone.
Clicks are made in a page that is open already: CPU until it stands still, and how long the answer took to be seen.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import func, select

from qa import reports
from qa.config import Config
from qa.people import accounts, signins
from qa.policy import SYSTEM
from qa.tables import Inspection
from qa.workbench import Workbench

ROOT = Path(__file__).parents[1]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
PORT = int(os.environ.get("PORT", "8790"))
PATHS = {
    "lead": (
        "/", "/inspect", "/inspections", "/redlines", "/appeals", "/calibration", "/trends", "/agent", "/ranking",
        "/cases", "/draws", "/rubric", "/rules", "/import",
    ),
    "agent": ("/", "/agent", "/appeals", "/cases"),
}  # fmt: skip
SIZES = {"lead": (1280, 800), "agent": (390, 844)}
TURNS = 5
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Meter:
    """What a load cost: bytes over the wire (counted by the browser) and CPU of the server."""

    process: subprocess.Popen[bytes]
    received: float = 0.0

    def cpu(self) -> float:
        """Seconds of user and system time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def listen(self, page: Page) -> None:
        """Count what this page receives from now on."""
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", lambda told: self._add(told.get("encodedDataLength", 0)))
        session.on("Network.webSocketFrameReceived", lambda told: self._add(len(told["response"]["payloadData"])))

    def _add(self, size: float) -> None:
        self.received += size


@contextmanager
def serving(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The demo's server until the block ends."""
    command = [sys.executable, "-m", "qa.cli.main", "--home", str(home), "demo", "--serve", "--port", str(PORT)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(1200):
            if process.poll() is not None:
                raise SystemExit("the server ended: " + " ".join(command))
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    break
            time.sleep(0.5)
        yield process
    finally:
        process.terminate()
        process.wait(20)


def measure(browser: Browser, process: subprocess.Popen[bytes], home: Path, login: str, path: str) -> list[float]:
    """CPU seconds and bytes of one page: cold, then warm."""
    page, meter, found = _signed_in(browser, home, login), Meter(process), []
    context = page.context
    page.goto("about:blank")
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.clearBrowserCache")
    time.sleep(1.0)  # what the sign-in began on the server comes to rest
    meter.listen(page)
    for _turn in ("cold", "warm"):
        before, meter.received = meter.cpu(), 0.0
        page.goto(f"http://127.0.0.1:{PORT}{path}")
        _settle(page)
        found += [meter.cpu() - before, meter.received]
    context.close()
    return found


def _signed_in(browser: Browser, home: Path, login: str) -> Page:
    width, height = SIZES[login]
    context = browser.new_context(locale="zh-CN", viewport={"width": width, "height": height})
    context.set_default_timeout(120_000)  # a busy machine is slow; what is measured is work, not time
    page = context.new_page()
    page.goto(_link(home, login), wait_until="commit")
    if page.locator("button[type=submit]").count():
        page.evaluate("document.querySelector('form').submit()")
    page.wait_for_url(lambda url: "/login" not in url, wait_until="commit")
    return page


Turns = list[tuple[float, float]]
"""CPU seconds, and seconds until the answer was seen, of each turn."""


def clicks(browser: Browser, process: subprocess.Popen[bytes], home: Path) -> dict[str, Turns]:
    """What is clicked most, several times each."""
    page = _signed_in(browser, home, "agent")
    acknowledged = [_acknowledge(process, page, verdict) for verdict in _unread(home)]
    page.context.close()
    page = _signed_in(browser, home, "lead")
    pairs = [_look_at_the_board(process, page, turn) for turn in range(TURNS)]
    page.context.close()
    return {
        "acknowledge a result": acknowledged,
        "open the board": [board for board, _file in pairs],
        "open a file": [file for _board, file in pairs],
    }


def _acknowledge(process: subprocess.Popen[bytes], page: Page, verdict: int) -> tuple[float, float]:
    page.goto(f"http://127.0.0.1:{PORT}/agent?span=all&verdict={verdict}")
    button = page.locator(".st-key-acknowledge button")
    button.wait_for()
    _settle(page)
    return _timed(process, page, button.click, lambda: button.wait_for(state="detached"))


def _look_at_the_board(
    process: subprocess.Popen[bytes], page: Page, turn: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """From home by the menu, then another file of the list."""
    page.goto(f"http://127.0.0.1:{PORT}/")
    _settle(page)
    rows, told = page.locator(".st-key-red_list .dvn-scroller").first, page.locator(".st-key-red_detail").first
    opened = _timed(process, page, page.locator('a[href*="redlines"]:visible').first.click, rows.wait_for)
    before = told.inner_text()
    row = {"x": 200.0, "y": 52.0 + 61 * (1 + turn % 3)}
    file = _timed(
        process,
        page,
        lambda: rows.click(position={"x": row["x"], "y": row["y"]}),
        lambda: expect(told).not_to_have_text(before, use_inner_text=True),
    )
    return opened, file


def _timed(
    process: subprocess.Popen[bytes], page: Page, press: Callable[[], None], seen: Callable[[], None]
) -> tuple[float, float]:
    before, start = Meter(process).cpu(), time.perf_counter()
    press()
    seen()
    took = time.perf_counter() - start
    _settle(page)
    return Meter(process).cpu() - before, took


def _unread(home: Path) -> list[int]:
    """Results that the agent of the demo has not acknowledged, the newest first."""
    bench = Workbench.open(Config(home=home))
    actor = accounts.find(bench, SYSTEM, login="agent").actor
    rows = reports.results(bench, actor, scope=reports.Scope(agents=(str(actor.agent_id),)))
    bench.close()
    return rows.filter(~rows["read"])["verdict_id"].head(TURNS).to_list()


def _size(home: Path) -> str:
    bench = Workbench.open(Config(home=home))
    with bench.db.read() as session:
        inspections = session.scalar(select(func.count(Inspection.id)).where(Inspection.submitted_at.is_not(None)))
    conversations = bench.archive.at().count("conversations")
    bench.close()
    return f"{conversations:,} conversations, {inspections or 0:,} inspections"


def _settle(page: Page) -> None:
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', state="attached")
    page.wait_for_function("() => !document.querySelector('[data-testid=stSkeleton], [data-testid=stAppSkeleton]')")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(300)


def _link(home: Path, login: str) -> str:
    bench = Workbench.open(Config(home=home))
    user = accounts.find(bench, SYSTEM, login=login)
    token = signins.new_link(bench, SYSTEM, user.id, now=datetime.now(UTC))
    bench.close()
    return f"http://127.0.0.1:{PORT}/login/link?token={token}"


def _load(home: Path, scale: float) -> None:
    command = [sys.executable, "-m", "qa.cli.main", "--home", str(home), "demo", "--scale", str(scale)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def report(home: Path, title: str) -> None:
    """Print the table of one installation."""
    print(f"\n{title}: {_size(home)}\n{'page':24} {'cold CPU s':>10} {'cold MB':>8} {'warm CPU s':>10} {'warm kB':>8}")
    with serving(home) as process, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        for login, paths in PATHS.items():
            measure(browser, process, home, login, paths[0])  # imports and caches of a fresh server
            for path in paths:
                cold_cpu, cold, warm_cpu, warm = measure(browser, process, home, login, path)
                print(f"{login + ' ' + path:24} {cold_cpu:10.2f} {cold / 1e6:8.2f} {warm_cpu:10.2f} {warm / 1e3:8.0f}")
        print(f"\n{'click':24} {'CPU s':>10} {'seen s':>8}   (medians)")
        for name, turns in clicks(browser, process, home).items():
            if turns:
                cpu, seen = (median(one[k] for one in turns) for k in (0, 1))
                print(f"{name:24} {cpu:10.2f} {seen:8.2f}   of {len(turns)}")
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, nargs="*", default=[1.0, 2.4], help="1 is about 7,000 conversations")
    parser.add_argument("--home", type=Path, help="an installation with the demo in it, in place of fresh ones")
    asked = parser.parse_args()
    if asked.home:
        report(asked.home, str(asked.home))
        return
    for scale in asked.scale:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "home"
            _load(home, scale)
            report(home, f"demo at scale {scale:g}")


if __name__ == "__main__":
    main()
