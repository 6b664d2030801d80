"""A small programme for desk tests: people, a published rubric and rules, one draw with samples and their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select

from qa import transcripts
from qa.casefiles import record
from qa.desk import inspecting, queue
from qa.policy import Actor, Role
from qa.rubrics import versions
from qa.rules.stored import to_plain
from qa.tables import Assignment, Draw, Plan, RuleVersion, Sample, User, Verdict
from qa.workbench import Workbench
from scoring.label import Label
from scoring.redline.rule import Effect, EffectKind, Rule, Severity, Terms
from scoring.sheet import Sheet

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
        with self.bench.db.write() as session:
            last = session.scalar(select(func.max(Assignment.position))) or 0
            return session.execute(
                insert(Assignment)
                .values(
                    sample_id=sample,
                    inspector_id=inspector.user_id if inspector else None,
                    kind=kind,
                    position=last + 1 if position is None else position,
                    version=1,
                    created_at=NOW,
                )
                .returning(Assignment.id)
            ).scalar_one()

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


def inspect(kit: Kit, who: int, sheet: Sheet) -> inspecting.Submitted:
    """Inspector `who` takes the next place and submits `sheet`."""
    place = queue.claim_next(kit.bench, kit.inspectors[who], now=NOW)
    assert isinstance(place, queue.Claim)
    nonce = f"nonce-{who}-{place.assignment_id}-{place.version}"
    return inspecting.submit(
        kit.bench,
        kit.inspectors[who],
        now=NOW,
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
    """A frozen transcript of two messages."""
    agent = f"agent-{number % 3}"
    times = [(NOW - timedelta(days=1) + timedelta(seconds=s)).isoformat() for s in (0, 200, 230)]
    return {
        "unit_id": f"t:{number}", "source": "chat", "conversation_key": f"t:{number}", "agent_id": agent,
        "participants": sorted({agent, *participants}), "shop": "s", "channel": "wangwang", "customer_id": "c",
        "order_id": None, "started_at": times[0], "satisfaction": None,
        "messages": [
            {"seq": 0, "role": "customer", "agent_id": None, "kind": "text", "text": "在吗", "sent_at": times[0]},
            {"seq": 1, "role": "agent", "agent_id": agent, "kind": "text", "text": "滚开，别问了", "sent_at": times[1]},
            {"seq": 2, "role": "agent", "agent_id": agent, "kind": "text", "text": "哦", "sent_at": times[2]},
        ],
        "dispute": None, "rating": None,
    }  # fmt: skip


def build(bench: Workbench, samples: int = 3, inspectors: int = 3, prefix: str = "") -> Kit:
    """Users, the default rubric, two red lines and a draw of `samples` chats of three agents."""
    with bench.db.write() as session:
        rows = [
            ("lead", "lead", None),
            *[(f"inspector-{n}", "inspector", None) for n in range(inspectors)],
            ("ann", "agent", "agent-0"),
        ]
        ids = [
            session.execute(
                insert(User)
                .values(
                    login=prefix + login, display_name=login, role=role, agent_id=agent, active=True, created_at=NOW
                )
                .returning(User.id)
            ).scalar_one()
            for login, role, agent in rows
        ]
    people = [Actor(id_, Role(role), login, agent) for id_, (login, role, agent) in zip(ids, rows, strict=True)]
    version = versions.load_default(bench, people[0], now=NOW)
    with bench.db.write() as session:
        _rule(session, "R01", Effect(EffectKind.ZERO_FORM))
        _rule(session, "R02", Effect(EffectKind.CAP, 6_000))
        plan = session.execute(
            insert(Plan)
            .values(name="p", content={}, rubric_version_id=version, seed="s", seed_commitment="c", created_at=NOW)
            .returning(Plan.id)
        ).scalar_one()
        draw = session.execute(
            insert(Draw)
            .values(
                plan_id=plan,
                name="d",
                period_from=date(2026, 2, 1),
                period_to=date(2026, 2, 28),
                archive_version=1,
                frame_hash="f",
                frame_size=samples,
                receipt={},
                receipt_hash="r",
                rubric_version_id=version,
                published_at=NOW,
            )
            .returning(Draw.id)
        ).scalar_one()
    kit = Kit(bench, people[0], people[1:-1], people[-1], version, draw)
    kit.samples = add_samples(kit, [content(number) for number in range(samples)])
    return kit


def _rule(session: Any, rule_id: str, effect: Effect) -> None:
    rule = Rule(rule_id, 1, Label("红线", "red line"), Terms(("滚开",)), effect=effect, severity=Severity.CRITICAL)
    session.execute(
        insert(RuleVersion).values(
            rule_id=rule_id,
            version=1,
            state="published",
            content=to_plain(rule),
            content_hash=rule.content_hash,
            created_at=NOW,
            published_at=NOW,
        )
    )


def add_sample(kit: Kit, number: int, participants: Sequence[str] = ()) -> int:
    return add_samples(kit, [content(number, participants)], number)[0]


def add_samples(kit: Kit, frozen: Sequence[dict[str, Any]], first: int = 0) -> list[int]:
    """Samples of these transcripts, in one transaction."""
    with kit.bench.db.write() as session:
        kept = transcripts.store(session, frozen, NOW)
        rows = [
            {
                "draw_id": kit.draw_id,
                "unit_id": item["unit_id"],
                "source": "chat",
                "conversation_key": item["unit_id"],
                "agent_id": item["agent_id"],
                "stratum": "s",
                "reason": "base",
                "pi": 0.5,
                "u": 0.1,
                "rank": first + number,
                "occurred_at": NOW - timedelta(days=1),
                "transcript_id": transcript,
            }
            for number, (item, transcript) in enumerate(zip(frozen, kept, strict=True))
        ]
        session.execute(insert(Sample), rows)
        found = dict(session.execute(select(Sample.unit_id, Sample.id).where(Sample.draw_id == kit.draw_id)).all())
    return [found[item["unit_id"]] for item in frozen]


BOTH = Label("中", "en")
