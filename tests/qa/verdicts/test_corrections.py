"""Corrections: asked for by the inspector, decided by a second person, computed, once; and the history they appear
in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from qa.calibration import severities
from qa.desk import history
from qa.errors import Conflict, Denied, Invalid, NotFound, Stale
from qa.home import overview
from qa.policy import Actor, Role
from qa.tables import AuditEntry
from qa.verdicts import corrections, reading
from qa.workbench import Workbench
from scoring.sheet import Mark, Sheet
from tests.world.desk import NOW, Kit, build, inspect

LATER = NOW + timedelta(hours=1)
WRONG = Sheet((Mark("tone", 1), Mark("greeting", 0)))
RIGHT = Sheet((Mark("greeting", 0),))


@pytest.fixture
def kit(any_bench: Workbench) -> Kit:
    kit = build(any_bench, samples=2)
    kit.place(kit.samples[0], kit.inspectors[0])
    inspect(kit, 0, WRONG)
    return kit


def verdict(kit: Kit) -> int:
    return next(one.id for one in kit.verdicts(kit.samples[0]) if one.is_current)


def ask(kit: Kit, sheet: Sheet = RIGHT, reason: str = "看错了人") -> int:
    return corrections.request(
        kit.bench, kit.inspectors[0], now=LATER, verdict_id=verdict(kit), sheet=sheet, reason=reason
    )


def test_a_second_person_makes_it_a_new_version(kit: Kit) -> None:
    wish = ask(kit)
    assert ask(kit) == wish  # the same click again
    [waits] = corrections.listing(kit.bench, kit.lead)
    assert (waits.before, waits.after, waits.reason) == (9_200, 9_700, "看错了人")
    assert overview(kit.bench, kit.lead, now=LATER).todo["corrections"] == 1
    issued = corrections.decide(kit.bench, kit.lead, now=LATER, correction_id=wish, accept=True)
    rows = kit.verdicts(kit.samples[0])
    assert [(row.version, row.kind, row.total, row.is_current) for row in rows] == [
        (1, "inspection", 9_200, False),
        (2, "correction", 9_700, True),
    ]
    assert rows[-1].id == issued
    view = reading.view(kit.bench, kit.lead, verdict_id=rows[-1].id, language="en")
    assert view.before is not None
    assert [line.id for line in view.before.fallen] == ["tone"]
    assert overview(kit.bench, kit.lead, now=LATER).todo["corrections"] == 0
    with kit.bench.db.read() as session:
        actions = session.scalars(
            select(AuditEntry.action).where(AuditEntry.action.startswith("correction.")).order_by(AuditEntry.id)
        ).all()
    assert actions == ["correction.requested", "correction.accepted"]


def test_who_may_and_what_is_refused(kit: Kit) -> None:
    with pytest.raises(NotFound):
        corrections.request(kit.bench, kit.inspectors[1], now=LATER, verdict_id=verdict(kit), sheet=RIGHT, reason="x")
    with pytest.raises(Denied):
        corrections.request(kit.bench, kit.agent, now=LATER, verdict_id=verdict(kit), sheet=RIGHT, reason="x")
    with pytest.raises(Invalid, match="What was wrong"):
        ask(kit, reason="  ")
    with pytest.raises(Invalid, match="Nothing would change"):
        ask(kit, WRONG)
    with pytest.raises(Invalid):
        ask(kit, Sheet((Mark("tone", 99),)))
    wish = ask(kit)
    with pytest.raises(Conflict, match="waits for its decision"):
        ask(kit, Sheet(()))
    promoted = Actor(kit.inspectors[0].user_id, Role.LEAD, "promoted")
    with pytest.raises(Denied, match="second person"):
        corrections.decide(kit.bench, promoted, now=LATER, correction_id=wish, accept=True)
    with pytest.raises(Denied):
        corrections.decide(kit.bench, kit.inspectors[1], now=LATER, correction_id=wish, accept=True)
    with pytest.raises(Invalid):
        corrections.decide(kit.bench, kit.lead, now=LATER, correction_id=wish, accept=False)
    assert (
        corrections.decide(kit.bench, kit.lead, now=LATER, correction_id=wish, accept=False, answer="原文如此") is None
    )
    with pytest.raises(Conflict):
        corrections.decide(kit.bench, kit.lead, now=LATER, correction_id=wish, accept=True)
    assert [row.total for row in kit.verdicts(kit.samples[0])] == [9_200]


def test_taken_back_and_outrun(kit: Kit) -> None:
    wish = ask(kit)
    for _twice in range(2):
        corrections.withdraw(kit.bench, kit.inspectors[0], now=LATER, correction_id=wish)
    with pytest.raises(Denied):
        corrections.withdraw(kit.bench, kit.inspectors[1], now=LATER, correction_id=wish)
    first, old = ask(kit), verdict(kit)
    corrections.decide(kit.bench, kit.lead, now=LATER, correction_id=first, accept=True)
    with pytest.raises(Conflict):
        corrections.request(kit.bench, kit.inspectors[0], now=LATER, verdict_id=old, sheet=Sheet(()), reason="旧版本")
    second = ask(kit, Sheet(()), "问候其实有")
    from qa.verdicts import ledger

    with kit.bench.begin(kit.lead, LATER) as work:
        ledger.reissue(work, sample_id=kit.samples[0], kind="ruling", reason="x", sheet=WRONG)
    with pytest.raises(Stale):
        corrections.decide(kit.bench, kit.lead, now=LATER, correction_id=second, accept=True)


def test_history_shows_what_was_changed_and_keeps_blind_readings_blind(kit: Kit) -> None:
    me = kit.inspectors[0]
    kit.place(kit.samples[1], kit.inspectors[1])
    inspect(kit, 1, RIGHT)
    kit.place(kit.samples[1], me, kind="double")
    inspect(kit, 0, WRONG)
    corrections.decide(kit.bench, kit.lead, now=LATER, correction_id=ask(kit), accept=True)
    double, first = history.past(kit.bench, me, inspector_id=me.user_id)
    assert (double.kind, double.now, double.verdict_id) == ("double", None, None)
    assert (first.given, first.now, first.changed_by, first.correction) == (9_200, 9_700, "correction", "accepted")
    assert first.first_line == "在吗"
    assert [one.inspection_id for one in history.past(kit.bench, me, inspector_id=me.user_id, changed=True)] == [
        first.inspection_id
    ]
    assert history.record(kit.bench, me, inspector_id=me.user_id).changed == {"correction": 1}
    shown = history.detail(kit.bench, me, inspection_id=first.inspection_id, language="en")
    assert shown.before is not None
    assert (shown.before.total, shown.total, [line.id for line in shown.before.fallen]) == (9_200, 9_700, ["tone"])
    blind = history.detail(kit.bench, me, inspection_id=double.inspection_id, language="en")
    assert blind.before is None


def test_only_ones_own_unless_one_leads(kit: Kit) -> None:
    me, other = kit.inspectors[:2]
    assert history.inspectors(kit.bench, me) == ((me.user_id, me.name),)
    for read in (
        lambda: history.past(kit.bench, other, inspector_id=me.user_id),
        lambda: history.record(kit.bench, other, inspector_id=me.user_id),
        lambda: severities.of_one(kit.bench, other, now=NOW, inspector_id=me.user_id),
    ):
        with pytest.raises(Denied):
            read()
    assert [name for _user, name in history.inspectors(kit.bench, kit.lead)] == ["inspector-0"]
    assert len(history.past(kit.bench, kit.lead, inspector_id=me.user_id)) == 1
    assert severities.of_one(kit.bench, kit.lead, now=NOW, inspector_id=me.user_id).value is None
