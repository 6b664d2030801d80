"""A result line by line, as one table: what was judged, why, and what it did to the total."""

from __future__ import annotations

import html
from collections.abc import Sequence

import streamlit as st

from pages.kit.guard import Page
from scoring.explain import Explanation

CSS = """<style>
.sc-lines { border-collapse: collapse; width: 100%; max-width: 52rem; font-size: .93rem; }
.sc-lines td { padding: .25rem .6rem .25rem 0; border: 0; border-bottom: 1px solid var(--sc-line); vertical-align: top; }
.sc-lines td:last-child { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.sc-lines small { display: block; opacity: .75; white-space: pre-wrap; overflow-wrap: anywhere; }
.sc-lines tr.sum td { font-weight: 600; border-bottom: 0; }
.sc-lines tr.redline td { color: var(--sc-vermilion); }
.sc-lines tr.free td { opacity: .75; }
.sc-lines tr.free td:last-child { white-space: normal; }
</style>"""


def lines_table(page: Page, lines: Sequence[Explanation], total: int) -> None:
    """Show `lines` and their sum `total` (centi-points)."""
    _ = page.t
    rows = "".join(_line(page, line) for line in lines)
    last = f'<tr class="sum"><td>{html.escape(_("Total"))}</td><td></td><td>{html.escape(_.points(total))}</td></tr>'
    st.html(f'<table class="sc-lines"><tbody>{rows}{last}</tbody></table>{CSS}')


def proofs(lines: Sequence[Explanation]) -> dict[int, str]:
    """Message → the names of the lines it is evidence for, as `pages.kit.desk.TranscriptView` wants them."""
    found: dict[int, str] = {}
    for line in lines:
        for seq in line.evidence:
            found[seq] = f"{found[seq]} · {line.title}" if seq in found else line.title
    return found


def _line(page: Page, line: Explanation) -> str:
    _ = page.t
    note = f"<small>{html.escape(line.note)}</small>" if line.note else ""
    seqs = _("messages {list}", list=", ".join(str(seq + 1) for seq in line.evidence)) if line.evidence else ""
    about = " · ".join(part for part in (line.detail, line.root_cause, seqs) if part)
    points = (
        _.points(line.points)
        if line.counts
        else _("{points} not the agent's ({owner})", points=_.points(line.nominal), owner=line.owner)
    )
    css = "redline" if line.kind == "redline" else "" if line.counts else "free"
    return f'<tr class="{css}"><td>{html.escape(line.title)}{note}</td><td>{html.escape(about)}</td><td>{html.escape(points)}</td></tr>'
