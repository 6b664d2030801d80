"""What a red-line rule *is*: frozen types with no behaviour beyond identity.

Owns the vocabulary (speaker, effect, severity, evasion switches, guards, conditions, missing-phrase clauses) and the
content hash that names a rule's substance. Does not know how text is matched, how a rule is stored or who may edit
it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from enum import StrEnum
from functools import lru_cache

from scoring.label import EMPTY, Label


class Speaker(StrEnum):
    """Whose messages a rule or a condition reads. ``any`` is customer, agent and bot; never system or platform."""

    AGENT = "agent"
    CUSTOMER = "customer"
    ANY = "any"

    @property
    def roles(self) -> tuple[str, ...]:
        """Message roles that this speaker stands for."""
        return ("customer", "agent", "bot") if self is Speaker.ANY else (self.value,)


class EffectKind(StrEnum):
    """What a confirmed violation does to the score."""

    FLAG = "flag"
    CAP = "cap"
    ZERO_DIMENSION = "zero_dimension"
    ZERO_FORM = "zero_form"


class Severity(StrEnum):
    """How grave a breach is; orders the board, never changes a score."""

    INFO = "info"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


class Guard(StrEnum):
    """Readings of a sentence that turn a match into an innocent one."""

    QUOTED = "quoted"  # inside 「…」 “…” 《…》 and the like: somebody else's words, a title, a product name
    DECLINED = "declined"  # 不能加微信哦, "please do not pay outside the platform"
    CONDITIONAL = "conditional"  # 如未发货可申请…, "if it has not arrived …"
    WORDS = "words"  # cut out of longer words: 混|蛋糕 for 混蛋, 育肥|猪饲料 for 肥猪
    LINKS = "links"  # inside the address of a link: a parameter such as ?utm_source=vx1 is nothing that was said
    UNLIKE = "unlike"  # in a message that as a whole reads like no violation: 要不要每周给您推送优惠，您可以选不要
    ECHOED = "echoed"  # every number in the match was said by the customer before: reading back leaks nothing


class Relation(StrEnum):
    """Where a condition's message stands, seen from the rule's own hit."""

    BEFORE = "before"
    AFTER = "after"
    NEAR = "near"  # before or after
    SAME = "same"  # in the very message of the hit
    ANYWHERE = "anywhere"  # the whole conversation, the hit's message included


class Anchor(StrEnum):
    """What makes an expected phrase due."""

    OPENING = "opening"  # the agent's first ``messages`` replies
    CLOSING = "closing"  # the agent's last ``messages`` replies
    WAIT = "wait"  # a reply that came more than ``wait_seconds`` after the customer asked
    PHRASE = "phrase"  # the rule's own phrases, such as 稍等


@dataclass(frozen=True, slots=True)
class Terms:
    """Phrases (matched with the rule's evasion switches) and regular expressions (see
    :mod:`scoring.redline.syntax`)."""

    phrases: tuple[str, ...] = ()
    regex: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.phrases or self.regex)


@dataclass(frozen=True, slots=True)
class Evasion:
    """Which disguises a rule sees through. Every switch stands alone."""

    width: bool = True  # ＶＸ, ⓥ, 𝐯𝐱 read as vx
    case: bool = True  # ASCII upper and lower case
    zero_width: bool = True  # invisible characters between characters
    separators: bool = True  # 加 微*信, 加，微，信, i d i o t (phrases only)
    traditional: bool = True  # 轉賬 reads as 转账
    homophones: bool = True  # 薇信, 威信, 返线
    pinyin: bool = True  # wx, vx, weixin, zfb
    split: bool = True  # 女子评 reads as 好评
    slang: bool = True  # 绿泡泡, 企鹅, 🐧
    digits: bool = False  # 一三八, 壹叁捌, 1️⃣3️⃣8️⃣ read as digits

    @classmethod
    def none(cls) -> Evasion:
        """Every switch off: phrases match character by character."""
        return cls(**{f.name: False for f in fields(cls)})


@dataclass(frozen=True, slots=True)
class Effect:
    """Effect on the score: ``cap`` in centi-points for CAP, ``dimension`` (rubric dimension id) for ZERO_DIMENSION."""

    kind: EffectKind = EffectKind.FLAG
    cap: int | None = None
    dimension: str | None = None

    @property
    def limit(self) -> int | None:
        """The most a total may be, in centi-points; None for no limit."""
        if self.kind is EffectKind.ZERO_FORM:
            return 0
        return max(self.cap or 0, 0) if self.kind is EffectKind.CAP else None

    @property
    def zeroes(self) -> str | None:
        """The dimension that earns nothing, before the form is scaled to full points."""
        return self.dimension if self.kind is EffectKind.ZERO_DIMENSION else None


_STRICTNESS = (EffectKind.FLAG, EffectKind.ZERO_DIMENSION, EffectKind.CAP, EffectKind.ZERO_FORM)


def by_strictness(effects: Mapping[str, Effect]) -> list[str]:
    """Ids of rules in the one order in which their effects act, whatever the order of the hits."""
    return sorted(effects, key=lambda rule: (_STRICTNESS.index(effects[rule].kind), effects[rule].cap or 0, rule))


@dataclass(frozen=True, slots=True)
class Condition:
    """A named neighbour of the hit: true when a message of ``speaker`` with ``terms`` stands in ``relation`` to it.

    ``nth`` = 0 accepts any such message, n ≥ 1 only the n-th of the conversation. ``within_messages`` counts messages
    of customer, agent and bot; ``within_seconds`` is false when either message has no time.
    """

    name: str
    terms: Terms
    speaker: Speaker = Speaker.ANY
    relation: Relation = Relation.ANYWHERE
    nth: int = 0
    within_messages: int | None = None
    within_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Repetition:
    """The rule fires at the ``times``-th hitting message inside the window (whole conversation when no bound is
    given)."""

    times: int = 1
    within_messages: int | None = None
    within_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """Turns the rule round: the breach is that ``expected`` was *not* said by the agent (no terms: any reply counts).

    ``messages`` is how many agent messages are looked at (from the opening, from the late reply, before the end);
    ``within_seconds`` how soon the follow-up must come after the anchor phrase.
    """

    anchor: Anchor
    expected: Terms = Terms()
    messages: int = 1
    wait_seconds: int = 180
    within_seconds: int = 900


@dataclass(frozen=True, slots=True)
class Wording:
    """The rule marks messages that read like labelled violations (:mod:`scoring.redline.wording`): the shipped
    ``model``, and the ``least`` score that is marked, in hundredths."""

    model: str
    least: int


@dataclass(frozen=True, slots=True)
class Examples:
    """Lines that must and must not hit. One line is one message of the rule's speaker; several lines are a transcript:
    ``客户: …``, ``客服+90: …`` (90 seconds later), ``customer: …``, ``agent+900: …``."""

    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Basis:
    """Where the rule comes from. Penalty figures are third-party readings unless ``verified``: shown with their
    date."""

    text: Label = EMPTY
    gathered: date | None = None
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of one red line. ``platforms`` empty means every platform; dates are inclusive business dates."""

    id: str
    version: int
    label: Label
    terms: Terms = Terms()
    platforms: tuple[str, ...] = ()
    in_force_from: date | None = None
    in_force_to: date | None = None
    speaker: Speaker = Speaker.AGENT
    effect: Effect = Effect()
    severity: Severity = Severity.MAJOR
    exclusions: Terms = Terms()  # innocent when one of these overlaps the hit
    unless: Terms = Terms()  # innocent when one of these stands anywhere in the message
    evasion: Evasion = Evasion()
    guards: tuple[Guard, ...] = ()
    conditions: tuple[Condition, ...] = ()
    logic: str = ""  # over condition names; empty: all of them
    repetition: Repetition | None = None
    missing: Missing | None = None
    broken_promises: bool = False
    """What an agent promised and did not keep counts as found, beside what the words find."""
    wording: Wording | None = None
    examples: Examples = Examples()
    basis: Basis = Basis()
    note: Label = EMPTY

    @property
    def content_hash(self) -> str:
        """SHA-256 over everything but the version number: equal content has an equal name, whoever numbered it."""
        return _content_hash(self)

    def applies(self, day: date | None, platform: str | None) -> bool:
        """Is this version in force on ``day`` for ``platform``? An unknown day is judged by every version still
        open."""
        if self.platforms and platform is not None and platform not in self.platforms:
            return False
        if day is None:
            return self.in_force_to is None
        return (self.in_force_from is None or self.in_force_from <= day) and (
            self.in_force_to is None or day <= self.in_force_to
        )


@lru_cache(maxsize=4_096)
def _content_hash(rule: Rule) -> str:
    content = asdict(rule)
    del content["version"]
    if not rule.broken_promises:  # came later: rules without it keep their names
        del content["broken_promises"]
    if rule.wording is None:  # rules that were stored before there was such a thing keep their hash
        del content["wording"]
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
