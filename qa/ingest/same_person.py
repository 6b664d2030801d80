"""Two accounts of one person made one: what the archive knows of the other account becomes the person's, and back.

Samples, results and case files are evidence and stay as they were made, with the team of their day. The way back reads
the version of the archive before: what came in after the merge stays the person's.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import func, insert, select

from qa.archive import KEYS, ArchiveChange, Snapshot
from qa.errors import Conflict, NotFound
from qa.i18n import N_
from qa.ingest import merging, runs
from qa.ingest.hashing import row_hash
from qa.people import aliases
from qa.people.aliases import Alias
from qa.policy import Actor, Right, require
from qa.tables import ImportRun, Sample, Violation
from qa.workbench import Workbench

KIND = "merge"
CHAT = "conversation_key"
ROWS: Mapping[str, tuple[str, ...]] = {
    "messages": (CHAT, "import_id", "file_row", "sent_at", "text"),
    "message_parts": (CHAT, "import_id", "file_row", "sent_at", "text"),
    "hits": (CHAT, "seq", "rule_id", "start"),
    "promises": (CHAT, "seq", "kind", "start"),
    "disputes": ("dispute_key",),
    "ratings": ("rating_key",),
    "conversation_origins": (CHAT, "import_id", "kind"),
    "dispute_origins": ("dispute_key", "import_id"),
    "rating_origins": ("rating_key", "import_id"),
}
"""Tables that name an agent in `agent_id`, with the columns by which a row is known again."""


@dataclass(frozen=True)
class Merge:
    """What a merge changes in the archive, and the samples and case files of the account, which stay as they are."""

    conversations: int = 0
    messages: int = 0
    disputes: int = 0
    ratings: int = 0
    samples: int = 0
    case_files: int = 0

    def to_dict(self) -> dict[str, int]:
        return asdict(self)


def merge_preview(bench: Workbench, actor: Actor, *, account: str, agent_id: str) -> Merge:
    """What `merge` would change; nothing is written. Raises as `merge`."""
    require(actor, Right.IMPORT)
    with bench.db.read() as session:
        aliases.check(session, Alias(account, agent_id))
    return _counted(bench, bench.archive.at(), account)


def merge(bench: Workbench, actor: Actor, *, now: datetime, account: str, agent_id: str) -> Merge:
    """Make `account` another account of `agent_id`, for what is there and what comes. Raises `Invalid`, `NotFound`,
    `Conflict` for an account that is somebody else's, or when somebody is writing."""
    require(actor, Right.IMPORT)
    with bench.db.read() as session:
        aliases.check(session, Alias(account, agent_id))
    done = _counted(bench, bench.archive.at(), account)
    outcome: dict[str, object] = {"counts": done.to_dict(), "agents": [], "merges": [account, agent_id]}

    def change(change: ArchiveChange) -> None:
        _rename(change, change.before, account, agent_id)

    _run(bench, actor, now, f"{account} → {agent_id}", outcome, change)
    return done


def undo_merge(bench: Workbench, actor: Actor, *, now: datetime, run_id: int) -> Merge:
    """Take a merge back: what it changed is the other account's again. Raises `NotFound`, `Conflict`."""
    require(actor, Right.IMPORT)
    with bench.db.read() as session:
        run = session.get(ImportRun, run_id)
        if run is None or run.kind != KIND or "merges" not in (run.outcome or {}):
            raise NotFound(N_("There is no merge {id}."), id=run_id)
        if run.state != "done":
            raise Conflict(N_("Import {id} was taken back already."), id=run_id)
        account, agent_id = (run.outcome or {})["merges"]
        version, counts, name = run.archive_version, dict(run.counts), run.file_name
    before = bench.archive.at(max(int(version or 0) - 1, 0))
    done = Merge(**{field: int(counts.get(field, 0)) for field in Merge().to_dict()})
    parts = [account, agent_id]
    outcome: dict[str, object] = {"counts": done.to_dict(), "agents": [], "parts": parts, "takes_back": run_id}

    def change(change: ArchiveChange) -> None:
        _restore(change, before, account, agent_id)

    _run(bench, actor, now, name, outcome, change)
    return done


def merges(bench: Workbench, actor: Actor) -> list[tuple[int, str, str, datetime]]:
    """The merges that stand, newest first: run, account, person, when."""
    require(actor, Right.IMPORT)
    with bench.db.read() as session:
        rows = session.scalars(
            select(ImportRun).where(ImportRun.kind == KIND, ImportRun.state == "done").order_by(ImportRun.id.desc())
        )
        return [(r.id, *(r.outcome or {})["merges"], r.started_at) for r in rows if "merges" in (r.outcome or {})]


