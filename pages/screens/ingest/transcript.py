"""One chat of a file: who says what, so that a wrong speaker is seen before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import streamlit as st

from pages.kit.guard import Page
from qa.i18n import N_
from qa.transcripts.door import shown_text

ROLES: Mapping[str, str] = {
    "customer": N_("Customer"),
    "agent": N_("Agent"),
    "bot": N_("Bot"),
    "system": N_("System"),
    "platform": N_("Platform"),
}


def draw(page: Page, messages: Sequence[Mapping[str, Any]]) -> None:
    """The transcript as a table: time, who (and which agent), text. Text is never read as markup."""
    _ = page.t
    if not messages:
        return
    rows = [
        {
            _("Sent at"): _.when(m["sent_at"]) if m["sent_at"] else "",
            _("Who spoke"): _(ROLES.get(m["role"], m["role"]))
            + (f" · {shown_text(page.actor, m['agent_id'])}" if m["agent_id"] else ""),
            _("Text"): shown_text(page.actor, m["text"] or ""),
        }
        for m in messages
    ]
    st.dataframe(
        pl.DataFrame(rows, infer_schema_length=None),
        hide_index=True,
        width="stretch",
        height=min(420, 36 * (len(rows) + 1)),
    )
