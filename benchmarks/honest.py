"""Honest histories: random days of an installation through its own services, sealed at random moments and checked each
time. Whatever the check names here is a false alarm."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import NoResultFound

from qa import evidence
from qa.config import Config
from qa.desk import inspecting, queue
from qa.draws import plans
from qa.errors import SpotcheckError
from qa.library import cases
from qa.people import accounts, roster, signins
from qa.policy import SYSTEM, Actor, Role
from qa.redlines import deciding
from qa.reports import measures
from qa.tables import Agent, Appeal, Case, Correction, Plan, User, Verdict, Violation
from qa.verdicts import appeals, corrections, reading
from qa.workbench import Workbench
from scoring.sheet import HitDecision, Sheet

ANEW = 100
"""A new copy of the first day after so many histories."""


@dataclass
class Day:
    """One installation while it is being used."""

    bench: Workbench
    dice: random.Random
    now: datetime
    done: Counter[str] = field(default_factory=Counter)

    def someone(self, role: Role) -> Actor:
        """An active user of this role."""
        with self.bench.db.read() as session:
            people = session.scalars(select(User).where(User.role == role.value, User.active).order_by(User.id)).all()
        one = self.dice.choice(people)
        return Actor(one.id, role, one.display_name, one.agent_id)

    def row(self, column: object, *conditions: object) -> int:
        """A random key."""
        with self.bench.db.read() as session:
            keys = session.scalars(select(column).where(*conditions)).all()  # type: ignore[call-overload]
        return self.dice.choice(keys) if keys else 0

    def act(self) -> None:
        """One random action; what a service refuses leaves nothing."""
        action = self.dice.choice(ACTIONS)
        self.now += timedelta(seconds=self.dice.randrange(1, 90))
        try:
            action(self)
            self.done[action.__name__] += 1
        except (SpotcheckError, NoResultFound):  # also: nothing there to act on
            self.done["refused"] += 1


def histories(home: Path, now: datetime, dice: random.Random, count: int) -> int:
    """Live through `count` of them; returns how many were accused."""
    accused, start, done = 0, time.process_time(), Counter[str]()
    day: Day | None = None
    for number in range(count):
        if number % ANEW == 0:
            if day is not None:
                day.bench.close()
                done += day.done
            copy = home.parent / "honest"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(home, copy, ignore=shutil.ignore_patterns("*-wal", "*-shm"))
            day = Day(Workbench.open(Config(home=copy, demo=True)), dice, now + timedelta(hours=1))
        assert day is not None
        for _ in range(dice.randrange(1, 5)):
            day.act()
            if dice.random() < 0.3:
                evidence.seal(day.bench, day.now)
        wrong = evidence.check(day.bench).forgeries
        for one in wrong[:3]:
            print("   false alarm:", one)
        accused += bool(wrong)
    if day is not None:
        day.bench.close()
        done += day.done
    print(
        f"honest histories: {count}, accused {accused}, {time.process_time() - start:.0f} CPU s, {dict(done)}",
        flush=True,
    )
    return accused


# what people do


def hires(day: Day) -> None:
    role = day.dice.choice((Role.INSPECTOR, Role.LEAD))
    accounts.create_user(day.bench, SYSTEM, now=day.now, login=f"n{day.dice.getrandbits(40)}", role=role)


def changes_a_role(day: Day) -> None:
    user = day.row(User.id, User.role.in_(("inspector", "lead")))
    role = day.dice.choice((Role.INSPECTOR, Role.LEAD))
    accounts.change_user(day.bench, SYSTEM, user, now=day.now, display_name=f"人{user}", role=role)


def disables(day: Day) -> None:
    user = day.row(User.id, User.login.like("n%"))
    (accounts.disable_user if day.dice.random() < 0.5 else accounts.enable_user)(day.bench, SYSTEM, user, now=day.now)


def signs_in(day: Day) -> None:
    user = day.row(User.id, User.active)
    token = signins.new_link(day.bench, SYSTEM, user, now=day.now)
    opened = signins.sign_in_by_link(day.bench, token, now=day.now)
    if day.dice.random() < 0.5:
        signins.sign_out(day.bench, opened.token, now=day.now)


def moves_an_agent(day: Day) -> None:
    with day.bench.db.read() as session:
        agents = session.scalars(select(Agent.agent_id)).all()
        teams = session.scalars(select(Agent.team).distinct()).all()
    values = {"team": day.dice.choice(teams), "grade": day.dice.choice(("P1", "P2", "P3"))}
    roster.change_agent(day.bench, SYSTEM, now=day.now, agent_id=day.dice.choice(agents), values=values)


def inspects(day: Day) -> None:
    who = day.someone(Role.INSPECTOR)
    claim = queue.claim_next(day.bench, who, now=day.now)
    if isinstance(claim, queue.Empty):
        return
    if day.dice.random() < 0.2:
        args = {"assignment_id": claim.assignment_id, "version": claim.version, "reason": "看不到图片"}
        queue.skip(day.bench, who, now=day.now, **args)
        return
    place = inspecting.workspace(day.bench, who, now=day.now, assignment_id=claim.assignment_id)
    hits = tuple(
        HitDecision(one["rule_id"], None, day.dice.choice(("confirmed", "cleared")), "见原文")
        for one in getattr(place, "hits", ())
        if isinstance(one, dict)
    )
    done = inspecting.submit(
        day.bench, who, now=day.now, assignment_id=claim.assignment_id, version=claim.version,
        nonce=f"{day.dice.getrandbits(64):x}", sheet=Sheet((), hits),
    )  # fmt: skip
    if day.dice.random() < 0.3:
        inspecting.undo(day.bench, who, inspection_id=done.inspection_id, now=day.now)


def corrects(day: Day) -> None:
    verdict = day.row(Verdict.id, Verdict.is_current, Verdict.kind == "inspection")
    with day.bench.db.read() as session:
        found = session.get_one(Verdict, verdict)
        user = session.get_one(User, found.created_by)
    who = Actor(user.id, Role(user.role), user.display_name, user.agent_id)
    corrections.request(day.bench, who, now=day.now, verdict_id=verdict, sheet=Sheet(), reason="看错了一条消息")


def decides_a_correction(day: Day) -> None:
    wish = day.row(Correction.id, Correction.state == "open")
    args = {"correction_id": wish, "accept": day.dice.random() < 0.7, "answer": "已核对原文"}
    corrections.decide(day.bench, day.someone(Role.LEAD), now=day.now, **args)


def _own(day: Day, agent: str) -> Actor:
    with day.bench.db.read() as session:
        user = session.scalar(select(User).where(User.agent_id == agent, User.role == "agent"))
    if user is not None:
        return Actor(user.id, Role.AGENT, user.display_name, agent)
    made = accounts.create_user(
        day.bench, SYSTEM, now=day.now, login=f"a{day.dice.getrandbits(40)}", role=Role.AGENT, agent_id=agent
    )
    return Actor(made.id, Role.AGENT, made.display_name, agent)


def answers(day: Day) -> None:
    verdict = day.row(Verdict.id, Verdict.is_current)
    with day.bench.db.read() as session:
        agent = session.get_one(Verdict, verdict).agent_id
    who = _own(day, agent)
    if day.dice.random() < 0.5:
        reading.acknowledge(day.bench, who, now=day.now, verdict_id=verdict)
    else:
        appeals.file_against_verdict(day.bench, who, now=day.now, verdict_id=verdict, body="我不同意这一条")


def rules_an_appeal(day: Day) -> None:
    appeal = day.row(Appeal.id, Appeal.state == "open")
    args = {"appeal_id": appeal, "uphold": day.dice.random() < 0.5, "ruling": "按原文复核"}
    appeals.rule(day.bench, day.someone(Role.LEAD), now=day.now, **args)


def decides_a_file(day: Day) -> None:
    file = day.row(Violation.id)
    step = day.dice.choice((deciding.confirm, deciding.clear, deciding.reopen, deciding.expunge))
    step(day.bench, day.someone(Role.LEAD), now=day.now, violation_id=file, reason="看过原文")


def rules_a_file(day: Day) -> None:
    file = day.row(Violation.id, Violation.state == "confirmed")
    args = {"violation_id": file, "uphold": day.dice.random() < 0.6, "reason": "看过原文"}
    deciding.rule(day.bench, day.someone(Role.LEAD), now=day.now, **args)


def renames_a_plan(day: Day) -> None:
    plan = plans.get_plan(day.bench, SYSTEM, day.row(Plan.id))
    plans.edit_plan(
        day.bench, SYSTEM, now=day.now, plan_id=plan.id, name=f"方案{day.dice.getrandbits(20)}", design=plan.design
    )


def notes_a_measure(day: Day) -> None:
    measures.create_measure(
        day.bench, SYSTEM, now=day.now, name=f"培训{day.dice.getrandbits(20)}", on_day=day.now.date()
    )


def proposes_a_case(day: Day) -> None:
    text = cases.CaseText(title=f"案例{day.dice.getrandbits(30)}", lesson="先安抚再处理", kind="exemplary")
    sample = day.row(Verdict.sample_id)
    cases.propose(day.bench, day.someone(Role.LEAD), now=day.now, text=text, sample_id=sample)


def publishes_a_case(day: Day) -> None:
    number = day.row(Case.id, Case.state == "proposed")
    with day.bench.db.read() as session:
        version = session.get_one(Case, number).version
    cases.publish(day.bench, day.someone(Role.LEAD), now=day.now, case_id=number, version=version)


def changes_a_setting(day: Day) -> None:
    appeals.set_window(day.bench, SYSTEM, now=day.now, days=day.dice.randrange(3, 20))


def waits(day: Day) -> None:
    with day.bench.db.read() as session:
        session.scalar(select(func.count()).select_from(User))


ACTIONS: tuple[Callable[[Day], None], ...] = (
    hires, changes_a_role, disables, signs_in, moves_an_agent, inspects, inspects, inspects, corrects,
    decides_a_correction, answers, answers, rules_an_appeal, decides_a_file, decides_a_file, rules_a_file,
    renames_a_plan, notes_a_measure, proposes_a_case, publishes_a_case, changes_a_setting, waits,
)  # fmt: skip
