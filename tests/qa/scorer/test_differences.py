"""After a submission, what the machine reads otherwise: shown to nobody before, judged by one word, and a second
reading that is blind, undone where it was not begun, and out of every figure of agreement."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DatabaseError

from qa.calibration import comparing, doubles, severities
from qa.desk import inspecting, queue
from qa.draws.evidence import agreement
from qa.errors import Conflict, NotFound
from qa.policy import SYSTEM
from qa.scorer import calibrated, differences, importing, versions
from qa.scorer.differences import INSPECTOR, MACHINE, OPEN
from qa.tables import Assignment, AuditEntry, Verdict
from qa.workbench import Workbench
from scoring.sheet import Mark, Sheet
from tests.world import archive
from tests.world.desk import NOW, Kit, build, inspect

LATER = NOW + timedelta(seconds=16)
MINE = Sheet((Mark("greeting", 0), Mark("tone", 1)))


@pytest.fixture
def kit(bench: Workbench, tmp_path: Path) -> Kit:
    return judged(bench, tmp_path)


def judged(bench: Workbench, folder: Path) -> Kit:
    """Three chats, and a machine that objects to the tone of each twice."""
    kit = build(bench)
    rows: dict[str, list[archive.Row]] = {"conversations": [], "messages": [], "signals": []}
    for n in range(3):
        rows["conversations"].append(archive.conversation(f"t:{n}", f"agent-{n}", NOW, message_count=3))
        rows["messages"] += archive.messages(
            f"t:{n}", archive.by_turns("在吗", "滚开，别问了", "哦", agent=f"agent-{n}"), NOW
        )
        rows["signals"].append({"conversation_key": f"t:{n}"})
    archive.put(bench, NOW, rows)
    path = folder / "scores.csv"
    lines = [
        f"{n},t,{criterion},{option},1"
        for n in range(3)
        for criterion, option in (("tone", 2), ("greeting", 0), ("product_facts", "cannot_tell"))
    ]
    path.write_text("conversation_id,source,criterion_id,option,evidence\n" + "\n".join(lines) + "\n", "utf-8")
    done = importing.import_scores(bench, SYSTEM, now=NOW, path=path, name="acme")
    assert done.new == 3, done.faults
    calibrated.activate(bench, SYSTEM, now=NOW, scorer=done.version)
    kit.place(kit.samples[0], kit.inspectors[0])
    return kit


def listed(kit: Kit, who: int = 0, now=LATER) -> tuple[differences.InspectionDifferences, ...]:  # type: ignore[no-untyped-def]
    found = differences.list_differences(kit.bench, kit.inspectors[who], now=now)
    waiting = differences.count_open(kit.bench, kit.inspectors[who], now=now)
    assert waiting == sum(one.open for one in found), "the home page counts what the list shows"
    return found


def say(kit: Kit, inspection: int, right: str, who: int = 0) -> int | None:
    return differences.answer(
        kit.bench, kit.inspectors[who], now=LATER, inspection_id=inspection, criterion_id="tone", right=right
    )


def test_only_differences_and_only_after_the_sheet_is_on_record(kit: Kit) -> None:
    assert listed(kit) == ()
    done = inspect(kit, 0, MINE)
    assert listed(kit, now=NOW + timedelta(seconds=14)) == (), "it can still be taken back"
    [one] = listed(kit)
    [tone] = one.differences
    assert (one.inspection_id, tone.criterion.id, tone.mark, tone.machine_mark, tone.evidence) == (
        done.inspection_id, "tone", 1, 2, (1,),
    )  # fmt: skip
    assert listed(kit, who=1) == (), "it is nobody else's"
    assert listed(kit, now=NOW + timedelta(days=15)) == ()
    versions.retire(kit.bench, SYSTEM, now=NOW, scorer="acme")
    assert listed(kit) == ()


@pytest.mark.parametrize("kind", ["double", "calibration", "gold"])
def test_what_is_compared_with_others_stays_blind(kit: Kit, kind: str) -> None:
    kit.place(kit.samples[0], kit.inspectors[1], kind=kind)
    inspect(kit, 0, MINE)
    assert listed(kit) == ()
    inspect(kit, 1, MINE)
    assert listed(kit) == listed(kit, who=1) == ()


def test_the_inspectors_word_asks_for_a_blind_reading_that_no_figure_counts(
    any_bench: Workbench, tmp_path: Path
) -> None:
    kit = judged(any_bench, tmp_path)
    done = inspect(kit, 0, MINE)
    double = say(kit, done.inspection_id, MACHINE)
    assert double is not None
    assert say(kit, done.inspection_id, MACHINE) == double, "twice is once"
    with kit.bench.db.read() as session:
        place = session.get_one(Assignment, double)
        assert (place.kind, place.sample_id, place.inspector_id == kit.inspectors[0].user_id) == (
            "double", kit.samples[0], False,
        )  # fmt: skip
        who = next(n for n, one in enumerate(kit.inspectors) if one.user_id == place.inspector_id)
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "scorer.difference_answered")).one()
        assert entry.facts["answer"] == [OPEN, MACHINE]
    inspect(kit, who, Sheet((Mark("greeting", 0), Mark("tone", 2))))
    [waiting] = doubles.disagreements(kit.bench, kit.lead)
    assert waiting.asked_for
    assert waiting.difference == 500 <= waiting.tolerance, "shown although two readings by chance would be let pass"
    assert comparing.programme(kit.bench, kit.lead, since=NOW - timedelta(days=1)).doubles == 0
    with kit.bench.db.read() as session:
        assert agreement(session, LATER) is None
        assert severities.scores(session, first=None, before=None).height == 1
        assert session.scalar(select(func.count(Verdict.id))) == 1, "no word and no second reading changes the result"
    assert [one for one in listed(kit) if one.open] == []
    [count] = differences.counted(kit.bench, kit.lead, scorer="acme")
    assert (count.criterion_id, count.machine, count.inspector) == ("tone", 1, 0)


def test_an_answer_is_taken_back_until_somebody_reads(kit: Kit) -> None:
    done = inspect(kit, 0, MINE)
    double = say(kit, done.inspection_id, MACHINE)
    say(kit, done.inspection_id, OPEN)
    with kit.bench.db.read() as session:
        assert session.get_one(Assignment, double).finished_as == "left_out"
    [one] = listed(kit)
    assert one.open == 1
    assert say(kit, done.inspection_id, INSPECTOR) is None
    again = say(kit, done.inspection_id, MACHINE)
    with kit.bench.db.read() as session:
        place = session.get_one(Assignment, again)
        assert place.finished_at is None
        who = next(n for n, one in enumerate(kit.inspectors) if one.user_id == place.inspector_id)
    assert isinstance(queue.claim_next(kit.bench, kit.inspectors[who], now=LATER), queue.Claim)
    with pytest.raises(Conflict):
        say(kit, done.inspection_id, OPEN)


def test_without_a_second_inspector_the_word_alone_is_kept(kit: Kit) -> None:
    for other in kit.inspectors[1:]:
        kit.place(kit.samples[0], other)  # both have a first reading of it, too
    done = inspect(kit, 0, MINE)
    assert say(kit, done.inspection_id, MACHINE) is None
    with pytest.raises(NotFound):
        say(kit, done.inspection_id + 1, MACHINE)


def test_a_corrected_or_undone_sheet_asks_nothing(kit: Kit) -> None:
    done = inspect(kit, 0, MINE)
    inspecting.undo(kit.bench, kit.inspectors[0], now=NOW + timedelta(seconds=5), inspection_id=done.inspection_id)
    assert listed(kit) == ()


@pytest.mark.parametrize("change", ["UPDATE scorer_differences SET answer = 'open'", "DELETE FROM scorer_differences"])
def test_an_answer_is_a_fact(kit: Kit, change: str) -> None:
    say(kit, inspect(kit, 0, MINE).inspection_id, INSPECTOR)
    with pytest.raises(DatabaseError), kit.bench.db.engine.begin() as connection:
        connection.execute(text(change))
