"""The demo's disputes: chat, promise, record and outcome of one case tell one story, and what is wrong in it is known.

A scene says what a dispute that follows it is about. What the agent promised in the chat, what a second agent was told
the day after, what the record says and when, and whether the promise was kept come from one draw of their own, so that
the chats of the demo stay what they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from qa.demo.script import Lines

RECORD_FAULTS = (
    "late_answer",
    "differs_in_record",
    "blames_customer",
    "no_evidence",
    "promise_broken",
    "avoidable_step",
)
"""What can be wrong in the handling of a dispute; each lowers the criterion of the dispute card that it belongs to."""
RECORD_CRITERIA: Mapping[str, tuple[str, ...]] = {
    "late_answer": ("first_answer",),
    "differs_in_record": ("same_in_record",),
    "blames_customer": ("no_blame",),
    "no_evidence": ("evidence",),
    "promise_broken": ("promise_kept",),
    "avoidable_step": ("intervention",),
}
JOINS = (("given", 4), ("order", 5), ("customer", 2), ("several", 1), ("none", 1))
"""How a record finds its chat, and how often of thirteen."""
ANSWER_WITHIN = timedelta(hours=48)
_CHANCE = {"late_answer": 0.14, "differs_in_record": 0.12, "blames_customer": 0.10, "no_evidence": 0.15}


RETURNED = "REFUND_AND_RETURN"
"""The kind of dispute in which the goods go back."""


@dataclass(frozen=True)
class DisputeScene:
    """What a dispute after one scene is about: the platform's reason, the buyer's words, the shop's answers by fault
    (`""`: a good one)."""

    reason: str
    kind: str
    buyer: Lines
    answers: Mapping[str, Lines]


@dataclass(frozen=True)
class RecordWording:
    """Everything of one language."""

    scenes: Mapping[str, DisputeScene]
    promises: Lines
    """A refund with its amount and until when: one day."""
    unkept: Lines
    """What the buyer writes when it did not come."""
    again: Lines
    """What the customer says to the next agent, and that agent's answer."""
    answered: Lines
    platform: Lines


def _scene(reason: str, kind: str, buyer: Lines, good: Lines, differs: Lines, blames: Lines) -> DisputeScene:
    return DisputeScene(reason, kind, buyer, {"": good, "differs_in_record": differs, "blames_customer": blames})


