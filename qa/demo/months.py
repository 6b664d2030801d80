"""Four months of indicators for the demo: exports as the platforms write them, brought in by the real import, and the
sheets drawn up from them.

Every figure follows from an agent's hidden qualities (`level_of`), so what a sheet says can be held against the truth.
"""

from __future__ import annotations

import csv
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np

from qa.assessment import examples, importing, schemes, sheets
from qa.assessment.exports import ExportAnswers
from qa.assessment.inputs import window
from qa.assessment.results import POOLED
from qa.demo.world import DemoAgent
from qa.policy import SYSTEM, Actor
from qa.workbench import Workbench
from scoring.keyed import uniforms

MONTHS = 4
WEEKEND = 0.92
"""Everybody sells less at the weekend; expected values take that out."""
WORKED = 0.72
"""Share of days on which somebody is at work."""
SALES = ("旺旺昵称", "日期", "店铺", "询单人数", "销售人数", "销售额", "销售量", "成功退款金额")
REPLIES = ("旺旺账号名称", "日期", "店铺", "平均响应时长", "人工接待会话量", "3分钟人工响应率")
RATINGS = ("旺旺账号名称", "日期", "店铺", "满意评价量", "旺旺评价量")
SOFT = (
    ("售前一组", 1, "大促夜班缺人，主动留下接了两个小时，交接写得清楚。"),
    ("售后一组", 1, "新同事不会查运费险，放下自己的单子陪着走完一遍。"),
    ("售后二组", -1, "交接时没有说明三位顾客还在等回复，第二天才被发现。"),
)
"""Examples of soft indicators: team, direction, what happened."""


@dataclass(frozen=True)
class PlantedLevel:
    """What is true of an agent in every month: chance that an enquiry is paid, seconds to a reply, share of replies
    within three minutes, share of satisfied ratings."""

    conversion: float
    reply_s: float
    in_time: float
    satisfied: float


def level_of(agent: DemoAgent) -> PlantedLevel:
    """The planted truth of one agent."""
    return PlantedLevel(
        min(max(0.5 * math.exp(-0.10 * (agent.knowledge - 1)), 0.30), 0.62),
        agent.reply_seconds,
        min(max(1 - 0.02 * agent.discipline, 0.90), 0.998),
        min(max(0.93 - 0.05 * (agent.care - 1), 0.70), 0.99),
    )


def load(bench: Workbench, lead: Actor, other: Actor, *, now: datetime, seed: str, people: Sequence[DemoAgent]) -> None:
    """Bring in the exports of the four months before `now`, draw up a sheet of each and one of the last three together.
    Doing it twice is doing it once."""
    last = now.astimezone(bench.config.zone).date().replace(day=1) - timedelta(days=1)
    months = [window(last, n)[0] for n in range(MONTHS, 0, -1)]
    days = [months[0] + timedelta(days=n) for n in range((last - months[0]).days + 1)]
    imported = _morning(bench, last, now)
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in _exports(seed, people, days).items():
            path = Path(folder) / name
            with path.open("w", encoding="utf-8-sig", newline="") as file:
                csv.writer(file).writerows(rows)
            importing.commit(bench, SYSTEM, now=imported, path=path, asked=ExportAnswers())
    schemes.load_default(bench, lead, now=_morning(bench, window(months[0], 1)[1], now))
    _examples(bench, lead, other, now=imported, month=last, people=people)
    known = {(head.month, head.months) for head in sheets.sheets(bench, lead)}
    for month, pooled in [*((month, 1) for month in months), (months[-1], POOLED)]:
        if (month, pooled) not in known:
            _sheet(bench, lead, now, month, pooled)


def _sheet(bench: Workbench, lead: Actor, now: datetime, month: date, months: int) -> None:
    """Draw up a sheet in the morning after its month; it is final where the time to object is over by `now`."""
    then = _morning(bench, window(month, 1)[1], now)
    number = sheets.draft(bench, lead, now=then, month=month, months=months)
    sheets.publish(bench, lead, now=then, number=number)
    [until] = [head.until for head in sheets.sheets(bench, lead) if head.id == number]
    if until is not None and until < now:
        sheets.finalise(
            bench, lead, now=until + timedelta(hours=1) if until + timedelta(hours=1) < now else now, number=number
        )


def _morning(bench: Workbench, last: date, now: datetime) -> datetime:
    """Ten o'clock of the day after `last`, in the business time zone, and never after `now`."""
    moment = datetime.combine(last + timedelta(days=1), time(10), bench.config.zone).astimezone(UTC)
    return min(moment, now)


def _examples(
    bench: Workbench, lead: Actor, other: Actor, *, now: datetime, month: date, people: Sequence[DemoAgent]
) -> None:
    known = {one.body for one in examples.listed(bench, lead)}
    for place, (team, direction, body) in enumerate(SOFT):
        if body in known:
            continue
        agent = next(one for one in people if one.team == team)
        number = examples.propose(
            bench, lead, now=now, agent_id=agent.agent_id, month=month, direction=direction, body=body
        )
        if place:  # the first one still waits for a second person
            examples.decide(bench, other, now=now, number=number, confirm=True)


def _exports(seed: str, people: Sequence[DemoAgent], days: Sequence[date]) -> Mapping[str, list[list[object]]]:
    dice = np.random.default_rng([int(2**32 * u) for u in uniforms(f"{seed}/months", 4)])
    sales: list[list[object]] = [list(SALES)]
    replies: list[list[object]] = [list(REPLIES)]
    ratings: list[list[object]] = [list(RATINGS)]
    for agent in people:
        level = level_of(agent)
        for day in days:
            if dice.random() > WORKED or day < agent.hired_on:
                continue
            who = [agent.agent_id, day.isoformat(), agent.shop]
            asked = int(dice.integers(14, 35))
            bought = int(dice.binomial(asked, level.conversion * (WEEKEND if day.weekday() >= 5 else 1.0)))
            amount = float(np.exp(dice.normal(4.5, 0.7, bought)).sum())
            if agent.stage != "aftersale":
                items = bought + int(dice.binomial(bought, 0.4))
                sales.append([*who, asked, bought, f"{amount:,.2f}元", items, f"{0.06 * amount:.2f}"])
            seconds = level.reply_s * float(np.exp(dice.normal(-0.011, 0.15)))
            late = int(dice.binomial(asked, 1 - level.in_time))
            replies.append([*who, f"{seconds:.1f}秒", asked, f"{100 * (asked - late) / asked:.2f}%"])
            if rated := int(dice.binomial(asked, 0.3)):
                ratings.append([*who, int(dice.binomial(rated, level.satisfied)), rated])
    return {"生意参谋.csv": sales, "千牛-按客服查看.csv": replies, "千牛-咨询接待能力明细.csv": ratings}
