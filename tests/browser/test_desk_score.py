"""The live total in the browser equals `scoring.sheet` on many random sheets and rubrics."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from playwright.sync_api import Browser

from pages.kit.desk.component import ASSETS
from pages.screens.desk import scorecard
from qa.i18n import Translator
from scoring.label import Label
from scoring.redline.rule import Effect, EffectKind
from scoring.rubric import AGENT, Choice, Criterion, Dimension, Kind, Level, Rubric, default
from scoring.sheet import HitDecision, Mark, Sheet, SheetError, score

pytestmark = pytest.mark.browser

SCRIPT = """async ([source, cases]) => {
  const { score } = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  return JSON.stringify(JSON.parse(cases).map(({ rubric, marks, hits, rules }) => score(rubric, marks, hits, rules)));
}"""
L = Label("中", "en")


def random_rubric(chance: random.Random) -> Rubric:
    """Odd points on purpose: thirds and halves must round alike."""
    dimensions = []
    for d in range(chance.randint(1, 4)):
        criteria = []
        for c in range(chance.randint(1, 5)):
            kind = chance.choice(list(Kind)) if c else Kind.DEDUCTION
            points = chance.randint(1, 1_500)
            steps = sorted(chance.sample(range(points), min(points, 2)))
            levels = tuple(Level(step, L) for step in [*steps, points]) if kind is Kind.SCALE else ()
            criteria.append(
                Criterion(
                    f"c{d}{c}",
                    L,
                    kind,
                    points,
                    each=chance.choice([0, max(1, points // 3)]),
                    levels=levels,
                    allow_na=True,
                )
            )
        dimensions.append(Dimension(f"d{d}", L, chance.randint(1, 5_000), tuple(criteria)))
    return Rubric("r", 1, L, tuple(dimensions), (Choice(AGENT, L), Choice("policy", L)))


def random_sheet(chance: random.Random, rubric: Rubric, rules: dict[str, Effect]) -> Sheet:
    marks = []
    for dimension in rubric.dimensions:
        for criterion in dimension.criteria:
            if chance.random() < 0.7:
                na = criterion.allow_na and chance.random() < 0.25
                value = None if na or chance.random() < 0.1 else chance.randint(0, criterion.max_count)
                marks.append(Mark(criterion.id, value, na, chance.choice([AGENT, AGENT, "policy"])))
    hits = [
        HitDecision(rule, 1, chance.choice(["confirmed", "cleared"]), "why") for rule in rules if chance.random() < 0.5
    ]
    return Sheet(tuple(marks), tuple(hits))


def expected(rubric: Rubric, sheet: Sheet, rules: dict[str, Effect]) -> dict[str, Any] | None:
    try:
        outcome = score(rubric, sheet, rules)
    except SheetError:
        return None
    lines = {line.id: line.points for line in outcome.lines if line.kind in ("loss", "bonus")}
    return {
        "total": outcome.total,
        "total_without_redlines": outcome.total_without_redlines,
        "lines": lines,
        "dimensions": [
            {
                "id": d.id,
                "earned": d.earned,
                "possible": d.possible,
                "earned_without_redlines": d.earned_without_redlines,
            }
            for d in outcome.dimensions
        ],
    }


def test_the_browser_adds_up_like_the_server(browser: Browser) -> None:
    chance, cases, wanted = random.Random(7), [], []
    for number in range(2_000):
        rubric = default() if number % 4 == 0 else random_rubric(chance)
        rules = {
            "R1": Effect(EffectKind.CAP, cap=chance.randint(0, 10_000)),
            "R2": Effect(EffectKind.ZERO_DIMENSION, dimension=rubric.dimensions[0].id),
            "R3": Effect(EffectKind.FLAG),
            "R4": Effect(EffectKind.ZERO_FORM) if chance.random() < 0.2 else Effect(EffectKind.CAP, cap=6_000),
            "R5": Effect(EffectKind.ZERO_DIMENSION, dimension="elsewhere"),
        }
        sheet = random_sheet(chance, rubric, rules)
        plain = sheet.to_dict()
        cases.append(
            {
                "rubric": scorecard.rubric(Translator("en"), rubric),
                "marks": {mark["criterion_id"]: mark for mark in plain["marks"]},
                "hits": plain["hits"],
                "rules": {rule: {"effect": effect} for rule, effect in scorecard.effects(rules).items()},
            }
        )
        wanted.append(expected(rubric, sheet, rules))
    page = browser.new_page()
    got = json.loads(page.evaluate(SCRIPT, [(ASSETS / "score.js").read_text(), json.dumps(cases)]))
    page.close()
    assert sum(one is not None for one in wanted) > 1_500
    for number, (browser, server) in enumerate(zip(got, wanted, strict=True)):
        if server is not None:
            assert browser == server, cases[number]
