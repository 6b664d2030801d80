"""Rubric versions: one draft, checked before publishing, unchangeable after, on the word of the database itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from qa.errors import Conflict, Denied, Invalid, NotFound, Stale
from qa.policy import Actor, Role
from qa.rubrics import versions
from qa.tables import AuditEntry
from qa.verdicts.ledger import SHEET_PROBLEMS
from qa.workbench import Workbench
from scoring.label import Label
from scoring.rubric import SOURCES, default, from_dict, to_toml
from tests.world.desk import NOW, build

LEAD = Actor(0, Role.LEAD, "lead")
INSPECTOR = Actor(0, Role.INSPECTOR, "inspector")


def edited(**changes: object):  # type: ignore[no-untyped-def]
    return replace(default(), **changes)  # type: ignore[arg-type]


def test_the_default_is_published_once(any_bench: Workbench) -> None:
    first = versions.load_default(any_bench, LEAD, now=NOW)
    assert versions.load_default(any_bench, LEAD, now=NOW) == first
    shown = versions.current(any_bench, INSPECTOR)
    assert shown is not None
    assert (shown.id, shown.version, shown.state, shown.problems, shown.rubric) == (
        first,
        1,
        "published",
        (),
        default(),
    )


def test_draft_edit_publish(any_bench: Workbench) -> None:
    first = versions.load_default(any_bench, LEAD, now=NOW)
    draft = versions.start_draft(any_bench, LEAD, now=NOW, rubric=default())
    seen = versions.get(any_bench, LEAD, draft).content_hash
    half = versions.save_draft(
        any_bench, LEAD, now=NOW, version_id=draft, seen_hash=seen, rubric=edited(name=Label("", ""))
    )
    with pytest.raises(Invalid, match="name: the text is missing"):
        versions.publish(any_bench, LEAD, now=NOW, version_id=draft, seen_hash=half)
    with pytest.raises(Stale):
        versions.save_draft(any_bench, LEAD, now=NOW, version_id=draft, seen_hash=seen, rubric=edited(pass_line=1))
    done = versions.save_draft(
        any_bench, LEAD, now=NOW, version_id=draft, seen_hash=half, rubric=edited(pass_line=8_500)
    )
    with any_bench.db.read() as session:
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "rubric.edited").order_by(AuditEntry.id)
        )
        told = [entry.facts["changes"] for entry in entries]
    assert told[-1]["rubric.default.pass_line"] == ["80", "85"]
    with pytest.raises(Stale):
        versions.publish(any_bench, LEAD, now=NOW, version_id=draft, seen_hash=half)
    for _ in range(2):
        versions.publish(any_bench, LEAD, now=NOW, version_id=draft, seen_hash=done)
    shown = versions.get(any_bench, INSPECTOR, draft)
    assert (shown.version, shown.state, shown.rubric.pass_line, shown.rubric.version) == (2, "published", 8_500, 2)
    assert [
        (c.field, c.before, c.after) for c in versions.changes(any_bench, INSPECTOR, old_id=first, new_id=draft)
    ] == [("pass_line", 8_000, 8_500)]
    with pytest.raises(Conflict, match="published"):
        versions.save_draft(any_bench, LEAD, now=NOW, version_id=draft, seen_hash=done, rubric=default())
    with pytest.raises(Conflict, match="published"):
        versions.discard_draft(any_bench, LEAD, now=NOW, version_id=draft)


def test_one_draft_at_a_time_and_only_for_editors(any_bench: Workbench) -> None:
    versions.load_default(any_bench, LEAD, now=NOW)
    draft = versions.start_draft(any_bench, LEAD, now=NOW, rubric=default())
    with pytest.raises(Conflict):
        versions.start_draft(any_bench, LEAD, now=NOW, rubric=default())
    assert [view.state for view in versions.history(any_bench, LEAD)] == ["draft", *["published"] * 3]
    assert [view.state for view in versions.history(any_bench, INSPECTOR)] == ["published"] * 3
    with pytest.raises(NotFound):
        versions.get(any_bench, INSPECTOR, draft)
    for denied in (
        lambda: versions.start_draft(any_bench, INSPECTOR, now=NOW, rubric=default()),
        lambda: versions.publish(any_bench, INSPECTOR, now=NOW, version_id=draft, seen_hash=""),
        lambda: versions.load_default(any_bench, INSPECTOR, now=NOW),
    ):
        with pytest.raises(Denied):
            denied()
    versions.discard_draft(any_bench, LEAD, now=NOW, version_id=draft)
    assert len(versions.history(any_bench, LEAD)) == 3


def test_the_last_published_version_cannot_be_retired(any_bench: Workbench) -> None:
    first = versions.load_default(any_bench, LEAD, now=NOW)
    with pytest.raises(Conflict):
        versions.retire(any_bench, LEAD, now=NOW, version_id=first)
    draft = versions.start_draft(any_bench, LEAD, now=NOW, rubric=edited(pass_line=9_000))
    versions.publish(
        any_bench, LEAD, now=NOW, version_id=draft, seen_hash=versions.get(any_bench, LEAD, draft).content_hash
    )
    versions.retire(any_bench, LEAD, now=NOW, version_id=first)
    shown = versions.current(any_bench, LEAD)
    assert shown is not None
    assert shown.id == draft


def test_every_source_has_the_card_made_for_it(any_bench: Workbench) -> None:
    versions.load_default(any_bench, LEAD, now=NOW)
    used = {source: versions.current(any_bench, LEAD, source) for source in SOURCES}
    assert {source: view.rubric_id for source, view in used.items() if view} == {
        "chat": "default", "dispute": "disputes", "rating": "low_ratings",
    }  # fmt: skip
    assert versions.missing(any_bench, LEAD) == ()
    assert versions.load_missing(any_bench, LEAD, now=NOW) == 0
    chats = used["chat"]
    assert chats is not None
    with pytest.raises(Conflict):  # the two others do not fit chats
        versions.retire(any_bench, LEAD, now=NOW, version_id=chats.id)


def test_cards_that_came_later_are_offered_and_added_once(any_bench: Workbench) -> None:
    draft = versions.start_draft(any_bench, LEAD, now=NOW, rubric=default())
    seen = versions.get(any_bench, LEAD, draft).content_hash
    versions.publish(any_bench, LEAD, now=NOW, version_id=draft, seen_hash=seen)
    assert [rubric.id for rubric in versions.missing(any_bench, LEAD)] == ["disputes", "low_ratings"]
    assert versions.load_missing(any_bench, LEAD, now=NOW) == 2
    assert versions.load_missing(any_bench, LEAD, now=NOW) == 0
    with pytest.raises(Denied):
        versions.load_missing(any_bench, INSPECTOR, now=NOW)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE rubric_versions SET content = '{}'",
        "UPDATE rubric_versions SET content_hash = 'x'",
        "UPDATE rubric_versions SET version = 7",
        "UPDATE rubric_versions SET state = 'draft'",
        "DELETE FROM rubric_versions",
        "UPDATE rubric_versions SET state = 'nonsense'",
        "UPDATE rule_versions SET content = '{}'",
        "DELETE FROM rule_versions",
    ],
)
def test_the_database_refuses_to_change_what_is_published(any_bench: Workbench, statement: str) -> None:
    build(any_bench)
    with pytest.raises(DBAPIError), any_bench.db.write() as session:
        session.execute(text(statement))
    shown = versions.current(any_bench, LEAD)
    assert shown is not None
    assert shown.rubric == default()


def test_toml_that_is_no_rubric_is_refused_with_field_and_cure() -> None:
    assert versions.read_toml(to_toml(default())) == default()
    with pytest.raises(Invalid, match=r"pass_line: points have at most two decimals, found 80\.001"):
        versions.read_toml('id = "x"\npass_line = 80.001')


def test_every_problem_has_a_message_with_its_facts() -> None:
    """Codes are found in the sources, so that a new one cannot be forgotten."""
    import re
    from pathlib import Path

    from scoring.rubric import checking, reading
    from scoring.sheet import checks, marks, outcomes

    def codes(module) -> set[str]:  # type: ignore[no-untyped-def]
        return set(
            re.findall(r'(?:Problem|RubricError)\(\s*[^\n]*?,\s*"([a-z_]+)"', Path(module.__file__).read_text("utf-8"))
        )

    assert codes(checking) | codes(reading) == set(versions.PROBLEMS)
    assert codes(checks) | codes(marks) | codes(outcomes) == set(SHEET_PROBLEMS)
    for rubric in (from_dict({"id": "Ö"}), edited(pass_line=-1)):
        from scoring.rubric import check

        for problem in check(rubric):
            assert versions.problem_error(problem).english()
