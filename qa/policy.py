"""Who may do what: one table of rights, asked by every service and page. It grants nothing by default.

An answer carries its reason, so that a refusal can be explained and logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from qa.errors import Denied, Words
from qa.i18n import C_, N_
from qa.security import log as securitylog


class Role(StrEnum):
    """What a user is in the workbench."""

    INSPECTOR = "inspector"
    LEAD = "lead"
    TEAM_LEADER = "team_leader"
    AGENT = "agent"
    ADMIN = "admin"


ROLE_NAMES: Mapping[Role, str] = {
    Role.INSPECTOR: N_("Inspector"),
    Role.LEAD: N_("Lead"),
    Role.TEAM_LEADER: N_("Team leader"),
    Role.AGENT: N_("Agent"),
    Role.ADMIN: C_("role", "Admin"),
}


class Right(StrEnum):
    """One thing that can be allowed."""

    INSPECT = "inspect"
    RULE_HIT = "rule_hit"  # first step: confirm or clear a suspected violation
    RULE_VIOLATION = "rule_violation"  # second step: the manager's ruling
    VIEW_VIOLATIONS = "view_violations"
    VIEW_RESULTS = "view_results"  # results of all agents
    VIEW_TEAM = "view_team"  # results and case files of the team one leads, and of no other
    VIEW_OWN_RESULTS = "view_own_results"
    ANSWER = "answer"  # acknowledge or appeal one's own verdicts
    COACH = "coach"  # write to agents about their results, read their answers
    RULE_APPEAL = "rule_appeal"
    CALIBRATE = "calibrate"  # run calibration rounds and see inspectors compared
    VIEW_CONVERSATIONS = "view_conversations"  # search and read the whole archive
    VIEW_CASES = "view_cases"
    PROPOSE_CASE = "propose_case"
    PUBLISH_CASE = "publish_case"
    PLAN_DRAW = "plan_draw"
    VIEW_DRAWS = "view_draws"
    ASSESS = "assess"  # schemes, monthly sheets, and rulings on objections to them
    EDIT_RUBRIC = "edit_rubric"
    EDIT_RULES = "edit_rules"
    VIEW_RUBRIC = "view_rubric"
    IMPORT = "import"
    EXPORT = "export"
    UNMASK = "unmask"  # see phone numbers, names and addresses in transcripts
    MANAGE_USERS = "manage_users"
    VIEW_AUDIT = "view_audit"
    MAINTAIN = "maintain"  # backup, retention, upgrade


RIGHT_NAMES: Mapping[Right, str] = {
    Right.INSPECT: N_("score samples"),
    Right.RULE_HIT: N_("confirm or clear suspected violations"),
    Right.RULE_VIOLATION: N_("rule on violations"),
    Right.VIEW_VIOLATIONS: N_("see case files of red lines"),
    Right.VIEW_RESULTS: N_("see the results of all agents"),
    Right.VIEW_TEAM: N_("see the results of one's own team"),
    Right.VIEW_OWN_RESULTS: N_("see one's own results"),
    Right.ANSWER: N_("answer for one's own results"),
    Right.COACH: N_("coach agents"),
    Right.RULE_APPEAL: N_("rule on appeals"),
    Right.CALIBRATE: N_("run calibration rounds"),
    Right.VIEW_CONVERSATIONS: N_("search and read conversations"),
    Right.VIEW_CASES: N_("read the case library"),
    Right.PROPOSE_CASE: N_("propose cases"),
    Right.PUBLISH_CASE: N_("publish cases"),
    Right.PLAN_DRAW: N_("plan and publish draws"),
    Right.VIEW_DRAWS: N_("see draws and receipts"),
    Right.ASSESS: N_("assess the month"),
    Right.EDIT_RUBRIC: N_("edit the rubric"),
    Right.EDIT_RULES: N_("edit red-line rules"),
    Right.VIEW_RUBRIC: N_("read the rubric"),
    Right.IMPORT: N_("import and screen"),
    Right.EXPORT: N_("export"),
    Right.UNMASK: N_("see personal data of customers"),
    Right.MANAGE_USERS: N_("manage users"),
    Right.VIEW_AUDIT: N_("read the audit trail"),
    Right.MAINTAIN: N_("maintain the installation"),
}


_INSPECTOR = {
    Right.INSPECT,
    Right.RULE_HIT,
    Right.VIEW_VIOLATIONS,
    Right.VIEW_CONVERSATIONS,
    Right.VIEW_CASES,
    Right.PROPOSE_CASE,
    Right.VIEW_RUBRIC,
    Right.VIEW_DRAWS,
    Right.UNMASK,
}
_LEAD = _INSPECTOR | {
    Right.RULE_VIOLATION,
    Right.VIEW_RESULTS,
    Right.COACH,
    Right.RULE_APPEAL,
    Right.CALIBRATE,
    Right.PUBLISH_CASE,
    Right.PLAN_DRAW,
    Right.ASSESS,
    Right.EDIT_RUBRIC,
    Right.EDIT_RULES,
    Right.IMPORT,
    Right.EXPORT,
}
_AGENT = {Right.VIEW_OWN_RESULTS, Right.ANSWER, Right.VIEW_CASES, Right.PROPOSE_CASE, Right.VIEW_RUBRIC}
# A team leader reads what concerns their own team, to coach it: no plans, no rules, no rulings.
_TEAM_LEADER = {
    Right.VIEW_TEAM,
    Right.COACH,
    Right.VIEW_CONVERSATIONS,
    Right.VIEW_CASES,
    Right.PROPOSE_CASE,
    Right.VIEW_RUBRIC,
    Right.EXPORT,
}
# An admin keeps the installation safe but does not judge people: no inspecting, no ruling.
_ADMIN = {
    Right.MANAGE_USERS,
    Right.VIEW_AUDIT,
    Right.MAINTAIN,
    Right.IMPORT,
    Right.VIEW_DRAWS,
    Right.VIEW_RUBRIC,
    Right.VIEW_CONVERSATIONS,
    Right.VIEW_CASES,
    Right.EXPORT,
    Right.VIEW_RESULTS,
}

RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.INSPECTOR: frozenset(_INSPECTOR),
    Role.LEAD: frozenset(_LEAD),
    Role.TEAM_LEADER: frozenset(_TEAM_LEADER),
    Role.AGENT: frozenset(_AGENT),
    Role.ADMIN: frozenset(_ADMIN),
}


@dataclass(frozen=True)
class Actor:
    """Who acts. `agent_id` is set when the user is (or also was) an agent: nobody judges a chat of their own. `team` is
    the one that a team leader leads."""

    user_id: int
    role: Role
    name: str
    agent_id: str | None = None
    team: str | None = None

    def may(self, right: Right) -> bool:
        return right in RIGHTS[self.role]

    @property
    def reads_others(self) -> bool:
        """Whether results of other people are theirs to read: everybody's, or a team's."""
        return self.may(Right.VIEW_RESULTS) or self.may(Right.VIEW_TEAM)


SYSTEM = Actor(user_id=0, role=Role.ADMIN, name="system")
"""The installation itself: command line of the machine's owner, and scheduled work."""


def require(actor: Actor, right: Right, *others: Right) -> None:
    """Raise `Denied` unless `actor` has `right` or one of the `others`. The machine's owner at the command line has
    every right."""
    if actor is SYSTEM or any(actor.may(one) for one in (right, *others)):
        return
    refused(actor, right)
    raise Denied(
        N_("Your role ({role}) does not allow this: {right}."),
        role=Words(ROLE_NAMES[actor.role]),
        right=Words(RIGHT_NAMES[right]),
    )


def refused(actor: Actor, right: Right) -> None:
    """Note in the security log that somebody asked for what is not theirs."""
    securitylog.note("right.refused", actor.user_id, right=right.value, role=actor.role.value)


def require_own(actor: Actor, agent_id: str) -> None:
    """Raise `Denied` unless `actor` may read the results of `agent_id`: a reader of all, that agent, or a team leader,
    whom `qa.scoping` then limits to what is of the team."""
    if actor is SYSTEM or actor.reads_others:
        return
    if actor.may(Right.VIEW_OWN_RESULTS) and actor.agent_id == agent_id:
        return
    refused(actor, Right.VIEW_RESULTS)
    raise Denied(N_("You can only see your own results."))
