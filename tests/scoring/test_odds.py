"""Odds of hits from rulings: worked by hand, calibrated on rulings of known truth, careful where little is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.risk.odds import WEIGHTS, RuledHit, learn

RULINGS = st.lists(
    st.builds(RuledHit, st.sampled_from(["R1", "R2"]), st.sampled_from(["a", "b", "c"]), st.booleans()), max_size=40
)


def test_a_small_case_by_hand() -> None:
    rulings = [
        RuledHit("R1", "a", True),
        RuledHit("R1", "a", False),
        RuledHit("R1", "b", False),
        RuledHit("R2", "c", True),
    ]
    learnt = learn(rulings)
    rule_weight, said_weight = learnt.weights
    overall = (2 + 1) / (4 + 2)
    rule = (1 + rule_weight * overall) / (3 + rule_weight)
    assert learnt.odds("R1", "a").p == pytest.approx((1 + said_weight * rule) / (2 + said_weight))
    assert learnt.odds("R1", "new words").p == pytest.approx(rule)
    assert learnt.odds("R9", "new words").p == pytest.approx(overall)
    assert [(rule, one.rule_confirmed, one.rule_rulings) for rule, one in learnt.rules] == [("R1", 1, 3), ("R2", 1, 1)]
    assert learnt.rules[0][1].p == pytest.approx(rule)
    seen = learnt.odds("R1", "a")
    assert (seen.confirmed, seen.alike, seen.rule_confirmed, seen.rule_rulings) == (1, 2, 1, 3)


def test_nothing_ruled_is_one_of_two() -> None:
    learnt = learn([])
    assert learnt.odds("R1", "a").p == 0.5
    assert not learnt.useful


@given(RULINGS)
def test_odds_are_never_certain_and_the_weights_come_from_the_list(rulings: list[RuledHit]) -> None:
    learnt = learn(rulings)
    assert all(0 < learnt.odds(rule, said).p < 1 for rule in ("R1", "R2", "R3") for said in ("a", "z"))
    assert set(learnt.weights) <= set(WEIGHTS)
    assert sum(band.n for band in learnt.bands) == len(rulings)


@given(RULINGS, st.sampled_from(["R1", "R2"]), st.sampled_from(["a", "b"]))
def test_one_more_false_alarm_of_the_same_words_never_raises_the_odds(
    rulings: list[RuledHit], rule: str, said: str
) -> None:
    before = learn(rulings)
    after = learn([*rulings, RuledHit(rule, said, False)])
    if before.weights == after.weights:
        assert after.odds(rule, said).p <= before.odds(rule, said).p


def test_rulings_of_known_chances_come_back_calibrated() -> None:
    numbers = np.random.default_rng(7)
    chances = {("R1", "a"): 0.02, ("R1", "b"): 0.9, ("R2", "c"): 0.3, ("R3", "d"): 0.97, ("R3", "e"): 0.6}
    rulings = [
        RuledHit(rule, said, bool(numbers.random() < chance))
        for (rule, said), chance in chances.items()
        for _ in range(120)
    ]
    learnt = learn(rulings)
    assert learnt.useful
    assert learnt.calibrated
    for (rule, said), chance in chances.items():
        assert learnt.odds(rule, said).p == pytest.approx(chance, abs=0.1)
    assert learnt.odds("R1", "a").p < 0.05
