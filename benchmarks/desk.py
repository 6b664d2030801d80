"""What the desk costs: server CPU, frames and kilobytes per submit, latency and memory, against the budget.

    python -m benchmarks.desk [--sessions 1,10,30] [--submits 20] [--items 1000] [--database sqlite|pg8000|psycopg]
    python -m benchmarks.desk --cost

First (and with `--cost` alone) what the service does for one submit on every database and driver: statements, checks of
the sheet, scorings, CPU of this process (a PostgreSQL server's own is not in it), without a red line and with one that
the rules have found.

Every session is a plain websocket client that signs in, opens `/inspect` and submits one sample after the other with a
pause between them, and asks for what stands beside each once it is shown, as the browser does. What a session keeps of
its finished items is measured on one session that works through `--items` more after a warm-up. Fails (exit code 1)
when the budget is broken: p50 ≤ 150 ms, p95 ≤ 500 ms, ≤ 30 CPU-ms per submit, ≤ 1 KB of memory kept per item.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import secrets
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.soak import database
from pages.screens.desk.working import SAVER_KEY
from qa import migrations
from qa.config import Config
from qa.desk import inspecting, queue
from qa.policy import Role
from qa.workbench import Workbench
from scoring.sheet import HitDecision, Mark, Sheet
from tests.browser.conftest import serving
from tests.browser.desk import PASSWORD, build, people
from tests.conftest import psycopg3
from tests.qa.desk.cost import count, cpu_of
from tests.world import desk

BUDGET = {"p50": 150.0, "p95": 500.0, "cpu": 30.0, "kept": 1.0}


@dataclass
class Session:
    """One inspector's connection: what the browser would remember of it."""

    socket: Any
    cache: dict[str, ForwardMsg] = field(default_factory=dict)
    page_hash: str = ""
    widget: str = ""
    fragment: str = ""
    saver: tuple[str, str] = ("", "")
    data: dict[str, Any] = field(default_factory=dict)
    frames: int = 0
    bytes: int = 0

    async def run(self, back: BackMsg) -> None:
        """Send a request and read until its script has finished."""
        await self.socket.send(back.SerializeToString())
        while True:
            raw = await asyncio.wait_for(self.socket.recv(), 60)
            self.frames, self.bytes = self.frames + 1, self.bytes + len(raw)
            message = ForwardMsg.FromString(raw)
            if message.WhichOneof("type") == "ref_hash":
                message = self.cache[message.ref_hash]
            elif message.hash:
                self.cache[message.hash] = message
            self._read(message)
            if message.WhichOneof("type") == "script_finished":
                return

    def _read(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "navigation":
            self.page_hash = message.navigation.page_script_hash
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            if element.WhichOneof("type") != "bidi_component":
                return
            component, fragment = element.bidi_component, message.delta.fragment_id
            if not component.component_name.endswith("background"):
                self.widget, self.fragment = component.id, fragment
                self.data = json.loads(component.json or component.mixed.json)
            elif SAVER_KEY in component.id:
                self.saver = component.id, fragment

    async def open(self) -> None:
        back = BackMsg()
        back.rerun_script.page_name = "inspect"
        await self.run(back)
        if self.data["mode"] == "start":
            await self.act("next", {"nonce": secrets.token_hex(16), "assignment": None})

    async def submit(self) -> None:
        """Submit the sample at hand without objections; the answer is the next sample."""
        before = self.data["id"]
        hits = [
            {"rule_id": hit["rule"], "seq": hit["seq"], "decision": "cleared", "reason": "measured"}
            for hit in self.data["hits"]
        ]
        value = {
            "assignment": self.data["assignment"],
            "version": self.data["version"],
            "nonce": secrets.token_hex(16),
            "active_seconds": 40,
            "sheet": {"marks": [], "hits": hits, "comment": ""},
        }
        await self.act("submit", value)
        if self.data["id"] == before or self.data["mode"] != "work":
            raise RuntimeError(f"the submit was refused: {self.data.get('say') or self.data.get('why')}")

    async def settle(self) -> None:
        """What the browser asks for once a sample is shown, behind the inspector's back."""
        if self.data.get("promises"):
            await self.act("promises", {"id": self.data["id"], "assignment": self.data["assignment"]}, *self.saver)

    async def act(self, event: str, value: dict[str, Any], widget: str = "", fragment: str = "") -> None:
        """What the browser sends when something is pressed on the desk, or by a component behind it."""
        back = BackMsg()
        request = back.rerun_script
        request.page_script_hash, request.fragment_id = self.page_hash, fragment or self.fragment
        request.query_string = urlencode({"assignment": self.data["assignment"]}) if "assignment" in self.data else ""
        state = request.widget_states.widgets.add()
        state.id = f"$$STREAMLIT_INTERNAL_KEY_{widget or self.widget}__events"
        state.json_trigger_value = json.dumps([{"event": event, "value": value}])
        await self.run(back)


def cookies(url: str, login: str) -> str:
    """Sign in and return the Cookie header."""
    jar = CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    form = urlencode({"login": login, "password": PASSWORD}).encode()
    opener.open(urllib.request.Request(url + "/login", form, {"Origin": url})).read()
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)


