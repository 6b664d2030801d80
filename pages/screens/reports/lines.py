"""A result line by line, as one table: what was judged, why, and what it did to the total."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import streamlit as st

from pages.kit.guard import Page
from qa.i18n import N_
from qa.verdicts.reading import Before
from scoring.explain import Explanation

CSS = """<style>
.sc-lines { border-collapse: collapse; width: 100%; max-width: 52rem; font-size: .93rem; }
.sc-lines td { padding: .25rem .6rem .25rem 0; border: 0; border-bottom: 1px solid var(--sc-line);
vertical-align: top; }
.sc-lines td:last-child { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.sc-lines small { display: block; opacity: .75; white-space: pre-wrap; overflow-wrap: anywhere; }
.sc-lines tr.sum td { font-weight: 600; border-bottom: 0; }
.sc-lines tr.redline td { color: var(--sc-vermilion); }
.sc-lines tr.free td { opacity: .75; }
.sc-lines tr.fallen td { color: var(--sc-muted); }
.sc-lines tr.fallen td:first-child, .sc-lines tr.fallen td:last-child { text-decoration: line-through; }
.sc-lines tr.free td:last-child { white-space: normal; }
</style>"""


WHY: Mapping[str, str] = {
    "appeal": N_("Changed by an appeal that was upheld."),
    "ruling": N_("Changed by the ruling on a red line."),
    "resolution": N_("Changed when the double was decided."),
    "correction": N_("Corrected by the inspector."),
}
"""Why a result replaced another one, by the kind of its version."""


def lines_table(page: Page, lines: Sequence[Explanation], total: int, before: Before | None = None) -> None:
    """Show `lines` and their sum `total` (centi-points); what stood `before` and stands no more is struck."""
    _ = page.t
    fallen = "".join(_line(page, line, "fallen") for line in before.fallen) if before else ""
    rows = "".join(_line(page, line) for line in lines) + fallen
    changed = before is not None and before.total != total
    shown = f"{_.points(before.total)} → {_.points(total)}" if before is not None and changed else _.points(total)
    last = f'<tr class="sum"><td>{html.escape(_("Total"))}</td><td></td><td>{html.escape(shown)}</td></tr>'
    if before is not None and before.kind in WHY:
        last += (
            "<tr><td"
            f' colspan="3">{html.escape(_(WHY[before.kind]))}<small>{html.escape(before.reason)}</small></td></tr>'
        )
    st.html(f'<table class="sc-lines"><tbody>{rows}{last}</tbody></table>{CSS}')


def proofs(lines: Sequence[Explanation]) -> dict[int, str]:
    """Message → the names of the lines it is evidence for, as `pages.kit.desk.TranscriptView` wants them."""
    found: dict[int, str] = {}
    for line in lines:
        for seq in line.evidence:
            found[seq] = f"{found[seq]} · {line.title}" if seq in found else line.title
    return found


def _line(page: Page, line: Explanation, state: str = "") -> str:
    _ = page.t
    note = f"<small>{html.escape(line.note)}</small>" if line.note else ""
    links = _(", ").join(f'<a href="#message-{seq + 1}">#{seq + 1}</a>' for seq in line.evidence)
    parts = [html.escape(part) for part in (line.detail, line.root_cause) if part]
    about = " · ".join([*parts, html.escape(_("messages {list}", list="\0")).replace("\0", links)] if links else parts)
    points = (
        _.points(line.points)
        if line.counts
        else _("{points} not the agent's ({owner})", points=_.points(line.nominal), owner=line.owner)
    )
    css = state or ("redline" if line.kind == "redline" else "" if line.counts else "free")
    return (
        f'<tr class="{css}"><td>{html.escape(line.title)}{note}</td><td>{about}</td><td>{html.escape(points)}</td></tr>'
    )
