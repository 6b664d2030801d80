"""The soak of `benchmarks/soak.py`, short: two server processes, random kills, nothing lost, doubled, misplaced or
locked."""

from __future__ import annotations

from pathlib import Path

from benchmarks.soak import soak


def test_a_short_soak_with_kills_is_clean(database_url: str, tmp_path: Path) -> None:
    report = soak(
        database_url, tmp_path / "home", seconds=8, inspectors=6, servers=2, think=0.05, samples=300, kill_every=2.5
    )
    assert report.acknowledged > 10
    assert report.kills >= 1
    assert report.clean, report
