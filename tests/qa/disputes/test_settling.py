"""Which chat a dispute belongs to and who answers for it: by the data, by a rule, and by a person's word."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from qa import screening
from qa.disputes import listing, responsible, settled, settling
from qa.errors import Denied, Invalid, NotFound
from qa.policy import SYSTEM, Actor, Role
from qa.predictors import features
from qa.tables import AuditEntry
from qa.workbench import Workbench
from tests.qa.ingest.files import write_csv
from tests.qa.ingest.test_formats import load
from tests.world.disputes import T0, shop
from tests.world.redlines import AGENT, INSPECTOR, LEAD

NOW = T0 + timedelta(days=9)


@pytest.fixture
def filled(bench: Workbench) -> Workbench:
    return shop(bench)


def told(bench: Workbench, key: str, rule: str = responsible.LAST) -> tuple[str | None, str | None, str]:
    row = listing.one(bench, SYSTEM, f"shop:{key}", rule)
    return row.agent_id, row.answers_by, row.todo


def test_what_is_to_be_settled_comes_first(filled: Workbench) -> None:
    found = [(row.dispute_id, row.todo) for row in listing.rows(filled, LEAD, now=NOW)]
    assert sorted(found) == [("d1", ""), ("d2", "several"), ("d3", ""), ("d4", "none"), ("d5", "differs")]
    assert [todo == "" for _, todo in found] == sorted(todo == "" for _, todo in found)


@pytest.mark.parametrize(
    ("rule", "who", "why"),
    [("last", "a2", "last"), ("promise", "a1", "promise"), ("record", "a1", "record"), ("", "a1", "record")],
)
def test_who_answers_by_each_rule(filled: Workbench, rule: str, who: str, why: str) -> None:
    assert told(filled, "d3", rule)[:2] == (who, why)


def test_no_bot_and_nobody_without_a_part(filled: Workbench) -> None:
    for rule in (*responsible.RULES, responsible.BEFORE):
        assert told(filled, "d4", rule) == (None, None, "none")


def test_candidates_come_with_their_reason_and_first_line(filled: Workbench) -> None:
    found = listing.candidates(filled, LEAD, "shop:d2")
    assert [(c.conversation_key, c.why, c.after, c.first_line) for c in found] == [
        ("shop:2", "customer", False, "沙发<b>坏了"), ("shop:1", "customer", False, "在吗"),
    ]  # fmt: skip
    assert found[0].agents == (("a2", "小蓝"),)
    by_order = listing.candidates(filled, LEAD, "shop:d3")
    assert [(c.conversation_key, c.why, c.after) for c in by_order] == [
        ("shop:5", "order", True), ("shop:4", "order", False), ("shop:3", "order", False),
    ]  # fmt: skip


def test_a_wrong_join_is_corrected_and_nothing_of_the_wrong_chat_stays(filled: Workbench) -> None:
    assert told(filled, "d1") == ("a1", "last", "")
    done = settling.settle(
        filled, LEAD, now=NOW, dispute_key="shop:d1", reason=" 说的是沙发 ", conversation_key="shop:2"
    )
    assert (done.dispute.conversation_key, done.dispute.joined_by, done.drawn) == ("shop:2", "settled", 0)
    for rule in (*responsible.RULES, responsible.BEFORE):
        assert told(filled, "d1", rule)[0] == "a2"
    again = settling.settle(filled, LEAD, now=NOW, dispute_key="shop:d1", reason="再说一次", conversation_key="shop:2")
    assert again.id == 0
    with filled.db.read() as session:
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.action == "dispute.settled"))
    assert entry.facts["reason"] == "说的是沙发"
    assert len(entry.facts["chat"]) == 2
    assert "shop:" not in str(entry.facts["chat"])  # a key may hold a customer's name
    back = settling.settle(filled, LEAD, now=NOW, dispute_key="shop:d1", reason="看错了", conversation_key=None)
    assert (back.dispute.conversation_key, back.dispute.joined_by, back.dispute.agent_id) == (
        "shop:1",
        "customer",
        "a1",
    )


def test_no_chat_and_nobody_are_answers_too(filled: Workbench) -> None:
    none = settling.settle(filled, LEAD, now=NOW, dispute_key="shop:d1", reason="没有聊过", conversation_key="")
    assert (none.dispute.conversation_key, none.dispute.agent_id, none.dispute.todo) == (None, None, "nobody")
    done = settling.settle(filled, LEAD, now=NOW, dispute_key="shop:d1", reason="平台自动退款", agent_id="")
    assert (done.dispute.answers_by, done.dispute.todo) == ("settled", "")


def test_an_agent_is_named_by_hand_who_had_a_part(filled: Workbench) -> None:
    done = settling.settle(filled, LEAD, now=NOW, dispute_key="shop:d3", reason="她接的单", agent_id="a1")
    assert (done.dispute.agent_id, done.dispute.answers_by) == ("a1", "settled")
    with pytest.raises(Invalid):
        settling.settle(filled, LEAD, now=NOW, dispute_key="shop:d4", reason="随便", agent_id="a1")
    both = settling.settle(
        filled, LEAD, now=NOW, dispute_key="shop:d4", reason="旧号", conversation_key="shop:2", agent_id="a2"
    )
    assert (both.dispute.conversation_key, both.dispute.agent_id) == ("shop:2", "a2")


def test_what_is_refused(filled: Workbench) -> None:
    with pytest.raises(Denied):
        settling.settle(filled, INSPECTOR, now=NOW, dispute_key="shop:d1", reason="x", conversation_key="shop:2")
    with pytest.raises(Denied):
        listing.rows(filled, AGENT, now=NOW)
    chatting = Actor(9, Role.LEAD, "Lead who chats", agent_id="a2")
    with pytest.raises(Denied):
        settling.settle(filled, chatting, now=NOW, dispute_key="shop:d1", reason="x", conversation_key="shop:2")
    with pytest.raises(Invalid):
        settling.settle(filled, LEAD, now=NOW, dispute_key="shop:d1", reason=" ", conversation_key="shop:2")
    for key, chat in (("shop:nothing", "shop:2"), ("shop:d1", "shop:nothing")):
        with pytest.raises(NotFound):
            settling.settle(filled, LEAD, now=NOW, dispute_key=key, reason="x", conversation_key=chat)


def test_a_team_leader_sees_their_own_team(filled: Workbench) -> None:
    leader = Actor(8, Role.TEAM_LEADER, "Leader", team="售后")
    assert {row.dispute_id for row in listing.rows(filled, leader, now=NOW)} == {"d3", "d5"}
    with pytest.raises(Denied):
        listing.candidates(filled, leader, "shop:d1")


def test_a_settled_chat_that_is_gone_comes_up_again(filled: Workbench) -> None:
    settling.settle(filled, LEAD, now=NOW, dispute_key="shop:d2", reason="沙发", conversation_key="shop:2")
    assert told(filled, "d2") == ("a2", "last", "")
    with filled.archive.change("take back", NOW) as change:
        chats = filled.archive.at().scan("conversations").select("conversation_key").collect().to_series()
        change.remove("conversations", chats.filter(chats == "shop:2"))
    assert told(filled, "d2")[2] == "gone"


def test_the_same_record_again_changes_no_decision(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    shop(bench)
    row = {"RefundId": "R1", "Tid": "7", "BuyerNick": "tb7", "SellerNick": "s", "Created": "2026-02-25 10:00:00",
           "Status": "WAIT_SELLER_AGREE", "RefundFee": "10", "Reason": "r"}  # fmt: skip
    load(bench, lead, now, write_csv(tmp_path / "a.csv", [row]), kind="disputes")
    [key] = [row.key for row in listing.rows(bench, lead, now=now) if row.dispute_id == "R1"]
    settling.settle(bench, lead, now=now, dispute_key=key, reason="另一件", conversation_key="shop:2", agent_id="a2")
    load(bench, lead, now, write_csv(tmp_path / "b.csv", [row | {"Status": "SUCCESS"}]), kind="disputes")
    found = listing.one(bench, lead, key)
    assert (found.status, found.conversation_key, found.agent_id) == ("SUCCESS", "shop:2", "a2")


@pytest.mark.parametrize("change", ["UPDATE dispute_settlements SET agent_id = 'x'", "DELETE FROM dispute_settlements"])
def test_a_settlement_is_a_fact(filled: Workbench, change: str) -> None:
    settling.settle(filled, LEAD, now=NOW, dispute_key="shop:d1", reason="沙发", conversation_key="shop:2")
    with pytest.raises(DatabaseError), filled.db.write() as session:
        session.execute(text(change))


def test_what_models_read_of_a_chat_follows_the_settlement(filled: Workbench) -> None:
    screening.screen(filled, SYSTEM, now=NOW)

    def disputed() -> set[str]:
        with filled.db.read() as session:
            found = features.chats(filled.archive.at(), settled.in_force(session)).filter("refund").collect()
        return set(found["conversation_key"])

    assert disputed() == {"shop:1", "shop:3", "shop:4"}
    settling.settle(filled, LEAD, now=NOW, dispute_key="shop:d1", reason="沙发", conversation_key="shop:2")
    assert disputed() == {"shop:2", "shop:3", "shop:4"}
