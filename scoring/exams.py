"""Exams: questions drawn by keyed hash, options in an order of each examinee, marks, and how well each question
measures.

Marks are exact, in hundredths of a point of 100. Difficulty is the share of right answers (Clopper & Pearson 1934 for
its interval), discrimination the correlation of a question with the rest of the paper (Henrysson 1963): classical test
theory, Lord & Novick 1968, ch. 15.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.estimate.rates import clopper_pearson
from scoring.keyed import commit, frame_hash, permanent_numbers

ALGORITHM = "hmac-order/1"
PAPER, REGULAR = 70, 30
"""Weights in per cent of the monthly paper and of the regular marks."""
FULL = 10_000
LEAST_SITTINGS = 10
"""Answers below which a question's discrimination is not stated."""


@dataclass(frozen=True, slots=True)
class ExamDraw:
    """Which questions of a frame come first under a seed, and what proves it."""

    order: tuple[str, ...]
    seed_commitment: str
    frame_hash: str
    algorithm: str = ALGORITHM


@dataclass(frozen=True, slots=True)
class ItemFigures:
    """How one question did: people asked, share right with its interval, correlation with the rest (None: too few)."""

    n: int
    difficulty: float | None
    low: float | None
    high: float | None
    discrimination: float | None


def draw(seed: str, ids: Iterable[str]) -> ExamDraw:
    """All of `ids` in the order that the seed gives them."""
    frame = sorted(set(ids))
    return ExamDraw(_ordered(seed, frame), commit(seed), frame_hash(frame))


def shuffled(seed: str, examinee: str, question: str, options: Sequence[str]) -> tuple[str, ...]:
    """The options of one question in the order of one examinee."""
    by = {f"{examinee}/{question}/{option}": option for option in options}
    return tuple(by[name] for name in _ordered(seed, list(by)))


def _ordered(seed: str, names: Sequence[str]) -> tuple[str, ...]:
    numbers = permanent_numbers(seed, names)
    return tuple(names[k] for k in np.argsort(numbers, kind="stable").tolist())


def right(key: Mapping[str, Sequence[str]], answer: Mapping[str, str]) -> dict[str, bool]:
    """For each part of a question whether the answer is one of those the key allows."""
    return {part: answer.get(part, "") in allowed for part, allowed in key.items()}


def paper_mark(parts: Iterable[bool]) -> int:
    """The mark of a paper in hundredths of a point: right parts of all parts, rounded half up."""
    every = list(parts)
    return 0 if not every else (2 * FULL * sum(every) + len(every)) // (2 * len(every))


def monthly_mark(paper: Sequence[int], regular: Sequence[int]) -> int | None:
    """Papers × 70 % + regular marks × 30 %, both means, in hundredths; the paper alone where there are no regular
    marks; None without a paper. Rounded half up."""
    if not paper:
        return None
    if not regular:
        return (2 * sum(paper) + len(paper)) // (2 * len(paper))
    whole = PAPER * sum(paper) * len(regular) + REGULAR * sum(regular) * len(paper)
    by = 100 * len(paper) * len(regular)
    return (2 * whole + by) // (2 * by)


def item_figures(answers: NDArray[np.float64]) -> tuple[ItemFigures, ...]:
    """Figures of each column of `answers` (people × questions: share of the parts that are right, NaN: not asked)."""
    found = []
    for column in range(answers.shape[1]):
        asked = ~np.isnan(answers[:, column])
        mine, rest = answers[asked, column], np.delete(answers[asked], column, axis=1)
        n = int(asked.sum())
        if n == 0:
            found.append(ItemFigures(0, None, None, None, None))
            continue
        wholly = int((mine == 1).sum())
        low, high = clopper_pearson(wholly, n)
        found.append(ItemFigures(n, wholly / n, low, high, _correlation(mine, rest)))
    return tuple(found)


def _correlation(mine: NDArray[np.float64], rest: NDArray[np.float64]) -> float | None:
    told = ~np.isnan(rest).all(axis=1) if rest.shape[1] else np.zeros(len(mine), dtype=bool)
    if int(told.sum()) < LEAST_SITTINGS:
        return None
    others = np.nanmean(rest[told], axis=1)
    if mine[told].std() == 0 or others.std() == 0:
        return None
    return float(np.corrcoef(mine[told], others)[0, 1])
