"""Rubric and calibration pages as their readers use them, in both languages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from pages.kit.rubric.editor import parse_levels
from qa import calibrating, inspecting, queue, rubrics
from qa.errors import Invalid
from qa.policy import SYSTEM
from qa.queue import Claim
from qa.workbench import Workbench
from scoring.label import Label
from scoring.rubric import Level
from scoring.sheet import Mark, Sheet
from tests.qa.desk_kit import NOW, Kit, build

OpenPage = Callable[..., AppTest]
LANGUAGES = pytest.mark.parametrize("language", ["en", "zh_CN"])


@LANGUAGES
def test_an_empty_rubric_page_loads_the_default(open_page: OpenPage, page_bench: Workbench, language: str) -> None:
    at = open_page("lead", "rubric.py", language=language)
    assert not at.exception
    at.button(key="load_default").click().run()
    assert not at.exception
    assert len(rubrics.history(page_bench, SYSTEM)) == 1


@LANGUAGES
@pytest.mark.parametrize("reader", ["agent", "inspector", "admin", "lead"])
def test_everybody_reads_the_rubric(open_page: OpenPage, page_bench: Workbench, reader: str, language: str) -> None:
    rubrics.load_default(page_bench, SYSTEM, now=NOW)
    at = open_page(reader, "rubric.py", language=language)
    assert not at.exception
    assert any(button.key == "start_draft" for button in at.button) is (reader == "lead")


def test_a_lead_drafts_edits_and_publishes(open_page: OpenPage, page_bench: Workbench) -> None:
    first = rubrics.load_default(page_bench, SYSTEM, now=NOW)
    at = open_page("lead", "rubric.py")
    at.button(key="start_draft").click().run()
    assert not at.exception
    draft = next(view for view in rubrics.history(page_bench, SYSTEM) if view.state == "draft")
    at = open_page("lead", "rubric.py", query={"version": "default v2"})
    assert not at.exception
    key = draft.content_hash[:8]
    at.number_input(key=f"worth_{key}_0").set_value(31.0).run()
    assert "31" in at.warning[0].value  # live: criteria add up to 30, not 31
    assert next(b for b in at.button if b.key == "publish_draft").disabled or at.warning
    at.number_input(key=f"worth_{key}_0").set_value(30.0).run()
    at.number_input(key=f"pass_{key}").set_value(85.0).run()
    assert not at.warning
    at.button(key="save_draft").click().run()
    assert not at.exception
    assert rubrics.get(page_bench, SYSTEM, draft.id).rubric.pass_line == 8_500
    at.button(key="publish_draft").click().run()
    assert not at.exception
    shown = rubrics.current(page_bench, SYSTEM)
    assert shown is not None
    assert (shown.id, shown.rubric.pass_line) == (draft.id, 8_500)
    assert rubrics.changes(page_bench, SYSTEM, old_id=first, new_id=draft.id)[0].field == "pass_line"


def test_a_discarded_draft_leads_back_to_the_version_in_use(open_page: OpenPage, page_bench: Workbench) -> None:
    rubrics.load_default(page_bench, SYSTEM, now=NOW)
    at = open_page("lead", "rubric.py")
    at.button(key="start_draft").click().run()
    at.button(key="discard_draft").click().run()
    assert not at.exception
    assert [view.state for view in rubrics.history(page_bench, SYSTEM)] == ["published"]
    assert any(button.key == "start_draft" for button in at.button)


def test_levels_as_people_type_them() -> None:
    assert parse_levels("0 = 差 / poor；4.5＝好／good") == (Level(0, Label("差", "poor")), Level(450, Label("好", "good")))
    with pytest.raises(Invalid, match="worst"):
        parse_levels("worst")


def _inspect(kit: Kit, who: int, sheet: Sheet, now: datetime) -> None:
    place = queue.claim_next(kit.bench, kit.inspectors[who], now=now)
    assert isinstance(place, Claim)
    inspecting.submit(kit.bench, kit.inspectors[who], now=now, assignment_id=place.assignment_id, version=place.version, nonce=f"nonce-{who}-{place.assignment_id}", sheet=sheet, active_seconds=60)


@LANGUAGES
@pytest.mark.parametrize("section", ["rounds", "doubles", "agreement", "pace"])
@pytest.mark.parametrize("full", [False, True])
def test_every_section_of_calibration_opens_empty_and_full(open_page: OpenPage, page_bench: Workbench, section: str, language: str, full: bool) -> None:
    open_page("lead", "home.py")  # the account exists before the kit names another "lead"
    if full:
        _fill(page_bench)
    at = open_page("lead", "calibration.py", language=language, query={"section": section})
    assert not at.exception
    assert not at.warning
    if full:
        assert at.dataframe or at.selectbox


def _fill(bench: Workbench) -> Kit:
    now = datetime.now(UTC) - timedelta(hours=1)
    kit = build(bench, prefix="kit-")
    round_id = calibrating.open_round(bench, kit.lead, now=now, name="三月", sample_ids=kit.samples, inspector_ids=[i.user_id for i in kit.inspectors]).round_id
    for who in range(3):
        for marks in ((), (Mark("tone", who % 3),), (Mark("product_facts", who % 2),)):
            _inspect(kit, who, Sheet(marks), now)
    calibrating.close_round(bench, kit.lead, now=now, round_id=round_id)
    kit.place(kit.samples[0], kit.inspectors[0])
    kit.place(kit.samples[0], kit.inspectors[1], kind="double")
    _inspect(kit, 0, Sheet(), now)
    _inspect(kit, 1, Sheet((Mark("tone", 2), Mark("product_facts", 1))), now)
    return kit


def test_an_inspector_sees_rounds_only(open_page: OpenPage, page_bench: Workbench) -> None:
    at = open_page("inspector", "calibration.py")
    assert not at.exception
    assert not at.segmented_control
