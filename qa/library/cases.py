"""The case library: propose an excerpt with what it teaches, publish it, correct it, withdraw it.

An excerpt is copied from frozen evidence and masked when it is proposed; it never holds a name, and it does not change
when the evidence is redacted later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from qa import audit, scoping, transcripts
from qa.blinding import STILL_TO_SCORE, shown_cases
from qa.casefiles.lifecycle import FileState
from qa.conversations import reading
from qa.errors import Conflict, Denied, FormField, Invalid, NotFound, Stale
from qa.i18n import N_
from qa.library import citing
from qa.library.citing import Cited
from qa.library.folding import searchable
from qa.policy import SYSTEM, Actor, Right, Role, require
from qa.tables import Case, Sample, Transcript, Verdict, Violation
from qa.texts import written
from qa.transcripts import FrozenTranscript
from qa.workbench import Workbench
from scoring.promises import PromiseStatus
from scoring.rubric import FULL

KINDS = ("exemplary", "counter", "edge")
MAX_MESSAGES = 60
MAX_TAGS = 12
TITLE, LESSON = FormField("title", N_("Title")), FormField("lesson", N_("What it teaches"))
MESSAGES = FormField("messages", N_("Messages to show"))


@dataclass(frozen=True)
class CaseText:
    """What a person writes about a case."""

    title: str
    lesson: str
    kind: str
    tags: tuple[str, ...] = ()
    criterion_id: str | None = None
    rule_id: str | None = None
    language: str = "zh_CN"


@dataclass(frozen=True)
class CaseView:
    """A whole case."""

    id: int
    text: CaseText
    state: str
    version: int
    excerpt: tuple[dict[str, Any], ...]
    """Masked messages: `role`, `text`, `offset` in seconds from the first one or None, and where promises are cited
    `promises` (`qa.library.citing`)."""
    sample_id: int | None
    violation_id: int | None
    proposed_by: int | None
    proposed_at: datetime
    published_at: datetime | None


def propose(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    text: CaseText,
    sample_id: int | None = None,
    violation_id: int | None = None,
    conversation: str = "",
    seqs: Sequence[int] | None = None,
    cite_promises: bool = False,
) -> int:
    """Propose a case from a sample, a violation or a `conversation` of the archive (its handle) and return its id.

    `seqs` are the messages to show (all when None); `cite_promises` adds what became of the promises in them. Agents
    may propose only from their own conversations. The same subject, title and proposer again returns the case that is
    there.
    """
    require(actor, Right.PROPOSE_CASE)
    text = _masked(_checked(text))
    with bench.db.read() as session:  # frozen evidence: what is masked here is what would be masked while writing
        key, evidence, agent_id = _subject(bench, session, actor, sample_id, violation_id, conversation)
    _require_theirs(bench, actor, agent_id, evidence)
    cited = citing.promises_in(bench, evidence, now) if cite_promises else {}
    excerpt = _excerpt(evidence, seqs, cited)  # before the transaction: masking takes as long as the text is
    search_text = searchable(text.title, text.lesson, text.tags, excerpt)
    with bench.db.write() as session:
        same = select(Case.id).where(
            Case.sample_id.is_(sample_id) if sample_id is None else Case.sample_id == sample_id,
            Case.violation_id.is_(violation_id) if violation_id is None else Case.violation_id == violation_id,
            Case.conversation_key.is_(None) if key is None else Case.conversation_key == key,
            Case.title == text.title,
            Case.proposed_by == (actor.user_id or None),
        )
        if (known := session.scalar(same)) is not None:
            return known
        case = Case(
            title=text.title,
            lesson=text.lesson,
            kind=text.kind,
            tags=list(text.tags),
            criterion_id=text.criterion_id,
            rule_id=text.rule_id,
            language=text.language,
            state="proposed",
            excerpt=excerpt,
            sample_id=sample_id,
            violation_id=violation_id,
            conversation_key=key,
            search_text=search_text,
            proposed_by=actor.user_id or None,
            proposed_at=now,
            changed_at=now,
            version=1,
        )
        session.add(case)
        session.flush()
        audit.record(
            session, actor, now, "case.proposed", "case", case.id, title=text.title, promises=citing.count(excerpt)
        )
        return case.id


def edit(bench: Workbench, actor: Actor, *, now: datetime, case_id: int, version: int, text: CaseText) -> int:
    """Change what is written about a case; returns the new version. Raises `Stale` when somebody else changed it."""
    text = _masked(_checked(text))
    with bench.db.write() as session:
        case = _load(session, case_id)
        _require_editor(actor, case)
        values = {
            "title": text.title,
            "lesson": text.lesson,
            "kind": text.kind,
            "tags": list(text.tags),
            "criterion_id": text.criterion_id,
            "rule_id": text.rule_id,
            "language": text.language,
            "search_text": searchable(text.title, text.lesson, text.tags, case.excerpt),
        }
        changes = _told(case, values)
        _step(session, case, version, now, values)
        audit.record(session, actor, now, "case.edited", "case", case_id, version=version + 1, changes=changes)
        return version + 1


def _masked(text: CaseText) -> CaseText:
    """The text without what identifies a customer: a lesson that quotes one is read by everybody."""
    title, lesson, *tags = (transcripts.shown_text(None, one) for one in (text.title, text.lesson, *text.tags))
    return replace(text, title=title, lesson=lesson, tags=tuple(tags))


def _told(case: Case, values: Mapping[str, Any]) -> dict[str, list[object]]:
    """What an edit changes, as the trail keeps it: masked, since a case of an older version may quote a customer."""
    told = [name for name in values if name != "search_text"]
    before = transcripts.shown_facts(None, {name: getattr(case, name) for name in told})
    return audit.changes(before, {name: values[name] for name in told})


def publish(bench: Workbench, actor: Actor, *, now: datetime, case_id: int, version: int) -> int:
    """Show the case to everybody. Publishing a published case changes nothing."""
    require(actor, Right.PUBLISH_CASE)
    with bench.db.write() as session:
        case = _load(session, case_id)
        if case.state == "published":
            return case.version
        values = {"state": "published", "published_by": actor.user_id or None, "published_at": now}
        changes = audit.changes({"state": case.state}, {"state": "published"})
        _step(session, case, version, now, values)
        audit.record(session, actor, now, "case.published", "case", case_id, version=version + 1, changes=changes)
        return version + 1


def withdraw(bench: Workbench, actor: Actor, *, now: datetime, case_id: int, version: int, reason: str) -> int:
    """Take the case out of the library; it stays on record and can be published again."""
    require(actor, Right.PUBLISH_CASE)
    if not reason.strip():
        raise Invalid(N_("{field}: must not be empty."), field=FormField("reason", N_("Reason")))
    with bench.db.write() as session:
        case = _load(session, case_id)
        if case.state == "withdrawn":
            return case.version
        changes = audit.changes({"state": case.state}, {"state": "withdrawn"})
        _step(session, case, version, now, {"state": "withdrawn"})
        audit.record(session, actor, now, "case.withdrawn", "case", case_id, reason=reason.strip(), changes=changes)
        return version + 1


def mask_again(bench: Workbench, now: datetime) -> dict[int, int]:
    """Mask all cases with what this version recognises; returns how many of their texts (messages, title, lesson,
    tags) changed, by case.

    An upgrade calls it: a case keeps what was masked when it was proposed. Somebody's own change meanwhile goes first;
    calling it again finishes the rest.
    """
    with bench.db.read() as session:
        known = session.execute(select(Case.id, Case.version, Case.title, Case.lesson, Case.tags, Case.excerpt)).all()
    changed: dict[int, int] = {}
    for case_id, version, title, lesson, tags, old in known:
        new = [{**message, "text": transcripts.shown_text(None, str(message["text"]))} for message in old]
        text = _masked(CaseText(title, lesson, "", tuple(tags)))
        was, is_ = (title, lesson, *tags), (text.title, text.lesson, *text.tags)
        if new == old and was == is_:
            continue
        values = {
            "excerpt": new, "title": text.title, "lesson": text.lesson, "tags": list(text.tags),
            "search_text": searchable(text.title, text.lesson, text.tags, new), "version": version + 1,
        }  # fmt: skip
        with bench.db.write() as session:
            done = session.execute(
                update(Case).where(Case.id == case_id, Case.version == version).values(changed_at=now, **values)
            )
            if not done.rowcount:  # type: ignore[attr-defined]
                continue
            messages = sum(a != b for a, b in zip(old, new, strict=True))
            texts = sum(a != b for a, b in zip(was, is_, strict=True))
            changed[case_id] = messages + texts
            audit.record(
                session, SYSTEM, now, "case.masked", "case", case_id, messages=messages, texts=texts,
                version=version + 1,
            )  # fmt: skip
    return changed


def get(bench: Workbench, actor: Actor, case_id: int) -> CaseView:
    """One case. A proposal is shown to its proposer and to those who may publish."""
    require(actor, Right.VIEW_CASES)
    with bench.db.read() as session:
        case = _load(session, case_id)
        if case.state != "published" and not actor.may(Right.PUBLISH_CASE) and case.proposed_by != actor.user_id:
            raise NotFound(N_("There is no case {case}."), case=case_id)
        if session.scalar(select(Case.id).where(Case.id == case_id, shown_cases(actor))) is None:
            raise Conflict(STILL_TO_SCORE)
        text = CaseText(
            case.title, case.lesson, case.kind, tuple(case.tags), case.criterion_id, case.rule_id, case.language
        )
        return CaseView(
            case.id,
            text,
            case.state,
            case.version,
            tuple(case.excerpt),
            case.sample_id,
            case.violation_id,
            case.proposed_by,
            case.proposed_at,
            case.published_at,
        )


@dataclass(frozen=True)
class Material:
    """What a case could be made of: the masked messages, and what its subject says about kind, rule and excerpt."""

    lines: tuple[dict[str, Any], ...]
    kind: str
    rule_id: str | None
    seqs: tuple[int, ...]
    """Messages to begin with: those the ruling rests on with what was said around them; else the whole conversation."""


AROUND = 2
"""Messages shown before and after the one that a red line was found in."""


def material(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    sample_id: int | None,
    violation_id: int | None,
    conversation: str = "",
    message: int | None = None,
) -> Material:
    """The masked messages a case could be made of, with what became of their promises, and a first proposal of
    everything that is known already; of a `conversation`, what was said around one `message`."""
    require(actor, Right.PROPOSE_CASE)
    with bench.db.read() as session:
        _, evidence, agent_id = _subject(bench, session, actor, sample_id, violation_id, conversation)
        _require_theirs(bench, actor, agent_id, evidence)
        masked = _excerpt(evidence, None, citing.promises_in(bench, evidence, now), limit=None)
        lines = tuple({"seq": m.seq, **e} for m, e in zip(evidence.messages, masked, strict=True))
        every = [m.seq for m in evidence.messages]
        if sample_id is None and violation_id is not None:
            file = session.get_one(Violation, violation_id)
            kind = "edge" if file.state in _NO_BREACH else "counter"
            return Material(lines, kind, file.rule_id, _around(every, {int(hit["seq"]) for hit in file.evidence}))
        if message in every:
            kept = any(
                one.status is PromiseStatus.KEPT
                for line in lines
                if line["seq"] == message
                for one in citing.read(line)
            )
            return Material(lines, "exemplary" if kept else "counter", None, _around(every, {message}))
        total = session.scalar(
            select(Verdict.total).where(Verdict.sample_id == sample_id, Verdict.is_current, Verdict.kind != "withdrawn")
        )
        return Material(
            lines, "exemplary" if total is None or total >= FULL else "counter", None, tuple(every[:MAX_MESSAGES])
        )


def _require_theirs(bench: Workbench, actor: Actor, agent_id: str, evidence: FrozenTranscript) -> None:
    """Agents take cases from their own conversations, team leaders from those of their team."""
    if actor.role is Role.AGENT and actor is not SYSTEM and agent_id != actor.agent_id:
        raise Denied(N_("You can only propose cases from your own conversations."))
    scoping.require_seen(bench, actor, agent_id, next((m.sent_at for m in evidence.messages if m.sent_at), None))


_NO_BREACH = {FileState.CLEARED.value, FileState.DISMISSED.value, FileState.EXPUNGED.value, FileState.WITHDRAWN.value}


def _around(seqs: Sequence[int], proofs: set[int]) -> tuple[int, ...]:
    near = {n for at, seq in enumerate(seqs) if seq in proofs for n in range(at - AROUND, at + AROUND + 1)}
    return tuple(seq for at, seq in enumerate(seqs) if at in near)[:MAX_MESSAGES] or tuple(seqs[:MAX_MESSAGES])


def _checked(text: CaseText) -> CaseText:
    title, lesson = written(text.title, TITLE, 200), written(text.lesson, LESSON, 4_000)
    if text.kind not in KINDS:
        raise Invalid(
            N_("{field}: expected {expected}, found “{value}”."),
            field=FormField("kind", N_("Kind")),
            expected=" / ".join(KINDS),
            value=text.kind,
        )
    tags = tuple(dict.fromkeys(tag.strip().strip("#") for tag in text.tags if tag.strip().strip("#")))
    if len(tags) > MAX_TAGS:
        raise Invalid(N_("{field}: at most {most} entries."), field=FormField("tags", N_("Tags")), most=MAX_TAGS)
    return CaseText(title, lesson, text.kind, tags, text.criterion_id or None, text.rule_id or None, text.language)


def _subject(
    bench: Workbench, session: Session, actor: Actor, sample_id: int | None, violation_id: int | None, conversation: str
) -> tuple[str | None, FrozenTranscript, str]:
    """What a case is made of: the key of a conversation that is neither sample nor case file, the text, the agent."""
    if not conversation or sample_id is not None or violation_id is not None:
        return None, *_evidence(session, sample_id, violation_id)
    require(actor, Right.VIEW_CONVERSATIONS)
    key = reading.key_of(bench, actor, conversation)
    reading.refuse_waiting(session, actor, key)
    content = reading.content_of(session, bench, key)
    return key, content, content.agent_id or ""


def _evidence(session: Session, sample_id: int | None, violation_id: int | None) -> tuple[FrozenTranscript, str]:
    if sample_id is not None:
        found = session.execute(
            select(Transcript.content, Sample.agent_id)
            .join(Sample, Sample.transcript_id == Transcript.id)
            .where(Sample.id == sample_id)
        ).first()
    elif violation_id is not None:
        found = session.execute(
            select(Transcript.content, Violation.agent_id)
            .join(Violation, Violation.transcript_id == Transcript.id)
            .where(Violation.id == violation_id)
        ).first()
    else:
        raise Invalid(N_("A case needs a sample or a violation to show."))
    if found is None:
        raise NotFound(
            N_("There is no evidence for sample {sample} or violation {violation}."),
            sample=sample_id,
            violation=violation_id,
        )
    transcript = transcripts.read(found[0])
    if not transcript.messages:
        raise NotFound(N_("The text of this conversation was removed by the retention policy."))
    return transcript, found[1]


def _excerpt(
    transcript: FrozenTranscript, seqs: Sequence[int] | None, cited: Cited, *, limit: int | None = MAX_MESSAGES
) -> list[dict[str, Any]]:
    chosen = [m for m in transcript.messages if seqs is None or m.seq in set(seqs)]
    if not chosen:
        raise Invalid(N_("{field}: choose at least one message."), field=MESSAGES)
    if limit is not None and len(chosen) > limit:
        raise Invalid(
            N_("{field}: at most {most} messages, found {found}."),
            field=MESSAGES,
            most=limit,
            found=len(chosen),
        )
    names = tuple(str(name) for name in (transcript.customer_id, *(m.agent_name for m in chosen)) if name)
    start = next((m.sent_at for m in chosen if m.sent_at), None)
    return [
        {
            "role": m.role,
            "text": _without(transcripts.shown_text(None, m.text or ""), names),
            "offset": _offset(m.sent_at, start),
            **({"promises": cited[m.seq]} if m.seq in cited else {}),
        }
        for m in chosen
    ]


def _without(text: str, names: tuple[str, ...]) -> str:
    for name in names:
        text = text.replace(name, "＊＊")
    return text


def _offset(sent_at: datetime | None, start: datetime | None) -> int | None:
    return None if sent_at is None or start is None else int((sent_at - start).total_seconds())


def _load(session: Session, case_id: int) -> Case:
    case = session.get(Case, case_id)
    if case is None:
        raise NotFound(N_("There is no case {case}."), case=case_id)
    return case


def _require_editor(actor: Actor, case: Case) -> None:
    if actor.may(Right.PUBLISH_CASE) or actor is SYSTEM:
        return
    if case.state != "proposed" or case.proposed_by != actor.user_id:
        raise Denied(N_("Only its proposer, before publication, or a lead can change this case."))


def _step(session: Session, case: Case, version: int, now: datetime, values: dict[str, Any]) -> None:
    changed = session.execute(
        update(Case)
        .where(Case.id == case.id, Case.version == version)
        .values(version=version + 1, changed_at=now, **values)
    )
    if not changed.rowcount:  # type: ignore[attr-defined]
        raise Stale(N_("Somebody else changed this case meanwhile; reload it to see their version."))
