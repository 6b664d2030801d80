"""Red-line rules in the database: rows on one side, `scoring.redline` rules on the other.

What screening, the rule bench, the board and the desk need to know about rules, in a layer below them. The only thing
it writes are the shipped rules of a workbench that has none; who may change a rule is the business of `qa.rules`.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from qa import audit
from qa.errors import Invalid
from qa.i18n import N_
from qa.policy import Actor
from qa.tables import RuleVersion
from scoring.redline import Rule, load_default_rules
from scoring.redline.rule import Effect, EffectKind


@dataclass(frozen=True)
class RuleName:
    """What lists need of a rule: its newest published name and severity."""

    rule_id: str
    zh: str
    en: str
    severity: str


def rules_in_force(session: Session) -> list[Rule]:
    """Every version that judges chats of some date: what screening runs. The engine picks by the date of each chat."""
    marks = (RuleVersion.id, *(getattr(RuleVersion, name) for name in _MARKS))
    asked = select(*marks).where(RuleVersion.state == "published").order_by(RuleVersion.rule_id, RuleVersion.version)
    # the content of a rule is large, and pages ask for it on every run
    found = {number: _rules.get(tuple(mark)) for number, *mark in session.execute(asked)}
    missing = [number for number, rule in found.items() if rule is None]
    found |= {row.id: rule_of(row) for row in session.scalars(select(RuleVersion).where(RuleVersion.id.in_(missing)))}
    return [rule for rule in found.values() if rule is not None]


@dataclass(frozen=True)
class PublishedRule:
    """What deciding on a hit needs of one version of a rule: its severity and effect, and whether it judges chats of
    some date."""

    version: int
    in_force: bool
    severity: str
    effect: Effect


_PUBLISHED = (
    select(RuleVersion.rule_id, RuleVersion.version, RuleVersion.state, RuleVersion.content)
    .where(RuleVersion.rule_id.in_(bindparam("rules", expanding=True)), RuleVersion.state != "draft")
    .order_by(RuleVersion.rule_id, RuleVersion.version)
)


def published(session: Session, rule_ids: Iterable[str]) -> dict[str, list[PublishedRule]]:
    """Every version of each rule that was ever published, oldest first; a rule without one is not there."""
    wanted = sorted(set(rule_ids))
    found: dict[str, list[PublishedRule]] = {}
    for row in session.execute(_PUBLISHED, {"rules": wanted}) if wanted else ():
        severity = str(row.content.get("severity", "major"))
        version = PublishedRule(row.version, row.state == "published", severity, effect_of(row.content))
        found.setdefault(row.rule_id, []).append(version)
    return found


def effect_of(content: Mapping[str, Any]) -> Effect:
    """The effect in the stored content of a rule version; only a flag where it names none."""
    effect = content.get("effect") or {}
    return Effect(EffectKind(effect.get("kind", EffectKind.FLAG)), effect.get("cap"), effect.get("dimension"))


def any_rules(session: Session) -> bool:
    """Whether the workbench has rules at all, drafts included."""
    return session.scalar(select(RuleVersion.id).limit(1)) is not None


def load_defaults(session: Session, actor: Actor, now: datetime, rules: Sequence[Rule] | None = None) -> int:
    """Put the shipped red lines (or `rules`) in force where no version of their id exists; returns how many."""
    held = set(session.scalars(select(RuleVersion.rule_id).distinct()))
    fresh = [rule for rule in (load_default_rules() if rules is None else rules) if rule.id not in held]
    for rule in fresh:
        session.add(
            RuleVersion(
                rule_id=rule.id, version=rule.version, state="published", in_force_from=rule.in_force_from,
                in_force_to=rule.in_force_to, content=to_plain(rule), content_hash=rule.content_hash,
                created_by=actor.user_id or None, created_at=now, published_at=now,
            )
        )  # fmt: skip
        audit.record(
            session,
            actor,
            now,
            "rule.published",
            "rule",
            rule.id,
            version=rule.version,
            hash=rule.content_hash,
            shipped=True,
        )
    if fresh:
        session.flush()
    return len(fresh)


_MARKS = ("rule_id", "version", "content_hash", "in_force_from", "in_force_to")
"""What names the content of a row: rows that share them hold one rule."""
_rules: dict[tuple[object, ...], Rule] = {}
_MOST_KEPT = 2_000


def rule_of(row: RuleVersion) -> Rule:
    """The rule of one row; the row's dates and version count."""
    mark = tuple(getattr(row, name) for name in _MARKS)
    if (known := _rules.get(mark)) is not None:
        return known
    content = {**row.content, "id": row.rule_id, "version": row.version}
    content["in_force_from"], content["in_force_to"] = _text(row.in_force_from), _text(row.in_force_to)
    rule = from_plain(content)
    if len(_rules) >= _MOST_KEPT:
        _rules.clear()
    _rules[mark] = rule
    return rule


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def names(session: Session) -> Mapping[str, RuleName]:
    """Names and severities of all rules by id, from the newest published version (else the newest)."""
    query = select(RuleVersion.rule_id, RuleVersion.id, RuleVersion.content_hash, RuleVersion.state).order_by(
        RuleVersion.rule_id, RuleVersion.version
    )
    newest: dict[str, tuple[int, str]] = {}
    published: set[str] = set()
    for rule_id, number, digest, state in session.execute(query):
        if state == "draft" and rule_id in published:
            continue
        if state != "draft":
            published.add(rule_id)
        newest[rule_id] = number, digest
    found = {rule_id: _names.get((rule_id, digest)) for rule_id, (_, digest) in newest.items()}
    missing = [newest[rule_id][0] for rule_id, name in found.items() if name is None]
    for row in session.scalars(select(RuleVersion).where(RuleVersion.id.in_(missing))):
        label = row.content["label"]
        name = RuleName(row.rule_id, label["zh"], label["en"], row.content["severity"])
        found[row.rule_id] = _names[row.rule_id, row.content_hash] = name
    return {rule_id: name for rule_id, name in found.items() if name is not None}


