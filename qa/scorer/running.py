"""A run: the conversations that wait are asked about, the most valuable first, up to the budget; answers are kept as
they come and published together.

Whether a conversation is asked about depends on its day and on what the next predictor is unsure of, never on being
reviewed. A question is put on record before it is sent and answered once: whoever is killed goes on where they stood,
and an answer that was paid for is never asked again. Does not talk to the endpoint itself (`qa.scorer.asking`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

import polars as pl
from sqlalchemy import Table, bindparam, func, select, update
from sqlalchemy.orm import Session

from qa.archive import Snapshot, conform, predictions
from qa.errors import Cancelled, Conflict
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.rubrics import versions as rubric_versions
from qa.rubrics.stored import rubric_of
from qa.scorer import asking, endpoint, gold, setup, versions
from qa.scorer import prompt as prompts
from qa.scorer.asking import Answered, Question
from qa.scorer.endpoint import Address
from qa.scorer.prompt import Prompt
from qa.scorer.questions import AGAIN, MAIN, REVERSED, AskedConversation, checked
from qa.scorer.setup import Setup
from qa.security import log as securitylog
from qa.tables import Agent, Scorer, ScorerRequest
from qa.transcripts import document, freezing
from qa.workbench import Workbench
from scoring.rubric import Rubric

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


@dataclass(frozen=True)
class Asker:
    """Everything a run asks with. `form` is how the answer's form is asked for, `answering` the model that answers."""

    setup: Setup
    to: Address
    rubric_version_id: int
    rubric: Rubric
    prompt: Prompt
    reverse: Prompt
    form: str = prompts.SCHEMA
    answering: str = ""

    def content(self) -> dict[str, Any]:
        """What makes the version."""
        return {
            **self.base(), "form": self.form, "answering": self.answering, "temperature": 0,
        }  # fmt: skip

    def base(self) -> dict[str, Any]:
        """The part of it that is known before anything was asked."""
        return {
            "host": self.to.host, "model": self.setup.model, "prompt": self.prompt.hash,
            "schema": self.prompt.schema_hash, "rubric": self.rubric.content_hash,
        }  # fmt: skip

    def body(self, lines: Sequence[dict[str, Any]], purpose: str) -> bytes:
        return prompts.body(self.reverse if purpose == REVERSED else self.prompt, lines, self.form)


def asker(bench: Workbench) -> Asker:
    """What to ask with now. Raises `Conflict` where nothing is set up or the host is not consented to."""
    done, to = setup.address(bench)
    with bench.db.read() as session:
        number = rubric_versions.newest(session, "chat")
        if number is None:
            raise Conflict(N_("There is no published rubric yet; publish one first."))
        rubric = rubric_of(session, number)
        made = Asker(
            done, to, number, rubric, prompts.build(rubric, done.model), prompts.build(rubric, done.model, reverse=True)
        )
        known = _known_version(session, made)
    return made if known is None else replace(made, form=known.content["form"], answering=known.content["answering"])


def _known_version(session: Session, made: Asker) -> Scorer | None:
    """The newest version that asks the same of the same model."""
    query = select(Scorer).where(Scorer.predictor == predictions.MACHINE).order_by(Scorer.id.desc())
    base = made.base()
    return next((one for one in session.scalars(query) if {k: one.content.get(k) for k in base} == base), None)


def body_of(bench: Workbench, actor: Actor, conversation_key: str) -> bytes:
    """The exact bytes that would be sent of one conversation."""
    require(actor, Right.MAINTAIN, Right.PLAN_DRAW)
    made, snapshot = asker(bench), bench.archive.at()
    [(_, lines)] = lines_of(bench, snapshot, [AskedConversation(conversation_key, "", MAIN)])
    return made.body(lines, MAIN)


