"""The invented shops' people: agents of different quality, inspectors of different severity, and a dated training.

Everything follows from the seed. Names and numbers are made up; telephone numbers use ranges that are not assigned.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

SHOP_ZH = "青禾家居旗舰店"
SHOP_EN = "Harbor & Pine"

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN = (
    "雨桐",
    "子涵",
    "晓峰",
    "佳怡",
    "思远",
    "梦洁",
    "志强",
    "欣妍",
    "浩然",
    "静文",
    "俊杰",
    "丽娜",
    "一鸣",
    "若曦",
    "建国",
    "诗琪",
    "凯文",
    "雪莹",
    "明轩",
    "婷婷",
    "天佑",
    "美玲",
    "宇航",
    "书瑶",
    "国庆",
    "慧敏",
    "泽宇",
    "晓燕",
    "文博",
    "海燕",
    "星辰",
    "玉兰",
)
_ENGLISH = (
    "Olivia Hart",
    "Noah Reed",
    "Emma Castillo",
    "Liam Novak",
    "Ava Lindqvist",
    "Ethan Brooks",
    "Mia Okafor",
    "Lucas Ferreira",
)

TEAMS_ZH = (("售前一组", "presale"), ("售前二组", "presale"), ("售后一组", "aftersale"), ("售后二组", "aftersale"))
TEAM_EN = "Care team"
TRAINED_TEAM = "售后一组"
TRAINING_WEEK = 5
TRAINING_NAME = "安抚与跟进专项培训"


@dataclass(frozen=True)
class DemoAgent:
    """One agent with hidden qualities: `care`, `knowledge`, `discipline` scale fault rates (1 is average, less is
    better)."""

    agent_id: str
    name: str
    team: str
    shop: str
    stage: str
    language: str
    hired_on: date
    grade: str
    care: float
    knowledge: float
    discipline: float
    reply_seconds: float
    red_line_rate: float


@dataclass(frozen=True)
class DemoInspector:
    """One inspector: `severity` is what they take off more (or less) than the team, in points; `noise` is their
    inconsistency."""

    login: str
    name: str
    severity: float
    noise: float
    home_team: str


INSPECTORS = (
    DemoInspector("inspector", "沈静", 0.0, 0.05, "售前一组"),
    DemoInspector("lin.qing", "林青", 1.5, 0.08, "售前二组"),
    DemoInspector("hao.ran", "郝然", -1.0, 0.06, "售后一组"),
    DemoInspector("bai.lu", "白露", 3.0, 0.10, "售后二组"),
    DemoInspector("zhou.yi", "周易", -2.0, 0.12, "售后一组"),
    DemoInspector("grace", "Grace Miller", 0.5, 0.07, TEAM_EN),
)


def agents(seed: str, first_day: date) -> tuple[DemoAgent, ...]:
    """The 40 agents of the demo; the same for the same seed."""
    draw = Random(f"{seed}/agents")
    people: list[DemoAgent] = []
    names = [draw.choice(_SURNAMES) + given for given in draw.sample(_GIVEN, 32)]
    for index, name in enumerate(names):
        team, stage = TEAMS_ZH[index % 4]
        people.append(_agent(draw, f"QH{index + 1:03d}", name, team, SHOP_ZH, stage, "zh_CN", index, first_day))
    for index, name in enumerate(_ENGLISH):
        people.append(_agent(draw, f"HP{index + 1:03d}", name, TEAM_EN, SHOP_EN, "", "en", index + 32, first_day))
    return tuple(people)


def _agent(
    draw: Random, agent_id: str, name: str, team: str, shop: str, stage: str, language: str, index: int, first_day: date
) -> DemoAgent:
    newcomer = index % 9 == 4
    rough = index % 13 == 6
    level = draw.lognormvariate(0, 0.35) * (1.6 if newcomer else 1.0) * (1.5 if rough else 1.0)
    hired = (
        first_day + timedelta(days=draw.randint(3, 20))
        if newcomer
        else first_day - timedelta(days=draw.randint(120, 1800))
    )
    return DemoAgent(
        agent_id=agent_id,
        name=name,
        team=team,
        shop=shop,
        stage=stage,
        language=language,
        hired_on=hired,
        grade="P1" if newcomer else f"P{draw.choice((2, 2, 3, 3, 3, 4, 4, 5, 6))}",
        care=level * draw.lognormvariate(0, 0.25),
        knowledge=level * draw.lognormvariate(0, 0.25),
        discipline=level * draw.lognormvariate(0, 0.3),
        reply_seconds=draw.uniform(14, 38) * min(level, 2.0),
        red_line_rate=0.012 * (4.0 if rough else 1.0) * draw.uniform(0.4, 1.6),
    )
