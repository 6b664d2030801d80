"""The human touches of the demo: acknowledgements, appeals, coaching, and a small case library made from inspected
samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from qa.coaching import threads
from qa.errors import Conflict
from qa.library import cases
from qa.library.cases import CaseText
from qa.policy import Actor
from qa.tables import Agent, Appeal, Sample, Verdict, Violation
from qa.verdicts import appeals, reading
from qa.workbench import Workbench
from scoring.sheet import Outcome


@dataclass(frozen=True)
class _Story:
    """A case to be found: a conversation that lost points in `criterion` (or broke `rule`, or is nearly perfect)."""

    text: CaseText
    criterion: str = ""
    rule: str = ""
    publish: bool = True


def _zh(
    title: str,
    lesson: str,
    kind: str,
    tags: tuple[str, ...],
    criterion: str = "",
    rule: str = "",
    publish: bool = True,
    shows: str = "",
) -> _Story:
    """`shows`: the criterion that a nearly perfect chat is an example of."""
    text = CaseText(title, lesson, kind, tags, criterion or shows or None, rule or None, "zh_CN")
    return _Story(text, criterion, rule, publish)


def _en(
    title: str, lesson: str, kind: str, tags: tuple[str, ...], criterion: str = "", rule: str = "", publish: bool = True
) -> _Story:
    return _Story(CaseText(title, lesson, kind, tags, criterion or None, rule or None, "en"), criterion, rule, publish)


STORIES: Sequence[_Story] = (
    _zh(
        "先安抚，再处理：一句话留住生气的顾客",
        "顾客已经说“太差了”，第一句就索要照片会火上浇油。先承认对方的感受并道歉，再提出需要的材料，"
        "顾客愿意配合的可能性大得多。",
        "counter",
        ("安抚", "破损"),
        criterion="empathy",
    ),
    _zh(
        "售后政策答错，一次就够引发纠纷",
        "运费和时效以当期规则为准。拿不准时先查知识库，告诉顾客“我核实后两分钟内回复您”，不要凭印象回答。",
        "counter",
        ("退换", "运费"),
        criterion="policy_facts",
    ),
    _zh(
        "“稍等”之后一定要回来",
        "说了稍等，就设一个提醒。15 分钟内哪怕没有结果，也要告诉顾客进展到哪一步。",
        "counter",
        ("跟进",),
        criterion="follow_up",
    ),
    _zh(
        "核实订单再下结论",
        "没有看订单和照片就说“退货吧”，看似爽快，其实可能让顾客多跑一趟。先核实，再给方案。",
        "counter",
        ("核实", "售后"),
        criterion="verification",
    ),
    _zh(
        "商品参数以详情页为准",
        "尺寸、材质答错会直接变成“与描述不符”的纠纷。回答前打开详情页核对一遍。",
        "counter",
        ("商品信息", "售前"),
        criterion="product_facts",
    ),
    _zh(
        "反问与冷漠：顾客最在意的不是答案",
        "“页面上写着呢”没有错，却让顾客觉得被嫌弃。把答案直接说出来，再告诉顾客在哪里可以看到。",
        "counter",
        ("语气",),
        criterion="tone",
    ),
    _zh(
        "引导站外交易是红线，优惠再小也不行",
        "平台外联系方式和私下转账会让顾客失去保障，店铺也要受罚。顾客主动提出时，请礼貌拒绝并说明原因。",
        "counter",
        ("红线", "站外"),
        rule="R03",
    ),
    _zh(
        "好评返现：顾客问起也不能答应",
        "无论顾客是否主动要求，都不能用返现、红包换取好评。可以感谢顾客，并邀请如实评价。",
        "counter",
        ("红线", "评价"),
        rule="R04",
    ),
    _zh(
        "不作保证，也能让顾客安心",
        "“保证今天到”一旦落空就是违背承诺。说清正常时效、可能的延误和补偿办法，反而更可信。",
        "counter",
        ("红线", "时效"),
        rule="R06",
    ),
    _zh(
        "一次完整的售后接待",
        "问候、安抚、核实、给出两个方案让顾客选、建单、告知时间、结束语、邀评，每一步都有。新同学可以照着走一遍。",
        "exemplary",
        ("示范", "流程"),
        shows="follow_up",
    ),
    _zh(
        "把选择权交给顾客",
        "给出两个都能接受的方案，说清各自的时间和费用，让顾客自己决定。争议最少。",
        "exemplary",
        ("示范", "方案"),
        shows="empathy",
    ),
    _en(
        "Acknowledge first, then solve",
        "When a customer is upset, the first sentence meets the feeling, the second the facts. Asking for a photo at"
        " once reads as doubt.",
        "counter",
        ("empathy", "damage"),
        criterion="empathy",
    ),
    _en(
        "A complete after-sale chat, step by step",
        "Greeting, empathy, check, two options, reference number, time frame, closing, invitation to rate. Nothing is"
        " missing and nothing is too much.",
        "exemplary",
        ("model", "process"),
    ),
    _en(
        "Is this a promise?",
        "The agent named a usual delivery time with its condition. That is information, not a promise; the red line"
        " stays untouched.",
        "edge",
        ("promise", "hard case"),
        publish=False,
    ),
)


OBJECTIONS: Sequence[str] = (
    "顾客在上一句已经说明了情况，我没有再问，是不想让顾客重复。请再看一下上下文。",
    "当时系统卡顿，消息延迟发出，不是我没有处理。",
)


def tell(bench: Workbench, lead: Actor, second: Actor, inspector: Actor, agent: Actor, *, now: datetime) -> int:
    """Make the case library, acknowledge and appeal some results; returns the number of cases."""
    made, used = 0, set[int]()
    for number, story in enumerate(STORIES):
        with bench.db.read() as session:
            subject = _find(session, story, used)
        if subject is None:
            continue
        sample_id, violation_id = subject
        used.add(sample_id or -(violation_id or 0))
        at = now - timedelta(days=2) + timedelta(minutes=7 * number)
        case_id = cases.propose(
            bench, inspector, now=at, text=story.text, sample_id=sample_id, violation_id=violation_id
        )
        version = cases.get(bench, lead, case_id).version
        if story.publish and version == 1:
            cases.publish(bench, lead, now=at + timedelta(minutes=3), case_id=case_id, version=version)
        made += 1
    _answer(bench, second, agent, now)
    _coach(bench, lead, agent, now)
    return made


NOTES = (
    (timedelta(days=35), "这里先核对订单再答复会更稳妥。接下来几周我们一起看看这一项。", "明白，之后先查订单再回答。"),
    (timedelta(hours=20), "这一条顾客已经等了一会儿，开头先致歉，语气会好很多。", ""),
)
"""How long ago the lead wrote to the demo's agent, what, and the answer."""


