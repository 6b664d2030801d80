"""Plan → preview → publish → receipt, on both databases."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from qa import draws
from qa.desk.sheets import RUBRIC_VERSION
from qa.draws import Period, PlanDesign, SourceQuota
from qa.errors import Conflict, Denied, Invalid, NotFound
from qa.policy import SYSTEM, Actor, Role
from qa.rubrics import versions
from qa.tables import Assignment, AuditEntry, CalibrationRound, Draw, Plan, Sample, Transcript, guards
from qa.workbench import Workbench
from scoring.draw import commit
from tests.world.shop import fill

FEBRUARY = Period(date(2026, 2, 1), date(2026, 2, 28))
SEED, NEXT = "first-seed-of-the-test", "second-seed-of-the-test"
DESIGN = PlanDesign(
    quotas=(SourceQuota("chat", 5), SourceQuota("dispute", None), SourceQuota("rating", 1)), pool_share=0.2
)


def make_plan(bench: Workbench, lead: Actor, now: datetime, design: PlanDesign = DESIGN) -> int:
    return draws.create_plan(bench, lead, now=now, name="February", design=design, seed=SEED).id


def publish(
    bench: Workbench, lead: Actor, now: datetime, plan_id: int, nonce: str = "nonce-0001", period: Period = FEBRUARY
) -> draws.PublishedDraw:
    return draws.publish(bench, lead, now=now, plan_id=plan_id, period=period, nonce=nonce, next_seed=NEXT)


def test_plan_to_receipt(any_bench: Workbench, lead: Actor, now: datetime) -> None:
    fill(any_bench)
    plan_id = make_plan(any_bench, lead, now)
    look = draws.preview(any_bench, lead, period=FEBRUARY, plan_id=plan_id)
    done = publish(any_bench, lead, now, plan_id)

    assert done.samples == look.figures.reviews
    assert not done.repeated
    with any_bench.db.read() as session:
        draw = session.get_one(Draw, done.draw_id)
        rows = session.scalars(select(Sample)).all()
        plan = session.get_one(Plan, plan_id)
        assert {row.reason for row in rows} == {"certainty", "base", "take_all"}
        assert Counter(row.source for row in rows)["dispute"] == 12
        assert draw.receipt["seed"] == SEED
        assert draw.receipt["commitment"] == commit(SEED)
        assert plan.seed_commitment == commit(NEXT)  # the next draw's seed is committed the moment this one is opened
        transcript = session.scalars(select(Transcript).where(Transcript.unit_id.like("%d-bob%"))).first()
        assert transcript is not None
        assert [line.get("part") for line in transcript.content["messages"]] == [None, None, "dispute", "dispute"]
        assert session.scalar(select(func.count()).where(AuditEntry.action == "draw.published")) == 1
    assert draws.verify(any_bench, lead, draw_id=done.draw_id).differences == ()


def test_the_queue_mixes_pool_and_base(bench: Workbench, lead: Actor, now: datetime) -> None:
    fill(bench, chats=60)
    publish(
        bench, lead, now, make_plan(bench, lead, now, PlanDesign(quotas=(SourceQuota("chat", 15),), pool_share=0.4))
    )
    with bench.db.read() as session:
        queue = (
            select(Sample.reason, Sample.u)
            .join(Assignment, Assignment.sample_id == Sample.id)
            .where(Assignment.kind == "primary")
        )
        rows = session.execute(queue.order_by(Assignment.position)).all()
    pool = [reason == "certainty" for reason, _u in rows]
    early = sum(pool[: len(pool) // 2]) / sum(pool)
    assert 0.25 < early < 0.75
    assert [u for _reason, u in rows] != sorted(u for _reason, u in rows)


def test_publishing_twice_is_publishing_once(any_bench: Workbench, lead: Actor, now: datetime) -> None:
    fill(any_bench)
    plan_id = make_plan(any_bench, lead, now)
    first = publish(any_bench, lead, now, plan_id)
    again = publish(any_bench, lead, now + timedelta(minutes=1), plan_id)
    assert (again.draw_id, again.samples, again.assignments, again.receipt_hash) == (
        first.draw_id,
        first.samples,
        first.assignments,
        first.receipt_hash,
    )
    assert again.repeated
    with pytest.raises(Conflict, match="already drawn"):
        publish(any_bench, lead, now, plan_id, nonce="another-one", period=Period(date(2026, 2, 20), date(2026, 3, 1)))
    with pytest.raises(Conflict, match="another draw"):
        publish(any_bench, lead, now, plan_id, period=Period(date(2026, 3, 1), date(2026, 3, 1)))


def test_an_interrupted_publication_leaves_nothing(
    any_bench: Workbench, lead: Actor, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(any_bench)
    plan_id = make_plan(any_bench, lead, now)

    def die(*_args: object, **_facts: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("qa.audit.record", die)
        with pytest.raises(KeyboardInterrupt):
            publish(any_bench, lead, now, plan_id)
    with any_bench.db.read() as session:
        for table in (Draw, Sample, Assignment, Transcript):
            assert session.scalar(select(func.count()).select_from(table)) == 0
        assert any_bench.open_seed(session.get_one(Plan, plan_id).seed) == SEED
    assert not publish(any_bench, lead, now, plan_id).repeated


def test_nobody_receives_a_chat_of_their_own(bench: Workbench, lead: Actor, now: datetime) -> None:
    fill(bench)
    publish(bench, lead, now, make_plan(bench, lead, now))
    with bench.db.read() as session:
        given = session.execute(
            select(Assignment.inspector_id, Assignment.kind, Transcript.content)
            .join(Sample, Sample.id == Assignment.sample_id)
            .join(Transcript, Transcript.id == Sample.transcript_id)
        ).all()
    with_ivo = [row for row in given if "inspector-agent" in row.content["participants"]]
    assert with_ivo
    assert all(row.inspector_id != 3 for row in with_ivo)
    loads = Counter(row.inspector_id for row in given if row.kind == "primary")
    assert set(loads) == {2, 3, 4}
    assert max(loads.values()) - min(loads.values()) <= 1
    assert 0 < sum(row.kind == "double" for row in given) < len(given) / 4


def test_a_draw_without_inspectors_waits_in_the_common_queue(bench: Workbench, lead: Actor, now: datetime) -> None:
    fill(bench)
    from qa.tables import User

    with bench.db.write() as session:
        session.execute(update(User).values(active=False))
    done = publish(bench, lead, now, make_plan(bench, lead, now))
    assert done.unassigned == done.assignments == done.samples


def test_the_draw_ignores_rows_that_arrive_later(bench: Workbench, lead: Actor, now: datetime) -> None:
    fill(bench)
    done = publish(bench, lead, now, make_plan(bench, lead, now))
    with bench.archive.change("late", now) as change:
        late = bench.archive.at().scan("conversations").head(3).collect()
        change.append("conversations", late.with_columns(conversation_key=late["conversation_key"] + "-late"))
    assert draws.verify(bench, lead, draw_id=done.draw_id).equal


def test_newcomers_are_looked_at_twice_as_closely_and_shortages_are_shown(
    bench: Workbench, lead: Actor, now: datetime
) -> None:
    fill(bench, chats=8)
    look = draws.preview(
        bench, lead, period=FEBRUARY, design=PlanDesign(quotas=(SourceQuota("chat", 5),), pool_share=0.0)
    )
    agents = {row["agent_id"]: row for row in look.figures.agents.iter_rows(named=True)}
    assert agents["dan"]["intensity"] == "newcomer"
    assert agents["dan"]["reviews"] == 8
    assert agents["amy"]["reviews"] == 5
    assert [(s.agent_id, s.wanted, s.available) for s in look.figures.shortages] == [("dan", 10, 8)]


def test_filters_limit_the_frame(bench: Workbench, lead: Actor) -> None:
    fill(bench)
    whole = draws.preview(bench, lead, period=FEBRUARY, design=PlanDesign(quotas=(SourceQuota("chat", 2),)))
    team = draws.preview(
        bench, lead, period=FEBRUARY, design=PlanDesign(quotas=(SourceQuota("chat", 2),), teams=("presale",))
    )
    shop = draws.preview(
        bench, lead, period=FEBRUARY, design=PlanDesign(quotas=(SourceQuota("chat", 2),), shops=("B",))
    )
    assert set(team.figures.agents["agent_id"]) == {"amy", "bob"}
    assert set(shop.figures.agents["agent_id"]) == {"cui", "dan"}
    assert whole.figures.units == 120
    with pytest.raises(Invalid, match="Nothing to draw"):
        draws.preview(bench, lead, period=Period(date(2025, 1, 1), date(2025, 1, 2)), design=PlanDesign())


def test_days_are_those_of_the_business_time_zone(bench: Workbench, lead: Actor, now: datetime) -> None:
    fill(bench, chats=1)  # one chat of each agent, at 10:00, 11:00, … on 1 February in Shanghai
    with bench.archive.change("late evening", now) as change:
        row = bench.archive.at().scan("conversations").head(1).collect()
        from polars import lit

        change.append(
            "conversations",
            row.with_columns(conversation_key=lit("shop:night"), started_at=datetime(2026, 2, 1, 16, 30, tzinfo=UTC)),
        )
    design = PlanDesign(quotas=(SourceQuota("chat", None),))
    first = draws.preview(bench, lead, period=Period(date(2026, 2, 1), date(2026, 2, 1)), design=design)
    second = draws.preview(bench, lead, period=Period(date(2026, 2, 2), date(2026, 2, 2)), design=design)
    assert (first.figures.units, second.figures.units) == (4, 1)


def test_the_exported_script_draws_again_without_the_product(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    fill(bench)
    done = publish(bench, lead, now, make_plan(bench, lead, now))
    bundle = draws.export_receipt(bench, lead, now=now, draw_id=done.draw_id)
    with zipfile.ZipFile(BytesIO(bundle.content)) as archive:
        archive.extractall(tmp_path / "receipt")

    def check() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "verify_receipt.py", "receipt.json", "frame.csv"]
        return subprocess.run(command, cwd=tmp_path / "receipt", capture_output=True, text=True, check=False)

    assert check().returncode == 0, check().stdout
    file = tmp_path / "receipt" / "receipt.json"
    data = json.loads(file.read_text("utf-8"))
    assert draws.verify(bench, lead, receipt=draws.receipt_from_file(file)).equal
    data["seed"] = "another"
    file.write_text(json.dumps(data), "utf-8")
    assert check().returncode == 1
    assert {d.what for d in draws.verify(bench, lead, receipt=data).differences} >= {"commitment", "pick"}


def test_tampering_with_what_is_stored_is_found(bench: Workbench, lead: Actor, now: datetime) -> None:
    fill(bench)
    done = publish(bench, lead, now, make_plan(bench, lead, now))
    with bench.db.write() as session:
        guards.lift(session.connection())
        sample = session.scalars(select(Sample).where(Sample.reason == "base").limit(1)).one()
        true_pi = sample.pi
        session.execute(update(Sample).where(Sample.id == sample.id).values(pi=1.0))
    assert {d.what for d in draws.verify(bench, lead, draw_id=done.draw_id).differences} == {"sample"}
    with bench.db.write() as session:
        session.execute(update(Sample).where(Sample.id == sample.id).values(pi=true_pi, agent_id="somebody-else"))
    found = draws.verify(bench, lead, draw_id=done.draw_id).differences
    assert [(d.stated, d.found) for d in found] == [(f"agent_id {sample.agent_id}", "agent_id somebody-else")]
    with bench.db.write() as session:
        session.execute(update(Sample).where(Sample.id == sample.id).values(agent_id=sample.agent_id))
        receipt = dict(session.get_one(Draw, done.draw_id).receipt)
        receipt["picks"] = receipt["picks"][1:]
        session.execute(update(Draw).values(receipt=receipt))
    assert {"receipt_hash", "sample", "pick"} == {
        d.what for d in draws.verify(bench, lead, draw_id=done.draw_id).differences
    }


def test_a_replacement_is_the_next_rank_and_stays_on_record(any_bench: Workbench, lead: Actor, now: datetime) -> None:
    fill(any_bench)
    done = publish(any_bench, lead, now, make_plan(any_bench, lead, now))
    with any_bench.db.read() as session:
        base = session.scalars(select(Sample).where(Sample.reason == "base").order_by(Sample.id).limit(2)).all()
        certain = session.scalars(select(Sample).where(Sample.reason == "certainty").limit(1)).one()
    for k, sample in enumerate((*base, certain)):
        made = draws.replace(
            any_bench, lead, now=now + timedelta(seconds=k), sample_id=sample.id, reason="only a test message"
        )
        assert (made.substitute_id is None) == (sample is certain)
    assert draws.verify(any_bench, lead, draw_id=done.draw_id).differences == ()
    receipt = draws.receipt_of(any_bench, lead, done.draw_id)
    assert len(receipt["replacements"]) == 3
    assert receipt["reviews"] == done.samples - 1
    with any_bench.db.read() as session:
        open_places = session.scalars(select(Assignment).join(Sample).where(Assignment.finished_at.is_(None))).all()
        assert {s.reason for s in session.scalars(select(Sample).where(Sample.replaces_id.is_not(None)))} == {
            "replacement"
        }
        assert len({p.sample_id for p in open_places}) == done.samples - 1
    with pytest.raises(Conflict, match="already replaced"):
        draws.replace(any_bench, lead, now=now, sample_id=base[0].id, reason="once more")


def test_rights_and_bad_input(bench: Workbench, lead: Actor, now: datetime) -> None:
    fill(bench)
    plan_id = make_plan(bench, lead, now)
    inspector = Actor(2, Role.INSPECTOR, "Ida")
    agent = Actor(5, Role.AGENT, "Amy", "amy")
    assert draws.list_plans(bench, inspector)[0].seed_commitment == commit(SEED)
    assert SEED not in repr(draws.list_plans(bench, inspector))
    with pytest.raises(Denied):
        publish(bench, inspector, now, plan_id)
    with pytest.raises(Denied):
        draws.preview(bench, inspector, period=FEBRUARY, plan_id=plan_id)
    with pytest.raises(Denied):
        draws.list_draws(bench, agent)
    with pytest.raises(NotFound):
        publish(bench, lead, now, 99)
    with pytest.raises(Invalid, match="receipt"):
        draws.read_receipt(b"not json")
    with pytest.raises(Invalid, match="Inspector 5"):
        make_plan(bench, lead, now, PlanDesign(inspectors=(5,)))
    with pytest.raises(Invalid, match="seed"):
        draws.create_plan(bench, lead, now=now, name="x", design=DESIGN, seed="short")
    draws.archive_plan(bench, lead, now=now, plan_id=plan_id)
    with pytest.raises(Conflict, match="is retired"):
        publish(bench, lead, now, plan_id)


def test_every_source_is_scored_on_its_own_card(any_bench: Workbench, lead: Actor, now: datetime) -> None:
    fill(any_bench)
    versions.load_missing(any_bench, SYSTEM, now=now)
    cards = {source: versions.current(any_bench, SYSTEM, source) for source in ("chat", "dispute", "rating")}
    plan_id = make_plan(any_bench, lead, now)
    done = publish(any_bench, lead, now, plan_id)
    with any_bench.db.read() as session:
        draw = session.get_one(Draw, done.draw_id)
        rows = session.execute(select(Sample.source, Sample.rubric_version_id).distinct()).all()
        place = session.scalars(
            select(Assignment.id).join(Sample, Sample.id == Assignment.sample_id).where(Sample.source == "dispute")
        ).first()
        assert place is not None
        scored_on = session.execute(
            select(RUBRIC_VERSION)
            .select_from(Assignment)
            .join(Sample, Sample.id == Assignment.sample_id)
            .join(Draw, Draw.id == Sample.draw_id)
            .outerjoin(CalibrationRound, CalibrationRound.id == Assignment.round_id)
            .where(Assignment.id == place)
        ).scalar_one()
    wanted = {source: view.id for source, view in cards.items() if view is not None}
    assert draw.rubric_version_id == wanted["chat"]
    assert dict(rows) == {"chat": None, "dispute": wanted["dispute"], "rating": wanted["rating"]}
    assert scored_on == wanted["dispute"]
