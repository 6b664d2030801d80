"""The very same file once more: it says nothing new, or it is read anew and replaces what it brought before.

Messages are known again by what they say, so a file that is read in another way (another mapping, time zone, role or
release) would stand beside its earlier self. What a file brought is therefore taken back before it is read anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl
from sqlalchemy import select

from qa.archive import KEYS, ArchiveChange, Snapshot
from qa.ingest import freezing, takeback
from qa.ingest.mapping import Mapping
from qa.ingest.requests import ImportCounts, LoadRequest
from qa.tables import ImportRun
from qa.workbench import Workbench


@dataclass(frozen=True)
class Earlier:
    """Imports of the same file that stand: all of them (`runs`), the one whose rows are in the archive (`owner`), and
    when that was."""

    runs: tuple[int, ...]
    owner: int
    at: datetime
    mapping: Mapping
    agents: tuple[str, ...]
    """Agents that joined the roster with it."""


def earlier(bench: Workbench, job: LoadRequest, sha256: str) -> Earlier | None:
    """The earlier imports of the file with this hash as the same kind, under the same source."""
    with bench.db.read() as session:
        rows = session.execute(
            select(ImportRun.id, ImportRun.started_at, ImportRun.mapping, ImportRun.outcome)
            .where(
                ImportRun.sha256 == sha256,
                ImportRun.kind == job.kind,
                ImportRun.source == job.source,
                ImportRun.state == "done",
                ImportRun.id != job.import_id,
            )
            .order_by(ImportRun.id)
        ).all()
    if not rows or not sha256:
        return None
    ids = tuple(row.id for row in rows)
    agents = dict.fromkeys(agent for row in rows for agent, _name in (row.outcome or {}).get("agents", ()))
    return Earlier(
        ids, owner_of(bench, ids[0]), rows[-1].started_at, Mapping.from_dict(rows[-1].mapping or {}), tuple(agents)
    )


def owner_of(bench: Workbench, run_id: int) -> int:
    """The import that brought the rows which a run only repeated; itself otherwise."""
    with bench.db.read() as session:
        outcome = session.scalar(select(ImportRun.outcome).where(ImportRun.id == run_id)) or {}
    return int(outcome.get("repeats") or run_id)


def says_nothing_new(job: LoadRequest, before: Earlier, counts: ImportCounts) -> bool:
    """Whether the file is read as it was, and leaves the archive as it is."""
    now, then = (replace(mapping, preset="", assumed=()) for mapping in (job.mapping, before.mapping))
    return now.to_dict() == then.to_dict() and not (counts.new or counts.changed or counts.joined)


def unused(before: Earlier, archive: Snapshot) -> list[str]:
    """The agents that joined the roster with earlier imports of the file and of whom the archive now knows nothing."""
    if not before.agents:
        return []
    agents = archive.scan("conversations").select(pl.col("agent_ids").explode()).unique().collect()["agent_ids"]
    return [agent for agent in before.agents if agent not in set(agents)]


def take_back(
    bench: Workbench, change: ArchiveChange, before: Earlier, new_id: int, kind: str, now: datetime
) -> pl.DataFrame:
    """Remove what the earlier imports of the file brought; returns what the archive knew of it: key and
    `known_hash`."""
    plan = takeback.without(change.before, before.owner, new_id)
    known = restated(change.before, plan, kind)
    freezing.freeze(bench, change.before, plan, now)
    takeback.apply(change, plan, before.owner)
    return known


def restated(before: Snapshot, plan: takeback.Without, kind: str) -> pl.DataFrame:
    """Key and content of the records that `plan` touches, as they are known: of the table that files of `kind` fill."""
    table = kind if kind in ("disputes", "ratings") else "conversations"
    key = KEYS[table]
    keys = pl.concat([plan.gone[table], plan.rows[table][key]]).unique().alias(key)
    rows = before.scan(table).join(keys.to_frame().lazy(), on=key, how="semi")
    return rows.select(key, known_hash="content_hash").collect()