def _run(
    bench: Workbench, actor: Actor, now: datetime, name: str, outcome: dict[str, object], change: runs.Changing
) -> None:
    """Change the archive in one step, recorded like an import."""
    with bench.db.write() as session:
        values: dict[str, object] = {
            "file_name": name[-300:],
            "sha256": "",
            "kind": KIND,
            "source": "roster",
            "mapping": {},
            "state": "started",
            "counts": {},
            "problems": [],
            "outcome": outcome,
            "started_by": actor.user_id or None,
            "started_at": now,
        }
        run_id = session.execute(insert(ImportRun).values(**values).returning(ImportRun.id)).scalar_one()
    with ExitStack() as held:
        try:
            writer = held.enter_context(bench.archive.hold())
            with writer.change(f"import {run_id}", now) as changing:
                runs.complete_dead_runs(bench, actor, now, run_id)
                change(changing)
            version = bench.archive.version()
        except BaseException:
            runs.fail(bench, actor, now, run_id, "failed")
            raise
        with bench.db.write() as session:
            runs.complete(session, actor, now, run_id, version)


def _counted(bench: Workbench, at: Snapshot, account: str) -> Merge:
    def of(table: str) -> int:
        return int(at.scan(table).filter(pl.col("agent_id") == account).select(pl.len()).collect().item())

    with bench.db.read() as session:
        samples = session.scalar(select(func.count()).where(Sample.agent_id == account)) or 0
        files = session.scalar(select(func.count()).where(Violation.agent_id == account)) or 0
    chats = at.scan("conversations").filter(_takes_part(account)).select(pl.len()).collect().item()
    return Merge(int(chats), of("messages"), of("disputes"), of("ratings"), samples, files)


def _takes_part(account: str) -> pl.Expr:
    return (pl.col("agent_id") == account).fill_null(False) | pl.col("agent_ids").list.contains(account).fill_null(
        False
    )


def _rename(change: ArchiveChange, at: Snapshot, account: str, agent_id: str) -> None:
    """Everything of one account as the other's."""
    chats = at.scan("conversations").filter(_takes_part(account)).collect()
    named = pl.col("agent_id").replace(account, agent_id)
    for table in ROWS:
        key = KEYS[table]
        keys = at.scan(table).filter(pl.col("agent_id") == account).select(key).unique().collect()
        _rewrite(change, table, _rows(at, table, keys).with_columns(named), keys)
    everyone = pl.col("agent_ids").list.eval(pl.element().replace(account, agent_id)).list.unique(maintain_order=True)
    _rewrite_chats(change, chats.with_columns(named, everyone))


def _restore(change: ArchiveChange, before: Snapshot, account: str, agent_id: str) -> None:
    """What was the account's before a merge, and is still there as the person's, as the account's."""
    now = change.before
    for table, known_by in ROWS.items():
        theirs = before.scan(table).filter(pl.col("agent_id") == account).select(known_by).unique().collect()
        keys = theirs.select(KEYS[table]).unique()
        rows = _rows(now, table, keys).join(
            theirs.with_columns(theirs=pl.lit(True)), on=known_by, how="left", nulls_equal=True, maintain_order="left"
        )
        back = pl.when(pl.col("theirs").fill_null(False) & (pl.col("agent_id") == agent_id)).then(pl.lit(account))
        _rewrite(change, table, rows.with_columns(agent_id=back.otherwise("agent_id")).drop("theirs"), keys)
    old = before.scan("conversations").filter(_takes_part(account)).select(CHAT, was="agent_id", were="agent_ids")
    chats = now.scan("conversations").join(old, on=CHAT, how="inner").collect()
    spoke = change.now().scan("messages").filter(pl.col("agent_id") == agent_id).select(CHAT).unique().collect()[CHAT]
    both = pl.col(CHAT).is_in(spoke.implode()) | pl.col("were").list.contains(agent_id)
    others = pl.col("agent_ids").list.set_difference([agent_id])
    everyone = pl.concat_list(
        pl.lit(account), pl.when(both).then(pl.lit([agent_id])).otherwise(pl.lit([], pl.List(pl.String))), others
    )
    agent = pl.when((pl.col("was") == account) & (pl.col("agent_id") == agent_id)).then(pl.lit(account))
    chats = chats.with_columns(agent_ids=everyone, agent_id=agent.otherwise("agent_id"))
    _rewrite_chats(change, chats.drop("was", "were"))


def _rows(at: Snapshot, table: str, keys: pl.DataFrame) -> pl.DataFrame:
    return at.scan(table).join(keys.lazy(), on=KEYS[table], how="semi").collect()


def _rewrite(change: ArchiveChange, table: str, rows: pl.DataFrame, keys: pl.DataFrame) -> None:
    if keys.height:
        change.remove(table, keys[KEYS[table]])
        change.append(table, rows)


def _rewrite_chats(change: ArchiveChange, chats: pl.DataFrame) -> None:
    """Conversations with the hash of their messages as these are now."""
    if chats.is_empty():
        return
    rows = change.now().scan("messages").join(chats.lazy().select(CHAT), on=CHAT, how="semi").collect()
    sums = rows.with_columns(row_hash(rows)).group_by(CHAT).agg(m=pl.col("h").sum())
    hashed = merging.with_hash(chats.join(sums, on=CHAT, how="left").with_columns(pl.col("m").fill_null(0)))
    change.remove("conversations", chats[CHAT])
    change.append("conversations", hashed)
