"""The deep check: every sealed fact against its checksum, every seal against its chain, the chain against the anchor.

It names each row that was changed, deleted or put there by hand, and tells that from what is merely not sealed yet.
What may change once after it was written (undone, withdrawn, ruled, the state of a case file) is checked against the
trail and the events it follows from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from qa.evidence import anchor, archive_lists, consistency, records
from qa.evidence.consistency import Contradiction
from qa.evidence.parts import FETCH, PARTS, SealedPart, chained, digests
from qa.evidence.sealing import LOST, content, restore_token, snapshot, suspects, trail, unanchored, unsealed
from qa.i18n import N_
from qa.tables import AuditEntry, RecordSeal, Seal, SealBatch, guards
from qa.workbench import Workbench

CHANGED = N_("{table} {key} was changed by hand")
DELETED = N_("{table} {key} was deleted by hand")
INSERTED = N_("{table} {key} was put there by hand")
WAS_WRONG = N_("{table} {key} was already wrong when it was sealed")
SEALS = N_("the seals of batch {key} were changed or deleted")
ANCHOR = N_("the anchor outside the database knows batch {key} otherwise: the seals were rewritten")
MISSING = N_("the anchor outside the database knows batch {key}, the database does not: its end was cut off")
BEGUN_ANEW = N_("all seals were gone once and sealing began anew with batch {key}: what was before is not vouched for")
FOREIGN = N_("line {key} of the anchor file was not written here")
UNTOLD = N_("the anchor outside the database ends before batch {key}: its last lines were cut off")
NO_ANCHOR = N_("the anchor file is missing: what the seals say cannot be compared")
TRIGGER = N_("the trigger {table} is missing or changed: “spotcheck upgrade” puts it back")


@dataclass(frozen=True)
class Forgery:
    """One thing that is not as we left it: `what` is a message with the places `table` and `key`."""

    what: str
    table: str
    key: str


@dataclass(frozen=True)
class EvidenceReport:
    """What the check found. `batches` is 0 while nothing is sealed; `waiting` facts are younger than the last seal."""

    batches: int
    rows: int
    waiting: int
    oldest: datetime | None
    chain: str
    forgeries: tuple[Forgery, ...]


def check(bench: Workbench) -> EvidenceReport:
    """Compare everything; changes nothing."""
    key = bench.db.signing_key
    with snapshot(bench) as session:
        batches = session.scalars(select(SealBatch).order_by(SealBatch.id)).all()
        found = [Forgery(TRIGGER, name, "") for name in guards.missing(session.connection())]
        waiting: list[datetime] = []
        if batches:
            for part in PARTS:
                found += _compare(session, part)
            fresh = list(unsealed(session, everything=True))
            wrong = suspects(session, [*fresh, *unanchored(session, bench, batches[-1])], key)
            found += [Forgery(INSERTED, one.subject, str(one.key)) for one in wrong]
            found += _records(session, trail(session, fresh, wrong))
            found += [Forgery(WAS_WRONG, str(t), str(k)) for batch in batches for t, k in batch.suspects]
            found += _lists(session, bench)
            found += _chain(session, batches)
            waiting = [
                one.moment for one in fresh if one.moment is not None and one.subject == AuditEntry.__tablename__
            ]
        found += _anchored(session, bench, batches)
        found += [_contradiction(one) for one in consistency.contradictions(session)]
    unique = tuple(dict.fromkeys(found))
    rows = sum(batch.rows for batch in batches)
    last = batches[-1].chain if batches else ""
    return EvidenceReport(len(batches), rows, len(waiting), min(waiting, default=None), last, unique)


def _contradiction(one: Contradiction) -> Forgery:
    return Forgery(one.what, one.table, one.key)


def _compare(session: Session, part: SealedPart) -> Iterator[Forgery]:
    """Both in order of the key: what differs was changed, what has only a seal was deleted."""
    query = select(Seal.key, Seal.digest).where(Seal.subject == part.subject).order_by(Seal.key)
    seals = iter(session.execute(query.execution_options(yield_per=FETCH)))
    seal = next(seals, None)
    for key, checksum, _moment in digests(session, part):
        while seal is not None and seal[0] < key:
            yield Forgery(DELETED, part.subject, str(seal[0]))
            seal = next(seals, None)
        if seal is not None and seal[0] == key:
            if seal[1] != checksum:
                yield Forgery(CHANGED, part.subject, str(key))
            seal = next(seals, None)
    while seal is not None:
        yield Forgery(DELETED, part.subject, str(seal[0]))
        seal = next(seals, None)


def _records(session: Session, entries: Sequence[AuditEntry]) -> Iterator[Forgery]:
    """Rows that may change and did, without a word in the trail."""
    if not records.any_sealed(session):
        return
    for one, known in records.unexplained(session, entries):
        yield Forgery(INSERTED if not known else CHANGED if one.digest else DELETED, one.subject, one.key)


def _lists(session: Session, bench: Workbench) -> Iterator[Forgery]:
    """The archive's lists of checksums."""
    there = {one.key: one.digest for one in archive_lists.standing(bench.config.archive)}
    for name, digest in records.sealed(session, archive_lists.SUBJECT).items():
        if digest and there.get(name) != digest:
            yield Forgery(CHANGED if name in there else DELETED, archive_lists.SUBJECT, name)


