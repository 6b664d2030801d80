"""Where a breach that no rule found is likely: conversations without a hit that something else speaks for.

The read side, for reading only: what is picked here was not drawn, so no figure counts it. The share of misses rests on
the inspected samples of `qa.redlines.quality` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import polars as pl
from sqlalchemy import select

from qa import scoping
from qa.archive import Snapshot, predictions
from qa.casefiles import record
from qa.errors import Denied
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import Inspection, Sample
from qa.transcripts import FrozenTranscript, read, shown
from qa.workbench import Workbench

LOW_RATING = 2
"""Of 1 to 5: the customer was dissatisfied."""
TOP_SHARE = 0.05
"""The share of conversations that a model calls the riskiest."""
COMPLAINT = (
    r"投诉|举报|差评|12315|消协|工商|态度(?:太|真|很|这么|什么|差|恶劣)|骂我|骂人|威胁|骗子|欺骗|侮辱|怎么说话|"
    r"什么态度|曝光"
    r"|(?i:complain|complaint|report you|rude|insult|threaten|unacceptable|scam|speak to (?:a|your) (?:manager|"
    r"supervisor))"
)
"""What customers say who were treated badly."""


class Sign(StrEnum):
    """What speaks for a breach."""

    RATING = "rating"
    REFUND = "refund"
    COMPLAINT = "complaint"
    MODEL = "model"


SIGN_NAMES = {
    Sign.RATING: N_("low rating"),
    Sign.REFUND: N_("refund or dispute"),
    Sign.COMPLAINT: N_("customer complains"),
    Sign.MODEL: N_("model"),
}


@dataclass(frozen=True)
class Place:
    """One conversation without a hit, with what speaks for reading it. `p` is the model's probability of a violation,
    where it gives one."""

    conversation_key: str
    agent_id: str
    started_at: datetime | None
    signs: tuple[Sign, ...]
    p: float | None


def places(bench: Workbench, actor: Actor, *, limit: int = 50) -> tuple[Place, ...]:
    """Conversations without a hit and without an inspection, those with the most signs first, then by the model."""
    require(actor, Right.VIEW_VIOLATIONS)
    snapshot = bench.archive.at()
    with bench.db.read() as session:
        read_before = session.scalars(
            select(Sample.conversation_key)
            .join(Inspection, Inspection.sample_id == Sample.id)
            .where(Sample.conversation_key.is_not(None))
            .distinct()
        ).all()
    chats = snapshot.scan("conversations").select(
        "conversation_key", "agent_id", "agent_ids", "started_at", "satisfaction"
    )
    if actor.agent_id:
        chats = chats.filter(~pl.col("agent_ids").list.contains(actor.agent_id).fill_null(False))
    chats = scoping.seen_rows(bench, actor, chats, "agent_id", "started_at")
    done = pl.LazyFrame({"conversation_key": pl.Series(list(read_before), dtype=pl.String)})
    without = chats.join(done, on="conversation_key", how="anti").join(
        snapshot.scan("hits").select("conversation_key").unique(), on="conversation_key", how="anti"
    )
    said = snapshot.scan("messages").filter(pl.col("role") == "customer", pl.col("text").str.contains(COMPLAINT))
    found = without
    for sign, keys in (
        (Sign.RATING, snapshot.scan("ratings").filter(pl.col("score") <= LOW_RATING)),
        (Sign.REFUND, snapshot.scan("disputes")),
        (Sign.COMPLAINT, said),
    ):
        marked = keys.select("conversation_key").drop_nulls().unique().with_columns(pl.lit(True).alias(sign.value))
        found = found.join(marked, on="conversation_key", how="left")
    found = found.join(_model(snapshot), on="conversation_key", how="left")
    signs = [sign.value for sign in Sign]
    top = (
        found.with_columns(pl.col(signs).fill_null(False))
        .with_columns(pl.col(Sign.RATING.value) | (pl.col("satisfaction") <= LOW_RATING).fill_null(False))
        .with_columns(n=pl.sum_horizontal(signs))
        .filter(pl.col("n") > 0)
        .sort(["n", "p", "started_at", "conversation_key"], descending=[True, True, True, False], nulls_last=True)
        .head(limit)
        .collect(engine="streaming")
    )
    return tuple(
        Place(
            row["conversation_key"], row["agent_id"] or "", row["started_at"],
            tuple(sign for sign in Sign if row[sign.value]), row["p"],
        )
        for row in top.iter_rows(named=True)
    )  # fmt: skip


def _model(snapshot: Snapshot) -> pl.LazyFrame:
    """The trained model's probabilities, else those of the rule score; the riskiest are marked."""
    known = predictions.predictors(snapshot)
    name = predictions.RISK if predictions.RISK in known else predictions.RULES
    rows = predictions.of(snapshot, name).select("conversation_key", "p").filter(pl.col("p").is_not_null())
    high = pl.col("p") >= pl.col("p").quantile(1 - TOP_SHARE)
    return rows.with_columns(high.alias(Sign.MODEL.value) & (pl.col("p") > pl.col("p").min()))


def conversation(bench: Workbench, actor: Actor, conversation_key: str, agent_id: str) -> FrozenTranscript:
    """One of `places` to read, as the reader may see it."""
    require(actor, Right.VIEW_VIOLATIONS)
    with bench.db.read() as session:
        content = read(record.transcript_now(session, bench.archive, conversation_key, agent_id))
    if actor.agent_id and actor.agent_id in {agent_id, *(message.agent_id for message in content.messages)}:
        raise Denied(N_("You took part in this conversation; somebody else has to decide."))
    return shown(actor, content)
