"""Codes never reach a person: every action of the audit trail, every role and every right has words in both
languages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from qa.casefiles.lifecycle import Step
from qa.errors import Denied, Words
from qa.i18n import Translator
from qa.policy import RIGHT_NAMES, Actor, Right, Role, require
from qa.upkeep import trail_words
from qa.verdicts import ledger
from qa.verdicts.appeals import STATES

QA = Path(__file__).parents[2] / "qa"
ZH = Translator("zh_CN")
MADE = {
    "f'verdict.{kind}'": [f"verdict.{kind}" for kind in ledger.KINDS],
    "f'appeal.{state}'": [f"appeal.{state}" for state in STATES if state != "open"],
    "f'violation.{step.value}'": [f"violation.{step.value}" for step in Step],
    "f'violations.{step.value}'": ["violations.opened", "violations.withdrawn"],
    "f'correction.{state}'": [f"correction.{state}" for state in ("accepted", "refused", "withdrawn")],
    "f'job.{state}'": ["job.done", "job.failed", "job.cancelled"],
    "f'job.{job.state}'": ["job.failed", "job.cancelled"],
    "'coaching.answered' if kind == 'answer' else 'coaching.noted'": ["coaching.answered", "coaching.noted"],
    "_ACTION": ["backup.restored"],
    "SEEN": ["estimator.changed"],
    "action": ["backup.restore_completed", "backup.restore_undone"],
    "f'import.{state}'": ["import.failed", "import.cancelled"],
}
"""Actions whose code is put together, or chosen before it is recorded."""


WRITES = {"audit.record": 3, "work.record": 0}
"""What writes an entry, and where its action stands among the arguments."""


def recorded() -> Iterator[tuple[str, str]]:
    """Every (action, subject) the product writes into the trail."""
    for path in QA.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            place = WRITES.get(ast.unparse(node.func)) if isinstance(node, ast.Call) else None
            if place is not None:
                assert isinstance(node, ast.Call)
                action, subject = node.args[place], ast.literal_eval(node.args[place + 1])
                codes = [action.value] if isinstance(action, ast.Constant) else MADE[ast.unparse(action)]
                yield from ((str(code), subject) for code in codes)


def chinese(text: str) -> bool:
    return any("\u4e00" <= c <= "\u9fff" for c in text)


def test_every_action_and_subject_has_words() -> None:
    found = set(recorded())
    assert len(found) > 60
    for action, subject in found:
        words = trail_words.action_words(action)
        assert words != action, action
        assert chinese(ZH(words.msgid, **words.facts)), action
        assert chinese(ZH(trail_words.SUBJECTS[subject])), subject


@pytest.mark.parametrize("right", Right)
def test_a_refusal_names_role_and_right_in_the_readers_language(right: Right) -> None:
    role = Role.AGENT if right in (Right.IMPORT, Right.MANAGE_USERS) else Role.ADMIN
    actor = Actor(9, role, "x")
    assert RIGHT_NAMES[right]
    if actor.may(right):
        return
    with pytest.raises(Denied) as caught:
        require(actor, right)
    told = ZH.error(caught.value)
    assert role.value not in told
    assert right.value not in told
    assert ZH(RIGHT_NAMES[right]) in told


def test_a_message_inside_a_message_is_translated_with_its_facts() -> None:
    inner = Words("{n} files are cleared.", n="{7}")
    assert str(inner) == "{7} files are cleared."
    assert ZH("Clear {n} files", n=inner) == ZH("Clear {n} files", n=ZH("{n} files are cleared.", n="{7}"))
