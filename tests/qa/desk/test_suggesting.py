"""Suggestions cite messages, are kept with what became of them, and stand nowhere that is compared with others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from qa import transcripts
from qa.desk import inspecting, queue, suggesting
from qa.desk.workspace import Workspace
from qa.errors import Denied
from qa.rubrics.stored import rubric_of
from qa.tables import Inspection
from qa.workbench import Workbench
from scoring.redline import try_rule
from scoring.redline.exchange import shipped
from scoring.sheet import Mark, Sheet
from tests.world.desk import NOW, Kit, add_samples, build, content, inspect


@pytest.fixture
def kit(every_bench: Workbench) -> Kit:
    return build(every_bench)


def opened(kit: Kit, who: int = 0) -> Workspace:
    place = queue.claim_next(kit.bench, kit.inspectors[who], now=NOW)
    assert isinstance(place, queue.Claim)
    return inspecting.workspace(kit.bench, kit.inspectors[who], now=NOW, assignment_id=place.assignment_id)


def test_the_rule_of_the_desk_passes_its_examples() -> None:
    for rule in shipped("desk.toml"):
        assert try_rule(rule) == ([], [])


def test_a_rude_chat_lacks_what_the_checks_look_for_and_each_names_its_messages(kit: Kit) -> None:
    with kit.bench.db.read() as session:
        rubric = rubric_of(session, kit.rubric_version_id)
    found = {one.criterion_id: one for one in suggesting.suggestions(transcripts.read(content(0)), rubric)}
    assert set(found) == {"greeting", "wait_apology", "invitation", "closing"}
    assert found["wait_apology"].value == 1
    assert all(one.seqs for one in found.values())
    polite = content(1)
    polite["messages"] = [
        {**polite["messages"][0]},
        {**polite["messages"][1], "text": "您好，在的", "sent_at": polite["messages"][0]["sent_at"]},
        {**polite["messages"][2], "text": "感谢您，麻烦给个评价，再见"},
    ]
    assert suggesting.suggestions(transcripts.read(polite), rubric) == ()


def test_what_was_shown_is_kept_with_what_became_of_it(kit: Kit) -> None:
    kit.place(kit.samples[0], kit.inspectors[0])
    shown = opened(kit).suggestions
    assert bool(shown) is not suggesting.held_back("t:0")
    taken = Mark("greeting", 0, evidence=(1,))
    inspect(kit, 0, Sheet((taken,), ()))
    with kit.bench.db.read() as session:
        kept = {one["criterion"]: one for one in session.scalars(select(Inspection.suggested)).one()}
    assert kept["greeting"]["agreed"]
    assert not kept["closing"]["agreed"]
    assert {one["given"] for one in kept.values()} == {bool(shown)}
    found = {one.criterion_id: one for one in suggesting.agreement(kit.bench, kit.lead, since=NOW - timedelta(days=1))}
    side = found["greeting"].shown if shown else found["greeting"].kept_back
    assert side[:2] == (1, 1)
    with pytest.raises(Denied):
        suggesting.agreement(kit.bench, kit.inspectors[0], since=NOW)


def test_none_in_doubles_gold_and_calibration_nor_beside_a_double(kit: Kit) -> None:
    for number, kind in enumerate(("double", "gold", "calibration")):
        kit.place(kit.samples[number], kit.inspectors[number], kind=kind)
        assert opened(kit, number).suggestions == ()
    kit.place(kit.samples[0], kit.inspectors[1])  # the first reading of a sample that is read twice
    assert opened(kit, 1).suggestions == ()


def test_a_criterion_that_is_switched_off_is_neither_shown_nor_counted(kit: Kit) -> None:
    add = [content(number) for number in range(3, 8)]
    kit.samples += add_samples(kit, add, 3)
    at = next(number for number in range(8) if not suggesting.held_back(f"t:{number}"))
    kit.place(kit.samples[at], kit.inspectors[0])
    suggesting.switch(kit.bench, kit.lead, now=NOW, criterion_id="greeting", on=False)
    assert "greeting" not in {one.criterion_id for one in opened(kit).suggestions}
    inspect(kit, 0, Sheet((), ()))
    with kit.bench.db.read() as session:
        kept = session.scalars(select(Inspection.suggested)).one()
    assert "greeting" not in {one["criterion"] for one in kept}
    assert "closing" in {one["criterion"] for one in kept}
    suggesting.switch(kit.bench, kit.lead, now=NOW, criterion_id="greeting", on=True)
    with kit.bench.db.read() as session:
        assert suggesting.silenced(session) == frozenset()


def test_about_a_tenth_goes_without() -> None:
    held = sum(suggesting.held_back(f"unit-{number}") for number in range(5_000))
    assert 400 < held < 600
