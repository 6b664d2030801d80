"""Fills an empty workbench with the demo: the same services a shop would use, at simulated times, in the order of the
work.

Every step can be repeated: a load that was killed goes on where it was. It refuses a workbench with other data.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random

import polars as pl
from sqlalchemy import func, select

from qa import audit, ingest, predictors, screening
from qa.blinding import shown_files
from qa.conversations import index
from qa.demo import rounds, stories
from qa.demo.generate import SOURCE, WEEKS, DemoData, generate_parts
from qa.demo.inspectors import judge
from qa.demo.world import INSPECTORS, TRAINED_TEAM, TRAINING_NAME, TRAINING_WEEK, DemoAgent, DemoInspector
from qa.desk import inspecting, queue
from qa.draws import Period, PlanDesign, SourceQuota, create_plan, publish
from qa.errors import Conflict, Invalid
from qa.i18n import N_
from qa.people import accounts
from qa.people.accounts import Account
from qa.policy import SYSTEM, Actor, Role
from qa.redlines import deciding, opening
from qa.reports import measures
from qa.rubrics import versions as rubric_versions
from qa.rubrics.stored import rubric_of
from qa.rules import versions as rule_versions
from qa.tables import Draw, ImportRun, Measure, Plan, Sample, Setting, User, Violation
from qa.verdicts import facts
from qa.workbench import Workbench
from scoring.rubric import Rubric
from scoring.sheet import Sheet

SETTING = "demo"
SEED = "spotcheck-demo"
LEAD, SECOND_LEAD, ADMIN, AGENT = "lead", "second.lead", "admin", "agent"
PLAN_NAME = "每周抽检 Weekly"
DESIGN = PlanDesign(
    quotas=(SourceQuota("chat", 3.0), SourceQuota("dispute", 1.0), SourceQuota("rating", 0.5)), pool_share=0.15
)
MODEL_WEEK = 3
"""After this week's reviews (counted from 0) the risk model is trained: the draws before it use the rule score."""
OPEN_SHARE = 0.45
"""Share of the newest draw that is still to be inspected."""

_REFEREE = DemoInspector("reference", "", 0.0, 0.0, "")

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class DemoLoaded:
    """What the demo holds."""

    conversations: int
    messages: int
    hits: int
    draws: int
    inspections: int
    cases: int


@dataclass(frozen=True)
class _Truth:
    faults: Mapping[str, int]
    red_lines: tuple[str, ...]
    agent: DemoAgent


def last_sunday(today: date) -> date:
    """The last day of the newest complete week before `today`."""
    return today - timedelta(days=today.weekday() + 1)


def load(
    bench: Workbench, *, now: datetime, seed: str = SEED, scale: float = 1.0, progress: Progress | None = None
) -> DemoLoaded:
    """Load the demo for the eight complete weeks before `now`. Raises `Conflict` in a workbench that holds other
    data."""
    tell = progress or (lambda share, what: None)
    last_day = last_sunday(now.astimezone(bench.config.zone).date())
    last_day = _claim(bench, now, seed, scale, last_day)
    tell(0.02, N_("People"))
    rubric_id = rubric_versions.load_default(bench, SYSTEM, now=_monday(bench, last_day, 0))
    rule_versions.load_defaults(bench, SYSTEM, now=_monday(bench, last_day, 0))
    people, truth = _import(bench, now, seed, scale, last_day, tell)
    _roster(bench, now, people)
    users = _accounts(bench, _monday(bench, last_day, 0), people)
    tell(0.30, N_("Screening"))
    screening.screen(bench, SYSTEM, now=now)
    opening.open_suspected(bench, SYSTEM, now=now)
    index.update(bench)
    rubric = rubric_versions.get(bench, users[LEAD].actor, rubric_id).rubric
    inspected = _history(bench, users, truth, rubric, seed, last_day, now, tell)
    tell(0.90, N_("Rulings"))
    _rule(bench, users, truth, now, last_day)
    _measures(bench, users[LEAD].actor, _monday(bench, last_day, 0), last_day)
    tell(0.94, N_("Case library"))
    cases_made = stories.tell(
        bench, users[LEAD].actor, users[SECOND_LEAD].actor, users["inspector"].actor, users[AGENT].actor, now=now
    )
    facts.compact(bench, now)
    _finish(bench, now)
    tell(1.0, N_("Demo data is ready"))
    snapshot = bench.archive.at()
    return DemoLoaded(
        snapshot.count("conversations"),
        snapshot.count("messages"),
        snapshot.count("hits"),
        WEEKS,
        inspected,
        cases_made,
    )


# what is loaded


