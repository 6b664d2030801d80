"""The night shift on a real installation: each step of a night once, in order, whatever dies and whoever looks."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from qa import draws, jobs, operations
from qa.assessment import schemes
from qa.errors import Conflict, Denied, Invalid, NotFound
from qa.jobs import NightStep, nights, record
from qa.jobs.kinds import night_request
from qa.jobs.worker import Worker
from qa.people import accounts
from qa.policy import SYSTEM, Role
from qa.tables import AuditEntry, Draw, Job
from qa.upkeep import backup
from qa.workbench import Workbench
from tests.qa.operations import world
from tests.qa.operations.world import DAY, MONDAY, START, Clock

SHIFT = ("screening", "draws", "backup", "compaction")


def switch_on(bench: Workbench, *steps: str) -> None:
    for step in steps or SHIFT:
        operations.resume(bench, SYSTEM, now=START, step=step)


def done(bench: Workbench) -> list[tuple[date, str]]:
    with bench.db.read() as session:
        rows = session.scalars(select(Job).where(Job.kind.startswith("night_")).order_by(Job.id)).all()
    return [(date.fromisoformat(row.params["day"]), row.params["step"]) for row in rows]


def periods(bench: Workbench) -> list[tuple[date, date]]:
    with bench.db.read() as session:
        return [tuple(row) for row in session.execute(select(Draw.period_from, Draw.period_to).order_by(Draw.id))]


def test_a_night_is_done_once_step_by_step(any_bench: Workbench, tmp_path: Path) -> None:
    bench, clock = any_bench, Clock()
    world.plan(bench)
    world.take_in(bench, world.day_file(tmp_path, MONDAY), START)
    switch_on(bench)
    worker = Worker(bench, clock)
    assert worker.run_waiting() == 0, "nothing is owed for the night before it was switched on"
    clock.now += DAY
    assert worker.run_waiting() == len(SHIFT)
    assert worker.run_waiting() == 0
    assert done(bench) == [(MONDAY + DAY, step) for step in SHIFT]
    states = {one.schedule.step: one for one in nights.states(bench, SYSTEM, now=clock.now)}
    assert {states[step].latest.state for step in SHIFT} == {"done"}  # type: ignore[union-attr]
    assert periods(bench) == [(MONDAY, MONDAY)]
    assert [name for name, _ in backup.listing(bench, SYSTEM)] == ["night-20260303"]
    notes = [str(note.words()) for job in nights.history(bench, SYSTEM) if job.result for note in job.result.notes]
    assert "夜间: 2026-03-02 – 2026-03-02 published" in notes


def test_missed_nights_are_made_up_in_order_and_the_backup_once(bench: Workbench, tmp_path: Path) -> None:
    clock = Clock()
    world.plan(bench)
    switch_on(bench)
    for n in range(3):
        world.take_in(bench, world.day_file(tmp_path, MONDAY + n * DAY), START + n * DAY)
    clock.now = START + 3 * DAY
    Worker(bench, clock).run_waiting()
    made_up = [(MONDAY + n * DAY, step) for n in (1, 2) for step in ("screening", "draws")]
    assert done(bench) == [*made_up, *((MONDAY + 3 * DAY, step) for step in SHIFT)]
    assert periods(bench) == [(MONDAY + n * DAY, MONDAY + n * DAY) for n in range(3)]


def test_three_servers_do_each_step_once(any_bench: Workbench, tmp_path: Path) -> None:
    bench, clock = any_bench, Clock(START + 2 * DAY)
    world.plan(bench)
    world.take_in(bench, world.day_file(tmp_path, MONDAY), START)
    switch_on(bench)
    workers = [Worker(bench, clock) for _ in range(3)]
    failed: list[BaseException] = []

    def work(worker: Worker) -> None:
        try:
            for _ in range(12):
                worker.run_waiting()
        except BaseException as problem:
            failed.append(problem)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    Worker(bench, clock).run_waiting()
    found = done(bench)
    assert sorted(found) == sorted(set(found))
    assert set(found) == {(MONDAY + DAY, s) for s in ("screening", "draws")} | {(MONDAY + 2 * DAY, s) for s in SHIFT}
    assert periods(bench) == [(MONDAY, MONDAY)]
    with bench.db.read() as session:
        assert set(session.scalars(select(Job.state))) == {"done"}


def test_a_failed_step_holds_up_only_what_needs_it(bench: Workbench, tmp_path: Path) -> None:
    clock = Clock()
    world.plan(bench)
    world.take_in(bench, world.day_file(tmp_path, MONDAY), START)
    switch_on(bench)
    clock.now += DAY
    assert nights.ask_due(bench, clock.now)
    taken = record.take(bench, "one that fails", clock.now)
    assert taken is not None
    assert record.fail(bench, taken, clock.now, Conflict("broken"))
    Worker(bench, clock).run_waiting()
    states = {one.schedule.step: one.latest for one in nights.states(bench, SYSTEM, now=clock.now)}
    assert {step: job.state for step, job in states.items() if job} == {
        "screening": "failed", "draws": "failed", "backup": "done", "compaction": "done",
    }  # fmt: skip
    assert "“Screen” was not done" in str(states["draws"].error)  # type: ignore[union-attr]
    assert periods(bench) == []
    clock.now += DAY
    Worker(bench, clock).run_waiting()
    assert periods(bench) == [(MONDAY, MONDAY)], "the next night draws what was left"


def test_a_step_whose_server_died_is_taken_up_and_is_still_one(any_bench: Workbench, tmp_path: Path) -> None:
    bench, clock = any_bench, Clock()
    world.plan(bench)
    world.take_in(bench, world.day_file(tmp_path, MONDAY), START)
    switch_on(bench, "draws")
    clock.now += DAY
    assert nights.ask_due(bench, clock.now)
    assert record.take(bench, "one that dies after it has published", clock.now)
    operations.drawing.draw_due(bench, now=clock.now, day=MONDAY + DAY)
    assert not nights.ask_due(bench, clock.now), "it is under way"
    clock.now += record.LEASE
    assert Worker(bench, clock).run_waiting() == 1
    assert periods(bench) == [(MONDAY, MONDAY)]
    assert done(bench) == [(MONDAY + DAY, "draws")]


def test_a_period_waits_for_its_last_day_and_an_empty_one_joins_the_next(bench: Workbench, tmp_path: Path) -> None:
    world.plan(bench)
    world.take_in(bench, world.day_file(tmp_path, MONDAY), START)
    tell = operations.drawing.draw_due(bench, now=START + 2 * DAY, day=MONDAY + 2 * DAY)
    assert periods(bench) == [(MONDAY, MONDAY)]
    assert "waits for conversations of 2026-03-03" in " ".join(str(note.words()) for note in tell.notes)
    world.take_in(bench, world.day_file(tmp_path, MONDAY + 2 * DAY), START + 3 * DAY)
    operations.drawing.draw_due(bench, now=START + 3 * DAY, day=MONDAY + 3 * DAY)
    assert periods(bench) == [(MONDAY, MONDAY), (MONDAY + DAY, MONDAY + 2 * DAY)], "no day is forgotten"


def test_a_plan_that_nobody_made_automatic_is_only_named(bench: Workbench, tmp_path: Path) -> None:
    number = world.plan(bench, automatic=False)
    world.take_in(bench, world.day_file(tmp_path, MONDAY), START)
    draws.publish(
        bench, SYSTEM, now=START + DAY, plan_id=number, period=draws.Period(MONDAY, MONDAY), nonce="by a person",
        next_seed="another seed of many characters",
    )  # fmt: skip
    tell = operations.drawing.draw_due(bench, now=START + 3 * DAY, day=MONDAY + 3 * DAY)
    assert (tell.rows, tell.problems, len(periods(bench))) == (0, 0, 1)
    assert "waits for somebody to publish it" in str(tell.notes[0].words())


def test_backups_of_the_night_rotate_and_those_of_people_stay(bench: Workbench) -> None:
    backup.backup(bench, SYSTEM, backup.own_folder(bench) / "mine", now=START)
    operations.change(bench, SYSTEM, now=START, step="backup", at="01:00", days=range(7), options={"keep": 2})
    switch_on(bench, "backup")
    clock = Clock()
    for _ in range(4):
        clock.now += DAY
        assert Worker(bench, clock).run_waiting() == 1
    names = {name for name, _ in backup.listing(bench, SYSTEM)}
    assert names == {"mine", "night-20260305", "night-20260306"}
    with bench.db.read() as session:
        gone = session.scalars(select(AuditEntry.entity_id).where(AuditEntry.action == "backup.removed")).all()
    assert list(gone) == ["night-20260303", "night-20260304"]


def test_a_step_by_hand_is_besides_the_one_that_comes_by_itself(any_bench: Workbench) -> None:
    bench, clock = any_bench, Clock()
    admin = accounts.create_user(bench, SYSTEM, now=START, login="admin", role=Role.ADMIN, display_name="管").actor
    number = nights.run_now(bench, admin, now=START, step="compaction")
    assert nights.run_now(bench, admin, now=START, step="compaction") == number, "one that waits is not asked for twice"
    Worker(bench, clock).run_waiting()
    job = jobs.get(bench, admin, number)
    assert (job.state, job.params) == ("done", NightStep("compaction", MONDAY, by_hand=True))
    assert record.state_of(bench, night_request("compaction", MONDAY)) is None


def test_schedules_are_checked_changed_and_on_record(any_bench: Workbench) -> None:
    bench = any_bench
    inspector = accounts.create_user(bench, SYSTEM, now=START, login="in", role=Role.INSPECTOR, display_name="质").actor
    for forbidden in (
        lambda: operations.schedules(bench, inspector),
        lambda: operations.pause(bench, inspector, now=START, step="backup"),
        lambda: nights.run_now(bench, inspector, now=START, step="backup"),
        lambda: nights.history(bench, inspector),
    ):
        with pytest.raises(Denied):
            forbidden()
    for wrong in (
        {"at": "25:00"},
        {"at": "1:00"},
        {"days": ()},
        {"days": (7,)},
        {"options": {"keep": 0}},
        {"options": {"x": 1}},
    ):
        with pytest.raises(Invalid):
            operations.change(bench, SYSTEM, now=START, step="backup", **{"at": "01:00", "days": (0,), **wrong})  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        operations.resume(bench, SYSTEM, now=START, step="nothing")
    for _ in range(2):  # twice is once
        operations.resume(bench, SYSTEM, now=START, step="backup")
        operations.change(bench, SYSTEM, now=START, step="backup", at="03:30", days=(4, 0), options={"keep": 3})
        operations.pause(bench, SYSTEM, now=START, step="draws")
    kept = next(one for one in operations.schedules(bench, SYSTEM) if one.step == "backup")
    assert (kept.at, kept.days, kept.options, kept.paused) == ("03:30", (0, 4), {"keep": 3}, False)
    with bench.db.read() as session:
        told = session.execute(select(AuditEntry.action, AuditEntry.facts).where(AuditEntry.entity == "schedule")).all()
    assert [action for action, _ in told] == ["schedule.resumed", "schedule.changed"]
    assert told[1].facts["changes"] == {
        "at": ["01:00", "03:30"], "on_days": [list(range(7)), [0, 4]], "keep": [7, 3],
    }  # fmt: skip


def test_a_later_time_does_not_bring_back_a_night_that_is_done(bench: Workbench) -> None:
    clock = Clock()
    switch_on(bench, "compaction")
    clock.now += DAY
    assert Worker(bench, clock).run_waiting() == 1
    operations.change(bench, SYSTEM, now=clock.now, step="compaction", at="23:00", days=range(7))
    clock.now += timedelta(hours=2)
    assert Worker(bench, clock).run_waiting() == 0


def test_a_shop_that_began_since_has_no_sheet_of_the_month_before(bench: Workbench) -> None:
    schemes.load_default(bench, SYSTEM, now=START)
    switch_on(bench, "assessments")
    Worker(bench, Clock(START + 5 * DAY)).run_waiting()
    with bench.db.read() as session:
        [job] = session.scalars(select(Job))
    assert job.state == "done"
    assert job.result["notes"][0]["msgid"] == "Nothing is known of {month} to make a sheet of"
