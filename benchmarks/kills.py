"""Kills: imports, readings anew, takings back and removals of a customer's text, killed at random moments; the archive
is as before or as after.

`python -m benchmarks.kills [--rounds 40] [--seed 7] [--json]`. Every round lets a process of its own do one of the four
on an installation of its own and kills it (SIGKILL) after a random part of the time that it takes. What is visible then
must be the old state or the new one, and the next import must go through and complete or close the killed run. A
removal that was begun is finished first, as the night does it; of the customer nothing may be left in any file of the
archive.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from qa import ingest, migrations, retention
from qa.config import Config
from qa.policy import SYSTEM
from qa.workbench import Workbench

NOW = datetime(2026, 3, 2, tzinfo=UTC)
HEAD = "会话ID,客服账号,买家昵称,角色,内容,原文,时间\n"
TABLES = ("conversations", "messages", "message_parts", "conversation_origins")
WAYS = ("import", "anew", "back", "forget")
CUSTOMER = "tb417"
Rows = tuple[tuple[object, ...], ...]


def chats(first: int, last: int) -> str:
    return HEAD + "".join(
        f"{n},小叶,tb{n},{who},{text},{text}!,2026-03-01 1{n % 10}:0{at}:00\n"
        for n in range(first, last)
        for at, (who, text) in enumerate((("买家", "在吗"), ("客服", "在的"), ("买家", "谢谢")))
    )


def bring(bench: Workbench, path: Path, text: str = "") -> ingest.ImportResult:
    found = ingest.detect(path)
    columns = dict(found.mapping.columns) | ({"text": text} if text else {})
    mapping = ingest.Mapping.from_dict({**found.mapping.to_dict(), "columns": columns})
    return ingest.commit(bench, SYSTEM, now=NOW, path=path, mapping=mapping, kind=found.kind, source="shop")


def work(home: Path, way: str) -> None:
    """What is killed: one of `WAYS`."""
    bench = Workbench.open(Config(home=home))
    if way == "back":
        ingest.take_back(bench, SYSTEM, now=NOW, run_id=1)
    elif way == "forget":
        matter = retention.Matter("shop", customer=CUSTOMER)
        retention.run(
            bench, SYSTEM, retention.begin(bench, SYSTEM, now=NOW, matter=matter, reason="asked for it"), now=NOW
        )
    else:
        bring(bench, home / ("b.csv" if way == "import" else "a.csv"), "原文" if way == "anew" else "")
    bench.close()


def state(home: Path) -> dict[str, Rows]:
    """What the archive shows, without the numbers of imports."""
    bench = Workbench.open(Config(home=home))
    at = bench.archive.at()
    columns = {
        "messages": ["conversation_key", "seq", "role", "agent_id", "text"],
        "conversations": ["conversation_key"],
    }
    found = {
        t: tuple(sorted(at.scan(t).select(columns.get(t, "conversation_key")).collect().rows(), key=str))
        for t in TABLES
    }
    bench.close()
    return found


def prepared(folder: Path) -> Path:
    """An installation with one import, and another file to come."""
    home = folder / "home"
    bench = Workbench.open(Config(home=home))
    migrations.upgrade(bench.db)
    (home / "a.csv").write_text(chats(0, 600), "utf-8")
    (home / "b.csv").write_text(chats(300, 900), "utf-8")
    bring(bench, home / "a.csv")
    bench.close()
    return home


def begun(home: Path, way: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "benchmarks.kills", "--work", way, "--home", str(home)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--work", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        work(args.home, args.work)
        return 0
    dice, seen = random.Random(args.seed), {"old": 0, "new": 0, "torn": 0, "stuck": 0, "left": 0}
    with tempfile.TemporaryDirectory() as folder:
        first = prepared(Path(folder))
        old, new, takes = state(first), dict[str, dict[str, Rows]](), dict[str, float]()
        for way in WAYS:
            copy = shutil.copytree(first, Path(folder) / way)
            start = time.perf_counter()
            begun(copy, way).wait()
            takes[way], new[way] = time.perf_counter() - start, state(copy)
        for number in range(args.rounds):
            way, home = dice.choice(WAYS), shutil.copytree(first, Path(folder) / str(number))
            process = begun(home, way)
            time.sleep(takes[way] * dice.uniform(0.3, 1.05))
            process.send_signal(signal.SIGKILL)
            process.wait()
            found = state(home) if way != "forget" else finished(home)
            seen["old" if found == old else "new" if found == new[way] else "torn"] += 1
            seen["left"] += way == "forget" and found != old and left(home)
            seen["stuck"] += not _goes_on(home)
            shutil.rmtree(home)
    print(json.dumps(seen) if args.json else f"kills: {seen}")
    return 1 if seen["torn"] or seen["stuck"] or seen["left"] else 0


def finished(home: Path) -> dict[str, Rows]:
    """The state once removals that were begun have been carried out."""
    bench = Workbench.open(Config(home=home))
    retention.apply_policies(bench, SYSTEM, now=NOW, reason="goes on")
    open_ = retention.unfinished(bench, SYSTEM)
    bench.close()
    return state(home) if not open_ else {}


def left(home: Path) -> bool:
    """Whether any table file of the archive, old versions too, still holds a word of the customer."""
    files = (home / "archive").rglob("*.parquet")
    return any(f"'{CUSTOMER}'" in str(pl.read_parquet(file).to_dicts()) for file in files)


def _goes_on(home: Path) -> bool:
    """Whether another import goes through and no run is left open."""
    (home / "c.csv").write_text(chats(2000, 2001), "utf-8")
    bench = Workbench.open(Config(home=home))
    done = bring(bench, home / "c.csv").counts.new == 1
    open_ = [run.id for run in ingest.history(bench, SYSTEM) if run.state == "started"]
    bench.close()
    return done and not open_


if __name__ == "__main__":
    sys.exit(main())
