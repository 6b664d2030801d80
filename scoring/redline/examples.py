"""A rule's own examples, run as its test.

Owns the short notation of example transcripts and the verdict on them. Does not know who may publish a rule.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl

from scoring.redline.objections import Failure
from scoring.redline.rule import Rule, Speaker
from scoring.redline.screen import Screener

ROLES = {
    "客户": "customer", "顾客": "customer", "买家": "customer", "customer": "customer", "buyer": "customer",
    "客服": "agent", "agent": "agent", "机器人": "bot", "bot": "bot",
}  # fmt: skip
LINE = re.compile(rf"^({'|'.join(ROLES)})(?:\+(\d{{1,6}}))?\s*[:：]\s*(.*)$", re.IGNORECASE)
NOON = datetime(2026, 1, 5, 4, tzinfo=UTC)
SCHEMA = pl.Schema(
    [
        ("conversation_key", pl.String()),
        ("seq", pl.Int32()),
        ("role", pl.String()),
        ("agent_id", pl.String()),
        ("sent_at", pl.Datetime("us", "UTC")),
        ("text", pl.String()),
    ]
)


def transcript(example: str, key: str, speaker: Speaker) -> list[tuple[str, int, str, None, datetime, str]]:
    """Message rows of an example: one line is one message of the speaker; ``客服+90: …`` comes 90 s after the line
    before."""
    written = [m for m in map(LINE.match, example.splitlines()) if m]
    if len(written) != len(example.splitlines()) or not written:
        role = "agent" if speaker is Speaker.ANY else speaker.value
        return [(key, 0, role, None, NOON, example)]
    rows, at = [], NOON
    for seq, line in enumerate(written):
        at += timedelta(seconds=int(line[2] or 10))
        rows.append((key, seq, ROLES[line[1].lower()], None, at, line[3]))
    return rows


def run_examples(rule: Rule, engine: str | None = None) -> list[Failure]:
    """The examples that the rule judges wrongly; empty when all are right. Dates and platform are not considered."""
    examples = [(e, True) for e in rule.examples.positive] + [(e, False) for e in rule.examples.negative]
    if not examples:
        return []
    timeless = replace(rule, in_force_from=None, in_force_to=None, platforms=())
    rows = [row for n, (e, _) in enumerate(examples) for row in transcript(e, str(n), rule.speaker)]
    hits = Screener([timeless], engine=engine).screen(pl.DataFrame(rows, schema=SCHEMA, orient="row"))
    matched: dict[str, list[str]] = {}
    for key, text in hits.select("conversation_key", "matched").iter_rows():
        matched.setdefault(key, []).append(text)
    return [
        Failure(rule.id, e, wanted, tuple(matched.get(str(n), ())))
        for n, (e, wanted) in enumerate(examples)
        if (str(n) in matched) != wanted
    ]
