"""What people settled about disputes, laid over the archive: the chat a dispute belongs to, and who answers for it.

The archive keeps what was imported, so that the same file again changes nothing a person decided, and taking an import
back loses no decision. Frames in, frames out; only `in_force` asks the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from qa.tables import DisputeSettlement

SETTLED = "settled"
"""The reason of a join, and of an agent, that a person decided."""
NOBODY = ""
"""In place of a chat or an agent: there is none."""
_BORROWED = {"agent_id": (), "shop": (), "customer_id": ("customer",), "order_id": ("order",)}
"""What a record without it takes from its chat when it is imported, and the joins for which it had it itself."""
_SCHEMA = {"dispute_key": pl.String, "settled_chat": pl.String, "settled_agent": pl.String}


@dataclass(frozen=True)
class Settled:
    """A person's word on a dispute. None: as the data say; "": there is none."""

    dispute_key: str
    conversation_key: str | None = None
    agent_id: str | None = None


def in_force(session: Session, keys: Iterable[str] | None = None) -> tuple[Settled, ...]:
    """The last word on each dispute (of `keys`, or of all), by key; those taken back are left out."""
    last = select(func.max(DisputeSettlement.id)).group_by(DisputeSettlement.dispute_key)
    query = select(DisputeSettlement.dispute_key, DisputeSettlement.conversation_key, DisputeSettlement.agent_id)
    query = query.where(DisputeSettlement.id.in_(last))
    if keys is not None:
        query = query.where(DisputeSettlement.dispute_key.in_(list(keys)))
    found = (Settled(*row) for row in session.execute(query.order_by(DisputeSettlement.dispute_key)))
    return tuple(one for one in found if (one.conversation_key, one.agent_id) != (None, None))


def laid_over(disputes: pl.LazyFrame, chats: pl.LazyFrame, settled: Sequence[Settled]) -> pl.LazyFrame:
    """`disputes` (columns of the archive) with what was settled, and `settled_agent` (null: by the rule, "": nobody).

    A dispute given another chat loses what it had only taken from the wrong one (agent, shop, customer, order) and
    takes it from the right one. A chat that is not in `chats` any more leaves the dispute without one.
    """
    said = pl.LazyFrame([astuple(one) for one in settled], schema=_SCHEMA, orient="row")
    plain = pl.lit(None, dtype=pl.String).alias("settled_agent")
    if not settled:
        return disputes.with_columns(plain)
    few = disputes.join(said, on="dispute_key", how="inner")
    about = ["conversation_key", *_BORROWED]
    old = chats.select(pl.col(about).name.prefix("old_"))
    new = chats.select(pl.col(about).name.prefix("new_"), there=pl.lit(True))
    rows = few.join(old, left_on="conversation_key", right_on="old_conversation_key", how="left").join(
        new, left_on="settled_chat", right_on="new_conversation_key", how="left"
    )
    moved = pl.col("settled_chat").is_not_null() & (pl.col("settled_chat") != pl.col("conversation_key").fill_null(""))
    rows = rows.with_columns(_taken(name, own, moved) for name, own in _BORROWED.items())
    decided = pl.col("settled_chat").is_not_null()
    rows = rows.with_columns(
        conversation_key=pl.when(decided)
        .then(pl.when(pl.col("there")).then("settled_chat"))
        .otherwise("conversation_key"),
        joined_by=pl.when(decided).then(pl.lit(SETTLED)).otherwise("joined_by"),
    )
    names = [*disputes.collect_schema().names(), "settled_agent"]
    return pl.concat([disputes.join(said, on="dispute_key", how="anti").with_columns(plain), rows.select(names)])


def _taken(name: str, own: Sequence[str], moved: pl.Expr) -> pl.Expr:
    """A field of a record whose chat was changed: what only the wrong chat said makes way for the right one's word."""
    from_chat = pl.col(name).is_null() | (pl.col(name) == pl.col(f"old_{name}"))
    from_chat &= ~pl.col("joined_by").is_in(list(own)).fill_null(False) | pl.col(name).is_null()
    return pl.when(moved & from_chat).then(f"new_{name}").otherwise(name).alias(name)
