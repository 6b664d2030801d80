"""Frames kept apart from the text: what a draw chose from, so that it can be made again when retention has removed rows
of the archive and the versions that held them.

One Parquet file a frame, beside the archive's tables and named by the frame's fingerprint: unit, agent, source, moment
and prediction, nothing that anybody said. `verify-draw` computes the fingerprint anew, so a changed file is found.
"""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import select

from qa.draws import frames
from qa.draws.planned import Planned, Resolved, planned
from qa.draws.record import parse
from qa.tables import Draw
from qa.workbench import Workbench
from scoring.draw import Receipt

FOLDER = "frames"


def path_of(bench: Workbench, frame_hash: str) -> Path:
    """Where the frame with this fingerprint is kept, whether or not it is. In an object store's case beside the
    database."""
    root = bench.config.home if "://" in bench.archive.root else Path(bench.archive.root)
    return root / FOLDER / f"{frame_hash}.parquet"


def frame_of(bench: Workbench, receipt: Receipt, resolved: Resolved) -> Planned:
    """The frame of a receipt: as it was kept, or from the archive at its version."""
    kept = path_of(bench, receipt.frame_hash)
    if not kept.exists():
        return planned(bench.archive.at(resolved.archive_version), resolved)
    if resolved.screened:
        return planned(None, resolved, kept=pl.scan_parquet(kept))
    return planned(None, resolved, pl.read_parquet(kept))


def is_kept(bench: Workbench, frame_hash: str) -> bool:
    """Whether this frame no longer needs the archive."""
    return path_of(bench, frame_hash).exists()


def keep_all(bench: Workbench) -> int:
    """Keep the frame of every draw that is not kept yet; returns how many that were."""
    with bench.db.read() as session:
        receipts = [parse(receipt) for receipt in session.scalars(select(Draw.receipt).order_by(Draw.id))]
    fresh = [(receipt, resolved) for receipt, resolved in receipts if not is_kept(bench, receipt.frame_hash)]
    for receipt, resolved in fresh:
        _keep(bench, receipt, resolved)
    return len(fresh)


def _keep(bench: Workbench, receipt: Receipt, resolved: Resolved) -> None:
    path = path_of(bench, receipt.frame_hash)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    snapshot, zone = bench.archive.at(resolved.archive_version), ZoneInfo(resolved.time_zone)
    design, period, agents, barred = resolved.design, resolved.period, resolved.agents, resolved.barred
    decided = resolved.decided
    if resolved.screened:
        parts = [
            frames.source(snapshot, quota.source, design, period, zone, agents, decided=decided, predicted=False)
            for quota in design.quotas
        ]
        pl.concat(parts).sink_parquet(partial)
    else:
        frames.build(snapshot, design, period, zone, agents, barred, decided).write_parquet(partial)
    partial.rename(path)
