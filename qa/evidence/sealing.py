"""Sealing what is new: checksums of facts go into the next batch, after they were committed and outside of any submit.

One snapshot of the database is sealed at a time. So a fact and the audit entry of its transaction are either both
sealed or both not, which is how the check tells "not sealed yet" from "put there by hand". Two sealers at once are
settled by the number of the batch: the second finds it taken and does nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from qa import audit
from qa.evidence import anchor, archive_lists, records
from qa.evidence.parts import PARTS, SealedPart, chained, digests
from qa.tables import AuditEntry, RecordSeal, Seal, SealBatch
from qa.workbench import Workbench

WINDOW = 5_000
"""Rows are looked for this far below the newest sealed key: ids are given out before their transaction commits."""
_BATCH = 2_000
FIRST, RESTORED, LOST = "first", "restored", "lost"
SUSPECT = "suspect"
"""Stands for the table in the chain of a batch that found something wrong."""


@dataclass(frozen=True)
class Sealed:
    """What a run sealed: number and chain of the batch (the last one when nothing was new), and how many rows."""

    batch: int
    chain: str
    rows: int


@dataclass(frozen=True)
class _Fresh:
    subject: str
    key: int
    digest: str
    moment: datetime | None


def seal(bench: Workbench, now: datetime) -> Sealed:
    """Seal every fact that is not sealed yet, and write the anchor's line."""
    with snapshot(bench) as session:
        last = last_batch(session)
        if last is not None and _nothing_new(session):
            return Sealed(last.id, last.chain, 0)
        fresh = list(unsealed(session))
        told = [*fresh, *unanchored(session, bench, last)]
        wrong = suspects(session, told, bench.db.signing_key) if last is not None else []
        first = last is None or not records.any_sealed(session)
        standing = records.changed(session, None if first else trail(session, fresh, wrong))
        standing += archive_lists.standing(bench.config.archive, records.sealed(session, archive_lists.SUBJECT))
        epoch, reason = (last.epoch, "") if last is not None else _new_epoch(session, bench)
    rows = sorted((one.subject, one.key, one.digest) for one in fresh)
    stands = sorted((one.subject, one.key, one.digest) for one in standing)
    number, before = (last.id + 1, last.chain) if last is not None else (1, epoch)
    suspected = [[one.subject, one.key] for one in wrong]
    chain = chained(before, content([*rows, *stands], suspected))
    count = len(rows) + len(stands)
    try:
        with bench.db.write() as session:
            session.execute(
                insert(SealBatch).values(
                    id=number, epoch=epoch, reason=reason, rows=count, chain=chain, sealed_at=now,
                    suspects=suspected,
                )
            )  # fmt: skip
            _put(session, Seal, number, rows)
            _put(session, RecordSeal, number, stands)
    except IntegrityError:  # another process has sealed this batch meanwhile
        return Sealed(number - 1, before, 0)
    if bench.db.signing_key is not None:
        line = anchor.AnchorLine(epoch, number, count, chain, reason, now.isoformat())
        anchor.append(bench.config.home, line, bench.db.signing_key)
    return Sealed(number, chain, count)


def content(rows: Sequence[tuple[str, Any, str]], suspected: Sequence[Sequence[Any]]) -> list[tuple[str, Any, str]]:
    """What the chain of a batch is made of: its rows, and which of them were wrong when they were sealed."""
    return [*rows, *((SUSPECT, f"{subject} {key}", "") for subject, key in suspected)]


def unanchored(session: Session, bench: Workbench, last: SealBatch | None) -> list[_Fresh]:
    """The rows of the last batch where no line of the anchor vouches for it: as good as not sealed. A process that died
    between the two leaves one such batch.

    Servers on PostgreSQL may have homes of their own, each with the lines of its own batches: there nothing is said.
    """
    if last is None or bench.db.signing_key is None or not bench.db.is_sqlite:
        return []
    line = anchor.last(bench.config.home)
    if line is None or line.epoch != last.epoch or line.batch >= last.id:
        return []
    keys = {
        (subject, key)
        for subject, key in session.execute(select(Seal.subject, Seal.key).where(Seal.batch_id == last.id))
    }
    return [
        _Fresh(part.subject, key, checksum, moment)
        for part in PARTS
        for key, checksum, moment in digests(session, part)
        if (part.subject, key) in keys
    ]


def _put(session: Session, table: type[Seal | RecordSeal], number: int, rows: Sequence[tuple[str, Any, str]]) -> None:
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        session.execute(insert(table), [{"subject": s, "key": k, "digest": d, "batch_id": number} for s, k, d in part])


def trail(session: Session, fresh: Sequence[_Fresh], wrong: Sequence[_Fresh]) -> list[AuditEntry]:
    """The unsealed entries of the trail that our transactions wrote."""
    bad = {one.key for one in wrong if one.subject == AuditEntry.__tablename__}
    numbers = sorted(one.key for one in fresh if one.subject == AuditEntry.__tablename__ and one.key not in bad)
    found: list[AuditEntry] = []
    for start in range(0, len(numbers), 500):
        found += session.scalars(select(AuditEntry).where(AuditEntry.id.in_(numbers[start : start + 500])))
    return found


