"""The risk model as a service: what it learns from, what it may speak of, and what draws and estimates do with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from sqlalchemy import select, update

from qa import draws, predictors, reports
from qa.archive import predictions
from qa.config import Config
from qa.draws import Period, PlanDesign, SourceQuota
from qa.draws.evidence import look, reviews
from qa.errors import Cancelled, Conflict, Denied, Invalid, NotFound
from qa.policy import Actor, Role
from qa.reports import measures
from qa.tables import AuditEntry, Draw, Inspection, RiskModelVersion, Sample, Verdict
from qa.workbench import Workbench
from scoring import estimate
from tests.conftest import NOW
from tests.world import learning as world

LEAD = Actor(user_id=1, role=Role.LEAD, name="Lead")
TRAINED = 1
"""The model of the reviewed weeks."""


@dataclass(frozen=True)
class Home:
    """A workbench made once and copied for every test that starts from it; `number` is its plan, or its first predicted
    draw."""

    folder: Path
    number: int


@pytest.fixture(scope="module")
def learnt_home(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Home:
    """Two reviewed weeks of a shop with four, and the model they taught, not in use yet."""

    def build(bench: Workbench, lead: Actor, now: datetime) -> int:
        plan = _learnt(bench, lead, now)
        assert predictors.train(bench, lead, now=now).id == TRAINED
        return plan

    return _home(tmp_path_factory.mktemp("learnt"), sqlite_template, build)


@pytest.fixture(scope="module")
def predicted_home(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Home:
    """Four reviewed weeks, the last two with predictions of a model of the first two."""
    return _home(tmp_path_factory.mktemp("predicted"), sqlite_template, _predicted)


def _home(folder: Path, template: Path, build: Callable[[Workbench, Actor, datetime], int]) -> Home:
    shutil.copy(template, folder / "workbench.db")
    bench = _open(folder)
    number = build(bench, LEAD, NOW)
    bench.close()
    return Home(folder, number)


def _open(folder: Path) -> Workbench:
    return Workbench.open(Config(home=folder, database_url=f"sqlite:///{folder / 'workbench.db'}"))


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> Iterator[Workbench]:
    """A workbench on SQLite: a copy of the home the test asks for (`learnt`, `predicted`), or an empty one."""
    for name in ("learnt", "predicted"):
        if name in request.fixturenames:
            shutil.copytree(request.getfixturevalue(f"{name}_home").folder, tmp_path, dirs_exist_ok=True)
            break
    else:
        shutil.copy(sqlite_template, tmp_path / "workbench.db")
    workbench = _open(tmp_path)
    yield workbench
    workbench.close()


@pytest.fixture
def learnt(learnt_home: Home) -> int:
    """Ask for the reviewed weeks; the plan they were drawn with."""
    return learnt_home.number


def _learnt(bench: Workbench, lead: Actor, now: datetime) -> int:
    world.fill(bench)
    plan = world.plan(bench, lead, now, chats=18)
    for number in (0, 1):
        world.review(bench, lead, now, plan, number)
    return plan


def _in_use(bench: Workbench) -> pl.DataFrame:
    """What a draw would read of every conversation: conversation_key, day, version, p and loss."""
    snapshot = bench.archive.at()
    chats = snapshot.scan("conversations").select("conversation_key", day=pl.col("started_at").dt.date())
    said = predictions.scan(snapshot).sort(pl.col("predictor") == predictions.RISK)
    version = said.group_by("conversation_key").agg(pl.col("version").last())
    return predictions.predicted(chats, snapshot).join(version, on="conversation_key").collect()


def test_a_model_is_trained_kept_and_used_on_both_databases(any_bench: Workbench, lead: Actor, now: datetime) -> None:
    _learnt(any_bench, lead, now)
    before = _in_use(any_bench).sort("conversation_key")
    steps: list[float] = []
    model = predictors.train(any_bench, lead, now=now, progress=lambda share, what: steps.append(share))
    assert steps == sorted(steps)
    assert steps[-1] <= 1
    assert (model.state, model.labels) == ("trained", 144)
    assert world.week(0).first <= model.trained_from <= model.trained_to <= world.week(1).last
    assert model.violations >= 8
    assert model.auc is not None
    assert model.auc > 0.95
    assert sum(b.n for b in model.calibration) == model.labels
    assert model.curve[-1][0] == model.labels
    assert model.largest_pool == pytest.approx(0.10), "few labels allow a small pool only"
    assert predictors.train(any_bench, lead, now=now) == model, "the same verdicts are the same model"
    assert predictors.score(any_bench, lead, now=now).version == "", "nothing is in use yet"

    used = predictors.activate(any_bench, lead, now=now, model=model.id)
    done = predictors.score(any_bench, lead, now=now)
    assert (used.state, done.version, done.conversations) == ("active", model.version, 160)
    assert predictors.score(any_bench, lead, now=now).conversations == 0
    assert predictors.get_model(any_bench, lead).id == model.id
    with any_bench.db.read() as session:
        actions = session.scalars(
            select(AuditEntry.action).where(AuditEntry.entity.in_(("risk_model", "archive")))
        ).all()
    assert {"risk_model.trained", "risk_model.activated", "risk_model.scored"} <= set(actions)

    # one version is in use, and when none is the rule score comes back
    old = predictors.train(any_bench, lead, now=now, until=world.week(0).last)
    assert old.version != model.version
    assert old.trained_to <= world.week(0).last
    for one in (old, model, model):
        predictors.activate(any_bench, lead, now=now, model=one.version)
    assert [(m.id, m.state) for m in predictors.list_models(any_bench, lead)] == [
        (old.id, "retired"),
        (model.id, "active"),
    ]
    assert predictors.retire(any_bench, lead, now=now).state == "retired"
    with pytest.raises(NotFound):
        predictors.get_model(any_bench, lead)
    with pytest.raises(NotFound):
        predictors.activate(any_bench, lead, now=now, model="nobody")
    back = predictors.score(any_bench, lead, now=now)
    assert (back.version, back.conversations) == ("", 160)
    after = _in_use(any_bench).sort("conversation_key")
    assert after["version"].unique().to_list() == ["rules"]
    assert after["loss"].null_count() == after.height
    assert after.equals(before)


def test_only_days_after_the_last_one_learnt_from_are_scored(
    bench: Workbench, lead: Actor, now: datetime, learnt: int
) -> None:
    before = _in_use(bench)
    model = predictors.activate(bench, lead, now=now, model=TRAINED)
    predictors.score(bench, lead, now=now)
    after = _in_use(bench)
    own = after.filter(pl.col("version") == model.version)
    assert own["day"].min() > model.trained_to
    kept = after.filter(pl.col("version") == "rules")
    assert kept["day"].max() <= model.trained_to
    assert kept.sort("conversation_key").equals(
        before.join(kept, on="conversation_key", how="semi").sort("conversation_key")
    )
    bad = own.with_columns(bad=pl.col("conversation_key").map_elements(world.is_bad, return_dtype=pl.Boolean))
    means = dict(bad.group_by("bad").agg(pl.col("p").mean()).iter_rows())
    assert means[True] > 5 * means[False]
    assert own["loss"].is_between(0, 10_000).all()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(-20, 40), st.integers(0, 20), st.integers(-20, 40), st.integers(0, 20))
def test_no_model_weights_a_day_it_learnt_from(
    bench: Workbench, first: int, days: int, begin: int, length: int
) -> None:
    """Whatever the days of training and of the period: predictions are used exactly when none of them is shared."""
    start = world.MONDAY + timedelta(days=first)
    period = Period(world.MONDAY + timedelta(days=begin), world.MONDAY + timedelta(days=begin + length))
    name = f"m{abs(hash((first, days))) % 10**12}"
    with bench.db.write() as session:
        if session.scalar(select(RiskModelVersion.id).where(RiskModelVersion.version == name)) is None:
            session.add(
                RiskModelVersion(
                    version=name,
                    state="trained",
                    trained_from=start,
                    trained_to=start + timedelta(days=days),
                    labels=300,
                    violations=40,
                    auc=0.9,
                    explained=0.5,
                    report={
                        "lam": 0.8,
                        "residual": [30.0, 900.0],
                        "curve": [],
                        "calibration": [],
                        "severity_adjusted": False,
                    },
                    content=b"",
                    content_hash="",
                    created_at=datetime(2026, 2, 1).astimezone(),
                )
            )
    learnt = {start + timedelta(days=k) for k in range(days + 1)}
    drawn = {period.first + timedelta(days=k) for k in range(length + 1)}
    with bench.db.read() as session:
        past = reviews(bench, session, bench.archive.at(), period.bounds(bench.config.zone)[0])
        found = look(session, past, [name, "rules"], period)
    assert (name in found.barred) == bool(learnt & drawn)
    assert (name in found.versions) == (not learnt & drawn)
    assert found.residual == (None if learnt & drawn else (30.0, 900.0))


def test_a_frame_leaves_out_predictions_of_a_model_that_learnt_from_its_days(
    bench: Workbench, lead: Actor, now: datetime, learnt: int
) -> None:
    model = predictors.activate(
        bench, lead, now=now, model=predictors.train(bench, lead, now=now, until=world.week(0).last).id
    )
    predictors.score(bench, lead, now=now)
    straddling = Period(world.week(0).first, world.week(3).last)
    design = PlanDesign(quotas=(SourceQuota("chat", 5),), pool_share=0.1, adapt=False)
    seen = draws.preview(bench, lead, period=straddling, design=design)
    assert seen.resolved.barred == (model.version,)
    assert seen.resolved.model_version == "rules"
    assert seen.unscreened == 240, "three of four weeks carry its predictions"
    clean = draws.preview(bench, lead, period=world.week(2), design=design)
    assert (clean.resolved.barred, clean.unscreened, clean.resolved.model_version) == ((), 0, model.version)


def test_new_conversations_get_predictions_and_changed_ones_wait(
    bench: Workbench, lead: Actor, now: datetime, learnt: int
) -> None:
    model = predictors.activate(bench, lead, now=now, model=TRAINED)
    predictors.score(bench, lead, now=now)
    world.add(bench, [("amy", 5, k) for k in range(30)], import_id=2)
    assert predictors.score(bench, lead, now=now, batch=20).conversations == 30
    assert _in_use(bench).filter(pl.col("day") > world.week(4).last)["version"].unique().to_list() == [model.version]
    world.add(bench, [("bob", 5, 1)], import_id=3)
    assert predictors.score(bench, lead, now=now).conversations == 1, "few are exchanged by key"
    assert _in_use(bench).height == bench.archive.at().count("conversations")
    # a conversation imported anew but not screened again keeps what it had
    with bench.archive.change("anew", now) as change:
        rows = change.before.scan("conversations").with_columns(pl.lit(9, pl.Int64).alias("import_id")).collect()
        change.replace("conversations", rows)
        change.replace("predictions", predictions.of(change.before, predictions.RULES).collect())
    assert predictors.score(bench, lead, now=now).conversations == 0


def test_stopping_writes_nothing_and_scoring_again_replaces_what_is_there(
    bench: Workbench, lead: Actor, now: datetime, learnt: int
) -> None:
    predictors.activate(bench, lead, now=now, model=TRAINED)
    version = bench.archive.version()
    with pytest.raises(Cancelled):
        predictors.score(bench, lead, now=now, cancel=lambda: True)
    assert bench.archive.version() == version
    predictors.score(bench, lead, now=now)
    before = _in_use(bench).sort("conversation_key")
    with bench.archive.change("predictions are of other signals", now) as change:
        change.replace("predictions", predictions.scan(change.before).with_columns(p=0.5).collect())
    assert predictors.score(bench, lead, now=now).conversations == 0
    assert predictors.score(bench, lead, now=now, again=True).conversations == 160
    mine = pl.col("version") != "rules"
    assert_frame_equal(_in_use(bench).sort("conversation_key").filter(mine), before.filter(mine))


def test_what_cannot_be_done_is_refused(bench: Workbench, lead: Actor, now: datetime) -> None:
    world.fill(bench, weeks=1)
    with pytest.raises(Invalid, match="at least"):
        predictors.train(bench, lead, now=now)
    inspector = Actor(2, Role.INSPECTOR, "Ida")
    for act in (predictors.train, predictors.score, predictors.retire):
        with pytest.raises(Denied):
            act(bench, inspector, now=now)
    assert predictors.outlook(bench, inspector).labels == 0


def test_changed_bytes_are_never_used(bench: Workbench, lead: Actor, now: datetime, learnt: int) -> None:
    with bench.db.write() as session:
        session.execute(update(RiskModelVersion).values(content=b"something else"))
    with pytest.raises(Conflict, match="cannot be used"):
        predictors.activate(bench, lead, now=now, model=TRAINED)


def test_a_receipt_with_a_trained_model_verifies_and_widths_follow_its_residuals(
    bench: Workbench, lead: Actor, now: datetime, learnt: int
) -> None:
    model = predictors.activate(bench, lead, now=now, model=TRAINED)
    predictors.score(bench, lead, now=now)
    draw = world.review(bench, lead, now, learnt, 2)
    with bench.db.write() as session:  # as if 300 reviews had taught it: its residuals are believed then
        session.execute(update(RiskModelVersion).values(labels=300))
    assert draws.verify(bench, lead, draw_id=draw).equal
    seen = draws.preview(bench, lead, period=world.week(3), plan_id=learnt)
    with bench.db.read() as session:
        row = session.scalars(select(RiskModelVersion)).one()
        assert seen.resolved.residual == tuple(row.report["residual"])
    assert seen.evidence.auc == model.auc
    assert seen.evidence.reviews == 300
    other = world.review(bench, lead, now, learnt, 3)
    assert draws.verify(bench, lead, draw_id=other).equal


def test_the_rule_scores_spread_is_fitted_from_two_hundred_reviews_on(
    bench: Workbench, lead: Actor, now: datetime
) -> None:
    world.fill(bench)
    plan = world.plan(bench, lead, now, chats=18)
    for number, fitted in ((0, False), (1, False), (2, False), (3, True)):
        seen = draws.preview(bench, lead, period=world.week(number), plan_id=plan)
        assert (seen.resolved.residual is not None) == fitted, number
        assert seen.evidence.reviews == (216 if fitted else 0)
        if number < 3:
            world.review(bench, lead, now, plan, number)
    # what is expected must be of the size that is seen: one bad chat in nine costs everything
    assert seen.resolved.residual is not None
    with bench.db.read() as session:
        risks = np.array(session.scalars(select(Sample.risk)).all())
    a, b = seen.resolved.residual
    expected = float(np.mean(a + b * risks * (1 - risks)))
    assert 0.5 < expected / (96.0**2 * (1 / 9) * (8 / 9)) < 2.0


def _predicted(bench: Workbench, lead: Actor, now: datetime) -> int:
    """Four reviewed weeks, the last two with predictions of a model of the first two; returns the first predicted
    draw."""
    world.fill(bench, per_week=40)
    plan = world.plan(bench, lead, now, chats=28)
    for number in (0, 1):
        world.review(bench, lead, now, plan, number)
    predictors.activate(bench, lead, now=now, model=predictors.train(bench, lead, now=now).id)
    predictors.score(bench, lead, now=now)
    first, _ = (world.review(bench, lead, now, plan, number) for number in (2, 3))
    return first


@pytest.fixture
def predicted(predicted_home: Home) -> int:
    """Ask for the predicted weeks; the first draw with predictions."""
    return predicted_home.number


SCOPE = reports.Scope(world.week(0).first, world.week(3).last)


def _reviews(bench: Workbench, draw: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Sample and population of a draw as `scoring.estimate` takes them, read from the tables."""
    with bench.db.read() as session:
        rows = session.execute(
            select(Sample.agent_id, Sample.pi, Sample.prediction, Sample.risk, Verdict.total, Inspection.inspector_id)
            .join(Verdict, Verdict.sample_id == Sample.id).join(Inspection, Inspection.id == Verdict.inspection_id)
            .where(Sample.draw_id == draw)
        ).all()  # fmt: skip
        summary = session.get_one(Draw, draw).receipt["frame_summary"]
    sample = pl.DataFrame(
        [(a, pi, 100 - loss / 100, p, total / 100, str(who)) for a, pi, loss, p, total, who in rows],
        schema=["agent_id", "pi", "f", "p", "y", "inspector_id"], orient="row",
    )  # fmt: skip
    return sample, pl.DataFrame(summary).drop("source")


