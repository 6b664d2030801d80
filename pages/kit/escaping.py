"""Text from outside, made harmless for Streamlit's Markdown."""

from __future__ import annotations

import re

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&])")


def escape(text: str) -> str:
    """`text` so that Streamlit's Markdown shows it literally, on one line."""
    return _MARKDOWN.sub(r"\\\1", text.replace("\r", " ").replace("\n", " "))