def _claim(bench: Workbench, now: datetime, seed: str, scale: float, last_day: date) -> date:
    """Note that this workbench is a demo; returns the last day of the demo begun here before, if there was one."""
    with bench.db.write() as session:
        known = session.get(Setting, SETTING)
        if known is None:
            foreign = session.scalar(select(func.count()).select_from(ImportRun)) or session.scalar(
                select(func.count()).select_from(Draw)
            )
            if foreign or bench.archive.version():
                raise Conflict(
                    N_(
                        "This workbench holds other data; the demo needs an empty one. Choose another folder with"
                        " --home."
                    )
                )
            session.add(
                Setting(
                    key=SETTING,
                    value={"seed": seed, "scale": scale, "last_day": last_day.isoformat(), "done": False},
                    updated_at=now,
                )
            )
            audit.record(session, SYSTEM, now, "demo.begun", "setting", SETTING)
            return last_day
        if (known.value["seed"], known.value["scale"]) != (seed, scale):
            raise Conflict(N_("This demo was begun with another seed or scale. Choose another folder with --home."))
        return date.fromisoformat(known.value["last_day"])


def is_loaded(bench: Workbench) -> bool:
    """Whether the demo is complete here."""
    with bench.db.read() as session:
        known = session.get(Setting, SETTING)
        return bool(known and known.value.get("done"))


def _finish(bench: Workbench, now: datetime) -> None:
    with bench.db.write() as session:
        known = session.get_one(Setting, SETTING)
        known.value = {**known.value, "done": True}
        known.updated_at = now
        audit.record(session, SYSTEM, now, "demo.done", "setting", SETTING)


def _import(
    bench: Workbench, now: datetime, seed: str, scale: float, last_day: date, tell: Progress
) -> tuple[tuple[DemoAgent, ...], dict[str, _Truth]]:
    people: tuple[DemoAgent, ...] = ()
    truth: dict[str, _Truth] = {}
    batch: list[DemoData] = []
    for week, part in enumerate(generate_parts(seed, last_day, scale)):
        people = part.agents
        _remember(truth, part)
        batch.append(part)
        if sum(p.tables["messages"].height for p in batch) > 500_000 or week == WEEKS - 1:
            tables = {name: pl.concat([p.tables[name] for p in batch if p.tables[name].height]) for name in part.tables}
            ingest.commit_frames(
                bench, SYSTEM, now=now, tables=tables, source=SOURCE, file_name=f"demo-{week + 1}.jsonl"
            )
            batch = []
        tell(0.05 + 0.22 * (week + 1) / WEEKS, N_("Conversations"))
    return people, truth


def _remember(truth: dict[str, _Truth], part: DemoData) -> None:
    by_id = {agent.agent_id: agent for agent in part.agents}
    for row in part.truth.iter_rows(named=True):
        faults = dict(zip(row["faults"], row["fault_seqs"], strict=True))
        truth[row["conversation_key"]] = _Truth(faults, tuple(row["red_lines"]), by_id[row["agent_id"]])


