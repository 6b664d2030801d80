"""Is a rule fit to be published? Asked in a process of its own, because what is asked about may run away.

Owns what a rule is tried with (its form, the cost of its patterns, its examples) and what is said of one that did not
come to an end. Needs no right: it reads nothing.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from qa.i18n import N_
from qa.processes import isolation
from qa.processes.isolation import Cancel, Limits, Overrun, Say
from scoring.problem import Words
from scoring.redline import Failure, Rule, RuleProblem, load_default_rules, load_process_rules

KEPT = 64
"""Rules whose result is remembered: a page asks for the same rule on every run."""
CPU_SECONDS = 60
CPU_SECONDS_A_RULE = 30
SILENT_SECONDS = 60.0

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Checked:
    """Everything that speaks against a rule: objections and examples judged wrongly."""

    problems: tuple[RuleProblem, ...]
    failures: tuple[Failure, ...]

    @property
    def fit(self) -> bool:
        return not self.problems and not self.failures


@dataclass(frozen=True)
class At:
    """What is tried now: a pattern of a rule, or (without one) compiling it and running its examples."""

    rule_id: str
    field: str = ""
    written: str = ""


_known: OrderedDict[Rule, Checked] = OrderedDict()
_lock = threading.Lock()


def known(rule: Rule) -> Checked | None:
    """What an earlier check found, without checking anything. A rule as it ships is fit: our tests and the benchmark of
    patterns hold it to what a check asks."""
    if rule.content_hash in _shipped():
        return Checked((), ())
    with _lock:
        return _known.get(rule)


@cache
def _shipped() -> frozenset[str]:
    return frozenset(rule.content_hash for rule in (*load_default_rules(), *load_process_rules()))


def check(rule: Rule, *, cancel: Cancel | None = None) -> Checked:
    """Objections to a rule and, when there are none, its examples run as its test.

    Raises `Cancelled`, and `Unavailable` when the process that checks ends by itself.
    """
    return check_all([rule], cancel=cancel)[0]


def check_all(
    rules: Sequence[Rule], *, progress: Progress | None = None, cancel: Cancel | None = None
) -> tuple[Checked, ...]:
    """The same for several rules, in one process; a rule that does not come to an end is refused, the others go on."""
    waiting = [rule for rule in dict.fromkeys(rules) if known(rule) is None]
    found = {rule: checked for rule in rules if (checked := known(rule)) is not None}
    while waiting:
        done = _judged(waiting, len(rules), progress, cancel)
        found |= zip(waiting, done, strict=False)
        del waiting[: len(done)]
    with _lock:
        for rule, checked in found.items():
            _known[rule] = checked
            _known.move_to_end(rule)
        while len(_known) > KEPT:
            _known.popitem(last=False)
    return tuple(found[rule] for rule in rules)


def _judged(rules: Sequence[Rule], of: int, progress: Progress | None, cancel: Cancel | None) -> list[Checked]:
    """Results in the order of the rules, up to the first that took too much."""
    done: list[Checked] = []
    at = At(rules[0].id)

    def hear(said: object) -> None:
        nonlocal at
        if isinstance(said, At):
            at = said
        elif isinstance(said, Checked):
            done.append(said)
            at = At(rules[min(len(done), len(rules) - 1)].id)
        if progress is not None:
            progress((of - len(rules) + len(done)) / of, at.rule_id)

    limits = Limits(SILENT_SECONDS, CPU_SECONDS + CPU_SECONDS_A_RULE * len(rules))
    try:
        isolation.run(judge, tuple(rules), limits=limits, hear=hear, cancel=cancel)
    except Overrun as overrun:
        done.append(Checked((ran_over(overrun, at),), ()))
    return done


def ran_over(overrun: Overrun, at: At) -> RuleProblem:
    """The objection to what was tried when the process had to be ended."""
    if overrun.what == "memory":
        why = Words(N_("needs too much memory; use fewer or shorter patterns, or smaller bounds"))
    elif at.written:
        why = Words(
            N_("takes too long and was stopped; give its repetitions smaller bounds, or let it begin with a fixed word")
        )
    else:
        why = Words(N_("takes too long to compile; use fewer or shorter patterns, or smaller bounds"))
    return RuleProblem(at.rule_id, at.field or "regex", "cost", why, at.written)


def judge(say: Say, rules: tuple[Rule, ...]) -> None:
    """What `check_all` runs in the other process."""
    for rule in rules:
        say(At(rule.id))
        say(_judge(say, rule))


def _judge(say: Say, rule: Rule) -> Checked:
    from scoring.redline.check import try_rule, written_problems  # the engine: who asks only for results needs none

    problems = written_problems(rule) or objections_to_cost(say, rule)
    if problems:
        return Checked(tuple(problems), ())
    say(At(rule.id))
    problems, failures = try_rule(rule)
    return Checked(tuple(problems), tuple(failures))


def objections_to_cost(say: Say, rule: Rule) -> list[RuleProblem]:
    """Patterns that cost too much, each told before it is tried."""
    from qa.rules import cost

    return list(cost.slow(rule, lambda field, written: say(At(rule.id, field, written))))