ZH = RecordWording(
    {
        "logistics": _scene(
            "快递一直未送到",
            "REFUND",
            ("{product}停在{city}好几天了，不要了，退款。", "一直没送到，客服只说再等等。"),
            ("已向{carrier}核实，件确已延误，同意退款。", "物流底单已上传，延误属实，同意退款。"),
            ("买家要求的是催件，没有要退款。",),
            ("是买家自己地址没写清楚。",),
        ),
        "damaged": _scene(
            "商品破损",
            "REFUND_AND_RETURN",
            ("收到的{product}就是坏的，照片发给客服了。", "{product}裂了一条腿，发了三张照片。"),
            ("破损照片已核实并上传，运输造成，同意退款。", "已核对出库和签收照片，责任在物流，我们先赔付。"),
            ("只能退货，运费由买家承担。", "我们没有说过可以换新。"),
            ("签收时没有验货，是买家自己弄坏的。",),
        ),
        "return": _scene(
            "7天无理由退换货",
            "REFUND_AND_RETURN",
            ("颜色和图片不一样，客服说可以退，申请又不通过。", "退货寄出去了，一直不处理。"),
            ("符合7天无理由，已同意退货，附退货地址。", "已收到退货并验货，照片已上传，同意退款。"),
            ("拆封后不支持退货。",),
            ("有使用痕迹，是买家用过又来退。",),
        ),
        "wrong_item": _scene(
            "少件/漏发",
            "REFUND_AND_RETURN",
            ("发错颜色了，说补发一直没动静。", "少发了{gift}，客服说补，没有补。"),
            ("出库记录已核对，确实发错，同意退款并上门取件。", "称重记录已上传，漏发属实，补发单号{ticket}。"),
            ("仓库发货无误，不予补发。",),
            ("是买家自己选错了颜色。",),
        ),
        "refund_late": _scene(
            "退款未到账",
            "REFUND",
            ("货退回去一个多星期了，钱没有退。", "每次都说今天退，一直没到账。"),
            ("退货已签收，验货完成，今天提交退款。", "签收底单已上传，财务已加急。"),
            ("没有收到退货，无法退款。",),
            ("买家填错了退货单号，责任在买家。",),
        ),
        "quality": _scene(
            "质量问题",
            "REFUND_AND_RETURN",
            ("{product}用了半个月就开裂。", "一坐就响，客服寄了个螺丝就不管了。"),
            ("视频已核实，连接件问题，质保内，同意退款。", "检测照片已上传，属质保范围，同意处理。"),
            ("过了七天，不在售后范围。",),
            ("正常使用不会坏，是买家安装不当。",),
        ),
    },
    ("24小时内给您退款{sum}元。", "放心，24小时内退款{sum}元给您。"),
    ("说好24小时内退款，还没退。", "答应的24小时退款，一直没有到账，没人管。"),
    ("我昨天联系过你们，订单{order}的事还没解决。", "又是我，上次那位客服说会处理，现在怎么样了？"),
    ("抱歉让您再来一趟，我看了之前的记录，马上帮您催。", "看到了前面的聊天，这边接着给您处理。"),
    ("请双方在48小时内上传凭证。", "平台已介入，请商家说明处理情况。"),
)
EN = RecordWording(
    {
        "logistics": _scene(
            "Late delivery",
            "REFUND",
            ("It has been stuck in {city} for days. I want my money back.",),
            ("Confirmed with {carrier}: the parcel is delayed. Refund approved.",),
            ("The customer asked us to chase the parcel, not for a refund.",),
            ("The customer gave a wrong address.",),
        ),
        "damaged": _scene(
            "Arrived damaged",
            "REFUND_AND_RETURN",
            ("The {product} came broken; I sent the photos.",),
            ("Photos checked and uploaded: damaged in transit. Refund approved.",),
            ("It can only be returned at the customer's cost.",),
            ("The customer broke it while unpacking.",),
        ),
        "return": _scene(
            "No longer needed",
            "REFUND_AND_RETURN",
            ("They said I can return it and then refused.",),
            ("Within the return period: return accepted, address sent.",),
            ("Opened goods are not taken back.",),
            ("It was clearly used by the customer.",),
        ),
        "refund_late": _scene(
            "Refund not received",
            "REFUND",
            ("Returned over a week ago and no money.",),
            ("The return was checked in; the refund is on its way today.",),
            ("We have not received the return and cannot refund.",),
            ("The customer entered a wrong tracking number.",),
        ),
    },
    ("We will refund ${sum} to you within 24 hours.",),
    ("They promised a refund within 24 hours and I have not got the refund.",),
    ("I wrote yesterday about order {order} and it is still not solved.",),
    ("I'm sorry you had to come back; I have read the earlier chat and am on it.",),
    ("Both sides, please upload your evidence within 48 hours.",),
)
WORDING: Mapping[str, RecordWording] = {"zh_CN": ZH, "en": EN}


@dataclass
class Aftermath:
    """What was decided about one conversation before it was played to its end: a promise (in whole units) and whether
    it is kept, and a draw of its own for all that follows."""

    draw: Random
    promised: int = 0
    kept: bool = True
    seq: int = -1
    said_at: datetime | None = None
    faults: list[str] = field(default_factory=list)


def plan(key: str, scene: str, language: str) -> Aftermath:
    """Whether the agent promises a refund in this conversation, and keeps it."""
    draw = Random(f"{key}/after")
    made = Aftermath(draw)
    if scene in WORDING[language].scenes and draw.random() < 0.1:
        made.promised, made.kept = draw.randrange(2, 30) * 10, draw.random() < 0.6
    return made


def chance(plan_: Aftermath, usual: float) -> float:
    """How likely a dispute follows: a refund that was promised goes through one, in time or not."""
    return 0.85 if plan_.promised else usual


