"""Blind readings stay blind: whoever still has to score a conversation learns nowhere how others judged it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from sqlalchemy import func, select

from qa import home
from qa.calibration import gold, rounds
from qa.desk import inspecting, queue
from qa.desk.queue import Claim
from qa.draws import receipts
from qa.errors import Conflict, NotFound
from qa.library import cases, search
from qa.library.cases import CaseText
from qa.library.search import CaseFilter
from qa.policy import Actor
from qa.redlines import board, bulk, deciding, detail, quality
from qa.redlines.board import Filter
from qa.tables import Violation
from qa.workbench import Workbench
from scoring.sheet import HitDecision, Mark, Sheet
from tests.world.desk import NOW, Kit, build

FIRST = Sheet(
    (Mark("tone", 2),), (HitDecision("R01", 1, "confirmed", "辱骂"), HitDecision("R02", 2, "confirmed", "敷衍"))
)
"""R01 was found by screening; R02 was missed and is added by hand."""
SECOND = Sheet((Mark("tone", 1),), (HitDecision("R01", 1, "cleared", "转述"),))
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def kit(any_bench: Workbench) -> Kit:
    """Inspector 0 has scored sample 0 and a case was made of it; inspector 1 still has to read it a second time."""
    kit = build(any_bench)
    kit.hit(0)
    kit.hit(1)
    kit.place(kit.samples[0], kit.inspectors[0])
    submit(kit, 0, FIRST)
    for number, title in ((0, "骂人"), (1, "另一段")):
        text = CaseText(title, "道理", "counter", (), "tone", None, "zh_CN")
        case = cases.propose(kit.bench, kit.lead, now=NOW, text=text, sample_id=kit.samples[number])
        cases.publish(kit.bench, kit.lead, now=NOW, case_id=case, version=1)
    kit.place(kit.samples[0], kit.inspectors[1], kind="double")
    return kit


def submit(kit: Kit, who: int, sheet: Sheet) -> inspecting.Submitted:
    place = queue.claim_next(kit.bench, kit.inspectors[who], now=NOW)
    assert isinstance(place, Claim)
    return inspecting.submit(
        kit.bench,
        kit.inspectors[who],
        now=NOW,
        assignment_id=place.assignment_id,
        version=place.version,
        nonce=f"nonce-{who}-{place.assignment_id}",
        sheet=sheet,
    )


def files(kit: Kit) -> dict[str, int]:
    with kit.bench.db.read() as session:
        rows = session.execute(select(Violation.conversation_key, Violation.rule_id, Violation.id))
        return {f"{chat} {rule}": id_ for chat, rule, id_ in rows}


def told(kit: Kit, reader: Actor) -> dict[str, object]:
    """All that the workbench answers a reader of this role about red lines, cases and samples."""
    bench, wanted = kit.bench, Filter()
    return {
        "list": [(row.id, row.state.value) for row in board.listing(bench, reader, wanted, now=LATER).rows],
        "since": [row.id for row in board.listing(bench, reader, replace(wanted, changed_since=NOW), now=LATER).rows],
        "total": board.listing(bench, reader, wanted, now=LATER).total.n,
        "states": {
            state.value: count.n
            for state, count in board.counts_by_state(bench, reader, wanted, now=LATER).items()
            if count.n
        },
        "overdue": board.added(board.overdue_by_state(bench, reader, wanted, now=NOW + timedelta(days=30)).values()).n,
        "choices": board.choices(bench, reader).rule_ids,
        "phrases": [board.phrases(bench, reader, rule) for rule in ("R01", "R02")],
        "changes": [change.violation_id for change in board.changes(bench, reader, since=NOW)],
        "opened": board.count_opened(bench, reader, since=NOW).n,
        "alarms": [(one.rule_id, one.reviewed, one.waiting) for one in quality.false_alarms(bench, reader)],
        "misses": [(one.rule_id, one.reviewed, one.found) for one in quality.misses(bench, reader)],
        "bulk": [
            [id_ for id_, _agent, _said in bulk.bulk_preview(bench, reader, rule_id=rule).examples]
            for rule in ("R01", "R02")
        ],
        "home": home.overview(bench, reader, now=LATER).todo["hits"],
        "cases": [hit.title for hit in search.find_cases(bench, reader, CaseFilter()).hits],
        "found": search.find_cases(bench, reader, CaseFilter("骂人")).total,
        "drawn": receipts.samples(bench, reader, kit.draw_id).filter(pl.col("finished")).height,
    }


def test_nothing_tells_a_second_reader_what_the_first_one_found(kit: Kit) -> None:
    mine, other = files(kit)["t:0 R01"], files(kit)["t:1 R01"]
    blind, sighted = told(kit, kit.inspectors[1]), told(kit, kit.inspectors[2])
    assert blind == {
        "list": [(other, "suspected")],
        "since": [other],
        "total": 1,
        "states": {"suspected": 1},
        "overdue": 1,
        "choices": ("R01",),
        "phrases": [(("滚开", 1),), ()],
        "changes": [],
        "opened": 1,
        "alarms": [("R01", 0, 1), (None, 0, 1)],
        "misses": [(None, 0, 0)],
        "bulk": [[other], []],
        "home": 1,
        "cases": ["另一段"],
        "found": 0,
        "drawn": 0,
    }
    assert {key for key, value in sighted.items() if value != blind[key]} == set(blind) - {"phrases", "bulk", "home"}
    for step in (deciding.confirm, deciding.clear):
        with pytest.raises(Conflict, match="your own queue"):
            step(kit.bench, kit.inspectors[1], now=LATER, violation_id=mine, reason="看过")
    with pytest.raises(Conflict, match="your own queue"):
        detail.case_file(kit.bench, kit.inspectors[1], mine, now=LATER)
    for case_id, hidden in ((1, True), (2, False)):
        if hidden:
            with pytest.raises(Conflict, match="your own queue"):
                cases.get(kit.bench, kit.inspectors[1], case_id)
        else:
            assert cases.get(kit.bench, kit.inspectors[1], case_id).text.title == "另一段"


def test_the_desk_of_a_second_reader_holds_only_what_screening_found(kit: Kit) -> None:
    place = queue.claim_next(kit.bench, kit.inspectors[1], now=NOW)
    assert isinstance(place, Claim)
    shown = inspecting.workspace(kit.bench, kit.inspectors[1], now=NOW, assignment_id=place.assignment_id)
    assert [hit.rule_id for hit in shown.hits] == ["R01"]
    assert [case.title for case in shown.precedents] == ["另一段"]


def test_everything_shows_once_the_own_marks_are_in(kit: Kit) -> None:
    submit(kit, 1, SECOND)
    with kit.bench.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Violation)) == 3
    assert told(kit, kit.inspectors[1]) == told(kit, kit.inspectors[2])
    assert (
        detail.case_file(kit.bench, kit.inspectors[1], files(kit)["t:0 R02"], now=LATER).row.state.value == "confirmed"
    )


def test_an_undone_inspector_decides_again_on_what_they_added(kit: Kit) -> None:
    """What I added by hand is mine to decide when I take my submission back."""
    kit.place(kit.samples[2], kit.inspectors[2])
    done = submit(kit, 2, Sheet((), (HitDecision("R02", 2, "confirmed", "敷衍"),)))
    place = inspecting.undo(kit.bench, kit.inspectors[2], now=NOW, inspection_id=done.inspection_id)
    shown = inspecting.workspace(kit.bench, kit.inspectors[2], now=NOW, assignment_id=place.assignment_id)
    assert [hit.rule_id for hit in shown.hits] == ["R02"]


def test_a_closed_round_keeps_back_what_the_reader_still_has_to_score(kit: Kit) -> None:
    people = [actor.user_id for actor in kit.inspectors]
    round_id = rounds.open_round(
        kit.bench, kit.lead, now=NOW, name="x", sample_ids=kit.samples[:2], inspector_ids=people
    ).round_id
    for sheet in (FIRST, SECOND):
        submit(kit, 0, sheet)
    rounds.close_round(kit.bench, kit.lead, now=NOW, round_id=round_id)
    found = [rounds.results(kit.bench, kit.inspectors[who], round_id=round_id) for who in (0, 1)]
    assert [([c.sample_id for c in one.conversations], one.kept_back) for one in found] == [
        (kit.samples[:2], 0),
        (kit.samples[1:2], 1),
    ]


def test_a_gold_conversation_looks_like_any_other(kit: Kit) -> None:
    """Seeded among ordinary places it comes up unannounced; desk, queue and home say nothing of it."""
    submit(kit, 1, SECOND)
    reader = kit.inspectors[2]
    for sample in kit.samples[1:]:
        kit.place(sample, reader)
    before = home.overview(kit.bench, reader, now=NOW).todo
    assert (
        gold.seed_gold(kit.bench, kit.lead, now=NOW, sample_id=kit.samples[0], inspector_ids=[reader.user_id]).places
        == 1
    )
    assert home.overview(kit.bench, reader, now=NOW).todo["samples"] == before["samples"] + 1
    assert queue.progress(kit.bench, reader, now=NOW).open == 3
    assert rounds.rounds(kit.bench, reader) == ()
    seen, shapes = [], []
    while isinstance(place := queue.claim_next(kit.bench, reader, now=NOW), Claim):
        shown = inspecting.workspace(kit.bench, reader, now=NOW, assignment_id=place.assignment_id)
        assert (shown.calibration, shown.version, shown.rubric_version_id, shown.draft) == (
            "",
            2,
            kit.rubric_version_id,
            None,
        )
        assert ("骂人" in [case.title for case in shown.precedents]) is (
            place.sample_id != kit.samples[0]
        )  # no case made of the very conversation
        hits = tuple(HitDecision(hit.rule_id, hit.seq, "cleared", "转述") for hit in shown.hits)
        done = inspecting.submit(
            kit.bench,
            reader,
            now=NOW,
            assignment_id=place.assignment_id,
            version=place.version,
            nonce=f"nonce-2-{place.assignment_id}",
            sheet=Sheet((), hits),
        )
        seen.append(place.sample_id)
        shapes.append((done.outcome.total, done.repeated))
    assert seen[0] != kit.samples[0]
    assert set(seen) == set(kit.samples)
    assert set(shapes) == {(10_000, False)}
    for round_id in range(1, 4):
        with pytest.raises(NotFound):
            rounds.results(kit.bench, reader, round_id=round_id)
    back = gold.gold_results(kit.bench, kit.lead)
    assert [(row.inspector, row.redlines_agree, row.within) for row in back.rows] == [("inspector-2", False, False)]
