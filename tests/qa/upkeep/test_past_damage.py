"""The doctor tells what earlier releases lost or doubled, and imports mend it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl
from sqlalchemy import null, update

from qa import audit, screening
from qa.draws import plans
from qa.draws.design import PlanDesign, SourceQuota
from qa.policy import SYSTEM, Actor
from qa.redlines import opening
from qa.rubrics import versions
from qa.tables import ImportRun, Violation
from qa.upkeep import backup, health, manifests, past_damage
from qa.upkeep.findings import HealthState
from qa.upkeep.past_damage import PastDamage
from qa.workbench import Workbench
from tests.qa.ingest.files import write_csv
from tests.qa.ingest.test_formats import load
from tests.qa.ingest.test_uniting import EVENING, NIGHT


def test_nothing_to_tell(any_bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    load(any_bench, lead, now, write_csv(tmp_path / "a.csv", EVENING))
    load(any_bench, lead, now, write_csv(tmp_path / "b.csv", NIGHT))
    assert past_damage.find(any_bench) == PastDamage()


def test_replaced_chats_withdrawn_files_and_doubled_sources_are_told(
    any_bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    load(any_bench, lead, now, write_csv(tmp_path / "a.csv", EVENING))
    replacing = load(any_bench, lead, now, write_csv(tmp_path / "b.csv", NIGHT)).run_id
    load(any_bench, lead, now, write_csv(tmp_path / "c.csv", NIGHT), source="other")
    screening.screen(any_bench, lead, now=now)
    files = opening.open_suspected(any_bench, lead, now=now).opened
    with any_bench.db.write() as session:
        session.execute(update(ImportRun).where(ImportRun.id == replacing).values(outcome=null()))
        session.execute(update(Violation).values(state="withdrawn"))
    assert past_damage.find(any_bench) == PastDamage((replacing,), 1, files, (("other", "shop"),))
    told = [f for f in health.examine(any_bench, SYSTEM) if f.name == "Earlier imports"]
    assert [f.state for f in told] == [HealthState.WARNING] * 3


def test_numbers_that_a_save_doubled_are_told(bench: Workbench, lead: Actor, now: datetime) -> None:
    versions.load_default(bench, SYSTEM, now=now)
    design = PlanDesign(quotas=(SourceQuota("chat", 2.0),))
    for number, quota in enumerate((2.0, 2.0, 5.0), 1):
        wanted = replace(design, quotas=(SourceQuota("chat", quota),))
        plan = plans.create_plan(bench, lead, now=now, name=f"plan {number}", design=wanted, seed="s" * 64)
        if number != 1:  # as a release told it that kept no values
            with bench.db.write() as session:
                audit.record(session, lead, now, "plan.changed", "plan", plan.id, name="p", changed=["quotas"])
    assert past_damage.find(bench).resaved == (("plan 2", now.date().isoformat()),)
    (told,) = [f for f in health.examine(bench, SYSTEM) if f.name == "Earlier imports"]
    assert (told.state, told.facts["plan"]) == (HealthState.WARNING, "plan 2")


def test_a_backup_of_two_moments_is_told(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    load(bench, lead, now, write_csv(tmp_path / "a.csv", EVENING))
    folder = backup.own_folder(bench) / "b1"
    made = backup.backup(bench, SYSTEM, folder, now=now)
    assert past_damage.find(bench).two_moments == ()
    file = folder / manifests.MANIFEST
    file.write_text(file.read_text().replace('"archive_version": 1', '"archive_version": 0'))
    assert past_damage.find(bench).two_moments == (("b1", made.archive_version, 0),)


def test_a_file_of_the_archive_that_became_shorter_is_named(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    """Counting its rows ends in a panic of the engine, which is no Exception."""
    load(bench, lead, now, write_csv(tmp_path / "a.csv", EVENING * 200))
    (file,) = (Path(bench.archive.root) / "messages").glob("*.parquet")
    pl.read_parquet(file).head(1).select("conversation_key").write_parquet(file)
    found = health.examine(bench, SYSTEM, deep=True)
    assert any(one.state is HealthState.FAILED and file.name in one.detail.format(**one.facts) for one in found)
