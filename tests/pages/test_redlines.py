"""The board and the rule bench as people use them, with real services, database and archive, in both languages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from pages.screens.rules import editor, trying
from qa.casefiles.lifecycle import FileState
from qa.config import Config
from qa.people import signins
from qa.policy import SYSTEM, Actor
from qa.redlines import deciding, opening
from qa.rules import versions
from qa.tables import RuleVersion, User, Violation, ViolationEvent
from qa.verdicts import appeals
from qa.workbench import Workbench, share
from scoring.redline import load_default_rules, load_process_rules
from tests.world.redlines import ADMIN, AGENT, INSPECTOR, LEAD, OTHER_LEAD, people, put_chats, put_hits
from tests.world.rules import publish, rule

PAGES = Path(__file__).parents[2] / "pages"
HOSTILE = "<img src=x onerror=alert(1)> **滚** [x](javascript:1)"
CHATS = [
    ("shop:1", "a1", [("customer", "在吗"), ("agent", HOSTILE)]),
    ("shop:2", "a1", [("customer", "发票"), ("agent", "不开发票的")]),
    ("shop:3", "a2", [("customer", "退款"), ("agent", "滚")]),
]
HITS = [("shop:1", 1, "R01", "a1", "滚"), ("shop:2", 1, "R07", "a1", "不开发票"), ("shop:3", 1, "R01", "a2", "滚")]

Open = Callable[..., AppTest]


@pytest.fixture
def shop(bench: Workbench) -> Iterator[Workbench]:
    people(bench)
    publish(bench, rule("R01", "滚"), rule("R07", "不开发票"))
    put_chats(bench, CHATS)
    put_hits(bench, HITS)
    opening.open_suspected(bench, SYSTEM, now=datetime.now(UTC))
    share(bench)
    yield bench
    share(None)


@pytest.fixture
def open_page(shop: Workbench) -> Open:
    def open_it(file: str, actor: Actor, language: str = "en", **query: str) -> AppTest:
        now = datetime.now(UTC)
        with shop.db.write() as session:
            user = session.get_one(User, actor.user_id)
            user.language = language
        link = signins.new_link(shop, SYSTEM, actor.user_id, now=now)
        mark = signins.session_mark(shop, signins.sign_in_by_link(shop, link, now=now).token, now=now)
        # the menu is built first, as the entry script does, so that links between pages resolve
        script = (
            "import runpy\nfrom pages.kit.guard import enter\nfrom pages.kit.nav import navigation\n"
            f"navigation(enter())\nrunpy.run_path({str(PAGES / file)!r})\n"
        )
        page = AppTest.from_string(script, default_timeout=30)
        page.user = {"session": mark}
        page.query_params.update(query)
        return page.run()

    return open_it


def text_of(page: AppTest) -> str:
    parts = [str(getattr(element, "value", "")) + str(getattr(element, "label", "")) for element in page.main]
    parts += [node.proto.body for node in page.get("html")]
    return "\n".join(parts)


def states(bench: Workbench) -> dict[str, str]:
    with bench.db.read() as session:
        return {f"{v.conversation_key} {v.rule_id}": v.state for v in session.scalars(select(Violation))}


def press(page: AppTest, prefix: str) -> AppTest:
    (button,) = [b for b in page.button if str(b.key).startswith(prefix)]
    assert not button.disabled, button.help
    page = button.click().run()
    assert not page.exception
    return page


@pytest.mark.parametrize("file", ["redlines.py", "rules.py"])
@pytest.mark.parametrize("actor", [AGENT, ADMIN], ids=["agent", "admin"])
def test_strangers_see_nothing(open_page: Open, file: str, actor: Actor) -> None:
    page = open_page(file, actor)
    assert not page.exception
    assert "不开发票" not in text_of(page)
    assert not page.dataframe


def test_without_a_sign_in_nothing_is_shown(shop: Workbench) -> None:
    page = AppTest.from_file(str(PAGES / "redlines.py"), default_timeout=30).run()
    assert "不开发票" not in text_of(page)
    assert not page.dataframe


@pytest.mark.parametrize("language,word", [("en", "Suspected"), ("zh_CN", "疑似")])
def test_two_people_settle_a_file(shop: Workbench, open_page: Open, language: str, word: str) -> None:
    page = open_page("redlines.py", INSPECTOR, language)
    assert not page.exception
    assert word in text_of(page)
    assert len(page.dataframe[0].value) == 3
    page = press(page, "red_confirm")
    confirmed = next(key for key, state in states(shop).items() if state == FileState.CONFIRMED)
    page = press(page, "red_clear")
    assert sorted(states(shop).values()) == ["cleared", "confirmed", "suspected"]
    manager = open_page("redlines.py", LEAD, language)
    manager.session_state["red_state"] = "confirmed"
    manager.run()
    press(manager, "red_uphold")
    assert states(shop)[confirmed] == FileState.UPHELD


def test_a_decision_by_one_key_is_taken_back_by_one_key(shop: Workbench, open_page: Open) -> None:
    page = press(open_page("redlines.py", INSPECTOR), "red_confirm")
    confirmed = next(key for key, state in states(shop).items() if state == FileState.CONFIRMED)
    undo = next(b for b in page.button if b.key == "red_undo")
    assert undo.label.startswith("Take it back")
    undo.click().run()
    assert states(shop)[confirmed] == FileState.SUSPECTED
    press(open_page("redlines.py", INSPECTOR), "red_confirm")
    manager = open_page("redlines.py", LEAD)
    manager.session_state["red_state"] = "confirmed"
    manager.run()
    press(manager, "red_uphold")
    assert FileState.UPHELD in states(shop).values()
    next(b for b in manager.button if b.key == "red_undo").click().run()
    assert not manager.exception
    assert FileState.UPHELD not in states(shop).values()
    manager.session_state["red_undo_last"] = None
    manager.run()
    assert not [b for b in manager.button if b.key == "red_undo"]


def test_the_same_person_cannot_rule(shop: Workbench, open_page: Open) -> None:
    page = open_page("redlines.py", LEAD)
    page = press(page, "red_confirm")
    page.session_state["red_state"] = "confirmed"
    page.run()
    uphold = next(b for b in page.button if str(b.key).startswith("red_uphold"))
    assert uphold.disabled
    assert "second person" in uphold.help
    other = open_page("redlines.py", OTHER_LEAD)
    other.session_state["red_state"] = "confirmed"
    other.run()
    press(other, "red_dismiss")
    assert "dismissed" in states(shop).values()


def test_somebody_was_faster(shop: Workbench, open_page: Open) -> None:
    page = open_page("redlines.py", INSPECTOR)
    shown = page.session_state["red_file"]
    deciding.clear(shop, LEAD, now=datetime.now(UTC), violation_id=shown, reason="x")
    page = press(page, "red_confirm")
    assert any("Somebody else has decided" in warning.value for warning in page.warning)
    assert list(states(shop).values()).count("cleared") == 1
    assert "confirmed" not in states(shop).values()


def test_hostile_text_stays_text(open_page: Open) -> None:
    page = open_page("redlines.py", LEAD)
    page.session_state["red_agent"] = "a1"
    page.session_state["red_rule"] = "R01"
    page.run()
    assert not page.exception
    assert "<img" not in text_of(page)
    (reader,) = [json.loads(node.proto.json) for node in page.get("bidi_component")]
    assert HOSTILE in [item["text"] for item in reader["items"]], (
        "the reader gets it as it was said, and shows it as text"
    )
    (hit,) = [item for item in reader["items"] if item.get("spans")]
    assert (hit["text"], hit["spans"][0]["rule"], reader["focus"]) == (HOSTILE, "R01", 1)


def test_bulk_clearing_shows_what_it_would_clear_and_is_taken_back(shop: Workbench, open_page: Open) -> None:
    page = open_page("redlines.py", INSPECTOR)
    page.session_state["red_rule"] = "R01"
    page.run()
    assert not [b for b in page.button if b.key == "red_bulk_go"], "nothing is counted while it is closed"
    page = press(page, "open_red_bulk")
    assert "a2　滚" in text_of(page)
    page.session_state["red_bulk_reason"] = "产品名里的字"
    page = press(page, "red_bulk_go")
    assert sorted(states(shop).values()) == ["cleared", "cleared", "suspected"]
    page.session_state["red_state"] = "cleared"
    page.run()
    press(page, "red_bulk_undo")
    assert set(states(shop).values()) == {"suspected"}


def test_a_digit_chooses_the_reason(shop: Workbench, open_page: Open) -> None:
    page = press(open_page("redlines.py", INSPECTOR), "red_reason_key_2")
    page = press(page, "red_clear")
    with shop.db.read() as session:
        assert (
            session.scalars(select(ViolationEvent.reason).where(ViolationEvent.kind == "cleared")).one()
            == "Quoted, or not meant that way."
        )


def test_what_is_overdue_names_the_step_that_is_waited_for(shop: Workbench, open_page: Open) -> None:
    with shop.db.write() as session:
        session.scalars(select(Violation).order_by(Violation.id)).first().changed_at = datetime.now(UTC) - timedelta(
            days=9
        )  # type: ignore[union-attr]
    page = open_page("redlines.py", LEAD)
    page.session_state["red_state"] = "overdue"
    page.run()
    assert "Longer in its state than the programme allows: Suspected 1" in text_of(page)
    assert page.dataframe[0].value["due"].to_list() == ["6 d late"]


def test_a_new_rule_never_covers_one_that_is_there(shop: Workbench, open_page: Open) -> None:
    page = press(open_page("rules.py", LEAD), "open_new_rule")
    page.text_input(key="rules_new_id").set_value("R07").run()
    page = press(page, "rules_new")
    assert [version.state for version in versions.history(shop, LEAD, "R07")] == ["published"]
    assert page.session_state["rule"] == "R07"
    page = press(page, "open_new_rule")
    page.text_input(key="rules_new_id").set_value("R99").run()
    page = press(page, "rules_new")
    assert [version.state for version in versions.history(shop, LEAD, "R99")] == ["draft"]
    assert page.session_state["rule"] == "R99"


def test_the_other_views_open(shop: Workbench, open_page: Open) -> None:
    with shop.db.read() as session:
        file = session.scalars(select(Violation.id)).first()
    deciding.confirm(shop, INSPECTOR, now=datetime.now(UTC), violation_id=file, reason="骂人")
    deciding.rule(shop, LEAD, now=datetime.now(UTC), violation_id=file, uphold=True, reason="属实")
    page = open_page("redlines.py", LEAD)
    for view in ("changes", "repeats", "quality", "programme"):
        page.session_state["red_view"] = view
        page.run()
        assert not page.exception, view
        assert view == "programme" or page.dataframe, view
    page = (
        press(page, "FormSubmitter:red_programme") if any("red_programme" in str(b.key) for b in page.button) else page
    )
    assert not page.exception


def test_an_empty_board_says_what_to_do(bench: Workbench, open_page: Open, shop: Workbench) -> None:
    with shop.db.write() as session:
        for violation in session.scalars(select(Violation)):
            violation.state = "cleared"
    page = open_page("redlines.py", LEAD)
    assert "No suspected violations" in text_of(page)


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_editing_and_publishing_a_rule(shop: Workbench, open_page: Open, language: str) -> None:
    page = open_page("rules.py", LEAD, language)
    assert not page.exception
    page.text_area(key="rule_phrases").set_value("滚\n傻瓜")
    page.text_area(key="rule_positive").set_value("你这个傻瓜\n滚")
    page.text_area(key="rule_negative").set_value("您好")
    page = settled(page.run())
    page = settled(press(page, "rules_save"))
    assert versions.get(shop, LEAD, "R01").terms.phrases == ("滚", "傻瓜")
    page.selectbox(key="rules_since").set_value("always").run()
    page = press(page, "rules_publish")
    with shop.db.read() as session:
        found = {
            row.version: row.state for row in session.scalars(select(RuleVersion).where(RuleVersion.rule_id == "R01"))
        }
    assert found == {1: "retired", 2: "published"}


def test_a_rule_that_fails_its_examples_cannot_be_published(shop: Workbench, open_page: Open) -> None:
    page = open_page("rules.py", LEAD)
    page.text_area(key="rule_positive").set_value("您好")
    page.text_area(key="rule_negative").set_value("快滚吧")
    page = settled(page.run())
    shown = text_of(page)
    assert "should hit, does not" in shown
    assert "should not hit, hits at" in shown
    page = press(page, "rules_save")
    assert next(b for b in page.button if b.key == "rules_publish").disabled


def settled(page: AppTest) -> AppTest:
    """The page once what runs beside it has ended."""
    for key in (trying.CHECKING, trying.COMPARING):
        if key in page.session_state:
            page.session_state[key][1].wait(120)
    return page.run()


def test_a_slow_pattern_is_named_on_the_page_and_a_check_can_be_stopped(shop: Workbench, open_page: Open) -> None:
    page = open_page("rules.py", LEAD)
    page.text_area(key="rule_positive").set_value("滚蛋吧")
    page.text_area(key="rule_negative").set_value("您好")
    page.text_area(key="rule_regex").set_value("[^x]{1,140}[^x]{1,140}x")
    page = settled(page.run())
    (said,) = [warning.value for warning in page.warning]
    assert "is too slow" in said
    assert "140" in said
    page.text_area(key="rule_regex").set_value("[^y]{1,140}[^y]{1,140}y")
    page.run()
    page.session_state[trying.CHECKING][1].cancel()
    page = settled(page)
    ended_before = any("is too slow" in warning.value for warning in page.warning)
    assert "Stopped, as you asked." in text_of(page) or page.info or ended_before
    assert next(b for b in page.button if b.key == "rules_publish").disabled


def test_the_difference_on_past_chats(shop: Workbench, open_page: Open) -> None:
    page = open_page("rules.py", LEAD)
    page.text_area(key="rule_phrases").set_value("不开发票").run()
    page.session_state["rules_view"] = "history"
    page.run()
    page = settled(press(page, "rules_compare"))
    metrics = {metric.label: metric.value for metric in page.metric}
    assert (metrics["Newly hit"], metrics["No longer hit"], metrics["Hit by both"]) == ("1", "2", "0")


def test_versions_and_toml(shop: Workbench, open_page: Open) -> None:
    versions.save_draft(shop, LEAD, now=datetime.now(UTC), rule=rule("R01", "滚蛋"))
    page = open_page("rules.py", LEAD)
    page.session_state["rules_view"] = "versions"
    page.run()
    assert not page.exception
    page.session_state["rules_view"] = "toml"
    page.run()
    page.text_area(key="rule_toml").set_value("nonsense = 1").run()
    assert page.warning
    assert not page.exception


def test_no_rules_yet(
    bench: Workbench, open_page: Open, shop: Workbench, tmp_path: Path, sqlite_template: Path
) -> None:
    shutil.copy(sqlite_template, tmp_path / "fresh.db")
    fresh = Workbench.open(Config(home=tmp_path / "fresh", database_url=f"sqlite:///{tmp_path / 'fresh.db'}"))
    people(fresh)
    share(fresh)
    mark = signins.session_mark(
        fresh,
        signins.sign_in_by_link(
            fresh, signins.new_link(fresh, SYSTEM, LEAD.user_id, now=datetime.now(UTC)), now=datetime.now(UTC)
        ).token,
        now=datetime.now(UTC),
    )
    page = AppTest.from_file(str(PAGES / "rules.py"), default_timeout=30)
    page.user = {"session": mark}
    page.run()
    page = press(page, "rules_defaults")
    assert len(versions.listing(fresh, LEAD, today=datetime.now(UTC).date())) == 13
    fresh.close()


def test_looking_at_the_effect_keeps_what_was_edited(shop: Workbench, open_page: Open) -> None:
    page = open_page("rules.py", LEAD)
    page.text_area(key="rule_phrases").set_value("滚\n傻瓜").run()
    for view in ("history", "versions", "edit"):
        page.session_state["rules_view"] = view
        page.run()
        assert not page.exception
    assert page.text_area(key="rule_phrases").value == "滚\n傻瓜"
    assert page.text_input(key="rule_zh").value == "规则R01"
    page.session_state["rules_view"] = "toml"
    page.run()
    assert "傻瓜" in page.text_area(key="rule_toml").value, "the text spells what the form says"


def test_fields_of_another_effect_come_and_go(shop: Workbench, open_page: Open) -> None:
    page = open_page("rules.py", LEAD)
    for effect in ("cap", "zero_dimension", "flag", "cap"):
        page.selectbox(key="rule_effect").set_value(effect).run()
        assert not page.exception
    page.number_input(key="rule_cap").set_value(60.0).run()
    page = press(page, "rules_save")
    assert versions.get(shop, LEAD, "R01").effect.cap == 6_000


@pytest.mark.parametrize("actor", [OTHER_LEAD, AGENT], ids=["lead", "agent"])
def test_an_appeal_against_a_violation_shows_what_it_is_about(shop: Workbench, open_page: Open, actor: Actor) -> None:
    with shop.db.read() as session:
        file = session.scalars(select(Violation.id).where(Violation.rule_id == "R07")).one()
    now = datetime.now(UTC)
    deciding.confirm(shop, INSPECTOR, now=now, violation_id=file, reason="原话")
    deciding.rule(shop, LEAD, now=now, violation_id=file, uphold=True, reason="属实")
    made = appeals.file_against_violation(shop, AGENT, now=now, violation_id=file, body="我是在转述 <b>规定</b>")
    page = open_page("appeals.py", actor, appeal=str(made))
    assert not page.exception
    assert "&lt;b&gt;规定&lt;/b&gt;" in text_of(page)
    parts = [json.loads(node.proto.json) for node in page.get("bidi_component")]  # the list is one, too
    readers = [part for part in parts if "items" in part]
    if actor is OTHER_LEAD:
        assert [item["text"] for item in readers[0]["items"] if item.get("spans")] == ["不开发票的"]
    else:
        assert not readers


def test_a_form_nobody_touched_spells_the_rule_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else every rule that is only looked at would count as changed."""
    fields: dict[str, object] = {}
    monkeypatch.setattr(editor.st, "session_state", fields)
    for shipped in (*load_default_rules(), *load_process_rules()):
        fields.clear()
        editor.load(shipped)
        assert editor.read_form() == shipped, shipped.id
    fields["rule_phrases"] = " 转账 \n\n转账\n私下"
    assert editor.read_form().terms.phrases == ("转账", "私下")
