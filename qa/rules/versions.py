"""Red-line rules as versions: drafts, publication from a day on, retirement, exchange as TOML, history.

A published version is immutable; an edit is a draft of the next one, and a draft becomes a rule only when nothing
speaks against it and its own examples pass. Which version judges a chat follows from dates alone. Does not know how
rules are matched (`scoring.redline`) and what they find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from qa import audit
from qa.errors import Conflict, Invalid, NotFound, Stale
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.rules import checking, messages, stored
from qa.rules.checking import Checked
from qa.tables import RuleVersion, User
from qa.unit_of_work import UnitOfWork
from qa.workbench import Workbench
from scoring.redline import (
    Rule,
    RuleFormatError,
    dump_rules,
    load_process_rules,
    parse_rules,
)


@dataclass(frozen=True)
class RuleLine:
    """One rule in the list: its newest published version and its draft, if any."""

    rule_id: str
    zh: str
    en: str
    severity: str
    effect: str
    version: int | None
    """Version in force today; None when there is none."""
    draft_version: int | None
    in_force_from: date | None
    in_force_to: date | None


@dataclass(frozen=True)
class Version:
    """One version in the history of a rule: who made it and when it judges."""

    version: int
    state: str
    in_force_from: date | None
    in_force_to: date | None
    content_hash: str
    created_by: str
    created_at: datetime
    published_at: datetime | None


@dataclass(frozen=True)
class Imported:
    """Rules of a file: which became drafts, which equal what is in force."""

    drafted: tuple[str, ...]
    unchanged: tuple[str, ...]


def listing(bench: Workbench, actor: Actor, *, today: date) -> tuple[RuleLine, ...]:
    """All rules by id."""
    require(actor, Right.EDIT_RULES)
    with bench.db.read() as session:
        rows = session.scalars(select(RuleVersion).order_by(RuleVersion.rule_id, RuleVersion.version)).all()
    by_id: dict[str, list[RuleVersion]] = {}
    for row in rows:
        by_id.setdefault(row.rule_id, []).append(row)
    return tuple(_line(rule_id, versions, today) for rule_id, versions in by_id.items())


def _line(rule_id: str, versions: Sequence[RuleVersion], today: date) -> RuleLine:
    drafts = [row for row in versions if row.state == "draft"]
    judging = [row for row in versions if row.state == "published" and _judges(row, today)]
    shown = (judging or [row for row in versions if row.state != "draft"] or drafts)[-1]
    rule = stored.rule_of(shown)
    return RuleLine(
        rule_id,
        rule.label.zh,
        rule.label.en,
        rule.severity.value,
        rule.effect.kind.value,
        judging[-1].version if judging else None,
        drafts[-1].version if drafts else None,
        shown.in_force_from,
        shown.in_force_to,
    )


def _judges(row: RuleVersion, day: date) -> bool:
    return (row.in_force_from is None or row.in_force_from <= day) and (
        row.in_force_to is None or day <= row.in_force_to
    )


def get(bench: Workbench, actor: Actor, rule_id: str, version: int | None = None) -> Rule:
    """One version of a rule; without `version` the draft, else the newest."""
    require(actor, Right.EDIT_RULES)
    with bench.db.read() as session:
        return stored.rule_of(_row(session, rule_id, version))


def history(bench: Workbench, actor: Actor, rule_id: str) -> tuple[Version, ...]:
    """All versions of a rule, newest first, with who made them."""
    require(actor, Right.EDIT_RULES)
    query = (
        select(RuleVersion, User.display_name)
        .outerjoin(User, User.id == RuleVersion.created_by)
        .where(RuleVersion.rule_id == rule_id)
        .order_by(RuleVersion.version.desc())
    )
    with bench.db.read() as session:
        return tuple(
            Version(
                row.version,
                row.state,
                row.in_force_from,
                row.in_force_to,
                row.content_hash,
                name or "",
                row.created_at,
                row.published_at,
            )
            for row, name in session.execute(query)
        )


def save_draft(bench: Workbench, actor: Actor, *, now: datetime, rule: Rule, seen_hash: str | None = None) -> int:
    """Keep `rule` as the draft of its id and return the draft's version. A draft may be unfit: only publishing checks.

    `seen_hash` is the content hash of the draft the editor was opened with; raises `Stale` when somebody has saved
    another one since.
    """
    require(actor, Right.EDIT_RULES)
    if not rule.id.strip():
        raise Invalid(N_("A rule needs an id, such as R13."))
    with bench.db.write() as session:
        draft = _draft(session, rule.id)
        if draft is not None and seen_hash is not None and draft.content_hash != seen_hash:
            raise Stale(N_("Somebody else has changed this draft meanwhile. Copy your text, reload, and try again."))
        return _put_draft(session, actor, now, rule, draft)


def discard_draft(bench: Workbench, actor: Actor, *, now: datetime, rule_id: str) -> None:
    """Throw the draft of a rule away; published versions are never deleted."""
    require(actor, Right.EDIT_RULES)
    with bench.db.write() as session:
        draft = _draft(session, rule_id)
        if draft is None:
            raise NotFound(N_("Rule {rule} has no draft."), rule=rule_id)
        audit.record(
            session, actor, now, "rule.draft_discarded", "rule", rule_id, version=draft.version, hash=draft.content_hash
        )
        session.delete(draft)


def publish(
    bench: Workbench, actor: Actor, *, now: datetime, rule_id: str, since: date | None, seen_hash: str | None = None
) -> int:
    """Put the draft of a rule in force from the day `since` (None: for all chats, also past ones). Returns its version.

    Refused with the first objection or failing example. The version before ends the day before; one that would judge
    no day any more is retired. Hits follow with the next screening.
    """
    require(actor, Right.EDIT_RULES)
    with bench.db.read() as session:
        checked = _open_draft(session, rule_id, seen_hash, lock=False)
        rule, checked_hash = stored.rule_of(checked), checked.content_hash
    _refuse_unfit(checking.check(rule))  # takes seconds: the database is not locked meanwhile
    with bench.db.write() as session:
        draft = _open_draft(session, rule_id, checked_hash)
        for row in session.scalars(
            select(RuleVersion).where(RuleVersion.rule_id == rule_id, RuleVersion.state == "published")
        ):
            _end_before(row, since)
        draft.state, draft.published_at = "published", now
        draft.in_force_from = since
        rule = replace(stored.rule_of(draft), in_force_from=since)
        draft.content, draft.content_hash = stored.to_plain(rule), rule.content_hash
        audit.record(
            session, actor, now, "rule.published", "rule", rule_id, version=draft.version, hash=draft.content_hash,
            since=since.isoformat() if since else None,
        )  # fmt: skip
        return draft.version


def retire(bench: Workbench, actor: Actor, *, now: datetime, rule_id: str, since: date | None) -> None:
    """Take a rule out of force from the day `since` (None: for all chats). Its history stays."""
    require(actor, Right.EDIT_RULES)
    with bench.db.write() as session:
        rows = session.scalars(
            select(RuleVersion).where(RuleVersion.rule_id == rule_id, RuleVersion.state == "published")
        ).all()
        if not rows:
            raise NotFound(N_("Rule {rule} is not in force."), rule=rule_id)
        for row in rows:
            _end_before(row, since)
        audit.record(session, actor, now, "rule.retired", "rule", rule_id, since=since.isoformat() if since else None)


def import_toml(bench: Workbench, actor: Actor, *, now: datetime, text: str) -> Imported:
    """Make a draft of every rule of a TOML text that differs from what is in force. Nothing is published by this."""
    require(actor, Right.EDIT_RULES)
    rules = read_toml(text)
    drafted, unchanged = [], []
    with bench.db.write() as session:
        for rule in rules:
            newest = session.scalar(
                select(RuleVersion).where(RuleVersion.rule_id == rule.id).order_by(RuleVersion.version.desc()).limit(1)
            )
            if (
                newest is not None
                and newest.state != "retired"
                and undated(stored.rule_of(newest)).content_hash == undated(rule).content_hash
            ):
                unchanged.append(rule.id)
                continue
            _put_draft(session, actor, now, rule, newest if newest is not None and newest.state == "draft" else None)
            drafted.append(rule.id)
    return Imported(tuple(drafted), tuple(unchanged))


def read_toml(text: str) -> tuple[Rule, ...]:
    """The rules of a TOML text. Raises `Invalid` naming rule and field."""
    try:
        rules = parse_rules(text)
    except RuleFormatError as error:
        raise Invalid(N_("The rules cannot be read: {reason}"), reason=messages.unreadable(error)) from error
    if not rules:
        raise Invalid(N_("The file holds no rules; rules stand in [[rule]] tables."))
    return rules


def export_toml(bench: Workbench, actor: Actor, rule_ids: Sequence[str] | None = None) -> str:
    """The rules in force (newest published version of each, or only those named) as TOML."""
    require(actor, Right.EDIT_RULES)
    with bench.db.read() as session:
        newest: dict[str, Rule] = {rule.id: rule for rule in stored.rules_in_force(session)}
    missing = sorted(set(rule_ids or ()) - set(newest))
    if missing:
        raise NotFound(N_("Rule {rule} is not in force."), rule=missing[0])
    return dump_rules([rule for rule_id, rule in newest.items() if rule_ids is None or rule_id in rule_ids])


def load_defaults(bench: Workbench, actor: Actor, *, now: datetime, process: bool = False) -> int:
    """Put the shipped red lines (with `process` the shipped process checks) in force where their ids are free."""
    require(actor, Right.EDIT_RULES)
    with bench.db.write() as session:
        return stored.load_defaults(session, actor, now, load_process_rules() if process else None)


def _row(session: Session, rule_id: str, version: int | None) -> RuleVersion:
    query = select(RuleVersion).where(RuleVersion.rule_id == rule_id)
    if version is not None:
        query = query.where(RuleVersion.version == version)
    found = session.scalar(query.order_by(RuleVersion.version.desc()).limit(1))
    if found is None:
        raise NotFound(N_("There is no rule {rule}."), rule=rule_id)
    return found


def _draft(session: Session, rule_id: str, *, lock: bool = True) -> RuleVersion | None:
    query = select(RuleVersion).where(RuleVersion.rule_id == rule_id, RuleVersion.state == "draft")
    return session.scalar(query.with_for_update() if lock else query)


def _open_draft(session: Session, rule_id: str, seen_hash: str | None, *, lock: bool = True) -> RuleVersion:
    """The draft of a rule, as it was when it was seen."""
    draft = _draft(session, rule_id, lock=lock)
    if draft is None:
        raise NotFound(N_("Rule {rule} has no draft."), rule=rule_id)
    if seen_hash is not None and draft.content_hash != seen_hash:
        raise Stale(N_("Somebody else has changed this draft meanwhile. Look at it again before publishing."))
    return draft


def _put_draft(session: Session, actor: Actor, now: datetime, rule: Rule, draft: RuleVersion | None) -> int:
    if draft is None:
        last = session.scalar(select(func.max(RuleVersion.version)).where(RuleVersion.rule_id == rule.id)) or 0
        draft = RuleVersion(rule_id=rule.id, version=last + 1, state="draft", created_at=now)
        session.add(draft)
    numbered = replace(rule, version=draft.version)
    draft.content, draft.content_hash = stored.to_plain(numbered), numbered.content_hash
    draft.in_force_from, draft.in_force_to = rule.in_force_from, rule.in_force_to
    draft.created_by, draft.created_at = actor.user_id or None, now
    session.flush()
    audit.record(
        session, actor, now, "rule.draft_saved", "rule", rule.id, version=draft.version, hash=draft.content_hash
    )
    return draft.version


def _end_before(row: RuleVersion, since: date | None) -> None:
    """End a version the day before `since`; without a day left to judge it is retired."""
    if since is None or (row.in_force_from is not None and since <= row.in_force_from):
        row.state = "retired"
        return
    end = since - timedelta(days=1)
    if row.in_force_to is None or row.in_force_to > end:
        row.in_force_to = end


def undated(rule: Rule) -> Rule:
    """The rule without the dates, which the workbench gives: what two editions of it are compared by."""
    return replace(rule, in_force_from=None, in_force_to=None)


def put_draft(work: UnitOfWork, rule: Rule) -> int:
    """Keep `rule` as a new draft of its id, which has none; returns the draft's version."""
    return _put_draft(work.session, work.actor, work.now, rule, None)


def _refuse_unfit(checked: Checked) -> None:
    if checked.problems:
        first = checked.problems[0]
        raise Invalid(
            N_("Rule {rule} cannot be published. Field {field}: {reason}"), rule=first.rule_id, field=first.field,
            reason=messages.objection(first),
        )  # fmt: skip
    if checked.failures:
        failed = checked.failures[0]
        if failed.expected_hit:
            raise Conflict(
                N_("Rule {rule} cannot be published: it misses its own positive example “{example}”."),
                rule=failed.rule_id,
                example=failed.example,
            )
        raise Conflict(
            N_("Rule {rule} cannot be published: it hits its own negative example “{example}” at “{matched}”."),
            rule=failed.rule_id, example=failed.example, matched=", ".join(failed.matched),
        )  # fmt: skip
