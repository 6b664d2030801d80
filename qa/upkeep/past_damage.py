"""What earlier releases lost or doubled, as far as the records tell: for `spotcheck doctor`. It only looks."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from qa.tables import AuditEntry, Draw, ImportRun, Plan, RuleVersion, Violation
from qa.upkeep import manifests
from qa.workbench import Workbench

SAME_IDS = 0.9
SHOWN = 10
DOUBLED = 2.0
"""What the form of an earlier release made of any smaller number per agent."""


@dataclass(frozen=True)
class PastDamage:
    """Imports of a release that replaced chats instead of adding to them, and how many chats they changed; case files
    that were withdrawn although their rule is still in force as it was; sources that share nearly all ids, in pairs."""

    replacing: tuple[int, ...] = ()
    replaced: int = 0
    withdrawn: int = 0
    doubled: tuple[tuple[str, str], ...] = ()
    resaved: tuple[tuple[str, str], ...] = ()
    """Plans with a number of 2 per agent that a save left, of which the trail tells no values: name, and day."""
    two_moments: tuple[tuple[str, int, int], ...] = ()
    """Backups of which database and archive are of different moments: name, version that the database knows of, version
    of the archive."""


def find(bench: Workbench) -> PastDamage:
    """Look for all of them."""
    with bench.db.read() as session:
        replacing, replaced = _replacing(session)
        withdrawn = _withdrawn(session)
        resaved = _resaved(session)
    return PastDamage(replacing, replaced, withdrawn, _doubled(bench), resaved, _two_moments(bench))


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


def _resaved(session: Session) -> tuple[tuple[str, str], ...]:
    """Plans whose numbers per source were saved by a release whose form made 2 of 0.5 and 1, and said no values."""
    saves = session.execute(
        select(AuditEntry.entity_id, AuditEntry.at, AuditEntry.facts)
        .where(AuditEntry.action == "plan.changed", AuditEntry.entity == "plan")
        .order_by(AuditEntry.id)
    )
    last = {int(plan): at for plan, at, facts in saves if "quotas" in (facts.get("changed") or ())}
    plans = session.execute(
        select(Plan.id, Plan.name, Plan.content).where(Plan.archived_at.is_(None)).order_by(Plan.id)
    )
    return tuple(
        (name, last[number].date().isoformat())
        for number, name, content in plans
        if number in last and any(quota.get("per_agent") == DOUBLED for quota in content.get("quotas", ()))
    )


def _two_moments(bench: Workbench) -> tuple[tuple[str, int, int], ...]:
    """Backups in the installation's folder whose database knows of more than their archive holds."""
    found = []
    for name, manifest in manifests.found(bench.config.home):
        file = manifests.own_folder(bench.config.home) / name / manifests.DATABASE
        if manifest.archive_version is None or not file.exists():
            continue
        known = _known_version(file)
        if known > manifest.archive_version:
            found.append((name, known, manifest.archive_version))
    return tuple(found)


def _known_version(file: Path) -> int:
    """The newest archive version that the database of a backup speaks of; 0 where it cannot be read."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro&immutable=1", uri=True)) as rows:
            newest = [
                rows.execute(f"SELECT max(archive_version) FROM {table}").fetchone()[0]
                for table in (ImportRun.__tablename__, Draw.__tablename__)
            ]
    except sqlite3.Error:
        return 0
    return max(version or 0 for version in newest)
