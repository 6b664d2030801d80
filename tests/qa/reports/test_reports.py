"""Reports over real verdicts: weighted, current, authorised; the columnar copy never behind the database."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import select, update

from qa import reports
from qa.errors import Denied, Invalid, NotFound
from qa.policy import SYSTEM, Actor, Role
from qa.reports import Scope, measures, trends
from qa.rubrics import versions
from qa.tables import Agent, Assignment, Draw, Inspection, Sample, Verdict
from qa.verdicts import facts, ledger, reading
from qa.workbench import Workbench
from scoring import estimate
from scoring.rubric import default
from scoring.sheet import Sheet, score
from tests.world.judged import judge, verdict

AMY = Actor(5, Role.AGENT, "Amy", "amy")
CHATS = Scope(date(2026, 2, 1), date(2026, 2, 28))


def all_facts(bench: Workbench) -> pl.DataFrame:
    with bench.db.read() as session:
        return facts.scan(bench, session).sort("sample_id").collect()


def test_the_copy_and_the_database_say_the_same(any_bench: Workbench, lead: Actor, now: datetime) -> None:
    judge(any_bench, lead, now)
    before = all_facts(any_bench)
    with any_bench.db.read() as session:
        totals = dict(session.execute(select(Verdict.sample_id, Verdict.total)).all())
    assert dict(before.select("sample_id", "total").iter_rows()) == totals
    assert facts.compact(any_bench, now) == len(totals)
    assert any_bench.archive.at().count("facts") == len(totals)
    assert all_facts(any_bench).equals(before)
    assert facts.compact(any_bench, now) == 0


def supersede(
    bench: Workbench,
    now: datetime,
    *,
    sample_id: int,
    version: int,
    kind: str = "inspection",
    at: datetime | None = None,
) -> None:
    """Append a perfect result as the new current version of a sample, as an undone and repeated inspection would."""
    with bench.db.write() as session:
        place, sample = session.execute(
            select(Assignment, Sample).join(Sample).where(Assignment.kind == "primary", Sample.id == sample_id)
        ).one()
        session.execute(
            update(Verdict).where(Verdict.sample_id == sample_id, Verdict.is_current).values(is_current=False)
        )
        session.execute(
            update(Inspection)
            .where(Inspection.assignment_id == place.id, Inspection.undone_at.is_(None))
            .values(undone_at=now)
        )
        verdict(session, place, sample, Sheet(), score(default(), Sheet(), {}), now, version, kind, at)


def test_newer_versions_replace_older_ones_at_once(any_bench: Workbench, lead: Actor, now: datetime) -> None:
    judge(any_bench, lead, now)
    facts.compact(any_bench, now)
    rows = all_facts(any_bench)
    bad = int(rows.filter(pl.col("total") < 10_000)["sample_id"][0])
    supersede(any_bench, now, sample_id=bad, version=2)
    after = all_facts(any_bench)
    assert after.filter(pl.col("sample_id") == bad)["total"].to_list() == [10_000]
    assert after["sample_id"].is_unique().all()
    assert after.height == rows.height
    supersede(any_bench, now, sample_id=bad, version=3, kind="withdrawn")  # taken back altogether: no result is left
    assert all_facts(any_bench).filter(pl.col("sample_id") == bad).is_empty()
    facts.compact(any_bench, now)
    assert all_facts(any_bench).height == any_bench.archive.at().count("facts") == rows.height - 1


def test_verdicts_still_settling_stay_out_of_the_copy(bench: Workbench, lead: Actor, now: datetime) -> None:
    judge(bench, lead, now)
    first = int(all_facts(bench)["sample_id"][0])
    supersede(bench, now, sample_id=first, version=2, at=now - timedelta(minutes=1))
    facts.compact(bench, now)
    assert bench.archive.at().count("facts") == all_facts(bench).height - 1
    assert all_facts(bench).filter(pl.col("sample_id") == first)["total"].to_list() == [10_000]


def test_targeted_picks_do_not_pull_the_average_down(bench: Workbench, lead: Actor, now: datetime) -> None:
    judge(bench, lead, now, pool=0.4)
    rows = all_facts(bench).filter(pl.col("source") == "chat")
    trend = reports.trend(bench, lead, scope=CHATS)
    whole = trend.overall.row(0, named=True)
    weighted = float((rows["total"] / rows["pi"]).sum() / (1 / rows["pi"]).sum()) / 100
    assert whole["value"] == pytest.approx(weighted)
    assert rows["total"].mean() / 100 < weighted - 5  # type: ignore[operator]
    assert whole["low"] < whole["value"] < whole["high"]
    assert whole["n"] == rows.height


def test_targeted_picks_alone_give_no_figure_however_thin_the_slice(
    bench: Workbench, lead: Actor, now: datetime
) -> None:
    judge(bench, lead, now, pool=0.4)
    rows = all_facts(bench).filter(pl.col("source") == "chat").with_columns(
        day=pl.col("occurred_at").dt.convert_time_zone("Asia/Shanghai").dt.date(), pool=pl.col("reason") == "certainty"
    )  # fmt: skip
    criteria = [c.id for c in default().criteria]
    seen = {True: 0, False: 0}
    for (day, agent), part in rows.group_by("day", "agent_id"):
        only = bool(part["pool"].all())
        seen[only] += 1
        if seen[only] > 6:
            continue
        thin = Scope(day, day, agents=(agent,))  # type: ignore[arg-type]
        standings = reports.standings(bench, lead, scope=thin)
        figures = [*reports.trend(bench, lead, scope=thin).overall["value"], standings.team.value]
        figures += reports.trend(bench, lead, scope=thin, by="shop", metric="clean").frame["value"].to_list()
        figures += [*standings.agents["value"], *standings.agents["best_guess"]]
        figures += [part.estimate.value for part in reports.agent_report(bench, lead, agent_id=agent, scope=thin).parts]  # type: ignore[arg-type]
        assert all((figure is None) == only for figure in figures), (day, agent, figures)
        if only:
            boards = reports.losses(bench, lead, scope=thin).frame, reports.heat_map(bench, lead, scope=thin).frame
            assert all(board["value"].null_count() == board.height for board in boards)
            for criterion in criteria[:2]:
                assert (
                    reports.trend(bench, lead, scope=thin, metric=f"cri:{criterion}")
                    .frame["value"]
                    .drop_nulls()
                    .is_empty()
                )
    assert seen[True] > 3
    assert seen[False] > 3


def test_one_agent_gets_no_rate_whatever_it_is_called(bench: Workbench, lead: Actor, now: datetime) -> None:
    judge(bench, lead, now)
    for scope, by in ((Scope(agents=("amy",)), "all"), (Scope(agents=("amy",)), "team"), (Scope(), "agent")):
        found = reports.trend(bench, lead, scope=scope, metric="redline", by=by)
        assert found.overall["value"].null_count() == found.overall.height
        assert set(found.overall["reason"]) == {"agent_rate"}
    assert reports.trend(bench, lead, scope=Scope(), metric="redline").overall["value"].null_count() == 0


@pytest.mark.parametrize("by", ["all", "team", "shop", "channel", "agent"])
@pytest.mark.parametrize("metric", ["total", "clean", "redline", "dim:attitude", "cri"])
def test_every_trend_has_counts_and_intervals(
    bench: Workbench, lead: Actor, now: datetime, by: str, metric: str
) -> None:
    judge(bench, lead, now)
    chosen = f"cri:{default().criteria[0].id}" if metric == "cri" else metric
    trend = reports.trend(bench, lead, scope=CHATS, metric=chosen, by=by)
    assert trend.frame.height
    assert (trend.frame["n"] > 0).all()
    assert (
        trend.frame["n"].sum() == trend.overall["n"].sum() == all_facts(bench).filter(pl.col("source") == "chat").height
    )
    if metric == "redline" and by == "agent":
        assert (
            trend.frame["value"].null_count() == trend.frame.height
        )  # an agent's rate is refused, the count is a fact
        assert set(trend.frame["reason"]) == {"agent_rate"}
        assert trend.frame["found"].sum() > 0
    else:
        known = trend.frame.filter(pl.col("method") != "none")
        assert known.height
        assert known.select(
            ((pl.col("low") <= pl.col("value") + 1e-9) & (pl.col("value") <= pl.col("high") + 1e-9)).all()
        ).item()


def test_weeks_begin_on_monday_of_the_business_time_zone(bench: Workbench, lead: Actor, now: datetime) -> None:
    judge(bench, lead, now)
    trend = reports.trend(bench, lead, scope=CHATS)
    assert all(day.weekday() == 0 for day in trend.frame["period"])
    months = reports.trend(bench, lead, scope=CHATS, bucket="month")
    assert months.frame["period"].to_list() == [date(2026, 2, 1)]


def test_standings_use_the_whole_frame_when_whole_draws_are_looked_at(
    bench: Workbench, lead: Actor, now: datetime
) -> None:
    done = judge(bench, lead, now)
    table = reports.standings(bench, lead, scope=CHATS)
    assert table.agents["units"].to_list() == [30, 30, 30, 30]
    assert table.pending == 0
    with bench.db.read() as session:
        summary = session.get_one(Draw, done.draw_id).receipt["frame_summary"]
    assert {row["source"] for row in summary} == {"chat", "dispute"}
    part = reports.standings(bench, lead, scope=Scope(date(2026, 2, 10), date(2026, 2, 28)))
    assert part.agents["units"].null_count() == part.agents.height
    sample = table.sample.drop("f")
    assert table.team.value == pytest.approx(estimate.team(sample).value, abs=3)


def test_the_agent_page(bench: Workbench, lead: Actor, now: datetime) -> None:
    judge(bench, lead, now)
    report = reports.agent_report(bench, AMY, agent_id="amy", scope=CHATS)
    assert report.score.n == report.trend.overall["n"].sum() > 0
    assert report.more is not None
    assert {p.metric.id for p in report.parts} >= {"clean", "dim:attitude", "dim:accuracy", "dim:process"}
    assert report.losses.frame["share"].sum() == pytest.approx(1)
    assert report.replies is not None
    assert report.replies.conversations == 30
    with pytest.raises(Denied):
        reports.agent_report(bench, AMY, agent_id="bob", scope=CHATS)
    with pytest.raises(NotFound):
        reports.agent_report(bench, lead, agent_id="nobody", scope=CHATS)


def test_agents_see_their_own_results_only_and_no_inspector(bench: Workbench, lead: Actor, now: datetime) -> None:
    judge(bench, lead, now)
    mine = reports.results(bench, AMY, scope=Scope(agents=("amy",)))
    theirs = reports.results(bench, lead, scope=Scope(agents=("bob",)))
    one = reports.result(bench, AMY, mine["verdict_id"][0], "en")
    assert sum(line.points for line in one.lines) == one.total
    assert one.inspector == ""
    assert reports.result(bench, lead, mine["verdict_id"][0], "zh_CN").inspector != ""
    with pytest.raises(NotFound):
        reports.result(bench, AMY, theirs["verdict_id"][0], "en")
    for call in (
        lambda: reports.results(bench, AMY, scope=Scope(agents=("bob",))),
        lambda: reports.results(bench, AMY, scope=Scope()),
        lambda: reports.trend(bench, AMY, scope=CHATS),
        lambda: reports.standings(bench, AMY, scope=CHATS),
        lambda: reports.heat_map(bench, AMY, scope=CHATS),
        lambda: reports.losses(bench, AMY, scope=CHATS),
    ):
        with pytest.raises(Denied):
            call()


def test_points_lost_to_the_process_are_not_the_agents(bench: Workbench, lead: Actor, now: datetime) -> None:
    judge(bench, lead, now)
    own = reports.losses(bench, lead, scope=CHATS)
    process = reports.losses(bench, lead, scope=CHATS, owners="process")
    assert set(own.frame["owner"]) == {"agent"}
    assert set(own.frame["kind"]) == {"loss", "redline"}
    assert set(process.frame["owner"]) == {"policy"}
    assert own.frame["cumulative"].to_list() == sorted(own.frame["cumulative"].to_list())
    heat = reports.heat_map(bench, lead, scope=CHATS)
    assert set(heat.frame["agent_id"]) == {"amy", "bob", "cui", "dan"}
    assert {item.id for item in heat.criteria} == set(heat.frame["criterion"])


def test_the_inspections_behind_a_point(bench: Workbench, lead: Actor, now: datetime) -> None:
    judge(bench, lead, now)
    trend = reports.trend(bench, lead, scope=CHATS, by="agent")
    for row in trend.frame.iter_rows(named=True):
        found = reports.behind(
            bench,
            lead,
            scope=CHATS,
            by="agent",
            group=row["group"],
            first=row["period"],
            last=row["period"] + timedelta(days=6),
        )
        assert found.height == row["n"]


def test_before_and_after_a_measure(bench: Workbench, lead: Actor, now: datetime) -> None:
    judge(bench, lead, now)
    measures.create_measure(bench, lead, now=now, name="Training", on_day=date(2026, 2, 14))
    trend = reports.trend(bench, lead, scope=CHATS)
    assert [measure.name for measure in trend.measures] == ["Training"]
    change = reports.effect(bench, lead, measure=trend.measures[0], scope=CHATS, days=14)
    assert change.difference.value == pytest.approx(change.after.value - change.before.value)  # type: ignore[operator]
    assert change.difference.low < change.difference.value < change.difference.high  # type: ignore[operator]
    with pytest.raises(Invalid):
        measures.create_measure(bench, lead, now=now, name=" ", on_day=date(2026, 2, 14))
    with pytest.raises(Invalid):
        reports.trend(bench, lead, scope=CHATS, metric="nonsense")


def test_a_measure_concerns_its_team_and_nobody_else(bench: Workbench, lead: Actor, now: datetime) -> None:
    judge(bench, lead, now)
    measures.create_measure(bench, lead, now=now, name="Training", on_day=date(2026, 2, 14), team="presale")
    everybody = reports.trend(bench, lead, scope=CHATS, by="agent")
    assert len(everybody.measures) == 1
    teams = dict(everybody.overall.select("group", "name").iter_rows())
    with bench.db.read() as session:
        of = dict(session.execute(select(Agent.agent_id, Agent.team)).all())
    for agent in teams:
        own = reports.agent_report(bench, lead, agent_id=agent, scope=CHATS).trend.measures
        assert len(own) == (of[agent] == "presale")
    assert not reports.trend(bench, lead, scope=Scope(CHATS.first, CHATS.last, teams=("aftersale",))).measures


def test_root_causes_are_those_outside_the_agents_hands_with_intervals(
    bench: Workbench, lead: Actor, now: datetime
) -> None:
    judge(bench, lead, now)
    report = reports.agent_report(bench, lead, agent_id="amy", scope=CHATS)
    assert set(report.elsewhere.frame["owner"]) == {"policy"}
    assert "policy" not in set(report.losses.frame["owner"])
    for frame in (reports.losses(bench, lead, scope=CHATS).frame, report.elsewhere.frame):
        known = frame.filter(pl.col("method") != "none")
        assert known.select(((pl.col("low") <= pl.col("value")) & (pl.col("value") <= pl.col("high"))).all()).item()
        pool_only = frame.filter(pl.col("kind") == "redline")  # here every red line is a pick of the pool
        assert pool_only["low"].null_count() == pool_only.height
    causes = reports.root_causes(bench, lead, scope=CHATS)
    assert "agent" not in set(causes["owner"])


def test_what_is_still_unread_comes_oldest_first(bench: Workbench, lead: Actor, now: datetime) -> None:
    judge(bench, lead, now)
    order = []
    while (verdict_id := reports.next_unread(bench, AMY, now=now)) is not None:
        order.append(verdict_id)
        reading.acknowledge(bench, AMY, now=now, verdict_id=verdict_id)
    mine = reports.results(bench, AMY, scope=Scope(agents=("amy",)))
    assert mine["read"].all()
    disputes = reports.results(bench, AMY, scope=Scope(agents=("amy",), source="dispute"))
    assert sorted(order) == sorted([*mine["verdict_id"], *disputes["verdict_id"]])
    when = dict(pl.concat([mine, disputes]).select("verdict_id", "occurred_at").iter_rows())
    assert [when[x] for x in order] == sorted(when.values())


def test_what_can_still_be_objected_to_is_read_first(bench: Workbench, lead: Actor, now: datetime) -> None:
    judge(bench, lead, now)
    late = now + timedelta(days=10)  # the window of seven days is over for everything but what was ruled on just now
    with bench.begin(lead, late) as work:
        mine = work.session.scalars(
            select(Verdict).where(Verdict.agent_id == "amy").order_by(Verdict.id.desc())
        ).first()
        assert mine is not None
        sheet = Sheet.from_dict(
            work.session.scalars(select(Inspection.sheet).where(Inspection.id == mine.inspection_id)).one()
        )
        fresh = ledger.reissue(work, sample_id=mine.sample_id, kind="ruling", reason="x", sheet=sheet)
    assert fresh is not None
    assert reports.next_unread(bench, AMY, now=late) == fresh
    reading.acknowledge(bench, AMY, now=late, verdict_id=fresh)
    assert reports.next_unread(bench, AMY, now=late) is not None


def test_an_empty_workbench_is_not_an_error(bench: Workbench, lead: Actor) -> None:
    assert reports.overview(bench, lead).reviews == 0
    assert reports.trend(bench, lead, scope=Scope()).frame.is_empty()
    assert reports.standings(bench, lead, scope=Scope()).agents.is_empty()
    assert reports.losses(bench, lead, scope=Scope()).frame.is_empty()
    assert reports.heat_map(bench, lead, scope=Scope()).frame.is_empty()


def test_a_lasting_drop_is_a_signal_and_only_a_measure_of_its_own_team_starts_afresh() -> None:
    weeks = [date(2026, 1, 5) + timedelta(weeks=k) for k in range(16)]
    frame = pl.DataFrame(
        {
            "group": ["care"] * 16,
            "name": ["care"] * 16,
            "period": weeks,
            "se": [1.0] * 16,
            "value": [90.0 + (-1) ** k * 0.4 - (4.0 if k >= 9 else 0.0) for k in range(16)],
        }
    )
    metric = reports.Metric("total", "points", (0.0, 100.0), "Score")

    def found(*measures_: reports.DatedMeasure) -> list[date]:
        return [
            s.period
            for s in trends._signals(frame, metric, "team", measures_, {})[0]
            if s.worse and s.direction == "down"
        ]

    plain = found()
    assert plain
    assert weeks[9] <= plain[0] <= weeks[13]
    other = reports.DatedMeasure(1, "elsewhere", "training", weeks[9], "sales")
    own = reports.DatedMeasure(2, "here", "training", weeks[9], "care")
    everybody = reports.DatedMeasure(3, "all", "rule", weeks[9], None)
    assert found(other) == plain
    assert found(own) == found(everybody) == [], "what changed with a measure is told by its before and after"
    (after,) = trends._signals(frame, metric, "team", (own,), {})[1]
    assert (after.opened, after.periods, after.needed) == (
        weeks[9],
        7,
        2,
    ), "a new baseline begins, too short to judge by"
    (before,) = trends._signals(frame, metric, "team", (other,), {})[1]
    assert (before.opened, before.until, before.periods, before.needed) == (weeks[0], weeks[7], 8, 0)


def test_every_source_has_the_criteria_of_its_own_rubrics(any_bench: Workbench, lead: Actor, now: datetime) -> None:
    judge(any_bench, lead, now)
    versions.load_missing(any_bench, SYSTEM, now=now)
    found = reports.overview(any_bench, lead).metrics
    ids = {source: {metric.id for metric in metrics} for source, metrics in found.items()}
    assert "cri:greeting" in ids["chat"]
    assert "cri:first_answer" not in ids["chat"]
    assert {"cri:first_answer", "cri:greeting"} <= ids["dispute"]  # the card for chats says no source: it may score any
    assert "cri:called_back" in ids["rating"] - ids["chat"] - ids["dispute"]
    bounds = next(metric.bounds for metric in found["dispute"] if metric.id == "cri:records")
    assert bounds == (-5.0, 5.0)  # 3 points on one card, 5 on the other
    progress = reports.trend(any_bench, lead, scope=CHATS).progress
    assert progress.rubrics == (default().name,)
