"""The one door through which text of customers reaches a reader: whole for those with the right, masked for all others.

Pages, exports, cases, rulings and notes ask here and nowhere else (`tests/house/test_masking_door.py`). `None` as the
reader means everybody: what is kept for the library or leaves the house.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import polars as pl

from qa.masking import mask_id, mask_name, mask_text, mask_transcript, mask_transcripts
from qa.masking.signs import may_change
from qa.policy import Actor, Right
from qa.security import log as securitylog
from qa.transcripts.document import FrozenTranscript, read

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = TypeVar("Record", bound="DataclassInstance")


_DIGEST = re.compile(r"(?=[0-9]*[a-f])[0-9a-f]{16,}")


def sees_customers(reader: Actor | None) -> bool:
    """Whether `reader` may see phones, names and addresses of customers."""
    return reader is not None and reader.may(Right.UNMASK)


def shown_text(reader: Actor | None, text: str, names: Iterable[str] = ()) -> str:
    """`text` as `reader` may see it; `names` are customers' names to hide beside what a text gives away itself."""
    return text if sees_customers(reader) else mask_text(text, names, private=True)


def shown_fields(reader: Actor | None, record: Record, *fields: str, names: Iterable[str] = ()) -> Record:
    """A dataclass as `reader` may see it: what people wrote in its `fields` may quote a customer."""
    if sees_customers(reader):
        return record
    told = {name: getattr(record, name) for name in fields}
    return replace(record, **{name: shown_text(reader, text, names) for name, text in told.items() if text})


def shown_column(reader: Actor | None, texts: pl.Series) -> pl.Series:
    """A column of texts that repeat (reasons, labels) as `reader` may see it."""
    if sees_customers(reader):
        return texts
    known = texts.unique().drop_nulls()
    told = [shown_text(reader, text) for text in known]
    return texts.replace_strict(known, pl.Series(told, dtype=pl.String), default=None, return_dtype=pl.String)


def shown_facts(reader: Actor | None, facts: Any) -> Any:
    """The facts of an entry in the trail as `reader` may see them: every text in them, but for hashes and keys."""
    if sees_customers(reader):
        return facts
    if isinstance(facts, str):
        return facts if _DIGEST.fullmatch(facts) else shown_text(reader, facts)
    if isinstance(facts, Mapping):
        return {name: shown_facts(reader, one) for name, one in facts.items()}
    return [shown_facts(reader, one) for one in facts] if isinstance(facts, list | tuple) else facts


def shown(reader: Actor | None, transcript: FrozenTranscript) -> FrozenTranscript:
    """A frozen transcript as `reader` may see it: texts, customer, order, dispute and rating."""
    if reader is None or not sees_customers(reader):
        return read(mask_transcript(msgspec.to_builtins(transcript)))
    about = securitylog.hidden(transcript.unit_id or "", b"unit")
    securitylog.note_once("customer.seen", reader.user_id, about, f"{datetime.now(UTC):%Y-%m-%dT%H}")
    return transcript


def shown_to_nobody(transcripts: Sequence[FrozenTranscript]) -> list[FrozenTranscript]:
    """Several transcripts as readers without the right see them: what leaves the house."""
    return [read(one) for one in mask_transcripts([msgspec.to_builtins(one) for one in transcripts])]


def contents_shown_to_nobody(contents: Sequence[Mapping[str, Any]]) -> list[FrozenTranscript]:
    """The same for stored contents that nobody has read yet."""
    return [read(one) for one in mask_transcripts(contents)]


def shown_customer(reader: Actor | None, customer: str | None) -> str | None:
    """A customer's name or account as `reader` may see it."""
    return customer if sees_customers(reader) else mask_name(customer)


def shown_order(reader: Actor | None, order: str | None) -> str | None:
    """An order number as `reader` may see it."""
    return order if sees_customers(reader) else mask_id(order)


def hidden_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """What everybody without the right reads in place of some messages: `row` (their number in `rows`) and `text`, of
    those alone that masking changes. `rows` has `text` and `customer`, the customer of the conversation.

    Equal texts are masked once; those that name the customer of their conversation one by one.
    """
    named = pl.col("text").str.contains(pl.col("customer"), literal=True) & (pl.col("customer").str.len_chars() > 1)
    frame = rows.select("text", "customer", named.fill_null(False).alias("named")).with_row_index("row")
    plain = frame.filter(~pl.col("named"))
    texts = plain["text"].unique()
    texts = texts.filter(may_change(texts))
    masked = pl.DataFrame(
        {"text": texts, "shown": pl.Series([mask_text(t, private=True) for t in texts], dtype=pl.String)}
    )
    changed = plain.join(masked.filter(pl.col("text") != pl.col("shown")), on="text").select("row", "shown")
    by_name = frame.filter("named")
    shown = [mask_text(text, (name,), private=True) for text, name in by_name.select("text", "customer").iter_rows()]
    own = by_name.select("row").with_columns(pl.Series("shown", shown, pl.String))
    return pl.concat([changed, own]).sort("row").rename({"shown": "text"})
