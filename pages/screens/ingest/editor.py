"""The column mapping as two small tables a person can edit: columns of the file, and words for who spoke or how it was
rated."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import streamlit as st

from pages.kit.guard import Page
from qa.ingest import FIELDS, Detected, Field, Mapping

WORDS = {
    "role": ("customer", "agent", "bot", "system", "platform"),
    "satisfaction": tuple("12345"),
    "score": tuple("12345"),
}
MAX_WORDS = 12


def edit(page: Page, detected: Detected, mapping: Mapping, kind: str, key: str) -> Mapping:
    """Show the mapping and return it as edited."""
    _ = page.t
    fields = FIELDS[kind]
    table = pl.DataFrame([_row(page, field, detected, mapping) for field in fields], infer_schema_length=None)
    edited = st.data_editor(
        table,
        key=f"import_columns_{key}",
        hide_index=True,
        width="stretch",
        disabled=["label", "example"],
        placeholder="–",
        column_config={
            "name": None,
            "label": st.column_config.TextColumn(_("Field")),
            "column": st.column_config.SelectboxColumn(
                _("Column of the file"), options=["", *dict.fromkeys((*detected.headers, *mapping.columns.values()))]
            ),
            "constant": st.column_config.TextColumn(_("Same for all rows"), help=_("Used when no column is chosen")),
            "formats": st.column_config.TextColumn(
                _("Date formats"), help=_("Several formats are separated by |; empty means: detect them")
            ),
            "example": st.column_config.TextColumn(_("Example")),
        },
    )
    return _words(page, detected, _read(edited, mapping), fields, key)


def _row(page: Page, field: Field, detected: Detected, mapping: Mapping) -> dict[str, str]:
    header = mapping.columns.get(field.name, "")
    return {
        "name": field.name,
        "label": page.t(field.label) + (" *" if field.required else ""),
        "column": header,
        "constant": mapping.constants.get(field.name, ""),
        "formats": " | ".join(mapping.formats.get(field.name, ())),
        "example": next((str(row[header])[:60] for row in detected.rows if header and row.get(header)), ""),
    }


def _read(edited: pl.DataFrame, mapping: Mapping) -> Mapping:
    rows = edited.to_dicts()
    return replace(
        mapping,
        columns={row["name"]: row["column"] for row in rows if row["column"]},
        constants={
            row["name"]: row["constant"].strip()
            for row in rows
            if row["constant"] and row["constant"].strip() and not row["column"]
        },
        formats={
            row["name"]: tuple(p.strip() for p in row["formats"].split("|") if p.strip())
            for row in rows
            if row["formats"] and row["column"]
        },
    )


def _words(page: Page, detected: Detected, mapping: Mapping, fields: tuple[Field, ...], key: str) -> Mapping:
    _ = page.t
    values = dict(mapping.values)
    for field in fields:
        header = mapping.columns.get(field.name)
        if field.type not in ("role", "score") or not header:
            continue
        cells = sorted({str(row[header]).strip() for row in detected.rows if row.get(header)})
        if not 0 < len(cells) <= MAX_WORDS:
            continue
        own = mapping.values.get(field.name, {})
        table = pl.DataFrame({"cell": cells, "meaning": [own.get(cell, "") for cell in cells]})
        edited = st.data_editor(
            table,
            key=f"import_words_{field.name}_{key}",
            hide_index=True,
            disabled=["cell"],
            placeholder="–",
            column_config={
                "cell": st.column_config.TextColumn(_("In the file")),
                "meaning": st.column_config.SelectboxColumn(
                    _(field.label), options=["", *WORDS[field.name]], help=_("Empty: the usual meaning of the word")
                ),
            },
        )
        chosen = {cell: meaning for cell, meaning in edited.iter_rows() if meaning}
        values[field.name] = {**{k: v for k, v in own.items() if k not in cells}, **chosen}
    return replace(mapping, values=values)
