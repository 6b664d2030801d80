"""What a scorer is worth on real draws: corrected and narrower where it sees something, untouched where it does not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from qa import draws
from qa.config import Config
from qa.draws import PlanDesign, SourceQuota
from qa.errors import Denied
from qa.policy import Actor, Role
from qa.reports.scope import Scope
from qa.reports.standings import standings
from qa.scorer import figures, versions
from qa.workbench import Workbench
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
    versions.activate(bench, LEAD, now=now, scorer=done.version)
    design = PlanDesign(quotas=(SourceQuota("chat", 5),), pool_share=0.0, adapt=False, predictor="machine:acme")
    seen = draws.preview(bench, LEAD, period=learning.week(3), design=design)
    assert seen.resolved.model_version.startswith(done.version)
    assert seen.resolved.lam is not None
    assert seen.resolved.lam > 0
    few = draws.preview(bench, LEAD, period=learning.week(2), design=design)
    assert few.resolved.model_version.startswith(done.version)
    assert few.resolved.lam == 0, "144 reviews before it are too few to tell"