_names: dict[tuple[str, str], RuleName] = {}
"""By id and content: a few words for each version that was ever looked at."""


def to_plain(rule: Rule) -> dict[str, Any]:
    """`rule` as plain JSON data."""
    plain = _plain(asdict(rule))
    assert isinstance(plain, dict)
    return plain


def from_plain(value: Mapping[str, Any]) -> Rule:
    """The rule of plain data as `to_plain` gives it. Raises `Invalid` naming the field that does not fit."""
    rule = _build(Rule, value, "rule")
    assert isinstance(rule, Rule)
    return rule


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, date) else value


def _build(kind: Any, value: Any, where: str) -> Any:
    """`value` as the annotated type `kind`: the frozen types of a rule, nothing else."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        inner = [arg for arg in get_args(kind) if arg is not type(None)]
        return None if value is None else _build(inner[0], value, where)
    if origin is tuple:
        _expect(isinstance(value, Sequence) and not isinstance(value, str), where)
        return tuple(_build(get_args(kind)[0], item, where) for item in value)
    if is_dataclass(kind) and isinstance(kind, type):
        _expect(isinstance(value, Mapping), where)
        hints = get_type_hints(kind)
        known = {f.name for f in fields(kind)}
        return kind(
            **{name: _build(hints[name], item, f"{where}.{name}") for name, item in value.items() if name in known}
        )
    try:
        if kind is date:
            return date.fromisoformat(value)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return kind(value)
    except (ValueError, TypeError):
        _expect(False, where)
    _expect(isinstance(value, kind) and not (kind is int and isinstance(value, bool)), where)
    return value


def _expect(fits: bool, where: str) -> None:
    if not fits:
        raise Invalid(N_("The rule's field {field} has a value of the wrong kind."), field=where)
