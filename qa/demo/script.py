"""What a demo conversation is made of: scenes, turns and the faults an agent can commit in a turn.

A scene is written once with good lines and, where a fault is possible, the lines of that fault. The generator decides
per conversation which faults happen; whatever it plants is recorded, so that the truth of every demo conversation is
known. Texts live in `qa.demo.scenes_zh` and `qa.demo.scenes_en`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Lines = tuple[str, ...]

# Faults by the dimension they belong to. Each name is also the key under which a turn holds the faulty lines, except
# for those the generator makes by leaving something out or by waiting.
ATTITUDE_FAULTS = ("no_greeting", "no_closing", "no_apology_after_wait", "cold", "no_empathy")
ACCURACY_FAULTS = ("wrong_info", "wrong_policy", "no_check", "off_point")
PROCESS_FAULTS = ("ask_again", "no_follow_up", "no_rating_invite", "slow_first", "slow_replies")
FAULTS = ATTITUDE_FAULTS + ACCURACY_FAULTS + PROCESS_FAULTS
HARMLESS = frozenset({"no_greeting", "no_closing", "no_rating_invite"})
"""Faults after which customers neither rate lower nor ask for refunds more often: what the validity of the scorecard
must not find. All others do harm."""


@dataclass(frozen=True)
class Turn:
    """One turn of a scene. `who` is C (customer) or A (agent); `faults` maps a fault to the lines that commit it."""

    who: str
    lines: Lines
    faults: Mapping[str, Lines] = field(default_factory=dict)
    optional: float = 1.0
    """Chance that the turn happens at all."""


@dataclass(frozen=True)
class Scene:
    """One kind of conversation."""

    name: str
    stage: str
    """`presale` or `aftersale`."""
    weight: int
    turns: tuple[Turn, ...]
    heated: float = 0.0
    """Chance that the customer is upset from the start."""
    dispute: float = 0.0
    """Chance that a dispute follows."""


@dataclass(frozen=True)
class RedLineLine:
    """A planted violation: what the agent says, and what the customer may say just before."""

    rule_id: str
    lines: Lines
    prompt: Lines = ()
    stage: str = ""


@dataclass(frozen=True)
class Phrases:
    """Everything of one language."""

    language: str
    scenes: tuple[Scene, ...]
    greetings: Lines
    closings: Lines
    rating_invites: Lines
    apologies: Lines
    empathy: Lines
    holds: Lines
    follow_ups: Lines
    customer_anger: Lines
    customer_impatience: Lines
    customer_thanks: Lines
    bot_lines: Lines
    card_lines: Lines
    red_lines: tuple[RedLineLine, ...]
    near_misses: tuple[tuple[str, str], ...]
    """Pairs (who, text) that look like a violation and are none."""
    hostile_lines: Lines
    """Customer text that tries markup or formulas: it must stay inert everywhere."""
    slots: Mapping[str, Lines]
    rating_comments_good: Lines
    rating_comments_bad: Lines