def run(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    budget: int | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ScorerRun:
    """Ask about what waits, at most `budget` conversations (None: as set up), and publish the answers. `cancel` ends it
    after what is under way; nothing is lost then. Raises `Conflict` where nothing may be asked."""
    require(actor, Right.MAINTAIN, Right.PLAN_DRAW)
    made, snapshot = asker(bench), bench.archive.at()
    made, scorer, first = _version(bench, actor, now, made, snapshot)
    if scorer is None:
        return _nothing(first)
    wanted = [*gold.due(bench, scorer, now), *_waiting(bench, snapshot, scorer, (budget or made.setup.budget))]
    total, stopped, ids = max(len(wanted), 1), "", list[int]()
    for answers in _answers(bench, made, scorer, snapshot, wanted, cancel, clock):
        ids += [one.question.id for one in answers]
        stopped = next((one.reply.state for one in answers if one.reply.state in endpoint.STOPPING), stopped)
        if progress is not None:
            progress(0.95 * min(len(ids) / total, 1.0), N_("Asking the machine scorer"))
    publish(bench, actor, now=now, scorer_id=scorer.id)
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


def _nothing(stopped: str) -> ScorerRun:
    return ScorerRun("", 0, 0, 0, 0, 0, 0, 0, 0.0, stopped)


def _version(
    bench: Workbench, actor: Actor, now: datetime, made: Asker, snapshot: Snapshot
) -> tuple[Asker, Scorer | None, str]:
    """The version that the endpoint answers as, found out with a question without any conversation the first time; or
    why there is none."""
    if not made.answering:
        made, state = probe(made)
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


SAMPLE = [
    {"seq": 0, "role": "买家", "text": "你好，我的包裹到哪里了？"},
    {"seq": 1, "role": "客服", "text": "您好，正在为您查询，请稍等。"},
]
"""A made-up conversation, to find out how an endpoint answers."""


def probe(made: Asker) -> tuple[Asker, str]:
    """Ask about a made-up conversation, in ever less strict forms while the endpoint does not know the form."""
    state = endpoint.BAD_REQUEST
    with endpoint.client(made.to.timeout) as http:
        for form in prompts.FORMATS:
            tried = replace(made, form=form)
            content = tried.body(SAMPLE, MAIN)
            reply = endpoint.ask(http, made.to, content, hashlib.sha256(content).hexdigest())
            state = reply.state
            if state != endpoint.BAD_REQUEST:
                return replace(tried, answering=reply.model or made.setup.model), state
    return made, state


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
    bench: Workbench, made: Asker, scorer: Scorer, snapshot: Snapshot, wanted: Sequence[AskedConversation], cancel: Cancel | None,
    clock: Callable[[], datetime],
) -> Iterator[list[Answered]]:  # fmt: skip
    """Ask, and keep every answer before it is given on."""
    questions: dict[int, AskedConversation] = {}

    def all_questions() -> Iterator[Question]:
        for start in range(0, len(wanted), BATCH):
            part = wanted[start : start + BATCH]
            for one, question in _questions(bench, made, scorer, snapshot, part, clock()):
                questions[question.id] = one
                yield question

    ended: list[bool] = []

    def stop() -> bool:
        return bool(ended) or (cancel is not None and cancel())

    pool = asking.ask_all(
        made.to, all_questions(), concurrency=made.setup.concurrency, per_minute=made.setup.per_minute, stop=stop
    )
    for answers in pool:
        answers = [_same_model(one, made.answering) for one in answers]
        _keep(bench, made, answers, questions, clock())
        yield answers
        if any(one.reply.state in endpoint.STOPPING for one in answers):
            ended.append(True)


def _same_model(one: Answered, answering: str) -> Answered:
    if one.reply.state in endpoint.FINAL and one.reply.model and one.reply.model != answering:
        return replace(one, reply=replace(one.reply, state=endpoint.OTHER_MODEL, answers=None, detail=one.reply.model))
    return one


def _questions(
    bench: Workbench, made: Asker, scorer: Scorer, snapshot: Snapshot, part: Sequence[AskedConversation], now: datetime
) -> Iterator[tuple[AskedConversation, Question]]:
    """Put the questions of a part on record, and only then give them away."""
    found = []
    for one, lines in lines_of(bench, snapshot, part):
        content = made.body(lines, one.purpose)
        mark = hashlib.sha256(
            f"{scorer.version}\n{one.conversation_key}\n{one.content}\n{one.purpose}".encode()
        ).hexdigest()
        found.append((one, mark, content))
    with bench.db.write() as session:
        held = _held(session, scorer.id, part)
        values = [(one, _outgoing(made, one, scorer.id, content, now)) for one, _mark, content in found]
        fresh = [value for one, value in values if (one.conversation_key, one.content, one.purpose) not in held]
        again = [
            {"row": held[key][0], **{name: value[name] for name in _AGAIN}}
            for one, value in values
            if (key := (one.conversation_key, one.content, one.purpose)) in held and held[key][1] not in endpoint.FINAL
        ]
        if again:
            session.connection().execute(_ASKED_AGAIN, again)
        if fresh:
            session.connection().execute(_TABLE.insert(), fresh)
            held = _held(session, scorer.id, part)
    sent = [len(content) for one, _, content in found]
    securitylog.note("scorer.sent", None, host=made.to.host, conversations=len(sent), bytes=sum(sent))
    for one, mark, content in found:
        number, state = held[one.conversation_key, one.content, one.purpose]
        if state not in endpoint.FINAL:
            yield one, Question(number, mark, content)


