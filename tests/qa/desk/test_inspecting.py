"""Inspecting: submitted once or not at all, drafts that survive everything, ten seconds to change one's mind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from qa.casefiles.lifecycle import FileState
from qa.desk import inspecting, queue
from qa.desk.leases import LEASE
from qa.desk.queue import Claim
from qa.errors import Conflict, Denied, Invalid, NotFound, Stale
from qa.tables import (
    Assignment,
    AuditEntry,
    CalibrationRound,
    Draft,
    Inspection,
    Sample,
    Verdict,
    Violation,
    ViolationEvent,
)
from qa.workbench import Workbench
from scoring.sheet import HitDecision, Mark, Sheet
from tests.world.desk import NOW, Kit, add_sample, build

COLD = Sheet((Mark("tone", 1, note="冷", evidence=(1,)),))


@pytest.fixture
def kit(every_bench: Workbench) -> Kit:
    return build(every_bench)


def take(kit: Kit, who: int = 0, now=NOW) -> Claim:  # type: ignore[no-untyped-def]
    found = queue.claim_next(kit.bench, kit.inspectors[who], now=now)
    assert isinstance(found, Claim), found
    return found


def send(kit: Kit, place: Claim, who: int = 0, *, nonce: str = "nonce-0001", sheet: Sheet = COLD, now=NOW):  # type: ignore[no-untyped-def]
    return inspecting.submit(
        kit.bench,
        kit.inspectors[who],
        now=now,
        assignment_id=place.assignment_id,
        version=place.version,
        nonce=nonce,
        sheet=sheet,
        active_seconds=30,
    )


def count(kit: Kit, model: type) -> int:
    with kit.bench.db.read() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


# --- submitting -------------------------------------------------------------------------------------------------------


def test_a_submit_writes_inspection_verdict_and_audit_together(kit: Kit) -> None:
    kit.place(kit.samples[0])
    done = send(kit, take(kit))
    assert (done.outcome.total, done.repeated, done.undo_until) == (9_500, False, NOW + timedelta(seconds=10))
    (verdict,) = kit.verdicts(kit.samples[0])
    assert (verdict.kind, verdict.version, verdict.is_current, verdict.total, verdict.agent_id) == (
        "inspection",
        1,
        True,
        9_500,
        "agent-0",
    )
    with kit.bench.db.read() as session:
        actions = set(session.scalars(select(AuditEntry.action)))
        kept = session.get_one(Inspection, done.inspection_id)
    assert {"inspection.submitted", "verdict.inspection", "assignment.claimed"} <= actions
    assert (kept.total, kept.active_seconds, kept.claimed_at) == (9_500, 30, NOW)
    assert Sheet.from_dict(kept.sheet) == COLD


def test_the_same_request_again_is_the_same_answer(kit: Kit) -> None:
    kit.place(kit.samples[0])
    kit.place(kit.samples[1])
    place = take(kit)
    first = send(kit, place)
    assert take(kit).assignment_id != place.assignment_id
    for nonce in ("nonce-0001", "nonce-0002"):  # a lost answer, and a second click that made a new nonce
        again = send(kit, place, nonce=nonce)
        assert (again.inspection_id, again.outcome, again.repeated) == (first.inspection_id, first.outcome, True)
    assert (count(kit, Inspection), count(kit, Verdict)) == (1, 1)


def test_a_late_click_cannot_put_marks_on_the_next_sample(kit: Kit) -> None:
    first, second = kit.place(kit.samples[0]), kit.place(kit.samples[1])
    send(kit, take(kit))
    following = take(kit)
    assert following.assignment_id == second
    with pytest.raises(Conflict):  # the nonce belongs to the first sample
        send(kit, following, nonce="nonce-0001")
    with pytest.raises(Conflict):  # other marks for a finished place
        inspecting.submit(
            kit.bench, kit.inspectors[0], now=NOW, assignment_id=first, version=2, nonce="nonce-0009", sheet=Sheet()
        )
    assert count(kit, Inspection) == 1


@pytest.mark.parametrize("same_nonce", [True, False])
def test_sixteen_simultaneous_submits_count_once(kit: Kit, same_nonce: bool) -> None:
    kit.place(kit.samples[0])
    place = take(kit)
    with ThreadPoolExecutor(16) as pool:
        done = list(
            pool.map(lambda n: send(kit, place, nonce="nonce-0001" if same_nonce else f"nonce-{n:04}"), range(16))
        )
    assert len({item.inspection_id for item in done}) == 1
    assert sum(not item.repeated for item in done) == 1
    assert (count(kit, Inspection), count(kit, Verdict)) == (1, 1)


def test_after_the_lease_is_lost_the_submit_is_refused_and_the_draft_kept(kit: Kit) -> None:
    kit.place(kit.samples[0])
    mine = take(kit)
    inspecting.save_draft(
        kit.bench, kit.inspectors[0], now=NOW, assignment_id=mine.assignment_id, version=0, content=COLD.to_dict()
    )
    later = NOW + LEASE + timedelta(seconds=1)
    theirs = take(kit, 1, later)
    with pytest.raises(Stale, match="colleague"):
        send(kit, mine, now=later)
    saved = inspecting.save_draft(
        kit.bench, kit.inspectors[0], now=later, assignment_id=mine.assignment_id, version=1, content={"marks": []}
    )
    assert not saved.held
    send(kit, theirs, 1, nonce="nonce-0002", now=later)
    assert count(kit, Draft) == 1
    assert [v.total for v in kit.verdicts(kit.samples[0])] == [9_500]


def test_an_expired_lease_that_nobody_took_still_submits(kit: Kit) -> None:
    kit.place(kit.samples[0])
    assert send(kit, take(kit), now=NOW + 2 * LEASE).outcome.total == 9_500


def test_a_stale_version_is_refused(kit: Kit) -> None:
    kit.place(kit.samples[0])
    place = take(kit)
    queue.release(kit.bench, kit.inspectors[0], now=NOW, assignment_id=place.assignment_id)
    take(kit)
    with pytest.raises(Stale):
        send(kit, place)
    assert count(kit, Inspection) == 0


def test_marks_are_checked_against_the_rubric_and_the_transcript(kit: Kit) -> None:
    kit.hit(0)
    kit.place(kit.samples[0])
    place = take(kit)
    for sheet, field in [
        (Sheet((Mark("nope", 1),)), "marks.nope"),
        (Sheet((Mark("tone", 9),)), "marks.tone.value"),
        (Sheet((Mark("tone", 1, evidence=(77,)),)), "marks.tone.evidence"),
        (Sheet(hits=(HitDecision("R99", 1, "cleared", "x"),)), "hits.R99"),
    ]:
        with pytest.raises(Invalid) as caught:
            send(kit, place, sheet=sheet)
        assert caught.value.facts["path"] == field
    with pytest.raises(Invalid, match="R01 was found"):
        send(kit, place)
    for hostile in ({"marks": "all"}, {"hits": [{"rule_id": 1}]}):
        with pytest.raises(Invalid):
            inspecting.submit(
                kit.bench,
                kit.inspectors[0],
                now=NOW,
                assignment_id=place.assignment_id,
                version=place.version,
                nonce="nonce-0001",
                sheet=hostile,
            )
    assert (count(kit, Inspection), count(kit, ViolationEvent)) == (0, 1)
    assert take(kit).version == place.version  # nothing was half done


def test_red_lines_are_ruled_at_the_desk(kit: Kit) -> None:
    """A confirmed finding and one the machine has missed take effect; each has a case file with this first step."""
    kit.hit(0)
    kit.place(kit.samples[0])
    sheet = Sheet(
        hits=(HitDecision("R01", 1, "cleared", "引用顾客的话"), HitDecision("R02", 2, "confirmed", "敷衍威胁"))
    )
    done = send(kit, take(kit), sheet=sheet)
    assert (done.outcome.total, done.outcome.total_without_redlines, done.outcome.redlines) == (6_000, 10_000, ("R02",))
    with kit.bench.db.read() as session:
        files = {v.rule_id: v for v in session.scalars(select(Violation))}
    assert {rule: v.state for rule, v in files.items()} == {"R01": FileState.CLEARED, "R02": FileState.CONFIRMED}
    assert files["R02"].evidence == [{"seq": 2, "start": 0, "end": 1, "matched": "哦"}]
    assert files["R01"].sample_id == kit.samples[0]


def test_nobody_scores_a_chat_of_their_own_even_when_assigned(kit: Kit) -> None:
    place = kit.place(kit.samples[0])
    claim = take(kit)
    from dataclasses import replace

    turned = replace(kit.inspectors[0], agent_id="agent-0")
    with pytest.raises(Conflict, match="took part"):
        inspecting.submit(
            kit.bench, turned, now=NOW, assignment_id=place, version=claim.version, nonce="nonce-0001", sheet=COLD
        )
    with pytest.raises(Conflict, match="took part"):
        inspecting.workspace(kit.bench, turned, now=NOW, assignment_id=place)
    assert count(kit, Inspection) == 0


def test_a_replaced_sample_takes_no_marks(kit: Kit) -> None:
    kit.place(kit.samples[0])
    place = take(kit)
    with kit.bench.db.write() as session:
        session.execute(update(Sample).values(withdrawn_at=NOW))
    with pytest.raises(Conflict, match="replaced"):
        send(kit, place)


def test_only_inspectors_submit(kit: Kit) -> None:
    place = kit.place(kit.samples[0])
    with pytest.raises(Denied):
        inspecting.submit(kit.bench, kit.agent, now=NOW, assignment_id=place, version=1, nonce="nonce-0001", sheet=COLD)
    with pytest.raises(Denied):
        inspecting.workspace(kit.bench, kit.agent, now=NOW, assignment_id=place)


# --- drafts -----------------------------------------------------------------------------------------------------------


def draft(kit: Kit, place: Claim, version: int, note: str, who: int = 0, **more):  # type: ignore[no-untyped-def]
    content = {"marks": [], "hits": [], "comment": note}
    return inspecting.save_draft(
        kit.bench,
        kit.inspectors[who],
        now=NOW,
        assignment_id=place.assignment_id,
        version=version,
        content=content,
        **more,
    )


def workspace(kit: Kit, place: Claim, who: int = 0):  # type: ignore[no-untyped-def]
    return inspecting.workspace(kit.bench, kit.inspectors[who], now=NOW, assignment_id=place.assignment_id)


def test_a_draft_comes_back(kit: Kit) -> None:
    kit.place(kit.samples[0])
    place = take(kit)
    assert workspace(kit, place).draft is None
    assert draft(kit, place, 0, "一").version == 1
    assert draft(kit, place, 1, "二").version == 2
    back = workspace(kit, place).draft
    assert back is not None
    assert (back.version, back.content["comment"], back.other) == (2, "二", None)


def test_two_windows_lose_nothing(kit: Kit) -> None:
    kit.place(kit.samples[0])
    place = take(kit)
    draft(kit, place, 0, "first window")
    clash = draft(kit, place, 0, "second window")
    assert (clash.version, clash.other["content"]["comment"]) == (2, "first window")
    back = workspace(kit, place).draft
    assert (back.content["comment"], back.other["content"]["comment"]) == ("second window", "first window")
    chosen = draft(kit, place, 2, "first window", settle=True)
    assert (chosen.version, chosen.other) == (3, None)


def test_a_repeated_autosave_is_no_conflict(kit: Kit) -> None:
    kit.place(kit.samples[0])
    place = take(kit)
    draft(kit, place, 0, "same")
    assert draft(kit, place, 0, "same") == inspecting.Saved(1, None, True)


def test_saving_renews_the_lease(kit: Kit) -> None:
    kit.place(kit.samples[0])
    place = take(kit)
    inspecting.save_draft(
        kit.bench,
        kit.inspectors[0],
        now=NOW + LEASE - timedelta(seconds=1),
        assignment_id=place.assignment_id,
        version=0,
        content={},
    )
    assert isinstance(
        queue.claim_next(kit.bench, kit.inspectors[1], now=NOW + LEASE + timedelta(seconds=1)), queue.Empty
    )


def test_a_late_autosave_does_not_bring_a_submitted_draft_back(kit: Kit) -> None:
    kit.place(kit.samples[0])
    place = take(kit)
    draft(kit, place, 0, "x")
    send(kit, place)
    with pytest.raises(Conflict):
        draft(kit, place, 1, "late")
    assert count(kit, Draft) == 0


def test_nobody_writes_into_a_place_that_was_never_theirs(kit: Kit) -> None:
    kit.place(kit.samples[0])
    place = take(kit)
    with pytest.raises(Conflict):
        draft(kit, place, 0, "x", who=1)
    with pytest.raises(NotFound):
        inspecting.save_draft(kit.bench, kit.inspectors[0], now=NOW, assignment_id=999, version=0, content={})
    with pytest.raises(Invalid):
        draft(kit, place, 0, "x" * 300_000)


# --- taking back ------------------------------------------------------------------------------------------------------


def test_undo_opens_the_place_again_with_its_marks(kit: Kit) -> None:
    kit.hit(0)
    kit.place(kit.samples[0])
    sheet = Sheet(COLD.marks, (HitDecision("R01", 1, "confirmed", "辱骂"),))
    done = send(kit, take(kit), sheet=sheet)
    assert done.outcome.total == 0
    back = inspecting.undo(
        kit.bench, kit.inspectors[0], now=NOW + timedelta(seconds=10), inspection_id=done.inspection_id
    )
    assert (
        inspecting.undo(kit.bench, kit.inspectors[0], now=NOW + timedelta(seconds=11), inspection_id=done.inspection_id)
        == back
    )
    assert [(v.kind, v.is_current) for v in kit.verdicts(kit.samples[0])] == [
        ("inspection", False),
        ("withdrawn", True),
    ]
    with kit.bench.db.read() as session:
        assert session.scalars(select(Violation.state)).all() == [FileState.SUSPECTED]
    place = take(kit)
    assert (place.assignment_id, place.version, place.resumed) == (back.assignment_id, back.version, True)
    view = workspace(kit, place)
    assert Sheet.from_dict(view.draft.content) == sheet
    again = send(
        kit,
        place,
        nonce="nonce-0002",
        sheet=COLD.__class__(COLD.marks, (HitDecision("R01", 1, "cleared", "顾客的话"),)),
    )
    assert [(v.kind, v.total, v.is_current) for v in kit.verdicts(kit.samples[0])][-1] == ("inspection", 9_500, True)
    assert again.inspection_id != done.inspection_id


def test_undo_has_its_time_and_its_owner(kit: Kit) -> None:
    kit.place(kit.samples[0])
    done = send(kit, take(kit))
    with pytest.raises(NotFound):
        inspecting.undo(kit.bench, kit.inspectors[1], now=NOW, inspection_id=done.inspection_id)
    with pytest.raises(Conflict, match="over"):
        inspecting.undo(kit.bench, kit.inspectors[0], now=NOW + timedelta(seconds=16), inspection_id=done.inspection_id)
    assert [v.kind for v in kit.verdicts(kit.samples[0])] == ["inspection"]


def test_the_nonce_of_something_taken_back_cannot_put_it_on_record_again(kit: Kit) -> None:
    kit.place(kit.samples[0])
    place = take(kit)
    done = send(kit, place)
    inspecting.undo(kit.bench, kit.inspectors[0], now=NOW, inspection_id=done.inspection_id)
    with pytest.raises(Conflict):
        send(kit, place)


# --- the workspace ----------------------------------------------------------------------------------------------------


def test_the_workspace_shows_hits_waits_rules_and_rubric(kit: Kit) -> None:
    kit.hit(0)
    kit.place(kit.samples[0])
    view = workspace(kit, take(kit))
    assert [(hit.rule_id, hit.seq, hit.start, hit.end) for hit in view.hits] == [("R01", 1, 0, 2)]
    assert view.timing.id == "taobao_3min"
    assert [(wait.seq, wait.seconds, wait.late) for wait in view.waits] == [(1, 200, True)]
    assert {rule.rule_id for rule in view.rules} == {"R01", "R02"}
    assert view.rubric.find("tone") is not None
    assert view.transcript.messages[0].text == "在吗"


def test_a_second_scoring_looks_like_any_other(kit: Kit) -> None:
    """Nothing of the first inspector's decisions, and not even that there is one, shows in the second's workspace."""
    kit.hit(0)
    sample = kit.samples[0]
    kit.place(sample, kit.inspectors[0])
    kit.place(sample, kit.inspectors[1], kind="double")
    send(kit, take(kit), sheet=Sheet(COLD.marks, (HitDecision("R01", 1, "confirmed", "辱骂"),)))
    first = workspace(kit, take(kit, 1), 1)
    assert [hit.rule_id for hit in first.hits] == ["R01"]
    assert "double" not in str({k: v for k, v in vars(first).items() if k not in ("rubric", "rules")})
    assert first.draft is None
    assert "辱骂" not in str({k: v for k, v in vars(first).items() if k not in ("rubric", "rules")})


def test_a_double_leaves_the_verdict_to_the_first(kit: Kit) -> None:
    sample = kit.samples[0]
    kit.place(sample, kit.inspectors[0])
    kit.place(sample, kit.inspectors[1], kind="double")
    send(kit, take(kit, 1), 1, nonce="nonce-0002", sheet=Sheet((Mark("tone", 2),)))
    assert kit.verdicts(sample) == []
    send(kit, take(kit))
    assert [v.total for v in kit.verdicts(sample)] == [9_500]


def test_calibration_and_gold_make_no_verdict_and_no_case_file(kit: Kit) -> None:
    kit.hit(0)
    with kit.bench.db.write() as session:
        session.add(
            CalibrationRound(id=1, name="三月", rubric_version_id=kit.rubric_version_id, opened_at=NOW, reference={})
        )
        session.flush()
        session.execute(update(Assignment).values(round_id=1))
    for kind in ("calibration", "gold"):
        place = kit.place(kit.samples[0], kit.inspectors[0], kind=kind)
        with kit.bench.db.write() as session:
            session.execute(update(Assignment).where(Assignment.id == place).values(round_id=1))
        found = take(kit)
        assert workspace(kit, found).calibration == ("三月" if kind == "calibration" else "")
        send(kit, found, nonce=f"nonce-{kind}", sheet=Sheet(COLD.marks, (HitDecision("R01", 1, "confirmed", "x"),)))
    assert kit.verdicts(kit.samples[0]) == []
    with kit.bench.db.read() as session:
        assert session.scalars(select(Violation.state)).all() == [FileState.SUSPECTED]


# --- a server that dies -----------------------------------------------------------------------------------------------

VICTIM = textwrap.dedent("""
    import sys, time
    from datetime import UTC, datetime
    from pathlib import Path
    from sqlalchemy import event
    from qa.desk import inspecting
    from qa.desk import queue
    from qa.config import Config
    from qa.policy import Actor, Role
    from qa.workbench import Workbench
    from scoring.sheet import Mark, Sheet

    url, home, user, stop = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    bench = Workbench.open(Config(home=home, database_url=url))
    me = Actor(user, Role.INSPECTOR, "victim")
    now = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
    place = queue.claim_next(bench, me, now=now)
    statements = 0

    @event.listens_for(bench.db.engine, "after_cursor_execute")
    def hang(*_):
        global statements
        statements += 1
        if statements == stop:
            print("here", flush=True)
            time.sleep(60)

    sheet = Sheet((Mark("tone", 1),))
    held = {"assignment_id": place.assignment_id, "version": place.version}
    inspecting.submit(bench, me, now=now, nonce="nonce-0001", sheet=sheet, **held)
    print("done", statements, flush=True)
    """)


def test_a_server_killed_between_any_two_statements_leaves_all_or_nothing(kit: Kit, tmp_path: Path) -> None:
    """SIGKILL in the middle of a submit, at several places: afterwards the retry puts exactly one result on record."""
    database_url = kit.bench.db.url.render_as_string(hide_password=False)
    for number, stop in enumerate((2, 4, 6, 8, 400)):
        sample = add_sample(kit, 10 + number)
        kit.place(sample, kit.inspectors[0])
        victim = subprocess.Popen(
            [sys.executable, "-c", VICTIM, database_url, str(tmp_path), str(kit.inspectors[0].user_id), str(stop)],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )  # fmt: skip
        assert victim.stdout is not None
        said = victim.stdout.readline().split()
        if said[0] == "here":
            victim.send_signal(signal.SIGKILL)
        victim.wait()
        before = len(kit.verdicts(sample))
        assert before == (1 if said[0] == "done" else 0)
        with kit.bench.db.read() as session:
            place = session.scalars(select(Assignment).where(Assignment.sample_id == sample)).one()
        again = inspecting.submit(
            kit.bench,
            kit.inspectors[0],
            now=NOW,
            assignment_id=place.id,
            version=2,
            nonce="nonce-0001" if said[0] == "done" else f"nonce-1{stop}",
            sheet=Sheet((Mark("tone", 1),)),
        )
        assert again.repeated is (said[0] == "done")
        assert len(kit.verdicts(sample)) == 1
        with kit.bench.db.write() as session:  # the nonce of the finished run is free for no other; start clean
            assert session.scalar(select(func.count()).where(Inspection.sample_id == sample)) == 1
