"""Text from outside, made harmless for Streamlit's Markdown."""

from __future__ import annotations

import re

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&])")


_LINK = re.compile(r"(?<=[a-z]:)(?=//)|(?<=www)(?=\.)|(?<=@)(?=[-\w])", re.IGNORECASE)
_NO_LINK = "\u2060"  # invisible, and no address goes on behind it


def escape(text: str) -> str:
    """`text` so that Streamlit's Markdown shows it literally, on one line; addresses in it do not become links."""
    return _MARKDOWN.sub(r"\\\1", _LINK.sub(_NO_LINK, text.replace("\r", " ").replace("\n", " ")))
