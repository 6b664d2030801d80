"""Search in the archive: ``python -m benchmarks.find [--scale full] [--json]``.

Speed: up to 135 queries of two, three and four characters, a third each of words that many, some and few messages
have, taken from the texts at random, each asked three times of the index. Beside it the control, a Polars substring
scan of the same text, which gives the true answer: once over a column that is folded already and held in memory, once
over the same column in Parquet (zstd-1). Goals: p95 of the search ≤ 0.25 × the control's p50 in memory; recall and
precision 1.

Building: CPU of the index from the archive beside an SQLite FTS5 trigram table of the same
texts in a file. Goal ≤ 0.25. Each of the two is a process of its own. Exit code 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

SCALES = {"small": 20_000, "full": 200_000}
SPEED_GOAL = BUILD_GOAL = 0.25
LENGTHS, EACH, ROUNDS, SCANS = (2, 3, 4), 15, 3, 45
CLASSES = {"common": (0.02, 1.0), "some": (0.001, 0.02), "few": (0.0, 0.001)}
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def prepare(home: Path, conversations: int) -> None:
    """The archive, and the folded texts for the control."""
    from benchmarks.find_corpus import messages
    from qa import migrations
    from qa.config import Config
    from qa.conversations.folding import fold
    from qa.workbench import Workbench

    rows = messages(conversations)
    texts = pl.Series("text", [fold(text) for text in rows["text"].to_list()])
    rows.select(chat=_chat()).with_columns(texts).write_parquet(
        home / "folded.parquet", compression="zstd", compression_level=1
    )
    bench = Workbench.open(Config(home=home))
    migrations.upgrade(bench.db)
    keys = rows["conversation_key"].unique(maintain_order=True)
    number = pl.int_range(len(keys), eager=True)
    chats = pl.DataFrame({"conversation_key": keys, "n": number}).select(
        "conversation_key",
        agent_id=pl.format("a{}", pl.col("n") % 400),
        customer_id=pl.format("tb{}", pl.col("n") * 7919 % 10_000_019),
        started_at=pl.lit(NOW) - pl.duration(seconds=pl.col("n") * 20),
        message_count=pl.lit(11),
    )
    with bench.archive.change("bench", NOW) as change:
        change.append("conversations", chats)
        for part in rows.with_columns(kind=pl.lit("text")).iter_slices(500_000):
            change.append("messages", part)
    bench.close()


def _chat() -> pl.Expr:
    """Conversations as numbers, so that the control need not compare keys."""
    return pl.col("conversation_key").str.slice(-9).cast(pl.UInt32)


def cpu() -> float:
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])


def build(home: Path) -> dict[str, float]:
    """The product's index."""
    from qa.config import Config
    from qa.conversations import index
    from qa.workbench import Workbench

    bench = Workbench.open(Config(home=home))
    begin = cpu()
    done = index.update(bench, again=True)
    spent = cpu() - begin
    size = sum(file.stat().st_size for file in index.of(bench).folder.rglob("*") if file.is_file())
    bench.close()
    return {"cpu": spent, "messages": done.messages, "mb": size / 1e6}


def control(home: Path) -> dict[str, float]:
    """FTS5 with trigrams over the same texts."""
    texts = pl.read_parquet(home / "folded.parquet", columns=["text"])["text"].to_list()
    path = home / "fts5.db"
    path.unlink(missing_ok=True)
    table = sqlite3.connect(path)
    table.execute("CREATE VIRTUAL TABLE said USING fts5(text, tokenize = 'trigram')")
    begin = cpu()
    table.executemany("INSERT INTO said (rowid, text) VALUES (?, ?)", enumerate(texts))
    table.commit()
    spent, size = cpu() - begin, path.stat().st_size
    table.close()
    path.unlink()
    return {"cpu": spent, "mb": size / 1e6}


def queries(texts: pl.Series, seed: int = 5) -> list[tuple[str, str]]:
    """(class, word): pieces of messages at random places, sorted by how many messages have them."""
    rng = np.random.default_rng(seed)
    sample = texts.gather(rng.integers(0, len(texts), 4_000)).to_list()
    found: list[tuple[str, str]] = []
    for length in LENGTHS:
        left = dict.fromkeys(CLASSES, EACH)
        for text in sample:
            at = int(rng.integers(0, max(len(text) - length, 1)))
            word = text[at : at + length].strip()
            if len(word) != length or " " in word or not any(left.values()):
                continue
            share = _share(sample, word)
            name = next(name for name, (low, high) in CLASSES.items() if low <= share < high or share == high == 1.0)
            if left[name]:
                left[name] -= 1
                found.append((name, word))
            if not any(left.values()):
                break
    return found


def _share(sample: list[str], word: str) -> float:
    part = sample[:1_500]
    return sum(word in text for text in part) / len(part)


def timed(work: Callable[[], object]) -> tuple[float, object]:
    begin = time.perf_counter()
    found = work()
    return (time.perf_counter() - begin) * 1e3, found


