"""Published draws: looking at them, verifying them, exporting their receipt, replacing what cannot be reviewed.

The receipt of the moment of publishing never changes; replacements are facts of their own and are added when the
receipt is shown or exported.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from qa import audit, transcripts
from qa.blinding import waiting
from qa.desk.queue import standing
from qa.draws import kept_frames
from qa.draws.planned import Planned
from qa.draws.record import amended, document_hash, parse, to_json
from qa.errors import Invalid, NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import Agent, Assignment, Draw, Plan, Sample, Transcript, User
from qa.workbench import Workbench
from scoring import draw as scoring_draw
from scoring.draw import Difference, DrawError, Pick, Receipt, Replacement


@dataclass(frozen=True)
class DrawView:
    """A published draw in a list."""

    id: int
    name: str
    plan_id: int
    plan_name: str
    period_from: date
    period_to: date
    archive_version: int
    frame_size: int
    samples: int
    finished: int
    withdrawn: int
    left_out: int
    """Samples that are not reviewed because the goal of the plan is met without them."""
    receipt_hash: str
    published_at: datetime
    published_by: str


@dataclass(frozen=True)
class ReceiptFile:
    """What ships with a draw: a zip of receipt.json, frame.csv and the script that draws again without the product."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Verification:
    """Result of drawing again. No differences = equal."""

    draw_id: int | None
    units: int
    reviews: int
    differences: tuple[Difference, ...]
    removed: int = 0
    """Picks whose text retention has removed; the draw is made again without it."""

    @property
    def equal(self) -> bool:
        return not self.differences


def list_draws(bench: Workbench, actor: Actor, *, plan_id: int | None = None) -> list[DrawView]:
    """Published draws, newest first."""
    require(actor, Right.VIEW_DRAWS)
    with bench.db.read() as session:
        return _views(session, None, plan_id)


def get_draw(bench: Workbench, actor: Actor, draw_id: int) -> DrawView:
    """One draw. Raises `NotFound`."""
    require(actor, Right.VIEW_DRAWS)
    with bench.db.read() as session:
        found = _views(session, draw_id, None)
    if not found:
        raise NotFound(N_("There is no draw {draw}."), draw=draw_id)
    return found[0]


def samples(bench: Workbench, actor: Actor, draw_id: int) -> pl.DataFrame:
    """The samples of a draw, for showing: sample_id, unit_id, source, agent_id, name, occurred_at, first_line (masked
    for whoever may not see customers), reason, pi, rank, finished, withdrawn."""
    require(actor, Right.VIEW_DRAWS)
    # whether a colleague has scored what the reader still has to score would tell that theirs is a second reading
    done = select(Assignment.sample_id).where(
        Assignment.finished_as == "submitted", Assignment.kind == "primary", Assignment.sample_id.not_in(waiting(actor))
    )
    query = (
        select(
            Sample.id,
            Sample.unit_id,
            Sample.source,
            Sample.agent_id,
            Sample.reason,
            Sample.pi,
            Sample.rank,
            Sample.id.in_(done),
            Sample.withdrawn_at,
            Sample.withdrawn_reason,
            func.coalesce(Agent.name, Sample.agent_id),
            Sample.occurred_at,
        )
        .outerjoin(Agent, Agent.agent_id == Sample.agent_id)
        .where(Sample.draw_id == draw_id)
        .order_by(Sample.source, Sample.agent_id, Sample.rank, Sample.id)
    )
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "sample_id": pl.Int64,
        "unit_id": pl.String,
        "source": pl.String,
        "agent_id": pl.String,
        "reason": pl.String,
        "pi": pl.Float64,
        "rank": pl.Int64,
        "finished": pl.Boolean,
        "withdrawn_at": pl.Datetime("us", "UTC"),
        "withdrawn_reason": pl.String,
        "name": pl.String,
        "occurred_at": pl.Datetime("us", "UTC"),
        "first_line": pl.String,
    }
    with bench.db.read() as session:
        rows = [tuple(row) for row in session.execute(query)]
        said = _first_lines(session, actor, draw_id) if len(rows) <= NAMED_UP_TO else {}
    return pl.DataFrame([(*row, said.get(row[0], "")) for row in rows], schema=schema, orient="row")


NAMED_UP_TO = 600
"""Samples of one draw whose first lines are read for the list: each is a transcript to open."""


def _first_lines(session: Session, actor: Actor, draw_id: int) -> dict[int, str]:
    query = select(Sample.id, Transcript.content).join(Transcript, Transcript.id == Sample.transcript_id)
    return {
        sample: transcripts.shown_text(actor, transcripts.read(content).first_line)
        for sample, content in session.execute(query.where(Sample.draw_id == draw_id))
    }


