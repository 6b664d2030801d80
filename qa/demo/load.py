"""Fills an empty workbench with the demo: the same services a shop would use, at simulated times, in the order of the
work.

Every step can be repeated: a load that was killed goes on where it was. It refuses a workbench with other data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import polars as pl
from sqlalchemy import func, select

from qa import audit, ingest, predictors, screening
from qa.conversations import index
from qa.demo import development, months, rounds, stories
from qa.demo.generate import WEEKS, DemoData, generate_parts
from qa.demo.people import AGENT, LEAD, SECOND_LEAD, make_accounts, make_roster
from qa.demo.rows import SOURCE
from qa.demo.shifts import Shift, Truth, monday, rule_on_files
from qa.demo.world import INSPECTORS, TRAINED_TEAM, TRAINING_NAME, TRAINING_WEEK, DemoAgent
from qa.draws import Period, PlanDesign, SourceQuota, create_plan, publish
from qa.errors import Conflict, Invalid
from qa.i18n import N_
from qa.people.accounts import Account
from qa.policy import SYSTEM, Actor
from qa.redlines import opening, promised
from qa.reports import measures
from qa.rubrics import versions as rubric_versions
from qa.rules import stored
from qa.rules import versions as rule_versions
from qa.tables import Draw, ImportRun, Measure, Plan, Setting, Violation
from qa.verdicts import facts
from qa.workbench import Workbench
from scoring.rubric import Rubric

SETTING = "demo"
SEED = "spotcheck-demo"
PLAN_NAME = "每周抽检 Weekly"
DESIGN = PlanDesign(
    quotas=(SourceQuota("chat", 3.0), SourceQuota("dispute", 1.0), SourceQuota("rating", 0.5)), pool_share=0.15
)
MODEL_WEEK = 3
"""After this week's reviews (counted from 0) the risk model is trained: the draws before it use the rule score."""
OPEN_SHARE = 0.45
"""Share of the newest draw that is still to be inspected."""


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
    rubric_id = rubric_versions.load_default(bench, SYSTEM, now=monday(bench, last_day, 0))
    rule_versions.load_defaults(bench, SYSTEM, now=monday(bench, last_day, 0))
    people, truth = _import(bench, now, seed, scale, last_day, tell)
    make_roster(bench, now, people)
    users = make_accounts(bench, monday(bench, last_day, 0), people)
    tell(0.30, N_("Screening"))
    screening.screen(bench, SYSTEM, now=now)
    opening.open_suspected(bench, SYSTEM, now=now)
    _broken_promises(bench, truth, now)
    index.update(bench)
    rubric = rubric_versions.get(bench, users[LEAD].actor, rubric_id).rubric
    inspected = _history(bench, users, truth, rubric, seed, last_day, now, tell)
    tell(0.90, N_("Rulings"))
    rule_on_files(bench, users, truth, now, last_day)
    _measures(bench, users[LEAD].actor, monday(bench, last_day, 0), last_day)
    tell(0.94, N_("Case library"))
    cases_made = stories.tell(
        bench, users[LEAD].actor, users[SECOND_LEAD].actor, users["inspector"].actor, users[AGENT].actor, now=now
    )
    facts.compact(bench, now)
    tell(0.97, N_("Monthly sheets"))
    months.load(bench, users[LEAD].actor, users[SECOND_LEAD].actor, now=now, seed=seed, people=people)
    development.load(bench, users, people, now=now, seed=seed)
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
) -> tuple[tuple[DemoAgent, ...], dict[str, Truth]]:
    people: tuple[DemoAgent, ...] = ()
    truth: dict[str, Truth] = {}
    batch: list[DemoData] = []
    for week, part in enumerate(generate_parts(seed, last_day, scale)):
        people = part.agents
        _remember(truth, part)
        batch.append(part)
        if sum(p.tables["messages"].height for p in batch) > 500_000 or week == WEEKS - 1:
            tables = {name: pl.concat([p.tables[name] for p in batch if p.tables[name].height]) for name in part.tables}
            tables = _happened(tables, now)
            ingest.commit_frames(
                bench, SYSTEM, now=now, tables=tables, source=SOURCE, file_name=f"demo-{week + 1}.jsonl"
            )
            batch = []
        tell(0.05 + 0.22 * (week + 1) / WEEKS, N_("Conversations"))
    return people, truth