async def inspector(
    url: str, cookie: str, submits: int, pause: float, delay: float, ready: asyncio.Barrier
) -> tuple[list[float], Session]:
    address = url.replace("http", "ws") + "/_stcore/stream"
    async with websockets.connect(
        address, subprotocols=["streamlit"], additional_headers={"Cookie": cookie}, origin=url, max_size=None
    ) as socket:
        session = Session(socket)
        await session.open()
        session.frames = session.bytes = 0
        await ready.wait()  # what opening costs is not a submit's
        await ready.wait()
        await asyncio.sleep(delay)
        times = []
        for _ in range(submits):
            start = time.perf_counter()
            await session.submit()
            times.append((time.perf_counter() - start) * 1000)
            await session.settle()
            await asyncio.sleep(pause)
        return times, session


def cpu_seconds(server: psutil.Process) -> float:
    return float(sum(server.cpu_times()[:2]))


async def measure(url: str, server: psutil.Process, headers: list[str], submits: int, pause: float) -> dict[str, float]:
    ready, memory = asyncio.Barrier(len(headers) + 1), server.memory_info().rss
    work = [
        asyncio.create_task(inspector(url, cookie, submits, pause, n * pause / len(headers), ready))
        for n, cookie in enumerate(headers)
    ]
    await ready.wait()
    memory, cpu = server.memory_info().rss - memory, cpu_seconds(server)
    await ready.wait()
    done = await asyncio.gather(*work)
    times = sorted(one for times, _session in done for one in times)
    return {
        "sessions": len(headers),
        "submits": len(times),
        "p50": statistics.median(times),
        "p95": times[int(0.95 * (len(times) - 1))],
        "cpu": 1000 * (cpu_seconds(server) - cpu) / len(times),
        "frames": statistics.mean(s.frames for _t, s in done) / submits,
        "kb": statistics.mean(s.bytes for _t, s in done) / submits / 1024,
        "mb": memory / len(headers) / 2**20,
    }