def receipt_of(bench: Workbench, actor: Actor, draw_id: int) -> dict[str, Any]:
    """The receipt of a draw as plain data, with the replacements made since it was published."""
    require(actor, Right.VIEW_DRAWS)
    with bench.db.read() as session:
        return _document(session, draw_id)


def receipt_json(bench: Workbench, actor: Actor, draw_id: int) -> bytes:
    """The receipt as a file for programs: canonical JSON, replacements included."""
    return to_json(receipt_of(bench, actor, draw_id)).encode()


def read_receipt(content: bytes) -> dict[str, Any]:
    """Read an exported receipt: the JSON itself, or the zip that holds it. Raises `Invalid`."""
    try:
        if content[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(content)) as bundle:
                content = bundle.read("receipt.json")
        data = json.loads(content)
        if not isinstance(data, dict):
            raise ValueError("not an object")
    except (ValueError, KeyError, zipfile.BadZipFile) as problem:
        raise Invalid(N_("This is not a receipt of a draw: {reason}"), reason=str(problem)) from problem
    return data


def verify(
    bench: Workbench, actor: Actor, *, draw_id: int | None = None, receipt: dict[str, Any] | None = None
) -> Verification:
    """Draw again from the archive version and seed on the receipt, and say every difference.

    With `draw_id` the stored receipt, its fingerprint and the stored samples are compared as well; with `receipt` only
    what the file says.
    """
    require(actor, Right.VIEW_DRAWS)
    found: list[Difference] = []
    if receipt is None:
        with bench.db.read() as session:
            receipt = _document(session, draw_id or 0)
            found += _stored_differences(session, draw_id or 0, receipt)
    stated, _ = parse(receipt)
    try:
        drawn, ready, steps = redraw(bench, receipt)
    except DrawError as problem:  # a replacement on the receipt of something that was never drawn
        found.append(Difference("draw", str(problem.facts.get("unit_id", "")), "possible", str(problem)))
        if stated.commitment != scoring_draw.commit(stated.seed):
            found.append(Difference("commitment", "", stated.commitment, scoring_draw.commit(stated.seed)))
    else:
        again = ready.receipt(drawn, stated.seed, stated.commitment, steps)
        found += scoring_draw.differences(stated, again)
    return Verification(draw_id, stated.units, stated.reviews, tuple(found), _removed(bench, stated))


def _removed(bench: Workbench, receipt: Receipt) -> int:
    units = [pick.unit_id for pick in receipt.picks]
    with bench.db.read() as session:
        return sum(
            session.scalar(
                select(func.count()).where(
                    Transcript.redacted_at.is_not(None), Transcript.unit_id.in_(units[start : start + 500])
                )
            )
            or 0
            for start in range(0, len(units), 500)
        )


