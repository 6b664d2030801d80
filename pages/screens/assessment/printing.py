"""One person's sheet on A4: plain HTML with a print style, everything escaped."""

from __future__ import annotations

import html
from collections.abc import Sequence

from pages.kit.guard import Page
from pages.screens.reports.printing import document, table
from qa.assessment.sheets import Entry, SheetHead


def person_sheet(
    page: Page,
    head: SheetHead,
    one: Entry,
    total: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    remarks: Sequence[str],
) -> str:
    """The printed sheet."""
    _ = page.t
    period = f"{head.month:%Y-%m}"
    period = _("{month} and the two months before", month=period) if head.pooled else period
    body = [
        f"<h1>{html.escape(one.name)}</h1>",
        f'<p class="muted">{html.escape(" · ".join(filter(None, (_("Assessment"), period, one.team))))}</p>',
        f'<p class="score">{html.escape(total)}</p>',
        table(heads, rows),
        *(f"<p>{html.escape(text)}</p>" for text in remarks),
        f"<p class='muted' style='margin-top:14mm'>{html.escape(_('Signed (agent)'))} ____________________"
        f" &nbsp; {html.escape(_('Signed (lead)'))} ____________________</p>",
    ]
    return document(page, one.name, body)
