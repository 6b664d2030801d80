"""Loading the demo: complete, repeatable after an interruption, and never into a workbench with other data."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import func, select

from qa import draws, ingest
from qa.config import Config
from qa.demo import load as loading
from qa.demo import rounds
from qa.demo.generate import WEEKS
from qa.draws import SourceQuota
from qa.errors import Cancelled, Conflict
from qa.policy import SYSTEM
from qa.tables import (
    Agent,
    Appeal,
    Assessment,
    CalibrationRound,
    Case,
    Draw,
    GradeEvent,
    Inspection,
    Measure,
    NewcomerPlan,
    Reward,
    Sample,
    User,
    Verdict,
    Violation,
)
from qa.workbench import Workbench

NOW = datetime(2026, 3, 11, 6, 0, tzinfo=UTC)
COUNTED = (
    Agent,
    Appeal,
    Assessment,
    CalibrationRound,
    Case,
    Draw,
    GradeEvent,
    Inspection,
    Measure,
    NewcomerPlan,
    Reward,
    Sample,
    User,
    Verdict,
    Violation,
)


@pytest.fixture(autouse=True)
def _few_reviews(monkeypatch: pytest.MonkeyPatch) -> None:
    """The full demo inspects some 1,400 samples; a quarter of them shows the same and still leaves every agent a chance
    beside the pool. The demo as it is, in its smallest size, is loaded from the wheel (`tests/house/test_wheel.py`)."""
    monkeypatch.setattr(loading, "DESIGN", replace(loading.DESIGN, quotas=(SourceQuota("chat", 1.2),)))


def counts(bench: Workbench) -> dict[str, int]:
    with bench.db.read() as session:
        return {model.__tablename__: session.scalar(select(func.count()).select_from(model)) or 0 for model in COUNTED}


@pytest.mark.slow
def test_an_interrupted_load_goes_on(bench: Workbench, tmp_path: Path, sqlite_template: Path) -> None:
    def stop(share: float, what: str) -> None:
        if share > 0.6:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        loading.load(bench, now=NOW, scale=0.03, progress=stop)
    assert not loading.is_loaded(bench)
    loaded = loading.load(bench, now=NOW, scale=0.03)
    assert loading.is_loaded(bench)
    assert loaded.draws == WEEKS

    whole = Workbench.open(Config(home=tmp_path / "whole", database_url=f"sqlite:///{tmp_path / 'whole.db'}"))
    (tmp_path / "whole.db").write_bytes(sqlite_template.read_bytes())
    loading.load(whole, now=NOW, scale=0.03)
    assert counts(bench) == counts(whole)
    for table in ("conversations", "messages", "disputes", "ratings", "hits", "signals"):
        assert bench.archive.at().count(table) == whole.archive.at().count(table), table
    found = counts(whole)
    assert found["agents"] == 40
    assert (
        min(
            found[name]
            for name in (
                "cases",
                "violations",
                "verdicts",
                "measures",
                "inspections",
                "assessments",
                "newcomer_plans",
                "rewards",
            )
        )
        > 0
    )
    with whole.db.read() as session:
        compared = session.scalars(select(CalibrationRound).where(CalibrationRound.name == rounds.ROUND)).one()
    assert compared.closed_at is not None
    assert compared.reference
    verified = draws.verify(whole, SYSTEM, draw_id=1)
    assert verified.equal
    whole.close()


def test_other_data_is_left_alone(bench: Workbench) -> None:
    messages = pl.DataFrame({"conversation_id": ["1"], "role": ["customer"], "sent_at": [NOW], "text": ["在吗"]})
    ingest.commit_frames(bench, SYSTEM, now=NOW, tables={"messages": messages}, source="shop", file_name="x")
    with pytest.raises(Conflict):
        loading.load(bench, now=NOW, scale=0.1)
    assert bench.archive.at().count("conversations") == 1


def test_another_seed_needs_another_folder(bench: Workbench) -> None:
    def stop(share: float, what: str) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        loading.load(bench, now=NOW, scale=0.1, progress=stop)
    with pytest.raises(Conflict):
        loading.load(bench, now=NOW, scale=0.1, seed="another")
