"""The HTTP API against its goals: `make bench-api`. Conversations pushed in batches of 10,000 beside the same ones
imported from a file (goal: at least .8 of its speed), and pages of estimates of the demo (goal: 95 % within 200 ms).

Both go through the whole stack of `/api/v1` but for the socket: token, limits, body, service, answer, ETag.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.testclient import TestClient

from qa import ingest, migrations
from qa.config import Config
from qa.demo import load
from qa.people import accounts, tokens
from qa.policy import SYSTEM, Role
from qa.web.api import PATH, kept, serving
from qa.workbench import Workbench

START = datetime(2026, 3, 1, tzinfo=UTC)
SPEED_GOAL, PAGE_GOAL = 0.8, 200.0
BATCH, MESSAGES = 10_000, 10
ASKED = ("/estimates/agents", "/estimates/trend", "/estimates/trend?by=team&bucket=month",
         "/estimates/trend?metric=redline")  # fmt: skip
SAID = "您好，这款商品支持七天无理由退换，运费险也有的，您放心拍下就好，有问题随时联系我们哦"


def chats(first: int, count: int) -> list[dict[str, Any]]:
    """Conversations as a program pushes them."""
    found = []
    for n in range(first, first + count):
        at = START + timedelta(seconds=7 * n)
        lines = [
            {
                "role": ("customer", "agent")[k % 2], "sent_at": (at + timedelta(seconds=20 * k)).isoformat(),
                "text": f"{SAID}{n}-{k}",
            }
            for k in range(MESSAGES)
        ]  # fmt: skip
        found.append({"conversation_id": f"C{n}", "agent_id": f"A{n % 40}", "customer_id": f"tb{n}", "messages": lines})
    return found


def opened(home: Path) -> tuple[Workbench, TestClient]:
    """An installation and a program with a token of its lead."""
    bench = Workbench.open(Config(home=home))
    migrations.upgrade(bench.db)
    return bench, program(bench, accounts.create_user(
        bench, SYSTEM, now=START, login="bench", role=Role.ADMIN, display_name="Bench").id)  # fmt: skip


def program(bench: Workbench, user_id: int) -> TestClient:
    now = datetime.now(UTC)
    made = tokens.create(
        bench, SYSTEM, now=now, user_id=user_id, name="bench", scopes=tuple(tokens.SCOPES), days=1
    )  # fmt: skip
    client = TestClient(Starlette(routes=[serving.mounted(lambda: bench)]))
    client.headers["authorization"] = f"Bearer {made.secret}"
    return client


def compared(batches: int) -> list[tuple[float, float]]:
    """CPU seconds of our own for each batch, from a file and pushed, one after the other in two installations; bodies
    are made beforehand, as files are."""
    took = []
    with tempfile.TemporaryDirectory() as folder:
        by_file, _ = opened(Path(folder) / "files")
        by_push, client = opened(Path(folder) / "pushed")
        for n in range(batches + 1):
            body = msgspec.json.encode({"source": "shop", "conversations": chats(n * BATCH, BATCH)})
            path = written(Path(folder) / f"chats-{n}.csv", n)
            began = time.process_time()
            found = ingest.detect(path)
            done = ingest.commit(
                by_file, SYSTEM, now=START, path=path, mapping=found.mapping, kind=found.kind, source="shop"
            )
            middle = time.process_time()
            answer = posted(client, body, f"b{n}")
            ended = time.process_time()
            assert done.counts.new == json.loads(answer)["new"] == BATCH, (done.counts, answer[:300])
            if n:  # the first one loads libraries
                took.append((middle - began, ended - middle))
        by_file.close()
        by_push.close()
    return took


def posted(client: TestClient, body: bytes, key: str) -> bytes:
    """Push a body without a client around it, in the parts in which a server gets it: what clients cost is theirs."""
    parts = [body[at : at + 65_536] for at in range(0, len(body), 65_536)]
    asked = iter(
        {"type": "http.request", "body": part, "more_body": n + 1 < len(parts)} for n, part in enumerate(parts)
    )
    answer: list[bytes] = []
    headers = {"authorization": client.headers["authorization"], "idempotency-key": key}
    scope = {
        "type": "http", "method": "POST", "path": f"{PATH}/conversations", "raw_path": b"", "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()], "root_path": "",
        "scheme": "http", "http_version": "1.1", "server": ("localhost", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip

    async def receive() -> Any:
        return next(asked)

    async def send(message: Any) -> None:
        answer.append(message.get("body", b""))

    asyncio.run(client.app(scope, receive, send))  # type: ignore[arg-type]
    return b"".join(answer)


def written(path: Path, n: int) -> Path:
    """The same conversations as an export."""
    who = {"customer": "客户", "agent": "客服"}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("会话ID", "消息时间", "发送方", "客服账号", "买家昵称", "消息内容"))
        for one in chats(n * BATCH, BATCH):
            about = (one["agent_id"], one["customer_id"])
            for said in one["messages"]:
                at = said["sent_at"][:19].replace("T", " ")
                writer.writerow((one["conversation_id"], at, who[said["role"]], *about, said["text"]))
    return path


def pages(calls: int) -> dict[str, list[tuple[float, float]]]:
    """Milliseconds of each call to the pages of estimates of the demo, and of our CPU alone, every page in turn: made
    anew each time (kept answers are thrown away first), and once more as they are kept."""
    serving.CALLS = 10**9
    took: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        bench = Workbench.open(Config(home=Path(folder)))
        migrations.upgrade(bench.db)
        load.load(bench, now=datetime.now(UTC))
        lead = next(one for one in accounts.users(bench, SYSTEM) if one.role is Role.LEAD)
        client = program(bench, lead.id)
        for number, one, way in product(range(calls), ASKED, ("anew", "kept")):
            if way == "anew":
                kept.forget()
            began, worked = time.perf_counter(), time.process_time()
            answer = client.get(f"{PATH}{one}")
            spent = 1000 * (time.perf_counter() - began), 1000 * (time.process_time() - worked)
            assert answer.status_code == 200, answer.text[:300]
            if not number and way == "anew":
                print(f"{one}: {spent[1]:.0f} ms of CPU the first time in this process")
            took.setdefault(f"{one} {way}", []).append(spent)
        bench.close()
    return took


def main() -> int:
    """Run both and print; exit code 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=3)
    parser.add_argument("--calls", type=int, default=40)
    args = parser.parse_args()
    both, rows = compared(args.batches), BATCH * MESSAGES
    ratio = statistics.median(files / pushes for files, pushes in both)
    files, pushes = (rows / statistics.median(one[k] for one in both) for k in (0, 1))
    print(f"messages a second of CPU: from files {files:,.0f}, pushed {pushes:,.0f}: {ratio:.2f} × (goal {SPEED_GOAL})")
    missed = ratio < SPEED_GOAL
    for one, took in pages(args.calls).items():
        wall, worked = (statistics.quantiles([each[k] for each in took], n=20)[18] for k in (0, 1))
        missed |= wall > PAGE_GOAL
        middle = statistics.median(each[0] for each in took)
        print(f"{one}: median {middle:.0f} ms, p95 {wall:.0f} ms (goal {PAGE_GOAL:.0f}); p95 of CPU {worked:.0f} ms")
    print("missed" if missed else "ok")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
