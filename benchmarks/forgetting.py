"""Removals of a customer's text, killed at random moments: finished by the next night, nothing is left and nothing else
is lost.

`python -m benchmarks.forgetting [--rounds 25] [--seed 7]`. The installation is the demo: draws, judged samples with
frozen transcripts, case files, the case library, the search index. Every round a process of its own begins the removal
of the same customer and is killed (SIGKILL) after a random part of the time that takes; the next night finishes it.
Then there must be one removal, begun and applied once in the trail with the counts of a removal that nobody killed;
archive, transcripts, case files and cases as after that one; every draw verified, with its removed picks; no forgery
found; and no word of the customer in any file or row. Exit code 1 otherwise.
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
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import select

from qa import draws, evidence, retention
from qa.archive import TABLES, Snapshot
from qa.config import Config
from qa.policy import SYSTEM
from qa.retention import Matter
from qa.tables import AuditEntry, Case, Removal, Sample, Transcript, Violation
from qa.workbench import Workbench

LONG = 12
"""Characters from which a text that is there once is told from all others."""


def begin_and_run(home: Path, source: str, customer: str) -> None:
    """What is killed; says when the removal is on record."""
    bench, now = Workbench.open(Config(home=home)), datetime.now(UTC)
    number = retention.begin(bench, SYSTEM, now=now, matter=Matter(source, customer=customer), reason="asked for it")
    print("begun", flush=True)
    retention.run(bench, SYSTEM, number, now=now)
    bench.close()


def begun(home: Path, source: str, customer: str) -> subprocess.Popen[str]:
    """The process, once its removal is on record."""
    arguments = [sys.executable, "-m", "benchmarks.forgetting", "--home", str(home), "--of", source, customer]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if process.stdout.readline().strip() != "begun":
        raise RuntimeError("the removal did not begin")
    return process


def most_judged(bench: Workbench) -> tuple[str, str]:
    """Source and name of the customer whose chats were drawn and found wrong the most."""
    with bench.db.read() as session:
        drawn = Counter(session.scalars(select(Sample.conversation_key)))
        files = Counter(session.scalars(select(Violation.conversation_key)))
    chats = bench.archive.at().scan("conversations").select("conversation_key", "source", "customer_id").collect()
    found: Counter[tuple[str, str]] = Counter()
    for key, source, customer in chats.drop_nulls().iter_rows():
        found[source, customer] += 3 * drawn[key] + 5 * files[key]
    return found.most_common(1)[0][0]


def words(snapshot: Snapshot, customer: str) -> list[str]:
    """What only this customer's chats say, and the customer's name."""
    mine = snapshot.scan("conversations").filter(pl.col("customer_id") == customer).select("conversation_key")
    said = snapshot.scan("messages").select("conversation_key", "text").collect()
    once = said.filter(pl.len().over("text") == 1, pl.col("text").str.len_chars() > LONG)
    return [customer, *once.join(mine.collect(), on="conversation_key", how="semi")["text"].to_list()]


def state(bench: Workbench) -> dict[str, Any]:
    """What a removal must leave, without moments and the numbers of versions."""
    archive = bench.archive.at()
    with bench.db.read() as session:
        entries = session.execute(
            select(AuditEntry.action, AuditEntry.entity_id, AuditEntry.facts)
            .where(AuditEntry.entity == "removal")
            .order_by(AuditEntry.id)
        ).all()
        return {
            **{table: archive.count(table) for table in TABLES},
            "texts": session.execute(select(Transcript.id, Transcript.content).order_by(Transcript.id)).all(),
            "files": session.execute(select(Violation.id, Violation.evidence).order_by(Violation.id)).all(),
            "cases": session.execute(
                select(Case.id, Case.state, Case.excerpt, Case.search_text).order_by(Case.id)
            ).all(),
            "removals": [dict(one) for one in session.scalars(select(Removal.counts).order_by(Removal.id))],
            "trail": [(action, entity, dict(detail)) for action, entity, detail in entries],
        }


def wrong(bench: Workbench) -> Iterator[str]:
    """Draws that do not come out again, and records that were bent."""
    for draw in draws.list_draws(bench, SYSTEM):
        seen = draws.verify(bench, SYSTEM, draw_id=draw.id)
        if not seen.equal:
            yield f"draw {draw.id} differs: {seen.differences[:2]}"
    for forgery in evidence.check(bench).forgeries:
        yield f"told as forged: {forgery}"


def left(home: Path, said: list[str]) -> Iterator[str]:
    """Files that still hold one of these words."""
    for file in home.rglob("*"):
        if file.is_file():
            table = file.suffix == ".parquet"
            raw = str(pl.read_parquet(file).to_dicts()).encode() if table else file.read_bytes()
            if any(word.encode() in raw or json.dumps(word)[1:-1].encode() in raw for word in said):
                yield str(file.relative_to(home))


def finished(home: Path) -> dict[str, Any]:
    """The state after the next night."""
    bench = Workbench.open(Config(home=home))
    retention.apply_policies(bench, SYSTEM, now=datetime.now(UTC) + timedelta(hours=8), reason="night")
    found = state(bench) | {"wrong": list(wrong(bench)), "open": len(retention.unfinished(bench, SYSTEM))}
    bench.close()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--of", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.of:
        begin_and_run(args.home, *args.of)
        return 0
    dice, faults = random.Random(args.seed), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "home"
        subprocess.run(
            [sys.executable, "-m", "qa.cli.main", "--home", str(first), "demo"], check=True, stdout=subprocess.DEVNULL
        )
        bench = Workbench.open(Config(home=first))
        who = most_judged(bench)
        said = words(bench.archive.at(), who[1])
        bench.close()
        copy = shutil.copytree(first, Path(folder) / "whole")
        process, start = begun(copy, *who), time.perf_counter()
        process.wait()
        takes, whole = time.perf_counter() - start, finished(copy)
        if whole["wrong"] or whole["open"] or list(left(copy, said)):
            print("a removal that nobody killed:", whole["wrong"], whole["open"], list(left(copy, said)))
            return 1
        for number in range(args.rounds):
            home = shutil.copytree(first, Path(folder) / str(number))
            process = begun(home, *who)
            time.sleep(takes * dice.uniform(0, 1))
            process.send_signal(signal.SIGKILL)
            process.wait()
            found = finished(home)
            here = [name for name in whole if found[name] != whole[name]]
            here += [f"left in {name}" for name in left(home, said)]
            for fault in here:
                faults[fault] += 1
                print(number, fault, found.get(fault), whole.get(fault))
            shutil.rmtree(home)
    print(f"removals killed: {args.rounds} in {takes:.1f} s each, seed {args.seed}; faults: {dict(faults) or 'none'}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
