"""Several servers behind HAProxy on one PostgreSQL: nothing lost while one is killed a minute, and what sharing costs.

    python -m benchmarks.servers [--minutes 5] [--inspectors 60] [--rounds 6] [--pause 6]

Servers have homes of their own and share database, archive, key file and cookie secret, as the operator's guide says.
Inspectors are websocket clients that come through HAProxy, which keeps each at one server by a cookie. First rounds of
equal length go to one server and to all in turn: CPU of the servers per submit, and the ratio with its 95 % bootstrap
interval. Then one server is killed a minute (SIGKILL) and started again 15 s later; an inspector whose connection is
lost connects again and sends a submit without an answer once more, as the browser does. At the end every submit that
was answered is looked up: on record once, for the sample that was shown. Exit code 1 when anything was lost, doubled or
at the wrong sample, when somebody waited longer than 5 s for a server, or when the interval of the ratio lies above
1.05. Without HAProxy it says so (exit code 2).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import websockets
from sqlalchemy import select

from benchmarks.desk import Session, cookies
from benchmarks.soak import database
from qa.config import Config
from qa.policy import Role
from qa.tables import Inspection
from qa.workbench import Workbench
from tests.browser.conftest import environment, free_port
from tests.browser.desk import build, people

HAPROXY = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""
SERVERS, GOAL_RATIO, GOAL_WAIT = 3, 1.05, 5.0
ONE, ALL = "one", "all"
KILL_EVERY, DOWN = 60.0, 15.0
OPENING = 12.0
"""Seconds that all desks have to open before a round counts."""
PROXY = """
defaults
    mode http
    timeout connect 2s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
    option redispatch 1
    retries 2
frontend one
    bind 127.0.0.1:{one}
    default_backend one
frontend all
    bind 127.0.0.1:{all}
    default_backend all
backend one
    option httpchk
    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host 127.0.0.1
    server s0 127.0.0.1:{ports[0]} check inter 1s fall 1 rise 1
backend all
    balance leastconn
    cookie SERVER insert indirect nocache httponly
    option httpchk
    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host 127.0.0.1
