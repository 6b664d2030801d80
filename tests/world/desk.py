"""A small programme for desk tests: people, a published rubric and rules, one draw with samples and their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from qa.casefiles import record
from qa.desk import inspecting, queue
from qa.policy import Actor, Role
from qa.rubrics import versions
from qa.tables import Verdict
from qa.workbench import Workbench
from scoring.label import Label
from scoring.redline.rule import Effect, EffectKind, Severity
from scoring.sheet import Sheet
from tests.world import programme, rules
from tests.world.people import accounts
from tests.world.transcripts import frozen

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


@dataclass
class Kit:
    """What the tests work with."""

    bench: Workbench
    lead: Actor
    inspectors: list[Actor]
    agent: Actor
    rubric_version_id: int
    draw_id: int
    samples: list[int] = field(default_factory=list)

    def place(
        self, sample: int, inspector: Actor | None = None, kind: str = "primary", position: int | None = None
    ) -> int:
        """Put a sample into a queue; returns the assignment id."""
        who = inspector.user_id if inspector else None
        return programme.place(self.bench, sample, NOW, inspector=who, kind=kind, position=position)

    def hit(self, number: int, rule_id: str = "R01", seq: int = 1) -> None:
        """Open a suspected case file in the conversation of sample `number`."""
        finding = record.Finding(
            f"t:{number}", f"agent-{number % 3}", rule_id, 1, "critical", NOW, (record.Evidence(seq, 0, 2, "滚开"),)
        )
        with self.bench.db.write() as session:
            record.open_files(session, [finding], NOW)

    def verdicts(self, sample: int) -> list[Verdict]:
        with self.bench.db.read() as session:
            return list(session.scalars(select(Verdict).where(Verdict.sample_id == sample).order_by(Verdict.version)))


def inspect(kit: Kit, who: int, sheet: Sheet, now: datetime = NOW) -> inspecting.Submitted:
    """Inspector `who` takes the next place and submits `sheet`."""
    place = queue.claim_next(kit.bench, kit.inspectors[who], now=now)
    assert isinstance(place, queue.Claim)
    nonce = f"nonce-{who}-{place.assignment_id}-{place.version}"
    return inspecting.submit(
        kit.bench,
        kit.inspectors[who],
        now=now,
        assignment_id=place.assignment_id,
        version=place.version,
        nonce=nonce,
        sheet=sheet,
    )


def double(kit: Kit, one: Sheet, two: Sheet) -> int:
    """The first sample scored blind by the first two inspectors; returns its id."""
    sample = kit.samples[0]
    kit.place(sample, kit.inspectors[0])
    kit.place(sample, kit.inspectors[1], kind="double")
    inspect(kit, 0, one)
    inspect(kit, 1, two)
    return sample


def content(number: int, participants: Sequence[str] = ()) -> dict[str, Any]:
    """A frozen transcript of three messages."""
    agent = f"agent-{number % 3}"
    talk = [("customer", "在吗", 0), ("agent", "滚开，别问了", 200), ("agent", "哦", 230)]
    start = NOW - timedelta(days=1)
    return frozen(f"t:{number}", agent, start, talk, participants=sorted({agent, *participants}))


def build(bench: Workbench, samples: int = 3, inspectors: int = 3, prefix: str = "") -> Kit:
    """Users, the default rubric, two red lines and a draw of `samples` chats of three agents."""
    staff = [
        Actor(0, Role.LEAD, "lead"),
        *[Actor(0, Role.INSPECTOR, f"inspector-{n}") for n in range(inspectors)],
        Actor(0, Role.AGENT, "ann", "agent-0"),
    ]
    people = accounts(bench, staff, NOW, prefix)
    version = versions.load_default(bench, people[0], now=NOW)
    for rule_id, effect in (("R01", Effect(EffectKind.ZERO_FORM)), ("R02", Effect(EffectKind.CAP, 6_000))):
        label = Label("红线", "red line")
        rule = rules.rule(rule_id, "滚开", label=label, effect=effect, severity=Severity.CRITICAL)
        rules.publish(bench, rule, at=NOW)
    draw = programme.draw(bench, version, (date(2026, 2, 1), date(2026, 2, 28)), samples, NOW)
    kit = Kit(bench, people[0], people[1:-1], people[-1], version, draw)
    kit.samples = add_samples(kit, [content(number) for number in range(samples)])
    return kit


def add_sample(kit: Kit, number: int, participants: Sequence[str] = ()) -> int:
    return add_samples(kit, [content(number, participants)], number)[0]


def add_samples(kit: Kit, frozen: Sequence[dict[str, Any]], first: int = 0) -> list[int]:
    """Samples of these transcripts, in one transaction."""
    return programme.samples(kit.bench, kit.draw_id, frozen, NOW, occurred_at=NOW - timedelta(days=1), first=first)


BOTH = Label("中", "en")
