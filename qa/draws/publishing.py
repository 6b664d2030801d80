"""Publishing a draw: frame, picks, frozen transcripts, assignments and receipt become facts in one transaction.

Everything slow happens before the transaction; inside it the plan is locked and what was prepared is checked against
it, so that two people publishing at once, or one person clicking twice, produce one draw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from qa import audit, transcripts
from qa.draws import frames
from qa.draws.design import PlanDesign
from qa.draws.frames import Period
from qa.draws.planned import Resolved
from qa.draws.plans import MIN_SEED, find_plan
from qa.draws.previewing import drawn_before, inspectors_of, resolve
from qa.draws.record import document, document_hash
from qa.errors import Cancelled, Conflict, Invalid
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import Agent, Assignment, Draw, Plan, Sample
from qa.transcripts import shown_text
from qa.verdicts import facts
from qa.workbench import Workbench
from scoring import draw as scoring_draw
from scoring.keyed import salted_order

_BATCH = 2_000

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class PublishedDraw:
    """What publishing did. `repeated`: this very request had already been carried out."""

    draw_id: int
    samples: int
    assignments: int
    unassigned: int
    receipt_hash: str
    repeated: bool


@dataclass(frozen=True)
class _Prepared:
    seed: str
    content: Mapping[str, Any]
    resolved: Resolved
    receipt: scoring_draw.Receipt
    picks: pl.DataFrame
    contents: Sequence[dict[str, Any]]
    dealt: scoring_draw.InspectorAssignment | None
    summaries: pl.DataFrame
    frame_size: int


def publish(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    plan_id: int,
    period: Period,
    nonce: str,
    next_seed: str,
    archive_version: int | None = None,
    name: str = "",
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> PublishedDraw:
    """Draw the plan for the period from the archive at `archive_version` (the newest when None).

    Opens the plan's seed on the receipt and commits `next_seed` for the draw after this one. `nonce` names the request:
    repeating it returns the draw it made. Raises `Conflict` when the plan was already drawn for days of this period: a
    second draw of the same days would let somebody choose between results; and `Invalid` when days of it are still to
    come: what happens on them could never be drawn. `cancel` is asked between steps and before anything is written; the
    writing itself is one transaction. Raises `Cancelled` then.
    """
    require(actor, Right.PLAN_DRAW)
    if not 8 <= len(nonce) <= 64:
        raise Invalid(N_("The request number needs 8 to 64 characters."))
    if len(next_seed) < MIN_SEED:
        raise Invalid(N_("The seed needs at least {count} characters."), count=MIN_SEED)
    sealed_next = bench.close_seed(next_seed)
    if period.last > now.astimezone(bench.config.zone).date():
        raise Invalid(
            N_("The period ends on {last}, which is still to come; choose days that are over."), last=str(period.last)
        )
    tell = _Teller(progress, cancel)
    with bench.db.read() as session:
        if done := _repeated(session, nonce, plan_id, period):
            return done
        plan = find_plan(session, plan_id, lock=False)
        _refuse_second(session, plan, period)
        prepared = _prepare(session, bench, plan, period, archive_version, tell)
    tell(0.9, N_("Writing the draw"))
    with bench.db.write() as session:
        plan = find_plan(session, plan_id)
        if done := _repeated(session, nonce, plan_id, period):
            return done
        _refuse_second(session, plan, period)
        if plan.seed_commitment != scoring_draw.commit(prepared.seed) or plan.content != prepared.content:
            raise Conflict(
                N_("The plan “{name}” was changed or drawn meanwhile; look at the preview again."), name=plan.name
            )
        after = (sealed_next, scoring_draw.commit(next_seed))
        done = _write(session, actor, now, plan, period, nonce, after, name.strip(), prepared)
    facts.compact(bench, now, least=facts.COMPACT_FROM)  # a good moment for it: nothing above depends on it
    return done


@dataclass(frozen=True)
class _Teller:
    """Says how far the work is, and asks whether to go on."""

    progress: Progress | None
    cancel: Callable[[], bool] | None

    def __call__(self, share: float, what: str) -> None:
        if self.cancel is not None and self.cancel():
            raise Cancelled(N_("Publishing was stopped; nothing was drawn, and the seed stays closed."))
        if self.progress is not None:
            self.progress(share, what)


def _repeated(session: Session, nonce: str, plan_id: int, period: Period) -> PublishedDraw | None:
    draw = session.scalars(select(Draw).where(Draw.nonce == nonce)).one_or_none()
    if draw is None:
        return None
    if (draw.plan_id, draw.period_from, draw.period_to) != (plan_id, period.first, period.last):
        raise Conflict(N_("This request number already published another draw ({draw})."), draw=draw.id)
    count = select(func.count()).select_from(Sample).where(Sample.draw_id == draw.id)
    given = select(Assignment.inspector_id.is_(None), func.count()).join(Sample).where(Sample.draw_id == draw.id)
    loads = dict(session.execute(given.group_by(Assignment.inspector_id.is_(None))).all())
    return PublishedDraw(
        draw.id, session.scalar(count) or 0, sum(loads.values()), loads.get(True, 0), draw.receipt_hash, repeated=True
    )


def _refuse_second(session: Session, plan: Plan, period: Period) -> None:
    before = drawn_before(session, plan.id, period)
    if before is not None:
        raise Conflict(
            N_(
                "The plan “{name}” was already drawn for {first} to {last} (draw {draw}); choose other days or another"
                " plan."
            ),
            name=plan.name,
            first=str(before.period_from),
            last=str(before.period_to),
            draw=before.id,
        )


def _prepare(
    session: Session, bench: Workbench, plan: Plan, period: Period, archive_version: int | None, tell: _Teller
) -> _Prepared:
    snapshot = bench.archive.at(archive_version)
    tell(0.05, N_("Reading the frame"))
    design = PlanDesign.from_dict(plan.content)
    ready, _ = resolve(session, bench, snapshot, design, period)
    tell(0.4, N_("Drawing"))
    seed = bench.open_seed(plan.seed)
    drawn = ready.select(seed)
    receipt = ready.receipt(drawn, seed, plan.seed_commitment)
    picks = ready.details(drawn.filter("picked")).sort("u", "unit_id")
    summaries = ready.summaries()
    del drawn
    tell(0.7, N_("Copying the transcripts"))
    names: dict[str, str] = dict(session.execute(select(Agent.agent_id, Agent.name)).all())
    records = frames.disputes(snapshot, design, ready.resolved.decided, period.bounds(bench.config.zone))
    units = picks.select("unit_id", "source", "conversation_key", "agent_id")
    contents = transcripts.freeze(snapshot, units, names, disputes=records)
    dealt = _deal(session, design, picks, frames.participants(snapshot, picks), seed)
    return _Prepared(seed, plan.content, ready.resolved, receipt, picks, contents, dealt, summaries, ready.units)


def _deal(
    session: Session, design: PlanDesign, picks: pl.DataFrame, took_part: pl.DataFrame, seed: str
) -> scoring_draw.InspectorAssignment | None:
    people = inspectors_of(session, design)
    if not people or picks.is_empty():
        return None
    by_agent = pl.DataFrame(
        [(agent, str(user)) for user, _, agent in people if agent],
        schema={"agent_id": pl.String, "inspector_id": pl.String},
        orient="row",
    )
    own = took_part.join(by_agent, on="agent_id").select("unit_id", "inspector_id")
    return scoring_draw.assign(
        picks.select("unit_id", "agent_id"),
        [str(user) for user, _, _ in people],
        seed,
        excluded=list(own.iter_rows()),
        double_share=design.double_share,
    )


def _write(
    session: Session,
    actor: Actor,
    now: datetime,
    plan: Plan,
    period: Period,
    nonce: str,
    after: tuple[str, str],
    name: str,
    ready: _Prepared,
) -> PublishedDraw:
    record = document(ready.receipt, ready.resolved, ready.summaries, committed_at=plan.committed_at)
    digest = document_hash(record)
    draw_id = session.execute(
        insert(Draw)
        .values(
            plan_id=plan.id,
            name=(shown_text(None, name) or f"{plan.name} {period.first} – {period.last}")[:200],
            period_from=period.first,
            period_to=period.last,
            archive_version=ready.resolved.archive_version,
            frame_hash=ready.receipt.frame_hash,
            frame_size=ready.frame_size,
            receipt=record,
            receipt_hash=digest,
            rubric_version_id=plan.rubric_version_id,
            published_by=actor.user_id or None,
            published_at=now,
            nonce=nonce,
        )
        .returning(Draw.id)
    ).scalar_one()
    by_unit = _write_samples(session, draw_id, ready, transcripts.store(session, ready.contents, now))
    rows = _assignments(session, ready, by_unit, now)
    for start in range(0, len(rows), _BATCH):
        session.execute(insert(Assignment), rows[start : start + _BATCH])
    session.execute(
        update(Plan).where(Plan.id == plan.id).values(seed=after[0], seed_commitment=after[1], committed_at=now)
    )
    audit.record(
        session,
        actor,
        now,
        "draw.published",
        "draw",
        draw_id,
        plan=plan.id,
        first=str(period.first),
        last=str(period.last),
        archive_version=ready.resolved.archive_version,
        units=ready.frame_size,
        samples=len(by_unit),
        receipt=digest,
        next_commitment=after[1],
    )
    unassigned = sum(row["inspector_id"] is None for row in rows)
    return PublishedDraw(draw_id, len(by_unit), len(rows), unassigned, digest, repeated=False)


def _write_samples(session: Session, draw_id: int, ready: _Prepared, frozen: Sequence[int]) -> dict[str, int]:
    own = dict(PlanDesign.from_dict(ready.content).rubrics)
    rows = [
        {
            "draw_id": draw_id,
            "unit_id": pick["unit_id"],
            "source": pick["source"],
            "conversation_key": pick["conversation_key"],
            "agent_id": pick["agent_id"],
            "stratum": pick["stratum"],
            "reason": pick["reason"],
            "pi": pick["pi"],
            "u": pick["u"],
            "rank": pick["rank"],
            "risk": pick["p"],
            "prediction": pick["loss"],
            "occurred_at": pick["occurred_at"],
            "transcript_id": transcript,
            "rubric_version_id": own.get(pick["source"]),
        }
        for pick, transcript in zip(ready.picks.iter_rows(named=True), frozen, strict=True)
    ]
    for start in range(0, len(rows), _BATCH):
        session.execute(insert(Sample), rows[start : start + _BATCH])
    return dict(session.execute(select(Sample.unit_id, Sample.id).where(Sample.draw_id == draw_id)).all())


def _assignments(session: Session, ready: _Prepared, by_unit: Mapping[str, int], now: datetime) -> list[dict[str, Any]]:
    """Queue places in an order of its own by the seed, behind what waits already.

    The permanent numbers would send the base sample ahead of the pool, and a draw half inspected would look better than
    it is. Without inspectors, or where everybody took part, a sample waits in the common queue.
    """
    last = session.scalar(select(func.max(Assignment.position))) or 0
    order = salted_order(f"{ready.seed}|queue", ready.picks["unit_id"].to_list())
    position = {unit: last + k for k, unit in enumerate(order, start=1)}
    dealt = ready.dealt
    pairs = [] if dealt is None else list(dealt.pairs.select("unit_id", "inspector_id", "role").iter_rows())
    common = ready.picks["unit_id"].to_list() if dealt is None else dealt.unassigned
    places = [(unit, int(who), "primary" if role == "first" else "double") for unit, who, role in pairs]
    places += [(unit, None, "primary") for unit in common]  # type: ignore[misc]
    return [
        {
            "sample_id": by_unit[unit],
            "inspector_id": who,
            "kind": kind,
            "position": position[unit],
            "version": 1,
            "created_at": now,
        }
        for unit, who, kind in sorted(places, key=lambda place: (position[place[0]], place[2]))
    ]
