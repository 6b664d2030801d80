"""Demo data: deterministic, consistent in itself, and true where it says so."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from qa.archive import TABLES, conform
from qa.demo import phrases_zh, scenes_en
from qa.demo.disputes import RECORD_CRITERIA, RECORD_FAULTS
from qa.demo.generate import WEEKS, DemoData, generate, generate_parts
from qa.demo.inspectors import CRITERIA, judge
from qa.demo.script import FAULTS
from qa.demo.world import INSPECTORS
from scoring.rubric import SHIPPED, default, shipped
from scoring.sheet import score

DAY = date(2026, 3, 1)


@pytest.fixture(scope="module")
def data() -> DemoData:
    return generate("seed", DAY, scale=0.3)


def test_same_arguments_same_rows(data: DemoData) -> None:
    again = generate("seed", DAY, scale=0.3)
    for name, frame in data.tables.items():
        assert frame.equals(again.tables[name]), name
    assert data.truth.equals(again.truth)
    assert data.disputes.equals(again.disputes)
    assert data.promises.equals(again.promises)
    assert not generate("other", DAY, scale=0.3).truth.equals(data.truth)


def test_parts_are_the_whole(data: DemoData) -> None:
    parts = list(generate_parts("seed", DAY, scale=0.3))
    assert len(parts) == WEEKS
    assert pl.concat([part.tables["messages"] for part in parts]).equals(data.tables["messages"])


def test_rows_fit_the_archive(data: DemoData) -> None:
    for name, frame in data.tables.items():
        assert set(frame.columns) <= {*TABLES[name], "conversation_id"}
        conform(name, frame)
    conversations = data.tables["conversations"]
    assert conversations["conversation_key"].is_unique().all()
    assert len(data.agents) == 40
    known = {agent.agent_id for agent in data.agents}
    assert set(conversations["agent_id"]) == known
    counted = (
        data.tables["messages"]
        .group_by("conversation_id")
        .agg(
            pl.len().cast(pl.Int64).alias("n"),
            pl.col("sent_at").is_sorted().alias("ordered"),
            (pl.col("seq") == pl.int_range(pl.len())).all().alias("dense"),
        )
    )
    joined = conversations.join(counted, on="conversation_id", how="full")
    assert joined.filter(pl.col("n") != pl.col("message_count")).is_empty()
    assert counted["ordered"].all()
    assert counted["dense"].all()
    assert not data.tables["messages"]["text"].str.contains(r"\{\w+\}").any()
    told = data.disputes.drop_nulls("conversation_key").join(conversations, on="conversation_key", how="anti")
    assert told.is_empty()
    assert data.disputes.height == data.tables["disputes"].height > 20


def test_a_small_demo_has_the_same_columns() -> None:
    parts = list(generate_parts("spotcheck-demo", DAY, scale=0.02))
    frames = [part.tables["disputes"] for part in parts if part.tables["disputes"].height]
    assert pl.concat(frames).height == sum(frame.height for frame in frames) > 0


def test_planted_red_lines_are_said_by_the_agent(data: DemoData) -> None:
    lines = {
        (phrases.language, red.rule_id): red.lines
        for phrases in (phrases_zh.PHRASES, scenes_en.PHRASES)
        for red in phrases.red_lines
        for _ in (0,)
    }
    language = {agent.agent_id: agent.language for agent in data.agents}
    said = data.tables["messages"].filter(pl.col("role") == "agent").group_by("conversation_id").agg("text")
    said = said.with_columns(conversation_key=pl.format("demo:{}", "conversation_id"))
    broken = data.truth.filter(pl.col("red_lines").list.len() > 0).join(said, on="conversation_key")
    assert broken.height > 10
    for row in broken.iter_rows(named=True):
        starts = [line.split("{")[0] for line in lines[language[row["agent_id"]], row["red_lines"][0]]]
        assert any(text.startswith(start) for text in row["text"] for start in starts)


def test_fault_rates_follow_the_agents(data: DemoData) -> None:
    per_agent = data.truth.group_by("agent_id").agg(pl.col("faults").list.len().mean().alias("rate"))
    rates = dict(per_agent.iter_rows())
    weak = sorted(data.agents, key=lambda a: a.care + a.knowledge + a.discipline)
    best = sum(rates[a.agent_id] for a in weak[:8]) / 8
    worst = sum(rates[a.agent_id] for a in weak[-8:]) / 8
    assert worst > 1.5 * best


def test_every_scored_fault_has_a_criterion_of_the_default_rubric() -> None:
    assert {found[0] for found in CRITERIA.values()} <= {criterion.id for criterion in default().criteria}
    assert set(RECORD_CRITERIA) == set(RECORD_FAULTS)
    card = {criterion.id for criterion in shipped("disputes").criteria}
    assert {one for found in RECORD_CRITERIA.values() for one in found} <= card
    others = {criterion.id for name in SHIPPED for criterion in shipped(name).criteria}
    assert {one for found in CRITERIA.values() for one in found} <= others
    assert set(CRITERIA) | {"slow_first", "slow_replies"} == set(FAULTS)


def test_a_severe_inspector_scores_lower(data: DemoData) -> None:
    rubric = default()
    means = {}
    for inspector in INSPECTORS:
        totals = []
        for row in data.truth.head(400).iter_rows(named=True):
            faults = dict(zip(row["faults"], row["fault_seqs"], strict=True))
            sheet = judge("seed", inspector, row["conversation_key"], rubric, faults, (), (), "zh_CN")
            totals.append(score(rubric, sheet, {}).total)
        means[inspector.login] = sum(totals) / len(totals) / 100
    by_severity = sorted(INSPECTORS, key=lambda i: i.severity)
    assert means[by_severity[0].login] > means[by_severity[-1].login] + 1