def _chain(session: Session, batches: Sequence[SealBatch]) -> Iterator[Forgery]:
    query = select(Seal.batch_id, Seal.subject, Seal.key, Seal.digest).order_by(Seal.batch_id)
    standing = select(RecordSeal.batch_id, RecordSeal.subject, RecordSeal.key, RecordSeal.digest)
    held = _by_batch(session, query)
    stands = _by_batch(session, standing.order_by(RecordSeal.batch_id))
    before, expected = batches[0].epoch, 1
    for batch in batches:
        rows = [*sorted(held.get(batch.id, [])), *sorted(stands.get(batch.id, []))]
        # batches of earlier releases do not chain what they found wrong
        chains = {chained(before, content(rows, batch.suspects)), chained(before, rows)}
        if batch.id != expected or len(rows) != batch.rows or batch.chain not in chains:
            yield Forgery(SEALS, SealBatch.__tablename__, str(batch.id))
        before, expected = batch.chain, batch.id + 1


def _by_batch(session: Session, query: Select[int, str, Any, str]) -> dict[int, list[tuple[str, Any, str]]]:
    """(subject, key, checksum) of every batch."""
    rows = session.execute(query.execution_options(yield_per=FETCH))
    return {
        number: [(row[1], row[2], row[3]) for row in group] for number, group in groupby(rows, key=lambda row: row[0])
    }


def _anchored(session: Session, bench: Workbench, batches: Sequence[SealBatch]) -> Iterator[Forgery]:
    known = anchor.read(bench.config.home, bench.db.signing_key)
    table = SealBatch.__tablename__
    for number in known.bad:
        yield Forgery(FOREIGN, table, str(number))
    if not known.lines:
        if batches and bench.db.signing_key is not None:
            yield Forgery(NO_ANCHOR, table, "")
        return
    for line in known.lines:
        if line.reason == LOST:
            yield Forgery(BEGUN_ANEW, table, str(line.batch))
    epoch = known.lines[-1].epoch
    if not batches and restore_token(session, bench.db.signing_key) not in {None, *(one.epoch for one in known.lines)}:
        return  # restored a moment ago: the next sealing begins the new epoch
    held = {batch.id: batch for batch in batches}
    for line in known.lines:
        if line.epoch != epoch:
            continue
        batch = held.get(line.batch)
        if batch is None:
            yield Forgery(MISSING, table, str(line.batch))
        elif (batch.chain, batch.rows, batch.epoch, batch.reason) != (
            line.chain,
            line.rows,
            line.epoch,
            line.reason,
        ):
            yield Forgery(ANCHOR, table, str(line.batch))
    newest = max((line.batch for line in known.lines if line.epoch == epoch), default=0)
    if bench.db.is_sqlite:  # servers on PostgreSQL may each have the lines of their own batches
        for batch in batches:
            if batch.epoch == epoch and batch.id > newest + 1:
                yield Forgery(UNTOLD, table, str(batch.id))
