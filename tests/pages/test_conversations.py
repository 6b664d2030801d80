"""The page Conversations on a real archive: searching, opening, picking, and what a role does not see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from qa.conversations import index
from qa.people import accounts
from qa.policy import SYSTEM, Role
from qa.rubrics import versions as rubrics
from qa.rules import versions as rules
from qa.tables import AuditEntry, Sample
from qa.transcripts import handle
from qa.workbench import Workbench
from tests.world.conversations import NOW, fill, said

OpenPage = Callable[..., AppTest]


@pytest.fixture
def filled(page_bench: Workbench) -> Workbench:
    chats = {f"c{n}": said(f"第{n}次问：退款到哪了", "<b>在查</b>") for n in range(30)}
    fill(page_bench, {**chats, "x": said("电话13812345678", "好的")})
    rubrics.load_default(page_bench, SYSTEM, now=NOW)
    rules.load_defaults(page_bench, SYSTEM, now=NOW)
    index.update(page_bench)
    return page_bench


def _table(at: AppTest) -> Any:
    return at.dataframe[0].value


def _read(at: AppTest) -> str:
    return " ".join(str(one.value) for one in (*at.caption, *at.warning, *at.markdown))


def test_an_empty_archive_says_what_to_do(page_bench: Workbench, open_page: OpenPage) -> None:
    at = open_page("lead", "conversations.py")
    assert not at.exception
    assert "The archive is empty" in "".join(node.proto.body for node in at.get("html"))


def test_a_search_from_the_address_and_its_pages(filled: Workbench, open_page: OpenPage) -> None:
    at = open_page("lead", "conversations.py", query={"q": "退款", "page": "2"})
    assert not at.exception
    assert "30 conversations" in _read(at)
    assert len(_table(at)) == 5
    at.text_input(key="q").set_value("第29次").run()
    assert "1 conversation" in _read(at)
    assert "【第29次】" in str(_table(at).to_dict())
    with filled.db.read() as session:
        assert len(session.scalars(select(AuditEntry).where(AuditEntry.action == "conversations.searched")).all()) == 2


def test_a_lead_reads_one_and_puts_it_on_a_list(filled: Workbench, open_page: OpenPage) -> None:
    mei = accounts.create_user(filled, SYSTEM, now=NOW, login="mei", role=Role.INSPECTOR)
    at = open_page("lead", "conversations.py", query={"q": "退款", "open": handle("c29")})
    assert not at.exception
    at.button(key="open_found_pick").click().run()
    at.selectbox(key="found_who").set_value(mei.id)
    at.text_input(key="found_why").set_value("a complaint")
    next(one for one in at.button if one.label == "Put on the list").click().run()
    assert not at.exception
    with filled.db.read() as session:
        assert session.scalar(select(Sample.reason)) == "named"
    assert "a named pick, in no estimate" in _read(at)


def test_an_inspector_sees_no_draws_and_may_not_pick(filled: Workbench, open_page: OpenPage) -> None:
    at = open_page("inspector", "conversations.py", query={"open": handle("c1")})
    assert not at.exception
    assert "pick_drawn" not in [one.key for one in at.selectbox]
    assert "open_found_pick" not in [one.key for one in at.button]
    assert "open_found_file" in [one.key for one in at.button]


def test_an_admin_searches_masked_text(filled: Workbench, open_page: OpenPage) -> None:
    at = open_page("admin", "conversations.py", query={"q": "13812345678"})
    assert not at.exception
    assert "No conversation matches" in "".join(node.proto.body for node in at.get("html"))
    at.text_input(key="q").set_value("电话").run()
    assert "13812345678" not in str(_table(at).to_dict())


def test_a_link_to_what_is_gone_says_so(filled: Workbench, open_page: OpenPage) -> None:
    at = open_page("lead", "conversations.py", language="zh_CN", query={"open": "0" * 20})
    assert not at.exception
    assert "会话档案中没有这个会话" in _read(at)
