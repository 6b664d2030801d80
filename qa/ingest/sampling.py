"""The first rows of a file as they would be read: one chat to look at, and who speaks in it. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from qa.ingest import chats, roster
from qa.ingest.detecting import Detected
from qa.ingest.mapping import SEPARATOR, Mapping
from qa.ingest.problems import ProblemLog
from qa.policy import Actor, Right, require
from qa.workbench import Workbench

SHOWN_MESSAGES = 40
SHOWN_NAMES = 60


@dataclass(frozen=True)
class SampleChat:
    """`messages`: role, name (agent or empty), sent_at, kind, text of one chat, in order. `speakers`: name, what that
    speaker is taken for (empty: open), how many messages of the first rows; the open ones first."""

    messages: pl.DataFrame
    speakers: tuple[tuple[str, str, int], ...]


def sample_chat(bench: Workbench, actor: Actor, detected: Detected, mapping: Mapping) -> SampleChat:
    """One chat of the file's first rows, read by `mapping`: the first in which both sides speak. Empty where none
    is."""
    require(actor, Right.IMPORT)
    wanted = dict.fromkeys(part for header in mapping.columns.values() for part in _parts(header, detected))
    names = [name for name in wanted if name in detected.headers]
    rows = pl.DataFrame(
        {name: [row.get(name) for row in detected.rows] for name in names}, schema=dict.fromkeys(names, pl.String)
    )
    rows = rows.with_row_index("file_row", offset=1).with_columns(pl.col("file_row").cast(pl.Int64))
    zone, people = mapping.zone(bench.config.zone), roster.people(bench)
    log = ProblemLog({})
    read = chats.read(rows, mapping, detected.shape.nested, zone, log, people)
    spoke = chats.spoken(rows, mapping, zone, roster.people(bench))
    return SampleChat(_one(read), spoke)


def _parts(header: str, detected: Detected) -> list[str]:
    return [header] if header in detected.headers else header.split(SEPARATOR)


def _one(read: pl.DataFrame) -> pl.DataFrame:
    sides = read.group_by("conversation_id", maintain_order=True).agg(
        both=pl.col("role").is_in(["customer"]).any() & pl.col("role").is_in(["agent"]).any()
    )
    if sides.is_empty():
        return pl.DataFrame(schema=["role", "name", "sent_at", "kind", "text"])
    chosen = sides.sort("both", descending=True, maintain_order=True)["conversation_id"][0]
    one = read.filter(pl.col("conversation_id") == chosen).sort("sent_at", nulls_last=False, maintain_order=True)
    return one.select("role", "sent_at", "kind", "text", name=pl.col("agent_id").fill_null("")).head(SHOWN_MESSAGES)
