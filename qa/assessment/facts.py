"""Stored parts of indicators, read back: the last import of a key counts, accounts become people by their days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from qa.archive import Snapshot
from qa.people import aliases
from qa.tables import Agent
from qa.workbench import Workbench

KEY = ("platform", "shop", "account", "indicator", "day", "until")


@dataclass(frozen=True)
class UnknownAccount:
    """An account of exports that is nobody's yet: how many of its figures wait, and of which days."""

    account: str
    platform: str
    shop: str
    rows: int
    first: date
    last: date


def current(snapshot: Snapshot, first: date | None = None, last: date | None = None) -> pl.DataFrame:
    """The rows that count, of days between `first` and `last` (rows that reach beyond are left out)."""
    rows = snapshot.scan("indicators")
    if first is not None:
        rows = rows.filter(pl.col("day") >= first)
    if last is not None:
        rows = rows.filter(pl.col("until") <= last)
    return rows.sort("import_id", "file_row").unique(subset=list(KEY), keep="last").sort(list(KEY)).collect()


def with_people(bench: Workbench, session: Session, rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with `agent_id`: whose account it was on the day; null for accounts that are nobody's."""
    zone = bench.config.zone
    noon = pl.col("day").cast(pl.Datetime("us")).dt.offset_by("12h").dt.replace_time_zone(str(zone))
    at = rows.select(at=noon.dt.convert_time_zone("UTC"))["at"]
    names = aliases.persons(rows["account"].cast(pl.String), at, aliases.known(session), zone)
    known = set(session.scalars(select(Agent.agent_id)))
    return rows.with_columns(agent_id=pl.Series(names, dtype=pl.String)).with_columns(
        pl.when(pl.col("agent_id").is_in(list(known))).then("agent_id").alias("agent_id")
    )


def unknown_accounts(bench: Workbench) -> tuple[UnknownAccount, ...]:
    """Accounts that belong to nobody on some day, the ones with most figures first."""
    rows = current(bench.archive.at()).filter(pl.col("account") != "")
    rows = rows.group_by("account", "platform", "shop", "day", "until").len("values")
    if rows.is_empty():
        return ()
    with bench.db.read() as session:
        waiting = with_people(bench, session, rows).filter(pl.col("agent_id").is_null())
    found = waiting.group_by("account").agg(
        pl.col("platform").first(), pl.col("shop").first(), pl.col("values").sum().alias("rows"),
        pl.col("day").min().alias("first"), pl.col("until").max().alias("last"),
    )  # fmt: skip
    return tuple(UnknownAccount(*row) for row in found.sort(["rows", "account"], descending=[True, False]).iter_rows())
