"""Scoring is exact: lines add up, bounds hold, more faults never help, N/A is neutral, red lines act in one order."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoring.explain import explain
from scoring.label import Label
from scoring.redline.rule import Effect, EffectKind
from scoring.rubric import AGENT, FULL, Choice, Criterion, Dimension, Kind, Level, Rubric, default
from scoring.rubric import check as check_rubric
from scoring.sheet import HitDecision, Mark, Outcome, Sheet, SheetError, check, score

RUBRIC = default()
BOTH = Label("中", "en")
exact = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def rubrics(draw: st.DrawFn) -> Rubric:
    """Sound rubrics of any shape, with awkward worths."""
    counts = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    worths = _split(draw, FULL, len(counts))
    dimensions, number = [], 0
    for d, (size, worth) in enumerate(zip(counts, worths, strict=True)):
        criteria = []
        for points in _split(draw, worth, size):
            criteria.append(_criterion(draw, f"c{number}", points))
            number += 1
        if draw(st.booleans()):
            criteria.append(Criterion(f"c{number}", BOTH, Kind.BONUS, draw(st.integers(1, 900))))
            number += 1
        dimensions.append(Dimension(f"d{d}", BOTH, worth, tuple(criteria)))
    return Rubric("any", 1, BOTH, tuple(dimensions), (Choice("agent", BOTH), Choice("policy", BOTH)))


def _split(draw: st.DrawFn, total: int, parts: int) -> list[int]:
    weights = draw(st.lists(st.integers(1, 20), min_size=parts, max_size=parts))
    found = [total * weight // sum(weights) for weight in weights]
    return [*found[:-1], total - sum(found[:-1])]


def _criterion(draw: st.DrawFn, id_: str, points: int) -> Criterion:
    kind = draw(st.sampled_from([Kind.DEDUCTION, Kind.YES_NO, Kind.SCALE]))
    if kind is Kind.DEDUCTION:
        return Criterion(id_, BOTH, kind, points, draw(st.integers(-(-points // 9), points)), allow_na=True)
    if kind is Kind.SCALE:
        levels = (Level(0, BOTH), Level(draw(st.integers(1, points - 1)), BOTH), Level(points, BOTH))
        return Criterion(id_, BOTH, kind, points, levels=levels, allow_na=True)
    return Criterion(id_, BOTH, Kind.YES_NO, points, allow_na=True)


@st.composite
def scored(draw: st.DrawFn) -> tuple[Rubric, Sheet, dict[str, Effect]]:
    rubric = draw(st.one_of(st.just(RUBRIC), rubrics()))
    marks = []
    for criterion in rubric.criteria:
        if draw(st.booleans()):
            na = criterion.allow_na and draw(st.booleans())
            value = None if na else draw(st.none() | st.integers(0, criterion.max_count))
            marks.append(Mark(criterion.id, value, na, draw(st.sampled_from([AGENT, AGENT, "policy"]))))
    rules = draw(st.lists(st.sampled_from(["R01", "R02", "R03", "R04"]), unique=True))
    hits = [
        HitDecision(rule, seq, draw(st.sampled_from(["confirmed", "cleared"])), "why")
        for rule in rules
        for seq in range(2)
    ]
    effects = {rule: draw(effect(rubric)) for rule in rules}
    sheet = Sheet(tuple(marks), tuple(hits))
    if any(problem.code == "nothing_applies" for problem in check(rubric, sheet)):
        sheet = replace(sheet, marks=())
    return rubric, sheet, effects


def effect(rubric: Rubric) -> st.SearchStrategy[Effect]:
    return st.one_of(
        st.just(Effect(EffectKind.FLAG)),
        st.just(Effect(EffectKind.ZERO_FORM)),
        st.builds(Effect, st.just(EffectKind.CAP), st.integers(0, FULL)),
        st.builds(
            Effect,
            st.just(EffectKind.ZERO_DIMENSION),
            st.none(),
            st.sampled_from([d.id for d in rubric.dimensions] + ["nowhere"]),
        ),
    )


@exact
@given(scored())
def test_lines_add_up_and_bounds_hold(case: tuple[Rubric, Sheet, dict[str, Effect]]) -> None:
    rubric, sheet, effects = case
    assert check_rubric(rubric) == ()
    outcome = score(rubric, sheet, effects)
    assert sum(line.points for line in outcome.lines) == outcome.total
    for language in ("zh_CN", "en"):
        told = explain(outcome, rubric, language)
        assert sum(line.points for line in told) == outcome.total
        assert all(line.title for line in told)
    assert 0 <= outcome.total <= outcome.total_without_redlines <= outcome.possible == FULL
    for dimension in outcome.dimensions:
        assert 0 <= dimension.earned <= dimension.earned_without_redlines <= dimension.possible
    assert sum(line.points for line in outcome.lines if line.kind != "redline") == outcome.total_without_redlines


@exact
@given(scored())
def test_the_integer_total_is_the_rational_total_rounded(case: tuple[Rubric, Sheet, dict[str, Effect]]) -> None:
    """An independent reading of the rules in rationals differs by rounding alone: half a centi-point a dimension."""
    rubric, sheet, effects = case
    marks = {mark.criterion_id: mark for mark in sheet.marks}
    earned = possible = Fraction(0)
    for dimension in rubric.dimensions:
        rows = [(c, marks.get(c.id, Mark(c.id))) for c in dimension.criteria]
        apply = [(c, m) for c, m in rows if c.kind is not Kind.BONUS and not m.na]
        if not apply:
            continue
        lost = sum(Fraction(c.loss(c.default if m.value is None else m.value)) for c, m in apply if m.owner == AGENT)
        lost = lost * dimension.points / sum(c.points for c, _ in apply)
        gained = sum(c.gain(m.value or 0) for c, m in rows)
        earned += dimension.points - max(lost - gained, Fraction(0))
        possible += dimension.points
    expected = earned * FULL / possible
    slack = Fraction(len(rubric.dimensions), 2) * FULL / possible + Fraction(1, 2)
    assert abs(score(rubric, sheet, effects).total_without_redlines - expected) <= slack


@exact
@given(scored(), st.data())
def test_one_more_fault_never_helps(case: tuple[Rubric, Sheet, dict[str, Effect]], data: st.DataObject) -> None:
    rubric, sheet, effects = case
    criterion = data.draw(st.sampled_from([c for c in rubric.criteria if c.kind is not Kind.BONUS]))
    low, high = sorted(data.draw(st.tuples(*[st.integers(0, criterion.max_count)] * 2)))
    rest = tuple(mark for mark in sheet.marks if mark.criterion_id != criterion.id)
    totals = [
        score(rubric, replace(sheet, marks=(*rest, Mark(criterion.id, value))), effects).total for value in (low, high)
    ]
    assert totals[0] >= totals[1] if criterion.kind is Kind.DEDUCTION else totals[0] <= totals[1]


@exact
@given(rubrics(), st.data())
def test_na_is_neutral(rubric: Rubric, data: st.DataObject) -> None:
    """Full marks stay full marks, and equal quality everywhere stays equal, whatever does not apply."""
    judged = [c.id for c in rubric.criteria if c.kind is not Kind.BONUS]
    out = data.draw(st.lists(st.sampled_from(judged), unique=True, max_size=len(judged) - 1))
    fine = score(rubric, Sheet(tuple(Mark(id_, na=True) for id_ in out)), {})
    assert fine.total == FULL
    worst = tuple(
        Mark(c.id, c.max_count if c.kind is Kind.DEDUCTION else 0)
        for c in rubric.criteria
        if c.id in judged and c.id not in out
    )
    assert score(rubric, Sheet((*worst, *(Mark(id_, na=True) for id_ in out))), {}).total == 0


@exact
@given(scored(), st.randoms(use_true_random=False))
def test_order_of_marks_and_hits_does_not_matter(case: tuple[Rubric, Sheet, dict[str, Effect]], random) -> None:  # type: ignore[no-untyped-def]
    rubric, sheet, effects = case
    marks, hits = list(sheet.marks), list(sheet.hits)
    random.shuffle(marks)
    random.shuffle(hits)
    assert score(rubric, Sheet(tuple(marks), tuple(hits)), effects) == score(rubric, sheet, effects)


@exact
@given(scored())
def test_sheets_and_outcomes_survive_json(case: tuple[Rubric, Sheet, dict[str, Effect]]) -> None:
    rubric, sheet, effects = case
    outcome = score(rubric, sheet, effects)
    assert Sheet.from_dict(json.loads(json.dumps(sheet.to_dict()))) == sheet
    assert Outcome.from_dict(json.loads(json.dumps(outcome.to_dict()))) == outcome


def confirmed(*rules: str) -> Sheet:
    return Sheet(hits=tuple(HitDecision(rule, 0, "confirmed", "why") for rule in rules))


CAP = Effect(EffectKind.CAP, 6_000)
ZERO_A = Effect(EffectKind.ZERO_DIMENSION, dimension="attitude")
ZERO = Effect(EffectKind.ZERO_FORM)
EFFECTS = [
    ("flag", {"R1": Effect()}, 10_000, [("R1", 0)]),
    ("cap", {"R1": CAP}, 6_000, [("R1", -4_000)]),
    ("dimension", {"R1": ZERO_A}, 7_000, [("R1", -3_000)]),
    ("form", {"R1": ZERO}, 0, [("R1", -10_000)]),
    ("dimension before cap", {"R1": CAP, "R2": ZERO_A}, 6_000, [("R2", -3_000), ("R1", -1_000)]),
    ("the lowest cap first", {"R1": CAP, "R2": Effect(EffectKind.CAP, 5_000)}, 5_000, [("R2", -5_000), ("R1", 0)]),
    (
        "everything",
        {"R1": ZERO, "R2": CAP, "R3": ZERO_A, "R4": Effect()},
        0,
        [("R4", 0), ("R3", -3_000), ("R2", -1_000), ("R1", -6_000)],
    ),
    ("a dimension this rubric has not", {"R1": Effect(EffectKind.ZERO_DIMENSION, dimension="x")}, 10_000, [("R1", 0)]),
]


@pytest.mark.parametrize("effects, total, lines", [e[1:] for e in EFFECTS], ids=[e[0] for e in EFFECTS])
def test_red_lines_act_in_one_order(effects: dict[str, Effect], total: int, lines: list[tuple[str, int]]) -> None:
    outcome = score(RUBRIC, confirmed(*effects), effects)
    assert (outcome.total, outcome.total_without_redlines) == (total, 10_000)
    assert [(line.id, line.points) for line in outcome.lines if line.kind == "redline"] == lines
    assert outcome.redlines == tuple(sorted(effects))


def test_a_worked_example() -> None:
    """Attitude: 10 of 30 does not apply; two cold sentences (10 of 20) cost 15 of 30; the bonus gives 5 back. Process:
    a late follow-up that the warehouse owns costs nothing but is remembered."""
    sheet = Sheet(
        (
            Mark("wait_apology", na=True),
            Mark("tone", 2),
            Mark("warm_closing", 1),
            Mark("follow_up", 1, owner="warehouse", root_cause="stock_delivery"),
        )
    )
    outcome = score(RUBRIC, sheet, {})
    assert outcome.total == 9_000
    assert {d.id: d.earned for d in outcome.dimensions} == {"attitude": 2_000, "accuracy": 4_000, "process": 3_000}
    followed = next(line for line in outcome.lines if line.id == "follow_up")
    assert (followed.points, followed.nominal, followed.counts, followed.root_cause) == (
        0,
        -1_000,
        False,
        "stock_delivery",
    )


def test_a_whole_dimension_that_does_not_apply_leaves_and_the_rest_is_scaled() -> None:
    criteria = (Criterion("a", BOTH, Kind.YES_NO, 3_000, allow_na=True),)
    rest = (Criterion("b", BOTH, Kind.DEDUCTION, 7_000, 1_000),)
    rubric = Rubric(
        "r",
        1,
        BOTH,
        (Dimension("x", BOTH, 3_000, criteria), Dimension("y", BOTH, 7_000, rest)),
        (Choice("agent", BOTH),),
    )
    outcome = score(rubric, Sheet((Mark("a", na=True), Mark("b", 1))), {})
    assert outcome.total == round(Fraction(6_000 * 10_000, 7_000)) == 8_571
    assert [(line.kind, line.points) for line in outcome.lines] == [
        ("na", 0),
        ("dimension", 7_000),
        ("loss", -1_000),
        ("scaled", 2_571),
    ]
    assert (outcome.dimensions[0].earned, outcome.dimensions[0].possible) == (0, 0)


REFUSED = [
    (Sheet((Mark("nope"),)), "marks.nope", "unknown_criterion"),
    (Sheet((Mark("tone", 1), Mark("tone", 1))), "marks.tone", "marked_twice"),
    (Sheet((Mark("tone", 3),)), "marks.tone.value", "value_range"),
    (Sheet((Mark("tone", -1),)), "marks.tone.value", "value_range"),
    (Sheet((Mark("tone", na=True),)), "marks.tone", "na_not_allowed"),
    (Sheet((Mark("empathy", 1, na=True),)), "marks.empathy", "na_with_value"),
    (Sheet((Mark("tone", 1, owner="nobody"),)), "marks.tone.owner", "unknown_owner"),
    (Sheet((Mark("tone", 1, root_cause="moon"),)), "marks.tone.root_cause", "unknown_cause"),
    (Sheet((Mark("tone", 1, note="x" * 2_001),)), "marks.tone.note", "long_note"),
    (Sheet((Mark("tone", 1, evidence=(99,)),)), "marks.tone.evidence", "no_message"),
    (Sheet(hits=(HitDecision("R9", 0, "confirmed", "x"),)), "hits.R9", "unknown_rule"),
    (Sheet(hits=(HitDecision("R1", 0, "perhaps", "x"),)), "hits.R1", "unknown_decision"),
    (Sheet(hits=(HitDecision("R1", 0, "cleared", " "),)), "hits.R1.reason", "reason_missing"),
    (
        Sheet(hits=(HitDecision("R1", 0, "cleared", "x"), HitDecision("R1", 0, "confirmed", "x"))),
        "hits.R1",
        "decided_twice",
    ),
]


@pytest.mark.parametrize("sheet, path, code", REFUSED, ids=[r[2] for r in REFUSED])
def test_what_a_rubric_forbids_is_named(sheet: Sheet, path: str, code: str) -> None:
    found = check(RUBRIC, sheet, seqs={0, 1}, rules={"R1"})
    assert (path, code) in [(problem.path, problem.code) for problem in found]


def test_a_sheet_where_nothing_applies_has_no_score() -> None:
    rubric = Rubric(
        "r",
        1,
        BOTH,
        (Dimension("x", BOTH, FULL, (Criterion("a", BOTH, Kind.YES_NO, FULL, allow_na=True),)),),
        (Choice("agent", BOTH),),
    )
    with pytest.raises(SheetError) as caught:
        score(rubric, Sheet((Mark("a", na=True),)), {})
    assert [problem.code for problem in caught.value.problems] == ["nothing_applies"]


def test_a_confirmed_rule_without_an_effect_is_refused() -> None:
    with pytest.raises(SheetError):
        score(RUBRIC, confirmed("R1"), {})


HOSTILE = [
    {"marks": 3}, {"marks": [3]}, {"marks": [{"criterion_id": 3}]}, {"marks": [{"criterion_id": "a", "value": "1"}]},
    {"marks": [{"criterion_id": "a", "value": True}]}, {"marks": [{"criterion_id": "a", "na": 1}]},
    {"marks": [{"criterion_id": "a", "evidence": ["0"]}]}, {"hits": [{"rule_id": "R1", "decision": "cleared"}]},
    {"comment": ["x"]}, [], {"marks": [{"criterion_id": "a", "value": 10**30}]},
]  # fmt: skip


@pytest.mark.parametrize("data", HOSTILE, ids=[json.dumps(h) for h in HOSTILE])
def test_wrong_types_from_a_browser_are_refused(data) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SheetError):
        Sheet.from_dict(data)


def test_text_that_cannot_be_stored_is_cleaned() -> None:
    assert Sheet.from_dict({"comment": "a\ud800\x00b"}).comment == "a?b"
