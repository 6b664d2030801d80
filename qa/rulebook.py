"""Red-line rules in the database: rows on one side, `scoring.redline` rules on the other.

What screening, the rule bench, the board and the desk need to know about rules, one floor below them. Reads only; who
may change a rule and when is the business of `qa.rules`.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import date
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

from sqlalchemy import select
from sqlalchemy.orm import Session

from qa.errors import Invalid
from qa.i18n import N_
from qa.tables import RuleVersion
from scoring.redline.rule import Rule


@dataclass(frozen=True)
class RuleName:
    """What lists need of a rule: its newest published name and severity."""

    rule_id: str
    zh: str
    en: str
    severity: str


def rules_in_force(session: Session) -> list[Rule]:
    """Every version that judges some date: published ones, and retired ones that were in force before."""
    rows = session.scalars(
        select(RuleVersion)
        .where(RuleVersion.state != "draft", RuleVersion.published_at.is_not(None))
        .order_by(RuleVersion.rule_id, RuleVersion.version)
    )
    return [rule for rule in map(rule_of, rows) if not _never_in_force(rule)]


def _never_in_force(rule: Rule) -> bool:
    """Replaced on the day it came, or before: it judges no date."""
    return rule.in_force_from is not None and rule.in_force_to is not None and rule.in_force_to < rule.in_force_from


def rule_of(row: RuleVersion) -> Rule:
    """The rule of one row; the row's dates and version count."""
    content = {**row.content, "id": row.rule_id, "version": row.version}
    content["in_force_from"], content["in_force_to"] = _text(row.in_force_from), _text(row.in_force_to)
    return from_plain(content)


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def names(session: Session) -> Mapping[str, RuleName]:
    """Names and severities of all rules by id, from the newest published version (else the newest)."""
    query = select(RuleVersion.rule_id, RuleVersion.content, RuleVersion.state).order_by(RuleVersion.rule_id, RuleVersion.version)
    found: dict[str, RuleName] = {}
    published: set[str] = set()
    for rule_id, content, state in session.execute(query):
        if state == "draft" and rule_id in published:
            continue
        if state != "draft":
            published.add(rule_id)
        found[rule_id] = RuleName(rule_id, content["label"]["zh"], content["label"]["en"], content["severity"])
    return found


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
        return kind(**{name: _build(hints[name], item, f"{where}.{name}") for name, item in value.items() if name in known})
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
