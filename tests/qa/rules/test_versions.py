"""Rules as versions on both databases: drafts, publication refused and granted, dates, exchange; and how well they
work."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select

from qa.errors import Conflict, Denied, Invalid, NotFound, Stale
from qa.policy import SYSTEM
from qa.redlines import deciding, opening, quality
from qa.rules import stored, versions
from qa.screening import trial
from qa.tables import AuditEntry, Violation
from qa.workbench import Workbench
from scoring.redline import Examples, Rule, Terms
from tests.world.redlines import ADMIN, AGENT, INSPECTOR, LEAD, people, put_chats, put_hits
from tests.world.rules import publish, rule

TODAY = date(2026, 3, 2)


def fit(rule_id: str, phrase: str) -> Rule:
    one = rule(rule_id, phrase)
    return Rule(one.id, 1, one.label, Terms((phrase,)), examples=Examples((f"请{phrase}吧",), ("您好",)))


def in_force(bench: Workbench) -> list[tuple[str, int, date | None, date | None]]:
    with bench.db.read() as session:
        return [(r.id, r.version, r.in_force_from, r.in_force_to) for r in stored.rules_in_force(session)]


def test_from_draft_to_rule_and_its_successor(any_bench: Workbench, now: datetime) -> None:
    bench = any_bench
    people(bench)
    assert versions.save_draft(bench, LEAD, now=now, rule=fit("T1", "私下转账")) == 1
    assert in_force(bench) == []
    versions.publish(bench, LEAD, now=now, rule_id="T1", since=TODAY)
    versions.save_draft(bench, LEAD, now=now, rule=fit("T1", "扫码转账"))
    versions.publish(bench, LEAD, now=now, rule_id="T1", since=TODAY + timedelta(days=7))
    assert in_force(bench) == [("T1", 1, TODAY, TODAY + timedelta(days=6)), ("T1", 2, TODAY + timedelta(days=7), None)]
    versions.save_draft(bench, LEAD, now=now, rule=fit("T1", "转账给我"))
    versions.publish(bench, LEAD, now=now, rule_id="T1", since=None)
    assert in_force(bench) == [("T1", 3, None, None)], "what judges no chat any more is retired"
    assert [(v.version, v.state, v.created_by) for v in versions.history(bench, LEAD, "T1")] == [
        (3, "published", "Lead Lin"), (2, "retired", "Lead Lin"), (1, "retired", "Lead Lin"),
    ]  # fmt: skip
    with bench.db.read() as session:
        actions = session.scalars(
            select(AuditEntry.action).where(AuditEntry.entity == "rule").order_by(AuditEntry.id)
        ).all()
    assert actions == ["rule.draft_saved", "rule.published"] * 3
    versions.retire(bench, LEAD, now=now, rule_id="T1", since=TODAY)
    assert in_force(bench) == [("T1", 3, None, TODAY - timedelta(days=1))]


def test_an_unfit_rule_is_not_published(any_bench: Workbench, now: datetime) -> None:
    bench = any_bench
    bad = Rule("T1", 1, fit("T1", "x").label, Terms(("转账",)), examples=Examples(("请扫码",), ("不要转账",)))
    versions.save_draft(bench, LEAD, now=now, rule=bad)
    with pytest.raises(Conflict, match="positive example"):
        versions.publish(bench, LEAD, now=now, rule_id="T1", since=None)
    versions.save_draft(
        bench,
        LEAD,
        now=now,
        rule=Rule("T1", 1, bad.label, Terms(("转账",)), examples=Examples(("转账",), ("不要转账",))),
    )
    with pytest.raises(Conflict, match="negative example"):
        versions.publish(bench, LEAD, now=now, rule_id="T1", since=None)
    versions.save_draft(
        bench,
        LEAD,
        now=now,
        rule=Rule("T1", 1, bad.label, Terms(regex=("(a+)+b",)), examples=Examples(("aab",), ("c",))),
    )
    with pytest.raises(Invalid, match="regex"):
        versions.publish(bench, LEAD, now=now, rule_id="T1", since=None)
    assert in_force(bench) == []


def test_two_editors(bench: Workbench, now: datetime) -> None:
    versions.save_draft(bench, LEAD, now=now, rule=fit("T1", "转账"))
    seen = versions.get(bench, LEAD, "T1").content_hash
    versions.save_draft(bench, LEAD, now=now, rule=fit("T1", "扫码"), seen_hash=seen)
    with pytest.raises(Stale):
        versions.save_draft(bench, LEAD, now=now, rule=fit("T1", "汇款"), seen_hash=seen)
    with pytest.raises(Stale):
        versions.publish(bench, LEAD, now=now, rule_id="T1", since=None, seen_hash=seen)
    versions.discard_draft(bench, LEAD, now=now, rule_id="T1")
    with pytest.raises(NotFound):
        versions.publish(bench, LEAD, now=now, rule_id="T1", since=None)


def test_the_shipped_rules_go_round(bench: Workbench, now: datetime) -> None:
    assert versions.load_defaults(bench, LEAD, now=now) == 13
    assert versions.load_defaults(bench, LEAD, now=now) == 0
    text = versions.export_toml(bench, LEAD)
    again = versions.import_toml(bench, LEAD, now=now, text=text)
    assert again.drafted == ()
    assert len(again.unchanged) == 13
    changed = text.replace('severity = "critical"', 'severity = "minor"', 1)
    assert len(versions.import_toml(bench, LEAD, now=now, text=changed).drafted) == 1
    with bench.db.read() as session:
        for one in stored.rules_in_force(session):
            assert stored.from_plain(stored.to_plain(one)) == one


@pytest.mark.parametrize("text", ["", "nonsense = 1", "[[rule]]\nid = 3", "[[rule]"])
def test_bad_toml(bench: Workbench, now: datetime, text: str) -> None:
    with pytest.raises(Invalid):
        versions.import_toml(bench, LEAD, now=now, text=text)


def test_who_may(bench: Workbench, now: datetime) -> None:
    for actor in (INSPECTOR, AGENT, ADMIN):
        for call in (
            lambda a=actor: versions.listing(bench, a, today=TODAY),
            lambda a=actor: versions.save_draft(bench, a, now=now, rule=fit("T1", "x")),
            lambda a=actor: versions.publish(bench, a, now=now, rule_id="T1", since=None),
            lambda a=actor: versions.export_toml(bench, a),
            lambda a=actor: trial.compare(bench, a, draft=fit("T1", "x")),
        ):
            with pytest.raises(Denied):
                call()


def test_the_difference_an_edit_makes(bench: Workbench, now: datetime) -> None:
    publish(bench, rule("T1", "滚"), rule("T2", "永不"))
    put_chats(
        bench,
        [("s:1", "a1", [("agent", "滚"), ("agent", "请滚")]), ("s:2", "a1", [("agent", "傻瓜"), ("customer", "滚")])],
    )
    found = trial.compare(bench, LEAD, draft=rule("T1", "傻瓜", "请滚"))
    assert (found.newly, found.no_longer, found.same, found.whole, found.messages) == (1, 1, 1, True, 4)
    assert [(e.text, e.start, e.end) for e in found.newly_examples] == [("傻瓜", 0, 2)]
    put_hits(bench, [("s:1", 0, "T1", "a1", "滚")])
    usage = trial.usage(bench, LEAD)
    assert (usage.hits, usage.silent, usage.overlaps) == ((("T1", 1),), ("T2",), ())


def test_false_alarms_are_counted_from_rulings(any_bench: Workbench, now: datetime) -> None:
    bench = any_bench
    people(bench)
    publish(bench, rule("T1", "滚"))
    put_hits(bench, [(f"s:{n}", 0, "T1", "a2", "滚") for n in range(6)])
    opening.open_suspected(bench, SYSTEM, now=now)
    with bench.db.read() as session:
        ids = session.scalars(select(Violation.id).order_by(Violation.id)).all()
    deciding.clear(bench, INSPECTOR, now=now, violation_id=ids[0], reason="x")
    for id_, uphold in ((ids[1], True), (ids[2], False)):
        deciding.confirm(bench, INSPECTOR, now=now, violation_id=id_, reason="x")
        deciding.rule(bench, LEAD, now=now, violation_id=id_, uphold=uphold, reason="x")
    deciding.confirm(bench, INSPECTOR, now=now, violation_id=ids[3], reason="x")
    one, overall = quality.false_alarms(bench, LEAD)
    assert (one.rule_id, one.reviewed, one.found, one.waiting) == ("T1", 4, 2, 2)
    assert overall.rule_id is None
    # exact binomial, 2 of 4
    assert (round(one.estimate.low or 0, 4), round(one.estimate.high or 0, 4)) == (0.0676, 0.9324)
    assert one.more_reviews == quality.further_reviews(0.5, 4) == 19
    (nothing,) = quality.misses(bench, LEAD)
    assert nothing.estimate.reason == "no_reviews"