_TABLE = cast(Table, ScorerRequest.__table__)
_AGAIN = ("asked_at", "host", "bytes", "body_hash")
_KEPT = ("state", "answered_at", "answers", "tokens_in", "tokens_out", "latency_ms")
_ASKED_AGAIN = update(_TABLE).where(_TABLE.c.id == bindparam("row")).values({name: bindparam(name) for name in _AGAIN})
_ANSWERED = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("row"))
    .values({**{name: bindparam(name) for name in _KEPT}, "attempts": _TABLE.c.attempts + bindparam("more")})
)


def _outgoing(made: Asker, one: AskedConversation, scorer_id: int, content: bytes, now: datetime) -> dict[str, Any]:
    return {
        "scorer_id": scorer_id, "conversation_key": one.conversation_key, "content": one.content, "purpose": one.purpose,
        "state": "asked", "asked_at": now, "answered_at": None, "host": made.to.host, "bytes": len(content),
        "body_hash": hashlib.sha256(content).hexdigest(), "answers": None, "tokens_in": 0, "tokens_out": 0,
        "attempts": 0, "latency_ms": 0, "published": False,
    }  # fmt: skip


def _held(
    session: Session, scorer_id: int, part: Sequence[AskedConversation]
) -> dict[tuple[str, str, str], tuple[int, str]]:
    keys = sorted({one.conversation_key for one in part})
    query = select(
        ScorerRequest.conversation_key,
        ScorerRequest.content,
        ScorerRequest.purpose,
        ScorerRequest.id,
        ScorerRequest.state,
    ).where(ScorerRequest.scorer_id == scorer_id, ScorerRequest.conversation_key.in_(keys))
    return {(key, content, purpose): (number, state) for key, content, purpose, number, state in session.execute(query)}


def lines_of(
    bench: Workbench, snapshot: Snapshot, part: Sequence[AskedConversation]
) -> list[tuple[AskedConversation, list[dict[str, Any]]]]:
    """Conversations as they leave."""
    keys = list(dict.fromkeys(one.conversation_key for one in part))
    units = pl.DataFrame({"unit_id": keys, "source": ["chat"] * len(keys), "conversation_key": keys})
    with bench.db.read() as session:
        names = dict(session.execute(select(Agent.agent_id, Agent.name)).all())
    frozen = freezing.freeze(snapshot, units, names)
    lines = {key: prompts.sent_messages(document.read(content)) for key, content in zip(keys, frozen, strict=True)}
    return [(one, lines[one.conversation_key]) for one in part]


def _keep(
    bench: Workbench, made: Asker, answers: Sequence[Answered], questions: dict[int, AskedConversation], now: datetime
) -> None:
    """Write down what came back: checked later, but never asked again."""
    ids = [criterion.id for criterion in made.rubric.criteria]
    rows = []
    for one in answers:
        asked, reply = questions.pop(one.question.id), one.reply
        said = None if reply.answers is None else endpoint.rows(reply.answers, ids, asked.conversation_key)
        rows.append(
            {
                "row": one.question.id, "state": reply.state, "answered_at": now, "tokens_in": reply.tokens_in,
                "answers": None if said is None else quoted(one.question.content, said),
                "tokens_out": reply.tokens_out, "more": one.attempts, "latency_ms": one.latency_ms,
            }
        )  # fmt: skip
    with bench.db.write() as session:
        session.connection().execute(_ANSWERED, rows)


