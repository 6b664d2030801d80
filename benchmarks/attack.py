"""Attacks on a small installation of its own: forged records and sign-in bursts. Prints its seed, what it tried and
what was not found; exit code 1 when anything got through.

    python -m benchmarks.attack                       200 random single changes, guards dropped
    python -m benchmarks.attack --short --seed 7      20 of them
    python -m benchmarks.attack --verdicts 100000     also how long the deep check takes over so many results
"""

from __future__ import annotations

import argparse
import random
import secrets
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from qa import evidence, migrations  # noqa: E402
from qa.config import Config  # noqa: E402
from qa.demo import load  # noqa: E402
from qa.errors import Denied  # noqa: E402
from qa.evidence.parts import PARTS  # noqa: E402
from qa.people import accounts  # noqa: E402
from qa.policy import SYSTEM, Role  # noqa: E402
from qa.workbench import Workbench  # noqa: E402

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
SCALE = 0.03


@dataclass(frozen=True)
class Change:
    """One change by hand: what kind, in which table, the key it should be named by, and the statement."""

    kind: str
    table: str
    key: int
    statement: str


def main() -> int:
    """Run the attacks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--short", action="store_true", help="a tenth of everything")
    parser.add_argument("--seed", type=int, default=secrets.randbits(31))
    parser.add_argument("--verdicts", type=int, default=0, help="time the deep check over so many results")
    args = parser.parse_args()
    changes = args.changes // 10 if args.short else args.changes
    print(f"seed {args.seed}")
    with tempfile.TemporaryDirectory(prefix="spotcheck-attack-") as folder:
        home = Path(folder) / "home"
        bench = prepared(home)
        through = forgeries(bench, home, random.Random(args.seed), changes)
        through += burst(bench)
        if args.verdicts:
            timed(bench, args.verdicts)
        bench.close()
    return int(bool(through))


def prepared(home: Path) -> Workbench:
    """A demo installation, sealed, and found honest."""
    bench = Workbench.open(Config(home=home, demo=True))
    migrations.upgrade(bench.db)
    load.load(bench, now=NOW, scale=SCALE)
    evidence.seal(bench, NOW)
    report = evidence.check(bench)
    print(f"honest history: {report.rows} facts sealed, {len(report.forgeries)} false alarms")
    with bench.db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return bench


def forgeries(bench: Workbench, home: Path, dice: random.Random, count: int) -> int:
    """Make `count` single changes, each on the honest database; returns how many were not named."""
    bench.db.engine.dispose()
    honest = home.parent / "honest.db"
    shutil.copy(home / "workbench.db", honest)
    tried, missed = Counter[str](), []
    while sum(tried.values()) < count:
        change = drawn(honest, dice)
        for suffix in ("-wal", "-shm"):
            (home / f"workbench.db{suffix}").unlink(missing_ok=True)
        shutil.copy(honest, home / "workbench.db")
        if not made(home / "workbench.db", change):
            continue  # the schema itself refuses it
        tried[change.kind] += 1
        named = {(one.table, one.key) for one in evidence.check(bench).forgeries}
        if (change.table, str(change.key)) not in named:
            missed.append(change)
        bench.db.engine.dispose()
    shutil.copy(honest, home / "workbench.db")
    print(f"forgeries: {dict(tried)}, not named: {len(missed)}")
    for change in missed:
        print("  ", change)
    return len(missed)


def drawn(honest: Path, dice: random.Random) -> Change:
    """A random change of one cell, deletion of a row (often the last one) or a copied row."""
    part = dice.choice(PARTS)
    table, key = part.subject, part.key.key
    with closing(sqlite3.connect(honest)) as connection:
        keys = [row[0] for row in connection.execute(f"SELECT {key} FROM {table}")]
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    if not keys:
        return drawn(honest, dice)
    number, kind = dice.choice(keys), dice.choice(("changed", "changed", "deleted", "last deleted", "inserted"))
    if kind == "changed":
        column = dice.choice(part.columns).key
        return Change(
            kind, table, number, f"UPDATE {table} SET {column} = '{dice.getrandbits(48)}' WHERE {key} = {number}"
        )
    if kind == "inserted":
        fresh = {key: str(max(keys) + 1)} | {
            c: f"'{dice.getrandbits(48)}'" for c in ("nonce", "content_hash", "unit_id")
        }
        fresh |= {"version": "version + 1000", "is_current": "0"} if table != "samples" else {}
        values = ", ".join(fresh.get(c, c) for c in columns)
        return Change(
            kind, table, max(keys) + 1, f"INSERT INTO {table} SELECT {values} FROM {table} WHERE {key} = {number}"
        )
    gone = max(keys) if kind == "last deleted" else number
    return Change(kind, table, gone, f"DELETE FROM {table} WHERE {key} = {gone}")


def made(database: Path, change: Change) -> bool:
    """Carry a change out without guards, foreign keys and checks, and put the guards back."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        held = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _sql in held:
            connection.execute(f"DROP TRIGGER {name}")
        try:
            done = connection.execute(change.statement).rowcount == 1
        except sqlite3.IntegrityError:
            done = False
        for _name, sql in held:
            connection.execute(sql)
    return done


def burst(bench: Workbench) -> int:
    """A hundred wrong passwords at the same moment; returns how many more were answered than the limit allows."""
    accounts.create_user(bench, SYSTEM, now=NOW, login="target", role=Role.LEAD, password="correct-horse-1")

    def guess(number: int) -> bool:
        try:
            accounts.sign_in(bench, "target", f"guess-{number}", address="203.0.113.9", now=NOW)
        except Denied as error:
            return "wrong" in error.msgid
        return True

    start = time.perf_counter()
    with ThreadPoolExecutor(100) as many:
        answered = sum(many.map(guess, range(100)))
    print(f"sign-in burst: {answered} of 100 guesses answered in {time.perf_counter() - start:.1f} s")
    return max(answered - 8, 0)


def timed(bench: Workbench, verdicts: int) -> None:
    """Copy inspections and results until there are `verdicts`, and time sealing and checking in CPU seconds."""
    with closing(sqlite3.connect(str(bench.db.url.database), isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for table, unique in (("inspections", "nonce"), ("verdicts", "sample_id")):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            have, top = connection.execute(f"SELECT count(*), max(id) FROM {table}").fetchone()
            values = {
                "id": f"({top} + n)",
                "nonce": "'n' || n",
                "sample_id": "(1000000 + n)",
                "assignment_id": "(1000000 + n)",
            }
            values |= {"version": "1", "is_current": "1", "undone_at": "NULL"}
            listed = ", ".join(values.get(c, f"t.{c}") for c in columns)
            connection.execute(
                f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {max(verdicts - have, 1)}) "
                f"INSERT INTO {table} SELECT {listed} FROM c JOIN {table} t ON t.id = 1 + (n % {have})"
            )
            assert unique in columns
    start = time.process_time()
    accounts.create_user(bench, SYSTEM, now=NOW, login="latest", role=Role.LEAD)
    rows = evidence.seal(bench, NOW).rows
    middle = time.process_time()
    report = evidence.check(bench)
    print(
        f"{verdicts} results: {rows} facts sealed in {middle - start:.1f} CPU s, {report.rows} checked in "
        f"{time.process_time() - middle:.1f} CPU s"
    )


if __name__ == "__main__":
    sys.exit(main())
