"""The doctor tells what earlier releases lost or doubled, and imports mend it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import null, update

from qa import screening
from qa.policy import SYSTEM, Actor
from qa.redlines import opening
from qa.tables import ImportRun, Violation
from qa.upkeep import health, past_damage
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
    assert [f.state for f in told] == [health.HealthState.WARNING] * 3
