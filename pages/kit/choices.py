"""Choices kept in the address by their value, so that a link means the same in both languages.

Streamlit's own binding writes the label that is shown, which is a different text for every language.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def pick(
    place: DeltaGenerator,
    label: str,
    name: str,
    options: Sequence[str],
    show: Callable[[str], str],
    *,
    default: str = "",
    kind: str = "selectbox",
    **more: Any,
) -> str:
    """One of `options`, remembered as `?name=value`. `kind`: 'selectbox', 'segmented_control' or 'radio'."""
    if not options:
        return ""
    standard = default if default in options else options[0]
    key = f"pick_{name}"
    if st.session_state.get(key) not in options:
        wanted = st.query_params.get(name, "")
        st.session_state[key] = wanted if wanted in options else standard
        if st.session_state[key] == standard:
            st.query_params.pop(name, None)  # an address says only what differs from the ordinary
    widget = getattr(place, kind)
    chosen = widget(
        label, list(options), key=key, format_func=show, on_change=_remember, args=(name, key, standard), **more
    )
    return str(chosen) if chosen in options else standard


def tabs(
    place: DeltaGenerator,
    label: str,
    name: str,
    titles: Mapping[str, str],
    show: Callable[[str], object],
    *,
    default: str = "",
) -> str:
    """One of the views of a page, named in a row by `titles` (msgids, which `show` translates); one is always open."""
    return pick(
        place, label, name, list(titles), lambda view: str(show(titles[view])), default=default,
        kind="segmented_control", label_visibility="collapsed", required=True,
    )  # fmt: skip


def _remember(name: str, key: str, standard: str) -> None:
    value = st.session_state.get(key)
    if value is None or value == standard:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = str(value)


def number_in_address(name: str) -> int | None:
    """The id given as `?name=12`; None when it is absent or no number."""
    value = st.query_params.get(name, "")
    return int(value) if value.isdecimal() and len(value) < 12 else None
