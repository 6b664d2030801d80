"""A read-only transcript with the hits marked: plain text in escaped HTML, nothing of it can run."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from pages.kit.guard import Page
from qa.casefile import Evidence
from qa.i18n import N_

CONTEXT = 6

ROLE_NAMES = {
    "customer": N_("Customer"), "agent": N_("Agent"), "bot": N_("Bot"), "system": N_("System"), "platform": N_("Platform"),
}  # fmt: skip

STYLE = """<style>
.rl-lines{display:flex;flex-direction:column;gap:.3rem;padding:.2rem .1rem}
.rl-line{display:grid;grid-template-columns:7.2rem 1fr;gap:.7rem;padding:.22rem .5rem;border-radius:5px;align-items:baseline}
.rl-line small{color:var(--sc-muted);line-height:1.4;overflow-wrap:anywhere}
.rl-line div{white-space:pre-wrap;overflow-wrap:anywhere}
.rl-agent{background:var(--sc-card)}
.rl-customer div,.rl-bot div{color:var(--sc-ink)}
.rl-system div,.rl-platform div{color:var(--sc-muted);font-size:.9em}
.rl-hit{box-shadow:inset 3px 0 0 var(--sc-vermilion)}
.rl-line mark{background:transparent;color:var(--sc-vermilion);font-weight:600;text-decoration:underline;text-underline-offset:3px}
.rl-gap{color:var(--sc-muted);text-align:center;font-size:.85em;padding:.15rem}
</style>"""


def draw(page: Page, content: Mapping[str, Any], evidence: Sequence[Evidence], *, whole: bool) -> None:
    """Show the messages of a frozen transcript. Unless `whole`, only those around the hits."""
    messages: list[Mapping[str, Any]] = list(content.get("messages", []))
    if not messages:
        st.caption(page.t("The archive holds no messages of this conversation."))
        return
    st.html(STYLE + '<div class="rl-lines">' + "".join(_lines(page, messages, evidence, whole)) + "</div>")


def _lines(page: Page, messages: Sequence[Mapping[str, Any]], evidence: Sequence[Evidence], whole: bool) -> list[str]:
    by_seq: dict[int, list[Evidence]] = {}
    for hit in evidence:
        by_seq.setdefault(hit.seq, []).append(hit)
    at = [n for n, message in enumerate(messages) if message["seq"] in by_seq]
    shown = [whole or not at or any(abs(n - hit) <= CONTEXT for hit in at) for n in range(len(messages))]
    parts: list[str] = []
    hidden = 0
    for message, visible in zip(messages, shown, strict=True):
        if not visible:
            hidden += 1
            continue
        if hidden:
            parts.append(_gap(page, hidden))
            hidden = 0
        parts.append(_line(page, message, by_seq.get(message["seq"], [])))
    if hidden:
        parts.append(_gap(page, hidden))
    return parts


def _gap(page: Page, n: int) -> str:
    return f'<div class="rl-gap">{html.escape(page.t("… {n} messages not shown …", n=n))}</div>'


def _line(page: Page, message: Mapping[str, Any], hits: Sequence[Evidence]) -> str:
    role = str(message.get("role", ""))
    said_at = _clock(page, message.get("sent_at"))
    name = page.t(ROLE_NAMES.get(role, role))
    mark = " rl-hit" if hits else ""
    return (
        f'<div class="rl-line rl-{html.escape(role)}{mark}"><small>{html.escape(name)} {html.escape(said_at)}</small>'
        f"<div>{marked(str(message.get('text') or ''), hits)}</div></div>"
    )


def _clock(page: Page, sent_at: object) -> str:
    if not sent_at:
        return ""
    return page.t.when(datetime.fromisoformat(str(sent_at)), "HH:mm:ss")


def marked(text: str, hits: Sequence[Evidence]) -> str:
    """`text` escaped, with the spans of `hits` that really fit in <mark>."""
    covered = [False] * len(text)
    for hit in hits:
        for n in range(max(hit.start, 0), min(hit.end, len(text))):
            covered[n] = True
    parts: list[str] = []
    at = 0
    for n in range(1, len(text) + 1):
        if n == len(text) or covered[n] != covered[at]:
            piece = html.escape(text[at:n])
            parts.append(f"<mark>{piece}</mark>" if covered[at] else piece)
            at = n
    return "".join(parts)
