"""The seed of the next draw cannot be read from the database; keys are copied, brought back, exchanged, and lost."""

from __future__ import annotations

import json
import shutil
from datetime import date, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, update

from qa import draws, evidence
from qa.config import Config
from qa.draws import Period, PlanDesign, SourceQuota, seed_keys
from qa.errors import Conflict, Invalid, NotFound
from qa.policy import SYSTEM, Actor
from qa.security import keys, seeds
from qa.tables import AuditEntry, Plan
from qa.workbench import Workbench
from scoring.draw import commit
from tests.world.shop import fill

SEED = "a-seed-that-nobody-may-know"
FEBRUARY = Period(date(2026, 2, 1), date(2026, 2, 28))


def planned(bench: Workbench, lead: Actor, now: datetime) -> int:
    fill(bench, chats=6)
    design = PlanDesign(quotas=(SourceQuota("chat", 2),))
    return draws.create_plan(bench, lead, now=now, name="P", seed=SEED, design=design).id


def published(
    bench: Workbench, lead: Actor, now: datetime, plan: int, nonce: str = "the-first-draw"
) -> draws.PublishedDraw:
    return draws.publish(bench, lead, now=now, plan_id=plan, period=FEBRUARY, nonce=nonce, next_seed=SEED + "-next")


def stored(bench: Workbench) -> str:
    with bench.db.read() as session:
        return session.scalars(select(Plan.seed)).one()


def test_the_database_does_not_tell_the_next_seed(any_bench: Workbench, lead: Actor, now: datetime) -> None:
    plan = planned(any_bench, lead, now)
    assert seeds.is_sealed(stored(any_bench))
    assert SEED not in stored(any_bench)
    done = published(any_bench, lead, now, plan)
    assert draws.receipt_of(any_bench, lead, done.draw_id)["seed"] == SEED
    assert draws.verify(any_bench, lead, draw_id=done.draw_id).equal
    assert any_bench.open_seed(stored(any_bench)) == SEED + "-next"
    if any_bench.db.is_sqlite:
        files = [Path(str(any_bench.db.url.database) + suffix) for suffix in ("", "-wal")]
        assert b"-next" not in b"".join(file.read_bytes() for file in files if file.exists())


def test_keys_go_to_a_new_machine_by_themselves(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    plan = planned(bench, lead, now)
    copy = tmp_path / "apart" / "keys.json"
    assert keys.copy_to(bench.config.keys, copy) == keys.fingerprint(bench.config.keys)
    with pytest.raises(Conflict):
        keys.copy_to(bench.config.keys, copy)
    assert copy.stat().st_mode & 0o777 == 0o600
    bench.config.keys.unlink()
    elsewhere = Workbench.open(Config(home=bench.config.home, database_url=str(bench.db.url)))
    with pytest.raises(Invalid, match="not in the key file"):
        published(elsewhere, lead, now, plan)
    aside = keys.bring_back(elsewhere.config.keys, copy)
    assert aside is not None
    assert aside.exists()
    elsewhere.close()
    elsewhere = Workbench.open(Config(home=bench.config.home, database_url=str(bench.db.url)))
    assert published(elsewhere, lead, now, plan).samples > 0
    elsewhere.close()


def test_a_new_key_takes_over_and_the_old_one_opens_nothing(bench: Workbench, lead: Actor, now: datetime) -> None:
    planned(bench, lead, now)
    evidence.seal(bench, now)
    old, before = keys.seeds(bench.config.keys), stored(bench)
    assert seed_keys.rotate(bench, SYSTEM, now) == 1
    assert (stored(bench) != before) and bench.open_seed(stored(bench)) == SEED  # noqa: PT018
    with pytest.raises(Invalid):
        seeds.opened(stored(bench), old)
    assert len(keys.seeds(bench.config.keys)) == 1
    assert evidence.check(bench).forgeries == ()


def test_seeds_of_before_are_sealed_by_the_upgrade_and_read_until_then(
    bench: Workbench, lead: Actor, now: datetime
) -> None:
    planned(bench, lead, now)
    with bench.db.write() as session:
        session.execute(update(Plan).values(seed=SEED))
    assert bench.open_seed(stored(bench)) == SEED
    assert seed_keys.seal_plain(bench, SYSTEM, now) == 1
    assert seed_keys.seal_plain(bench, SYSTEM, now) == 0
    assert bench.open_seed(stored(bench)) == SEED


def test_a_lost_key_costs_the_commitment_and_the_trail_says_so(bench: Workbench, lead: Actor, now: datetime) -> None:
    plan = planned(bench, lead, now)
    shutil.copy(bench.config.keys, bench.config.keys.with_suffix(".old"))
    data = json.loads(bench.config.keys.read_text("utf-8"))
    bench.config.keys.write_text(json.dumps({**data, "seeds": [{"id": "zzzz", "key": "00" * 32}]}), "utf-8")
    assert seed_keys.renew_lost(bench, SYSTEM, now=now, fresh=lambda: "fresh-" * 5) == [plan]
    with bench.db.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "plan.reseeded")).one()
    assert entry.facts["commitment"] == [commit(SEED), commit("fresh-" * 5)]
    assert published(bench, lead, now, plan).samples > 0


def test_a_sealed_seed_that_was_changed_is_not_opened(bench: Workbench) -> None:
    held = bench.close_seed(SEED)
    with pytest.raises(Invalid):
        bench.open_seed(held[:-6] + ("AAAAA=" if held[-6:] != "AAAAA=" else "BBBBB="))
    for broken in ("sealed:x", "sealed:", f"{held[:12]}?"):
        with pytest.raises(Invalid):
            bench.open_seed(broken)
    with pytest.raises(Invalid):
        bench.close_seed("x" * 101)
    with pytest.raises(NotFound):
        keys.fingerprint(bench.config.home / "nowhere.json")
