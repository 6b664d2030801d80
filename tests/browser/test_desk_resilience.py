"""The desk when things break: the server is killed in the middle of a draft, hangs, or the colours change."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from qa import config
from qa.desk import queue
from qa.tables import Draft, Inspection
from qa.workbench import Workbench
from tests.browser import desk
from tests.browser.conftest import Site, _wait_until_ready, environment, free_port, settle, sign_in
from tests.browser.desk import take
from tests.world.people import called

pytestmark = pytest.mark.browser

OpenAs = Callable[..., Page]


class Server:
    """A server that can be killed and started again at the same address."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port()
        self.site = Site(f"http://127.0.0.1:{self.port}", home, {login: login for login in desk.PEOPLE})
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = self.home / "server.log"
        with log.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "qa.cli.main", "--home", str(self.home), "serve", "--port", str(self.port)],
                stdout=out, stderr=subprocess.STDOUT, cwd=self.home, env=environment(),
            )  # fmt: skip
        _wait_until_ready(f"{self.site.url}/readyz", self.process, log)

    def send(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    home = tmp_path / "home"
    home.mkdir()
    desk.people(home)
    desk.build(home, 6, long=False)
    server = Server(home)
    server.start()
    yield server
    server.kill()


def rows(server: Server, model: Any) -> list[Any]:
    bench = Workbench.open(config.load({"SPOTCHECK_HOME": str(server.home)}))
    try:
        with bench.db.read() as session:
            return list(session.scalars(select(model)))
    finally:
        bench.close()


def marked(server: Server) -> dict[str, Any]:
    """The draft in the database: criterion → value and note."""
    drafts = rows(server, Draft)
    return (
        {mark["criterion_id"]: (mark["value"], mark["note"]) for mark in drafts[0].content["marks"]} if drafts else {}
    )


def until(check: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_marking_goes_on_while_the_server_is_dead_and_is_saved_when_it_is_back(
    server: Server, open_as: OpenAs, shoot: Callable[[Page, str], Path]
) -> None:
    page = open_as("inspector", "/inspect?assignment=2", at=server.site, language="zh-CN")
    take(page)
    page.keyboard.press("0")
    expect(page.locator("footer .saved.saved")).to_have_text(re.compile(r"\d\d:\d\d"))
    server.kill()
    expect(page.locator(".notice.offline")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("0")
    page.keyboard.press("m")
    page.keyboard.type("写在断线时", delay=120)  # long enough for Streamlit's own dialog to come, and to be put away
    expect(page.locator("footer .saved")).to_contain_text("未保存：连接已断开")
    expect(page.get_by_test_id("stDialog")).to_have_count(0)
    page.keyboard.press("Control+Enter")  # nobody listens; nothing is lost by trying
    shoot(page, "desk-offline-zh-CN")
    server.start()
    expect(page.locator("footer .saved")).to_contain_text("已重新连接")
    expect(page.locator(".notice")).to_have_count(0)
    until(lambda: marked(server) == {"greeting": (0, ""), "closing": (0, "写在断线时")})  # without a reload
    expect(page.locator('[data-field="note"]')).to_be_focused()
    page.reload()
    settle(page)
    expect(page.locator('[data-stop="cclosing"] .points')).not_to_be_empty()
    page.keyboard.press("Control+Enter")
    page.keyboard.press("Control+Enter")
    expect(page).not_to_have_url(f"{server.site.url}/inspect?assignment=2")
    done = [one for one in rows(server, Inspection) if one.undone_at is None]
    assert [one.assignment_id for one in done] == [2]
    assert {mark["criterion_id"]: mark["value"] for mark in done[0].sheet["marks"]} == {"greeting": 0, "closing": 0}
    assert rows(server, Draft) == []


def test_without_a_network_everything_waits_in_the_browser(server: Server, open_as: OpenAs) -> None:
    page = open_as("inspector", "/inspect?assignment=2", at=server.site, language="en-GB")
    take(page)
    page.context.set_offline(True)
    page.keyboard.press("0")
    expect(page.locator(".notice.offline")).to_be_visible()
    expect(page.locator("footer .saved")).to_contain_text("Not saved: no connection")
    assert marked(server) == {}
    page.context.set_offline(False)
    until(lambda: marked(server) == {"greeting": (0, "")})
    expect(page.locator("footer .saved")).to_contain_text("Connected again, saved")


def give_back(server: Server, login: str, assignment: int) -> None:
    bench = Workbench.open(config.load({"SPOTCHECK_HOME": str(server.home)}))
    try:
        queue.release(bench, called(bench, login), now=datetime.now(UTC), assignment_id=assignment)
    finally:
        bench.close()


def kept_in_tab(page: Page) -> list[str]:
    return list(page.evaluate("() => Object.keys(sessionStorage).filter(key => key.startsWith('spotcheck-'))"))


def test_a_draft_in_the_tab_belongs_to_one_account(server: Server, open_as: OpenAs) -> None:
    page = open_as("inspector", "/inspect?assignment=2", at=server.site, language="en-GB")
    take(page)
    page.context.set_offline(True)
    page.keyboard.press("0")
    page.keyboard.press("m")
    page.keyboard.type("what I think of this")
    expect(page.locator("footer .saved")).to_contain_text("Not saved: no connection")
    assert len(kept_in_tab(page)) == 1
    give_back(server, "inspector", 2)
    page.goto("about:blank")
    page.context.set_offline(False)
    page.context.clear_cookies()  # the first goes without signing out, the second signs in in the same tab
    sign_in(page, server.site, "inspector2")
    page.goto(f"{server.site.url}/inspect?assignment=2")
    settle(page)
    take(page)
    expect(page.locator('[data-stop="cgreeting"] .points')).to_be_empty()
    expect(page.get_by_text("Your draft is back.")).to_have_count(0)
    assert kept_in_tab(page) == []


def test_a_server_that_hangs_is_named_and_caught_up_with(server: Server, open_as: OpenAs) -> None:
    page = open_as("inspector", "/inspect?assignment=2", at=server.site, language="en-GB")
    take(page)
    server.send(signal.SIGSTOP)
    try:
        page.keyboard.press("0")
        expect(page.locator("footer .saved")).to_contain_text("Not saved yet")
    finally:
        server.send(signal.SIGCONT)
    expect(page.locator("footer .saved")).to_contain_text(re.compile(r"saved \d\d:\d\d"))


CONTRAST = """node => {
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => { pen.clearRect(0, 0, 1, 1); pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
  const d = pen.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
  const over = (top, low) => [0, 1, 2].map((i) => top[i] * top[3] + low[i] * (1 - top[3])).concat([1]);
  const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = (c) => {
    const [r, g, b] = c.slice(0, 3).map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = rgba(getComputedStyle(document.querySelector(".stApp")).backgroundColor);
  const ground = (one) => {
    const layers = [];
    for (let at = one; at && at.nodeType === 1; at = at.parentElement) {
      layers.unshift(rgba(getComputedStyle(at).backgroundColor));
    }
    return layers.reduce((low, top) => over(top, low), paper);
  };
  const bad = [];
  for (const one of node.querySelectorAll("*")) {
    const says = [...one.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!says || !one.offsetParent || one.closest(".unseen, option") || one.disabled) continue;
    const low = ground(one), top = over(rgba(getComputedStyle(one).color), low),
    [a, b] = [light(low), light(top)].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    const named = `${one.tagName}.${one.className} ${one.textContent.slice(0, 20)}`;
    if (contrast < 4.5) bad.push(`${named} ${contrast.toFixed(2)}`);
  }
  return bad;
}"""


def faint(page: Page) -> list[str]:
    """Every text of the desk with less than 4.5 : 1 against what is behind it."""
    return list(page.locator(".desk").evaluate(CONTRAST))


@pytest.mark.parametrize("language", ["zh-CN", "en-GB"])
def test_a_small_laptop_and_a_change_to_dark(
    server: Server, open_as: OpenAs, shoot: Callable[[Page, str], Path], language: str
) -> None:
    page = open_as("inspector", "/inspect?assignment=1", at=server.site, language=language, size=(1280, 800))
    take(page)
    page.keyboard.press("1")
    page.keyboard.type("reason")
    page.keyboard.press("Escape")
    assert faint(page) == []
    expect(page.locator(".left .wait").first).to_have_attribute(
        "title", "淘宝 3 分钟响应率，时限 3 分钟" if language == "zh-CN" else "Taobao 3-minute response, limit 3 min"
    )
    assert (
        page.evaluate("(m => m.scrollHeight - m.clientHeight)(document.querySelector('[data-testid=\"stMain\"]'))") <= 0
    )
    for part in (".left", ".right", "footer .submit", ".row.current"):
        box = page.locator(part).first.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 1280.5
        assert box["y"] >= 56
        assert box["y"] + box["height"] <= 800.5
    shoot(page, f"desk-1280-light-{language}")
    light = page.locator(".desk").evaluate("node => getComputedStyle(node).color")
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(1500)
    shoot(page, f"desk-1280-dark-{language}")
    assert page.locator(".desk").evaluate("node => getComputedStyle(node).color") != light
    assert faint(page) == []
    expect(page.locator('[data-stop="h0"] [aria-checked="true"]')).to_have_count(1)  # nothing marked is lost
