"""Whatever is changed, deleted or put into the records by hand is named; honest histories are never accused."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import func, inspect, select, text
from sqlalchemy.exc import DBAPIError

from qa import audit, evidence
from qa.assessment import schemes
from qa.desk import inspecting
from qa.evidence import anchor
from qa.evidence.parts import PARTS, chained, digests
from qa.evidence.records import PASSING, RECORDS
from qa.people import accounts, signins
from qa.policy import SYSTEM, Role
from qa.tables import AuditEntry, Base, RecordSeal, SealBatch, Transcript
from qa.tables import Seal as SealRow
from qa.upkeep import backup
from qa.verdicts import appeals, reading
from qa.workbench import Workbench
from scoring.sheet import HitDecision, Sheet
from tests.world import desk
from tests.world.desk import NOW, Kit

LATER = timedelta(seconds=5)
CONFIRMED = Sheet((), (HitDecision("R01", 1, "confirmed", "辱骂"),))


def history(bench: Workbench) -> Kit:
    """A little of everything: inspections, one taken back, results, a case file, an acknowledgement and an appeal."""
    kit = desk.build(bench, samples=4)
    kit.hit(0)
    for sample in kit.samples:
        kit.place(sample)
    evidence.seal(bench, NOW)
    for number in range(4):
        desk.inspect(kit, 0, CONFIRMED if number == 0 else Sheet())
        if number == 1:
            evidence.seal(bench, NOW + LATER)
    row, *_ = reading.own(bench, kit.agent, agent_id="agent-0")
    reading.acknowledge(bench, kit.agent, now=NOW, verdict_id=row.verdict_id)
    appeals.file_against_verdict(bench, kit.agent, now=NOW, verdict_id=row.verdict_id, body="不同意")
    return kit


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    """The home of a sealed history on SQLite, to copy."""
    home = tmp_path_factory.mktemp("sealed")
    shutil.copy(sqlite_template, home / "workbench.db")
    bench = Workbench.open(replace(_config(), home=home))
    history(bench)
    evidence.seal(bench, NOW + 2 * LATER)
    with bench.db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    bench.close()
    return home


def _config() -> Any:
    from qa.config import Config

    return Config()


@pytest.fixture
def copy(sealed: Path, tmp_path: Path) -> Iterator[Workbench]:
    home = tmp_path / "copy"
    shutil.copytree(sealed, home, ignore=shutil.ignore_patterns("*-wal", "*-shm"))
    bench = Workbench.open(replace(_config(), home=home))
    yield bench
    bench.close()


def tamper(bench: Workbench, *statements: str) -> None:
    """Change the database as somebody with its password would: no guards, no foreign keys, and the guards put back."""
    if bench.db.is_sqlite:
        with closing(sqlite3.connect(str(bench.db.url.database))) as connection, connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            connection.execute("BEGIN")
            held = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for statement in (*(f"DROP TRIGGER {name}" for name, _ in held), *statements, *(sql for _, sql in held)):
                connection.execute(statement)
        return
    with bench.db.engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for statement in statements:
            connection.execute(text(statement))


def named(bench: Workbench) -> set[tuple[str, str]]:
    return {(one.table, one.key) for one in evidence.check(bench).forgeries}


def test_honest_histories_are_not_accused(any_bench: Workbench) -> None:
    assert evidence.check(any_bench).batches == 0
    kit = history(any_bench)
    report = evidence.check(any_bench)
    assert (report.forgeries, report.batches) == ((), 2)
    assert report.waiting > 0  # told apart from forged
    last = evidence.seal(any_bench, NOW + 2 * LATER)
    report = evidence.check(any_bench)
    assert (report.forgeries, report.waiting, report.chain) == ((), 0, last.chain)
    assert evidence.seal(any_bench, NOW + 3 * LATER).rows == 0
    done = desk.inspect(kit, 1, Sheet()) if kit.place(kit.samples[1], kit.inspectors[1], "double") else None
    assert done is not None
    inspecting.undo(any_bench, kit.inspectors[1], inspection_id=done.inspection_id, now=NOW)
    assert evidence.check(any_bench).forgeries == ()


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.subject)
def test_every_changed_column_is_found(copy: Workbench, part: Any) -> None:
    table, key = part.subject, part.key.key
    with copy.db.engine.connect() as connection:
        number = connection.scalar(text(f"SELECT min({key}) FROM {table}"))
    if number is None:
        pytest.skip("no row in this history")
    for column in part.columns:
        name = column.key
        with copy.db.engine.connect() as connection:
            before = connection.execute(text(f"SELECT quote({name}) FROM {table} WHERE {key} = {number}")).scalar()
        value = (
            "'forged'"
            if before == "NULL"
            else f"CASE typeof({name}) WHEN 'text' THEN {name} || ' ' ELSE {name} + 1 END"
        )
        try:
            tamper(
                copy,
                f"UPDATE {table} SET {name} = {value} WHERE {key} = {number}",
            )
        except sqlite3.IntegrityError:  # two rows that the table itself keeps apart
            continue
        assert (table, str(number)) in named(copy), name
        tamper(copy, f"UPDATE {table} SET {name} = {before} WHERE {key} = {number}")
    assert named(copy) == set()


def test_every_table_is_a_fact_a_record_or_passing() -> None:
    """A new table has to say how it is vouched for."""
    sealed = {part.subject for part in PARTS} | {record.subject for record in RECORDS}
    assert sealed | PASSING == set(Base.metadata.tables)
    assert not sealed & PASSING


def test_every_record_that_changes_by_hand_is_found(copy: Workbench) -> None:
    """Rows that may change: whoever changes one without a word in the trail is named."""
    dice = random.Random(20_260_302)
    for record in RECORDS:
        table, key = record.subject, record.key.key
        with copy.db.engine.connect() as connection:
            number = connection.scalar(select(record.key).where(record.when).limit(1))
        if number is None:
            continue
        for column in dice.sample(record.columns, min(2, len(record.columns))):
            name, here = column.key, f"{table} WHERE {key} = '{number}'"
            with copy.db.engine.connect() as connection:
                before = connection.execute(text(f"SELECT quote({name}) FROM {here}")).scalar()
            value = f"CASE typeof({name}) WHEN 'text' THEN {name} || '1' WHEN 'null' THEN '1' ELSE {name} + 1 END"
            try:
                tamper(copy, f"UPDATE {table} SET {name} = {value} WHERE {key} = '{number}'")
            except sqlite3.IntegrityError:  # two rows that the table itself keeps apart
                continue
            assert (table, str(number)) in named(copy), name
            tamper(copy, f"UPDATE {table} SET {name} = {before} WHERE {key} = '{number}'")
    assert named(copy) == set()


def test_a_record_that_changes_with_its_entry_is_not_accused(any_bench: Workbench) -> None:
    kit = history(any_bench)
    evidence.seal(any_bench, NOW + LATER)
    person = accounts.create_user(any_bench, SYSTEM, now=NOW, login="neu", role=Role.LEAD)
    token = signins.new_link(any_bench, SYSTEM, person.id, now=NOW)
    assert evidence.check(any_bench).forgeries == ()
    evidence.seal(any_bench, NOW + 2 * LATER)
    signins.sign_in_by_link(any_bench, token, now=NOW)
    accounts.disable_user(any_bench, SYSTEM, person.id, now=NOW)
    assert evidence.check(any_bench).forgeries == ()
    evidence.seal(any_bench, NOW + 2 * LATER)  # the sign-ins of others stay as they were sealed
    other = signins.new_link(any_bench, SYSTEM, kit.inspectors[1].user_id, now=NOW)
    signins.sign_in_by_link(any_bench, other, now=NOW)
    evidence.seal(any_bench, NOW + 2 * LATER)
    assert evidence.check(any_bench).forgeries == ()
    tamper(any_bench, f"UPDATE users SET role = 'admin' WHERE id = {kit.inspectors[0].user_id}")
    assert named(any_bench) == {("users", str(kit.inspectors[0].user_id))}
    evidence.seal(any_bench, NOW + 3 * LATER)  # whoever seals again hides nothing
    assert named(any_bench) == {("users", str(kit.inspectors[0].user_id))}


def test_lists_of_the_archives_files_are_sealed(copy: Workbench) -> None:
    with copy.archive.change("test", NOW) as change:
        change.append("conversations", pl.DataFrame({"conversation_key": ["a"]}))
    accounts.create_user(copy, SYSTEM, now=NOW, login="neu", role=Role.LEAD)
    evidence.seal(copy, NOW + 3 * LATER)
    assert named(copy) == set()
    (file,) = (copy.config.home / "archive" / "checksums").iterdir()
    file.write_text(file.read_text("utf-8").replace("a", "b", 1), "utf-8")
    assert named(copy) == {("archive", file.name)}


@pytest.mark.parametrize(
    "table",
    ["audit", "inspections", "verdicts", "violation_events", "acknowledgements", "appeals", "transcripts", "samples"],
)
def test_deleted_and_inserted_rows_are_named(copy: Workbench, table: str) -> None:
    (part,) = [part for part in PARTS if part.subject == table]
    key = part.key.key
    with copy.db.engine.connect() as connection:
        last = connection.scalar(text(f"SELECT max({key}) FROM {table}"))
        columns = [c["name"] for c in inspect(connection).get_columns(table) if c["name"] != key]
    unique = {"nonce": "'new'", "content_hash": "'new'", "version": "version + 1", "unit_id": "'new'"}
    if table in ("inspections", "verdicts", "acknowledgements"):
        unique |= {"undone_at": "'2026-03-02 01:30:00.000000'", "is_current": "0"}
    wanted = ", ".join(unique.get(c, c) for c in columns)
    tamper(
        copy,
        f"INSERT INTO {table} ({key}, {', '.join(columns)}) SELECT {last} + 1, {wanted} FROM {table} WHERE {key} ="
        f" {last}",
    )
    assert (table, str(last + 1)) in named(copy)
    tamper(copy, f"DELETE FROM {table} WHERE {key} = {last + 1}")
    assert named(copy) == set()
    tamper(copy, f"DELETE FROM {table} WHERE {key} = {last}")
    assert (table, str(last)) in named(copy)


def test_what_was_wrong_when_it_was_sealed_stays_named(copy: Workbench) -> None:
    tamper(
        copy,
        "INSERT INTO audit (at, actor_id, actor_name, action, entity, entity_id, facts) VALUES ('2026-03-02"
        " 02:00:00.000000', 1, 'x', 'user.created', 'user', '9', '{}')",
    )
    evidence.seal(copy, NOW + 3 * LATER)
    with copy.db.read() as session:
        number = session.scalar(select(func.max(AuditEntry.id)))
    assert ("audit", str(number)) in named(copy)


@pytest.mark.parametrize("harm", ["seal", "batch", "all", "rewritten", "anchor gone", "anchor line"])
def test_the_seals_themselves_cannot_be_rewritten(copy: Workbench, harm: str) -> None:
    file = copy.config.home / anchor.FILE
    if harm == "seal":
        tamper(copy, "UPDATE seals SET digest = 'x' WHERE subject = 'verdicts' AND key = 1")
    elif harm == "batch":
        tamper(copy, "DELETE FROM seals WHERE batch_id = 3", "DELETE FROM seal_batches WHERE id = 3")
    elif harm == "all":
        tamper(copy, "DELETE FROM seals", "DELETE FROM seal_batches")
        assert evidence.check(copy).forgeries
        evidence.seal(copy, NOW + 3 * LATER)  # whoever seals again hides nothing
    elif harm == "rewritten":  # every seal made anew over forged facts
        lines = file.read_text("utf-8")
        tamper(copy, "DELETE FROM seals", "DELETE FROM seal_batches", "UPDATE verdicts SET total = 1 WHERE id = 1")
        file.unlink()
        evidence.seal(copy, NOW)
        file.write_text(lines, "utf-8")
    elif harm == "anchor gone":
        file.unlink()
    else:
        file.write_text(file.read_text("utf-8").replace('"rows": ', '"rows": 1', 1), "utf-8")
    assert evidence.check(copy).forgeries


def test_the_anchor_cannot_be_cut_off_and_the_chain_written_anew(copy: Workbench) -> None:
    for number in (1, 2):
        accounts.create_user(
            copy, SYSTEM, now=NOW + number * LATER, login=f"later-{number}", role=Role.LEAD, password="long-enough-1"
        )
        evidence.seal(copy, NOW + (3 + number) * LATER)
    file = copy.config.home / anchor.FILE
    lines = file.read_text("utf-8").splitlines()
    last = len(lines)
    file.write_text("\n".join(lines[:-1]) + "\n", "utf-8")  # a process that died before it wrote its line
    assert evidence.check(copy).forgeries == ()
    file.write_text("\n".join(lines[:-2]) + "\n", "utf-8")
    assert ("seal_batches", str(last)) in named(copy)
    file.write_text("\n".join(lines[:-1]) + "\n", "utf-8")
    # a fact of the batch without a line that no entry of the trail speaks of, sealed as if it were honest
    with copy.db.read() as session:
        newest = select(func.max(SealRow.key)).where(SealRow.batch_id == last, SealRow.subject == "audit")
        key = session.scalar(newest) or 0
    tamper(copy, f"UPDATE audit SET mac = 'forged' WHERE id = {key}")
    with copy.db.read() as session:
        part = next(one for one in PARTS if one.subject == "audit")
        digest = {k: d for k, d, _ in digests(session, part)}[key]
        rows = [
            (row.subject, row.key, digest if (row.subject, row.key) == ("audit", key) else row.digest)
            for row in session.scalars(select(SealRow).where(SealRow.batch_id == last))
        ]
        stands = [
            (row.subject, row.key, row.digest)
            for row in session.scalars(select(RecordSeal).where(RecordSeal.batch_id == last))
        ]
        before = session.get_one(SealBatch, last - 1).chain
    chain = chained(before, [*sorted(rows), *sorted(stands)])
    tamper(
        copy,
        f"UPDATE seals SET digest = '{digest}' WHERE subject = 'audit' AND key = {key}",
        f"UPDATE seal_batches SET chain = '{chain}' WHERE id = {last}",
    )
    assert ("audit", str(key)) in named(copy)


def test_what_a_batch_found_wrong_cannot_be_taken_out_of_it(copy: Workbench) -> None:
    tamper(copy, "UPDATE audit SET mac = 'forged' WHERE id = (SELECT max(id) FROM audit)")
    accounts.create_user(copy, SYSTEM, now=NOW + LATER, login="later", role=Role.LEAD, password="long-enough-1")
    tamper(copy, "UPDATE audit SET mac = 'forged' WHERE id = (SELECT max(id) FROM audit)")
    batch = evidence.seal(copy, NOW + 4 * LATER).batch
    with copy.db.read() as session:
        assert session.get_one(SealBatch, batch).suspects
    tamper(copy, f"UPDATE seal_batches SET suspects = '[]' WHERE id = {batch}")
    assert ("seal_batches", str(batch)) in named(copy)


def test_a_kept_transcript_cannot_be_passed_off_as_removed(copy: Workbench) -> None:
    with copy.db.write() as session:
        audit.record(session, SYSTEM, NOW + 3 * LATER, "retention.applied", "removal", "1")
        at = session.scalar(select(AuditEntry.at).where(AuditEntry.action == "retention.applied"))
        number = session.scalar(select(func.min(Transcript.id)))
        assert at is not None
    tamper(copy, f"UPDATE transcripts SET redacted_at = '{at.replace(tzinfo=None)}.000000' WHERE id = {number}")
    assert ("transcripts", str(number)) in named(copy)


def test_a_scheme_of_assessment_fits_its_checksum(copy: Workbench) -> None:
    schemes.load_default(copy, SYSTEM, now=NOW + 3 * LATER)
    evidence.seal(copy, NOW + 4 * LATER)
    assert evidence.check(copy).forgeries == ()
    tamper(copy, "UPDATE scheme_versions SET content = replace(content, '100', '99') WHERE id = 1")
    assert ("scheme_versions", "1") in named(copy)


def test_a_dropped_trigger_is_named(any_bench: Workbench) -> None:
    with any_bench.db.engine.begin() as connection:
        where = "" if any_bench.db.is_sqlite else " ON verdicts"
        connection.exec_driver_sql(f"DROP TRIGGER guard_verdicts_update{where}")
    assert {one.table for one in evidence.check(any_bench).forgeries} == {"guard_verdicts_update"}


def test_mutable_marks_follow_the_trail(any_bench: Workbench) -> None:
    history(any_bench)
    evidence.seal(any_bench, NOW + 2 * LATER)
    for statement, expected in (
        ("UPDATE inspections SET undone_at = submitted_at WHERE id = 1", ("inspections", "1")),
        ("UPDATE samples SET withdrawn_at = '2026-03-02 00:00:00' WHERE id = 1", ("samples", "1")),
        ("UPDATE appeals SET state = 'upheld' WHERE id = 1", ("appeals", "1")),
        ("UPDATE violations SET state = 'closed' WHERE id = 1", ("violations", "1")),
        ("UPDATE transcripts SET content = '{}' WHERE id = 1", ("transcripts", "1")),
        ("UPDATE transcripts SET redacted_at = created_at WHERE id = 2", ("transcripts", "2")),
    ):
        tamper(any_bench, statement)
        assert expected in named(any_bench), statement


def test_a_restore_begins_a_new_anchor_that_is_on_record(any_bench: Workbench, tmp_path: Path) -> None:
    history(any_bench)
    evidence.seal(any_bench, NOW + 2 * LATER)
    backup.backup(any_bench, SYSTEM, tmp_path / "made", now=NOW, damaged=True)
    backup.restore(any_bench, SYSTEM, tmp_path / "made", now=NOW, force=True)
    assert evidence.check(any_bench).forgeries == ()
    evidence.seal(any_bench, NOW + 3 * LATER)
    assert evidence.check(any_bench).forgeries == ()
    lines = anchor.read(any_bench.config.home, any_bench.db.signing_key).lines
    assert [line.reason for line in lines if line.reason] == ["first", "restored"]


FACTS = [
    "UPDATE verdicts SET outcome = '{}'",
    "UPDATE verdicts SET sheet = NULL",
    "UPDATE verdicts SET reason = 'x'",
    "UPDATE inspections SET sheet = '{}'",
    "UPDATE inspections SET outcome = '{}'",
    "UPDATE samples SET agent_id = 'x'",
    "UPDATE samples SET pi = 0.25",
    "UPDATE draws SET receipt = '{\"x\": 1}'",
    "UPDATE violation_events SET facts = '{\"x\": 1}'",
    "UPDATE appeals SET body = 'x'",
    "DELETE FROM samples",
    "DELETE FROM transcripts",
    "UPDATE transcripts SET content = '{\"x\": 1}'",
    "UPDATE transcripts SET content_hash = 'x'",
    "UPDATE acknowledgements SET user_id = 1",
    "UPDATE audit SET facts = '{\"x\": 1}'",
    "UPDATE seals SET digest = 'x'",
    "DELETE FROM seal_batches",
]


def test_the_database_itself_refuses(any_bench: Workbench) -> None:
    history(any_bench)
    for statement in FACTS:
        try:
            with any_bench.db.write() as session:
                session.execute(text(statement))
        except DBAPIError:
            continue
        pytest.fail(statement)


def test_random_single_changes_are_all_found(sealed: Path, tmp_path: Path) -> None:
    """Any one cell of any sealed table, drawn at random."""
    dice = random.Random(20_260_302)
    shutil.copytree(sealed, tmp_path / "copy", ignore=shutil.ignore_patterns("*-wal", "*-shm"))
    bench = Workbench.open(replace(_config(), home=tmp_path / "copy"))
    choices = [
        (part, column)
        for part in PARTS
        for column in part.columns
        if "JSON" not in repr(column.type) and not column.key.endswith("_at")
    ]
    for _ in range(25):
        part, column = dice.choice(choices)
        with bench.db.engine.connect() as connection:
            rows = connection.execute(select(part.key).where(part.when)).scalars().all()
        if not rows:
            continue
        number = dice.choice(rows)
        with bench.db.engine.connect() as connection:
            before = connection.execute(
                text(f"SELECT quote({column.key}) FROM {part.subject} WHERE {part.key.key} = {number}")
            ).scalar()
        tamper(
            bench, f"UPDATE {part.subject} SET {column.key} = '{dice.getrandbits(40)}' WHERE {part.key.key} = {number}"
        )
        assert (part.subject, str(number)) in named(bench)
        tamper(bench, f"UPDATE {part.subject} SET {column.key} = {before} WHERE {part.key.key} = {number}")
    bench.close()
