"""Everything the desk shows for one place of the queue, read in a handful of indexed look-ups.

Blind by construction: nothing here says whether a sample is a second scoring or a gold conversation, what a colleague
marked, or how a case file stands while somebody's own judgement of it is wanted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from qa import transcripts
from qa.desk import suggesting
from qa.desk.leases import OWN_CHAT, took_part
from qa.desk.sheets import FILES, RUBRIC_VERSION, DraftView, draft_of, filed_under
from qa.desk.suggesting import Suggestion
from qa.errors import Conflict, NotFound, Stale
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.rubrics.stored import rubric_of
from qa.rules.stored import effect_of
from qa.tables import Assignment, CalibrationRound, Case, Draw, RuleVersion, Sample, Transcript, Violation
from qa.transcripts import FrozenTranscript
from qa.transcripts.document import DISPUTE
from qa.workbench import Workbench
from scoring.label import EMPTY, Label
from scoring.redline.rule import Effect
from scoring.rubric import Rubric
from scoring.timing import Definition, definition_of
from scoring.waits import TimedLine, Wait, waits

PRECEDENTS_EACH = 3


@dataclass(frozen=True)
class DeskHit:
    """One red-line finding in the transcript, waiting for this inspector's decision."""

    rule_id: str
    rule_version: int
    seq: int
    start: int
    end: int
    matched: str


@dataclass(frozen=True)
class DeskRule:
    """A red line that can be confirmed here: found, or added by hand when the machine missed it."""

    rule_id: str
    version: int
    label: Label
    severity: str
    effect: Effect
    basis: Label


@dataclass(frozen=True)
class Precedent:
    """A case of the library that teaches a criterion or a red line."""

    case_id: int
    title: str
    lesson: str
    kind: str
    criterion_id: str | None
    rule_id: str | None


@dataclass(frozen=True)
class Workspace:
    """One sample as the desk needs it. `version` is the place's; a submit sends it back."""

    assignment_id: int
    version: int
    lease_until: datetime | None
    sample_id: int
    unit_id: str
    source: str
    agent_id: str
    occurred_at: datetime | None
    calibration: str
    """Name of the calibration round, empty outside one."""
    transcript: FrozenTranscript
    rubric: Rubric
    rubric_version_id: int
    hits: tuple[DeskHit, ...]
    rules: tuple[DeskRule, ...]
    timing: Definition
    """The reply-time figure of the platform that the chat came through."""
    waits: tuple[Wait, ...]
    """The rounds that figure counts."""
    precedents: tuple[Precedent, ...]
    draft: DraftView | None
    suggestions: tuple[Suggestion, ...] = ()
    """What the data proposes; none in places that are compared with others."""


def workspace(bench: Workbench, actor: Actor, *, now: datetime, assignment_id: int) -> Workspace:
    """What `actor` needs to inspect a place they have claimed. Changes nothing.

    Raises `Conflict` when it is finished, withdrawn or a chat of one's own, `Stale` when it is not (or no longer) in
    their hands.
    """
    require(actor, Right.INSPECT)
    with bench.db.read() as session:
        found = session.execute(_PLACE, {"place": assignment_id}).one_or_none()
        if found is None:
            raise NotFound(N_("There is no assignment {id}."), id=assignment_id)
        place, sample, content, version_id, name = found
        transcript = transcripts.read(content)
        if place.finished_at is not None:
            raise Conflict(N_("This sample is finished; its result is on record."))
        if place.lease_by != actor.user_id:
            raise Stale(N_("This sample is no longer in your hands; open it again."))
        if sample.withdrawn_at is not None:
            raise Conflict(N_("This sample was replaced meanwhile; take the next one."))
        if took_part(actor, transcript):
            raise Conflict(OWN_CHAT)
        hits, timing = _hits(session, sample, actor), definition_of(transcript.channel)
        rubric = rubric_of(session, version_id)
        return Workspace(
            assignment_id=place.id,
            version=place.version,
            lease_until=place.lease_until,
            sample_id=sample.id,
            unit_id=sample.unit_id,
            source=sample.source,
            agent_id=sample.agent_id,
            occurred_at=sample.occurred_at,
            calibration=name if place.kind == "calibration" else "",
            transcript=transcript,
            rubric=rubric,
            rubric_version_id=version_id,
            hits=hits,
            rules=_rules(session, {hit.rule_id: hit.rule_version for hit in hits}),
            timing=timing,
            waits=waits(_lines(transcript), timing, bench.config.zone),
            precedents=_precedents(session, sample, {hit.rule_id for hit in hits}),
            draft=draft_of(session, actor, assignment_id),
            suggestions=suggesting.shown(session, sample, place.kind, transcript, rubric),
        )


