"""Facts the database itself protects: triggers that refuse to change or delete what may only be appended.

Services never try; this is for the hand that edits the database directly, and for the mistake not made yet. Text may
still be removed by retention: only what carries a result, a rule in force or a trace is guarded.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class RowGuard:
    """Rows of `table` that fulfil `when` (a condition on OLD) keep `columns` and are never deleted."""

    table: str
    columns: tuple[str, ...]
    when: str = ""


GUARDS = (
    RowGuard(
        "rubric_versions", ("rubric_id", "version", "content", "content_hash", "published_at"), "OLD.state <> 'draft'"
    ),
    RowGuard("rule_versions", ("rule_id", "version", "content", "content_hash"), "OLD.state <> 'draft'"),
    RowGuard(
        "inspections",
        ("assignment_id", "sample_id", "inspector_id", "rubric_version_id", "total", "nonce", "submitted_at"),
    ),
    RowGuard(
        "verdicts",
        ("sample_id", "version", "kind", "agent_id", "rubric_version_id", "total", "created_by", "created_at"),
    ),
    RowGuard("violation_events", ("violation_id", "kind", "actor_id", "at")),
    RowGuard("audit", ("at", "actor_id", "actor_name", "action", "entity", "entity_id", "facts")),
)

_FUNCTION = """
CREATE OR REPLACE FUNCTION spotcheck_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation'; END $$
"""


def install(connection: Connection) -> None:
    """Create the triggers, or bring them up to date; safe to repeat."""
    postgresql = connection.dialect.name == "postgresql"
    if postgresql:
        connection.execute(text(_FUNCTION))
    for guard in GUARDS:
        changed = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in guard.columns)
        also = f" OR ({guard.when} AND NEW.state = 'draft')" if "state" in guard.when else ""
        update = f"({guard.when or '1 = 1'}) AND ({changed}){also}"
        for verb, when in (("UPDATE", update), ("DELETE", guard.when or "1 = 1")):
            name, message = (
                f"guard_{guard.table}_{verb.lower()}",
                f"{guard.table}: facts are appended, never changed or deleted",
            )
            connection.execute(text(f"DROP TRIGGER IF EXISTS {name}" + (f" ON {guard.table}" if postgresql else "")))
            action = (
                f"EXECUTE FUNCTION spotcheck_refuse('{message}')"
                if postgresql
                else f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )
            connection.execute(
                text(f"CREATE TRIGGER {name} BEFORE {verb} ON {guard.table} FOR EACH ROW WHEN ({when}) {action}")
            )


def lift(connection: Connection) -> None:
    """Drop the triggers within a transaction that replaces everything (a restore); `install` afterwards."""
    postgresql = connection.dialect.name == "postgresql"
    for guard in GUARDS:
        for verb in ("update", "delete"):
            connection.execute(
                text(
                    f"DROP TRIGGER IF EXISTS guard_{guard.table}_{verb}" + (f" ON {guard.table}" if postgresql else "")
                )
            )