def quoted(content: bytes, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Answers without the text they quote: whether it stands where they say is found out against what was sent, and
    only that is kept."""

    sent = json.loads(json.loads(content)["messages"][1]["content"])["会话"]
    texts = {line["seq"]: line["text"] for line in sent if line["seq"] >= 0}
    kept = []
    for row in rows:
        quote = (row["quote"] or "").strip()
        among = [texts.get(seq, "") for seq in row["evidence"]] if row["evidence"] else list(texts.values())
        kept.append({**row, "quote": None, "verbatim": not quote or any(quote in text for text in among)})
    return kept


def publish(bench: Workbench, actor: Actor, *, now: datetime, scorer_id: int) -> int:
    """Check what was answered and make it visible in the archive, all at once; returns how many conversations. Doing it
    again publishes nothing twice."""
    with bench.db.read() as session:
        scorer = session.get_one(Scorer, scorer_id)
        rubric = rubric_of(session, scorer.rubric_version_id)
        ready = (ScorerRequest.scorer_id == scorer_id, ScorerRequest.purpose == MAIN, ~ScorerRequest.published)
        rows = session.execute(
            select(ScorerRequest.id, ScorerRequest.conversation_key, ScorerRequest.content, ScorerRequest.answers)
            .where(*ready, ScorerRequest.state == endpoint.SCORED).order_by(ScorerRequest.id)
        ).all()  # fmt: skip
        active = scorer.state == "active"
        predictor, version = scorer.predictor, scorer.version
    if not rows:
        return 0
    with bench.archive.hold() as writer:
        with writer.change("machine scores", now) as change:
            said = [answer for _, _, _, answers in rows for answer in answers or ()]
            scored = checked(change.before, rubric, said)
            held = versions.scores(change.before, predictor, version).select("conversation_key").unique().collect()
            keys = change.before.scan("conversations").select("conversation_key", "import_id").collect()
            current = {(key, "" if number is None else str(number)) for key, number in keys.iter_rows()}
            good = [key for _, key, content, _ in rows if (key, content) in current]
            fresh = (
                scored.filter(pl.col("conversation_key").is_in(good)).join(held, on="conversation_key", how="anti")
                .join(keys, on="conversation_key").with_columns(predictor=pl.lit(predictor), version=pl.lit(version))
            )  # fmt: skip
            if not fresh.is_empty():
                change.append("machine_scores", conform("machine_scores", fresh))
                if active:
                    predictions.put(change, predictor, versions.of_version(change.now(), predictor, version))
        with bench.begin(actor, now) as work:
            numbers = [number for number, *_ in rows]
            for start in range(0, len(numbers), 500):
                mine = ScorerRequest.id.in_(numbers[start : start + 500])
                work.session.execute(update(ScorerRequest).where(mine).values(published=True))
            work.record(
                "scorer.published",
                "scorer",
                scorer_id,
                version=version,
                conversations=fresh["conversation_key"].n_unique(),
            )
    return int(fresh["conversation_key"].n_unique())


def _result(bench: Workbench, made: Asker, scorer: Scorer, ids: Sequence[int], stopped: str, alarm: bool) -> ScorerRun:
    """What became of the questions of this run; conversations are counted by their main question."""
    counts: dict[str, int] = {}
    sums = [0, 0, 0]
    with bench.db.read() as session:
        for start in range(0, len(ids), 500):
            query = select(
                ScorerRequest.state, ScorerRequest.purpose, func.count(), func.sum(ScorerRequest.bytes),
                func.sum(ScorerRequest.tokens_in), func.sum(ScorerRequest.tokens_out),
            ).where(ScorerRequest.id.in_(ids[start : start + 500])).group_by(ScorerRequest.state, ScorerRequest.purpose)  # fmt: skip
            for state, purpose, n, *more in session.execute(query):
                counts[state] = counts.get(state, 0) + (n if purpose == MAIN else 0)
                sums = [a + int(b or 0) for a, b in zip(sums, more, strict=True)]
    scored = counts.get(endpoint.SCORED, 0)
    unusable = sum(n for state, n in counts.items() if state in endpoint.FINAL) - scored
    failing = sorted(state for state in counts if state not in endpoint.FINAL and state != "asked")
    failed = sum(counts[state] for state in failing)
    cost = (sums[1] * made.setup.price_in + sums[2] * made.setup.price_out) / 1e6
    stopped = stopped or (failing[0] if failing else "")
    waiting = _waiting(bench, bench.archive.at(), scorer, 10**9) if stopped else []
    rest = sum(one.purpose == MAIN for one in waiting)
    return ScorerRun(
        scorer.version, scored, unusable, failed, rest, sums[0], sums[1], sums[2], round(cost, 6), stopped, alarm
    )
