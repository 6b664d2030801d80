"""Dialogs: opened by a button, closed by success, by Esc or by the person. One at a time.

What is open is a fact of the session, not of the click: a dialog survives a rerun of the page and is gone when the page
is left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import streamlit as st

_OPEN = "dialog_open"
_BESIDE = "dialog_beside"


def opener(label: str, name: str, *, beside: object = None, **button: Any) -> None:
    """A button that opens the dialog `name`; `beside` is kept for it as things were at the click (`kept`)."""
    st.button(label, key=f"open_{name}", on_click=open_dialog, args=(name, beside), **button)


def open_dialog(name: str, beside: object = None) -> None:
    """Open the dialog `name` in the run that follows."""
    st.session_state[_OPEN], st.session_state[_BESIDE] = name, beside


def close_dialog() -> None:
    """Close whatever is open in the run that follows."""
    st.session_state.pop(_OPEN, None)
    st.session_state.pop(_BESIDE, None)


def kept() -> Any:
    """What was laid beside the dialog when it was opened."""
    return st.session_state.get(_BESIDE)


def dialog(
    name: str, title: str, body: Callable[[], None], *, width: Literal["small", "medium", "large"] = "small"
) -> None:
    """Show `body` in a dialog while `name` is open."""
    if st.session_state.get(_OPEN) == name:
        st.dialog(title, width=width, on_dismiss=close_dialog)(body)()


def done() -> None:
    """Close the dialog and run the page again: what was done in it succeeded."""
    close_dialog()
    st.rerun()
