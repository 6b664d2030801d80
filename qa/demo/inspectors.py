"""How the demo's inspectors score: the truth of a conversation, seen through one person's severity and inconsistency.

Pure, like the generator: the same inspector gives the same sheet to the same conversation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random

from qa.demo.disputes import RECORD_CRITERIA
from qa.demo.world import DemoInspector
from scoring.rubric import Rubric
from scoring.sheet import CLEARED, CONFIRMED, HitDecision, Mark, Sheet

CRITERIA: Mapping[str, tuple[str, ...]] = {
    "no_greeting": ("greeting",),
    "no_closing": ("closing",),
    "no_apology_after_wait": ("wait_apology",),
    "cold": ("tone",),
    "no_empathy": ("empathy",),
    "wrong_info": ("product_facts", "same_in_record"),
    "wrong_policy": ("policy_facts",),
    "no_check": ("verification", "evidence", "what_went_wrong"),
    "off_point": ("understanding", "fault_owner"),
    "ask_again": ("repetition",),
    "no_follow_up": ("follow_up", "promise_kept", "called_back"),
    "no_rating_invite": ("invitation",),
}
"""The criteria that each planted fault belongs to; a rubric has the first of them, another, or none. Slow replies are
measured, not scored."""

_OF_FAULT = {**CRITERIA, **RECORD_CRITERIA}

_CAUSES: Mapping[str, str] = {
    "tone": "emotion",
    "empathy": "wording",
    "product_facts": "knowledge",
    "policy_facts": "knowledge",
    "verification": "carelessness",
    "understanding": "knowledge",
    "repetition": "carelessness",
    "follow_up": "carelessness",
    "greeting": "carelessness",
    "closing": "carelessness",
    "wait_apology": "wording",
    "invitation": "carelessness",
    "same_in_record": "carelessness",
    "evidence": "carelessness",
    "what_went_wrong": "carelessness",
    "fault_owner": "knowledge",
    "promise_kept": "carelessness",
    "called_back": "carelessness",
    "first_answer": "carelessness",
    "no_blame": "emotion",
    "intervention": "knowledge",
}
_FOREIGN: Mapping[str, tuple[tuple[str, str], ...]] = {
    "product_facts": (("system", "page_error"), ("policy", "script")),
    "policy_facts": (("policy", "policy_gap"), ("policy", "script")),
    "follow_up": (("warehouse", "stock_delivery"),),
    "wait_apology": (("system", "staffing"),),
}
_NOTES: Mapping[str, tuple[str, str]] = {
    "tone": ("语气生硬，让顾客感到被敷衍", "Curt; the customer feels brushed off"),
    "empathy": ("顾客已表达不满，先安抚再处理会更好", "The customer was upset; acknowledge it first"),
    "product_facts": ("与详情页信息不一致", "Differs from the product page"),
    "policy_facts": ("与现行售后政策不符", "Differs from the policy in force"),
    "verification": ("未核实订单就给结论", "Concluded without checking the order"),
    "follow_up": ("承诺稍等后没有回来", "Promised to be back and was not"),
    "repetition": ("顾客已提供过的信息再次索要", "Asked again for what was already given"),
}
_CLEAR_REASON = ("语境正常，属于误报", "Harmless in context: a false alarm")
_CONFIRM_REASON = ("原话清楚，属实", "Plain wording, confirmed")


def judge(
    seed: str,
    inspector: DemoInspector,
    unit_id: str,
    rubric: Rubric,
    faults: Mapping[str, int],
    broken: Iterable[str],
    hits: Iterable[tuple[str, int]],
    language: str,
) -> Sheet:
    """The sheet `inspector` fills in for a conversation with these `faults` (fault → message, −1 for none).

    `broken` are the rules truly broken, `hits` the (rule, message) pairs that screening shows. A severe inspector
    finds a little that is not there, a lenient one lets a little pass; everybody overlooks something now and then.
    """
    draw = Random(f"{seed}/{inspector.login}/{unit_id}")
    side = 0 if language == "zh_CN" else 1
    found: dict[str, int] = {}
    for fault, seq in faults.items():
        overlooked = inspector.noise + max(-inspector.severity, 0) * 0.06
        criterion = next((one for one in _OF_FAULT.get(fault, ()) if rubric.find(one)), None)
        if fault in _OF_FAULT and draw.random() > overlooked and criterion is not None:
            found[criterion] = seq
    for criterion in ("tone", "understanding", "closing", "invitation", "empathy"):
        if criterion not in found and draw.random() < max(inspector.severity, 0) * 0.035 and rubric.find(criterion):
            found[criterion] = -1
    marks = [_mark(draw, rubric, criterion, seq, side) for criterion, seq in found.items()]
    if not faults and draw.random() < 0.12:
        marks.append(Mark("warm_closing", value=1))
    broken = set(broken)
    decisions = [
        HitDecision(
            rule,
            seq,
            CONFIRMED if rule in broken else CLEARED,
            (_CONFIRM_REASON if rule in broken else _CLEAR_REASON)[side],
        )
        for rule, seq in hits
    ]
    return Sheet(tuple(mark for mark in marks if rubric.find(mark.criterion_id)), tuple(decisions))


def _mark(draw: Random, rubric: Rubric, criterion_id: str, seq: int, side: int) -> Mark:
    criterion = next(c for d in rubric.dimensions for c in d.criteria if c.id == criterion_id)
    owner, cause = "agent", _CAUSES[criterion_id]
    if criterion_id in _FOREIGN and draw.random() < 0.15:
        owner, cause = draw.choice(_FOREIGN[criterion_id])
    value = 1 if criterion.spec.counted else 0
    note = _NOTES[criterion_id][side] if criterion_id in _NOTES and draw.random() < 0.7 else ""
    return Mark(criterion_id, value, owner=owner, root_cause=cause, note=note, evidence=(seq,) if seq >= 0 else ())
