"""What can be told: which entries of the trail mean it, whom it concerns, how it is said. Never a word of a customer.

What is told is taken from the trail, so nothing that happened can be forgotten and nothing that was taken back is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qa.casefiles.lifecycle import Step
from qa.i18n import N_
from qa.policy import Right

KINDS: Mapping[str, str] = {
    "dingtalk": N_("DingTalk robot"),
    "feishu": N_("Feishu robot"),
    "wecom": N_("WeCom robot"),
    "mail": N_("E-mail"),
    "webhook": N_("Webhook"),
}
WEBHOOK = "webhook"
STATES: Mapping[str, str] = {
    "waiting": N_("waiting"),
    "sending": N_("being sent"),
    "sent": N_("sent"),
    "failed": N_("given up"),
}


@dataclass(frozen=True)
class NotifyEvent:
    """One thing that can be told. `actions`: entries of the trail that mean it. It concerns whoever has `right`, or,
    with `own`, the agent whose it is. `page` and `query` make the link; `says` is one line with the facts of the
    entry."""

    name: str
    title: str
    says: str
    page: str
    query: str
    actions: tuple[str, ...]
    right: Right
    own: bool = False


EVENTS: Mapping[str, NotifyEvent] = {
    event.name: event
    for event in (
        NotifyEvent(
            "draw_published",
            N_("Draw published"),
            N_("A draw was published for {first} – {last}: {samples} samples."),
            "draws",
            "draw",
            ("draw.published",),
            Right.INSPECT,
        ),
        NotifyEvent(
            "redline_to_rule",
            N_("Red line to rule on"),
            N_("A case file of rule {rule} was confirmed and waits for a ruling."),
            "redlines",
            "file",
            (f"violation.{Step.CONFIRM.value}",),
            Right.RULE_VIOLATION,
        ),
        NotifyEvent(
            "appeal_filed",
            N_("Appeal filed"),
            N_("An appeal waits for a ruling."),
            "appeals",
            "appeal",
            ("appeal.filed",),
            Right.RULE_APPEAL,
        ),
        NotifyEvent(
            "appeal_ruled",
            N_("Appeal ruled on"),
            N_("An appeal was ruled on."),
            "appeals",
            "appeal",
            ("appeal.upheld", "appeal.rejected"),
            Right.ANSWER,
            own=True,
        ),
        NotifyEvent(
            "result_ready",
            N_("Result ready"),
            N_("A result is ready."),
            "agent",
            "verdict",
            ("verdict.inspection", "verdict.resolution"),
            Right.ANSWER,
            own=True,
        ),
        NotifyEvent(
            "deadline_tomorrow",
            N_("Deadline tomorrow"),
            N_("{n} case files are due by tomorrow."),
            "redlines",
            "",
            (),
            Right.RULE_VIOLATION,
        ),
        NotifyEvent(
            "job_failed",
            N_("Job failed"),
            N_("A job failed; its page says why."),
            "operations",
            "",
            ("job.failed",),
            Right.MAINTAIN,
        ),
    )
}
"""What people are told."""

AREAS: Mapping[str, str] = {
    "verdict": N_("every result and its new versions"),
    "violation": N_("every step of a case file"),
    "appeal": N_("every step of an appeal"),
    "draw": N_("every draw that is published"),
}
"""What programs are told by webhook: every entry of the trail about these."""


def event_of(action: str) -> NotifyEvent | None:
    """The event that an entry of the trail means to people."""
    return next((event for event in EVENTS.values() if action in event.actions), None)
