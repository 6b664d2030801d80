"""An installation whose chats come day by day, with a plan that publishes by itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from qa import draws, ingest
from qa.draws import PlanDesign, SourceQuota
from qa.people import accounts
from qa.policy import SYSTEM, Role
from qa.rubrics import versions
from qa.rules import stored
from qa.workbench import Workbench
from tests.qa.ingest.files import row, write_csv
from tests.world.rules import publish, rule

START = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
"""09:30 in Shanghai on a Monday."""
MONDAY = date(2026, 3, 2)
DAY = timedelta(days=1)


class Clock:
    """The time as workers see it."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def day_file(folder: Path, day: date, chats: int = 4, name: str = "") -> Path:
    """The chats of one day as a shop exports them; times are those of the shop."""
    rows = []
    for n in range(chats):
        about = (f"{day}-{n}", f"{day} {9 + n % 10:02}:00:00", f"{day} {9 + n % 10:02}:01:00")
        agent = ("小青", "小红")[n % 2]
        rows += [row(about[0], about[1], "客户", "在吗", agent), row(about[0], about[2], "客服", "亲，在的", agent)]
    return write_csv(folder / (name or f"chats-{day}.csv"), rows)


def take_in(bench: Workbench, path: Path, now: datetime, source: str = "shop") -> None:
    """Import a file as it is."""
    found = ingest.detect(path)
    ingest.commit(bench, SYSTEM, now=now, path=path, mapping=found.mapping, kind=found.kind, source=source)


def plan(
    bench: Workbench, now: datetime = START, cadence: str = "day", automatic: bool = True, name: str = "夜间"
) -> int:
    """A plan with the shipped rubric, and somebody to inspect."""
    with bench.db.read() as session:
        ruled = stored.any_rules(session)
    if not ruled:
        publish(bench, rule("T01", "滚"))
    if versions.current(bench, SYSTEM) is None:
        versions.load_default(bench, SYSTEM, now=now)
    if not accounts.users(bench, SYSTEM):
        accounts.create_user(bench, SYSTEM, now=now, login="lin", role=Role.INSPECTOR, display_name="林")
    design = PlanDesign(quotas=(SourceQuota("chat", 1.0),), cadence=cadence, automatic=automatic, pool_share=0.0)
    return draws.create_plan(bench, SYSTEM, now=now, name=name, design=design, seed="a seed of sixteen or more").id
