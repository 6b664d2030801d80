"""A small shop to draw from: archive, roster, users and a published rubric, all real."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from qa.policy import Actor, Role
from qa.workbench import Workbench
from tests.world import archive, programme
from tests.world.people import accounts, agents

START = datetime(2026, 2, 1, 2, 0, tzinfo=UTC)
AGENTS = ("amy", "bob", "cui", "dan")
USERS = (
    Actor(1, Role.LEAD, "Lead"),
    Actor(2, Role.INSPECTOR, "Ida"),
    Actor(3, Role.INSPECTOR, "Ivo", "inspector-agent"),
    Actor(4, Role.INSPECTOR, "Ian"),
    Actor(5, Role.AGENT, "Amy", "amy"),
)


def fill(bench: Workbench, *, chats: int = 30, screened: bool = True) -> None:
    """`chats` conversations of each agent in February 2026, a dispute for every tenth and a rating for every sixth."""
    people(bench)
    rows: dict[str, list[archive.Row]] = {
        name: [] for name in ("conversations", "messages", "disputes", "ratings", "signals", "predictions")
    }
    for number, agent in enumerate(AGENTS):
        for k in range(chats):
            key, at = f"shop:{agent}-{k:03d}", START + timedelta(hours=20 * k + number)
            others = ["inspector-agent"] if k % 5 == 0 else []
            rows["conversations"].append(
                archive.conversation(
                    key, agent, at, agent_ids=[agent, *others], customer_id=f"c{k}", shop="A" if number < 2 else "B",
                    order_id=f"o{k}", ended_at=at + timedelta(minutes=5), message_count=2, agent_message_count=1,
                    satisfaction=1 + k % 5,
                )
            )  # fmt: skip
            rows["messages"] += archive.messages(key, archive.by_turns(f"你好 {k}", "在的，亲", agent=agent), at)
            rows["signals"].append({"conversation_key": key})
            p, loss = ((k * 7 + number) % 30) / 40, 100.0 * (k % 9)
            rows["predictions"].append(archive.rule_score(key, p, "rules-1", loss=loss))
            if k % 10 == 0:
                rows["disputes"].append(_dispute(key, agent, k, at))
            if k % 6 == 0:
                rows["ratings"].append(_rating(key, agent, k, at))
    if not screened:
        del rows["signals"], rows["predictions"]
    archive.put(bench, START, rows)


def _dispute(key: str, agent: str, k: int, at: datetime) -> archive.Row:
    return {
        "dispute_key": f"shop:d-{agent}-{k}", "source": "shop", "dispute_id": f"d{k}", "conversation_key": key,
        "agent_id": agent if k else None, "opened_at": at + timedelta(hours=1), "shop": "A", "content_hash": key,
        "messages": [
            {"role": "customer", "text": "退款", "sent_at": at}, {"role": "agent", "text": "好", "sent_at": None},
        ],
    }  # fmt: skip


def _rating(key: str, agent: str, k: int, at: datetime) -> archive.Row:
    return {
        "rating_key": f"shop:r-{agent}-{k}", "source": "shop", "rating_id": f"r{k}", "conversation_key": None,
        "agent_id": agent, "rated_at": at, "score": 1 + k % 4, "shop": "A", "content_hash": key,
    }  # fmt: skip


def people(bench: Workbench) -> None:
    """Four agents of two teams, the newest hired in January; a lead, three inspectors, an agent with an account; the
    shipped rubric."""
    more = {"shop": "A", "stage": "presale", "grade": "P1"}
    agents(
        bench,
        START,
        **{
            name: {
                "team": "presale" if k < 2 else "aftersale",
                "hired_on": date(2020, 1, 1) if name != "dan" else date(2026, 1, 25),
                **more,
            }
            for k, name in enumerate(AGENTS)
        },
    )
    accounts(bench, USERS, START)
    programme.rubric(bench, START)
