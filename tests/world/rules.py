"""Red-line rules in force, without asking the service of rules."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert

from qa.rules.stored import to_plain
from qa.tables import RuleVersion
from qa.workbench import Workbench
from scoring.label import Label
from scoring.redline.rule import Rule, Severity, Terms

IN_FORCE = datetime(2026, 2, 23, 2, 0, tzinfo=UTC)


def rule(rule_id: str, *phrases: str, severity: Severity = Severity.MAJOR, **more: Any) -> Rule:
    """A rule of plain phrases, named by its id unless `label` is among `more`."""
    named = {"version": 1, "label": Label(f"规则{rule_id}", f"Rule {rule_id}"), **more}
    return Rule(id=rule_id, terms=Terms(phrases), severity=severity, **named)


def publish(bench: Workbench, *rules: Rule, at: datetime = IN_FORCE) -> None:
    """Put rules in force."""
    with bench.db.write() as session:
        for one in rules:
            session.execute(
                insert(RuleVersion).values(
                    rule_id=one.id, version=one.version, state="published", in_force_from=one.in_force_from,
                    in_force_to=one.in_force_to, content=to_plain(one), content_hash=one.content_hash, created_at=at,
                    published_at=at,
                )
            )  # fmt: skip
