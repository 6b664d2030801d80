"""Case files on both databases: opening once, every step, two people, races, bulk clearing, the board."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import func, select, update

from qa.casefiles.lifecycle import Clocks, FileState, Step, violation_state
from qa.casefiles.record import (
    CaseFiles,
    Decision,
    Evidence,
    Finding,
    decide_at_desk,
    events_of,
    open_files,
    retract_at_desk,
)
from qa.casefiles.sanctions import SanctionLevel, SanctionTerms
from qa.errors import Conflict, Denied, Invalid, NotFound, SpotcheckError, Stale
from qa.policy import SYSTEM, Actor
from qa.redlines import board, bulk, deciding, opening, repeats
from qa.redlines import detail as files
from qa.tables import Agent, AuditEntry, RuleVersion, Transcript, Violation, ViolationEvent
from qa.workbench import Workbench
from tests.world.redlines import (
    ADMIN,
    AGENT,
    INSPECTOR,
    LEAD,
    OTHER_LEAD,
    PLAYING_INSPECTOR,
    SECOND,
    T0,
    people,
    put_chats,
    put_hits,
)
from tests.world.rules import publish, rule

CHATS = [
    ("shop:1", "a1", [("customer", "在吗"), ("agent", "傻瓜"), ("agent", "滚")]),
    ("shop:2", "a1", [("customer", "发票"), ("agent", "不开发票的")]),
    ("shop:3", "a2", [("customer", "退款"), ("agent", "滚")]),
]
HITS = [
    ("shop:1", 1, "R01", "a1", "傻瓜"),
    ("shop:1", 2, "R01", "a1", "滚"),
    ("shop:2", 1, "R07", "a1", "不开发票"),
    ("shop:3", 1, "R01", "a2", "滚"),
]


@pytest.fixture
def world(any_bench: Workbench, now: datetime) -> Workbench:
    people(any_bench)
    publish(any_bench, rule("R01", "滚"), rule("R07", "不开发票"))
    put_chats(any_bench, CHATS)
    put_hits(any_bench, HITS)
    return any_bench


def opened(bench: Workbench, now: datetime) -> dict[tuple[str, str], int]:
    opening.open_suspected(bench, SYSTEM, now=now)
    with bench.db.read() as session:
        return {(v.conversation_key, v.rule_id): v.id for v in session.scalars(select(Violation))}


def screened(bench: Workbench) -> None:
    """Every conversation as it stands counts as screened."""
    with bench.archive.change("screening", T0) as change:
        change.replace("signals", change.before.scan("conversations").select("conversation_key", "import_id").collect())


def narrow_rules(bench: Workbench) -> None:
    """New versions of both rules take the place of the old ones, and everything is screened."""
    with bench.db.write() as session:
        session.execute(update(RuleVersion).values(state="retired"))
    publish(bench, rule("R01", "快滚", version=2), rule("R07", "绝不开发票", version=2))
    screened(bench)


def states(bench: Workbench) -> dict[int, FileState]:
    """Cached states, each checked against the function over the events."""
    with bench.db.read() as session:
        found = {}
        for violation in session.scalars(select(Violation)):
            events = events_of(session, violation.id)
            assert violation.state == violation_state(events)
            assert violation.changed_at == events[-1].at
            found[violation.id] = FileState(violation.state)
        return found


def test_a_file_a_conversation_rule_and_agent_opened_once(world: Workbench, now: datetime) -> None:
    first = opening.open_suspected(world, LEAD, now=now)
    assert (first.opened, first.found_again, first.withdrawn) == (3, 0, 0)
    second = opening.open_suspected(world, LEAD, now=now + timedelta(hours=1))
    assert (second.opened, second.found_again, second.withdrawn) == (0, 0, 0)
    with world.db.read() as session:
        assert session.scalar(select(func.count()).select_from(ViolationEvent)) == 3
        file = session.scalars(select(Violation).where(Violation.conversation_key == "shop:1")).one()
        assert [hit["matched"] for hit in file.evidence] == ["傻瓜", "滚"]
        assert file.severity == "major"
    assert set(states(world).values()) == {FileState.SUSPECTED}


def test_opening_at_the_same_time_opens_once(world: Workbench, now: datetime) -> None:
    errors: list[BaseException] = []

    def go() -> None:
        try:
            opening.open_suspected(world, SYSTEM, now=now)
        except BaseException as problem:
            errors.append(problem)

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    with world.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Violation)) == 3
        assert session.scalar(select(func.count()).select_from(ViolationEvent)) == 3


def test_what_is_no_longer_found_is_withdrawn_and_comes_back_with_new_evidence(world: Workbench, now: datetime) -> None:
    ids = opened(world, now)
    deciding.confirm(world, INSPECTOR, now=now, violation_id=ids["shop:3", "R01"], reason="骂人")
    narrow_rules(world)
    put_hits(world, [], replace=True)
    gone = opening.open_suspected(world, SYSTEM, now=now + timedelta(hours=1))
    assert gone.withdrawn == 2, "the confirmed one is people's business now"
    assert states(world)[ids["shop:1", "R01"]] is FileState.WITHDRAWN
    put_hits(world, [("shop:1", 2, "R01", "a1", "滚")], replace=True)
    back = opening.open_suspected(world, SYSTEM, now=now + timedelta(hours=2))
    assert (back.opened, back.found_again) == (0, 1)
    with world.db.read() as session:
        assert [hit["seq"] for hit in session.get_one(Violation, ids["shop:1", "R01"]).evidence] == [2]
    assert states(world)[ids["shop:1", "R01"]] is FileState.SUSPECTED


def test_a_finding_that_goes_without_a_rule_change_leaves_its_file_open(world: Workbench, now: datetime) -> None:
    ids = opened(world, now)
    put_chats(world, [("shop:1", "a1", [("customer", "你什么态度")])], import_id=2)
    put_hits(world, [], replace=True)
    screened(world)
    assert opening.open_suspected(world, SYSTEM, now=now + timedelta(hours=1)).withdrawn == 0
    with world.archive.change("taken back", T0) as change:
        change.remove("conversations", pl.Series(["shop:2"]))
    narrow_rules(world)
    gone = opening.open_suspected(world, SYSTEM, now=now + timedelta(hours=2))
    assert gone.withdrawn == 2, "the chat of the third is not in the archive any more: people decide"
    assert states(world)[ids["shop:2", "R07"]] is FileState.SUSPECTED


def test_a_reopened_file_is_not_withdrawn_by_the_machine(world: Workbench, now: datetime) -> None:
    ids = opened(world, now)
    file = ids["shop:1", "R01"]
    deciding.clear(world, INSPECTOR, now=now, violation_id=file, reason="引用")
    deciding.reopen(world, LEAD, now=now, violation_id=file, reason="再看看")
    narrow_rules(world)
    put_hits(world, [], replace=True)
    opening.open_suspected(world, SYSTEM, now=now)
    assert states(world)[file] is FileState.SUSPECTED


def test_the_whole_way_with_two_people_and_an_audit_trail(world: Workbench, now: datetime) -> None:
    file = opened(world, now)["shop:1", "R01"]
    deciding.confirm(world, LEAD, now=now, violation_id=file, reason="骂人", seen=FileState.SUSPECTED)
    with pytest.raises(Conflict, match="second person"):
        deciding.rule(world, LEAD, now=now, violation_id=file, uphold=True, reason="属实")
    deciding.rule(world, OTHER_LEAD, now=now, violation_id=file, uphold=True, reason="属实", seen=FileState.CONFIRMED)
    with pytest.raises(Conflict, match="may still answer"):
        deciding.close(world, LEAD, now=now + timedelta(days=1), violation_id=file)
    deciding.acknowledge(world, AGENT, now=now, violation_id=file)
    deciding.close(world, LEAD, now=now, violation_id=file)
    deciding.expunge(world, LEAD, now=now, violation_id=file, reason="一年已过")
    assert states(world)[file] is FileState.EXPUNGED
    with world.db.read() as session:
        actions = session.scalars(
            select(AuditEntry.action)
            .where(AuditEntry.entity == "violation", AuditEntry.entity_id == str(file))
            .order_by(AuditEntry.id)
        ).all()
        assert actions == [f"violation.{s}" for s in ("confirmed", "upheld", "acknowledged", "closed", "expunged")]
        frozen = session.get_one(Transcript, session.get_one(Violation, file).transcript_id)
        assert [m["text"] for m in frozen.content["messages"]] == ["在吗", "傻瓜", "滚"]


def test_the_evidence_stays_when_the_archive_changes(world: Workbench, now: datetime) -> None:
    file = opened(world, now)["shop:1", "R01"]
    before = files.case_file(world, INSPECTOR, file, now=now)
    assert not before.frozen
    deciding.confirm(world, INSPECTOR, now=now, violation_id=file, reason="骂人")
    put_chats(world, [("shop:1", "a1", [("customer", "在吗"), ("agent", "您好")])], import_id=2)
    after = files.case_file(world, INSPECTOR, file, now=now)
    assert after.frozen
    assert after.transcript == before.transcript
    assert after.evidence == before.evidence


def test_an_open_file_shows_the_chat_and_the_names_as_they_are_now(world: Workbench, now: datetime) -> None:
    file = opened(world, now)["shop:1", "R01"]

    def seen() -> list[tuple[str, str | None]]:
        found = files.case_file(world, INSPECTOR, file, now=now).transcript
        return [(message.text, message.agent_name) for message in found.messages]

    assert seen() == seen() == [("在吗", None), ("傻瓜", "小红"), ("滚", "小红")]
    put_chats(world, [("shop:1", "a1", [("customer", "在吗"), ("agent", "您好")])], import_id=2)
    assert seen() == [("在吗", None), ("您好", "小红")]
    with world.db.write() as session:
        session.execute(update(Agent).where(Agent.agent_id == "a1").values(name="小兰", updated_at=now))
    assert seen() == [("在吗", None), ("您好", "小兰")]


@pytest.mark.parametrize("actor", [AGENT, ADMIN], ids=["agent", "admin"])
def test_strangers_neither_see_nor_decide(world: Workbench, now: datetime, actor: Actor) -> None:
    file = opened(world, now)["shop:1", "R01"]
    calls: list[Callable[[], object]] = [
        lambda: board.listing(world, actor, board.Filter(), now=now),
        lambda: files.case_file(world, actor, file, now=now),
        lambda: board.counts_by_state(world, actor, board.Filter(), now=now),
        lambda: board.choices(world, actor),
        lambda: repeats.repeats(world, actor, now=now),
        lambda: board.changes(world, actor, since=now),
        lambda: deciding.confirm(world, actor, now=now, violation_id=file, reason="x"),
        lambda: deciding.clear(world, actor, now=now, violation_id=file, reason="x"),
        lambda: deciding.rule(world, actor, now=now, violation_id=file, uphold=True, reason="x"),
        lambda: bulk.clear_rule(world, actor, now=now, rule_id="R01", reason="x", expected=2),
        lambda: deciding.set_programme(world, actor, now=now, wanted=SanctionTerms()),
    ]
    for call in calls:
        with pytest.raises(Denied):
            call()


def test_an_inspector_does_not_rule(world: Workbench, now: datetime) -> None:
    file = opened(world, now)["shop:1", "R01"]
    deciding.confirm(world, INSPECTOR, now=now, violation_id=file, reason="骂人")
    with pytest.raises(Denied):
        deciding.rule(world, SECOND, now=now, violation_id=file, uphold=True, reason="x")


def test_nobody_decides_about_a_chat_of_their_own(world: Workbench, now: datetime) -> None:
    ids = opened(world, now)
    with pytest.raises(Denied, match="took part"):
        deciding.confirm(world, PLAYING_INSPECTOR, now=now, violation_id=ids["shop:1", "R01"], reason="x")
    deciding.confirm(world, PLAYING_INSPECTOR, now=now, violation_id=ids["shop:3", "R01"], reason="骂人")
    assert bulk.clear_rule(world, PLAYING_INSPECTOR, now=now, rule_id="R07", reason="x", expected=0) == 0


def test_only_the_agent_concerned_acknowledges(world: Workbench, now: datetime) -> None:
    file = opened(world, now)["shop:3", "R01"]
    deciding.confirm(world, INSPECTOR, now=now, violation_id=file, reason="骂人")
    deciding.rule(world, LEAD, now=now, violation_id=file, uphold=True, reason="属实")
    with pytest.raises(Denied, match="agent concerned"):
        deciding.acknowledge(world, AGENT, now=now, violation_id=file)
    with pytest.raises(Denied):
        files.own(world, AGENT, "a2", now=now)


def test_an_agent_sees_upheld_files_only(world: Workbench, now: datetime) -> None:
    ids = opened(world, now)
    deciding.confirm(world, INSPECTOR, now=now, violation_id=ids["shop:2", "R07"], reason="确认")
    assert files.own(world, AGENT, "a1", now=now) == ()
    deciding.rule(world, LEAD, now=now, violation_id=ids["shop:2", "R07"], uphold=True, reason="拒开发票属实")
    (mine,) = files.own(world, AGENT, "a1", now=now)
    assert mine.reason == "拒开发票属实"
    assert mine.may_answer


@pytest.mark.parametrize("reason", ["", "   "])
def test_a_decision_needs_a_reason(world: Workbench, now: datetime, reason: str) -> None:
    file = opened(world, now)["shop:1", "R01"]
    with pytest.raises(Invalid, match="reason"):
        deciding.clear(world, INSPECTOR, now=now, violation_id=file, reason=reason)
    with pytest.raises(Invalid, match="characters"):
        deciding.clear(world, INSPECTOR, now=now, violation_id=file, reason="x" * 2001)
    assert states(world)[file] is FileState.SUSPECTED


def test_unknown_file(world: Workbench, now: datetime) -> None:
    with pytest.raises(NotFound):
        deciding.confirm(world, INSPECTOR, now=now, violation_id=99, reason="x")
    with pytest.raises(NotFound):
        files.case_file(world, INSPECTOR, 99, now=now)


def test_two_managers_at_once_one_ruling(world: Workbench, now: datetime) -> None:
    file = opened(world, now)["shop:1", "R01"]
    deciding.confirm(world, INSPECTOR, now=now, violation_id=file, reason="骂人")
    barrier = threading.Barrier(2)
    outcomes: list[object] = []

    def go(actor: Actor, uphold: bool) -> None:
        barrier.wait()
        try:
            outcomes.append(
                deciding.rule(
                    world, actor, now=now, violation_id=file, uphold=uphold, reason="x", seen=FileState.CONFIRMED
                )
            )
        except SpotcheckError as problem:
            outcomes.append(problem)

    threads = [threading.Thread(target=go, args=(LEAD, True)), threading.Thread(target=go, args=(OTHER_LEAD, False))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(isinstance(one, Stale) for one in outcomes) == [False, True]
    assert states(world)[file] in (FileState.UPHELD, FileState.DISMISSED)
    with world.db.read() as session:
        assert [e.step for e in events_of(session, file)][:2] == [Step.OPEN, Step.CONFIRM]
        assert len(events_of(session, file)) == 3


def test_the_same_click_again_changes_nothing(world: Workbench, now: datetime) -> None:
    file = opened(world, now)["shop:1", "R01"]
    for _ in range(2):
        done = deciding.confirm(world, INSPECTOR, now=now, violation_id=file, reason="骂人", seen=FileState.SUSPECTED)
        assert done.state is FileState.CONFIRMED
    with pytest.raises(Stale):
        deciding.confirm(world, SECOND, now=now, violation_id=file, reason="骂人", seen=FileState.SUSPECTED)
    with pytest.raises(Stale):
        deciding.clear(world, INSPECTOR, now=now, violation_id=file, reason="骂人", seen=FileState.SUSPECTED)
    for _ in range(2):
        deciding.rule(world, LEAD, now=now, violation_id=file, uphold=True, reason="属实", seen=FileState.CONFIRMED)
    with world.db.read() as session:
        assert [event.step for event in events_of(session, file)] == [Step.OPEN, Step.CONFIRM, Step.UPHOLD]


def test_taking_back(world: Workbench, now: datetime) -> None:
    file = opened(world, now)["shop:1", "R01"]
    deciding.clear(world, INSPECTOR, now=now, violation_id=file, reason="引用")
    with pytest.raises(Conflict, match="Only the person"):
        deciding.retract(world, SECOND, now=now, violation_id=file)
    deciding.retract(world, INSPECTOR, now=now, violation_id=file)
    assert states(world)[file] is FileState.SUSPECTED


def test_bulk_clearing_of_one_rule(world: Workbench, now: datetime) -> None:
    ids = opened(world, now)
    with pytest.raises(Conflict, match="2 such files"):
        bulk.clear_rule(world, INSPECTOR, now=now, rule_id="R01", reason="产品名", expected=1)
    with pytest.raises(Invalid):
        bulk.clear_rule(world, INSPECTOR, now=now, rule_id="R01", reason=" ", expected=2)
    with pytest.raises(Denied):
        bulk.clear_rule(world, SYSTEM, now=now, rule_id="R01", reason="x", expected=2)
    shown = bulk.bulk_preview(world, INSPECTOR, rule_id="R01")
    assert (shown.n, shown.examples) == (
        2,
        ((ids["shop:1", "R01"], "a1", "傻瓜 · 滚"), (ids["shop:3", "R01"], "a2", "滚")),
    )
    assert bulk.clear_rule(world, INSPECTOR, now=now, rule_id="R01", reason="产品名", expected=1, phrase="滚") == 1
    assert states(world) == {
        ids["shop:1", "R01"]: FileState.SUSPECTED,
        ids["shop:2", "R07"]: FileState.SUSPECTED,
        ids["shop:3", "R01"]: FileState.CLEARED,
    }
    assert bulk.clear_rule(world, INSPECTOR, now=now, rule_id="R01", reason="产品名", expected=1, agent_id="a1") == 1
    deciding.reopen(world, LEAD, now=now, violation_id=ids["shop:1", "R01"], reason="不是产品名")
    with world.db.read() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "violations.cleared_in_bulk")).all()
        assert [entry.facts["n"] for entry in entries] == [1, 1]
        each = session.scalars(
            select(AuditEntry.entity_id).where(AuditEntry.action == "violation.cleared").order_by(AuditEntry.id)
        ).all()
        assert each == [str(ids["shop:3", "R01"]), str(ids["shop:1", "R01"])]


def test_a_bulk_clearing_is_limited_and_taken_back_by_who_made_it(
    world: Workbench, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = opened(world, now)
    monkeypatch.setattr(bulk, "BULK_LIMIT", 1)
    with pytest.raises(Invalid, match="too many"):
        bulk.clear_rule(world, INSPECTOR, now=now, rule_id="R01", reason="产品名", expected=2)
    monkeypatch.undo()
    at = now + timedelta(hours=1)
    bulk.clear_rule(world, INSPECTOR, now=at, rule_id="R01", reason="产品名", expected=2)
    assert bulk.last_bulk(world, SECOND, rule_id="R01") is None
    assert bulk.last_bulk(world, INSPECTOR, rule_id="R01") == bulk.Bulk(2, at=at)
    with pytest.raises(Conflict, match="nothing to take back"):
        bulk.take_back_bulk(world, SECOND, now=at, rule_id="R01", cleared_at=at)
    deciding.reopen(world, LEAD, now=at + timedelta(hours=1), violation_id=ids["shop:1", "R01"], reason="再看")
    assert bulk.take_back_bulk(world, INSPECTOR, now=at + timedelta(hours=2), rule_id="R01", cleared_at=at) == 1
    assert set(states(world).values()) == {FileState.SUSPECTED}
    with pytest.raises(Conflict, match="nothing to take back"):
        bulk.take_back_bulk(world, INSPECTOR, now=at + timedelta(hours=2), rule_id="R01", cleared_at=at)


def test_repeats_and_the_sanction_ladder(world: Workbench, now: datetime) -> None:
    ids = opened(world, now)
    deciding.set_programme(
        world,
        LEAD,
        now=now,
        wanted=SanctionTerms(
            Clocks(record_days=30), (SanctionLevel(1, "提醒", "Reminder"), SanctionLevel(2, "警告", "Warning"))
        ),
    )
    assert files.case_file(world, LEAD, ids["shop:1", "R01"], now=now).sanction == ("提醒", "Reminder")
    deciding.confirm(world, INSPECTOR, now=now, violation_id=ids["shop:2", "R07"], reason="x")
    deciding.rule(world, LEAD, now=now, violation_id=ids["shop:2", "R07"], uphold=True, reason="x")
    file = files.case_file(world, LEAD, ids["shop:1", "R01"], now=now)
    assert (file.repeats, file.repeats_same_rule, file.sanction) == (1, 0, ("警告", "Warning"))
    (one,) = repeats.repeats(world, LEAD, now=now)
    assert (one.agent_id, one.count, one.by_rule, one.sanction) == ("a1", 1, {"R07": 1}, ("提醒", "Reminder"))
    assert repeats.repeats(world, LEAD, now=now, team="售后") == ()
    assert repeats.repeats(world, LEAD, now=now + timedelta(days=31)) == ()
    with pytest.raises(Invalid, match="record_days"):
        deciding.set_programme(world, LEAD, now=now, wanted=SanctionTerms(Clocks(record_days=0)))
    with pytest.raises(Invalid, match="step of the sanctions"):
        deciding.set_programme(
            world, LEAD, now=now, wanted=SanctionTerms(ladder=(SanctionLevel(1, "a", "b"), SanctionLevel(1, "c", "d")))
        )


def test_lists_filter_page_and_count(world: Workbench, now: datetime) -> None:
    ids = opened(world, now)
    page = board.listing(world, LEAD, board.Filter(), now=now, limit=2)
    rest = board.listing(world, LEAD, board.Filter(), now=now, limit=2, after=page.after)
    assert [row.id for row in (*page.rows, *rest.rows)] == sorted(ids.values(), reverse=True)
    assert (page.total.n, page.total.more, rest.after) == (3, False, None)
    oldest = board.listing(world, LEAD, board.Filter(), now=now, newest_first=False)
    assert [row.id for row in oldest.rows] == sorted(ids.values())

    def listed(**wanted: object) -> set[int]:
        return {row.id for row in board.listing(world, LEAD, board.Filter(**wanted), now=now + timedelta(days=4)).rows}  # type: ignore[arg-type]

    assert listed(rule_id="R07") == {ids["shop:2", "R07"]}
    assert listed(agent_id="a2") == {ids["shop:3", "R01"]}
    assert listed(team="售前") == {ids["shop:1", "R01"], ids["shop:2", "R07"]}
    assert listed(severity="critical") == set()
    assert listed(older_than_days=4) == set(ids.values())
    assert listed(older_than_days=5) == set()
    assert listed(overdue=True) == set(ids.values())
    assert listed(states=(FileState.CONFIRMED,)) == set()
    assert listed(changed_since=now + timedelta(hours=1)) == set()
    counted = board.counts_by_state(world, LEAD, board.Filter(team="售前"), now=now)
    assert counted[FileState.SUSPECTED].n == 2
    assert board.added(board.overdue_by_state(world, LEAD, board.Filter(), now=now).values()).n == 0
    late = board.overdue_by_state(world, LEAD, board.Filter(), now=now + timedelta(days=4))
    assert {state: count.n for state, count in late.items() if count.n} == {FileState.SUSPECTED: 3}
    first = page.rows[-1]
    assert (first.agent_name, first.team, first.due) == (
        "小蓝",
        "售后",
        now + timedelta(days=3),
    ) or first.agent_id == "a1"


def test_counts_stop_at_the_bound(world: Workbench, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(world, now)
    monkeypatch.setattr(board, "COUNT_BOUND", 2)
    assert board.listing(world, LEAD, board.Filter(), now=now).total == board.BoundedCount(2, more=True)


def test_what_changed_since_yesterday(world: Workbench, now: datetime) -> None:
    file = opened(world, now)["shop:1", "R01"]
    deciding.confirm(world, INSPECTOR, now=now + timedelta(hours=2), violation_id=file, reason="骂人")
    (change,) = board.changes(world, LEAD, since=now)
    assert (change.violation_id, change.step, change.actor_name) == (file, Step.CONFIRM, "Inspector Ida")
    assert board.changes(world, LEAD, since=now + timedelta(hours=3)) == ()
    midnight = board.start_of_yesterday(now, world.config.zone)
    assert midnight.astimezone(world.config.zone).isoformat() == "2026-03-01T00:00:00+08:00"


def test_reading_changes_nothing(world: Workbench, now: datetime) -> None:
    file = opened(world, now)["shop:1", "R01"]
    with world.db.read() as session:
        before = session.scalar(select(func.max(AuditEntry.id)))
    files.case_file(world, LEAD, file, now=now)
    board.listing(world, LEAD, board.Filter(), now=now)
    with world.db.read() as session:
        assert session.scalar(select(func.max(AuditEntry.id))) == before
        assert session.scalar(select(func.count()).select_from(Transcript)) == 0


def test_the_desk_takes_the_first_step_and_undoes_it(world: Workbench, now: datetime) -> None:
    from tests.world.redlines import T0

    found = Finding("shop:9", "a2", "R01", 1, "major", T0, (Evidence(1, 0, 1, "滚"),))
    with world.db.write() as session:
        open_files(session, [found], now)
    for actor, confirmed in ((INSPECTOR, True), (SECOND, False)):
        with world.begin(actor, now) as work:
            file = work.session.scalars(select(Violation).where(Violation.conversation_key == "shop:9")).one()
            left = decide_at_desk(
                work,
                CaseFiles({"R01": file}, frozenset()),
                [Decision(found, confirmed, "")],
                sample_id=None,  # type: ignore[arg-type]
                transcript_id=None,  # type: ignore[arg-type]
            )
            assert left.by_rule["R01"].state == FileState.CONFIRMED
    assert states(world)[file.id] is FileState.CONFIRMED
    with world.begin(INSPECTOR, now) as work:
        assert retract_at_desk(work, 77) == 0
