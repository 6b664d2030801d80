"""Several accounts of one person: read as theirs on their days, merged after a look, and the way back."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from qa import ingest
from qa.archive import TABLES
from qa.errors import Conflict, Invalid, NotFound
from qa.people import aliases, roster
from qa.people.aliases import Alias
from qa.policy import SYSTEM, Actor
from qa.tables import AuditEntry
from qa.workbench import Workbench
from tests.qa.ingest.test_layouts import bring, chats, messages

HEAD = "会话ID,客服账号,买家昵称,角色,内容,时间\n"


def chat(number: int, agent: str, day: int = 1) -> str:
    at = f"2026-03-{day:02d} 10:0"
    return f"{number},{agent},tb{number},买家,在吗,{at}0:01\n{number},{agent},tb{number},客服,在的,{at}1:01\n"


@pytest.fixture
def shop(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> Workbench:
    (tmp_path / "a.csv").write_text(
        HEAD + chat(1, "小叶") + chat(2, "店:小叶") + "2,小叶,tb2,客服,我接手,2026-03-01 10:05:00\n"
    )
    bring(bench, lead, now, tmp_path / "a.csv")
    (tmp_path / "r.csv").write_text("评价ID,评分,评价时间,客服账号\np1,1,2026-03-01 11:00,店:小叶\n")
    bring(bench, lead, now, tmp_path / "r.csv")
    return bench


def test_an_account_is_a_persons_on_its_days(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEAD + chat(1, "小叶"))
    bring(bench, lead, now, tmp_path / "a.csv")
    alias = Alias("店:小叶", "小叶", date(2026, 3, 2), date(2026, 3, 3))
    aliases.add_alias(bench, lead, now=now, alias=alias)
    (tmp_path / "b.csv").write_text(
        HEAD + "".join(chat(n, "店:小叶", day=n) for n in (11, 12, 13, 14)).replace("2026-03-1", "2026-03-0")
    )
    bring(bench, lead, now, tmp_path / "b.csv")
    seen = chats(bench).filter(pl.col("conversation_id") != "1")
    assert seen["agent_id"].to_list() == ["店:小叶", "小叶", "小叶", "店:小叶"]
    assert seen["agent_ids"].list.first().to_list() == seen["agent_id"].to_list()
    with bench.db.read() as session:
        entry = session.query(AuditEntry).filter_by(action="roster.alias_added").one()
    assert entry.facts == {"account": "店:小叶", "from_day": "2026-03-02", "until": "2026-03-03"}
    assert aliases.remove_alias(bench, lead, now=now, account="店:小叶") == 1


def test_what_cannot_be_is_refused(shop: Workbench, lead: Actor, now: datetime) -> None:
    with pytest.raises(NotFound):
        aliases.add_alias(shop, lead, now=now, alias=Alias("x", "nobody"))
    with pytest.raises(Invalid):
        aliases.add_alias(shop, lead, now=now, alias=Alias("小叶", "小叶"))
    with pytest.raises(Invalid):
        aliases.add_alias(shop, lead, now=now, alias=Alias("x", "小叶", date(2026, 3, 2), date(2026, 3, 1)))
    aliases.add_alias(shop, lead, now=now, alias=Alias("x", "小叶", None, date(2026, 3, 1)))
    aliases.add_alias(shop, lead, now=now, alias=Alias("x", "店:小叶", date(2026, 3, 2)))
    for wrong in (Alias("x", "小叶", date(2026, 4, 1)), Alias("小叶", "店:小叶"), Alias("y", "x")):
        with pytest.raises((Conflict, NotFound)):
            aliases.add_alias(shop, lead, now=now, alias=wrong)


def test_two_accounts_are_merged_and_parted_again(shop: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    before = {table: shop.archive.at().scan(table).collect() for table in TABLES}
    seen = ingest.merge_preview(shop, lead, account="店:小叶", agent_id="小叶")
    assert (seen.conversations, seen.messages, seen.ratings) == (1, 1, 1)
    assert ingest.merge(shop, lead, now=now, account="店:小叶", agent_id="小叶") == seen
    assert set(messages(shop)["agent_id"].drop_nulls()) == {"小叶"}
    assert chats(shop)["agent_ids"].to_list() == [["小叶"], ["小叶"]]
    assert shop.archive.at().scan("ratings").collect()["agent_id"].to_list() == ["小叶"]
    again = bring(shop, lead, now, tmp_path / "a.csv")
    assert (again.counts.new, again.counts.changed) == (0, 0)
    (tmp_path / "c.csv").write_text(HEAD + chat(3, "店:小叶", day=5))
    bring(shop, lead, now, tmp_path / "c.csv")
    assert chats(shop)["agent_id"].to_list() == ["小叶"] * 3
    ((run, *_),) = ingest.merges(shop, SYSTEM)
    ingest.undo_merge(shop, lead, now=now, run_id=run)
    assert not ingest.merges(shop, SYSTEM)
    assert not aliases.aliases(shop, lead)
    for table in ("messages", "ratings", "conversations"):
        left = shop.archive.at().scan(table).collect()
        if table != "ratings":
            left = left.filter(pl.col("conversation_key") != "shop:3")
        key = ["conversation_key", "seq"] if table == "messages" else [left.columns[0]]
        assert_frame_equal(left.sort(key), before[table].sort(key))
    with pytest.raises(Conflict):
        ingest.undo_merge(shop, lead, now=now, run_id=run)
    with shop.db.read() as session:
        actions = [row.action for row in session.query(AuditEntry).order_by(AuditEntry.id)]
    assert "roster.merged" in actions
    assert "roster.merge_undone" in actions


def test_accounts_that_look_like_one_person_are_pointed_out(shop: Workbench, lead: Actor) -> None:
    assert aliases.alike(["店:小叶", "店：小叶", "XiaoMei", "xiaomei ", "b"]) == [
        ("店:小叶", "店：小叶"),
        ("XiaoMei", "xiaomei "),
    ]
    assert aliases.alike([row.agent_id for row in roster.roster(shop, lead)]) == []
