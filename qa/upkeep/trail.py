"""Reading the audit trail: what happened in words, search and page by key, newest first. Writing is `qa.audit`.

The trail keeps codes (`draw.published`), which never change; here stands what they mean. Search finds both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, cast, or_, select

from qa.casefiles.lifecycle import STEP_NAMES, Step
from qa.disputes import responsible
from qa.errors import Words
from qa.i18n import C_, N_
from qa.policy import Actor, Right, require
from qa.security import log as securitylog
from qa.tables import AuditEntry
from qa.texts import sought
from qa.workbench import Workbench

PAGE = 50


@dataclass(frozen=True)
class TrailEntry:
    """One entry of the trail."""

    id: int
    at: datetime
    actor_name: str
    action: str
    entity: str
    entity_id: str
    facts: dict[str, Any]


@dataclass(frozen=True)
class AuditPage:
    """A page of entries, newest first. `before` continues with older ones; None when there are none."""

    entries: tuple[TrailEntry, ...]
    before: int | None


_STEP = N_("Case file: {step}")

ACTIONS: Mapping[str, str] = {
    "appeal.filed": N_("Appeal filed"),
    "appeal.upheld": N_("Appeal upheld"),
    "appeal.rejected": N_("Appeal rejected"),
    "appeal.withdrawn": N_("Appeal taken back"),
    "appeals.window_changed": N_("Time for appeals changed"),
    "archive.screened": N_("Archive screened"),
    "assignment.claimed": N_("Sample taken"),
    "assignment.released": N_("Sample given back"),
    "assignment.skipped": N_("Sample skipped"),
    "backup.made": N_("Backup made"),
    "backup.removed": N_("Old nightly backup removed"),
    "backup.restore_completed": N_("Interrupted restore completed"),
    "backup.restore_undone": N_("Interrupted restore taken back"),
    "backup.restored": N_("Backup restored"),
    "calibration.closed": N_("Calibration round closed"),
    "calibration.opened": N_("Calibration round opened"),
    "calibration.reference": N_("Reference of a calibration set"),
    "case.edited": N_("Case edited"),
    "case.proposed": N_("Case proposed"),
    "case.masked": N_("Case masked again by an upgrade"),
    "case.published": N_("Case published"),
    "case.withdrawn": N_("Case withdrawn"),
    "coaching.opened": N_("Coaching thread opened"),
    "coaching.noted": N_("Coaching note written"),
    "coaching.answered": N_("Coaching note answered"),
    "coaching.read": N_("Coaching entry read"),
    "coaching.closed": N_("Coaching thread closed"),
    "channel.added": N_("Channel for notices set up"),
    "channel.changed": N_("Channel for notices changed"),
    "channel.paused": N_("Channel for notices paused"),
    "channel.replayed": N_("Notices told again"),
    "channel.resumed": N_("Channel for notices switched on"),
    "channel.sealed": N_("Address of a channel sealed anew"),
    "connector.added": N_("Source set up"),
    "connector.paused": N_("Source paused"),
    "connector.resumed": N_("Source switched on"),
    "connector.sealed": N_("Secret of a source sealed anew"),
    "conversation.read": N_("Conversation read"),
    "conversations.searched": N_("Conversations searched"),
    "correction.requested": N_("Correction asked for"),
    "correction.accepted": N_("Correction accepted"),
    "correction.refused": N_("Correction refused"),
    "correction.withdrawn": N_("Correction taken back"),
    "suggestions.switched": N_("Suggestions switched on or off"),
    "demo.begun": N_("Demo data begun"),
    "demo.done": N_("Demo data ready"),
    "double.resolved": N_("Double resolved"),
    "draw.exported": N_("Receipt exported"),
    "draw.left_out": N_("Samples left out: the goal is met"),
    "draw.published": N_("Draw published"),
    "draw.put_back": N_("Samples put back into the queue"),
    "estimator.changed": N_("Change of the estimates seen"),
    "export.taken": N_("Export taken"),
    "gold.seeded": N_("Gold samples placed"),
    "inbox.added": N_("Folder of the inbox set up"),
    "inbox.changed": N_("Folder of the inbox changed"),
    "inbox.removed": N_("Folder of the inbox no longer looked at"),
    "import.cancelled": N_("Import cancelled"),
    "import.done": N_("Import done"),
    "import.failed": N_("Import failed"),
    "import.taken_back": N_("Import taken back"),
    "inspection.submitted": N_("Inspection submitted"),
    "inspection.undone": N_("Inspection taken back"),
    "job.asked": N_("Job asked for"),
    "job.cancelled": N_("Job stopped"),
    "job.done": N_("Job done"),
    "job.failed": N_("Job failed"),
    "job.given_back": N_("Job given back, to be tried again"),
    "job.put_away": N_("Result of a job dismissed"),
    "job.started": N_("Job begun"),
    "job.stop_asked": N_("Stop of a job asked for"),
    "mapping.saved": N_("Column mapping saved"),
    "measure.created": N_("Measure recorded"),
    "plan.archived": N_("Plan retired"),
    "plan.changed": N_("Plan changed"),
    "plan.reseeded": N_("New seed for a plan whose key was lost"),
    "plan.seed_sealed": N_("Seed of a plan sealed"),
    "plan.created": N_("Plan made"),
    "disputes.deadlines_moved": N_("Deadlines of disputes moved from their closing time"),
    "dispute.read": N_("Case of a dispute read"),
    "dispute.settled": N_("Dispute settled: its chat or who answers for it"),
    "promise.ruled": N_("Status of a promise ruled on"),
    "promise.taken_back": N_("Ruling on a promise taken back"),
    "assessment.drafted": N_("Monthly sheet drafted"),
    "assessment.dropped": N_("Draft of a monthly sheet dropped"),
    "assessment.published": N_("Monthly sheet published"),
    "assessment.replaced": N_("Monthly sheet replaced by a later revision"),
    "assessment.final": N_("Monthly sheet made final"),
    "assessment.objected": N_("Objection to a monthly sheet filed"),
    "assessment.ruled": N_("Objection to a monthly sheet ruled on"),
    "scheme.saved": N_("Scheme of assessment saved"),
    "soft_example.proposed": N_("Example of a soft indicator proposed"),
    "soft_example.decided": N_("Example of a soft indicator decided on"),
    "risk_model.activated": N_("Risk model taken into use"),
    "risk_model.retired": N_("Risk model retired"),
    "risk_model.scored": N_("Risk scored anew"),
    "risk_model.trained": N_("Risk model trained"),
    "rubric.discarded": N_("Rubric draft discarded"),
    "rubric.drafted": N_("Rubric draft made"),
    "rubric.edited": N_("Rubric draft edited"),
    "rubric.published": N_("Rubric published"),
    "rubric.retired": N_("Rubric retired"),
    "archive.names_hidden": N_("Opaque names given to conversations"),
    "retention.applied": N_("Text removed for good"),
    "retention.begun": N_("Removal of text begun"),
    "retention.policy_changed": N_("Time that text is kept changed"),
    "violation.open": N_("Case file opened by hand"),
    "violation.emptied": N_("Words of a finding removed"),
    "case.emptied": N_("Excerpt of a case removed"),
    "import.emptied": N_("Rows shown with an import's problems removed"),
    "roster.alias_added": N_("Account joined to a person"),
    "roster.alias_removed": N_("Account parted from a person"),
    "roster.changed": N_("Roster entry changed"),
    "roster.merged": N_("Two accounts merged"),
    "roster.merge_undone": N_("Merge of accounts taken back"),
    "scorer.alarm": N_("Machine scorer judges gold conversations otherwise than before"),
    "scorer.host_allowed": N_("Sending masked text to a host allowed"),
    "scorer.host_forbidden": N_("Sending text to a host forbidden"),
    "scorer.key_sealed": N_("Key of an endpoint sealed anew"),
    "scorer.published": N_("Answers of the machine scorer published"),
    "scorer.run": N_("Machine scorer asked"),
    "scorer.set_up": N_("Endpoint of the machine scorer set up"),
    "scorer.activated": N_("Machine scorer taken into use"),
    "scorer.imported": N_("Machine scores taken in"),
    "scorer.retired": N_("Machine scorer taken out of use"),
    "scorer.stored": N_("Version of a machine scorer stored"),
    "schedule.changed": N_("Step of the night changed"),
    "schedule.paused": N_("Step of the night switched off"),
    "schedule.resumed": N_("Step of the night switched on"),
    "setting.made": N_("Setting made"),
    "rule.draft_discarded": N_("Rule draft discarded"),
    "rule.draft_saved": N_("Rule draft saved"),
    "rule.edition_drafted": N_("Shipped edition of a rule taken as a draft"),
    "rule.published": N_("Rule published"),
    "rule.retired": N_("Rule retired"),
    "sample.named": N_("Named pick made"),
    "schema.upgraded": N_("Database brought to a new version"),
    "sample.replaced": N_("Sample replaced"),
    "sample.unnamed": N_("Named pick taken back"),
    "token.created": N_("Token for programs made"),
    "token.revoked": N_("Token for programs ended"),
    "user.changed": N_("User changed"),
    "user.created": N_("User created"),
    "user.disabled": N_("User disabled"),
    "user.enabled": N_("User enabled"),
    "user.language_chosen": N_("Language chosen"),
    "user.link_made": N_("Sign-in link made"),
    "user.password_changed": N_("Password changed"),
    "user.password_set": N_("Password set"),
    "user.sign_ins_revoked": N_("Sign-ins ended"),
    "user.signed_in": N_("Sign-in"),
    "user.signed_out": N_("Sign-out"),
    "verdict.acknowledged": N_("Result acknowledged"),
    "verdict.appeal": N_("Result after an appeal"),
    "verdict.correction": N_("Result after a correction"),
    "verdict.inspection": N_("Result of an inspection"),
    "verdict.resolution": N_("Result of a resolved double"),
    "verdict.ruling": N_("Result after a ruling"),
    "verdict.withdrawn": N_("Result withdrawn"),
    "violations.cleared_in_bulk": N_("Case files cleared together"),
    "violations.programme_changed": N_("Red-line programme changed"),
    "violations.opened": N_("Case files opened by screening"),
    "violations.followed": N_("Evidence of case files renewed from the chat"),
    "violations.withdrawn": N_("Case files no longer found"),
}
"""What was done, as people say it. Steps of case files have their words in `qa.casefiles.lifecycle`."""

SUBJECTS: Mapping[str, str] = {
    "agent": N_("agent"),
    "appeal": N_("appeal"),
    "setting": N_("setting"),
    "archive": N_("archive"),
    "assignment": N_("place in the queue"),
    "backup": N_("backup"),
    "calibration_round": N_("calibration round"),
    "case": N_("case"),
    "coaching": N_("coaching thread"),
    "sample": N_("sample"),
    "draw": N_("draw"),
    "channel": N_("channel for notices"),
    "connector": N_("source"),
    "conversation": N_("conversation"),
    "conversations": N_("search of conversations"),
    "estimator": N_("estimation method"),
    "export": N_("export"),
    "import": N_("import"),
    "inbox_folder": N_("folder of the inbox"),
    "inspection": N_("inspection"),
    "job": N_("job"),
    "mapping_profile": N_("column mapping"),
    "measure": N_("measure"),
    "plan": N_("plan"),
    "assessment": N_("monthly sheet"),
    "assessment_objection": N_("objection to a monthly sheet"),
    "scheme_version": N_("scheme of assessment"),
    "soft_example": N_("example of a soft indicator"),
    "dispute": N_("dispute"),
    "promise": N_("promise"),
    "removal": N_("removal of text"),
    "risk_model": N_("risk model"),
    "rubric_version": N_("rubric"),
    "rule": N_("rule"),
    "schedule": N_("step of the night"),
    "schema": N_("database schema"),
    "scorer": N_("machine scorer"),
    "token": N_("token"),
    "user": N_("user"),
    "violation": N_("case file"),
}
"""What it was done to."""


FACTS: Mapping[str, str] = {
    "month": N_("month"),
    "months": N_("months"),
    "revision": N_("revision"),
    "people": N_("people"),
    "scheme": N_("scheme of assessment"),
    "entry": N_("line of the sheet"),
    "indicator": N_("indicator"),
    "ruling": N_("ruling"),
    "direction": N_("for (1) or against (−1)"),
    "case": N_("case"),
    "values": N_("values"),
    "read": N_("rows read"),
    "same": N_("unchanged"),
    "refused": N_("left out"),
    "by": N_("by"),
    "weight": N_("weight"),
    "name": N_("name"),
    "title": N_("title"),
    "login": N_("account"),
    "display_name": N_("name"),
    "role": N_("role"),
    "agent_id": N_("agent"),
    "home_team": N_("team"),
    "team": N_("team"),
    "language": N_("language"),
    "how": N_("by"),
    "sign_in": N_("sign-in no."),
    "sign_ins_ended": N_("sign-ins ended"),
    "hours": N_("hours"),
    "days": N_("days"),
    "reason": N_("reason"),
    "state": N_("state"),
    "version": N_("version"),
    "rule": N_("red line"),
    "rules": N_("rules"),
    "verdict": N_("result"),
    "violation": N_("case file"),
    "violations": N_("violations"),
    "sample": N_("sample"),
    "sample_id": N_("sample"),
    "case_id": N_("case"),
    "criterion_id": N_("criterion"),
    "samples": N_("samples"),
    "total": N_("score"),
    "assignment": N_("place in the queue"),
    "inspectors": N_("inspectors"),
    "first": N_("from"),
    "last": N_("to"),
    "on_day": N_("day"),
    "preset": N_("export format"),
    "profile": N_("column mapping"),
    "silence_hours": N_("silence that ends a chat"),
    "address": N_("address"),
    "digest": N_("one message a night"),
    "events": N_("events"),
    "quiet_from": N_("quiet from"),
    "quiet_to": N_("quiet until"),
    "user_id": N_("person"),
    "scopes": N_("scopes"),
    "on_days": N_("days of the week"),
    "at": N_("time of day"),
    "keep": N_("nightly backups kept"),
    "automatic": N_("published by the night shift"),
    "since": N_("since"),
    "units": N_("units"),
    "unit": N_("unit"),
    "substitute": N_("substitute"),
    "plan": N_("plan"),
    "file": N_("file"),
    "form": N_("format"),
    "kind": N_("kind"),
    "source": N_("source"),
    "rows": N_("rows"),
    "new": N_("new"),
    "changed": N_("changed"),
    "unchanged": N_("unchanged"),
    "bad": N_("left out"),
    "warnings": N_("warnings"),
    "duplicates": N_("duplicates"),
    "messages": N_("messages"),
    "conversations": N_("search of conversations"),
    "hits": N_("hits"),
    "new_agents": N_("new agents"),
    "labels": N_("reviews"),
    "auc": N_("AUC"),
    "model": N_("model"),
    "files": N_("files"),
    "bytes": N_("bytes"),
    "n": N_("number"),
    "archive_version": N_("archive version"),
    "attempt": N_("attempt"),
    "host": N_("host"),
    "url": N_("address"),
    "key_end": N_("end of the key"),
    "price_in": N_("price in"),
    "price_out": N_("price out"),
    "budget": N_("conversations a run"),
    "concurrency": N_("requests at once"),
    "per_minute": N_("a minute"),
    "timeout": N_("seconds for an answer"),
    "cost": N_("cost"),
    "scored": N_("scored"),
    "failed": N_("failed"),
    "void": N_("void answers"),
    "hash": N_("checksum"),
    "receipt": N_("receipt"),
    "commitment": N_("commitment"),
    "next_commitment": N_("next commitment"),
    "rubric_version": N_("rubric version no."),
    "rubric_dispute": N_("rubric version for disputes"),
    "rubric_rating": N_("rubric version for low ratings"),
    "quota_chat": N_("chats per agent"),
    "quota_dispute": N_("disputes per agent"),
    "quota_rating": N_("low ratings per agent"),
    "teams": N_("teams"),
    "shops": N_("shops"),
    "channels": N_("channels"),
    "rating_max": N_("low rating up to"),
    "pool_share": N_("share for the riskiest"),
    "double_share": N_("share scored twice"),
    "newcomer_weeks": N_("weeks as a newcomer"),
    "reduced_after_clean_periods": N_("clean months before fewer reviews"),
    "responsible": N_("who answers for a dispute"),
    "chat": N_("chat"),
    "agent": N_("agent"),
    "criterion": N_("criterion"),
    "dimension": N_("dimension"),
    "owner": N_("owner"),
    "root_cause": N_("root cause"),
    "points": C_("trail", "points"),
    "each": N_("points each"),
    "label": N_("name"),
    "help": N_("help"),
    "levels": N_("levels"),
    "allow_na": N_("may be N/A"),
    "pass_line": N_("pass line"),
    "tolerance": N_("tolerance"),
    "order": N_("order"),
    "note": N_("note"),
    "sources": N_("sources"),
    "lesson": N_("lesson"),
    "tags": N_("tags"),
    "rule_id": N_("red line"),
    "confirm_days": N_("days to confirm"),
    "rule_days": N_("days to rule"),
    "answer_days": N_("days to answer"),
    "appeal_days": N_("days to object"),
    "close_days": N_("days to close"),
    "record_days": N_("days a violation counts"),
    "ladder": N_("sanctions"),
    "adapt": N_("intensity from the past"),
    "intensity": N_("intensity by hand"),
}
"""Names of what an entry says beside its action; a fact without a name keeps its code."""

_QUOTA: Mapping[str, str] = {"all": N_("take all"), "none": N_("leave out")}
_STATES: Mapping[str, str] = {"published": N_("published"), "proposed": N_("proposed"), "withdrawn": N_("withdrawn")}
CHOICES: Mapping[str, Mapping[str, str]] = {
    "quota_chat": _QUOTA,
    "quota_dispute": _QUOTA,
    "quota_rating": _QUOTA,
    "responsible": {**responsible.RULES, responsible.BEFORE: responsible.EARLIER},
    "state": _STATES,
}
"""Words for facts that are one of a few codes."""


def action_words(action: str) -> Words:
    """The words of one action, for a page to translate; the code itself where there are none."""
    area, _, step = action.partition(".")
    if area == "violation" and step in set(Step):
        return Words(_STEP, step=Words(STEP_NAMES[Step(step)]))
    return Words(ACTIONS.get(action, action))


def all_actions() -> Mapping[str, Words]:
    """Every action there is with its words: what a search in words looks through."""
    codes = (*ACTIONS, *(f"violation.{step.value}" for step in Step))
    return {code: action_words(code) for code in codes}


def entries(
    bench: Workbench,
    actor: Actor,
    *,
    text: str = "",
    action: str = "",
    before: int | None = None,
    size: int = PAGE,
    words: Mapping[str, str] | None = None,
) -> AuditPage:
    """Entries that contain `text` in actor, action, subject or facts, older than entry `before`.

    `action` restricts to one kind (`user.created`) or one area (`user.`). `words` is how the reader sees each action,
    so that what is read can be searched for.
    """
    require(actor, Right.VIEW_AUDIT)
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(size + 1)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    if action:
        query = query.where(AuditEntry.action.startswith(sought(action), autoescape=True))
    for word in sought(text).split()[:8]:
        meant = [code for code, shown in (words or {}).items() if word.lower() in shown.lower()]
        query = query.where(
            or_(
                AuditEntry.action.in_(meant),
                AuditEntry.actor_name.icontains(word, autoescape=True),
                AuditEntry.action.icontains(word, autoescape=True),
                AuditEntry.entity.icontains(word, autoescape=True),
                AuditEntry.entity_id.icontains(word, autoescape=True),
                cast(AuditEntry.facts, String).icontains(word, autoescape=True),
            )
        )
    with bench.db.read() as session:
        rows = session.scalars(query).all()
    found = tuple(TrailEntry(r.id, r.at, r.actor_name, r.action, r.entity, r.entity_id, r.facts) for r in rows[:size])
    return AuditPage(found, found[-1].id if len(rows) > size else None)


def security(bench: Workbench, actor: Actor) -> tuple[securitylog.LogLine, ...]:
    """The newest lines of the security log, newest first."""
    require(actor, Right.VIEW_AUDIT)
    return tuple(securitylog.latest(bench.config.home))
