"""Paper, ink and the inspector's vermilion brush: the colours as Python constants for figures, and the shared CSS.

Vermilion means red lines and violations and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st


@dataclass(frozen=True)
class Palette:
    """The colours of one mode, as hex strings."""

    PAPER: str
    CARD: str
    LINE: str
    MUTED: str
    INK: str
    INDIGO: str
    CELADON: str
    VERMILION: str
    OCHRE: str
    """Caution that is not a violation: waiting, late, uncertain."""


LIGHT = Palette("#FAF7F0", "#F1ECE1", "#DDD5C4", "#6F675A", "#23201B", "#2F4B7C", "#4F8A76", "#C8361D", "#A87B1E")
DARK = Palette("#1B1A18", "#26241F", "#3A372F", "#A79F8F", "#ECE6D8", "#8FA9DB", "#86BFA9", "#F0654A", "#D9AE55")

PAPER, CARD, LINE, MUTED, INK = LIGHT.PAPER, LIGHT.CARD, LIGHT.LINE, LIGHT.MUTED, LIGHT.INK
INDIGO, CELADON, VERMILION, OCHRE = LIGHT.INDIGO, LIGHT.CELADON, LIGHT.VERMILION, LIGHT.OCHRE

FONT = (
    '"Noto Sans SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", "Hiragino Sans GB", "Noto Sans CJK SC", '
    "system-ui, sans-serif"
)


def palette() -> Palette:
    """The colours of the mode the browser shows now."""
    return DARK if st.context.theme.type == "dark" else LIGHT
