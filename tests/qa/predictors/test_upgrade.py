"""An installation of 0.1.0 with a model in use: draws read what they read, receipts verify, and a plan can choose."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import polars as pl
from deltalake import write_deltalake

from qa import draws, predictors
from qa.archive import predictions
from qa.policy import Actor
from qa.workbench import Workbench
from tests.world import learning as world


def _as_in_0_1_0(bench: Workbench) -> None:
    """Put the predictions in use back into `signals`, and have no table of them."""
    snapshot = bench.archive.at()
    chats = snapshot.scan("signals")
    said = predictions.scan(snapshot).sort(pl.col("predictor") == predictions.RISK)
    version = said.group_by("conversation_key").agg(model_version=pl.col("version").last())
    slot = predictions.predicted(chats, snapshot).join(version, on="conversation_key")
    root, compat = bench.archive.root, pl.CompatLevel.oldest()
    rows = slot.rename({"p": "risk", "loss": "predicted_loss"}).collect().to_arrow(compat_level=compat)
    write_deltalake(f"{root}/signals", rows, mode="overwrite", schema_mode="overwrite")
    tables = {name: None if name == "predictions" else number for name, number in snapshot.tables.items()}
    tables["signals"] = tables["signals"] + 1
    row = {"version": snapshot.version + 1, "at": world.STARTED, "what": "0.1.0", **tables}
    types = {"version": pl.Int64, "at": pl.Datetime("us", "UTC"), "what": pl.String, **dict.fromkeys(tables, pl.Int64)}
    write_deltalake(f"{root}/catalogue", pl.DataFrame([row], schema=types).to_arrow(compat_level=compat), mode="append")


def _promise(seen: draws.PlanPreview) -> tuple[object, ...]:
    """What a preview says that depends on predictions."""
    figures = seen.figures
    return seen.evidence, figures.expected_found, figures.lift, figures.team_width, figures.agent_width


def test_draws_of_an_upgraded_archive_stay_what_they_were(any_bench: Workbench, lead: Actor, now: datetime) -> None:
    bench = any_bench
    world.fill(bench)
    plan = world.plan(bench, lead, now, chats=18)
    for number in (0, 1):
        world.review(bench, lead, now, plan, number)
    model = predictors.activate(bench, lead, now=now, model=predictors.train(bench, lead, now=now).id)
    predictors.score(bench, lead, now=now)
    expected = draws.preview(bench, lead, period=world.week(3), plan_id=plan)
    _as_in_0_1_0(bench)
    assert bench.archive.at().tables["predictions"] < 0

    seen = draws.preview(bench, lead, period=world.week(3), plan_id=plan)
    assert _promise(seen) == _promise(expected)
    assert seen.resolved.model_version == model.version
    pinned = world.review(bench, lead, now, plan, 2)
    seen = draws.preview(bench, lead, period=world.week(3), plan_id=plan)
    assert predictors.score(bench, lead, now=now).conversations == 0, "every conversation has its prediction"
    assert bench.archive.at().tables["predictions"] >= 0, "the rule score was missing where the model had spoken"
    assert draws.verify(bench, lead, draw_id=pinned).equal
    again = draws.preview(bench, lead, period=world.week(3), plan_id=plan)
    assert _promise(again) == _promise(seen)

    rules = replace(again.resolved.design, predictor=predictions.RULES)
    chosen = draws.preview(bench, lead, period=world.week(3), plan_id=plan, design=rules)
    assert (chosen.resolved.model_version, chosen.unscreened) == ("rules", 0)
    assert chosen.figures.expected_found < again.figures.expected_found, "the model knows more"
    assert predictors.retire(bench, lead, now=now).state == "retired"
    assert predictors.score(bench, lead, now=now).conversations == 160
    last = draws.preview(bench, lead, period=world.week(3), plan_id=plan)
    assert (last.resolved.model_version, last.unscreened) == ("rules", 0)
    assert draws.verify(bench, lead, draw_id=pinned).equal
