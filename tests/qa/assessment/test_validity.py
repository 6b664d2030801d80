"""Validity on real reviews: outcomes are those of the chats' customers, and only of those whose time to see them is
over."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from qa.assessment import validity
from qa.errors import Denied
from qa.i18n import Translator
from qa.policy import SYSTEM, Actor, Role
from qa.reports.scope import FactsReader, Scope
from qa.workbench import Workbench
from scoring.validity import ValidityLink
from tests.world.judged import RULE, judge
from tests.world.shop import USERS

NOW = datetime(2026, 3, 9, 3, tzinfo=UTC)
LEAD = USERS[0]


@pytest.fixture
def judged(bench: Workbench) -> Workbench:
    judge(bench, LEAD, NOW)
    return bench


def test_outcomes_are_those_of_the_reviewed_chats(judged: Workbench) -> None:
    found = validity.figures(judged, LEAD)
    by = {(link.item, link.outcome): link for link in found.links}
    archive = judged.archive.at()
    disputed = set(archive.scan("disputes").collect()["conversation_key"].drop_nulls())
    until = archive.scan("disputes").collect()["opened_at"].max()
    with FactsReader(judged) as reader:
        rows = reader.rows(Scope()).collect()
    known = rows.filter(
        pl.col("conversation_key").is_in(disputed) | (pl.col("occurred_at") + timedelta(days=30) <= until)
    )
    total = by["total", "dispute"]
    assert total.n == known.height
    assert found.reviews == rows.height > total.n > 0
    assert by["total", "low_rating"].n == rows.height  # every chat carries the customer's satisfaction
    assert by["total", "conversion"].n == 0
    rated = archive.scan("conversations").select("conversation_key", "satisfaction").collect()
    plain = rows.filter(~pl.col("redlines").list.contains(RULE)).join(rated, on="conversation_key")
    weight = 1 / plain["pi"]
    assert by[f"r:{RULE}", "low_rating"].without == pytest.approx(
        (weight * (plain["satisfaction"] <= 2)).sum() / weight.sum()
    )
    assert found.labels[f"r:{RULE}"].zh.startswith(RULE)
    assert {link.verdict for link in found.links} == {"cannot_tell"}  # four agents tell nothing


def test_only_leads_look_and_nothing_is_no_error(bench: Workbench, judged: Workbench) -> None:
    for role in (Role.AGENT, Role.TEAM_LEADER, Role.INSPECTOR):
        with pytest.raises(Denied):
            validity.figures(judged, Actor(9, role, "x", agent_id="amy", team="presale"))
    assert validity.figures(judged, SYSTEM, scope=Scope(last=date(2020, 1, 1))).links == ()


def test_words_never_promise_more_than_is_known() -> None:
    zh, link = (
        Translator("zh_CN"),
        ValidityLink("c:tone", "refund", 600, 40, 0.2, 0.1, 0.08, 0.02, 0.14, 0.03, "linked"),
    )
    assert validity.verdict_text(zh, link) == "与更差的结果相关"
    assert validity.difference_text(zh, link) == "+8.0 [+2.0, +14.0] 个百分点"
    few = ValidityLink("c:tone", "refund", 60, 4, 0.2, 0.1, needs=1_234)
    assert validity.verdict_text(zh, few) == "还看不出：约需 1,300 次质检"
    assert validity.difference_text(zh, few) == "–"
    better = ValidityLink("c:tone", "conversion", 600, 40, 0.5, 0.4, 0.1, 0.05, 0.15, 0.01, "linked")
    assert validity.verdict_text(Translator("en"), better) == "goes with better outcomes"
