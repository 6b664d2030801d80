"""How violations are handled here, as configuration: the clocks of each step and the texts of the sanction ladder.

Stored as one setting; the defaults are a starting point to edit. Knows texts and numbers, decides nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from qa.casefiles.lifecycle import Clocks
from qa.errors import Invalid
from qa.i18n import N_
from qa.tables import Setting

SETTING = "violations"


@dataclass(frozen=True)
class SanctionLevel:
    """One level of the sanction ladder: what follows from the `count`-th standing violation of the period."""

    count: int
    zh: str
    en: str


LADDER: tuple[SanctionLevel, ...] = (
    SanctionLevel(1, "一对一辅导，重读该红线的案例", "One-to-one coaching; read the cases of this red line again"),
    SanctionLevel(2, "书面警告，一周内抽检加倍", "Written warning; twice the sampling for one week"),
    SanctionLevel(3, "停止接待，重新培训并通过考试后返岗", "Off the queue until retrained and the test is passed"),
)


@dataclass(frozen=True)
class SanctionTerms:
    """The clocks of every step and the configured sanction texts."""

    clocks: Clocks = field(default_factory=Clocks)
    ladder: tuple[SanctionLevel, ...] = LADDER

    def level(self, count: int) -> SanctionLevel | None:
        """The text for an agent with `count` standing violations in the period."""
        reached = [level for level in self.ladder if level.count <= count]
        return max(reached, key=lambda level: level.count) if reached else None


def programme(session: Session) -> SanctionTerms:
    """The programme in force."""
    found = session.get(Setting, SETTING)
    if found is None:
        return SanctionTerms()
    value = found.value
    return SanctionTerms(
        Clocks(**value.get("clocks", {})), tuple(SanctionLevel(**level) for level in value.get("ladder", [])) or LADDER
    )


def store_programme(session: Session, wanted: SanctionTerms, now: datetime) -> None:
    """Keep `wanted`. Raises `Invalid` naming the field that is out of range."""
    for name, days in asdict(wanted.clocks).items():
        if not 1 <= days <= 3_650:
            raise Invalid(N_("{field}: give between {low} and {high} days."), field=name, low=1, high=3_650)
    counts = [level.count for level in wanted.ladder]
    if len(set(counts)) != len(counts) or any(count < 1 for count in counts):
        raise Invalid(N_("Each step of the sanctions needs its own count, from 1 upwards."))
    value = {"clocks": asdict(wanted.clocks), "ladder": [asdict(level) for level in wanted.ladder]}
    found = session.get(Setting, SETTING)
    if found is None:
        session.add(Setting(key=SETTING, value=value, updated_at=now))
    else:
        found.value, found.updated_at = value, now
