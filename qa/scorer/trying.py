"""A test before anything is stored: twenty conversations that people have judged, asked about once, with the cost.

Stores no score and makes no version. Text leaves under the same rules as in a run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import select

from qa.policy import Actor, Right, require
from qa.scorer import asker, asking, endpoint, requests
from qa.scorer.asker import Asker
from qa.scorer.asking import Answered, Question
from qa.scorer.questions import MAIN, AskedConversation, checked
from qa.security import log as securitylog
from qa.tables import Sample, Verdict
from qa.workbench import Workbench
from scoring import judge

MANY = 20
Lines = dict[str, list[dict[str, Any]]]
"""What is sent of each conversation."""


@dataclass(frozen=True)
class TestRow:
    """One conversation: what became of the question, and how many points the answer lies above (+) or below the
    inspector's; `void` of its answers were void, `unsure` could not tell."""

    conversation_key: str
    state: str
    apart: float | None
    void: int
    unsure: int


@dataclass(frozen=True)
class Test:
    """What came back, what it cost, and what a thousand conversations would cost; `stopped` says why nothing did."""

    rows: tuple[TestRow, ...]
    answering: str
    form: str
    cost: float
    thousand: float
    sent_bytes: int
    stopped: str


def test(bench: Workbench, actor: Actor) -> Test:
    """Ask about the conversations judged last. Raises `Conflict` where nothing may be asked."""
    require(actor, Right.MAINTAIN, Right.PLAN_DRAW)
    made, state = asker.probe(asker.current(bench))
    if state != endpoint.SCORED:
        return Test((), "", made.form, 0.0, 0.0, 0, state)
    totals = _judged(bench)
    lines = {
        one.conversation_key: said
        for one, said in asker.lines_of(bench, bench.archive.at(), [AskedConversation(key, "", MAIN) for key in totals])
        if said
    }
    questions = _questions(made, lines)
    securitylog.note("scorer.tested", actor.user_id, host=made.to.host, conversations=len(questions))
    answers = [
        one
        for part in asking.ask_all(
            made.to, questions, concurrency=made.setup.concurrency, per_minute=made.setup.per_minute
        )
        for one in part
    ]
    return _told(bench, made, totals, lines, answers)


def _judged(bench: Workbench) -> dict[str, int]:
    query = (
        select(Sample.conversation_key, Verdict.outcome["total_without_redlines"].as_integer())
        .join(Verdict, Verdict.sample_id == Sample.id)
        .where(Verdict.is_current, Verdict.kind != "withdrawn", Sample.source == "chat")
        .where(Sample.conversation_key.is_not(None))
        .order_by(Verdict.id.desc())
        .limit(MANY)
    )
    with bench.db.read() as session:
        return {str(key): int(total) for key, total in session.execute(query)}


def _questions(made: Asker, lines: Lines) -> list[Question]:
    bodies = [made.body(said, MAIN, key) for key, said in lines.items()]
    return [Question(n, hashlib.sha256(content).hexdigest(), content) for n, content in enumerate(bodies)]


def _told(bench: Workbench, made: Asker, totals: dict[str, int], lines: Lines, answers: Sequence[Answered]) -> Test:
    keys, ids = list(lines), [criterion.id for criterion in made.rubric.criteria]
    rows, tokens = [], [0, 0]
    for one in sorted(answers, key=lambda each: each.question.id):
        key, reply = keys[one.question.id], one.reply
        tokens = [tokens[0] + reply.tokens_in, tokens[1] + reply.tokens_out]
        rows.append(_row(bench, made, key, totals[key], reply, ids, lines[key]))
    cost = (tokens[0] * made.setup.price_in + tokens[1] * made.setup.price_out) / 1e6
    paid = sum(one.reply.tokens_in > 0 for one in answers)
    stopped = next((one.reply.state for one in answers if one.reply.state in endpoint.STOPPING), "")
    return Test(
        tuple(rows), made.answering, made.form, round(cost, 6), round(1000 * cost / paid, 4) if paid else 0.0,
        sum(len(one.question.content) for one in answers), stopped,
    )  # fmt: skip


def _row(
    bench: Workbench, made: Asker, key: str, total: int, reply: Any, ids: Sequence[str], lines: list[dict[str, Any]]
) -> TestRow:
    if reply.answers is None:
        return TestRow(key, reply.state, None, 0, 0)
    said = requests.quoted(lines, endpoint.rows(reply.answers, ids, key))
    found = checked(bench.archive.at(), made.rubric, said)
    whole = found.filter(pl.col("about").is_null())["loss"].to_list()[0]
    apart = None if whole is None else (10_000 - whole - total) / 100
    kinds = found.filter(pl.col("about").is_not_null())["answer"]
    return TestRow(key, reply.state, apart, int((kinds == judge.VOID).sum()), int((kinds == judge.CANNOT_TELL).sum()))
