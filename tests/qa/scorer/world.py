"""Four reviewed weeks of a shop, and a machine scorer's file on them: biased, but not blind."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zlib import crc32

from sqlalchemy import select

from qa.policy import SYSTEM, Actor
from qa.scorer import importing
from qa.scorer.importing import ScoresImported
from qa.tables import Sample
from qa.workbench import Workbench
from tests.world import learning
from tests.world.shop import AGENTS

CRITERION = "wait_apology"


def reviewed(bench: Workbench, lead: Actor, now: datetime) -> None:
    """80 chats a week, 72 of them reviewed: who has an odd number waited without an apology."""
    learning.fill(bench)
    plan = learning.plan(bench, lead, now, chats=18)
    for number in range(4):
        learning.review(bench, lead, now, plan, number)


def chats() -> list[str]:
    """Every conversation, by its number."""
    return [f"{agent}-{w * 100 + k}" for w in range(4) for agent in AGENTS for k in range(20)]


def judged(bench: Workbench) -> set[str]:
    """Conversations that were reviewed."""
    with bench.db.read() as session:
        return {key.removeprefix("shop:") for key in session.scalars(select(Sample.unit_id))}


def sees(key: str, blind: bool = False) -> int:
    """What the scorer says of an odd conversation: right but for one in five; blind, it guesses."""
    number = int(key.rpartition("-")[2])
    return crc32(key.encode()) // 3 % 2 if blind else (number + (number // 7 % 5 == 0)) % 2


def take(
    bench: Workbench, now: datetime, path: Path, chosen: list[str], *, label: str = "1", blind: bool = False
) -> ScoresImported:
    rows = [f"{key},shop,{CRITERION},{sees(key, blind)},,," for key in chosen]
    path.write_text(
        "conversation_id,source,criterion_id,option,evidence,quote,total\n" + "\n".join(rows) + "\n", "utf-8"
    )
    return importing.import_scores(bench, SYSTEM, now=now, path=path, name="acme", label=label)
