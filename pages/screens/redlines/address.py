"""Filters in the address: a link shows another person the same list, in whatever language they read.

Streamlit's own binding writes the shown text of an option, which changes with language and counts; here it is the
value.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st


def restore(key: str, options: Sequence[object], default: object = None) -> str:
    """Give the widget `key` its value before it is drawn: kept, from the address, or `default`. Returns the key."""
    if key not in st.session_state or (st.session_state[key] is not None and st.session_state[key] not in options):
        asked = st.query_params.get(key)
        st.session_state[key] = next((option for option in options if str(option) == asked), default)
    return key


def keep(**defaults: object) -> None:
    """Bring the address in line with what the widgets show; defaults are left out."""
    for key, default in defaults.items():
        value = st.session_state.get(key)
        if value is None or value == default:
            st.query_params.pop(key, None)
        elif st.query_params.get(key) != str(value):
            st.query_params[key] = str(value)
