"""The case files that one promise stands in, brought in line with what was just ruled on it, in the same transaction.

A red line may count broken promises (`Rule.broken_promises`). The promises of the whole archive are followed by
`qa.redlines.opening`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select

from qa.casefiles import record
from qa.casefiles.lifecycle import FileState, Step
from qa.casefiles.record import Evidence, Finding
from qa.rules import stored
from qa.tables import Violation
from qa.unit_of_work import UnitOfWork
from scoring.redline import Rule


@dataclass(frozen=True)
class PromisePlace:
    """Whose promise it is, in which conversation, and its words (`evidence`, unmasked)."""

    conversation_key: str
    agent_id: str
    started_at: datetime | None
    platform: str | None
    evidence: Evidence
    customers: tuple[str, ...] = ()
    """Names of its customer, to mask in what people write about it."""


def counting(rules: Sequence[Rule]) -> list[Rule]:
    """Those of the rules in force that count broken promises."""
    return [rule for rule in rules if rule.broken_promises]


def follow(work: UnitOfWork, place: PromisePlace, zone: ZoneInfo, *, broken: bool) -> None:
    """Open, renew or withdraw the suspected files of a promise that is now `broken` or not; what people have decided
    stays as it is."""
    day = place.started_at.astimezone(zone).date() if place.started_at else None
    for rule in counting(stored.rules_in_force(work.session)):
        if place.agent_id and rule.applies(day, place.platform):
            file = work.session.scalar(
                select(Violation)
                .where(
                    Violation.conversation_key == place.conversation_key,
                    Violation.agent_id == place.agent_id,
                    Violation.rule_id == rule.id,
                )
                .with_for_update(key_share=True)
            )
            if broken:
                _found(work, place, rule, file)
            elif file is not None:
                _gone(work, place, file)


def _found(work: UnitOfWork, place: PromisePlace, rule: Rule, file: Violation | None) -> None:
    hit = asdict(place.evidence)
    if file is None:
        severity = rule.severity.value
        named = (place.conversation_key, place.agent_id, rule.id, rule.version, severity, place.started_at)
        if record.open_files(work.session, [Finding(*named, (place.evidence,))], work.now):
            key = (place.conversation_key, place.agent_id, rule.id)
            columns = (Violation.conversation_key, Violation.agent_id, Violation.rule_id)
            same = (column == value for column, value in zip(columns, key, strict=True))
            opened = work.session.scalars(select(Violation.id).where(*same)).one()
            work.record("violation.opened", "violation", opened, rule=rule.id, state=FileState.SUSPECTED.value)
    elif file.state == FileState.WITHDRAWN.value:
        file.evidence, file.rule_version = [hit], rule.version
        record.add_step(work, file, Step.OPEN)
    elif _open(file) and all(one["seq"] != hit["seq"] for one in file.evidence):
        _renew(work, file, sorted([*file.evidence, hit], key=lambda one: (one["seq"], one["start"])))


def _gone(work: UnitOfWork, place: PromisePlace, file: Violation) -> None:
    hit = asdict(place.evidence)
    left = [one for one in file.evidence if any(one[part] != hit[part] for part in ("seq", "start", "end"))]
    if not _open(file) or len(left) == len(file.evidence):
        return
    if left:
        _renew(work, file, left)
    elif record.never_decided(work.session, [file.id]):
        record.add_step(work, file, Step.WITHDRAW)


def _open(file: Violation) -> bool:
    """Suspected, and nobody has frozen its evidence."""
    return file.state == FileState.SUSPECTED.value and file.transcript_id is None


def _renew(work: UnitOfWork, file: Violation, evidence: list[dict[str, object]]) -> None:
    file.evidence = evidence
    work.record("violations.followed", "violation", file.id, n=1)
