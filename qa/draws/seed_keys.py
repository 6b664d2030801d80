"""Sealing the seeds of plans: those of before, all of them with a new key, and new seeds where a key was lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select, update

from qa.errors import SpotcheckError
from qa.policy import Actor, Right, require
from qa.security import keys, tokens
from qa.security import seeds as sealed
from qa.tables import Plan, Setting
from qa.workbench import Workbench
from scoring.draw import commit

ENDPOINT = "scorer.endpoint"
"""The setting that holds the sealed key of a machine scorer's endpoint (`qa.scorer.setup`)."""


def seal_plain(bench: Workbench, actor: Actor, now: datetime) -> int:
    """Seal the seeds that are stored as they are; returns how many. For upgrades."""
    require(actor, Right.MAINTAIN)
    return _each(bench, actor, now, lambda seed: not sealed.is_sealed(seed), "plan.seed_sealed")


def rotate(bench: Workbench, actor: Actor, now: datetime, also: Callable[[], object] = lambda: None) -> int:
    """Seal every seed anew with a new key, and by `also` whatever else is sealed, and forget the old ones; returns how
    many seeds. Interrupted, it leaves a key
    file that opens everything, and may be repeated."""
    require(actor, Right.MAINTAIN)
    keys.rotate(bench.config.keys)
    n = _each(bench, actor, now, lambda seed: True, "plan.seed_sealed")
    also()
    _seal_endpoint(bench, actor, now)
    keys.forget_old(bench.config.keys)
    return n


def renew_lost(bench: Workbench, actor: Actor, *, now: datetime, fresh: Callable[[], str]) -> list[int]:
    """Give every plan whose seed cannot be opened a new one, committed anew; returns their numbers. The trail keeps the
    commitment that was lost, so that nobody can pass a seed of their choice for an accident unseen."""
    require(actor, Right.MAINTAIN)
    lost: list[int] = []
    with bench.begin(actor, now) as work:
        for plan in work.session.scalars(select(Plan).order_by(Plan.id)):
            try:
                bench.open_seed(plan.seed)
            except SpotcheckError:
                seed = fresh()
                work.record("plan.reseeded", "plan", plan.id, commitment=[plan.seed_commitment, commit(seed)])
                values = {"seed": bench.close_seed(seed), "seed_commitment": commit(seed), "committed_at": now}
                work.session.execute(update(Plan).where(Plan.id == plan.id).values(**values))
                lost.append(plan.id)
    return lost


def _seal_endpoint(bench: Workbench, actor: Actor, now: datetime) -> None:
    """Seal the key of the machine scorer's endpoint anew, where there is one."""
    known = keys.seeds(bench.config.keys)
    with bench.begin(actor, now) as work:
        kept = work.session.get(Setting, ENDPOINT)
        if kept is not None and kept.value.get("key"):
            value = {**kept.value, "key": tokens.close(tokens.opened(kept.value["key"], known), known)}
            work.session.merge(Setting(key=ENDPOINT, value=value, updated_at=now))
            work.record("scorer.key_sealed", "setting", ENDPOINT)


def _each(bench: Workbench, actor: Actor, now: datetime, wanted: Callable[[str], bool], action: str) -> int:
    with bench.begin(actor, now) as work:
        found = [row for row in work.session.execute(select(Plan.id, Plan.seed)) if wanted(row.seed)]
        for number, stored in found:
            seed = bench.close_seed(bench.open_seed(stored))
            work.session.execute(update(Plan).where(Plan.id == number).values(seed=seed))
            work.record(action, "plan", number)
    return len(found)
