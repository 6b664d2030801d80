"""Server CPU and bytes of every page, cold and warm, in the real browser on a generated shop.

    python -m benchmarks.pages [--scale 1 2.4] [--home FOLDER]

Cold: a browser that has nothing yet. Warm: the same browser comes again by a full load. CPU is that of the server
process, user and system, from the address being asked for until the page stands still; bytes are those that crossed the
wire, compressed as they were, the page's own websocket included.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from qa.config import Config
from qa.people import accounts, signins
from qa.policy import SYSTEM
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
    context = browser.new_context(locale="zh-CN", viewport={"width": 1280, "height": 800})
    context.set_default_timeout(120_000)  # a busy machine is slow; what is measured is work, not time
    page, meter, found = context.new_page(), Meter(process), []
    page.goto(_link(home, login), wait_until="commit")
    if page.locator("button[type=submit]").count():
        page.evaluate("document.querySelector('form').submit()")
    page.wait_for_url(lambda url: "/login" not in url, wait_until="commit")
    page.goto("about:blank")
    page.context.clear_cookies(name="none")
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
    print(f"\n{title}\n{'page':24} {'cold CPU s':>10} {'cold MB':>8} {'warm CPU s':>10} {'warm kB':>8}")
    with serving(home) as process, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        for login, paths in PATHS.items():
            measure(browser, process, home, login, paths[0])  # imports and caches of a fresh server
            for path in paths:
                cold_cpu, cold, warm_cpu, warm = measure(browser, process, home, login, path)
                print(f"{login + ' ' + path:24} {cold_cpu:10.2f} {cold / 1e6:8.2f} {warm_cpu:10.2f} {warm / 1e3:8.0f}")
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, nargs="*", default=[1.0, 2.4], help="1 is 6,400 conversations")
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
