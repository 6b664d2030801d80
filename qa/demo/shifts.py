"""What the demo inspectors do: working through their queues, and ruling on what they confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from sqlalchemy import select

from qa.blinding import shown_files
from qa.demo.generate import WEEKS
from qa.demo.inspectors import judge
from qa.demo.people import LEAD
from qa.demo.world import INSPECTORS, DemoAgent, DemoInspector
from qa.desk import inspecting, queue
from qa.people.accounts import Account
from qa.policy import Actor
from qa.redlines import deciding
from qa.rubrics.stored import rubric_of
from qa.tables import Sample, Violation
from qa.workbench import Workbench
from scoring.rubric import Rubric
from scoring.sheet import Sheet

_REFEREE = DemoInspector("reference", "", 0.0, 0.0, "")


@dataclass(frozen=True)
class Truth:
    faults: Mapping[str, int]
    red_lines: tuple[str, ...]
    agent: DemoAgent


def monday(bench: Workbench, last_day: date, week: int) -> datetime:
    """Nine o'clock on the Monday on which week `week` begins (0 … 8; 8 is the week after the last one)."""
    day = last_day - timedelta(days=7 * WEEKS - 1) + timedelta(days=7 * week)
    return datetime.combine(day, time(9), bench.config.zone).astimezone(UTC)


class Shift:
    """The inspectors at work on one draw."""

    def __init__(
        self,
        bench: Workbench,
        users: Mapping[str, Account],
        truth: Mapping[str, Truth],
        hits: Mapping[tuple[str, str], list[tuple[str, int]]],
        rubric: Rubric,
        seed: str,
    ) -> None:
        self.bench, self.users, self.truth, self.hits, self.rubric, self.seed = bench, users, truth, hits, rubric, seed

    def inspect(self, start: datetime, now: datetime, share: float) -> int:
        """Let each inspector work through `share` of their places; returns how many inspections that made."""
        done = 0
        span = min(now - start, timedelta(days=4, hours=8))
        for inspector in INSPECTORS:
            actor = self.users[inspector.login].actor
            draw = Random(f"{self.seed}/{start.isoformat()}/{inspector.login}")
            todo = round(queue.progress(self.bench, actor, now=start).open * share)
            for number in range(todo):
                at = start + span * ((number + draw.random() * 0.8) / max(todo, 1))
                claim = queue.claim_next(self.bench, actor, now=at)
                if isinstance(claim, queue.Empty):
                    break
                self._submit(actor, inspector, claim, at, round(draw.lognormvariate(5.0, 0.45)))
                done += 1
        return done

    def reference(self, samples: Sequence[int]) -> dict[int, Sheet]:
        """What somebody who is neither severe nor careless would answer."""
        return {sample: self._sheet(_REFEREE, sample) for sample in samples}

    def _sheet(self, inspector: DemoInspector, sample_id: int) -> Sheet:
        with self.bench.db.read() as session:
            sample = session.get_one(Sample, sample_id)
            own = sample.rubric_version_id
            rubric = self.rubric if own is None else rubric_of(session, own)
        key = sample.unit_id if sample.source == "dispute" else sample.conversation_key or sample.unit_id
        truth, chat = self.truth[key], sample.conversation_key or key
        return judge(
            self.seed,
            inspector,
            key,
            rubric,
            truth.faults,
            truth.red_lines,
            self.hits.get((chat, sample.agent_id), ()),
            truth.agent.language,
        )

    def _submit(self, actor: Actor, inspector: DemoInspector, claim: queue.Claim, at: datetime, seconds: int) -> None:
        inspecting.submit(
            self.bench,
            actor,
            now=at + timedelta(seconds=seconds),
            assignment_id=claim.assignment_id,
            version=claim.version,
            nonce=f"{self.seed}-{claim.assignment_id:08d}",
            sheet=self._sheet(inspector, claim.sample_id),
            active_seconds=seconds,
        )


def rule_on_files(
    bench: Workbench, users: Mapping[str, Account], truth: Mapping[str, Truth], now: datetime, last_day: date
) -> None:
    """Rule on what was confirmed before the last week, and read most of the older suspicions outside the samples."""
    lead, reader = users[LEAD].actor, users["lin.qing"].actor
    cutoff = monday(bench, last_day, WEEKS - 1)
    with bench.db.read() as session:
        files = session.execute(
            select(Violation.id, Violation.conversation_key, Violation.rule_id, Violation.state)
            .where(
                Violation.occurred_at < cutoff,
                Violation.state.in_(("suspected", "confirmed")),
                shown_files(bench, reader),  # what the reader still has to score stays open: its file is closed to them
            )
            .order_by(Violation.id)
        ).all()
    at = min(now - timedelta(hours=20), cutoff + timedelta(days=1))
    for number, (file, key, rule_id, state) in enumerate(files):
        broken = rule_id in truth[key].red_lines
        at_now = at + timedelta(seconds=7 * number)
        if state == "suspected" and number % 4 == 3:
            continue  # some stay open
        if state == "suspected":
            decide = deciding.confirm if broken else deciding.clear
            decide(
                bench,
                reader,
                now=at_now,
                violation_id=file,
                reason="原话清楚，属实" if broken else "语境正常，属于误报",
            )
            if not broken:
                continue
        if number % 7 != 5:
            deciding.rule(
                bench,
                lead,
                now=at_now + timedelta(minutes=3),
                violation_id=file,
                uphold=broken,
                reason="核对原文，维持" if broken else "不构成违规",
            )