def _frozen(bench: Workbench, draw_id: int) -> float:
    """The weight of predictions that the draw's receipt froze."""
    with bench.db.read() as session:
        return float(session.get_one(Draw, draw_id).receipt["plan"]["lam"])


def test_trends_use_predictions_where_draws_are_whole_and_equal_the_estimator(
    bench: Workbench, lead: Actor, predicted: int
) -> None:
    sample, population = _reviews(bench, predicted)
    lam = _frozen(bench, predicted)
    assert lam > 0.5, "known before the draw, and strong"
    expected = estimate.team(sample, population, lam=lam)
    found = reports.trend(bench, lead, scope=SCOPE, by="all")
    rows = {row["period"]: row for row in found.frame.iter_rows(named=True)}
    assert [row["method"] for row in rows.values()] == ["moderated", "moderated", "difference", "difference"]
    row = rows[world.week(2).first]
    assert row["value"] == pytest.approx(expected.value, abs=1e-9)
    assert row["se"] == pytest.approx(expected.se, rel=0.5)
    truth = 100 - 96 / 9
    assert abs(row["value"] - truth) < 12
    by_agent = reports.trend(bench, lead, scope=SCOPE, by="agent").frame.filter(pl.col("period") == world.week(2).first)
    table = estimate.agents(sample, population, lam=lam)
    assert by_agent.sort("group")["value"].to_list() == pytest.approx(
        table.sort("agent_id")["value"].to_list(), abs=1e-9
    )
    teams = reports.trend(bench, lead, scope=SCOPE, by="team").frame.filter(pl.col("period") == world.week(2).first)
    two = ["amy", "bob"]
    half = estimate.team(
        sample.filter(pl.col("agent_id").is_in(two)), population.filter(pl.col("agent_id").is_in(two)), lam=lam
    )
    assert teams.filter(pl.col("group") == "presale")["value"].item() == pytest.approx(half.value, abs=1e-9)


