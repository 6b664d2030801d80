"""The form of a plan: what nobody touches stays exactly as it is, and what is touched is recorded with its old
value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from pages.screens.draws.planning import ALL, EACH, NONE, Wish, designed, shown
from qa import draws
from qa.draws import PlanDesign, SourceQuota
from qa.errors import Invalid, Stale
from qa.jobs import Worker
from qa.policy import SYSTEM, Actor, Role
from qa.rubrics import versions
from qa.tables import Draw
from qa.upkeep import trail
from qa.workbench import Workbench
from tests.world.shop import fill

OpenPage = Callable[..., AppTest]
NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
HALF = PlanDesign(quotas=(SourceQuota("dispute", 1.0), SourceQuota("rating", 0.5)), double_share=0.125, pool_share=0.07)

per_agent = st.one_of(st.none(), st.floats(0, 500, allow_subnormal=False))
designs = st.builds(
    PlanDesign,
    quotas=st.lists(st.sampled_from(["chat", "dispute", "rating"]), unique=True).flatmap(
        lambda sources: st.tuples(*(st.builds(SourceQuota, st.just(source), per_agent) for source in sources))
    ),
    teams=st.sampled_from([(), ("presale",), ("long gone", "presale")]),
    shops=st.sampled_from([(), ("B", "A")]),
    channels=st.sampled_from([(), ("phone",)]),
    rating_max=st.integers(1, 5),
    pool_share=st.one_of(st.none(), st.floats(0, 0.4)),
    double_share=st.floats(0, 1),
    inspectors=st.sampled_from([(), (3, 2), (99,)]),
    adapt=st.booleans(),
    cadence=st.sampled_from(["", "week", "month"]),
    intensity=st.sampled_from([(), (("amy", "all"),)]),
)


@given(designs)
def test_an_untouched_form_changes_nothing(design: PlanDesign) -> None:
    assert designed(design, shown(design)) == design


@given(designs, st.floats(0.5, 500), st.sampled_from(["chat", "dispute", "rating"]))
def test_one_quota_changes_and_nothing_else(design: PlanDesign, wanted: float, source: str) -> None:
    answers = shown(design)
    made = designed(design, replace(answers, wishes={**answers.wishes, source: Wish(EACH, wanted)}))
    others = [quota for quota in design.quotas if quota.source != source]
    assert [quota for quota in made.quotas if quota.source != source] == others
    assert SourceQuota(source, wanted) in made.quotas
    assert replace(made, quotas=()) == replace(design, quotas=())


def test_all_none_and_zero() -> None:
    answers = shown(PlanDesign(quotas=(SourceQuota("chat", 5.0),)))
    wishes = {"chat": Wish(EACH, 0.0), "dispute": Wish(ALL, 2.0), "rating": Wish(NONE, 2.0)}
    assert designed(PlanDesign(), replace(answers, wishes=wishes)).quotas == (SourceQuota("dispute", None),)


@pytest.fixture
def shop(page_bench: Workbench) -> Workbench:
    fill(page_bench)
    return page_bench


def _plan(bench: Workbench, name: str, design: PlanDesign) -> draws.PlanView:
    return draws.create_plan(bench, SYSTEM, now=NOW, name=name, design=design, seed="a-seed-of-sixteen-characters")


def _entries(bench: Workbench) -> list[trail.TrailEntry]:
    return list(trail.entries(bench, Actor(0, Role.ADMIN, "a"), action="plan.changed").entries)


def _save(at: AppTest) -> AppTest:
    next(button for button in at.button if button.label == "Save").click().run()
    assert not at.exception
    return at


def test_saved_without_a_change_the_plan_is_the_same(open_page: OpenPage, shop: Workbench) -> None:
    plan = _plan(shop, "October", HALF)
    at = open_page("boss", "draws.py", role=Role.LEAD)
    at.button(key="open_edit_plan").click().run()
    assert at.number_input(key=f"edit{plan.id}_rating_number").value == 0.5
    _save(at)
    assert draws.get_plan(shop, SYSTEM, plan.id).design == HALF
    assert not _entries(shop)
    assert not any(button.label == "Save" for button in at.button)  # closed by success


def test_a_changed_number_is_stored_and_told_with_the_old_one(open_page: OpenPage, shop: Workbench) -> None:
    plan = _plan(shop, "October", HALF)
    at = open_page("boss", "draws.py", role=Role.LEAD)
    at.button(key="open_edit_plan").click().run()
    at.number_input(key=f"edit{plan.id}_rating_number").set_value(1.5)
    _save(at)
    assert draws.get_plan(shop, SYSTEM, plan.id).design == replace(
        HALF, quotas=(SourceQuota("dispute", 1.0), SourceQuota("rating", 1.5))
    )
    [entry] = _entries(shop)
    assert entry.facts["changes"] == {"quota_rating": [0.5, 1.5]}
    told = (
        open_page("root", "admin.py", role=Role.ADMIN, language="zh_CN", query={"section": "audit"}).dataframe[0].value
    )
    assert any("每人低分评价数：0.5 → 1.5" in facts for facts in told.iloc[:, -1])


def test_the_form_of_another_plan_holds_that_plan(open_page: OpenPage, shop: Workbench) -> None:
    first, second = _plan(shop, "October", HALF), _plan(shop, "Chats", PlanDesign(quotas=(SourceQuota("chat", 3.0),)))
    at = open_page("boss", "draws.py", role=Role.LEAD)
    at.button(key="open_edit_plan").click().run()
    at.number_input(key=f"edit{second.id}_chat_number").set_value(4.0)
    _save(at)
    at.radio(key="pick_plan").set_value(str(first.id)).run()
    at.button(key="open_edit_plan").click().run()
    _save(at)
    assert draws.get_plan(shop, SYSTEM, first.id).design == HALF
    assert draws.get_plan(shop, SYSTEM, second.id).design.quotas == (SourceQuota("chat", 4.0),)


def test_what_somebody_else_saved_meanwhile_is_not_overwritten(open_page: OpenPage, shop: Workbench) -> None:
    plan = _plan(shop, "October", HALF)
    at = open_page("boss", "draws.py", role=Role.LEAD)
    at.button(key="open_edit_plan").click().run()
    other = replace(HALF, teams=("presale",))
    draws.edit_plan(shop, SYSTEM, now=NOW, plan_id=plan.id, name=plan.name, design=other)
    _save(at)
    assert "meanwhile" in at.warning[0].value
    assert draws.get_plan(shop, SYSTEM, plan.id).design == other
    with pytest.raises(Stale):
        draws.edit_plan(shop, SYSTEM, now=NOW, plan_id=plan.id, name=plan.name, design=HALF, seen=HALF)


def _second_version(bench: Workbench) -> int:
    first = versions.current(bench, SYSTEM)
    assert first is not None
    draft = versions.start_draft(bench, SYSTEM, now=NOW, rubric=replace(first.rubric, pass_line=8_500))
    versions.publish(
        bench, SYSTEM, now=NOW, version_id=draft, seen_hash=versions.get(bench, SYSTEM, draft).content_hash
    )
    return draft


def test_a_newer_rubric_version_reaches_a_plan(open_page: OpenPage, shop: Workbench) -> None:
    plan = _plan(shop, "October", HALF)
    newest = _second_version(shop)
    assert plan.rubric_version_id != newest
    at = open_page("boss", "draws.py", role=Role.LEAD)
    at.button(key="open_edit_plan").click().run()
    for source in ("chat", "dispute", "rating"):
        at.selectbox(key=f"edit{plan.id}_rubric_{source}").set_value(newest)
    _save(at)
    assert draws.get_plan(shop, SYSTEM, plan.id).rubric_version_id == newest
    assert _entries(shop)[0].facts["changes"] == {"rubric_version": [plan.rubric_version_id, newest]}


def test_a_source_gets_a_rubric_of_its_own_and_the_others_stay(open_page: OpenPage, shop: Workbench) -> None:
    plan = _plan(shop, "October", HALF)
    assert versions.load_missing(shop, SYSTEM, now=NOW) == 2
    card = versions.current(shop, SYSTEM, "dispute")
    assert card is not None
    assert card.rubric_id == "disputes"
    at = open_page("boss", "draws.py", role=Role.LEAD)
    at.button(key="open_edit_plan").click().run()
    at.selectbox(key=f"edit{plan.id}_rubric_dispute").set_value(card.id)
    _save(at)
    design = draws.get_plan(shop, SYSTEM, plan.id).design
    assert design == replace(HALF, rubrics=(("dispute", card.id),))
    assert _entries(shop)[0].facts["changes"] == {"rubric_dispute": [None, card.id]}
    chats = replace(HALF, quotas=(SourceQuota("chat", 1.0),), rubrics=(("chat", card.id),))
    with pytest.raises(Invalid, match="not made for them"):
        draws.edit_plan(shop, SYSTEM, now=NOW, plan_id=plan.id, name="October", design=chats)


@pytest.mark.parametrize("take_it", [True, False])
def test_publishing_asks_which_version_scores(open_page: OpenPage, shop: Workbench, take_it: bool) -> None:
    plan = _plan(shop, "February", PlanDesign(quotas=(SourceQuota("chat", 2.0),), pool_share=0.0))
    newest = _second_version(shop)
    at = open_page(
        "boss", "draws.py", role=Role.LEAD, query={"plan": str(plan.id), "since": "2026-02-01", "until": "2026-02-28"}
    )
    at.button(key="open_publish").click().run()
    assert at.button(key="publish_draw").disabled  # nothing is chosen for the lead
    at.radio(key=f"publish_rubric_{plan.rubric_version_id}").set_value(
        newest if take_it else plan.rubric_version_id
    ).run()
    at.button(key="publish_draw").click().run()
    assert Worker(shop).run_waiting() == 1
    found = draws.list_draws(shop, SYSTEM)
    with shop.db.read() as session:
        assert session.get_one(Draw, found[0].id).rubric_version_id == (newest if take_it else plan.rubric_version_id)
