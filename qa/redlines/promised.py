"""Broken promises as findings of the red lines that count them (`Rule.broken_promises`), and the files they stand in.

Counted is what a record or a message contradicts, or a person has ruled broken: what the data merely suggest opens no
case file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

import polars as pl
from sqlalchemy import select

from qa.archive import Snapshot, among
from qa.blinding import shown_files
from qa.casefiles.lifecycle import FileState
from qa.casefiles.promised import counting
from qa.policy import Actor, Right, require
from qa.promises.reading import LedgerPromise, PromiseKey, judged
from qa.rules import stored
from qa.tables import Violation
from qa.workbench import Workbench
from scoring.promises import CERTAIN, PromiseStatus
from scoring.redline import Rule

PART = 200_000
"""Conversations whose promises are judged at a time: with all that was said in them about half a gigabyte. Every part
looks through the keys of the whole archive."""
SPAN = ["seq", "start", "end"]
_EMPTY = {
    "conversation_key": pl.String, "seq": pl.Int32, "rule_id": pl.String, "rule_version": pl.Int32,
    "start": pl.Int32, "end": pl.Int32, "matched": pl.String, "agent_id": pl.String,
}  # fmt: skip


def findings(bench: Workbench, snapshot: Snapshot, rules: Sequence[Rule], now: datetime) -> pl.DataFrame:
    """Broken promises as rows of the archive table `hits`, for each of the `rules` in force that counts them on the day
    and platform of the conversation."""
    wanted = counting(rules)
    keys = snapshot.scan("promises").select("conversation_key").unique().collect().to_series().sort() if wanted else ()
    found = [_broken(bench, snapshot, part, now) for part in _parts(snapshot, keys)]
    if not found:
        return pl.DataFrame(schema=_EMPTY)
    return _by_rule(pl.concat(found), snapshot, wanted, bench.config.time_zone).select(
        pl.col(name).cast(kind) for name, kind in _EMPTY.items()
    )


def _parts(snapshot: Snapshot, keys: pl.Series | tuple[()]) -> Iterable[pl.LazyFrame]:
    """The promises of the archive by conversation, in parts that fit into memory with what happened afterwards."""
    for start in range(0, len(keys), PART):
        assert isinstance(keys, pl.Series)
        yield among(snapshot.scan("promises"), keys.slice(start, PART))


def _broken(bench: Workbench, snapshot: Snapshot, part: pl.LazyFrame, now: datetime) -> pl.DataFrame:
    """Those broken for certain: conversation_key, seq, start, end, agent_id, matched."""
    certain = pl.col("ruled").is_not_null() | pl.col("evidence").is_in(sorted(one.value for one in CERTAIN))
    told = judged(bench, snapshot, part, now).filter(
        pl.col("status") == PromiseStatus.BROKEN.value, certain, pl.col("agent_id") != ""
    )
    texts = among(snapshot.scan("messages"), told["conversation_key"].unique())
    said = pl.col("text").str.slice("start", pl.col("end") - pl.col("start")).fill_null("")
    return (
        told.lazy()
        .join(texts.select("conversation_key", "seq", "text"), on=["conversation_key", "seq"], how="left")
        .select("conversation_key", *SPAN, "agent_id", matched=said)
        .collect()
    )


def _by_rule(broken: pl.DataFrame, snapshot: Snapshot, rules: Sequence[Rule], time_zone: str) -> pl.DataFrame:
    chats = snapshot.scan("conversations").select("conversation_key", "channel", "started_at")
    dated = (
        broken.lazy()
        .join(chats, on="conversation_key")
        .with_columns(day=pl.col("started_at").dt.convert_time_zone(time_zone).dt.date())
        .collect()
    )
    counted = [
        dated.filter(_applies(rule)).with_columns(rule_id=pl.lit(rule.id), rule_version=pl.lit(rule.version))
        for rule in rules
    ]
    newest = pl.concat(counted).sort("rule_version", descending=True, maintain_order=True)
    return newest.unique(["conversation_key", *SPAN, "rule_id"], keep="first", maintain_order=True)


def _applies(rule: Rule) -> pl.Expr:
    """`Rule.applies` as an expression over day and channel."""
    day, parts = pl.col("day"), list[pl.Expr]()
    if rule.in_force_from is not None:
        parts.append(day.is_null() | (day >= rule.in_force_from))
    if rule.in_force_to is not None:
        parts.append((day <= rule.in_force_to).fill_null(value=False))
    if rule.platforms:
        parts.append(pl.col("channel").is_null() | pl.col("channel").is_in(list(rule.platforms)))
    return reduce(lambda one, other: one & other, parts, pl.lit(value=True))


def beside(hits: pl.LazyFrame, found: pl.DataFrame) -> pl.LazyFrame:
    """The hits together with the broken promises of messages in which the words of the same rule found nothing."""
    same = ["conversation_key", "rule_id", "agent_id", "seq"]
    more = found.lazy().join(hits.select(same), on=same, how="anti")
    return pl.concat([hits.select(_EMPTY.keys()), more], how="vertical_relaxed")


def resting(
    files: pl.DataFrame, snapshot: Snapshot, evidence: Mapping[int, Sequence[Mapping[str, object]]]
) -> pl.Series:
    """Ids of those `files` (id, conversation_key) whose `evidence` is promises of the ledger and nothing else."""
    held = snapshot.scan("promises").filter(pl.col("conversation_key").is_in(files["conversation_key"].implode()))
    spans = set(held.select("conversation_key", *SPAN).collect().iter_rows())
    chosen = [
        bool(evidence.get(id_)) and all((key, *(hit[part] for part in SPAN)) in spans for hit in evidence[id_])
        for id_, key in files.select("id", "conversation_key").iter_rows()
    ]
    return files["id"].filter(pl.Series(chosen, dtype=pl.Boolean))


@dataclass(frozen=True)
class PromiseFile:
    """The case file that a promise stands in."""

    id: int
    rule_id: str
    state: FileState


def files_of(
    bench: Workbench, actor: Actor, promises: Iterable[LedgerPromise]
) -> Mapping[PromiseKey, tuple[PromiseFile, ...]]:
    """The case files in whose evidence the messages of these promises stand, as far as `actor` may see files."""
    require(actor, Right.VIEW_VIOLATIONS, Right.VIEW_TEAM)
    asked = list(promises)
    query = select(
        Violation.conversation_key, Violation.agent_id, Violation.id, Violation.rule_id, Violation.state,
        Violation.evidence,
    ).where(shown_files(bench, actor)).order_by(Violation.id)  # fmt: skip
    found: dict[tuple[str, str, int], list[PromiseFile]] = {}
    keys = sorted({one.conversation_key for one in asked})
    with bench.db.read() as session:
        counted = [rule.id for rule in counting(stored.rules_in_force(session))]
        for start in range(0, len(keys) if counted else 0, 500):
            part = query.where(
                Violation.conversation_key.in_(keys[start : start + 500]), Violation.rule_id.in_(counted)
            )
            for key, agent, id_, rule, state, evidence in session.execute(part):
                for seq in {int(hit["seq"]) for hit in evidence}:
                    found.setdefault((key, agent, seq), []).append(PromiseFile(id_, rule, FileState(state)))
    return {
        one.key: tuple(found.get((one.conversation_key, one.agent_id, one.seq), ())) for one in asked
    }  # fmt: skip
