"""What came of an action on a rule: kept for the run that follows, because the action ends its own."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.kit.guard import Page
from pages.kit.widgets import show_error
from qa.errors import SpotcheckError

MESSAGE = "rules_message"


def say(page: Page) -> None:
    """Tell what came of the action of the run before, once."""
    message = st.session_state.pop(MESSAGE, None)
    if isinstance(message, SpotcheckError):
        show_error(page, message)
    elif message:
        st.toast(message)


def attempt(page: Page, action: Callable[[], object], said: str) -> bool:
    """Whether it was done; what to say of it waits for the next run."""
    try:
        action()
    except SpotcheckError as error:
        st.session_state[MESSAGE] = error
        return False
    st.session_state[MESSAGE] = said
    return True