def export_receipt(bench: Workbench, actor: Actor, *, now: datetime, draw_id: int) -> ReceiptFile:
    """Receipt, frame and stand-alone script in one zip; the export is audited."""
    require(actor, Right.VIEW_DRAWS)
    with bench.db.read() as session:
        data = _document(session, draw_id)
    ready = kept_frames.frame_of(bench, *parse(data))
    script = resources.files("scoring.draw").joinpath("verify_receipt.py").read_text("utf-8")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, parts in (
            ("receipt.json", [to_json(data)]),
            ("frame.csv", _csv(ready)),
            ("verify_receipt.py", [script]),
        ):
            entry = zipfile.ZipInfo(name, now.utctimetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            with bundle.open(entry, "w", force_zip64=True) as file:
                for text in parts:
                    file.write(text.encode())
    with bench.db.write() as session:
        audit.record(session, actor, now, "draw.exported", "draw", draw_id, receipt=document_hash(data))
    return ReceiptFile(f"spotcheck-draw-{draw_id}.zip", buffer.getvalue())


def _csv(ready: Planned) -> Iterator[str]:
    for number, part in enumerate(ready.rows()):
        text = [
            pl.when(pl.col(name).str.contains(_FORMULA)).then("'" + pl.col(name)).otherwise(name).alias(name)
            for name in part.select(pl.col(pl.String)).columns
        ]
        yield part.with_columns(text).write_csv(include_header=number == 0)


_FORMULA = r"^'*(\s*[=+\-@]|[\t\r])"
"""What a spreadsheet would run, and what already looks neutralised; `verify_receipt.py` takes one apostrophe away
again."""


def redraw(bench: Workbench, data: dict[str, Any]) -> tuple[pl.DataFrame, Planned, list[Replacement]]:
    """The draw of a document as it stands now (after its replacements), its frame, and the replacements as they come
    out. Raises `DrawError` for a replacement that cannot have been made."""
    receipt, resolved = parse(data)
    ready = kept_frames.frame_of(bench, receipt, resolved)
    drawn = ready.select(receipt.seed)
    steps = []
    for step in receipt.replacements:
        drawn, done = scoring_draw.replace(drawn, step.unit_id, step.reason)
        steps.append(done)
    return drawn, ready, steps


def _document(session: Session, draw_id: int) -> dict[str, Any]:
    draw = session.get(Draw, draw_id)
    if draw is None:
        raise NotFound(N_("There is no draw {draw}."), draw=draw_id)
    substitute = aliased(Sample)
    rows = session.execute(
        select(Sample, substitute)
        .outerjoin(substitute, substitute.replaces_id == Sample.id)
        .where(Sample.draw_id == draw_id, Sample.withdrawn_at.is_not(None))
        .order_by(Sample.withdrawn_at, Sample.id)
    ).all()
    steps = [
        (
            Replacement(out.unit_id, into.unit_id if into else None, out.withdrawn_reason or ""),
            Pick(into.unit_id, into.agent_id, into.source, into.reason, into.pi or 0.0, into.u, into.rank)
            if into
            else None,
        )
        for out, into in rows
    ]
    return amended(draw.receipt, steps) if steps else dict(draw.receipt)


def _stored_differences(session: Session, draw_id: int, data: dict[str, Any]) -> list[Difference]:
    draw = session.get_one(Draw, draw_id)
    found: list[Difference] = []
    actual = document_hash(draw.receipt)
    if actual != draw.receipt_hash:
        found.append(Difference("receipt_hash", "", draw.receipt_hash, actual))
    stated = {pick["unit_id"]: {name: pick[name] for name in _KEPT} for pick in data["picks"]}
    columns = [getattr(Sample, name) for name in _KEPT]
    rows = session.execute(
        select(Sample.unit_id, *columns).where(Sample.draw_id == draw_id, Sample.withdrawn_at.is_(None))
    )
    kept = {unit: dict(zip(_KEPT, values, strict=True)) for unit, *values in rows}
    for unit in sorted(stated.keys() | kept.keys()):
        there, here = stated.get(unit), kept.get(unit)
        if there is None or here is None:
            found.append(Difference("sample", unit, _presence(there), _presence(here)))
        else:
            found += [
                Difference("sample", unit, f"{name} {there[name]}", f"{name} {here[name]}")
                for name in _KEPT
                if there[name] != here[name]
            ]
    return found


_KEPT = ("agent_id", "source", "reason", "pi", "u", "rank")
"""What a stored sample repeats from the receipt's pick."""


def _presence(pick: Mapping[str, Any] | None) -> str:
    return "absent" if pick is None else f"{pick['agent_id']} π={pick['pi']}"


def _views(session: Session, draw_id: int | None, plan_id: int | None) -> list[DrawView]:
    counts = (
        select(
            Sample.draw_id,
            func.count().label("samples"),
            func.count(Sample.withdrawn_at).label("withdrawn"),
            func.count().filter(Sample.id.in_(standing.left_out())).label("left_out"),
        )
        .group_by(Sample.draw_id)
        .subquery()
    )
    finished = (
        select(Sample.draw_id, func.count(func.distinct(Sample.id)).label("finished"))
        .join(Assignment, Assignment.sample_id == Sample.id)
        .where(Assignment.finished_as == "submitted", Assignment.kind == "primary")
        .group_by(Sample.draw_id)
        .subquery()
    )
    columns: Sequence[Any] = (
        Draw.id,
        Draw.name,
        Draw.plan_id,
        Plan.name.label("plan_name"),
        Draw.period_from,
        Draw.period_to,
        Draw.archive_version,
        Draw.frame_size,
        func.coalesce(counts.c.samples, 0).label("samples"),
        func.coalesce(finished.c.finished, 0).label("finished"),
        func.coalesce(counts.c.withdrawn, 0).label("withdrawn"),
        func.coalesce(counts.c.left_out, 0).label("left_out"),
        Draw.receipt_hash,
        Draw.published_at,
        func.coalesce(User.display_name, "").label("published_by"),
    )
    query = (
        select(*columns)
        .join(Plan, Plan.id == Draw.plan_id)
        .outerjoin(counts, counts.c.draw_id == Draw.id)
        .outerjoin(finished, finished.c.draw_id == Draw.id)
        .outerjoin(User, User.id == Draw.published_by)
        .order_by(Draw.period_to.desc(), Draw.id.desc())
    )
    if draw_id is not None:
        query = query.where(Draw.id == draw_id)
    if plan_id is not None:
        query = query.where(Draw.plan_id == plan_id)
    return [DrawView(**row._mapping) for row in session.execute(query)]


def receipt_from_file(path: Path) -> dict[str, Any]:
    """Read an exported receipt from disk. Raises `NotFound` or `Invalid`."""
    try:
        return read_receipt(path.read_bytes())
    except OSError as problem:
        raise NotFound(N_("The file {file} cannot be read."), file=str(path)) from problem
