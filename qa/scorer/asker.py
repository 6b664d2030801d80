"""What a run asks with: the rubric, the prompt with its precedents, the endpoint, and a conversation's lines as they
leave."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from qa.archive import Snapshot, predictions
from qa.errors import Conflict
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.rubrics import versions as rubric_versions
from qa.rubrics.stored import rubric_of
from qa.scorer import endpoint, precedents, setup
from qa.scorer import prompt as prompts
from qa.scorer.endpoint import Address
from qa.scorer.prompt import Prompt
from qa.scorer.questions import MAIN, REVERSED, AskedConversation
from qa.scorer.setup import Setup
from qa.tables import Agent, Scorer
from qa.transcripts import freezing
from qa.workbench import Workbench
from scoring.rubric import Rubric


@dataclass(frozen=True)
class Asker:
    """Everything a run asks with. `form` is how the answer's form is asked for, `answering` the model that answers."""

    setup: Setup
    to: Address
    rubric_version_id: int
    rubric: Rubric
    prompt: Prompt
    reverse: Prompt
    form: str = prompts.SCHEMA
    answering: str = ""

    def content(self) -> dict[str, Any]:
        """What makes the version."""
        return {
            **self.base(), "form": self.form, "answering": self.answering, "temperature": 0,
        }  # fmt: skip

    def base(self) -> dict[str, Any]:
        """The part of it that is known before anything was asked."""
        return {
            "host": self.to.host, "model": self.setup.model, "prompt": self.prompt.hash,
            "schema": self.prompt.schema_hash, "rubric": self.rubric.content_hash,
        }  # fmt: skip

    def body(self, lines: Sequence[dict[str, Any]], purpose: str, conversation_key: str = "") -> bytes:
        """What is sent of a conversation: without its own precedent, where it is one."""
        chosen = self.reverse if purpose == REVERSED else self.prompt
        rest = tuple(one for one in chosen.precedents if one.conversation_key != conversation_key)
        if len(rest) < len(chosen.precedents):
            chosen = prompts.build(self.rubric, chosen.model, rest, reverse=purpose == REVERSED)
        return prompts.body(chosen, lines, self.form)


def current(bench: Workbench) -> Asker:
    """What to ask with now. Raises `Conflict` where nothing is set up or the host is not consented to."""
    done, to = setup.address(bench)
    with bench.db.read() as session:
        number = rubric_versions.newest(session, "chat")
        if number is None:
            raise Conflict(N_("There is no published rubric yet; publish one first."))
        rubric = rubric_of(session, number)
        cases = precedents.chosen(session, done.cases)
        plain, reverse = (prompts.build(rubric, done.model, cases, reverse=turned) for turned in (False, True))
        made = Asker(done, to, number, rubric, plain, reverse)
        known = _known_version(session, made)
    return made if known is None else replace(made, form=known.content["form"], answering=known.content["answering"])


def _known_version(session: Session, made: Asker) -> Scorer | None:
    """The newest version that asks the same of the same model."""
    query = select(Scorer).where(Scorer.predictor == predictions.MACHINE).order_by(Scorer.id.desc())
    base = made.base()
    return next((one for one in session.scalars(query) if {k: one.content.get(k) for k in base} == base), None)


def body_of(bench: Workbench, actor: Actor, conversation_key: str) -> bytes:
    """The exact bytes that would be sent of one conversation."""
    require(actor, Right.MAINTAIN, Right.PLAN_DRAW)
    made, snapshot = current(bench), bench.archive.at()
    [(_, lines)] = lines_of(bench, snapshot, [AskedConversation(conversation_key, "", MAIN)])
    return made.body(lines, MAIN, conversation_key)


def lines_of(
    bench: Workbench, snapshot: Snapshot, part: Sequence[AskedConversation]
) -> list[tuple[AskedConversation, list[dict[str, Any]]]]:
    """Conversations as they leave."""
    keys = list(dict.fromkeys(one.conversation_key for one in part))
    units = pl.DataFrame({"unit_id": keys, "source": ["chat"] * len(keys), "conversation_key": keys})
    with bench.db.read() as session:
        names = dict(session.execute(select(Agent.agent_id, Agent.name)).all())
    frozen = freezing.freeze(snapshot, units, names)
    lines = dict(zip(keys, prompts.sent_contents(frozen), strict=True))
    return [(one, lines[one.conversation_key]) for one in part]


SAMPLE = [
    {"seq": 0, "role": "买家", "text": "你好，我的包裹到哪里了？"},
    {"seq": 1, "role": "客服", "text": "您好，正在为您查询，请稍等。"},
]
"""A made-up conversation, to find out how an endpoint answers."""


def probe(made: Asker) -> tuple[Asker, str]:
    """Ask about a made-up conversation, in ever less strict forms while the endpoint does not know the form."""
    state = endpoint.BAD_REQUEST
    with endpoint.connections(made.to) as http:
        for form in prompts.FORMATS:
            tried = replace(made, form=form)
            content = tried.body(SAMPLE, MAIN)
            reply = endpoint.ask(http, made.to, content, hashlib.sha256(content).hexdigest())
            state = reply.state
            if state != endpoint.BAD_REQUEST:
                return replace(tried, answering=reply.model or made.setup.model), state
    return made, state