def record(
    plan_: Aftermath, scene: str, language: str, slots: Mapping[str, str], ended: datetime, faulty: float
) -> dict[str, Any]:
    """The dispute's own fields, with what is wrong in them noted in `plan_.faults`. `faulty` scales the chance of each
    fault (1: an average agent)."""
    draw, words = plan_.draw, WORDING[language].scenes[scene]
    for fault, likely in _CHANCE.items():
        if draw.random() < min(likely * faulty, 0.6) and not (
            fault == "blames_customer" and "differs_in_record" in plan_.faults
        ):
            plan_.faults.append(fault)
    said = plan_.said_at or ended
    opened = ended + timedelta(hours=draw.uniform(1, 10) if plan_.promised and plan_.kept else draw.uniform(26, 60))
    opened = opened.replace(microsecond=0)
    due = opened + ANSWER_WITHIN
    answered = opened + timedelta(hours=draw.uniform(1, 8))
    if plan_.promised and plan_.kept:  # the money came in time: nobody answered late
        plan_.faults[:] = [fault for fault in plan_.faults if fault != "late_answer"]
    elif "late_answer" in plan_.faults:
        answered = due + timedelta(hours=draw.uniform(1, 20))
    spoken = next((fault for fault in ("differs_in_record", "blames_customer") if fault in plan_.faults), "")
    buyer = draw.choice(words.buyer)
    if plan_.promised and not plan_.kept:
        plan_.faults.append("promise_broken")
        buyer += draw.choice(WORDING[language].unkept)
    answer = draw.choice(words.answers[spoken])
    if not spoken and "no_evidence" in plan_.faults:
        answer = "同意退款。" if language == "zh_CN" else "Refund approved."
    status, closed, cs_status, fee, total = _ending(plan_, said, answered)
    messages = [("customer", _filled(buyer, slots), opened)]
    if cs_status != 1:
        ends = closed or answered + timedelta(hours=10)
        messages.append(("platform", draw.choice(WORDING[language].platform), opened + (ends - opened) * 0.6))
    messages.append(("agent", _filled(answer, slots), answered))
    return {
        "opened_at": opened,
        "closed_at": closed,
        "due_at": due,
        "dispute_type": words.kind,
        "phase": "aftersale",
        "status": status,
        "cs_status": cs_status,
        "reason": words.reason,
        "description": _filled(buyer, slots),
        "title": slots["product"],
        "refund_fee": fee,
        "total_fee": total,
        "returned_at": answered + (closed - answered) / 2 if closed and words.kind == RETURNED else None,
        "messages": [
            {"role": role, "text": text, "sent_at": at.replace(microsecond=0)}
            for role, text, at in sorted(messages, key=lambda m: m[2])
        ],
    }


def _ending(plan_: Aftermath, said: datetime, answered: datetime) -> tuple[str, datetime | None, int, int, int]:
    """Status, end, platform step, refund and order total (hundredths)."""
    draw, faults = plan_.draw, plan_.faults
    total = draw.randrange(30000, 260000)
    fee = plan_.promised * 100 if plan_.promised else total
    handled_badly = bool({"late_answer", "differs_in_record", "blames_customer"} & set(faults))
    stepped = draw.random() < (0.6 if handled_badly else 0.08)
    if stepped and handled_badly:
        faults.append("avoidable_step")
    if plan_.promised and plan_.kept:
        closed = min(said + timedelta(hours=23, minutes=30), answered + timedelta(hours=draw.uniform(0.5, 3)))
        return "SUCCESS", closed, 9 if stepped else 1, fee, total
    if not plan_.promised and draw.random() < 0.25:
        return "WAIT_SELLER_AGREE", None, 3 if stepped else 1, fee, total
    closed = answered + timedelta(hours=draw.uniform(4, 60))
    if plan_.promised and draw.random() < 0.3:
        return "SELLER_REFUSE_BUYER", closed, 8 if stepped else 2, fee, total
    return "SUCCESS", closed, (8 if handled_badly else 9) if stepped else 1, fee, total


def _filled(text: str, slots: Mapping[str, str]) -> str:
    return text.format(**slots) if "{" in text else text
