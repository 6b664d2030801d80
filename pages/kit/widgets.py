"""Small things every page shows the same way: empty states, scores, foreign text, errors, downloads, questions.

Text that people outside wrote (customers, agents) is hostile: it goes through `plain_text` or `escape`, never into
Markdown as it is.
"""

from __future__ import annotations

import html
from collections.abc import Callable

import streamlit as st

from pages.kit.escaping import escape
from pages.kit.guard import Page
from qa import outage
from qa.errors import SpotcheckError
from qa.i18n import Translator


def plain_text(text: str, *, key: str | None = None) -> None:
    """Show foreign text exactly as written: no HTML, no Markdown, line breaks kept."""
    st.html(f'<div class="sc-text">{html.escape(text)}</div>')


def empty(title: str, advice: str = "") -> None:
    """An empty page or list: what it is empty of, and what to do next."""
    st.html(f'<div class="sc-empty"><b>{html.escape(title)}</b><span>{html.escape(advice)}</span></div>')


def heading(page: Page, title: str, detail: str = "") -> None:
    """The title line of a page: small, with one line of detail beside it. Both are shown literally."""
    st.html(f'<div class="sc-title"><h1>{html.escape(title)}</h1><span>{html.escape(detail)}</span></div>')


def score_text(
    t: Translator, value: float | None, low: float | None, high: float | None, n: int, digits: int = 1, unit: str = ""
) -> str:
    """A score as it may be shown: `86.4 [82.1, 89.9] n = 12`, or `2.1% [0.9%, 4.6%] n = 166` with a unit. Without an
    interval it says so."""

    def shown(x: float) -> str:
        return t.number(x, digits) + unit

    if value is None:
        return t("no score yet") if not n else t("no figure, n = {n}", n=t.number(n))
    if low is None or high is None:
        return t("{value} (no interval) n = {n}", value=shown(value), n=t.number(n))
    return f"{shown(value)} [{shown(low)}, {shown(high)}] n = {t.number(n)}"


class showing_errors:
    """Show an expected error as a sentence in place, trouble outside (disk, database) as well; anything unexpected goes
    on to the server's log."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> bool:
        error = outage.explain(problem) if isinstance(problem, Exception) else None
        if error is not None:
            show_error(self.page, error)
        return error is not None


def show_error(page: Page, error: SpotcheckError) -> None:
    """An expected error as a sentence of the page's language."""
    st.warning(escape(page.t.error(error)), icon=":material/info:")


def download(
    label: str, make: Callable[[], bytes] | bytes, file_name: str, mime: str = "text/csv", *, key: str
) -> None:
    """A download that is made only when asked for and does not rerun the page."""
    st.download_button(label, make, file_name, mime, key=key, on_click="ignore", icon=":material/download:")


def confirm(page: Page, label: str, question: str, *, key: str, disabled: bool = False) -> bool:
    """A button for what cannot be taken back: asks once more. True in the run in which the person said yes."""
    with st.popover(label, disabled=disabled, key=f"{key}_ask"):
        st.write(question)
        return st.button(page.t("Yes, do it"), key=key, type="primary")
