"""Appeals: only one's own, in time, once; ruled by somebody else; the result is computed anew."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from qa import reports
from qa.desk import inspecting, queue
from qa.desk.queue import Claim
from qa.errors import Conflict, Denied, Invalid, NotFound
from qa.home import overview
from qa.policy import Actor, Role
from qa.redlines import deciding
from qa.tables import AuditEntry, User, Verdict, Violation
from qa.verdicts import appeals, reading
from qa.workbench import Workbench
from scoring.sheet import CONFIRMED, HitDecision, Mark, Sheet
from tests.world.desk import NOW, Kit, build

MARKS = Sheet((Mark("tone", 1, note="冷", evidence=(1,)), Mark("greeting", 0)))
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def kit(any_bench: Workbench) -> Kit:
    return build(any_bench, samples=3)


def inspected(kit: Kit, sheet: Sheet = MARKS, sample: int = 0) -> int:
    """Inspect the sample of agent-0 (or another); returns its current verdict."""
    kit.place(kit.samples[sample], kit.inspectors[0])
    place = queue.claim_next(kit.bench, kit.inspectors[0], now=NOW)
    assert isinstance(place, Claim)
    inspecting.submit(
        kit.bench,
        kit.inspectors[0],
        now=NOW,
        assignment_id=place.assignment_id,
        version=place.version,
        nonce=f"nonce-{sample:06d}",
        sheet=sheet,
    )
    return current(kit, sample).id


def current(kit: Kit, sample: int = 0) -> Verdict:
    return next(v for v in kit.verdicts(kit.samples[sample]) if v.is_current)


def test_upheld_appeal_issues_a_computed_verdict(kit: Kit) -> None:
    verdict = inspected(kit)
    before = current(kit).total
    appeal = appeals.file_against_verdict(
        kit.bench, kit.agent, now=LATER, verdict_id=verdict, body="语气没问题", criterion_id="tone"
    )
    assert (
        appeals.file_against_verdict(
            kit.bench, kit.agent, now=LATER, verdict_id=verdict, body="再说一次", criterion_id="tone"
        )
        == appeal
    )
    assert appeals.count_open(kit.bench, kit.lead) == 1
    issued = appeals.rule(kit.bench, kit.lead, now=LATER, appeal_id=appeal, uphold=True, ruling="同意")
    after = current(kit)
    assert after.id == issued
    assert (after.kind, after.total - before) == ("appeal", 500)
    assert {mark["criterion_id"] for mark in after.sheet["marks"]} == {"greeting"}
    with pytest.raises(Conflict):
        appeals.rule(kit.bench, kit.lead, now=LATER, appeal_id=appeal, uphold=False, ruling="反悔")
    with kit.bench.db.read() as session:
        actions = set(session.scalars(select(AuditEntry.action).where(AuditEntry.entity == "appeal")))
    assert actions == {"appeal.filed", "appeal.upheld"}


def test_rejected_appeal_changes_no_score(kit: Kit) -> None:
    verdict = inspected(kit)
    appeal = appeals.file_against_verdict(kit.bench, kit.agent, now=LATER, verdict_id=verdict, body="不服")
    assert appeals.rule(kit.bench, kit.lead, now=LATER, appeal_id=appeal, uphold=False, ruling="原文清楚") is None
    assert current(kit).id == verdict
    assert appeals.get(kit.bench, kit.agent, appeal).ruling == "原文清楚"


def test_what_an_appeal_took_away_is_shown_to_whoever_reads_the_result(kit: Kit) -> None:
    verdict = inspected(kit)
    before = current(kit).total
    appeal = appeals.file_against_verdict(
        kit.bench, kit.agent, now=LATER, verdict_id=verdict, body="语气没问题", criterion_id="tone"
    )
    appeals.rule(kit.bench, kit.lead, now=LATER, appeal_id=appeal, uphold=True, ruling="同意")
    for reader in (kit.lead, kit.agent):
        view = reading.view(kit.bench, reader, verdict_id=verdict, language="zh_CN", latest=True)
        assert view.before is not None
        assert (view.before.total, view.row.total, view.before.reason) == (before, before + 500, "同意")
        assert [line.id for line in view.before.fallen] == ["tone"]
        shown = reports.result(kit.bench, reader, verdict, "zh_CN")  # an old link leads to what counts now
        assert (shown.verdict_id, shown.total) == (current(kit).id, before + 500)
    [told] = overview(kit.bench, kit.agent, now=LATER).decided
    assert (told.upheld, told.before, told.now) == (True, before, before + 500)
    reading.acknowledge(kit.bench, kit.agent, now=LATER + timedelta(minutes=1), verdict_id=current(kit).id)
    assert overview(kit.bench, kit.agent, now=LATER + timedelta(minutes=2)).decided == ()


def test_a_rejected_objection_stays_decided_when_another_is_upheld(kit: Kit) -> None:
    verdict = inspected(kit)
    greeting = appeals.file_against_verdict(
        kit.bench, kit.agent, now=LATER, verdict_id=verdict, body="说了你好", criterion_id="greeting"
    )
    tone = appeals.file_against_verdict(
        kit.bench, kit.agent, now=LATER, verdict_id=verdict, body="语气没问题", criterion_id="tone"
    )
    appeals.rule(kit.bench, kit.lead, now=LATER, appeal_id=greeting, uphold=False, ruling="没有问候")
    appeals.rule(kit.bench, kit.lead, now=LATER, appeal_id=tone, uphold=True, ruling="同意")
    with pytest.raises(Conflict, match="decided already"):
        appeals.file_against_verdict(
            kit.bench, kit.agent, now=LATER, verdict_id=current(kit).id, body="再来", criterion_id="greeting"
        )
    assert len(appeals.list_appeals(kit.bench, kit.lead)) == 2


def test_an_upheld_appeal_starts_no_new_time_to_object(kit: Kit) -> None:
    verdict = inspected(kit)
    tone = appeals.file_against_verdict(
        kit.bench, kit.agent, now=LATER, verdict_id=verdict, body="语气没问题", criterion_id="tone"
    )
    appeals.rule(kit.bench, kit.lead, now=NOW + timedelta(days=6), appeal_id=tone, uphold=True, ruling="同意")
    late = NOW + timedelta(days=8)
    assert reports.result(kit.bench, kit.agent, current(kit).id, "en").appeal_until == NOW + timedelta(days=7)
    with pytest.raises(Conflict, match="days for an appeal are over"):
        appeals.file_against_verdict(
            kit.bench, kit.agent, now=late, verdict_id=current(kit).id, body="晚了", criterion_id="greeting"
        )


def test_the_window_is_changed_with_its_old_value_on_record(kit: Kit) -> None:
    appeals.set_window(kit.bench, kit.lead, now=LATER, days=14)
    appeals.set_window(kit.bench, kit.lead, now=LATER, days=14)
    with kit.bench.db.read() as session:
        facts = session.scalars(select(AuditEntry.facts).where(AuditEntry.action == "appeals.window_changed")).all()
    assert facts == [{"changes": {"days": [7, 14]}}]
    assert appeals.window(kit.bench) == 14


def test_whole_verdict_needs_named_criteria(kit: Kit) -> None:
    appeal = appeals.file_against_verdict(kit.bench, kit.agent, now=LATER, verdict_id=inspected(kit), body="都不对")
    with pytest.raises(Invalid):
        appeals.rule(kit.bench, kit.lead, now=LATER, appeal_id=appeal, uphold=True, ruling="同意")
    with pytest.raises(Invalid):
        appeals.rule(kit.bench, kit.lead, now=LATER, appeal_id=appeal, uphold=True, ruling="同意", clear=["closing"])
    appeals.rule(
        kit.bench, kit.lead, now=LATER, appeal_id=appeal, uphold=True, ruling="同意", clear=["tone", "greeting"]
    )
    assert current(kit).total == 10_000


def test_who_and_when(kit: Kit) -> None:
    verdict = inspected(kit)
    others = inspected(kit, sample=1)
    with pytest.raises(Denied):
        appeals.file_against_verdict(kit.bench, kit.agent, now=LATER, verdict_id=others, body="x")
    with pytest.raises(Denied):
        appeals.file_against_verdict(kit.bench, kit.lead, now=LATER, verdict_id=verdict, body="x")
    with pytest.raises(Invalid):
        appeals.file_against_verdict(kit.bench, kit.agent, now=LATER, verdict_id=verdict, body="  ")
    with pytest.raises(Invalid):
        appeals.file_against_verdict(
            kit.bench, kit.agent, now=LATER, verdict_id=verdict, body="x", criterion_id="closing"
        )
    with pytest.raises(Conflict):
        appeals.file_against_verdict(kit.bench, kit.agent, now=NOW + timedelta(days=8), verdict_id=verdict, body="x")
    appeals.set_window(kit.bench, kit.lead, now=LATER, days=14)
    appeal = appeals.file_against_verdict(
        kit.bench, kit.agent, now=NOW + timedelta(days=8), verdict_id=verdict, body="x"
    )
    with pytest.raises(Denied):
        appeals.rule(kit.bench, kit.inspectors[0], now=LATER, appeal_id=appeal, uphold=True, ruling="x", clear=["tone"])
    assert appeals.list_appeals(kit.bench, kit.agent)[0].id == appeal
    stranger = Actor(999, Role.AGENT, "Other", agent_id="agent-9")
    assert appeals.list_appeals(kit.bench, stranger) == []


def test_the_inspector_who_is_also_a_lead_cannot_rule(kit: Kit) -> None:
    appeal = appeals.file_against_verdict(
        kit.bench, kit.agent, now=LATER, verdict_id=inspected(kit), body="x", criterion_id="tone"
    )
    promoted = Actor(kit.inspectors[0].user_id, Role.LEAD, "promoted")
    with pytest.raises(Denied):
        appeals.rule(kit.bench, promoted, now=LATER, appeal_id=appeal, uphold=True, ruling="x")


def test_withdrawing(kit: Kit) -> None:
    appeal = appeals.file_against_verdict(kit.bench, kit.agent, now=LATER, verdict_id=inspected(kit), body="x")
    appeals.withdraw(kit.bench, kit.agent, now=LATER, appeal_id=appeal)
    appeals.withdraw(kit.bench, kit.agent, now=LATER, appeal_id=appeal)
    with pytest.raises(Conflict):
        appeals.rule(kit.bench, kit.lead, now=LATER, appeal_id=appeal, uphold=False, ruling="x")


@pytest.fixture
def upheld(kit: Kit) -> int:
    """A violation of agent-0 that an inspector confirmed and the lead upheld, with its verdict at zero."""
    kit.hit(0)
    inspected(kit, Sheet((), (HitDecision("R01", 1, CONFIRMED, "属实"),)))
    with kit.bench.db.read() as session:
        violation = session.scalars(select(Violation.id)).one()
    deciding.rule(kit.bench, kit.lead, now=NOW, violation_id=violation, uphold=True, reason="维持")
    assert current(kit).total == 0
    return violation


def _second_lead(kit: Kit, login: str = "lead-2") -> Actor:
    with kit.bench.db.write() as session:
        user = User(login=login, display_name="l2", role="lead", active=True, created_at=NOW)
        session.add(user)
        session.flush()
        return Actor(user.id, Role.LEAD, "l2")


def test_appeal_against_a_violation(kit: Kit, upheld: int) -> None:
    appeal = appeals.file_against_violation(kit.bench, kit.agent, now=LATER, violation_id=upheld, body="引用顾客的话")
    with pytest.raises(Denied):
        appeals.rule(kit.bench, kit.lead, now=LATER, appeal_id=appeal, uphold=True, ruling="x")
    appeals.rule(kit.bench, _second_lead(kit), now=LATER, appeal_id=appeal, uphold=True, ruling="确为引用")
    with kit.bench.db.read() as session:
        assert session.get_one(Violation, upheld).state == "expunged"
    assert current(kit).total == 10_000


def test_the_agent_reads_their_own_ruling_only(kit: Kit, upheld: int) -> None:
    ruling = appeals.ruling_on(kit.bench, kit.agent, violation_id=upheld)
    assert (ruling.rule_id, ruling.reason) == ("R01", "维持")
    assert ruling.quotes == ("滚开，别问了",) or ruling.quotes == ("滚开",)
    with pytest.raises(NotFound):
        appeals.ruling_on(kit.bench, Actor(999, Role.AGENT, "Other", agent_id="agent-9"), violation_id=upheld)
    kit.hit(3)  # of agent-0 as well, and nobody has ruled on it
    with kit.bench.db.read() as session:
        suspected = session.scalars(select(Violation.id).where(Violation.state == "suspected")).one()
    with pytest.raises(NotFound):
        appeals.ruling_on(kit.bench, kit.agent, violation_id=suspected)


def test_rejected_and_withdrawn_violation_appeals(kit: Kit, upheld: int) -> None:
    first = appeals.file_against_violation(kit.bench, kit.agent, now=LATER, violation_id=upheld, body="x")
    appeals.withdraw(kit.bench, kit.agent, now=LATER, appeal_id=first)
    second = appeals.file_against_violation(kit.bench, kit.agent, now=LATER, violation_id=upheld, body="y")
    appeals.rule(kit.bench, _second_lead(kit), now=LATER, appeal_id=second, uphold=False, ruling="z")
    with kit.bench.db.read() as session:
        assert session.get_one(Violation, upheld).state == "closed"
    assert current(kit).total == 0


def test_taking_an_appeal_back_does_not_lengthen_the_time_to_appeal(kit: Kit, upheld: int) -> None:
    late = NOW + timedelta(days=6)
    first = appeals.file_against_violation(kit.bench, kit.agent, now=late, violation_id=upheld, body="x")
    appeals.withdraw(kit.bench, kit.agent, now=late, appeal_id=first)
    with pytest.raises(Conflict, match="are over"):
        appeals.file_against_violation(
            kit.bench, kit.agent, now=NOW + timedelta(days=7, hours=1), violation_id=upheld, body="y"
        )
    closed = deciding.close(kit.bench, kit.lead, now=NOW + timedelta(days=7, hours=1), violation_id=upheld)
    assert closed.state == "closed"


def test_who_confirmed_does_not_rule_the_appeal(kit: Kit) -> None:
    other, third = _second_lead(kit), _second_lead(kit, "lead-3")
    kit.hit(0)
    with kit.bench.db.read() as session:
        file = session.scalars(select(Violation.id)).one()
    deciding.confirm(kit.bench, other, now=NOW, violation_id=file, reason="原话")
    deciding.rule(kit.bench, kit.lead, now=NOW, violation_id=file, uphold=True, reason="维持")
    appeal = appeals.file_against_violation(kit.bench, kit.agent, now=LATER, violation_id=file, body="引用")
    for decided in (other, kit.lead):
        with pytest.raises(Denied, match="somebody else"):
            appeals.rule(kit.bench, decided, now=LATER, appeal_id=appeal, uphold=True, ruling="同意")
    appeals.rule(kit.bench, third, now=LATER, appeal_id=appeal, uphold=True, ruling="同意")


def test_two_leads_at_once_rule_once(kit: Kit) -> None:
    appeal = appeals.file_against_verdict(
        kit.bench, kit.agent, now=LATER, verdict_id=inspected(kit), body="x", criterion_id="tone"
    )
    leads = [kit.lead, _second_lead(kit)]
    outcomes: list[str] = []

    def decide(lead: Actor) -> None:
        try:
            appeals.rule(kit.bench, lead, now=LATER, appeal_id=appeal, uphold=True, ruling="x")
            outcomes.append("ruled")
        except Conflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=decide, args=(lead,)) for lead in leads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict", "ruled"]
    assert len(kit.verdicts(kit.samples[0])) == 2
