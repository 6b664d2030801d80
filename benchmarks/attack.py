"""Attacks on a small installation of its own: forged records, honest histories and sign-in bursts. Prints its seed,
what it tried and what was not found; exit code 1 when anything got through or anybody was accused wrongly.

    python -m benchmarks.attack                       200 random single changes, guards dropped
    python -m benchmarks.attack --short --seed 7      20 of them
    python -m benchmarks.attack --honest 1000         so many honest histories, each checked
    python -m benchmarks.attack --verdicts 100000     how long the deep check takes over so many results
    python -m benchmarks.attack --changes 0 …         without forgeries
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

from sqlalchemy import select
from sqlalchemy.dialects import sqlite

from qa.people import signins

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.honest import histories  # noqa: E402
from qa import evidence, migrations  # noqa: E402
from qa.config import Config  # noqa: E402
from qa.demo import load  # noqa: E402
from qa.errors import Denied  # noqa: E402
from qa.evidence.parts import PARTS, SealedPart  # noqa: E402
from qa.evidence.records import RECORDS, SealedRecord  # noqa: E402
from qa.people import accounts  # noqa: E402
from qa.policy import SYSTEM, Role  # noqa: E402
from qa.workbench import Workbench  # noqa: E402

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
SCALE = 0.03
UNIQUE = ("nonce", "content_hash", "unit_id", "token_hash", "login", "name", "rule_id", "conversation_key", "request")


@dataclass(frozen=True)
class Change:
    """One change by hand: what kind, in which table, the key it should be named by, and the statement."""

    kind: str
    table: str
    key: str
    statement: str


def main() -> int:
    """Run the attacks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--honest", type=int, default=0, help="so many honest histories")
    parser.add_argument("--short", action="store_true", help="a tenth of everything")
    parser.add_argument("--seed", type=int, default=secrets.randbits(31))
    parser.add_argument("--verdicts", type=int, default=0, help="time the deep check over so many results")
    args = parser.parse_args()
    part = 10 if args.short else 1
    print(f"seed {args.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="spotcheck-attack-") as folder:
        home = Path(folder) / "home"
        bench, through = prepared(home)
        if args.changes:
            through += forgeries(bench, home, random.Random(args.seed), args.changes // part)
            through += burst(bench)
        if args.honest:
            through += histories(home, NOW, random.Random(args.seed), args.honest // part)
        if args.verdicts:
            timed(bench, args.verdicts // part)
        bench.close()
    return int(bool(through))


def prepared(home: Path) -> tuple[Workbench, int]:
    """A demo installation, sealed, and found honest; and how many false alarms there were."""
    bench = Workbench.open(Config(home=home, demo=True))
    migrations.upgrade(bench.db)
    load.load(bench, now=NOW, scale=SCALE)
    evidence.seal(bench, NOW)
    report = evidence.check(bench)
    print(f"honest demo: {report.rows} rows sealed, {len(report.forgeries)} false alarms", flush=True)
    with bench.db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return bench, len(report.forgeries)


def forgeries(bench: Workbench, home: Path, dice: random.Random, count: int) -> int:
    """Make `count` single changes, each on the honest database; returns how many were not named."""
    bench.db.engine.dispose()
    honest = home.parent / "honest.db"
    shutil.copy(home / "workbench.db", honest)
    tried, tables, missed = Counter[str](), Counter[str](), []
    while sum(tried.values()) < count:
        change = drawn(honest, dice)
        for suffix in ("-wal", "-shm"):
            (home / f"workbench.db{suffix}").unlink(missing_ok=True)
        shutil.copy(honest, home / "workbench.db")
        if change is None or not made(home / "workbench.db", change):
            continue  # the schema itself refuses it
        tried[change.kind] += 1
        tables[change.table] += 1
        named = {(one.table, one.key) for one in evidence.check(bench).forgeries}
        if (change.table, change.key) not in named and not (change.kind == "current" and named):
            missed.append(change)
        bench.db.engine.dispose()
    shutil.copy(honest, home / "workbench.db")
    print(f"forgeries: {dict(tried)} in {len(tables)} tables, not named: {len(missed)}", flush=True)
    for change in missed:
        print("  ", change)
    return len(missed)


def drawn(honest: Path, dice: random.Random) -> Change | None:
    """A random change of one cell, deletion of a row (often the last one) or a copied row, of any table that is
    vouched for."""
    part = dice.choice((*PARTS, *RECORDS))
    table, key = part.subject, part.key.key
    with closing(sqlite3.connect(honest)) as connection:
        keys = [row[0] for row in connection.execute(_rows(part))]
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    if not keys:
        return None
    number, kind = dice.choice(keys), dice.choice(("changed", "changed", "deleted", "last deleted", "inserted"))
    here = f"WHERE {key} = '{number}'"
    if kind == "changed" and table == "verdicts" and dice.random() < 0.2:
        return Change("current", table, str(number), f"UPDATE verdicts SET is_current = 1 - is_current {here}")
    if kind == "changed":
        column = dice.choice(part.columns).key
        return Change(kind, table, str(number), f"UPDATE {table} SET {column} = '{dice.getrandbits(48)}' {here}")
    if kind == "inserted":
        fresh = max(keys) + 1 if isinstance(number, int) else f"forged-{dice.getrandbits(48)}"
        values = {name: f"'{dice.getrandbits(48)}'" for name in UNIQUE}
        values |= {"version": "version + 1000", "is_current": "0"} if table in ("verdicts", "rubric_versions") else {}
        values |= {"inspector_id": "inspector_id + 1000"} if table == "assignments" else {}
        values[key] = f"'{fresh}'"
        listed = ", ".join(values.get(column, column) for column in columns)
        return Change(kind, table, str(fresh), f"INSERT INTO {table} SELECT {listed} FROM {table} {here}")
    gone = max(keys) if kind == "last deleted" else number
    return Change(kind, table, str(gone), f"DELETE FROM {table} WHERE {key} = '{gone}'")


def _rows(part: SealedPart | SealedRecord) -> str:
    query = select(part.key).where(part.when)
    return str(query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))


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
            signins.sign_in(bench, "target", f"guess-{number}", address="203.0.113.9", now=NOW)
        except Denied as error:
            return "wrong" in error.msgid
        return True

    start = time.perf_counter()
    with ThreadPoolExecutor(100) as many:
        answered = sum(many.map(guess, range(100)))
    print(f"sign-in burst: {answered} of 100 guesses answered in {time.perf_counter() - start:.1f} s", flush=True)
    return max(answered - 8, 0)


def timed(bench: Workbench, verdicts: int) -> None:
    """Copy places, inspections and results until there are `verdicts`, and time sealing and checking in CPU seconds."""
    with closing(sqlite3.connect(str(bench.db.url.database), isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for table in ("assignments", "inspections", "verdicts"):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            have, top = connection.execute(f"SELECT count(*), max(id) FROM {table}").fetchone()
            values = {"id": f"({top} + n)", "nonce": "'n' || n", "sample_id": "(1000000 + n)"}
            values |= {"assignment_id": "(1000000 + n)", "version": "1", "is_current": "1", "undone_at": "NULL"}
            listed = ", ".join(values.get(c, f"t.{c}") for c in columns)
            connection.execute(
                f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {max(verdicts - have, 1)}) "
                f"INSERT INTO {table} SELECT {listed} FROM c JOIN {table} t ON t.id = 1 + (n % {have})"
            )
    accounts.create_user(bench, SYSTEM, now=NOW, login="latest", role=Role.LEAD)
    start, wall = time.process_time(), time.perf_counter()
    rows = evidence.seal(bench, NOW).rows
    sealed = f"{rows} rows sealed in {time.process_time() - start:.1f} CPU s ({time.perf_counter() - wall:.1f} s)"
    start, wall = time.process_time(), time.perf_counter()
    report = evidence.check(bench)
    took = f"{time.process_time() - start:.1f} CPU s ({time.perf_counter() - wall:.1f} s)"
    print(f"{verdicts} results: {sealed}, {report.rows} checked in {took}")


if __name__ == "__main__":
    sys.exit(main())
