"""Facts the database itself protects: triggers that refuse to change or delete what may only be appended.

Services never try; this is for the hand that edits the database directly, and for the mistake not made yet. Text may
still be removed by retention: only what carries a result, a rule in force or a trace is guarded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class RowGuard:
    """Rows of `table` that fulfil `when` (a condition on OLD) keep `columns` and are never deleted.

    A column of `once` may be filled, and then stays; the first of `held_by` may change only together with the second.
    """

    table: str
    columns: tuple[str, ...]
    when: str = ""
    once: tuple[str, ...] = ()
    held_by: tuple[str, str] | None = None

    def changes(self) -> str:
        """The condition under which an update is refused."""
        kept = [f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in self.columns]
        kept += [f"(OLD.{column} IS NOT NULL AND OLD.{column} IS DISTINCT FROM NEW.{column})" for column in self.once]
        if self.held_by is not None:
            text, mark = self.held_by
            kept.append(f"(OLD.{text} IS DISTINCT FROM NEW.{text} AND OLD.{mark} IS NOT DISTINCT FROM NEW.{mark})")
        return " OR ".join(kept)


GUARDS = (
    RowGuard("scheme_versions", ("scheme_id", "version", "content", "content_hash", "created_by", "created_at")),
    RowGuard("assessment_entries", ("assessment_id", "agent_id", "team", "role", "result", "created_at")),
    RowGuard(
        "assessments",
        (
            "month",
            "months",
            "revision",
            "schemes",
            "archive_version",
            "inputs",
            "inputs_hash",
            "result_hash",
            "created_by",
            "created_at",
        ),
        once=("published_by", "published_at", "closed_by", "closed_at"),
    ),
    RowGuard(
        "exams",
        (
            "name",
            "kind",
            "audience",
            "month",
            "language",
            "questions",
            "minutes",
            "pass_mark",
            "opens_at",
            "closes_at",
            "seed",
            "receipt",
            "created_by",
            "created_at",
        ),
        once=("withdrawn_by", "withdrawn_at", "withdrawn_reason"),
    ),
    RowGuard("exam_questions", ("exam_id", "place", "case_id", "case_version", "content", "agents", "created_at")),
    RowGuard(
        "exam_sittings",
        ("exam_id", "user_id", "agent_id", "role", "questions", "started_at", "deadline_at"),
        once=("answers", "submitted_at"),
    ),
    RowGuard(
        "newcomer_plans",
        ("agent_id", "start_day", "mentor", "content", "created_by", "created_at"),
        once=("outcome", "ended_by", "ended_at", "reason"),
    ),
    RowGuard("newcomer_entries", ("plan_id", "task_id", "met", "value", "body", "written_by", "written_at")),
    RowGuard(
        "grade_events",
        ("agent_id", "from_grade", "to_grade", "checklist", "reason", "proposed_by", "proposed_at"),
        once=("decided_by", "decided_at", "answer"),
    ),
    RowGuard(
        "highlights",
        ("month", "case_id", "agent_id", "body", "proposed_by", "proposed_at"),
        once=("decided_by", "decided_at"),
    ),
    RowGuard(
        "rewards",
        ("agent_id", "month", "project", "rule", "evidence", "amount", "proposed_by", "proposed_at"),
        once=("decided_by", "decided_at"),
    ),
    RowGuard(
        "dispute_settlements",
        (
            "dispute_key",
            "conversation_key",
            "agent_id",
            "before_conversation_key",
            "before_agent_id",
            "reason",
            "settled_by",
            "settled_at",
        ),
    ),
    RowGuard(
        "coaching_threads",
        ("agent_id", "sample_id", "case_id", "source", "criterion_id", "opened_by", "opened_at"),
    ),
    RowGuard("coaching_entries", ("thread_id", "kind", "body", "written_by", "written_at")),
    RowGuard(
        "scorer_differences",
        (
            "inspection_id",
            "scorer_id",
            "criterion_id",
            "mark",
            "machine_mark",
            "answer",
            "double_id",
            "answered_by",
            "answered_at",
        ),
    ),
    RowGuard(
        "promise_rulings",
        ("conversation_key", "seq", "kind", "start", "agent_id", "status", "reason", "ruled_by", "ruled_at"),
    ),
    RowGuard(
        "rubric_versions",
        ("rubric_id", "version", "content", "content_hash", "created_by", "created_at", "published_at"),
        "OLD.state <> 'draft'",
    ),
    RowGuard(
        "rule_versions",
        ("rule_id", "version", "content", "content_hash", "created_by", "created_at"),
        "OLD.state <> 'draft'",
    ),
    RowGuard(
        "draws",
        (
            "plan_id",
            "name",
            "period_from",
            "period_to",
            "archive_version",
            "frame_hash",
            "frame_size",
            "receipt",
            "receipt_hash",
            "rubric_version_id",
            "published_by",
            "published_at",
            "nonce",
        ),
    ),
    RowGuard(
        "samples",
        (
            "draw_id",
            "unit_id",
            "source",
            "conversation_key",
            "agent_id",
            "stratum",
            "reason",
            "pi",
            "u",
            "rank",
            "risk",
            "prediction",
            "occurred_at",
            "transcript_id",
            "replaces_id",
            "rubric_version_id",
        ),
        once=("withdrawn_at", "withdrawn_reason"),
    ),
    RowGuard(
        "transcripts",
        ("unit_id", "content_hash", "created_at"),
        once=("redacted_at",),
        held_by=("content", "redacted_at"),
    ),
    RowGuard(
        "inspections",
        (
            "assignment_id",
            "sample_id",
            "inspector_id",
            "rubric_version_id",
            "sheet",
            "outcome",
            "total",
            "nonce",
            "claimed_at",
            "submitted_at",
            "active_seconds",
            "suggested",
        ),
        once=("undone_at",),
    ),
    RowGuard(
        "verdicts",
        (
            "sample_id",
            "version",
            "kind",
            "inspection_id",
            "agent_id",
            "rubric_version_id",
            "outcome",
            "total",
            "sheet",
            "reason",
            "created_by",
            "created_at",
        ),
    ),
    RowGuard("acknowledgements", ("verdict_id", "user_id", "at")),
    RowGuard("violations", ("conversation_key", "agent_id", "rule_id", "opened_at")),
    RowGuard("violation_events", ("violation_id", "kind", "actor_id", "at", "reason", "facts")),
    RowGuard(
        "appeals",
        ("verdict_id", "violation_id", "agent_id", "criterion_id", "body", "filed_by", "filed_at"),
        once=("ruled_by", "ruled_at", "ruling"),
    ),
    RowGuard("audit", ("at", "actor_id", "actor_name", "action", "entity", "entity_id", "facts", "mac")),
    RowGuard("seal_batches", ("id", "epoch", "reason", "rows", "chain", "suspects", "sealed_at")),
    RowGuard("seals", ("subject", "key", "digest", "batch_id")),
    RowGuard("record_seals", ("subject", "key", "digest", "batch_id")),
    RowGuard(
        "corrections",
        ("sample_id", "verdict_id", "sheet", "reason", "requested_by", "requested_at"),
        once=("decided_by", "decided_at", "answer"),
    ),
)

_FUNCTION = """
CREATE OR REPLACE FUNCTION spotcheck_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation'; END $$
"""


@dataclass(frozen=True)
class _Trigger:
    name: str
    table: str
    verb: str
    when: str

    def statement(self, postgresql: bool) -> str:
        message = f"{self.table}: facts are appended, never changed or deleted"
        action = (
            f"EXECUTE FUNCTION spotcheck_refuse('{message}')"
            if postgresql
            else f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
        return f"CREATE TRIGGER {self.name} BEFORE {self.verb} ON {self.table} FOR EACH ROW WHEN ({self.when}) {action}"


def _triggers() -> Iterator[_Trigger]:
    for guard in GUARDS:
        also = f" OR ({guard.when} AND NEW.state = 'draft')" if "state" in guard.when else ""
        update = f"({guard.when or '1 = 1'}) AND ({guard.changes()}){also}"
        for verb, when in (("UPDATE", update), ("DELETE", guard.when or "1 = 1")):
            yield _Trigger(f"guard_{guard.table}_{verb.lower()}", guard.table, verb, when)


def install(connection: Connection) -> None:
    """Create the triggers, or bring them up to date; safe to repeat."""
    postgresql = connection.dialect.name == "postgresql"
    if postgresql:
        connection.execute(text(_FUNCTION))
    lift(connection)
    for trigger in _triggers():
        connection.exec_driver_sql(trigger.statement(postgresql))


def lift(connection: Connection) -> None:
    """Drop the triggers within a transaction that replaces everything (a restore); `install` afterwards."""
    postgresql = connection.dialect.name == "postgresql"
    for trigger in _triggers():
        where = f" ON {trigger.table}" if postgresql else ""
        connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger.name}{where}"))


def missing(connection: Connection) -> list[str]:
    """Names of the triggers that are not there, are switched off, or do something else."""
    if connection.dialect.name == "postgresql":
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
        there = set(connection.scalars(text(query)))
        body = connection.scalar(text("SELECT prosrc FROM pg_proc WHERE proname = 'spotcheck_refuse'"))
        if "RAISE EXCEPTION" not in (body or ""):
            return ["spotcheck_refuse"]
        return [trigger.name for trigger in _triggers() if trigger.name not in there]
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    stored = {row.name: row.sql for row in rows}
    return [trigger.name for trigger in _triggers() if stored.get(trigger.name) != trigger.statement(False)]
