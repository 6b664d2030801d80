"""What earlier releases lost or doubled, as far as the records tell: for `spotcheck doctor`. It only looks."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from qa.tables import ImportRun, RuleVersion, Violation
from qa.workbench import Workbench

SAME_IDS = 0.9
SHOWN = 10


@dataclass(frozen=True)
class PastDamage:
    """Imports of a release that replaced chats instead of adding to them, and how many chats they changed; case files
    that were withdrawn although their rule is still in force as it was; sources that share nearly all ids, in pairs."""

    replacing: tuple[int, ...] = ()
    replaced: int = 0
    withdrawn: int = 0
    doubled: tuple[tuple[str, str], ...] = ()


def find(bench: Workbench) -> PastDamage:
    """Look for all three."""
    with bench.db.read() as session:
        replacing, replaced = _replacing(session)
        withdrawn = _withdrawn(session)
    return PastDamage(replacing, replaced, withdrawn, _doubled(bench))


def _replacing(session: Session) -> tuple[tuple[int, ...], int]:
    runs = session.execute(
        select(ImportRun.id, ImportRun.counts).where(
            ImportRun.kind == "conversations", ImportRun.state == "done", ImportRun.outcome.is_(None)
        )
    )
    found = {number: int(counts.get("changed", 0)) for number, counts in runs}
    some = tuple(sorted(number for number, changed in found.items() if changed))
    return some, sum(found.values())


def _withdrawn(session: Session) -> int:
    """Files whose very rule version is in force without end, so that no change of it can have taken their finding
    away."""
    still = (
        select(RuleVersion.id)
        .where(
            RuleVersion.rule_id == Violation.rule_id,
            RuleVersion.version == Violation.rule_version,
            RuleVersion.state == "published",
            RuleVersion.in_force_to.is_(None),
        )
        .exists()
    )
    return session.scalar(select(func.count()).where(Violation.state == "withdrawn", still)) or 0


def _doubled(bench: Workbench) -> tuple[tuple[str, str], ...]:
    """Pairs of sources of which the smaller has nearly all its ids in the other."""
    ids = bench.archive.at().scan("conversations").select("source", "conversation_id")
    sizes = dict(ids.group_by("source").len().collect().iter_rows())
    if len(sizes) < 2:
        return ()
    both = ids.join(ids, on="conversation_id", suffix="_other").filter(pl.col("source") < pl.col("source_other"))
    shared = both.group_by("source", "source_other").len().sort("source", "source_other").collect()
    return tuple((one, other) for one, other, n in shared.iter_rows() if n >= SAME_IDS * min(sizes[one], sizes[other]))