def _roster(bench: Workbench, now: datetime, people: tuple[DemoAgent, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "roster.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("agent_id", "name", "team", "shop", "stage", "grade", "hired_on"))
            for a in people:
                writer.writerow((a.agent_id, a.name, a.team, a.shop, a.stage, a.grade, a.hired_on.isoformat()))
        found = ingest.detect(path, kind="agents")
        ingest.commit(bench, SYSTEM, now=now, path=path, mapping=found.mapping, kind="agents", source=SOURCE)


def _accounts(bench: Workbench, now: datetime, people: tuple[DemoAgent, ...]) -> dict[str, Account]:
    """The demo's accounts by login. Nobody has a password: they come in by one-time links."""
    wanted: list[tuple[str, str, Role, str | None, str | None]] = [
        (ADMIN, "管理员", Role.ADMIN, None, None),
        (LEAD, "苏敏", Role.LEAD, None, None),
        (SECOND_LEAD, "Helen Park", Role.LEAD, None, None),
    ]
    wanted += [(i.login, i.name, Role.INSPECTOR, None, i.home_team) for i in INSPECTORS]
    weakest = max((a for a in people if a.team == TRAINED_TEAM), key=lambda a: a.care + a.knowledge + a.discipline)
    english = next(a for a in people if a.language == "en")
    wanted += [
        (AGENT, weakest.name, Role.AGENT, weakest.agent_id, weakest.team),
        ("agent.en", english.name, Role.AGENT, english.agent_id, english.team),
    ]
    with bench.db.read() as session:
        known = set(session.scalars(select(User.login)))
    for login, name, role, agent_id, team in wanted:
        if login not in known:
            accounts.create_user(
                bench, SYSTEM, now=now, login=login, role=role, display_name=name, agent_id=agent_id, home_team=team
            )
    return {login: accounts.find(bench, SYSTEM, login=login) for login, *_ in wanted}


# what people did


def _monday(bench: Workbench, last_day: date, week: int) -> datetime:
    """Nine o'clock on the Monday on which week `week` begins (0 … 8; 8 is the week after the last one)."""
    day = last_day - timedelta(days=7 * WEEKS - 1) + timedelta(days=7 * week)
    return datetime.combine(day, time(9), bench.config.zone).astimezone(UTC)


def _history(
    bench: Workbench,
    users: Mapping[str, Account],
    truth: Mapping[str, _Truth],
    rubric: Rubric,
    seed: str,
    last_day: date,
    now: datetime,
    tell: Progress,
) -> int:
    """Draw every week on the Monday after it, and let the inspectors work."""
    plan_id = _plan(bench, users[LEAD].actor, _monday(bench, last_day, 0), seed)
    hits = _hits(bench)
    total, compared = 0, list[int]()
    for week in range(WEEKS):
        first = last_day - timedelta(days=7 * (WEEKS - week) - 1)
        drawn_at = min(_monday(bench, last_day, week + 1), now - timedelta(hours=2))
        drawn = publish(
            bench,
            users[LEAD].actor,
            now=drawn_at,
            plan_id=plan_id,
            period=Period(first, first + timedelta(days=6)),
            nonce=f"{seed}-{week:08d}",
            next_seed=f"{seed}/{week + 1}",
        )
        shift, last = _Shift(bench, users, truth, hits, rubric, seed), week == WEEKS - 1
        if last:
            rounds.deal(bench, users[LEAD].actor, compared, [users[i.login].id for i in INSPECTORS], now=drawn_at)
        total += shift.inspect(drawn_at, now, 1 - OPEN_SHARE if last else 1.0)
        if last:
            rounds.close(
                bench, users[LEAD].actor, shift.reference(compared[: rounds.SIZE]), now=now - timedelta(minutes=90)
            )
        elif week == WEEKS - 2:
            compared = rounds.choose(bench, drawn.draw_id, _telling(truth, hits))
        if week == MODEL_WEEK:
            _learn(bench, users[LEAD].actor, drawn_at + timedelta(days=5), first + timedelta(days=6))
        tell(0.35 + 0.54 * (week + 1) / WEEKS, N_("Inspections"))
    return total


def _telling(truth: Mapping[str, _Truth], hits: Mapping[tuple[str, str], object]) -> set[str]:
    """Chinese conversations with several faults and no red line: they show how differently people look."""
    red = {key for key, _agent in hits}
    return {
        key
        for key, true in truth.items()
        if len(true.faults) >= 2 and true.agent.language == "zh_CN" and key not in red
    }


def _learn(bench: Workbench, lead: Actor, now: datetime, until: date) -> None:
    """Train the risk model on the weeks so far and take it into use; a demo too small to learn from keeps the rule
    score."""
    if any(model.state == "active" for model in predictors.list_models(bench, lead)):
        return
    try:
        model = predictors.train(bench, lead, now=now, until=until)
    except Invalid:
        return
    predictors.activate(bench, lead, now=now, model=model.id)
    predictors.score(bench, lead, now=now)


def _plan(bench: Workbench, lead: Actor, now: datetime, seed: str) -> int:
    with bench.db.read() as session:
        known = session.scalar(select(Plan.id).where(Plan.name == PLAN_NAME))
    if known is not None:
        return known
    return create_plan(bench, lead, now=now, name=PLAN_NAME, design=DESIGN, seed=f"{seed}/0").id


def _hits(bench: Workbench) -> dict[tuple[str, str], list[tuple[str, int]]]:
    found: dict[tuple[str, str], list[tuple[str, int]]] = {}
    with bench.db.read() as session:
        for key, agent, rule, evidence in session.execute(
            select(Violation.conversation_key, Violation.agent_id, Violation.rule_id, Violation.evidence)
        ):
            found.setdefault((key, agent), []).append((rule, int(evidence[0]["seq"])))
    return found


class _Shift:
    """The inspectors at work on one draw."""

    def __init__(
        self,
        bench: Workbench,
        users: Mapping[str, Account],
        truth: Mapping[str, _Truth],
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
        key = sample.conversation_key or sample.unit_id
        truth = self.truth[key]
        return judge(
            self.seed,
            inspector,
            key,
            rubric,
            truth.faults,
            truth.red_lines,
            self.hits.get((key, sample.agent_id), ()),
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


def _rule(
    bench: Workbench, users: Mapping[str, Account], truth: Mapping[str, _Truth], now: datetime, last_day: date
) -> None:
    """Rule on what was confirmed before the last week, and read most of the older suspicions outside the samples."""
    lead, reader = users[LEAD].actor, users["lin.qing"].actor
    cutoff = _monday(bench, last_day, WEEKS - 1)
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


def _measures(bench: Workbench, lead: Actor, now: datetime, last_day: date) -> None:
    day = last_day - timedelta(days=7 * (WEEKS - TRAINING_WEEK) - 1)
    with bench.db.read() as session:
        known = session.scalar(select(Measure.id).where(Measure.name == TRAINING_NAME))
    if known is None:
        measures.create_measure(
            bench, lead, now=now, name=TRAINING_NAME, on_day=day, kind="training", team=TRAINED_TEAM
        )