_PLACE = (
    select(Assignment, Sample, Transcript.content, RUBRIC_VERSION, CalibrationRound.name)
    .join(Sample, Sample.id == Assignment.sample_id)
    .join(Transcript, Transcript.id == Sample.transcript_id)
    .join(Draw, Draw.id == Sample.draw_id, isouter=True)
    .join(CalibrationRound, CalibrationRound.id == Assignment.round_id, isouter=True)
    .where(Assignment.id == bindparam("place"))
)
_HITS = select(Violation.rule_id, Violation.rule_version, Violation.evidence).where(*FILES)
_RULES = (
    select(RuleVersion.rule_id, RuleVersion.version, RuleVersion.state, RuleVersion.content_hash)
    .where(RuleVersion.state != "draft")
    .order_by(RuleVersion.rule_id, RuleVersion.version)
)


def _hits(session: Session, sample: Sample, reader: Actor) -> tuple[DeskHit, ...]:
    found = [
        DeskHit(rule_id, version, int(item["seq"]), int(item["start"]), int(item["end"]), str(item["matched"]))
        for rule_id, version, evidence in session.execute(_HITS, filed_under(sample, reader))
        for item in evidence
    ]
    return tuple(sorted(found, key=lambda hit: (hit.seq, hit.start, hit.rule_id)))


def _rules(session: Session, found: Mapping[str, int]) -> tuple[DeskRule, ...]:
    """Red lines in force, and of those found the very version that found them. Versions never change once published,
    so each is read once."""
    rows = session.execute(_RULES)
    chosen: dict[str, tuple[int, str]] = {}
    for rule_id, version, state, digest in rows:
        if version == found.get(rule_id) or (state == "published" and rule_id not in found):
            chosen[rule_id] = (version, digest)
    return tuple(_rule(session, rule_id, *key) for rule_id, key in chosen.items())


_read: dict[tuple[str, int, str], DeskRule] = {}


def _rule(session: Session, rule_id: str, version: int, digest: str) -> DeskRule:
    key = (rule_id, version, digest)
    if (known := _read.get(key)) is not None:
        return known
    named = (RuleVersion.rule_id == rule_id, RuleVersion.version == version)
    content = session.scalars(select(RuleVersion.content).where(*named)).one()
    rule = DeskRule(
        rule_id, version, Label.from_dict(content.get("label") or {}), str(content.get("severity", "")),
        effect_of(content), _basis(content),
    )  # fmt: skip
    if len(_read) > 5_000:
        _read.clear()  # other threads may be at it: nobody looks a thing up twice
    _read[key] = rule
    return rule


def _basis(content: Mapping[str, Any]) -> Label:
    basis = content.get("basis") or {}
    return Label.from_dict(basis.get("text") or {}) if isinstance(basis, Mapping) else EMPTY


def _lines(transcript: FrozenTranscript) -> Iterator[TimedLine]:
    """The messages of the chat itself; what was written in the dispute answers to other clocks."""
    for message in transcript.messages:
        if message.part != DISPUTE:
            yield TimedLine(message.seq, message.role or "", message.sent_at)


def _precedents(session: Session, sample: Sample, rules: set[str]) -> tuple[Precedent, ...]:
    """Published cases about a criterion, or about a red line that was found here; the newest few of each, none of them
    made from this very conversation."""
    rows = session.execute(_PRECEDENTS, {"rules": sorted(rules), "chat": sample.conversation_key or sample.unit_id})
    return tuple(Precedent(*row) for row in rows)


def _teaching() -> Select[Any]:
    newest = Case.published_at.desc(), Case.id.desc()
    nth = func.row_number().over(partition_by=(Case.criterion_id, Case.rule_id), order_by=newest)
    ranked = (
        select(
            Case.id,
            Case.title,
            Case.lesson,
            Case.kind,
            Case.criterion_id,
            Case.rule_id,
            Case.published_at,
            nth.label("nth"),
        )
        .where(
            _ELSEWHERE,
            Case.state == "published",
            or_(Case.criterion_id.is_not(None), Case.rule_id.in_(bindparam("rules", expanding=True))),
        )
        .subquery()
    )
    fields = ranked.c.id, ranked.c.title, ranked.c.lesson, ranked.c.kind, ranked.c.criterion_id, ranked.c.rule_id
    return (
        select(*fields)
        .where(ranked.c.nth <= PRECEDENTS_EACH)
        .order_by(ranked.c.published_at.desc(), ranked.c.id.desc())
    )


_SAME_CHAT = or_(Sample.conversation_key == bindparam("chat"), Sample.unit_id == bindparam("chat"))
_ELSEWHERE = and_(
    func.coalesce(Case.conversation_key, "") != bindparam("chat"),
    func.coalesce(Case.sample_id, 0).not_in(select(Sample.id).where(_SAME_CHAT)),
    func.coalesce(Case.violation_id, 0).not_in(
        select(Violation.id).where(Violation.conversation_key == bindparam("chat"))
    ),
)
_PRECEDENTS = _teaching()