def test_before_and_after_are_estimated_as_the_trend_is(
    bench: Workbench, lead: Actor, now: datetime, predicted: int
) -> None:
    measures.create_measure(bench, lead, now=now, name="Training", on_day=world.week(3).first, team="presale")
    [measure] = reports.trend(bench, lead, scope=SCOPE).measures
    found = reports.effect(bench, lead, measure=measure, scope=SCOPE, days=7)
    assert (found.before.method, found.after.method) == ("difference", "difference")
    weeks = reports.trend(bench, lead, scope=SCOPE, by="team").frame.filter(pl.col("group") == "presale").sort("period")
    assert [found.before.value, found.after.value] == pytest.approx(weeks["value"].tail(2).to_list(), abs=1e-9)
    assert found.difference.value == pytest.approx(weeks["value"][3] - weeks["value"][2], abs=1e-9)
    longer = reports.effect(bench, lead, measure=measure, scope=SCOPE, days=14)
    assert longer.before.method == "difference", "a draw without predictions asks for none"


def test_an_agents_trend_uses_the_lambda_of_everybody(bench: Workbench, lead: Actor, predicted: int) -> None:
    scope = reports.Scope(world.week(2).first, world.week(3).last)
    mine = reports.agent_report(bench, lead, agent_id="amy", scope=scope).trend.frame
    assert set(mine["method"]) == {"difference"}, "56 reviews are too few to tune it on"
    everybody = reports.trend(bench, lead, scope=scope, by="agent").frame.filter(pl.col("group") == "amy")
    assert mine["value"].to_list() == pytest.approx(everybody["value"].to_list(), abs=1e-9)