async def growth(url: str, server: psutil.Process, cookie: str, items: int) -> float:
    """Return the KB the server keeps for each item of one long session, after as many items of warm-up.

    The slope is Theil and Sen's, the median over all pairs of twenty readings: the interpreter doubles some table now
    and then, and one such step of megabytes would stand for a thousand items that keep nothing.
    """
    address = url.replace("http", "ws") + "/_stcore/stream"
    async with websockets.connect(
        address, subprotocols=["streamlit"], additional_headers={"Cookie": cookie}, origin=url, max_size=None
    ) as socket:
        session = Session(socket)
        await session.open()
        readings: list[tuple[int, float]] = []
        for done in range(1, 2 * items + 1):
            await session.submit()
            if done >= items and (done - items) % max(items // 20, 1) == 0:
                readings.append((done, server.memory_info().rss / 1024))
        return statistics.median(
            (b[1] - a[1]) / (b[0] - a[0]) for n, a in enumerate(readings) for b in readings[n + 1 :]
        )


# --- what the service does for one submit -----------------------------------------------------------------------------

DRIVERS = ("sqlite", "pg8000", "psycopg")
SHEETS = {
    "no red line": Sheet((Mark("tone", 1, note="measured", evidence=(1,)),)),
    "one found": Sheet((Mark("tone", 1, note="measured", evidence=(1,)),), (HitDecision("R01", 1, "cleared", "why"),)),
}


@contextlib.contextmanager
def address(driver: str, folder: Path) -> Iterator[str]:
    """A fresh database for `driver`."""
    with database("sqlite" if driver == "sqlite" else "postgresql", folder) as url:
        yield psycopg3(url) if driver == "psycopg" else url


def cost(driver: str, submits: int) -> None:
    """Print one line for each kind of sheet: medians over `submits` after a warm-up of as many."""
    with tempfile.TemporaryDirectory() as folder, address(driver, Path(folder)) as url:
        bench = Workbench.open(Config(home=Path(folder), database_url=url))
        migrations.upgrade(bench.db)
        world = desk.build(bench, samples=2 * len(SHEETS) * submits, inspectors=1)
        for number, (name, sheet) in enumerate(SHEETS.items()):
            first = 2 * number * submits
            ready = [submission(world, first + n, sheet) for n in range(2 * submits)]
            seconds = [cpu_of(work) for work in ready[:-1]][submits:]
            counted = count(bench, ready[-1])
            print(
                f"{driver:>8} {name:>12} {len(counted.statements):11d} {counted.checks:7d} {counted.scorings:9d}"
                f" {1000 * statistics.median(seconds):7.2f}"
            )
        bench.close()


def submission(world: desk.Kit, number: int, sheet: Sheet) -> Callable[[], object]:
    """Sample `number` in the hands of the inspector; returns what submits `sheet` for it."""
    if sheet.hits:
        world.hit(number)
    me = world.inspectors[0]
    place = queue.open(world.bench, me, now=desk.NOW, assignment_id=world.place(world.samples[number], me))
    return partial(
        inspecting.submit, world.bench, me, now=desk.NOW, assignment_id=place.assignment_id, version=place.version,
        nonce=secrets.token_hex(16), sheet=sheet,
    )  # fmt: skip


def costs(submits: int) -> None:
    print(f"{'':>8} {'':>12} {'statements':>11} {'checks':>7} {'scorings':>9} {'CPU ms':>7}")
    for driver in DRIVERS:
        cost(driver, submits)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", default="1,10,30")
    parser.add_argument("--submits", type=int, default=20)
    parser.add_argument("--pause", type=float, default=3.0, help="seconds between two submits of one inspector")
    parser.add_argument("--items", type=int, default=1000, help="items of one long session; 0 to leave it out")
    parser.add_argument("--database", choices=DRIVERS, default="sqlite")
    parser.add_argument("--cost", action="store_true", help="only what the service does for one submit")
    arguments = parser.parse_args()
    costs(50 if arguments.cost else 20)
    if arguments.cost:
        return 0
    sizes = [int(size) for size in arguments.sessions.split(",")]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = Path(folder) / "home"
        home.mkdir()
        if arguments.database != "sqlite":
            url = stack.enter_context(address(arguments.database, Path(folder)))
            (home / "spotcheck.toml").write_text(f'database_url = "{url}"\n')
        stack.enter_context(contextlib.chdir(home))  # where the settings are looked for
        names = [f"i{n}" for n in range(max(sizes))]
        people(home, **dict.fromkeys(names, Role.INSPECTOR))
        build(home, (sum(sizes) + 2) * (arguments.submits + 4) + 2 * arguments.items, long=False)
        site = stack.enter_context(serving(home, {}))
        headers = [cookies(site.url, name) for name in names]
        port = int(site.url.rsplit(":", 1)[1])
        server = next(
            c
            for c in psutil.Process().children(recursive=True)
            if any(x.laddr.port == port for x in c.net_connections("tcp"))
        )
        asyncio.run(measure(site.url, server, headers[:1], 3, 0.2))  # warm up
        results = [
            asyncio.run(measure(site.url, server, headers[:size], arguments.submits, arguments.pause)) for size in sizes
        ]
        kept = asyncio.run(growth(site.url, server, headers[0], arguments.items)) if arguments.items else 0.0
    print(
        f"{'sessions':>8} {'submits':>8} {'p50 ms':>8} {'p95 ms':>8} {'CPU ms':>8} {'frames':>7} {'KB':>6}"
        f" {'MB/sess':>8}"
    )
    for r in results:
        print(
            f"{r['sessions']:8.0f} {r['submits']:8.0f} {r['p50']:8.1f} {r['p95']:8.1f} {r['cpu']:8.1f}"
            f" {r['frames']:7.1f} {r['kb']:6.1f} {r['mb']:8.2f}"
        )
    print(
        f"one session keeps {kept:.2f} KB of each item, after {arguments.items} items of warm-up, over"
        f" {arguments.items} more"
    )
    worst = results[-1] | {"kept": kept}
    broken = [name for name, limit in BUDGET.items() if worst[name] > limit]
    print("within the budget" if not broken else f"over the budget: {', '.join(broken)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