def _happened(tables: Mapping[str, pl.DataFrame], now: datetime) -> dict[str, pl.DataFrame]:
    """What is over by `now`: a customer who will come back tomorrow has not done so yet."""
    over = tables["conversations"].filter(pl.col("ended_at") <= now)
    spoken = pl.col("messages").list.eval(pl.element().struct.field("sent_at")).list.max()
    return {
        **tables,
        "conversations": over,
        "messages": tables["messages"].join(over, on="conversation_id", how="semi", maintain_order="left"),
        "disputes": tables["disputes"].filter(pl.max_horizontal("opened_at", "closed_at", spoken) <= now),
    }


def _remember(truth: dict[str, Truth], part: DemoData) -> None:
    by_id = {agent.agent_id: agent for agent in part.agents}
    for row in part.truth.iter_rows(named=True):
        faults = dict(zip(row["faults"], row["fault_seqs"], strict=True))
        truth[row["conversation_key"]] = Truth(faults, tuple(row["red_lines"]), by_id[row["agent_id"]])
    for row in part.disputes.iter_rows(named=True):
        wrong = dict.fromkeys(row["faults"], -1)
        chat = truth.get(row["conversation_key"] or "")
        agent = by_id[row["agent_id"] or row["author"]]
        truth[row["dispute_key"]] = Truth(
            {**(chat.faults if chat else {}), **wrong}, chat.red_lines if chat else (), agent
        )


def _broken_promises(bench: Workbench, truth: dict[str, Truth], now: datetime) -> None:
    """What the records contradict is true, whether the plot planned it or not."""
    snapshot = bench.archive.at()
    with bench.db.read() as session:
        found = promised.findings(bench, snapshot, stored.rules_in_force(session), now)
    about = snapshot.scan("disputes").select("dispute_key", "conversation_key").collect().iter_rows()
    disputes: dict[str, list[str]] = {}
    for dispute, key in about:
        disputes.setdefault(key or "", []).append(dispute)
    for key, rule in found.select("conversation_key", "rule_id").unique(maintain_order=True).iter_rows():
        for one in (key, *disputes.get(key, ())):
            truth[one] = replace(truth[one], red_lines=(*truth[one].red_lines, rule))


# what people did


def _history(
    bench: Workbench,
    users: Mapping[str, Account],
    truth: Mapping[str, Truth],
    rubric: Rubric,
    seed: str,
    last_day: date,
    now: datetime,
    tell: Progress,
) -> int:
    """Draw every week on the Monday after it, and let the inspectors work."""
    plan_id = _plan(bench, users[LEAD].actor, monday(bench, last_day, 0), seed)
    hits = _hits(bench)
    total, compared = 0, list[int]()
    for week in range(WEEKS):
        first = last_day - timedelta(days=7 * (WEEKS - week) - 1)
        drawn_at = min(monday(bench, last_day, week + 1), now - timedelta(hours=2))
        drawn = publish(
            bench,
            users[LEAD].actor,
            now=drawn_at,
            plan_id=plan_id,
            period=Period(first, first + timedelta(days=6)),
            nonce=f"{seed}-{week:08d}",
            next_seed=f"{seed}/{week + 1}",
        )
        shift, last = Shift(bench, users, truth, hits, rubric, seed), week == WEEKS - 1
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


def _telling(truth: Mapping[str, Truth], hits: Mapping[tuple[str, str], object]) -> set[str]:
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


def _measures(bench: Workbench, lead: Actor, now: datetime, last_day: date) -> None:
    day = last_day - timedelta(days=7 * (WEEKS - TRAINING_WEEK) - 1)
    with bench.db.read() as session:
        known = session.scalar(select(Measure.id).where(Measure.name == TRAINING_NAME))
    if known is None:
        measures.create_measure(
            bench, lead, now=now, name=TRAINING_NAME, on_day=day, kind="training", team=TRAINED_TEAM
        )
