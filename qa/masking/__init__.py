"""Hides what identifies a customer: phones, ID cards, bank cards, e-mail, accounts, addresses, names; zh and en. Pure
functions.

A mask keeps what a reader needs to follow the talk: that there was a phone or an address, the first and last digits,
the length. Masking what is masked changes nothing. Agents and shops are not masked; who talks to customers is known.
Every pattern is linear in the text: a hostile message costs no more than a long one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, repeat
from typing import Any, overload

import polars as pl

from qa.masking.addresses import hide_addresses
from qa.masking.names import hide_names
from qa.masking.numbers import hide_numbers
from qa.masking.places import LOOK_UP, Talk, about_a_place, about_somebody
from qa.masking.signs import may_change

STAR = "*"


def mask_text(text: str, names: Iterable[str] = (), said: Sequence[str] = (), *, private: bool = False) -> str:
    """`text` with phones, cards, e-mail, accounts, addresses and names hidden; `names` are further customer names to
    hide. `said` are the messages before it, oldest first: where they ask for a shop or a hotel, its landline and
    address in the answer are nobody's. So is a landline or a street that the text gives for nobody (电话是010-…) unless
    it is `private`: a customer's words, or words of nobody knows whom."""
    if not text:
        return text
    talk = Talk(bool(said) and about_a_place(said), private)
    return _without_names(hide_names(hide_addresses(hide_numbers(text, talk=talk), talk=talk)), names)


def _without_names(masked: str, names: Iterable[str]) -> str:
    for name in sorted({n for n in names if n and len(n) >= 2}, key=len, reverse=True):
        masked = masked.replace(name, mask_name(name))
    return masked


@overload
def mask_name(name: str) -> str: ...
@overload
def mask_name(name: None) -> None: ...
def mask_name(name: str | None) -> str | None:
    """A person's name or account: the first character stays, the rest becomes stars of the same length."""
    return name if not name else name[0] + STAR * (len(name) - 1)


def mask_id(value: str | None) -> str | None:
    """An account or order number: its first two and last two characters stay when it is long enough."""
    if not value or len(value) < 6:
        return mask_name(value)
    return value[:2] + STAR * (len(value) - 4) + value[-2:]


def mask_transcript(content: Mapping[str, Any]) -> dict[str, Any]:
    """A frozen transcript for somebody who may not see customers: texts, customer, dispute and rating masked; a
    copy."""
    return mask_transcripts([content])[0]


def mask_transcripts(contents: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same for several. Most messages have no sign of anything to hide; one look at all of them together spares
    them the careful one."""
    texts = [message.get("text") or "" for content in contents for message in content.get("messages") or ()]
    signs = iter(may_change(pl.Series(texts, dtype=pl.String)).to_list())
    return [_mask_content(content, signs) for content in contents]


def _mask_content(content: Mapping[str, Any], signs: Iterator[bool]) -> dict[str, Any]:
    """`signs`: for each message, whether there may be anything to hide."""
    customer = content.get("customer_id")
    names = [customer] if isinstance(customer, str) else []
    masked = dict(content)
    masked["customer_id"] = mask_name(customer)
    masked["order_id"] = mask_id(content.get("order_id"))
    messages = content.get("messages") or ()
    masked["messages"] = _mask_messages(messages, names, islice(signs, len(messages)))
    for part in ("dispute", "rating"):
        if content.get(part):
            masked[part] = _mask_record(content[part], names)
    return masked


def _mask_messages(
    messages: Sequence[Mapping[str, Any]], names: Sequence[str], signs: Iterable[bool]
) -> list[dict[str, Any]]:
    """Messages of one talk, each masked with what was said before it. Only an agent answers for a place: what a
    customer says after such a question may be their own."""
    texts = [message.get("text") or "" for message in messages]
    shown = []
    for n, (text, message, sign) in enumerate(zip(texts, messages, signs, strict=False)):
        ours = message.get("role") in ("agent", "bot")
        said = texts[max(0, n - LOOK_UP) : n] if ours else ()
        private = not ours or about_somebody(said)
        masked = mask_text(text, names, said, private=private) if sign else _without_names(text, names)
        shown.append({**message, "text": masked})
    return shown


def _mask_record(record: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    masked = dict(record)
    for field in ("title", "description", "comment", "reason", "carrier"):
        if isinstance(record.get(field), str):
            masked[field] = mask_text(record[field], names, private=True)
    if "customer_id" in record:
        masked["customer_id"] = mask_name(record["customer_id"])
    if "order_id" in record:
        masked["order_id"] = mask_id(record["order_id"])
    if isinstance(record.get("messages"), list):
        masked["messages"] = _mask_messages(record["messages"], names, repeat(True))
    return masked


SENSITIVE = ("text", "description", "comment", "reason", "excerpt", "note")


def mask_frame(frame: pl.DataFrame, texts: Iterable[str] = SENSITIVE) -> pl.DataFrame:
    """A frame for export: the columns `texts` masked as text, `customer_id` as a name, `order_id` as a number.

    Only cells with a sign of something to hide are rewritten.
    """
    columns = []
    for name in frame.columns:
        if frame.schema[name] != pl.String:
            continue
        if name in texts:
            columns.append(_each_suspect(frame, name))
        elif name == "customer_id":
            columns.append(_distinct(frame[name], mask_name))
        elif name == "order_id":
            columns.append(_distinct(frame[name], mask_id))
    return frame.with_columns(columns)


def mask_column(column: pl.Expr | str) -> pl.Expr:
    """Expression that masks a text column; cells without anything suspect are passed through untouched."""
    expr = pl.col(column) if isinstance(column, str) else column
    return expr.map_batches(_mask_suspects, return_dtype=pl.String)


def _mask_suspects(column: pl.Series) -> pl.Series:
    index = may_change(column).fill_null(False).arg_true()
    if not len(index):
        return column
    return column.scatter(index, pl.Series([mask_text(t, private=True) for t in column.gather(index)], dtype=pl.String))


def _each_suspect(frame: pl.DataFrame, name: str) -> pl.Series:
    column = frame[name]
    suspect = may_change(column).fill_null(False)
    if not suspect.any():
        return column
    customers = frame["customer_id"] if "customer_id" in frame.columns else None
    index = suspect.arg_true()
    texts = column.gather(index).to_list()
    if customers is None:
        masked = [mask_text(text, private=True) for text in texts]
    else:
        masked = [
            mask_text(text, [c] if c else [], private=True)
            for text, c in zip(texts, customers.gather(index).to_list(), strict=True)
        ]
    return column.scatter(index, pl.Series(masked, dtype=pl.String))


def _distinct(column: pl.Series, mask: Any) -> pl.Series:
    values = column.drop_nulls().unique().to_list()
    return (
        column.replace_strict({value: mask(value) for value in values}, default=None, return_dtype=pl.String)
        if values
        else column
    )
