"""The parts around the pages: routes, middleware and life span, as `st.App` takes them."""

from __future__ import annotations

from typing import Any


def parts() -> dict[str, Any]:
    """Keyword arguments for `st.App`."""
    return {}
