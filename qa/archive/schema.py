"""The tables of the archive and their columns; nothing else in the product spells a column type of theirs.

A *key* is `source + ":" + external id`, unique over all imports of that table; it is also the unit id of a draw.
Times are UTC. Money is in hundredths. `import_id` and `file_row` say where a row came from (row 1 is the first data
row). Rows of `hits`, `promises`, `signals` and `predictions` are derived and may be rebuilt at any time; those of
`machine_scores` came from outside and can be had again only there.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

UTC = pl.Datetime("us", "UTC")

ROLES: tuple[str, ...] = ("customer", "agent", "bot", "system", "platform")
MESSAGE_KINDS: tuple[str, ...] = ("text", "image", "card", "file", "note", "recalled")
"""The last two are of role `system`: private notes and recalled messages are kept, but nobody said them to the other
side."""

PROVENANCE: Mapping[str, pl.DataType | type[pl.DataType]] = {"import_id": pl.Int64, "file_row": pl.Int64}

DIMENSION_SLOTS = 10
CRITERION_SLOTS = 60

TABLES: Mapping[str, Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "conversations": {
        "conversation_key": pl.String,
        "source": pl.String,
        "conversation_id": pl.String,
        "agent_id": pl.String,  # the agent who is inspected for it: most agent messages, first on a tie
        "agent_ids": pl.List(pl.String),  # everybody who took part
        "customer_id": pl.String,
        "shop": pl.String,
        "channel": pl.String,  # wangwang, jd, douyin, chat, …
        "order_id": pl.String,
        "started_at": UTC,
        "ended_at": UTC,
        "message_count": pl.Int32,
        "agent_message_count": pl.Int32,
        "satisfaction": pl.Int8,  # 1 worst … 5 best, null when not rated
        "content_hash": pl.String,  # over the messages and fields: equal means nothing to import
        **PROVENANCE,
    },
    "messages": {
        "conversation_key": pl.String,
        "seq": pl.Int32,  # 0, 1, 2 … in the order of the conversation
        "role": pl.String,
        "agent_id": pl.String,  # only when role is agent
        "sent_at": UTC,  # null when the export has no time
        "kind": pl.String,
        "text": pl.String,
        **PROVENANCE,
    },
    "disputes": {
        "dispute_key": pl.String,
        "source": pl.String,
        "dispute_id": pl.String,
        "conversation_key": pl.String,  # the chat before it: given, or joined by order or customer; null when none
        "joined_by": pl.String,  # why this chat: given, order, customer, settled; several: candidates, none taken
        "agent_id": pl.String,
        "order_id": pl.String,
        "customer_id": pl.String,
        "shop": pl.String,
        "opened_at": UTC,
        "closed_at": UTC,
        "due_at": UTC,  # until when somebody has to act; no sign that anything is over
        "dispute_type": pl.String,  # REFUND, REFUND_AND_RETURN, …
        "phase": pl.String,  # onsale, aftersale
        "status": pl.String,
        "cs_status": pl.Int8,  # Taobao CsStatus 1 … 11
        "reason": pl.String,
        "description": pl.String,
        "title": pl.String,
        "refund_fee": pl.Int64,
        "total_fee": pl.Int64,
        "freight": pl.Int64,  # what the shop paid for carriage, and what beyond the goods, in hundredths
        "compensation": pl.Int64,
        "sent_out_at": UTC,  # when the goods left the shop, reached the customer, and were given back to a carrier
        "delivered_at": UTC,
        "returned_at": UTC,
        "carrier": pl.String,  # who carries the goods back, else who brought them
        "messages": pl.List(pl.Struct({"role": pl.String, "text": pl.String, "sent_at": UTC})),
        "content_hash": pl.String,
        **PROVENANCE,
    },
    "ratings": {
        "rating_key": pl.String,
        "source": pl.String,
        "rating_id": pl.String,
        "conversation_key": pl.String,
        "agent_id": pl.String,
        "customer_id": pl.String,
        "order_id": pl.String,
        "shop": pl.String,
        "rated_at": UTC,
        "score": pl.Int8,  # 1 worst … 5 best
        "label": pl.String,
        "comment": pl.String,
        "origin": pl.String,  # agent_invited, buyer, system
        "content_hash": pl.String,
        **PROVENANCE,
    },
    "hits": {
        "conversation_key": pl.String,
        "seq": pl.Int32,
        "rule_id": pl.String,
        "rule_version": pl.Int32,
        "start": pl.Int32,  # code points in the original text of the message
        "end": pl.Int32,
        "matched": pl.String,
        "agent_id": pl.String,  # who said it, or who was responsible (rules about what is missing)
    },
    "promises": {  # what agents promised, as `scoring.promises` finds it; what became of it is not stored
        "conversation_key": pl.String,
        "seq": pl.Int32,
        "kind": pl.String,
        "start": pl.Int32,  # code points in the original text of the message
        "end": pl.Int32,
        "amount": pl.Int64,
        "due_at": UTC,  # null when no time was named
        "said_at": UTC,
        "agent_id": pl.String,
    },
    "signals": {
        "conversation_key": pl.String,
        "first_reply_s": pl.Float64,
        "mean_reply_s": pl.Float64,
        "max_gap_s": pl.Float64,
        "rounds": pl.Int32,
        "rounds_in_time": pl.Int32,
        "unanswered": pl.Int32,
        "hit_count": pl.Int32,
        "import_id": pl.Int64,  # the import whose content was screened: equal to the conversation's when up to date
    },
    "predictions": {  # one row a conversation, predictor and what it speaks about; read by `qa.archive.predictions`
        "conversation_key": pl.String,
        "predictor": pl.String,  # rules, risk, …
        "version": pl.String,
        "about": pl.String,  # the rule or criterion alone that is predicted; null: the conversation as a whole
        "p": pl.Float64,  # predicted probability of a violation
        "loss": pl.Float64,  # predicted centi-points lost; null from predictors that know no score
        "import_id": pl.Int64,  # the import whose content was read
    },
    "machine_scores": {  # what machine scorers answered, every version of them; no text of customers
        "conversation_key": pl.String,
        "predictor": pl.String,
        "version": pl.String,  # of `scorers` in the database
        "about": pl.String,  # the criterion; null: the conversation as a whole
        "answer": pl.String,  # value, na, cannot_tell or void (`scoring.judge`)
        "value": pl.Int32,  # the mark of an answer `value`
        "loss": pl.Int32,  # centi-points it costs
        "evidence": pl.List(pl.Int32),  # numbers of the messages it rests on
        "why": pl.String,  # why it is void; empty otherwise
        "import_id": pl.Int64,  # the import whose content was read
    },
    "indicators": {  # parts of platforms' figures, as each import said them; the last import of a key counts
        "day": pl.Date,
        "until": pl.Date,  # the last day of the row; equal to day where the export is daily
        "shop": pl.String,
        "platform": pl.String,
        "account": pl.String,  # as the export writes it; empty: the shop as a whole
        "indicator": pl.String,
        "num": pl.Int64,  # millionths, exact: numerator, or sum
        "den": pl.Int64,  # millionths: denominator, or weight
        "definition": pl.Int32,  # version of the indicator's definition
        **PROVENANCE,
    },
    # What each import said of a record that more than one has touched, so that any of them can be taken back. A record
    # without rows here is what the one import in its `import_id` said.
    "conversation_origins": {
        "conversation_key": pl.String,
        "kind": pl.String,  # chats or sessions
        "agent_id": pl.String,  # named, not counted
        "customer_id": pl.String,
        "shop": pl.String,
        "channel": pl.String,
        "order_id": pl.String,
        "started_at": UTC,
        "ended_at": UTC,
        "satisfaction": pl.Int8,
        "part": pl.Int64,  # import whose rows in message_parts it brought; null: all that was known by then
        **PROVENANCE,
    },
    "message_parts": {},  # messages as each import brought them, of conversations that have several parts; filled below
    "dispute_origins": {},
    "rating_origins": {},
    "refused": {  # rows of an import that were refused, of conversations that were let in: these are incomplete
        "conversation_key": pl.String,
        "field": pl.String,  # the file's own column
        "code": pl.String,  # a problem of `qa.ingest.problems`
        "value": pl.String,
        **PROVENANCE,
    },
    "screened_rules": {  # what `hits` reflects, one row a rule
        "rule_id": pl.String,
        "rules_hash": pl.String,  # substance of all its versions in force
        "screened_at": UTC,
    },
    "facts": {  # current verdicts, one row a sample: the read side's columnar copy
        "verdict_id": pl.Int64,
        "sample_id": pl.Int64,
        "draw_id": pl.Int64,
        "unit_id": pl.String,
        "source": pl.String,
        "conversation_key": pl.String,
        "agent_id": pl.String,
        "shop": pl.String,
        "channel": pl.String,
        "inspector_id": pl.Int64,
        "rubric_version_id": pl.Int64,
        "verdict_kind": pl.String,
        "occurred_at": UTC,
        "decided_at": UTC,
        "reason": pl.String,  # why it was drawn: certainty, base, take_all, replacement
        "pi": pl.Float64,  # chance of being drawn; every estimate weights by 1/pi
        "risk": pl.Float64,
        "prediction": pl.Float64,  # predicted loss in centi-points
        "total": pl.Int32,  # centi-points, as all points here
        "total_without_redlines": pl.Int32,
        "redline": pl.Boolean,
        "redlines": pl.List(pl.String),
        # Self-describing results for other tools …
        "dimensions": pl.List(pl.Struct({"id": pl.String, "earned": pl.Int32, "possible": pl.Int32})),
        "losses": pl.List(
            pl.Struct(
                {"kind": pl.String, "id": pl.String, "owner": pl.String, "root_cause": pl.String, "points": pl.Int32}
            )
        ),
        # … and the same in wide columns, in the order of the rubric version, for speed: share of each dimension earned
        # (0–100), and points each criterion cost the agent (0 = fine, null = not applicable).
        **{f"d{k}": pl.Float64 for k in range(DIMENSION_SLOTS)},
        **{f"c{k:02d}": pl.Int32 for k in range(CRITERION_SLOTS)},
    },
}

LATER: Mapping[str, tuple[str, ...]] = dict.fromkeys(
    ("disputes", "dispute_origins"),
    ("due_at", "joined_by", "freight", "compensation", "sent_out_at", "delivered_at", "returned_at", "carrier"),
)
"""Columns that tables written by earlier releases do not have; they read as null there."""

_LIKE = {"message_parts": "messages", "dispute_origins": "disputes", "rating_origins": "ratings"}
TABLES = {name: dict(TABLES[_LIKE.get(name, name)]) for name in TABLES}

KEYS: Mapping[str, str] = {
    "conversations": "conversation_key",
    "messages": "conversation_key",
    "disputes": "dispute_key",
    "ratings": "rating_key",
    "hits": "conversation_key",
    "promises": "conversation_key",
    "signals": "conversation_key",
    "predictions": "conversation_key",
    "machine_scores": "conversation_key",
    "conversation_origins": "conversation_key",
    "message_parts": "conversation_key",
    "dispute_origins": "dispute_key",
    "rating_origins": "rating_key",
    "refused": "conversation_key",
    "screened_rules": "rule_id",
    "indicators": "account",
    "facts": "sample_id",
}


def empty(table: str) -> pl.DataFrame:
    """A frame of `table` without rows."""
    return pl.DataFrame(schema=dict(TABLES[table]))


def conform(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with exactly the columns of `table`, in order and type; missing ones become null.

    Raises `polars.exceptions.PolarsError` when a value cannot be represented.
    """
    columns = []
    for name, dtype in TABLES[table].items():
        column = pl.col(name) if name in frame.columns else pl.lit(None)
        columns.append(column.cast(dtype).alias(name))
    return frame.select(columns)
