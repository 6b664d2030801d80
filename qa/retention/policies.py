"""How long the text of a source is kept: one setting, changed with its entry in the trail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from qa.errors import Invalid, NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import ImportRun, Setting
from qa.workbench import Workbench

SETTING = "retention"
LEAST_DAYS, MOST_DAYS = 30, 36_500


@dataclass(frozen=True)
class SourcePolicy:
    """Text of `source` is kept for `days` days; None: for ever."""

    source: str
    days: int | None


def policies(bench: Workbench, actor: Actor) -> tuple[SourcePolicy, ...]:
    """Every source that was imported, with its policy."""
    require(actor, Right.MAINTAIN)
    with bench.db.read() as session:
        kept = session.get(Setting, SETTING)
        days: dict[str, int] = dict(kept.value) if kept else {}
        sources = select(ImportRun.source).where(ImportRun.kind != "agents", ImportRun.state == "done").distinct()
        names = {*session.scalars(sources), *days}
    return tuple(SourcePolicy(name, days.get(name)) for name in sorted(names))


def set_policy(bench: Workbench, actor: Actor, *, now: datetime, source: str, days: int | None) -> None:
    """Keep the text of `source` for `days` days (None: for ever). Nothing is removed by this."""
    require(actor, Right.MAINTAIN)
    if days is not None and not LEAST_DAYS <= days <= MOST_DAYS:
        raise Invalid(
            N_("Days to keep: expected {least} to {most}, found {days}."), least=LEAST_DAYS, most=MOST_DAYS, days=days
        )
    if source not in {one.source for one in policies(bench, actor)}:
        raise NotFound(N_("Nothing was imported from the source “{source}”."), source=source)
    with bench.begin(actor, now) as work:
        kept = work.session.get(Setting, SETTING)
        before = dict(kept.value) if kept else {}
        after = {**before, source: days} if days is not None else {k: v for k, v in before.items() if k != source}
        if before == after:
            return
        work.session.merge(Setting(key=SETTING, value=after, updated_at=now))
        work.record("retention.policy_changed", "setting", SETTING, source=source, days=[before.get(source), days])