def speed(home: Path) -> dict[str, object]:
    """The search and the control, question by question."""
    from qa.config import Config
    from qa.conversations import finding, listing
    from qa.conversations.listing import Wanted
    from qa.policy import Actor, Role
    from qa.workbench import Workbench

    folded = pl.read_parquet(home / "folded.parquet")
    asked = queries(folded["text"])
    bench = Workbench.open(Config(home=home))
    known, lead = listing.of(bench), Actor(1, Role.LEAD, "bench")
    numbers = known.frame.select(_chat().alias("chat"))["chat"]
    spent: dict[str, list[float]] = {name: [] for name in ("search", "service", "memory", "parquet", *CLASSES)}
    wrong = missed = 0
    for at, (name, word) in enumerate(asked):
        truth = _truth(folded, word)
        for _ in range(ROUNDS):
            ms, flags = timed(lambda word=word: known.messages.holding(word, masked=False))  # type: ignore[misc]
            spent["search"].append(ms)
            spent[name].append(ms)
        got = set(numbers.filter(pl.Series(flags)).to_list())
        wrong, missed = wrong + len(got - truth), missed + len(truth - got)
        wanted = Wanted(f'"{word}"')
        ms, _page = timed(lambda wanted=wanted: finding.find(bench, lead, wanted, now=NOW, seen=wanted))  # type: ignore[misc]
        spent["service"].append(ms)
        if at % (len(asked) // SCANS or 1) == 0:
            spent["memory"].append(timed(lambda word=word: _scan(folded.lazy(), word))[0])  # type: ignore[misc]
            spent["parquet"].append(timed(lambda word=word: _scan(pl.scan_parquet(home / "folded.parquet"), word))[0])  # type: ignore[misc]
    bench.close()
    quantiles = {
        name: {"p50": float(np.median(times)), "p95": float(np.quantile(times, 0.95))} for name, times in spent.items()
    }
    return {"queries": len(asked), "wrong": wrong, "missed": missed, **quantiles}


def _scan(rows: pl.LazyFrame, word: str) -> int:
    """How many conversations have the word: what any list of results needs first."""
    found = rows.filter(pl.col("text").str.contains(word, literal=True))
    return int(found.select(pl.col("chat").n_unique()).collect().item())


def _truth(folded: pl.DataFrame, word: str) -> set[int]:
    return set(folded.filter(pl.col("text").str.contains(word, literal=True))["chat"].to_list())


PARTS: dict[str, Callable[[Path], dict[str, object]]] = {"build": build, "control": control, "speed": speed}  # type: ignore[dict-item]


def part(name: str, home: Path, scale: str) -> dict[str, object]:
    """One part in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.find", "--part", name, "--home", str(home), "--scale", scale]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", choices=SCALES, default="full")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=[*PARTS, "prepare"], help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part == "prepare":
        prepare(args.home, SCALES[args.scale])
        print("{}")
        return 0
    if args.part:
        print(json.dumps(PARTS[args.part](args.home)))
        return 0
    with tempfile.TemporaryDirectory(prefix="spotcheck-find-") as folder:
        home = Path(folder)
        part("prepare", home, args.scale)
        found = {name: part(name, home, args.scale) for name in PARTS}
    return told(found, as_json=args.json)


def told(found: dict[str, dict[str, object]], *, as_json: bool) -> int:
    built, peer, asked = found["build"], found["control"], found["speed"]
    build_ratio = float(str(built["cpu"])) / float(str(peer["cpu"]))

    def at(name: str, quantile: str) -> float:
        value: dict[str, float] = asked[name]  # type: ignore[assignment]
        return value[quantile]

    speed_ratio = at("search", "p95") / at("memory", "p50")
    exact = asked["wrong"] == asked["missed"] == 0
    if as_json:
        print(json.dumps({"build_ratio": build_ratio, "speed_ratio": speed_ratio, "exact": exact, **found}))
    else:
        print(f"search, {built['messages']:,} messages, {asked['queries']} queries")
        print(
            f"  p95 {at('search', 'p95'):.1f} ms = {speed_ratio:.2f} × p50 of a scan in memory,"
            f" {at('memory', 'p50'):.0f} ms (goal ≤ {SPEED_GOAL}); of a scan of Parquet, {at('parquet', 'p50'):.0f} ms:"
            f" {at('search', 'p95') / at('parquet', 'p50'):.3f}"
        )
        for name in ("search", "service", *CLASSES):
            print(f"    {name}: p50 {at(name, 'p50'):.1f} ms, p95 {at(name, 'p95'):.1f} ms")
        print(f"  found wrongly {asked['wrong']}, missed {asked['missed']} conversations (goal 0)")
        print(
            f"  build {built['cpu']:.1f} CPU s = {build_ratio:.2f} × FTS5 trigram, {peer['cpu']:.1f} CPU s (goal ≤"
            f" {BUILD_GOAL}); {built['mb']:.0f} MB beside {peer['mb']:.0f} MB"
        )
    return 0 if speed_ratio <= SPEED_GOAL and build_ratio <= BUILD_GOAL and exact else 1


if __name__ == "__main__":
    sys.exit(main())
