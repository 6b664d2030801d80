"""Taking an import back as a user does it: what would go, then the doing, recorded like an import and safe to
interrupt.

Samples, verdicts and case files keep their evidence: a case file that nobody has decided yet gets its transcript frozen
before the chat goes.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from qa.conversations import index
from qa.errors import Busy, Conflict, NotFound
from qa.i18n import N_
from qa.ingest import freezing, runs, takeback
from qa.ingest.takeback import Without
from qa.policy import Actor, Right, require
from qa.tables import ImportRun, Sample, Violation
from qa.workbench import Workbench

KIND = "take_back"
INDICATORS = "indicators"
"""Runs that brought indicators; `qa.assessment` takes them back."""
PART = 500


@dataclass(frozen=True)
class TakeBack:
    """What taking an import back removes: whole conversations, messages, disputes and ratings; how many records only
    change; how many drawn samples and case files are of what goes (they stay, with their evidence)."""

    conversations: int = 0
    messages: int = 0
    disputes: int = 0
    ratings: int = 0
    changed: int = 0
    samples: int = 0
    case_files: int = 0

    def to_dict(self) -> dict[str, int]:
        return asdict(self)


def take_back_preview(bench: Workbench, actor: Actor, run_id: int) -> TakeBack:
    """What `take_back` would do; nothing is written. Raises `Conflict` for a run that cannot be taken back."""
    require(actor, Right.IMPORT)
    _run(bench, run_id)
    owner, alone = _owner(bench, run_id)
    plan = takeback.without(bench.archive.at(), owner, 0) if alone else takeback.nothing()
    with bench.db.read() as session:
        return _counted(session, plan)


def take_back(bench: Workbench, actor: Actor, *, now: datetime, run_id: int) -> TakeBack:
    """Remove what only this import brought, in one atomic step, and then from the search index. Raises `Conflict` when
    it cannot be taken back or somebody is writing."""
    require(actor, Right.IMPORT)
    run = _run(bench, run_id)
    with bench.db.write() as session:
        new = insert(ImportRun).values(
            file_name=run.file_name,
            sha256=run.sha256,
            kind=KIND,
            source=run.source,
            mapping={},
            state="started",
            counts={},
            problems=[],
            started_by=actor.user_id or None,
            started_at=now,
        )
        new_id = session.execute(new.returning(ImportRun.id)).scalar_one()
    with ExitStack() as held:
        try:
            writer = held.enter_context(bench.archive.hold())
            with writer.change(f"import {new_id}", now) as change:
                runs.complete_dead_runs(bench, actor, now, new_id)
                _run(bench, run_id)  # nobody else has taken it back meanwhile
                owner, alone = _owner(bench, run_id)
                plan = takeback.without(change.before, owner, new_id) if alone else takeback.nothing()
                freezing.freeze(bench, change.before, plan, now)
                takeback.apply(change, plan, owner)
                with bench.db.write() as session:
                    done = _counted(session, plan)
                    outcome = {"counts": done.to_dict(), "agents": [], "takes_back": run_id}
                    session.execute(update(ImportRun).where(ImportRun.id == new_id).values(outcome=outcome))
            version = bench.archive.version()
        except BaseException:
            runs.fail(bench, actor, now, new_id, "failed")
            raise
        with bench.db.write() as session:
            runs.complete(session, actor, now, new_id, version)
    with suppress(Busy):  # whoever is at it works on what was there before: the next update takes it out
        if index.of(bench).manifest() is not None:
            index.update(bench)
    return done


def _run(bench: Workbench, run_id: int) -> ImportRun:
    with bench.db.read() as session:
        run = session.get(ImportRun, run_id)
        if run is None:
            raise NotFound(N_("There is no import {id}."), id=run_id)
        if run.state == "taken_back":
            raise Conflict(N_("Import {id} was taken back already."), id=run_id)
        if run.state != "done" or run.kind == KIND:
            raise Conflict(N_("Only an import that is done can be taken back."))
        if run.kind == INDICATORS:
            raise Conflict(N_("Indicators are taken back on the page “Assessment”."))
        if run.kind in ("agents", "merge"):
            raise Conflict(N_("A roster cannot be taken back: correct it on the page of people."))
        if run.outcome is None:
            raise Conflict(
                N_(
                    "Import {id} was made by an earlier release, which did not keep what each import brought; it cannot"
                    " be taken back."
                ),
                id=run_id,
            )
        session.expunge(run)
        return run


def _owner(bench: Workbench, run_id: int) -> tuple[int, bool]:
    """The import whose rows stand for a run, which may only have repeated it, and whether no other run says the
    same."""
    with bench.db.read() as session:
        done = session.execute(
            select(ImportRun.id, ImportRun.outcome).where(ImportRun.state == "done", ImportRun.kind != KIND)
        ).all()
    owners = {id_: int((outcome or {}).get("repeats") or id_) for id_, outcome in done}
    owner = owners[run_id]
    return owner, not any(other == owner for id_, other in owners.items() if id_ != run_id)


def can_take_back(run: ImportRun) -> bool:
    """Whether `take_back` would accept this run."""
    return run.state == "done" and run.kind not in (KIND, INDICATORS, "agents", "merge") and run.outcome is not None


def _counted(session: Session, plan: Without) -> TakeBack:
    keys = plan.touched().to_list()
    units = [*keys, *plan.gone["disputes"].to_list(), *plan.gone["ratings"].to_list()]
    samples = files = 0
    for start in range(0, max(len(units), len(keys)), PART):
        samples += session.scalar(select(func.count()).where(Sample.unit_id.in_(units[start : start + PART]))) or 0
        files += (
            session.scalar(select(func.count()).where(Violation.conversation_key.in_(keys[start : start + PART]))) or 0
        )
    return TakeBack(
        conversations=len(plan.gone["conversations"]),
        messages=plan.lost,
        disputes=len(plan.gone["disputes"]),
        ratings=len(plan.gone["ratings"]),
        changed=sum(rows.height for rows in plan.rows.values()),
        samples=samples,
        case_files=files,
    )
