"""A newer edition of the shipped rules is offered, shown old and new, and taken as drafts; nothing changes silently."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import select

from qa.errors import Conflict, Denied
from qa.rules import shipped, stored, versions
from qa.tables import AuditEntry, RuleVersion
from qa.workbench import Workbench
from scoring.redline import Rule, Terms, load_default_rules, new_ids, shipped_before
from tests.world.redlines import INSPECTOR, LEAD, people
from tests.world.rules import publish


def older(rule: Rule) -> Rule:
    """The rule as an earlier edition may have been: one phrase less, one that is gone now."""
    return replace(rule, version=1, terms=Terms((*rule.terms.phrases[1:], "旧词"), rule.terms.regex))


@pytest.fixture
def shop(bench: Workbench) -> Workbench:
    people(bench)
    first, second, *rest = load_default_rules()
    publish(bench, older(first), second, *rest[2:])
    return bench


def test_what_differs_is_offered_and_nothing_else(shop: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_default_rules()[0]
    (offered,) = shipped.updates(shop, LEAD)
    assert offered.rule_id == first.id
    assert offered.own_words, "its content is no shipped edition"
    assert [(one.field, one.added, one.removed) for one in offered.differences] == [
        ("terms.phrases", (first.terms.phrases[0],), ("旧词",))
    ]
    monkeypatch.setattr(shipped, "shipped_before", lambda: frozenset({older(first).content_hash}))
    assert not shipped.updates(shop, LEAD)[0].own_words
    with pytest.raises(Denied):
        shipped.updates(shop, INSPECTOR)


def test_taking_it_makes_a_draft_and_says_old_and_new(shop: Workbench, now: datetime) -> None:
    first = load_default_rules()[0]
    in_force = [rule.content_hash for rule in _in_force(shop)]
    assert shipped.draft(shop, LEAD, now=now, rule_ids=[first.id, "R99"]) == (first.id,)
    assert versions.get(shop, LEAD, first.id).terms == first.terms
    assert [rule.content_hash for rule in _in_force(shop)] == in_force
    assert shipped.updates(shop, LEAD)[0].drafted
    with shop.db.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "rule.edition_drafted")).one()
    assert entry.facts["changed"] == {"terms.phrases": [["旧词"], [first.terms.phrases[0]]]}
    with pytest.raises(Conflict):
        shipped.draft(shop, LEAD, now=now, rule_ids=[first.id])


def test_a_rule_taken_out_of_force_is_not_offered_again(shop: Workbench, now: datetime) -> None:
    versions.retire(shop, LEAD, now=now, rule_id=load_default_rules()[0].id, since=None)
    assert shipped.updates(shop, LEAD) == ()


def test_earlier_editions_are_known_by_their_content() -> None:
    known = shipped_before()
    assert known
    assert not known & {rule.content_hash for rule in load_default_rules()}, "an edition in force is no earlier one"


def test_a_changed_rule_has_a_new_version(bench: Workbench) -> None:
    ids = {line.split()[0] for line in _editions() if line and not line.startswith("#")}
    assert all(rule.version > 1 for rule in load_default_rules() if rule.id in ids)


def _editions() -> list[str]:
    from importlib.resources import files

    return (files("scoring") / "data" / "redlines" / "editions.txt").read_text("utf-8").splitlines()


def _in_force(bench: Workbench) -> list[Rule]:
    with bench.db.read() as session:
        rows = session.scalars(select(RuleVersion).where(RuleVersion.state == "published")).all()
        return [stored.rule_of(row) for row in rows]


def test_a_rule_that_an_edition_brings_is_offered_where_others_are(bench: Workbench, now: datetime) -> None:
    people(bench)
    (brought,) = (rule for rule in load_default_rules() if rule.id in new_ids())
    assert shipped.updates(bench, LEAD) == (), "a workbench without rules gets all of them elsewhere"
    publish(bench, load_default_rules()[0])
    (offered,) = shipped.updates(bench, LEAD)
    assert (offered.rule_id, offered.held, offered.drafted) == (brought.id, 0, False)
    assert shipped.draft(bench, LEAD, now=now, rule_ids=[brought.id]) == (brought.id,)
    assert versions.get(bench, LEAD, brought.id).wording == brought.wording
    assert shipped.updates(bench, LEAD)[0].drafted
    with pytest.raises(Conflict):
        shipped.draft(bench, LEAD, now=now, rule_ids=[brought.id])
