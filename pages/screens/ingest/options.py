"""How a file is read and who speaks in it, for what detection gets wrong: the same as the options of `spotcheck
import`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import polars as pl
import streamlit as st

from pages.kit.guard import Page
from pages.screens.ingest import transcript
from qa import ingest
from qa.errors import Invalid
from qa.i18n import N_
from qa.ingest import Detected, Mapping, ReadOptions, SampleChat

ENCODINGS: MappingOf[str, str] = {
    "utf-8": "UTF-8",
    "gb18030": "GB18030 / GBK",
    "big5": "Big5",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16 LE",
    "utf-16-be": "UTF-16 BE",
    "cp1252": "Windows-1252",
}
DELIMITERS: MappingOf[str, str] = {",": ",", ";": ";", "\t": N_("tab"), "|": "|"}
ORDERS: MappingOf[str, str] = {
    "dmy": N_("day, month, year"),
    "mdy": N_("month, day, year"),
    "ymd": N_("year, month, day"),
}
NO_HEADER = -1


def asked(path: Path) -> ReadOptions:
    """What was chosen for this file so far."""
    chosen = {name: st.session_state.get(_key(path, name)) for name in ("encoding", "delimiter", "list")}
    row = st.session_state.get(_key(path, "header"))
    sheets = st.session_state.get(_key(path, "sheets")) or ()
    return ReadOptions(
        encoding=str(chosen["encoding"] or ""),
        delimiter=str(chosen["delimiter"] or ""),
        list=str(chosen["list"] or ""),
        header_row=NO_HEADER if row == 0 else int(row or 0),
        sheets=tuple(sheets),
    )


def _key(path: Path, name: str) -> str:
    return f"import_read_{name}_{path.name}"


def reading(page: Page, path: Path, detected: Detected | None) -> None:
    """The choices of how the file is read. They count from the next run on."""
    _ = page.t
    shape = detected.shape if detected else None
    with st.expander(_("How the file is read"), expanded=detected is None):
        columns = st.columns(4)
        if shape is None or shape.encoding:
            columns[0].selectbox(
                _("Encoding"),
                ["", *ENCODINGS],
                format_func=lambda e: ENCODINGS.get(e) or _("detect"),
                key=_key(path, "encoding"),
            )
        if shape is None or shape.format == "csv":
            columns[1].selectbox(
                _("Cells are separated by"),
                ["", *DELIMITERS],
                format_func=lambda d: _(DELIMITERS[d]) if d else _("detect"),
                key=_key(path, "delimiter"),
            )
        if shape is None or shape.format in ("csv", "xlsx"):
            columns[2].number_input(
                _("Header row"),
                min_value=0,
                value=None,
                step=1,
                placeholder=_("detect"),
                help=_("0 when no row names the columns"),
                key=_key(path, "header"),
            )
        if shape is not None and shape.format in ("xlsx", "zip") and len(shape.choices) > 1:
            st.multiselect(
                _("Sheets") if shape.format == "xlsx" else _("Files of the archive"),
                shape.choices,
                placeholder=_("all with the same columns"),
                key=_key(path, "sheets"),
            )
        if shape is not None and shape.format in ("json", "jsonl") and shape.choices:
            columns[3].selectbox(
                _("List of messages"),
                ["", *shape.choices],
                format_func=lambda choice: choice or (shape.nested or _("detect")),
                key=_key(path, "list"),
            )


def times(page: Page, detected: Detected, mapping: Mapping) -> Mapping:
    """Time zone and order of dates of the file; the order is asked where the file does not settle it."""
    _ = page.t
    left, right, _rest = st.columns([1, 1, 2])
    business = str(page.bench.config.zone)
    zone = left.selectbox(
        _("Time zone of the file"),
        ["", "UTC", *sorted(available_timezones() - {"UTC"})],
        index=0 if not mapping.time_zone else None,
        placeholder=mapping.time_zone or None,
        format_func=lambda z: z or _("business time ({zone})", zone=business),
        help=_("For times that do not say their zone"),
        key=f"import_zone_{detected.path.name}",
    )
    changed = replace(mapping, time_zone=mapping.time_zone if zone is None else zone)
    if not detected.open_dates:
        return changed
    orders = list(ORDERS)
    order = right.selectbox(
        _("Dates like {example} are", example=detected.open_dates[:20]),
        orders,
        index=orders.index(mapping.date_order) if mapping.date_order else None,
        placeholder=_("please choose"),
        format_func=lambda o: _(ORDERS[o]),
        key=f"import_dates_{detected.path.name}",
    )
    settled = replace(changed, date_order=order or "", assumed=())
    return ingest.completed(replace(detected, mapping=settled)).mapping if order else settled


def people(
    page: Page,
    detected: Detected,
    mapping: Mapping,
    kind: str,
    previewed: Callable[[Mapping], Sequence[MappingOf[str, Any]]],
) -> Mapping:
    """One chat as it will be read, and who is who in it, to be corrected. `previewed`: the chat of a preview that was
    made with a mapping, as it would be stored; empty without one."""
    _ = page.t
    if kind != "conversations" or not detected.rows:
        return mapping
    try:
        mapping.check(kind, detected.headers)
    except Invalid:  # said above, beside the buttons
        return mapping
    seen = ingest.sample_chat(page.bench, page.actor, detected, mapping)
    open_ = any(not role for _name, role, _n in seen.speakers)
    with st.expander(_("One chat as it will be read, and who is who"), expanded=True):
        left, right = st.columns([3, 2])
        with right:
            if open_:
                st.warning(
                    _("It is not clear who some of the speakers are. Say so here; until then their rows are left out.")
                )
            changed = _who(page, detected, mapping, seen)
        if changed != mapping:
            seen = ingest.sample_chat(page.bench, page.actor, detected, changed)
        with left:
            stored = previewed(changed)
            if stored:
                st.caption(_("As it would be stored, beside what the archive has of it."))
            elif seen.messages.is_empty():
                st.caption(_("No message of the first rows can be read with this mapping."))
            transcript.draw(page, stored or seen.messages.rename({"name": "agent_id"}).to_dicts())
    return changed


def _who(page: Page, detected: Detected, mapping: Mapping, seen: SampleChat) -> Mapping:
    """The speakers by name, each with what it is taken for."""
    _ = page.t
    if not seen.speakers or ("sender_id" not in mapping.columns and all(role for _name, role, _n in seen.speakers)):
        return mapping
    labels = {role: _(label) for role, label in transcript.ROLES.items()}
    names = [name for name, _role, _n in seen.speakers]
    table = pl.DataFrame(
        {
            "name": names,
            "n": [n for _name, _role, n in seen.speakers],
            "role": [labels.get(role, "") for _name, role, _n in seen.speakers],
        }
    )
    edited = st.data_editor(
        table,
        key=f"import_people_{detected.path.name}",
        hide_index=True,
        width="stretch",
        height=min(36 * (len(names) + 1), 320),
        disabled=["name", "n"],
        column_config={
            "name": st.column_config.TextColumn(_("Speaker")),
            "n": st.column_config.NumberColumn(_("Messages")),
            "role": st.column_config.SelectboxColumn(_("Who is who"), options=list(labels.values())),
        },
    )
    roles = {label: role for role, label in labels.items()}
    said = {
        name: roles[label]
        for (name, before, _n), label in zip(seen.speakers, edited["role"].to_list(), strict=True)
        if label in roles and roles[label] != before
    }
    return replace(mapping, people={**mapping.people, **said}) if said else mapping
