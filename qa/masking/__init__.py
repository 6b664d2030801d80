"""Hides what identifies a customer: phones, ID cards, bank cards, e-mail, accounts, addresses, names; zh and en. Pure
functions.

A mask keeps what a reader needs to follow the talk: that there was a phone or an address, the first and last digits,
the length. Masking what is masked changes nothing. Agents and shops are not masked; who talks to customers is known.
Every pattern is linear in the text: a hostile message costs no more than a long one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, overload

import polars as pl

from qa.masking.addresses import hide_addresses
from qa.masking.names import hide_names
from qa.masking.numbers import hide_numbers
from qa.masking.signs import may_change

STAR = "*"


def mask_text(text: str, names: Iterable[str] = ()) -> str:
    """`text` with phones, cards, e-mail, accounts, addresses and names hidden; `names` are further customer names to
    hide."""
    if not text:
        return text
    masked = hide_names(hide_addresses(hide_numbers(text)))
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
    customer = content.get("customer_id")
    names = [customer] if isinstance(customer, str) else []
    masked = dict(content)
    masked["customer_id"] = mask_name(customer)
    masked["order_id"] = mask_id(content.get("order_id"))
    masked["messages"] = [
        {**message, "text": mask_text(message.get("text") or "", names)} for message in content.get("messages") or ()
    ]
    for part in ("dispute", "rating"):
        if content.get(part):
            masked[part] = _mask_record(content[part], names)
    return masked


def _mask_record(record: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    masked = dict(record)
    for field in ("description", "comment", "reason"):
        if isinstance(record.get(field), str):
            masked[field] = mask_text(record[field], names)
    if "customer_id" in record:
        masked["customer_id"] = mask_name(record["customer_id"])
    if "order_id" in record:
        masked["order_id"] = mask_id(record["order_id"])
    if isinstance(record.get("messages"), list):
        masked["messages"] = [{**m, "text": mask_text(m.get("text") or "", names)} for m in record["messages"]]
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
    return column.scatter(index, pl.Series([mask_text(text) for text in column.gather(index)], dtype=pl.String))


def _each_suspect(frame: pl.DataFrame, name: str) -> pl.Series:
    column = frame[name]
    suspect = may_change(column).fill_null(False)
    if not suspect.any():
        return column
    customers = frame["customer_id"] if "customer_id" in frame.columns else None
    index = suspect.arg_true()
    texts = column.gather(index).to_list()
    if customers is None:
        masked = [mask_text(text) for text in texts]
    else:
        masked = [
            mask_text(text, [c] if c else []) for text, c in zip(texts, customers.gather(index).to_list(), strict=True)
        ]
    return column.scatter(index, pl.Series(masked, dtype=pl.String))


def _distinct(column: pl.Series, mask: Any) -> pl.Series:
    values = column.drop_nulls().unique().to_list()
    return (
        column.replace_strict({value: mask(value) for value in values}, default=None, return_dtype=pl.String)
        if values
        else column
    )
