"""Rubric and calibration pages as their readers use them, in both languages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from pages.screens.rubrics.editor import parse_levels
from qa.calibration import doubles, references, rounds
from qa.desk import inspecting, queue
from qa.desk.queue import Claim
from qa.errors import Invalid
from qa.people import accounts
from qa.policy import SYSTEM
from qa.rubrics import versions
from qa.workbench import Workbench
from scoring.label import Label
from scoring.rubric import Level
from scoring.sheet import HitDecision, Mark, Sheet
from tests.world.desk import NOW, Kit, build

OpenPage = Callable[..., AppTest]
LANGUAGES = pytest.mark.parametrize("language", ["en", "zh_CN"])


@LANGUAGES
def test_an_empty_rubric_page_loads_the_default(open_page: OpenPage, page_bench: Workbench, language: str) -> None:
    at = open_page("lead", "rubrics.py", language=language)
    assert not at.exception
    at.button(key="load_default").click().run()
    assert not at.exception
    assert {view.rubric.sources for view in versions.history(page_bench, SYSTEM)} == {(), ("dispute",), ("rating",)}


@LANGUAGES
@pytest.mark.parametrize("reader", ["agent", "inspector", "admin", "lead"])
def test_everybody_reads_the_rubric(open_page: OpenPage, page_bench: Workbench, reader: str, language: str) -> None:
    versions.load_default(page_bench, SYSTEM, now=NOW)
    at = open_page(reader, "rubrics.py", language=language)
    assert not at.exception
    assert any(button.key == "start_draft" for button in at.button) is (reader == "lead")


def test_a_lead_drafts_edits_and_publishes(open_page: OpenPage, page_bench: Workbench) -> None:
    first = versions.load_default(page_bench, SYSTEM, now=NOW)
    at = open_page("lead", "rubrics.py")
    at.button(key="start_draft").click().run()
    assert not at.exception
    draft = next(view for view in versions.history(page_bench, SYSTEM) if view.state == "draft")
    at = open_page("lead", "rubrics.py", query={"version": "default v2"})
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
    assert versions.get(page_bench, SYSTEM, draft.id).rubric.pass_line == 8_500
    at.button(key="publish_draft").click().run()
    assert not at.exception
    shown = versions.current(page_bench, SYSTEM)
    assert shown is not None
    assert (shown.id, shown.rubric.pass_line) == (draft.id, 8_500)
    assert versions.changes(page_bench, SYSTEM, old_id=first, new_id=draft.id)[0].field == "pass_line"


def test_a_discarded_draft_leads_back_to_the_version_in_use(open_page: OpenPage, page_bench: Workbench) -> None:
    versions.load_default(page_bench, SYSTEM, now=NOW)
    at = open_page("lead", "rubrics.py")
    at.button(key="start_draft").click().run()
    at.button(key="discard_draft").click().run()
    assert not at.exception
    assert [view.state for view in versions.history(page_bench, SYSTEM)] == ["published"] * 3
    assert any(button.key == "start_draft" for button in at.button)


def test_levels_as_people_type_them() -> None:
    assert parse_levels("0 = 差 / poor；4.5＝好／good") == (
        Level(0, Label("差", "poor")),
        Level(450, Label("好", "good")),
    )
    with pytest.raises(Invalid, match="worst"):
        parse_levels("worst")


def _inspect(kit: Kit, who: int, sheet: Sheet, now: datetime) -> None:
    place = queue.claim_next(kit.bench, kit.inspectors[who], now=now)
    assert isinstance(place, Claim)
    inspecting.submit(
        kit.bench,
        kit.inspectors[who],
        now=now,
        assignment_id=place.assignment_id,
        version=place.version,
        nonce=f"nonce-{who}-{place.assignment_id}",
        sheet=sheet,
        active_seconds=60,
    )


@LANGUAGES
@pytest.mark.parametrize("section", ["rounds", "doubles", "agreement", "pace"])
@pytest.mark.parametrize("full", [False, True])
def test_every_section_of_calibration_opens_empty_and_full(
    open_page: OpenPage, page_bench: Workbench, section: str, language: str, full: bool
) -> None:
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
    round_id = rounds.open_round(
        bench, kit.lead, now=now, name="三月", sample_ids=kit.samples, inspector_ids=[i.user_id for i in kit.inspectors]
    ).round_id
    for who in range(3):
        for marks in ((), (Mark("tone", who % 3),), (Mark("product_facts", who % 2),)):
            _inspect(kit, who, Sheet(marks), now)
    rounds.close_round(bench, kit.lead, now=now, round_id=round_id)
    kit.place(kit.samples[0], kit.inspectors[0])
    kit.place(kit.samples[0], kit.inspectors[1], kind="double")
    _inspect(kit, 0, Sheet(), now)
    _inspect(kit, 1, Sheet((Mark("tone", 2), Mark("product_facts", 1))), now)
    return kit


def test_an_inspector_sees_rounds_only(open_page: OpenPage, page_bench: Workbench) -> None:
    at = open_page("inspector", "calibration.py")
    assert not at.exception
    assert not at.segmented_control


@LANGUAGES
def test_a_lead_decides_a_double_and_takes_it_back(open_page: OpenPage, page_bench: Workbench, language: str) -> None:
    open_page("lead", "home.py")
    kit = _fill(page_bench)
    lead = accounts.find(page_bench, SYSTEM, login="lead").actor
    at = open_page("lead", "calibration.py", language=language, query={"section": "doubles"})
    send = lambda: next(button for button in at.button if "resolve" in button.key).click().run()  # noqa: E731
    at.selectbox(key="double_tone_0").set_value("second")
    at.selectbox(key="double_product_facts_0").set_value("1")
    at.text_area(key="double_reason_0").set_value("对照原文")
    send()
    assert "product_facts" not in at.warning[0].value  # by its name, not its id
    assert doubles.comparison(page_bench, lead, sample_id=kit.samples[0]).resolution is None
    at.text_input(key="double_why_product_facts_0").set_value("价格有误")
    send()
    assert not at.exception
    assert at.success
    done = doubles.comparison(page_bench, lead, sample_id=kit.samples[0]).resolution
    assert done is not None
    assert (done.total, done.reason, done.may_take_back) == (8_000, "对照原文", True)
    assert [mark["note"] for mark in (kit.verdicts(kit.samples[0])[-1].sheet or {})["marks"]] == ["", "价格有误"]
    at.toggle(key="double_decided").set_value(True).run()
    at.button(key="double_back").click().run()
    assert not at.exception
    assert doubles.comparison(page_bench, lead, sample_id=kit.samples[0]).resolution is None


@LANGUAGES
def test_a_lead_scores_the_reference_of_a_round(open_page: OpenPage, page_bench: Workbench, language: str) -> None:
    open_page("lead", "home.py")
    kit = build(page_bench, prefix="kit-")
    kit.hit(0)
    round_id = rounds.open_round(
        page_bench,
        kit.lead,
        now=NOW,
        name="三月",
        sample_ids=kit.samples,
        inspector_ids=[i.user_id for i in kit.inspectors],
    ).round_id
    at = open_page("lead", "calibration.py", language=language)
    save = lambda: next(button for button in at.button if "reference" in button.key).click().run()  # noqa: E731
    at.selectbox(key="reference_sample").set_value(kit.samples[0]).run()
    at.selectbox(key="ref_tone").set_value("1")
    at.text_input(key="ref_note_tone").set_value("生硬")
    save()
    assert "R01" in at.warning[0].value  # found by screening, not decided yet
    at.radio(key="ref_rule_R01").set_value("cleared")
    at.text_input(key="ref_reason_R01").set_value("转述")
    save()
    assert not at.exception
    assert at.success
    given = references.reference_form(page_bench, kit.lead, round_id=round_id, sample_id=kit.samples[0]).sheet
    assert given == Sheet((Mark("tone", 1, note="生硬"),), (HitDecision("R01", 1, "cleared", "转述"),))
    at.selectbox(key="reference_sample").set_value(kit.samples[1]).run()
    assert at.selectbox(key="ref_tone").value == "0"  # another conversation starts from nothing
    at.selectbox(key="reference_sample").set_value(kit.samples[0]).run()
    assert (at.selectbox(key="ref_tone").value, at.text_input(key="ref_note_tone").value) == ("1", "生硬")
