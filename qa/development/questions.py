"""Questions made of published cases: which criterion it shows, what kind of case it is, which line proves it.

The excerpt is the case's own, masked, and stays with the case, where retention finds it; title and lesson are not
shown. The key is what the case says, and for the line
what inspectors marked as evidence; a case without evidence in its excerpt is not asked for a line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from qa import transcripts
from qa.i18n import N_
from qa.rules import stored as rules
from qa.tables import Case, RubricVersion, Sample, Transcript, Verdict, Violation
from qa.workbench import Workbench
from scoring.exams import shuffled
from scoring.label import Label

CRITERION, KIND, LINE = "criterion", "kind", "line"
PARTS: Mapping[str, str] = {
    CRITERION: N_("Which criterion or red line is this about?"),
    KIND: N_("What kind of case is it?"),
    LINE: N_("Which line proves it?"),
}
KINDS: Mapping[str, str] = {"exemplary": N_("Done well"), "counter": N_("Done wrongly"), "edge": N_("Borderline")}
OPTIONS = 4


@dataclass(frozen=True)
class QuestionMaterial:
    """A case as a question: what is frozen, and who may not be asked."""

    case_id: int
    version: int
    content: dict[str, Any]
    agents: tuple[str, ...]


def candidates(session: Session, language: str) -> list[Case]:
    """Published cases of a language that show a criterion or a red line."""
    query = select(Case).where(Case.state == "published", Case.language == language).order_by(Case.id)
    return [case for case in session.scalars(query) if (case.criterion_id or case.rule_id) and case.excerpt]


def labels(session: Session) -> dict[str, Label]:
    """What criteria (`c:<id>`) and red lines (`r:<id>`) are called, from the newest published versions."""
    found: dict[str, Label] = {}
    query = select(RubricVersion.content).where(RubricVersion.state == "published").order_by(RubricVersion.id)
    for content in session.scalars(query):
        for dimension in content.get("dimensions") or ():
            found |= {f"c:{c['id']}": Label.from_dict(c["label"]) for c in dimension["criteria"]}
    return found | {f"r:{name.rule_id}": Label(name.zh, name.en) for name in rules.names(session).values()}


def made(bench: Workbench, session: Session, cases: Sequence[Case], seed: str) -> list[QuestionMaterial]:
    """The questions of `cases`, in their order."""
    known = labels(session)
    took_part = _participants(bench, session, cases)
    return [
        QuestionMaterial(case.id, case.version, _content(session, case, known, seed), took_part[case.id])
        for case in cases
    ]


def _content(session: Session, case: Case, known: Mapping[str, Label], seed: str) -> dict[str, Any]:
    key = f"r:{case.rule_id}" if case.rule_id else f"c:{case.criterion_id}"
    others = shuffled(seed, "options", str(case.id), [name for name in known if name != key])[: OPTIONS - 1]
    names = {name: known.get(name) or Label(name[2:], name[2:]) for name in (key, *others)}
    content: dict[str, Any] = {
        "options": {name: label.to_dict() for name, label in names.items()},
        "key": {CRITERION: [key], KIND: [case.kind]},
    }
    if proofs := _proofs(session, case):
        content["key"][LINE] = [str(place) for place in proofs]
    return content


def _proofs(session: Session, case: Case) -> list[int]:
    """Places in the excerpt of the messages that prove what the case is about."""
    text: Any
    if case.violation_id is not None:
        file = session.get_one(Violation, case.violation_id)
        seqs, transcript = {int(hit["seq"]) for hit in file.evidence}, file.transcript_id
    elif case.sample_id is not None:
        transcript = session.get_one(Sample, case.sample_id).transcript_id
        sheet = session.scalar(select(Verdict.sheet).where(Verdict.sample_id == case.sample_id, Verdict.is_current))
        marks = (sheet or {}).get("marks") or ()
        seqs = {
            int(seq)
            for mark in marks
            if mark.get("criterion_id") == case.criterion_id
            for seq in mark.get("evidence") or ()
        }
    else:
        return []
    text = session.scalar(select(Transcript.content).where(Transcript.id == transcript)) if transcript else None
    if not seqs or text is None:
        return []
    return _places(case.excerpt, transcripts.read(text), seqs)


def _places(excerpt: Sequence[Mapping[str, Any]], whole: transcripts.FrozenTranscript, seqs: set[int]) -> list[int]:
    """Where the messages `seqs` stand in the excerpt, which is part of the transcript in the same order."""
    found, place = [], 0
    for message in whole.messages:
        if place >= len(excerpt):
            break
        if message.role != excerpt[place]["role"] or not _same(message.text or "", str(excerpt[place]["text"])):
            continue
        if message.seq in seqs:
            found.append(place)
        place += 1
    return found if place == len(excerpt) else []


def _same(original: str, masked: str) -> bool:
    """Whether a masked text can be of this message: masking keeps what identifies nobody."""
    shown = transcripts.shown_text(None, original)
    return shown == masked or ("＊＊" in masked and all(part in shown for part in masked.split("＊＊")))


def _participants(bench: Workbench, session: Session, cases: Sequence[Case]) -> dict[int, tuple[str, ...]]:
    """Who took part in the chat of each case: by its frozen evidence, else by the archive."""
    agents: dict[int, set[str]] = {case.id: set() for case in cases}
    for model, column in ((Sample, Case.sample_id), (Violation, Case.violation_id)):
        query = (
            select(Case.id, model.agent_id, Transcript.content["participants"])
            .join(model, column == model.id)
            .outerjoin(Transcript, Transcript.id == model.transcript_id)
            .where(Case.id.in_(agents))
        )
        for case_id, agent, participants in session.execute(query):
            agents[case_id] |= {agent, *(participants or ())}
    keys = {case.conversation_key: case.id for case in cases if case.conversation_key}
    if keys:
        chats = bench.archive.at().scan("conversations").filter(pl.col("conversation_key").is_in(list(keys)))
        for key, took_part in chats.select("conversation_key", "agent_ids").collect().iter_rows():
            agents[keys[key]] |= set(took_part or ())
    return {number: tuple(sorted(filter(None, names))) for number, names in agents.items()}