"""
MEMBER = "    server s{n} 127.0.0.1:{port} check inter 1s fall 1 rise 1 on-marked-down shutdown-sessions cookie s{n}\n"


class Servers:
    """The servers of the workbench, which can be killed and started again. `spent`: CPU seconds of those that died."""

    def __init__(self, folder: Path) -> None:
        self.ports = [free_port() for _ in range(SERVERS)]
        self.shared: dict[str, str] = {}
        self._folder = folder
        self._running: dict[int, psutil.Popen] = {}
        self._spent = 0.0

    def start(self, number: int) -> None:
        home = self._folder / f"home-{number}"
        home.mkdir(exist_ok=True)
        with (home / "server.log").open("a") as log:
            self._running[number] = psutil.Popen(
                [sys.executable, "-m", "qa.cli.main", "--home", str(home), "serve", "--port", str(self.ports[number])],
                stdout=log, stderr=subprocess.STDOUT, cwd=home, env={**environment(), **self.shared},
            )  # fmt: skip

    def kill(self, number: int) -> None:
        server = self._running.pop(number)
        self._spent += sum(server.cpu_times()[:2])
        server.kill()
        server.wait()

    def cpu(self) -> float:
        return self._spent + sum(sum(server.cpu_times()[:2]) for server in self._running.values())

    def close(self) -> None:
        for number in list(self._running):
            self.kill(number)


@dataclass
class Journal:
    """What the inspectors saw. `answered`: assignments whose submit was answered; `unsure`: those whose answer never
    came and whose sample had gone when the inspector was back; `waits`: seconds from a lost connection to the desk at
    work again; `refused`: what the desk said instead."""

    answered: list[int] = field(default_factory=list)
    unsure: list[int] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class Inspector:
    """One inspector's browser. `pending`: the assignment that was submitted and not answered yet, and the number under
    which it was."""

    def __init__(self, url: str, login: str, journal: Journal) -> None:
        self.url, self.login, self.journal = url, login, journal
        self.cookie = cookies(url, login)
        self.pending: tuple[int, str] | None = None

    async def work(self, until: float, pause: float, dice: random.Random) -> None:
        """Submit one sample after the other until the time is over; connect again whenever a connection is lost."""
        lost: float | None = None
        while time.monotonic() < until:
            try:
                async with websockets.connect(
                    self.url.replace("http", "ws") + "/_stcore/stream", subprotocols=["streamlit"],
                    additional_headers={"Cookie": self.cookie}, origin=self.url, max_size=None, open_timeout=3,
                ) as socket:  # fmt: skip
                    session = Session(socket)
                    await session.open()
                    if lost is not None:
                        self.journal.waits.append(time.monotonic() - lost)
                        lost = None
                    while time.monotonic() < until:
                        await self._submit(session)
                        await asyncio.sleep(dice.uniform(0.5, 1.5) * pause)
            except (OSError, websockets.WebSocketException, TimeoutError):
                lost = lost or time.monotonic()
                await asyncio.sleep(0.3)

    async def _submit(self, session: Session) -> None:
        """Submit the sample at hand, under the same number when its last submit got no answer."""
        at, shown = int(session.data["assignment"]), session.data["id"]
        if self.pending is not None and self.pending[0] != at:
            self.journal.unsure.append(self.pending[0])
            self.pending = None
        nonce = self.pending[1] if self.pending is not None else secrets.token_hex(16)
        self.pending = at, nonce
        sheet = {"marks": [], "hits": [_cleared(hit) for hit in session.data["hits"]], "comment": str(at)}
        value = {
            "assignment": at, "version": session.data["version"], "nonce": nonce, "active_seconds": 20, "sheet": sheet,
        }  # fmt: skip
        await session.act("submit", value)
        self.pending = None
        if session.data.get("mode") == "work" and session.data["id"] != shown:
            self.journal.answered.append(at)
        else:
            self.journal.refused.append(str(session.data.get("say") or session.data.get("why")))


def _cleared(hit: dict[str, Any]) -> dict[str, Any]:
    return {"rule_id": hit["rule"], "seq": hit["seq"], "decision": "cleared", "reason": "measured"}


@dataclass(frozen=True)
class Found:
    """The database against the journal: submits that were answered and are not on record, samples on record twice,
    sheets at another sample than they were filled in for."""

    lost: int
    doubled: int
    misplaced: int

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.misplaced)


def compare(bench: Workbench, journal: Journal) -> Found:
    """Look up every submit; a sheet's comment is the assignment that it was filled in for."""
    with bench.db.read() as session:
        rows = session.execute(
            select(Inspection.assignment_id, Inspection.sheet).where(Inspection.undone_at.is_(None))
        ).all()
    on_record = Counter(at for at, _sheet in rows)
    return Found(
        lost=sum(at not in on_record for at in journal.answered),
        doubled=sum(count > 1 for count in on_record.values()) + len(journal.answered) - len(set(journal.answered)),
        misplaced=sum(sheet["comment"] != str(at) for at, sheet in rows),
    )