def test_half_a_draw_or_part_of_an_agent_gets_the_weighted_mean(bench: Workbench, lead: Actor, predicted: int) -> None:
    half = reports.Scope(world.week(2).first + timedelta(days=2), world.week(3).last)
    rows = dict(reports.trend(bench, lead, scope=half).frame.select("period", "method").iter_rows())
    assert rows[world.week(2).first] == "moderated"
    for options in ({"by": "shop"}, {"by": "channel"}, {"metric": "redline"}):
        methods = reports.trend(bench, lead, scope=SCOPE, **options).frame["method"]
        assert "difference" not in methods.to_list(), options
    shop = reports.Scope(SCOPE.first, SCOPE.last, shops=("A",))
    assert "difference" not in reports.trend(bench, lead, scope=shop).frame["method"].to_list()
    month = reports.trend(bench, lead, scope=SCOPE, bucket="month").frame["method"].to_list()
    assert month[0] == "moderated", "two of the month's draws had no predictions"


def test_scores_are_corrected_for_severity_when_asked(bench: Workbench, lead: Actor, predicted: int) -> None:
    asked = replace(SCOPE, adjusted=True)
    plain, fair = (reports.trend(bench, lead, scope=s, by="agent") for s in (SCOPE, asked))
    assert plain.adjustment is None
    assert fair.adjustment is not None
    known = fair.adjustment.severities
    assert known is not None
    harsh = dict(zip(known.inspectors, known.values, strict=True))
    assert min(harsh, key=lambda who: harsh[who]) == "4"
    sample, population = _reviews(bench, predicted)
    lam = _frozen(bench, predicted)
    expected = estimate.agents(sample, population, lam=lam, severities=known).sort("agent_id")
    rows = fair.frame.filter(pl.col("period") == world.week(2).first).sort("group")
    assert rows["method"].to_list() == ["difference+severity"] * 4
    assert rows["value"].to_list() == pytest.approx(expected["value"].to_list(), abs=1e-9)
    weights = sample.with_columns(w=1 / pl.col("pi")).group_by("agent_id", "inspector_id").agg(pl.col("w").sum())
    for row in rows.iter_rows(named=True):
        mine = dict(weights.filter(pl.col("agent_id") == row["group"]).select("inspector_id", "w").iter_rows())
        share = np.array([mine.get(who, 0.0) for who in known.inspectors])
        share /= share.sum()
        assert row["se"] ** 2 >= float(share @ known.covariance @ share) > 0
    standing = reports.standings(bench, lead, scope=asked)
    assert standing.team.method.endswith("+severity")
    assert standing.team.value != reports.standings(bench, lead, scope=SCOPE).team.value
    report = reports.agent_report(bench, lead, agent_id="amy", scope=asked)
    assert report.adjustment is not None
    assert report.adjustment.done
    ranked = reports.ranking(bench, lead, scope=asked)
    assert ranked.standings.adjustment is not None


def _shifted(sample: pl.DataFrame, severity: dict[str, float]) -> pl.DataFrame:
    return sample.with_columns(y=pl.col("y") - pl.col("inspector_id").replace_strict(severity, return_dtype=pl.Float64))


def test_inspectors_that_cannot_be_compared_are_not_corrected(bench: Workbench, lead: Actor, now: datetime) -> None:
    world.fill(bench, weeks=2)
    plan = world.plan(bench, lead, now, chats=12)
    for number in (0, 1):
        world.review(bench, lead, now, plan, number, fixed={"amy": 2, "bob": 2, "cui": 4, "dan": 4})
    asked = replace(SCOPE, adjusted=True)
    refused = reports.trend(bench, lead, scope=asked)
    assert refused.adjustment is not None
    assert (refused.adjustment.done, refused.adjustment.reason) == (False, "not_connected")
    assert_frame_equal(
        refused.frame, reports.trend(bench, lead, scope=SCOPE).frame
    )  # what is shown instead is not corrected
    assert reports.standings(bench, lead, scope=asked).team.value == pytest.approx(
        reports.standings(bench, lead, scope=SCOPE).team.value
    )
