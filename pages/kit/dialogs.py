"""Dialogs: opened by a button or a row, closed by success, by Esc or by the person. One at a time.

What is open is a fact of the session, not of the click: a dialog survives a rerun of the page and is gone when the page
is left. A dialog about one thing with an id is named in the address (`?case=12`), so that a link opens it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import streamlit as st

from pages.kit.choices import number_in_address
from pages.kit.guard import Page, enter
from pages.kit.widgets import showing_errors
from qa.policy import Right

_OPEN = "dialog_open"
_BESIDE = "dialog_beside"
_PAGE = "dialog_page"


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


def arrive(page: str) -> None:
    """Say which page runs: what was open on another one is closed."""
    if st.session_state.get(_PAGE) != page:
        st.session_state[_PAGE] = page
        close_dialog()


def kept() -> Any:
    """What was laid beside the dialog when it was opened."""
    return st.session_state.get(_BESIDE)


def dialog(
    name: str, title: str, body: Callable[[], None], *, width: Literal["small", "medium", "large"] = "small"
) -> None:
    """Show `body` in a dialog while `name` is open.

    What is clicked in it runs the dialog alone: where a callback closed it, the whole page has to run to take it away.
    """

    def inside() -> None:
        if st.session_state.get(_OPEN) != name:
            st.rerun()
        body()

    if st.session_state.get(_OPEN) == name:
        st.dialog(title, width=width, on_dismiss=close_dialog)(inside)()


def done() -> None:
    """Close the dialog and run the page again: what was done in it succeeded."""
    close_dialog()
    st.rerun()


def addressed(name: str, title: str, body: Callable[[Page, int], None], *rights: Right) -> None:
    """The thing whose id the address gives as `?name=12`, in a large dialog; nothing when it gives none.

    The dialog runs again without its page, so it guards itself by `rights`, and `body` gets a page of that moment.
    """

    def inside() -> None:
        page, number = enter(*rights), number_in_address(name)
        if number is not None:
            with showing_errors(page):
                body(page, number)

    if number_in_address(name) is not None and _OPEN not in st.session_state:
        st.dialog(title, width="large", on_dismiss=lambda: leave(name))(inside)()


def turn_to(name: str, number: int) -> None:
    """Open the dialog `name` on the thing with this id, in the run that follows."""
    st.query_params[name] = str(number)


def leave(name: str) -> None:
    """Close the dialog `name` in the run that follows."""
    st.query_params.pop(name, None)
