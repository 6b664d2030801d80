"""What a scorer is worth on real draws: corrected and narrower where it sees something, untouched where it does not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sqlalchemy import select

from qa import draws
from qa.config import Config
from qa.draws import PlanDesign, SourceQuota
from qa.errors import Denied
from qa.policy import Actor, Role
from qa.reports.scope import Scope
from qa.reports.standings import standings
from qa.scorer import beside, calibrated, figures, reviewed
from qa.scorer.reviewed import Judged
from qa.tables import AuditEntry
from qa.workbench import Workbench
from scoring.judge import corrected
from tests.conftest import NOW
from tests.qa.scorer import world
from tests.world import learning

LEAD = Actor(user_id=1, role=Role.LEAD, name="Lead")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    folder = tmp_path_factory.mktemp("reviewed")
    shutil.copy(sqlite_template, folder / "workbench.db")
    bench = _open(folder)
    world.reviewed(bench, LEAD, NOW)
    bench.close()
    return folder


def _open(folder: Path) -> Workbench:
    return Workbench.open(Config(home=folder, database_url=f"sqlite:///{folder / 'workbench.db'}"))


@pytest.fixture
def bench(home: Path, tmp_path: Path) -> Iterator[Workbench]:
    shutil.copytree(home, tmp_path / "home")
    opened = _open(tmp_path / "home")
    yield opened
    opened.close()


def worth(bench: Workbench, now: datetime) -> figures.Worth:
    return figures.worth(bench, LEAD, scorer="acme", today=now.date(), period="all")


def test_the_sample_corrects_the_scorer_and_the_scorer_narrows_the_sample(
    bench: Workbench, now: datetime, tmp_path: Path
) -> None:
    world.take(bench, now, tmp_path / "s.csv", world.chats())
    found = worth(bench, now)
    assert (found.draws, found.units, found.scored, found.reviews) == (4, 320, 320, 288)
    total = found.total
    assert total.helps
    assert total.lam > 0
    assert total.ratio is not None
    assert total.ratio < 1, "red lines, which no scorer sees, make most of the spread"
    assert total.r is not None
    assert total.least is not None
    assert total.r > 3 * total.least
    assert found.a_month > 0
    human = standings(bench, LEAD, scope=Scope()).team
    assert total.human.value == pytest.approx(human.value), "the same reviews, the same figure as on Trends"
    assert total.corrected.low >= total.human.low - 0.5
    assert total.corrected.high <= total.human.high + 0.5
    [one] = [each for each in found.criteria if each.id == world.CRITERION]
    assert (one.answers, one.void, one.cannot_tell) == (320, 0, 0)
    assert one.agrees is not None
    assert 0.6 < one.agrees.k / one.agrees.n < 0.95
    assert one.share.corrected.value is not None
    assert found.agents.height == 4
    assert (found.agents["high"] - found.agents["low"] < found.agents["human_high"] - found.agents["human_low"]).all()
    band = figures.band_of(bench, LEAD, scorer="acme", conversation_key="shop:amy-1")
    assert band is not None
    assert band.low < band.high


def test_scores_given_to_what_was_reviewed_are_not_used(bench: Workbench, now: datetime, tmp_path: Path) -> None:
    chosen = sorted(world.judged(bench))
    world.take(bench, now, tmp_path / "s.csv", chosen)
    found = worth(bench, now)
    assert found.total.reason == "dependent"
    assert found.total.corrected == found.total.human
    assert not found.total.helps


def test_a_scorer_that_sees_nothing_brings_nothing(bench: Workbench, now: datetime, tmp_path: Path) -> None:
    world.take(bench, now, tmp_path / "s.csv", world.chats(), blind=True)
    found = worth(bench, now)
    assert not found.total.helps
    assert found.total.worth == 0
    assert found.total.ratio is None or found.total.ratio >= 0.98


def test_a_part_may_be_without_scores(bench: Workbench, now: datetime, tmp_path: Path) -> None:
    """Whoever is scored is chosen without regard to reviews; the others take the next predictor's value."""
    chosen = [key for key in world.chats() if int(key.rpartition("-")[2]) % 5]
    world.take(bench, now, tmp_path / "s.csv", chosen)
    found = worth(bench, now)
    assert found.scored == 256
    assert found.total.reason == ""
    assert found.total.ratio is not None
    assert found.total.ratio < 1


def test_inspectors_and_agents_see_none_of_it(bench: Workbench, now: datetime, tmp_path: Path) -> None:
    world.take(bench, now, tmp_path / "s.csv", world.chats()[:5])
    for role in (Role.INSPECTOR, Role.AGENT):
        with pytest.raises(Denied):
            figures.worth(bench, Actor(9, role, "x", agent_id="amy"), scorer="acme", today=now.date())
        with pytest.raises(Denied):
            figures.band_of(bench, Actor(9, role, "x"), scorer="acme", conversation_key="shop:amy-1")


def test_a_plan_weighs_a_scorer_by_what_it_said_of_past_reviews(
    bench: Workbench, now: datetime, tmp_path: Path
) -> None:
    """λ is frozen from the reviews before, of one version alone."""
    done = world.take(bench, now, tmp_path / "s.csv", world.chats())
    calibrated.activate(bench, LEAD, now=now, scorer=done.version)
    design = PlanDesign(quotas=(SourceQuota("chat", 5),), pool_share=0.0, adapt=False, predictor="machine:acme")
    seen = draws.preview(bench, LEAD, period=learning.week(3), design=design)
    assert seen.resolved.model_version.startswith(done.version)
    assert seen.resolved.lam is not None
    assert seen.resolved.lam > 0
    few = draws.preview(bench, LEAD, period=learning.week(2), design=design)
    assert few.resolved.model_version.startswith(done.version)
    assert few.resolved.lam == 0, "144 reviews before it are too few to tell"


