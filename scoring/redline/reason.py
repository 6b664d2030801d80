"""The sentence that tells why a message was marked, in both languages.

Owns wording only. A hit is a suspicion, and the sentence says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from scoring.label import Label
from scoring.redline.rule import Anchor, Missing, Rule


def minutes(seconds: int) -> tuple[str, str]:
    """A duration in words, minutes where they are whole."""
    if seconds >= 60 and seconds % 60 == 0:
        n = seconds // 60
        return f"{n} 分钟", f"{n} minute{'s' if n != 1 else ''}"
    return f"{seconds} 秒", f"{seconds} second{'s' if seconds != 1 else ''}"


def missing_reason(rule: Rule, missing: Missing, matched: str) -> Label:
    n = missing.messages
    wait_zh, wait_en = minutes(missing.wait_seconds)
    soon_zh, soon_en = minutes(missing.within_seconds)
    match missing.anchor:
        case Anchor.OPENING:
            return Label(f"前 {n} 条回复中没有应有的话", f"the first {n} replies lack the expected words")
        case Anchor.CLOSING:
            return Label(f"最后 {n} 条回复中没有应有的话", f"the last {n} replies lack the expected words")
        case Anchor.WAIT:
            return Label(
                f"顾客等待超过 {wait_zh}，随后 {n} 条回复中没有应有的话",
                f"the customer waited more than {wait_en} and the next {n} replies lack the expected words",
            )
        case Anchor.PHRASE:
            return Label(
                f"说了“{matched}”，{soon_zh}内没有跟进", f"said “{matched}” and did not follow up within {soon_en}"
            )


def reasons(rule: Rule, matched: Sequence[str]) -> list[Label]:
    """Why this rule marked messages in which it found ``matched`` (empty for an omission), one for each."""
    if rule.wording is None:
        return [_reason(rule, one) for one in matched]
    import polars as pl  # loaded, like the weights, for such a rule alone

    from scoring.redline import wording

    found = wording.model(rule.wording.model).evidence(pl.Series(matched, dtype=pl.String))
    return [_likeness(rule, one, seen.words) for one, seen in zip(matched, found, strict=True)]


def reason(rule: Rule, matched: str) -> Label:
    """Why this rule marked a message in which it found ``matched`` (empty for an omission)."""
    return reasons(rule, [matched])[0]


def _likeness(rule: Rule, matched: str, words: Sequence[str]) -> Label:
    quoted = [f"“{word}”" for word in words]
    zh, en = "、".join(quoted), ", ".join(quoted)
    return Label(
        f"疑似“{rule.label.zh}”：“{matched}”读起来像违规" + (f"，尤其是{zh}" if words else ""),
        f"Suspected “{rule.label.en}”: “{matched}” reads like violations" + (f", above all {en}" if words else ""),
    )


def _reason(rule: Rule, matched: str) -> Label:
    if rule.missing is not None:
        why = missing_reason(rule, rule.missing, matched)
        return Label(f"疑似“{rule.label.zh}”：{why.zh}", f"Suspected “{rule.label.en}”: {why.en}")
    zh, en = f"疑似“{rule.label.zh}”：出现“{matched}”", f"Suspected “{rule.label.en}”: the message says “{matched}”"
    if rule.repetition is not None and rule.repetition.times > 1:
        zh, en = f"{zh}，已达 {rule.repetition.times} 次", f"{en}, for the {rule.repetition.times}th time or more"
    if rule.conditions:
        zh, en = f"{zh}，且前后文符合条件", f"{en}, and the messages around it meet the conditions"
    return Label(zh, en)
