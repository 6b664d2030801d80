"""Everything that `/api/v1` offers, in one list: the routes, the document and the tests read it."""

from __future__ import annotations

from dataclasses import dataclass

from qa.web.api import assessments, pushing, records, results
from qa.web.api.calls import Call, Endpoint, Instant, Nothing, Paged


@dataclass(frozen=True)
class MeAnswer:
    """Whose token this is, and what it may do."""

    login: str
    role: str
    token: str
    scopes: list[str]
    expires_at: Instant


def me(call: Call[Nothing]) -> MeAnswer:
    """Whose token this is."""
    token = call.token
    return MeAnswer(token.login, call.actor.role.value, token.name, list(token.scopes), token.expires_at)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("GET", "/me", "", "Whose token this is", Nothing, MeAnswer, me),
    Endpoint(
        "GET", "/conversations", "conversations", "Find conversations", records.ConversationParams,
        records.ConversationsAnswer, records.conversations,
    ),
    Endpoint(
        "POST", "/conversations", "import", "Push conversations", Nothing, pushing.PushAnswer, pushing.push,
        pushing.PushBody,
    ),
    Endpoint(
        "GET", "/conversations/{handle}", "conversations", "One conversation in full", Nothing,
        records.TranscriptAnswer, records.conversation,
    ),
    Endpoint("GET", "/draws", "draws", "Published draws", Paged, records.DrawsAnswer, records.draw_list),
    Endpoint(
        "GET", "/draws/{draw}/samples", "draws", "Samples of a draw", Paged, records.SamplesAnswer, records.samples
    ),
    Endpoint("GET", "/draws/{draw}/receipt", "draws", "Receipt of a draw", Nothing, dict, records.receipt),
    Endpoint(
        "GET", "/verdicts", "results", "Current verdicts with their inclusion probability", results.VerdictParams,
        results.VerdictsAnswer, results.verdicts,
    ),
    Endpoint(
        "GET", "/estimates/agents", "results", "Mean scores with their intervals", results.ScopeParams,
        results.AgentsAnswer, results.agents,
    ),
    Endpoint(
        "GET", "/estimates/corrected", "results", "Means and rates corrected with the machine scorer",
        results.CorrectedParams, results.CorrectedAnswer, results.corrected,
    ),
    Endpoint(
        "GET", "/estimates/trend", "results", "A figure over time, with its intervals", results.TrendParams,
        results.TrendAnswer, results.trend,
    ),
    Endpoint(
        "GET", "/violations", "violations", "Case files of red lines", records.ViolationParams,
        records.ViolationsAnswer, records.violations,
    ),
    Endpoint("GET", "/cases", "cases", "Published cases", records.CaseParams, records.CasesAnswer, records.case_list),
    Endpoint("GET", "/cases/{case}", "cases", "One case", Nothing, records.CaseAnswer, records.case),
    Endpoint(
        "GET", "/assessments", "assessments", "Monthly sheets", Paged, assessments.AssessmentsAnswer,
        assessments.assessments,
    ),
    Endpoint(
        "GET", "/assessments/{assessment}/entries", "assessments", "What a monthly sheet says of people", Paged,
        assessments.EntriesAnswer, assessments.entries,
    ),
)  # fmt: skip