def _coach(bench: Workbench, lead: Actor, agent: Actor, now: datetime) -> None:
    """Two coaching threads: an older one whose answer waits for the lead, and a new note that waits for the agent."""
    if threads.threads(bench, lead, agent_id=agent.agent_id or ""):
        return
    with bench.db.read() as session:
        query = select(Verdict.id, Verdict.outcome, Verdict.created_at).where(
            Verdict.is_current, Verdict.agent_id == agent.agent_id, Verdict.kind == "inspection"
        )
        results = session.execute(query.order_by(Verdict.created_at.desc(), Verdict.id.desc())).all()
    used = set()
    for ago, note, answer in NOTES:
        for verdict_id, outcome, created in results:
            lost = [line.id for line in Outcome.from_dict(outcome).lines if line.kind == "loss" and line.points < 0]
            if not lost or created > now - ago or verdict_id in used:
                continue
            used.add(verdict_id)
            thread = threads.open_on_result(
                bench, lead, now=now - ago, verdict_id=verdict_id, body=note, criterion_id=lost[0]
            )
            if answer:
                threads.write(bench, agent, now=now - ago + timedelta(days=1), thread_id=thread, body=answer)
            break


def _answer(bench: Workbench, lead: Actor, agent: Actor, now: datetime) -> None:
    """The demo's agent reads their results and objects to two of them; a lead has ruled on the first."""
    with bench.db.read() as session:
        recent = session.execute(
            select(Verdict.id, Verdict.outcome)
            .where(Verdict.is_current, Verdict.agent_id == agent.agent_id, Verdict.kind == "inspection")
            .order_by(Verdict.created_at.desc(), Verdict.id.desc())
            .limit(12)
        ).all()
        known = session.scalar(select(Appeal.id).where(Appeal.agent_id == agent.agent_id).limit(1))
    for verdict_id, _outcome in recent[3:]:
        reading.acknowledge(bench, agent, now=now - timedelta(hours=30), verdict_id=verdict_id)
    if known is not None:
        return
    filed = 0
    for verdict_id, outcome in recent:
        lost = [line.id for line in Outcome.from_dict(outcome).lines if line.kind == "loss" and line.points < 0]
        if not lost or filed == len(OBJECTIONS):
            continue
        at = now - timedelta(hours=26 - 5 * filed)
        try:
            appeal = appeals.file_against_verdict(
                bench, agent, now=at, verdict_id=verdict_id, body=OBJECTIONS[filed], criterion_id=lost[0]
            )
        except Conflict:  # the window of an older result is over
            continue
        if filed == 0:
            appeals.rule(
                bench,
                lead,
                now=at + timedelta(hours=3),
                appeal_id=appeal,
                uphold=True,
                ruling="核对原文，顾客当时已表示清楚，这一项不扣。",
            )
        filed += 1


def _find(session: Session, story: _Story, used: set[int]) -> tuple[int | None, int | None] | None:
    language = Agent.shop == "Harbor & Pine" if story.text.language == "en" else Agent.shop != "Harbor & Pine"
    if story.rule:
        query = (
            select(Sample.id)
            .join(Violation, Violation.sample_id == Sample.id)
            .join(Agent, Agent.agent_id == Sample.agent_id)
            .where(Violation.rule_id == story.rule, Violation.state.in_(("confirmed", "upheld", "closed")), language)
            .order_by(Sample.id)
        )
        found = next((s for s in session.scalars(query) if s not in used), None)
        return (found, None) if found is not None else None
    results = session.execute(
        select(Verdict.sample_id, Verdict.total, Verdict.outcome)
        .join(Agent, Agent.agent_id == Verdict.agent_id)
        .where(Verdict.is_current, Verdict.kind == "inspection", language)
        .order_by(Verdict.total.desc(), Verdict.id)
    )
    for sample_id, total, outcome in results:
        if sample_id in used:
            continue
        lines = Outcome.from_dict(outcome).lines
        lost = {line.id for line in lines if line.kind == "loss" and line.points < 0}
        if story.criterion in lost or (
            not story.criterion and total == 10_000 and any(line.kind == "bonus" for line in lines)
        ):
            return sample_id, None
    return None
