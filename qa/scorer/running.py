"""A run: the conversations that wait are asked about, the most valuable first, up to the budget; answers are kept as
they come and published together.

Whether a conversation is asked about depends on its day and on what the next predictor is unsure of, never on being
reviewed. A question is put on record before it is sent and answered once: whoever is killed goes on where they stood,
and an answer that was paid for is never asked again. Does not talk to the endpoint itself (`qa.scorer.asking`).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import polars as pl
from sqlalchemy import func, select

from qa.archive import Snapshot, predictions
from qa.errors import Cancelled
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.scorer import asker, asking, endpoint, gold, publishing, requests, versions
from qa.scorer.asker import Asker
from qa.scorer.asking import Answered, Question
from qa.scorer.questions import AGAIN, MAIN, REVERSED, AskedConversation
from qa.scorer.requests import Outgoing
from qa.tables import Scorer, ScorerRequest
from qa.workbench import Workbench

ONE_IN = 50
"""One conversation in so many is asked about twice, another one with its options in reverse."""
BATCH = 200
"""Conversations whose text is read at once."""

Progress = Callable[[float, str], None]
Cancel = Callable[[], bool]


@dataclass(frozen=True)
class ScorerRun:
    """What a run did: conversations scored, answers that were no whole score, questions that failed and may be asked
    again, those that still wait, what it cost, and why it stopped (a state of the endpoint; empty when it did not)."""

    version: str
    scored: int
    unusable: int
    failed: int
    waiting: int
    sent_bytes: int
    tokens_in: int
    tokens_out: int
    cost: float
    stopped: str
    alarm: bool = False


def run(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    budget: int | None = None,
    minutes: float | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ScorerRun:
    """Ask about what waits, at most `budget` conversations (None: as set up), and publish the answers. `cancel` ends it
    after what is under way, and so do the `minutes`; nothing is lost then. Raises `Conflict` where nothing may be
    asked."""
    require(actor, Right.MAINTAIN, Right.PLAN_DRAW)
    made, snapshot = asker.current(bench), bench.archive.at()
    made, scorer, first = _version(bench, actor, now, made, snapshot)
    if scorer is None:
        return _nothing(first)
    wanted = [*gold.due(bench, scorer, now), *_waiting(bench, snapshot, scorer, (budget or made.setup.budget))]
    total, stopped, ids = max(len(wanted), 1), "", list[int]()
    over = _over(minutes, cancel)
    for answers in _answers(bench, made, scorer, snapshot, wanted, over, clock):
        ids += [one.question.id for one in answers]
        stopped = next((one.reply.state for one in answers if one.reply.state in endpoint.STOPPING), stopped)
        if progress is not None:
            progress(0.95 * min(len(ids) / total, 1.0), N_("Asking the machine scorer"))
    publishing.publish(bench, actor, now=now, scorer_id=scorer.id)
    alarm = gold.watch(bench, actor, now=now, scorer_id=scorer.id)
    result = _result(bench, made, scorer, ids, stopped, alarm)
    with bench.begin(actor, now) as work:
        work.record("scorer.run", "scorer", scorer.id, version=scorer.version, host=made.to.host, scored=result.scored,
                    failed=result.failed, bytes=result.sent_bytes, cost=result.cost, state=result.stopped)  # fmt: skip
    if cancel is not None and cancel():
        raise Cancelled(N_("Scoring was stopped; what was answered is kept."))
    if progress is not None:
        progress(1.0, N_("Asking the machine scorer"))
    return result


def _over(minutes: float | None, cancel: Cancel | None) -> Cancel:
    """Whether to ask no more: somebody stops the run, or its minutes are over."""
    until = None if minutes is None else time.monotonic() + 60 * minutes
    return lambda: (cancel is not None and cancel()) or (until is not None and time.monotonic() > until)


def _nothing(stopped: str) -> ScorerRun:
    return ScorerRun("", 0, 0, 0, 0, 0, 0, 0, 0.0, stopped)


def _version(
    bench: Workbench, actor: Actor, now: datetime, made: Asker, snapshot: Snapshot
) -> tuple[Asker, Scorer | None, str]:
    """The version that the endpoint answers as, found out with a question without any conversation the first time; or
    why there is none."""
    if not made.answering:
        made, state = asker.probe(made)
        if state != endpoint.SCORED:
            return made, None, state
    with bench.begin(actor, now) as work:
        row, _ = versions.put(
            work, predictor=predictions.MACHINE, label=made.answering[:100], kind=versions.ENDPOINT,
            rubric_version_id=made.rubric_version_id, content=made.content(),
        )  # fmt: skip
        work.session.flush()
        work.session.refresh(row)
        work.session.expunge(row)
    return made, row, ""


def _waiting(bench: Workbench, snapshot: Snapshot, scorer: Scorer, budget: int) -> list[AskedConversation]:
    """Screened conversations without a score of this version, the most valuable first: the newest day, then where the
    next predictor is least sure; and one in `ONE_IN` twice, one in reverse."""
    done = versions.scores(snapshot, predictions.MACHINE, scorer.version).select("conversation_key").unique()
    zone = bench.config.time_zone
    units = (
        snapshot.scan("conversations").filter(pl.col("agent_id").is_not_null() & (pl.col("agent_message_count") > 0))
        .join(snapshot.scan("signals").select("conversation_key"), on="conversation_key", how="semi")
        .join(done, on="conversation_key", how="anti")
        .select("conversation_key", "import_id", day=pl.col("started_at").dt.convert_time_zone(zone).dt.date())
    )  # fmt: skip
    unsure = (pl.col("p") * (1 - pl.col("p"))).fill_null(0.0)
    rows = (
        predictions.predicted(units, snapshot, predictions.RISK)
        .select("conversation_key", content=pl.col("import_id").cast(pl.String).fill_null(""), day="day", unsure=unsure)
        .sort("day", "unsure", "conversation_key", descending=[True, True, False])
        .collect()
    )
    with bench.db.read() as session:
        answered = select(ScorerRequest.conversation_key, ScorerRequest.content).where(
            ScorerRequest.scorer_id == scorer.id, ScorerRequest.purpose == MAIN, ScorerRequest.state.in_(endpoint.FINAL)
        )
        known = {(key, content) for key, content in session.execute(answered)}
    chosen = [row for row in rows.select("conversation_key", "content").iter_rows() if row not in known][:budget]
    asked = [AskedConversation(key, content, MAIN) for key, content in chosen]
    for key, content in chosen:
        place = int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) % ONE_IN
        if place < 2:
            asked.append(AskedConversation(key, content, (AGAIN, REVERSED)[place]))
    return asked


def _answers(
    bench: Workbench,
    made: Asker,
    scorer: Scorer,
    snapshot: Snapshot,
    wanted: Sequence[AskedConversation],
    cancel: Cancel | None,
    clock: Callable[[], datetime],
) -> Iterator[list[Answered]]:
    """Ask, and keep every answer before it is given on."""
    questions: dict[int, Outgoing] = {}

    def all_questions() -> Iterator[Question]:
        for start in range(0, len(wanted), BATCH):
            part = wanted[start : start + BATCH]
            for one, lines, question in requests.put(bench, made, scorer, snapshot, part, clock()):
                questions[question.id] = Outgoing(one.conversation_key, lines)
                yield question

    ended: list[bool] = []

    def stop() -> bool:
        return bool(ended) or (cancel is not None and cancel())

    pool = asking.ask_all(
        made.to, all_questions(), concurrency=made.setup.concurrency, per_minute=made.setup.per_minute, stop=stop
    )
    for answers in pool:
        answers = [_same_model(one, made.answering) for one in answers]
        requests.keep(bench, made, answers, questions, clock())
        yield answers
        if any(one.reply.state in endpoint.STOPPING for one in answers):
            ended.append(True)


def _same_model(one: Answered, answering: str) -> Answered:
    if one.reply.state in endpoint.FINAL and one.reply.model and one.reply.model != answering:
        return replace(one, reply=replace(one.reply, state=endpoint.OTHER_MODEL, answers=None, detail=one.reply.model))
    return one


def _result(bench: Workbench, made: Asker, scorer: Scorer, ids: Sequence[int], stopped: str, alarm: bool) -> ScorerRun:
    """What became of the questions of this run; conversations are counted by their main question."""
    counts: dict[str, int] = {}
    sums = [0, 0, 0]
    with bench.db.read() as session:
        for start in range(0, len(ids), 500):
            query = (
                select(
                    ScorerRequest.state,
                    ScorerRequest.purpose,
                    func.count(),
                    func.sum(ScorerRequest.bytes),
                    func.sum(ScorerRequest.tokens_in),
                    func.sum(ScorerRequest.tokens_out),
                )
                .where(ScorerRequest.id.in_(ids[start : start + 500]))
                .group_by(ScorerRequest.state, ScorerRequest.purpose)
            )
            for state, purpose, n, *more in session.execute(query):
                counts[state] = counts.get(state, 0) + (n if purpose == MAIN else 0)
                sums = [a + int(b or 0) for a, b in zip(sums, more, strict=True)]
    scored = counts.get(endpoint.SCORED, 0)
    unusable = sum(n for state, n in counts.items() if state in endpoint.FINAL) - scored
    failing = sorted(state for state in counts if state not in endpoint.FINAL and state != "asked")
    failed = sum(counts[state] for state in failing)
    cost = (sums[1] * made.setup.price_in + sums[2] * made.setup.price_out) / 1e6
    stopped = stopped or (failing[0] if failing else "")
    waiting = _waiting(bench, bench.archive.at(), scorer, 10**9)
    rest = sum(one.purpose == MAIN for one in waiting)
    return ScorerRun(
        scorer.version, scored, unusable, failed, rest, sums[0], sums[1], sums[2], round(cost, 6), stopped, alarm
    )
