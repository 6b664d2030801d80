"""Conversations by the name people know them by: whose, when, and what the customer said first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from qa import transcripts
from qa.policy import Actor, Right, require
from qa.tables import Agent, Sample, Transcript
from qa.workbench import Workbench


@dataclass(frozen=True)
class ConversationName:
    """How one sample is shown in a list. `first_line` is masked for whoever may not see customers."""

    agent_name: str
    occurred_at: datetime | None
    first_line: str


def names(bench: Workbench, actor: Actor, samples: Collection[int]) -> Mapping[int, ConversationName]:
    """The names of these samples by their id."""
    require(actor, Right.INSPECT)
    query = (
        select(Sample.id, Agent.name, Sample.agent_id, Sample.occurred_at, Transcript.content)
        .join(Transcript, Transcript.id == Sample.transcript_id)
        .outerjoin(Agent, Agent.agent_id == Sample.agent_id)
        .where(Sample.id.in_(samples))
    )
    with bench.db.read() as session:
        return {
            sample: ConversationName(
                name or agent, at, transcripts.shown_text(actor, transcripts.read(content).first_line)
            )
            for sample, name, agent, at, content in session.execute(query)
        }