def standing(bench: Workbench) -> Sealed:
    """The last batch, and how many entries of the trail wait for the next; batch 0 while nothing is sealed."""
    with bench.db.read() as session:
        last = last_batch(session)
        if last is None:
            return Sealed(0, "", 0)
        newest = select(func.max(Seal.key)).where(Seal.subject == AuditEntry.__tablename__).scalar_subquery()
        waiting = session.scalar(select(func.count()).select_from(AuditEntry).where(AuditEntry.id > newest)) or 0
        return Sealed(last.id, last.chain, waiting)


def begin_anew(session: Session) -> None:
    """Forget all seals within a transaction that replaces every row (a restore): the next sealing begins a new epoch,
    named by the restore's entry in the trail."""
    session.execute(delete(RecordSeal))
    session.execute(delete(Seal))
    session.execute(delete(SealBatch))


@contextmanager
def snapshot(bench: Workbench) -> Iterator[Session]:
    """A session that sees one moment of the database, however long it reads."""
    if bench.db.is_sqlite:
        with bench.db.read() as session:
            yield session
        return
    with bench.db.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        with Session(connection, expire_on_commit=False) as session:
            yield session


def last_batch(session: Session) -> SealBatch | None:
    """The newest batch."""
    return session.scalars(select(SealBatch).order_by(SealBatch.id.desc()).limit(1)).first()


def unsealed(session: Session, *, everything: bool = False) -> Iterator[_Fresh]:
    """Rows without a seal: near the end of each table, or with `everything` anywhere."""
    for part in PARTS:
        floor = 0 if everything else _floor(session, part)
        known = set(session.scalars(select(Seal.key).where(Seal.subject == part.subject, Seal.key > floor)))
        for key, checksum, moment in digests(session, part, part.key > floor):
            if key not in known:
                yield _Fresh(part.subject, key, checksum, moment)


def suspects(session: Session, fresh: list[_Fresh], key: bytes | None) -> list[_Fresh]:
    """Those of the unsealed rows that no transaction of ours has written: an entry of the trail without our signature
    or with one that was used before, or a fact without an unsealed entry of the same moment."""
    if key is None:
        return []
    entries = {one.key: one for one in fresh if one.subject == AuditEntry.__tablename__}
    wrong, moments, macs = set[int](), set[datetime](), set[str]()
    numbers = sorted(entries)
    for start in range(0, len(numbers), 500):
        rows = session.scalars(select(AuditEntry).where(AuditEntry.id.in_(numbers[start : start + 500])))
        for entry in rows:
            if not audit.is_signed(entry, key) or entry.mac in macs or _used_before(session, entry):
                wrong.add(entry.id)
            else:
                moments.add(entry.at)
            macs.add(entry.mac or "")
    dated = {part.subject for part in PARTS if part.moment is not None}
    return [
        one
        for one in fresh
        if (one.key in wrong if one.subject == AuditEntry.__tablename__ else _alone(one, dated, moments))
    ]


def _alone(one: _Fresh, dated: set[str], moments: set[datetime]) -> bool:
    return one.moment not in moments if one.subject in dated else not moments


def _used_before(session: Session, entry: AuditEntry) -> bool:
    """Whether the signature stands in an entry that was sealed before: then this one is a copy."""
    query = select(AuditEntry.id).where(
        AuditEntry.at == entry.at, AuditEntry.mac == entry.mac, AuditEntry.id != entry.id
    )
    return session.scalar(query.limit(1)) is not None


def _nothing_new(session: Session) -> bool:
    newest = session.scalar(select(func.max(AuditEntry.id))) or 0
    sealed = session.scalar(select(func.max(Seal.key)).where(Seal.subject == AuditEntry.__tablename__)) or 0
    return newest <= sealed  # every change comes with its entry


def _floor(session: Session, part: SealedPart) -> int:
    if part.moment is None:
        return 0 if part.subject != "samples" else max(_newest_seal(session, part) - WINDOW, 0)
    return max(_newest_seal(session, part) - WINDOW, 0)


def _newest_seal(session: Session, part: SealedPart) -> int:
    return session.scalar(select(func.max(Seal.key)).where(Seal.subject == part.subject)) or 0


def _new_epoch(session: Session, bench: Workbench) -> tuple[str, str]:
    """Name and reason of an epoch: the first one, one after a restore, or one because all seals are gone."""
    known = anchor.read(bench.config.home, None)
    restored = restore_token(session, bench.db.signing_key)
    if restored is not None and restored not in {line.epoch for line in known.lines}:
        return restored, RESTORED
    return secrets.token_hex(16), LOST if known.lines else FIRST


def restore_token(session: Session, key: bytes | None) -> str | None:
    """The token of the newest restore on record, if its entry bears our signature."""
    query = select(AuditEntry).where(AuditEntry.action == "backup.restored").order_by(AuditEntry.id.desc())
    entry = session.scalars(query.limit(1)).first()
    if entry is None or (key is not None and not audit.is_signed(entry, key)):
        return None
    return str(entry.facts.get("token", "")) or None