def test_plans_take_the_calibrated_value_and_never_a_conversations_own_review(
    bench: Workbench, now: datetime, tmp_path: Path
) -> None:
    done = world.take(bench, now, tmp_path / "s.csv", world.chats())
    found = calibrated.calibrated(bench, bench.archive.at(), done.predictor, done.version, 1)
    assert (found.reviews, found.criteria, found.rows.height) == (288, (world.CRITERION,), 320)
    points = 100 - found.rows["loss"] / 100
    assert points.n_unique() <= 2 * calibrated.FOLDS, "two answers, in each fold on the scale of inspectors"
    truth = worth(bench, now).total.human.value
    raw = 100 - bench.archive.at().scan("machine_scores").filter(pl.col("about").is_null()).collect()["loss"] / 100
    assert abs(points.mean() - truth) < abs(raw.mean() - truth)


def test_a_review_never_tells_its_own_conversation() -> None:
    """Out of fold: turning one review round moves the values of other folds, not that of its own."""
    folds = [n % 5 for n in range(500)]
    answers = pl.DataFrame(
        {
            "conversation_key": [f"c{n}" for n in range(500)],
            "about": "tone",
            "given": [float(n // 5 % 2) for n in range(500)],
            "fold": folds,
        }
    )
    whole = answers.select("conversation_key", "fold", own=pl.lit(90.0))

    def values(turned: float) -> dict[str, float]:
        loss = [float((n // 5 % 2) ^ (n % 7 == 0)) for n in range(500)]
        loss[0] = turned
        judged = answers.with_columns(loss=pl.Series(loss), pi=pl.lit(0.1))
        criteria = calibrated._criteria(judged)
        assert criteria == ("tone",)
        found = calibrated._expected(whole, answers, judged, criteria)
        return dict(found.select("conversation_key", "own").iter_rows())

    before, after = values(0.0), values(1.0)
    assert before["c0"] == after["c0"]
    assert before["c1"] != after["c1"]


def test_the_corrected_estimate_stands_beside_a_pages_own(bench: Workbench, now: datetime, tmp_path: Path) -> None:
    assert beside.beside(bench, LEAD, scope=Scope()) is None
    done = world.take(bench, now, tmp_path / "s.csv", world.chats())
    calibrated.activate(bench, LEAD, now=now, scorer=done.version)
    team = beside.beside(bench, LEAD, scope=Scope())
    assert team.human.value == pytest.approx(standings(bench, LEAD, scope=Scope()).team.value)
    assert team.corrected.width < team.human.width
    own = beside.beside(bench, Actor(5, Role.AGENT, "Amy", "amy"), scope=Scope(), agent_id="amy")
    assert own.corrected.width < own.human.width
    assert team.agents["amy"] == own.corrected, "the same figure in lists of agents"
    with pytest.raises(Denied):
        beside.beside(bench, Actor(5, Role.AGENT, "Amy", "amy"), scope=Scope(), agent_id="bob")
    assert beside.beside(bench, LEAD, scope=Scope(), metric="redline").reason == "few_reviews"
    assert beside.beside(bench, LEAD, scope=Scope(), metric="clean").reason == "metric"
    for scope, why in (
        (Scope(source="dispute"), "source"), (Scope(shops=("A",)), "filters"), (Scope(adjusted=True), "adjusted"),
        (Scope(first=now.date()), "no_draws"),
    ):  # fmt: skip
        assert beside.beside(bench, LEAD, scope=scope).reason == why


def test_the_rate_of_red_lines_is_corrected_by_chances_learnt_before() -> None:
    rng = np.random.default_rng(5)
    units = pl.DataFrame({"own": rng.uniform(20, 100, 8_000), "risk": rng.uniform(0.01, 0.3, 8_000)}).with_columns(
        conversation_key=pl.int_range(pl.len()).cast(pl.String),
        agent_id=pl.concat_str(pl.lit("a"), (pl.int_range(pl.len()) % 20).cast(pl.String)),
        redline=pl.Series(rng.random(8_000)) < (100 - pl.col("own")) ** 2 / 20_000,
        pi=0.25, reason=pl.lit("base"), rest=pl.lit(90.0), f=pl.col("own"), y=pl.lit(90.0), version=pl.lit("v1"),
    )  # fmt: skip
    population, history = units[:6_000], units[6_000:]
    sample = population.filter(pl.col("conversation_key").hash(3) % 4 == 0)
    read = Judged(None, sample, history, population, (), pl.DataFrame(), 1)  # type: ignore[arg-type]
    told = reviewed.with_chances(read)
    assert told is not None
    found = corrected.compare_rate(told.sample, told.population, told.history)
    truth = population["redline"].mean()
    assert found.corrected.low < truth < found.corrected.high
    assert found.lam > 0.5
    assert found.corrected.se < 0.97 * found.human.se
    few = replace(read, history=history.head(100))
    assert reviewed.with_chances(few) is None


def test_more_reviews_calibrate_a_version_in_use_anew(
    bench: Workbench, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = world.take(bench, now, tmp_path / "s.csv", world.chats())
    assert calibrated.renew(bench, LEAD, now=now) == (), "it is not in use"
    calibrated.activate(bench, LEAD, now=now, scorer=done.version)
    assert calibrated.renew(bench, LEAD, now=now) == (), "no review more"
    with bench.db.write() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "scorer.activated")).one()
        assert entry.facts["reviews"] == 288
    monkeypatch.setattr(calibrated, "GROWN", 0.5)
    assert calibrated.renew(bench, LEAD, now=now) == (done.version,)
