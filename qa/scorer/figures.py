"""What a machine scorer is worth: judge only, human only and corrected, in total and per criterion, its agreement with
inspectors beside their own, and how often it was void or could not tell.

One function feeds page, command and file. Nothing here is about one person: agents' corrected means are those of
`scoring.judge.corrected`, with their intervals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl
from sqlalchemy import select

from qa.blinding import waiting
from qa.calibration.comparing import Inspected, Share, inspected, latest
from qa.calibration.independent import by_chance
from qa.policy import Actor, Right, require
from qa.reports.metrics import TOTAL
from qa.scorer import reviewed, versions
from qa.scorer.reviewed import Judged
from qa.scorer.versions import ScorerView
from qa.tables import Sample
from qa.workbench import Workbench
from scoring import judge
from scoring.judge import bands, corrected
from scoring.judge.bands import JudgedBand
from scoring.judge.corrected import JudgeComparison
from scoring.label import Label
from scoring.rubric import Criterion

MONTH = 30.4
LEAST_REVIEWS = corrected.LEAST_REVIEWS
PERIODS = {"month": 31, "quarter": 92, "all": None}
"""Days looked back."""


@dataclass(frozen=True)
class CriterionWorth:
    """One criterion: the share of conversations with an objection, three ways; `calibrated` says whether earlier
    reviews were enough to calibrate it. `agrees` counts reviews in which scorer and inspector both objected or both
    did not, `inspectors` doubles in which two inspectors did. Answers: all, void and cannot tell."""

    id: str
    label: Label
    share: JudgeComparison
    calibrated: bool
    agrees: Share | None
    inspectors: Share | None
    answers: int
    void: int
    cannot_tell: int


@dataclass(frozen=True)
class Worth:
    """A scorer in a period. `total` compares the mean score in points; `a_month` is what the scorer is worth in reviews
    a month; `scored` of `units` conversations of the draws have a score; `agents` is a row for each agent: agent_id, n,
    human, human_low, human_high, value, low, high. `points` between scorer and inspector, and between two inspectors,
    are mean absolute differences with the number of pairs."""

    scorer: ScorerView
    first: date | None
    last: date | None
    draws: int
    units: int
    scored: int
    reviews: int
    total: JudgeComparison
    a_month: float
    stacked: bool
    criteria: tuple[CriterionWorth, ...]
    agents: pl.DataFrame
    points: tuple[float, int] | None
    points_inspectors: tuple[float, int] | None
    void_scores: int


def worth(
    bench: Workbench, actor: Actor, *, scorer: str | int, today: date, period: str = "quarter"
) -> Worth:  # fmt: skip
    """What the scorer adds to the reviews of the last days (`PERIODS`)."""
    require(actor, Right.VIEW_RESULTS)
    view = versions.get(bench, actor, scorer)
    days = PERIODS[period]
    first = None if days is None else today - timedelta(days=days)
    read = reviewed.read(bench, view, first=first, last=None)
    total = corrected.compare(read.sample, read.population, read.history, bounds=TOTAL.bounds)
    with bench.db.read() as session:
        pairs = _doubles(latest(inspected(session, by_chance())))
    return Worth(
        view,
        first,
        None,
        read.draws,
        read.population.height,
        read.population["own"].count(),
        read.sample.height,
        total,
        total.worth / max(_months(read), 1 / MONTH),
        read.stacked,
        tuple(_criterion(read, one, pairs) for one in read.rubric.criteria),
        _agents(read),
        _apart(read.sample),
        _apart_inspectors(pairs),
        _count(read.answers, None, judge.VOID),
    )


def band_of(bench: Workbench, actor: Actor, *, scorer: str | int, conversation_key: str) -> JudgedBand | None:
    """What may be said of one conversation: where inspectors scored conversations like it. Only for readers of results;
    None without a score, with too few reviews, or while the reader still has to score it."""
    require(actor, Right.VIEW_RESULTS)
    view = versions.get(bench, actor, scorer)
    with bench.db.read() as session:
        mine = select(Sample.id).where(Sample.conversation_key == conversation_key, Sample.id.in_(waiting(actor)))
        if session.scalar(mine.limit(1)) is not None:
            return None
    read = reviewed.read(bench, view, first=None, last=None)
    scored = versions.scores(bench.archive.at(), view.predictor, view.version).filter(
        (pl.col("conversation_key") == conversation_key) & pl.col("about").is_null() & pl.col("loss").is_not_null()
    )
    loss = scored.select("loss").collect()["loss"].to_list()
    past = read.sample.filter(pl.col("conversation_key") != conversation_key).select(f="own", y="y", pi="pi")
    return bands.band(past, 100 - loss[0] / 100) if loss else None


def _months(read: Judged) -> float:
    days = read.sample["day"]
    first, last = days.min(), days.max()
    return ((last - first).days + 1) / MONTH if isinstance(first, date) and isinstance(last, date) else 1.0


Pairs = Sequence[tuple[frozenset[str], frozenset[str], int, int]]
"""Both readings of each double: criteria objected to, and the totals in centi-points."""


def _doubles(marks: Iterable[Inspected]) -> Pairs:
    by_sample: dict[int, list[Inspected]] = {}
    for mark in marks:
        by_sample.setdefault(mark.sample_id, []).append(mark)
    found = []
    for both in by_sample.values():
        if len(both) == 2 and both[0].rubric_version_id == both[1].rubric_version_id:
            one, other = (frozenset(line.id for line in each.outcome.lines if line.kind == "loss") for each in both)
            first, second = (each.outcome.total_without_redlines for each in both)
            found.append((one, other, first, second))
    return found


def _criterion(read: Judged, one: Criterion, pairs: Pairs) -> CriterionWorth:
    columns = {"y": (pl.col(f"y_{one.id}").fill_null(0) > 0).cast(pl.Float64), "f": pl.col(f"f_{one.id}")}
    own = pl.when(pl.col(f"f_{one.id}").is_not_null()).then("version").otherwise(pl.lit(""))
    keep = ("agent_id", "pi", "reason")
    sample = read.sample.select(*keep, **columns, version=own)
    history = read.history.select(*keep, **columns, version=own)
    population = read.population.select("agent_id", f=columns["f"], version=own)
    compared = corrected.compare_rate(sample, population, history)
    both = read.sample.select(y=columns["y"], f=columns["f"]).drop_nulls()
    agree = both.filter((pl.col("y") > 0) == (pl.col("f") > 0.5)).height
    same = sum((one.id in first) == (one.id in second) for first, second, _, _ in pairs)
    mine = read.answers.filter(pl.col("about") == one.id)
    return CriterionWorth(
        one.id, one.label, compared, one.id in read.calibrated, Share.of(agree, both.height) if both.height else None,
        Share.of(same, len(pairs)) if pairs else None, int(mine["n"].sum()), _count(read.answers, one.id, judge.VOID),
        _count(read.answers, one.id, judge.CANNOT_TELL),
    )  # fmt: skip


def _count(answers: pl.DataFrame, about: str | None, answer: str) -> int:
    of = pl.col("about").is_null() if about is None else pl.col("about") == about
    return int(answers.filter(of & (pl.col("answer") == answer))["n"].sum())


def _agents(read: Judged) -> pl.DataFrame:
    human, better = corrected.agents(read.sample, read.population, read.history, bounds=TOTAL.bounds)
    named = human.select("agent_id", "n", human="value", human_low="low", human_high="high")
    return named.join(better.select("agent_id", "value", "low", "high"), on="agent_id")


def _apart(sample: pl.DataFrame) -> tuple[float, int] | None:
    both = sample.drop_nulls(["own", "y"])
    mean = (both["own"] - both["y"]).abs().mean()
    return (float(mean), both.height) if isinstance(mean, (int, float)) else None


def _apart_inspectors(pairs: Pairs) -> tuple[float, int] | None:
    apart = [abs(first - second) / 100 for _, _, first, second in pairs]
    return (sum(apart) / len(apart), len(apart)) if apart else None
