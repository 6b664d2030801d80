"""What a removal concerns: the units of the archive, and what hangs on them. It only looks.

Units are named by a keyed hash everywhere else: what says that something was removed must not say whose it was.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from qa.archive import Snapshot
from qa.errors import Invalid
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import AuditEntry, Case, Sample, Transcript, Violation
from qa.workbench import Workbench

MOMENTS: Mapping[str, str] = {"conversations": "started_at", "disputes": "opened_at", "ratings": "rated_at"}
UNIT_KEYS: Mapping[str, str] = {
    "conversations": "conversation_key",
    "disputes": "dispute_key",
    "ratings": "rating_key",
}


@dataclass(frozen=True)
class Matter:
    """What to remove from `source`: what happened before a moment (UTC), or everything of one customer."""

    source: str
    before: datetime | None = None
    customer: str | None = None

    def check(self) -> None:
        """Raise `Invalid` unless it names exactly one of the two."""
        if (self.before is None) == (not (self.customer or "").strip()):
            raise Invalid(N_("Name either a day or a customer."))

    @classmethod
    def older_than(cls, source: str, days: int, now: datetime) -> Matter:
        """What a policy of so many days concerns now."""
        return cls(source, before=now - timedelta(days=days))


@dataclass(frozen=True)
class Units:
    """Keys of conversations, disputes and ratings, and the imports that brought them."""

    keys: Mapping[str, frozenset[str]]
    imports: frozenset[int]

    @property
    def all(self) -> frozenset[str]:
        """Every key."""
        return frozenset().union(*self.keys.values())


@dataclass(frozen=True)
class RemovalPreview:
    """What a removal would take away; nothing of it is gone yet. `backups` still hold it afterwards."""

    conversations: int
    disputes: int
    ratings: int
    messages: int
    transcripts: int
    case_files: int
    cases: int
    draws: int
    backups: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to remove."""
        return not (self.conversations or self.disputes or self.ratings or self.transcripts)


def preview(bench: Workbench, actor: Actor, matter: Matter) -> RemovalPreview:
    """Count what would go."""
    require(actor, Right.MAINTAIN)
    matter.check()
    snapshot = bench.archive.at()
    found = units(snapshot, matter)
    key, hashes = unit_key(bench), {hashed(unit_key(bench), unit) for unit in found.all}
    chats = pl.Series(sorted(found.keys["conversations"]), dtype=pl.String)
    said = snapshot.scan("messages").filter(pl.col("conversation_key").is_in(chats.implode()))
    with bench.db.read() as session:
        texts = sum(1 for _ in transcripts_of(session, key, hashes))
        files = session.execute(select(Violation.id, Violation.conversation_key)).all()
        cases = session.execute(
            select(Case.id, Case.conversation_key, Sample.unit_id, Sample.conversation_key, Violation.conversation_key)
            .outerjoin(Sample, Sample.id == Case.sample_id)
            .outerjoin(Violation, Violation.id == Case.violation_id)
            .where(Case.state != "withdrawn")
        ).all()
        drawn = session.execute(select(Sample.draw_id, Sample.unit_id)).all()
        backups = tuple(session.scalars(select(AuditEntry.entity_id).where(AuditEntry.action == "backup.made")))
    return RemovalPreview(
        conversations=len(found.keys["conversations"]),
        disputes=len(found.keys["disputes"]),
        ratings=len(found.keys["ratings"]),
        messages=int(said.select(pl.len()).collect().item()),
        transcripts=texts,
        case_files=sum(key_ in found.keys["conversations"] for _, key_ in files),
        cases=sum(any(one in found.all for one in row[1:]) for row in cases),
        draws=len({draw for draw, unit in drawn if draw is not None and unit in found.all}),
        backups=tuple(dict.fromkeys(backups)),
    )


def units(snapshot: Snapshot, matter: Matter) -> Units:
    """The units that the archive holds of a matter, with those that are joined to a customer's chats."""
    keys: dict[str, frozenset[str]] = {}
    imports: set[int] = set()
    for table, key in UNIT_KEYS.items():
        rows = snapshot.scan(table).filter(pl.col("source") == matter.source)
        if matter.before is not None:
            rows = rows.filter(pl.col(MOMENTS[table]) < matter.before)
        elif table == "conversations":
            rows = rows.filter(pl.col("customer_id") == matter.customer)
        else:
            chats = pl.Series(sorted(keys["conversations"]), dtype=pl.String)
            theirs = pl.col("conversation_key").is_in(chats.implode())
            rows = rows.filter((pl.col("customer_id") == matter.customer) | theirs.fill_null(False))
        found = rows.select(key, "import_id").collect()
        keys[table] = frozenset(found[key])
        imports |= set(found["import_id"].drop_nulls())
    return Units(keys, frozenset(imports))


def customers_like(snapshot: Snapshot, source: str, key: bytes, wanted: frozenset[str]) -> list[str]:
    """Customers of `source` whose hash is among `wanted`: who asked before and was imported again."""
    known = [
        snapshot.scan(table).filter(pl.col("source") == source).select("customer_id").unique() for table in UNIT_KEYS
    ]
    names = pl.concat(known).drop_nulls().unique().collect()["customer_id"]
    return [name for name in names if hashed(key, f"{source}\n{name}") in wanted]


def transcripts_of(
    session: Session, key: bytes, hashes: set[str] | frozenset[str], *, emptied_at: datetime | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Frozen texts of units, and of records whose chat is one of them: id and content of those that still have their
    text, or that lost it at the moment given."""
    emptied = Transcript.redacted_at.is_(None) if emptied_at is None else Transcript.redacted_at == emptied_at
    query = select(Transcript.id, Transcript.unit_id, Transcript.content).where(emptied)
    for number, unit, content in session.execute(query.execution_options(yield_per=500)):
        chat = content.get("conversation_key") or unit
        if hashed(key, unit) in hashes or hashed(key, str(chat)) in hashes:
            yield number, content


def unit_key(bench: Workbench) -> bytes:
    """The key under which removed units and customers are remembered. Raises `Invalid` where the key file is missing:
    nothing could be found again."""
    if bench.db.signing_key is None:
        raise Invalid(N_("The key file of this installation is missing; without it nothing can be removed for good."))
    return hmac.new(bench.db.signing_key, b"removed units", hashlib.sha256).digest()


def hashed(key: bytes, name: str) -> str:
    """The name of a unit or customer as it is remembered."""
    return hmac.new(key, name.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
