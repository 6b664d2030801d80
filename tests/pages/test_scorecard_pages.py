"""Rubric and calibration pages as their readers use them, in both languages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from pages.kit import dialogs
from pages.screens.rubrics.criterion import CriterionPlace
from qa.calibration import doubles, references, rounds
from qa.desk import inspecting, queue
from qa.desk.queue import Claim
from qa.people import accounts
from qa.policy import SYSTEM
from qa.rubrics import versions
from qa.workbench import Workbench
from scoring.label import Label
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


def drafted(page_bench: Workbench, open_page: OpenPage, language: str = "en") -> tuple[int, AppTest]:
    """The page on a fresh draft of the default scorecard."""
    versions.load_default(page_bench, SYSTEM, now=NOW)
    at = open_page("lead", "rubrics.py", language=language)
    at.button(key="start_draft").click().run()
    assert not at.exception
    draft = next(view for view in versions.history(page_bench, SYSTEM) if view.state == "draft")
    at = open_page("lead", "rubrics.py", language=language, query={"version": "default v2"})
    assert not at.exception
    return draft.id, at


def opened(at: AppTest, page_bench: Workbench, draft: int, row: int | None) -> AppTest:
    """The form of a criterion of the first dimension, as a click on its row opens it; None: of a new one."""
    if row is None:
        return at.button(key="add_criterion_0").click().run()
    rubric = at.session_state["rubric_work"].rubric
    known = rubric.dimensions[0].criteria[row]
    values = {"zh": known.label.zh, "en": known.label.en, "kind": known.kind.value, "points": known.points / 100,
              "each": known.each / 100, "na": known.allow_na, "help_zh": "", "help_en": "", "levels": 2}  # fmt: skip
    for name, value in values.items():
        at.session_state[f"criterion_{name}"] = value
    at.session_state[dialogs._OPEN], at.session_state[dialogs._BESIDE] = "criterion", CriterionPlace(0, row)
    return at.run()


def test_a_lead_drafts_edits_and_publishes(open_page: OpenPage, page_bench: Workbench) -> None:
    draft, at = drafted(page_bench, open_page)
    at.number_input(key="rubric_pass").set_value(85.0).run()
    assert not at.exception
    assert versions.get(page_bench, SYSTEM, draft).rubric.pass_line == 8_000  # shown before it is saved
    assert at.dataframe[0].value.to_dict("records") == [
        {"What": "Rubric", "Change": "changed", "Field": "Pass line", "Before": "80", "After": "85"}
    ]
    assert at.button(key="ask_publish").disabled
    at.button(key="save_draft").click().run()
    assert versions.get(page_bench, SYSTEM, draft).rubric.pass_line == 8_500
    at.button(key="ask_publish").click().run()
    at.button(key="publish_draft").click().run()
    assert not at.exception
    shown = versions.current(page_bench, SYSTEM)
    assert shown is not None
    assert (shown.id, shown.rubric.pass_line) == (draft, 8_500)


@LANGUAGES
def test_a_criterion_is_added_in_one_language_with_an_id_made_for_it(
    open_page: OpenPage, page_bench: Workbench, language: str
) -> None:
    draft, at = drafted(page_bench, open_page, language)
    at = opened(at, page_bench, draft, None)
    assert not at.exception
    assert at.button(key="criterion_take").disabled  # no name, no points: said below the fields
    at.text_input(key="criterion_zh").set_value("耐心").run()
    at.number_input(key="criterion_points").set_value(2.0).run()
    assert any("32" in node.value for node in at.caption)  # the sum as one types
    at.button(key="criterion_take").click().run()
    assert not at.exception
    assert "32" in at.warning[0].value
    at.button(key="save_draft").click().run()
    added = versions.get(page_bench, SYSTEM, draft).rubric.dimensions[0].criteria[-1]
    assert (added.id, added.label, added.points) == ("criterion_1", Label("耐心", ""), 200)


def test_a_criterion_is_changed_moved_and_removed(open_page: OpenPage, page_bench: Workbench) -> None:
    draft, at = drafted(page_bench, open_page)
    first = [one.id for one in at.session_state["rubric_work"].rubric.dimensions[0].criteria]
    at = opened(at, page_bench, draft, 0)
    at.button(key="criterion_move_1").click().run()
    assert not at.exception
    now = [one.id for one in at.session_state["rubric_work"].rubric.dimensions[0].criteria]
    assert now[:2] == [first[1], first[0]]
    at = opened(at, page_bench, draft, 0)
    at.button(key="criterion_remove").click().run()
    assert not at.exception
    assert first[1] not in [one.id for one in at.session_state["rubric_work"].rubric.dimensions[0].criteria]
    at.button(key="forget_changes").click().run()
    assert [one.id for one in at.session_state["rubric_work"].rubric.dimensions[0].criteria] == first


def test_the_text_of_a_draft_is_checked_before_it_is_used(open_page: OpenPage, page_bench: Workbench) -> None:
    _draft, at = drafted(page_bench, open_page)
    text = at.text_area(key="rubric_text").value
    at.text_area(key="rubric_text").set_value("nonsense =").run()
    at.button(key="use_text").click().run()
    assert not at.exception
    assert "TOML" in at.warning[0].value
    at.text_area(key="rubric_text").set_value(text.replace("pass_line = 80", "pass_line = 70")).run()
    at.button(key="use_text").click().run()
    assert not at.exception
    assert at.session_state["rubric_work"].rubric.pass_line == 7_000


def test_a_discarded_draft_leads_back_to_the_version_in_use(open_page: OpenPage, page_bench: Workbench) -> None:
    versions.load_default(page_bench, SYSTEM, now=NOW)
    at = open_page("lead", "rubrics.py")
    at.button(key="start_draft").click().run()
    at.button(key="discard_draft").click().run()
    assert not at.exception
    assert [view.state for view in versions.history(page_bench, SYSTEM)] == ["published"] * 3
    assert any(button.key == "start_draft" for button in at.button)


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