@contextlib.contextmanager
def proxy(folder: Path, ports: Sequence[int]) -> Iterator[dict[str, str]]:
    """HAProxy before the servers; gives the address that leads to one of them and the one that leads to all."""
    entries = {ONE: free_port(), ALL: free_port()}
    file = folder / "haproxy.cfg"
    members = "".join(MEMBER.format(n=n, port=port) for n, port in enumerate(ports))
    file.write_text(PROXY.format(**entries, ports=ports) + members)
    process = subprocess.Popen([HAPROXY, "-f", str(file), "-db"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield {name: f"http://127.0.0.1:{port}" for name, port in entries.items()}
    finally:
        process.terminate()
        process.wait()


async def all_at_work(url: str, logins: Sequence[str], seconds: float, pause: float, journal: Journal) -> None:
    """Let every inspector work for so long."""
    inspectors = [Inspector(url, login, journal) for login in logins]
    until = time.monotonic() + seconds
    await asyncio.gather(*(one.work(until, pause, random.Random(one.login)) for one in inspectors))


async def with_kills(servers: Servers, work: Coroutine[Any, Any, None], seconds: float) -> int:
    """Kill a server a minute and start it again while `work` goes on; returns how many were killed."""
    task, kills, begin = asyncio.create_task(work), 0, time.monotonic()
    while (rest := seconds - (time.monotonic() - begin)) > DOWN:
        await asyncio.sleep(min(KILL_EVERY / 2 if not kills else KILL_EVERY - DOWN, rest))
        if task.done():
            break
        servers.kill(kills % SERVERS)
        await asyncio.sleep(DOWN)
        servers.start(kills % SERVERS)
        kills += 1
    await task
    return kills


def ratio(costs: dict[str, list[float]], seed: int = 11) -> tuple[float, float, float]:
    """CPU per submit with all servers over that with one, with its 95 % bootstrap interval over pairs of rounds."""
    one, everywhere = np.array(costs[ONE]), np.array(costs[ALL])
    chosen = np.random.default_rng(seed).integers(0, len(one), (4_000, len(one)))
    again = everywhere[chosen].mean(axis=1) / one[chosen].mean(axis=1)
    low, high = np.quantile(again, [0.025, 0.975])
    return float(everywhere.mean() / one.mean()), float(low), float(high)


async def one_round(servers: Servers, url: str, logins: Sequence[str], args: argparse.Namespace) -> tuple[float, int]:
    """CPU seconds of the servers and submits of one round, from when every desk has opened."""
    journal = Journal()
    task = asyncio.create_task(all_at_work(url, logins, OPENING + args.round_seconds, args.pause, journal))
    await asyncio.sleep(OPENING)
    before, already = servers.cpu(), len(journal.answered)
    await task
    return servers.cpu() - before, len(journal.answered) - already


def rounds(servers: Servers, entries: dict[str, str], logins: Sequence[str], args: argparse.Namespace) -> bool:
    """Compare one server with all; True when all cost no more than the goal."""
    costs: dict[str, list[float]] = {ONE: [], ALL: []}
    for number in range(2 * args.rounds):
        name = (ONE, ALL)[(number + number // 2) % 2]  # one all all one: a machine that slows down favours neither
        spent, submits = asyncio.run(one_round(servers, entries[name], logins, args))
        costs[name].append(1000 * spent / max(submits, 1))
        print(f"{name:>4}: {costs[name][-1]:6.1f} CPU ms per submit, {submits} submits", flush=True)
    middle, low, high = ratio(costs)
    print(f"{SERVERS} servers cost {middle:.3f} × one server ({low:.3f} to {high:.3f})")
    return low <= GOAL_RATIO


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--inspectors", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=6, help="rounds with one server, and as many with all")
    parser.add_argument("--round-seconds", type=float, default=30)
    parser.add_argument("--pause", type=float, default=6, help="mean seconds between two submits of an inspector")
    args = parser.parse_args()
    if not HAPROXY:
        print("HAProxy is not installed. On Debian: apt-get install haproxy")
        return 2
    logins = [f"i{n}" for n in range(args.inspectors)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(database("postgresql", folder))
        first = folder / "home-0"
        first.mkdir()
        (first / "spotcheck.toml").write_text(f'database_url = "{url}"\n')
        stack.enter_context(contextlib.chdir(first))
        people(first, **dict.fromkeys(logins, Role.INSPECTOR))
        seconds = args.minutes * 60 + 2 * args.rounds * (OPENING + args.round_seconds)
        build(first, int(args.inspectors * (2 * seconds / args.pause + 4 * args.rounds)), long=False)
        servers = Servers(folder)
        entries = stack.enter_context(proxy(folder, servers.ports))
        servers.shared = {
            "SPOTCHECK_DATABASE_URL": url, "SPOTCHECK_ARCHIVE_URL": str(first / "archive"),
            "SPOTCHECK_KEY_FILE": str(first / "keys.json"), "SPOTCHECK_COOKIE_SECRET": secrets.token_hex(32),
            "SPOTCHECK_TRUSTED_PROXIES": "127.0.0.1",
        }  # fmt: skip
        stack.callback(servers.close)
        for number in range(SERVERS):
            servers.start(number)
        ready([*(f"http://127.0.0.1:{port}" for port in servers.ports), *entries.values()])
        cheap = rounds(servers, entries, logins, args) if args.rounds else True
        journal = Journal()
        work = all_at_work(entries[ALL], logins, args.minutes * 60, args.pause, journal)
        kills = asyncio.run(with_kills(servers, work, args.minutes * 60)) if args.minutes else work.close() or 0
        bench = Workbench.open(Config(home=first, database_url=url))
        found = compare(bench, journal)
        bench.close()
    waits = sorted(journal.waits) or [0.0]
    print(f"{len(journal.answered)} submits answered, {len(journal.unsure)} without an answer, {kills} servers killed:")
    print(f"{found.lost} lost, {found.doubled} doubled, {found.misplaced} at the wrong sample;")
    print(
        f"{len(journal.waits)} connections lost, back after {statistics.median(waits):.1f} s, at most {waits[-1]:.1f} s"
    )
    for said, count in Counter(journal.refused).most_common(3):
        print(f"refused {count} times: {said}")
    return 0 if found.clean and cheap and waits[-1] <= GOAL_WAIT else 1


def ready(addresses: Sequence[str]) -> None:
    """Wait until every address answers."""
    for address in addresses:
        for _ in range(300):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/readyz", timeout=2):
                break
            time.sleep(0.2)
    time.sleep(2)  # the proxy looks at each of its servers once a second


if __name__ == "__main__":
    sys.exit(main())
