"""No pattern that can hold a process up is published: measured on its own worst text, and ended when it does not
end."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from datetime import datetime

import pytest

from qa.errors import Cancelled, Invalid, Unavailable
from qa.processes.isolation import Overrun
from qa.rules import checking, stored, versions
from qa.rules.checking import At, ran_over
from qa.screening import trial
from qa.workbench import Workbench
from scoring.redline import Examples, Label, Rule, Terms, load_default_rules
from tests.world.redlines import LEAD, put_chats

NASTY = "[^x]{1,140}[^x]{1,140}x"
SLOW = (
    NASTY,
    r"加微[^x]{1,100}[^y]{1,100}z",
    r"(?:[^x]{1,130}|[^y]{1,130})[^z]{1,60}(?:给|转)你",
    r"\d+x",
    r".{1,130}.{1,130}返现",
)
QUICK = (r"1[3-9]\d{9}", r"(?:好评|五星)[^，。！？]{0,8}返", r"微信号?\d+", r"you [a-z ]{0,20}idiot", r"订单\d{1,30}元")


def rule(*patterns: str) -> Rule:
    examples = Examples(("加微信12345678901 x",), ("您好",))
    return Rule("T1", 1, Label("试", "try"), Terms(("加微信",), patterns), examples=examples)


def test_patterns_that_run_long_are_refused_by_name() -> None:
    checked = checking.check(rule(*SLOW, *QUICK))
    assert {problem.subject for problem in checked.problems} == set(SLOW)
    assert {(problem.code, problem.field) for problem in checked.problems} == {("cost", "regex")}


def test_exclusions_are_searched_too() -> None:
    checked = checking.check(replace(rule(), exclusions=Terms(regex=(NASTY,)), unless=Terms(regex=(NASTY,))))
    assert [problem.field for problem in checked.problems] == ["exclusions.regex", "unless.regex"]


def test_publishing_and_trying_a_slow_draft_is_refused(bench: Workbench, now: datetime) -> None:
    put_chats(bench, [("c1", "a1", [("agent", "您好")])])
    versions.save_draft(bench, LEAD, now=now, rule=rule(NASTY))
    with pytest.raises(Invalid, match="smaller bounds") as caught:
        versions.publish(bench, LEAD, now=now, rule_id="T1", since=None)
    assert NASTY in caught.value.english()
    with bench.db.read() as session:
        assert stored.rules_in_force(session) == []
    with pytest.raises(Invalid, match="smaller bounds"):
        trial.compare(bench, LEAD, draft=rule(NASTY))


def test_a_check_can_be_stopped_and_begun_again() -> None:
    one = replace(rule(), label=Label("停", "stop"))
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        checking.check(one, cancel=stop.is_set)
    assert checking.known(one) is None
    assert checking.check(one).fit
    assert checking.known(one) is not None


def test_a_check_whose_process_dies_says_so_and_is_not_remembered() -> None:
    one = replace(rule(*QUICK), label=Label("死", "dead"))
    died = threading.Event()

    def kill() -> None:
        while not died.is_set():
            for pid in children():
                os.kill(pid, signal.SIGKILL)
                died.set()
            time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(Unavailable):
        checking.check(one)
    died.set()
    killer.join()
    assert checking.check(one).fit


def children() -> list[int]:
    """Processes of ours that check."""
    listed = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8") as file:
                parent = int(file.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        if parent == os.getpid():
            listed.append(int(name))
    return listed


def test_what_had_to_be_ended_is_named() -> None:
    assert ran_over(Overrun("time"), At("T1", "regex", NASTY)).subject == NASTY
    assert "compile" in ran_over(Overrun("time"), At("T1")).message
    assert "memory" in ran_over(Overrun("memory"), At("T1")).message


def test_one_rule_that_does_not_end_leaves_the_others_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "SILENT_SECONDS", 0.0)  # nobody is that quick
    first, second = (replace(rule(), id=name) for name in ("T1", "T2"))
    found = checking.check_all([first, second])
    assert [checked.problems[0].code for checked in found] == ["cost", "cost"]
    assert [checked.problems[0].rule_id for checked in found] == ["T1", "T2"]


def test_a_rule_as_it_ships_is_not_tried_again_and_a_changed_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> None:
        raise AssertionError("tried")

    monkeypatch.setattr(checking.isolation, "run", run)
    shipped = load_default_rules()[0]
    assert checking.check(shipped).fit
    with pytest.raises(AssertionError, match="tried"):
        checking.check(replace(shipped, note=Label("改", "ours")))
