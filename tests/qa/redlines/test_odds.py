"""Odds on the board, clearing what is unlikely, exclusions from rulings, and where misses are likely: with real
rulings."""

from __future__ import annotations

from datetime import datetime

import pytest

from qa.casefiles.lifecycle import FileState
from qa.errors import Conflict, Denied
from qa.policy import SYSTEM
from qa.redlines import board, bulk, deciding, exclusions, finding, odds, opening
from qa.redlines.board import Filter
from qa.rules import versions
from qa.workbench import Workbench
from scoring.redline import Severity
from tests.world.redlines import AGENT, INSPECTOR, LEAD, PLAYING_INSPECTOR, SECOND, people, put_chats, put_hits
from tests.world.rules import publish, rule

INNOCENT, GUILTY = "垃圾袋有三种厚度", "你这种垃圾"


@pytest.fixture
def shop(bench: Workbench, now: datetime) -> Workbench:
    """Rule T1 hits 垃圾: forty files of bin bags were cleared, six abuses confirmed, three of each kind wait; one file
    of the graver T2 waits, too."""
    people(bench)
    publish(bench, rule("T1", "垃圾"), rule("T2", "滚", severity=Severity.CRITICAL))
    said = [INNOCENT] * 43 + [GUILTY] * 9 + ["滚"]
    put_chats(bench, [(f"shop:{n}", "a2", [("customer", "在吗"), ("agent", text)]) for n, text in enumerate(said)])
    put_hits(
        bench,
        [(f"shop:{n}", 1, "T1", "a2", INNOCENT if n < 43 else GUILTY) for n in range(52)]
        + [("shop:52", 1, "T2", "a2", "滚")],
    )
    opening.open_suspected(bench, SYSTEM, now=now)
    listed = board.listing(bench, INSPECTOR, Filter(rule_id="T1"), now=now, limit=200, newest_first=False).rows
    bags = frozenset([row.id for row in listed if row.excerpt == INNOCENT][:40])
    bulk.clear_rule(bench, SECOND, now=now, rule_id="T1", reason="垃圾袋", expected=40, only=bags)
    for row in [row for row in listed if row.excerpt == GUILTY][:6]:
        deciding.confirm(bench, INSPECTOR, now=now, violation_id=row.id, reason="骂人")
    return bench


def test_the_board_is_in_the_order_of_severity_and_odds(shop: Workbench, now: datetime) -> None:
    known = odds.learnt(shop, INSPECTOR)
    assert (known.n, known.confirmed) == (46, 6)
    assert known.useful
    found = odds.likely_first(shop, INSPECTOR, Filter(), known, now=now, limit=5)
    assert [row.excerpt for row in found.rows] == [GUILTY, GUILTY, GUILTY, "滚", INNOCENT]
    assert found.total.n == 7
    rest = odds.likely_first(shop, INSPECTOR, Filter(), known, now=now, after=found.after, limit=5)
    assert [row.excerpt for row in rest.rows] == [INNOCENT, INNOCENT]
    assert rest.after is None
    with pytest.raises(Denied):
        odds.learnt(shop, AGENT)
    deciding.confirm(shop, INSPECTOR, now=now, violation_id=found.rows[0].id, reason="骂人")
    assert (odds.learnt(shop, INSPECTOR).n, odds.learnt(shop, INSPECTOR).confirmed) == (47, 7), "with every ruling anew"


def test_only_the_unlikely_are_cleared_and_come_back(shop: Workbench, now: datetime) -> None:
    known = odds.learnt(shop, INSPECTOR)
    found = odds.unlikely(shop, INSPECTOR, known, rule_id="T1")
    assert [one.said for one in found.files] == [INNOCENT] * 3
    assert all(one.odds.p < odds.UNLIKELY for one in found.files)
    assert {(one.odds.confirmed, one.odds.alike) for one in found.files} == {(0, 40)}
    with pytest.raises(Conflict):
        bulk.clear_rule(shop, INSPECTOR, now=now, rule_id="T1", reason="垃圾袋", expected=4, only=found.ids)
    n = bulk.clear_rule(shop, INSPECTOR, now=now, rule_id="T1", reason="垃圾袋", expected=3, only=found.ids)
    assert n == 3
    left = board.listing(shop, INSPECTOR, Filter(states=(FileState.SUSPECTED,), rule_id="T1"), now=now).rows
    assert {row.excerpt for row in left} == {GUILTY}
    last = bulk.last_bulk(shop, INSPECTOR, rule_id="T1")
    assert last is not None
    assert last.at is not None
    assert bulk.take_back_bulk(shop, INSPECTOR, now=now, rule_id="T1", cleared_at=last.at) >= 3


def test_a_rule_of_false_alarms_gets_an_exclusion_to_try(shop: Workbench, now: datetime) -> None:
    found = exclusions.mostly_false(shop, LEAD, rule_id="T1")
    assert found is not None
    assert (found.decided, found.wrong) == (46, 40)
    assert found.words == ((INNOCENT, 40),)
    assert exclusions.mostly_false(shop, LEAD, rule_id="T2") is None


def test_an_exclusion_stands_around_false_alarms_and_no_violation() -> None:
    said = [
        *(exclusions._Said("这个垃圾袋很厚", 2, 4, False) for _ in range(4)),
        *(exclusions._Said("蓝色垃圾桶有货", 2, 4, False) for _ in range(3)),
        exclusions._Said("垃圾分类", 0, 2, False),
        exclusions._Said("你这个垃圾", 3, 5, True),
    ]
    first, second = exclusions.proposals(said)
    assert first.silences == 4
    assert "垃圾袋" in first.phrase
    assert second.silences == 3
    assert "垃圾桶" in second.phrase


def test_taking_an_exclusion_makes_one_draft(shop: Workbench, now: datetime) -> None:
    one = exclusions.Exclusion("垃圾袋", 40, INNOCENT)
    exclusions.draft(shop, LEAD, now=now, rule_id="T1", exclusion=one)
    held = versions.get(shop, LEAD, "T1")
    assert held.exclusions.phrases == ("垃圾袋",)
    assert INNOCENT in held.examples.negative
    with pytest.raises(Conflict):
        exclusions.draft(shop, LEAD, now=now, rule_id="T1", exclusion=one)
    with pytest.raises(Denied):
        exclusions.draft(shop, INSPECTOR, now=now, rule_id="T1", exclusion=one)


def test_likely_misses_have_no_hit_and_are_read_by_others(shop: Workbench) -> None:
    put_chats(
        shop,
        [
            ("shop:bad", "a1", [("customer", "什么态度，我要投诉"), ("agent", "随便")]),
            ("shop:good", "a1", [("customer", "谢谢"), ("agent", "不客气")]),
        ],
        import_id=2,
    )
    found = finding.places(shop, LEAD)
    assert [(one.conversation_key, one.signs) for one in found] == [("shop:bad", (finding.Sign.COMPLAINT,))]
    assert finding.places(shop, PLAYING_INSPECTOR) == ()
    read = finding.conversation(shop, LEAD, "shop:bad", "a1")
    assert [message.text for message in read.messages] == ["什么态度，我要投诉", "随便"]
    with pytest.raises(Denied):
        finding.conversation(shop, PLAYING_INSPECTOR, "shop:bad", "a1")
