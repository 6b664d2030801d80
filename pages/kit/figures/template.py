"""What all figures share: colours that colour-blind people can tell apart, type, grid, the image button, the language.

Vermilion appears only where a figure shows red lines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go
import streamlit as st

from pages.kit.guard import Page
from pages.kit.theme import DARK, FONT, Palette, palette
from qa.i18n import Translator

# Indigo, ochre, celadon, plum, steel, brown: distinct in lightness too, so they stay apart without colour vision.
_SERIES_LIGHT = ("#2F4B7C", "#A87B1E", "#4F8A76", "#7A4E7E", "#3F7C94", "#6B4F33", "#8C8577", "#23201B")
_SERIES_DARK = ("#8FA9DB", "#D9AE55", "#86BFA9", "#C9A0CE", "#7DB6CB", "#C7A27C", "#B3AB9B", "#ECE6D8")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "cross", "star", "hexagon")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid", "dash")


@dataclass(frozen=True)
class Look:
    """Colours and language of one page."""

    colours: Palette
    series: tuple[str, ...]
    t: Translator

    def figure(self, height: int) -> go.Figure:
        """An empty figure in the house style."""
        c = self.colours
        axis = {
            "gridcolor": c.LINE,
            "zerolinecolor": c.LINE,
            "linecolor": c.LINE,
            "tickcolor": c.LINE,
            "automargin": True,
            "tickfont": {"color": c.MUTED, "size": 12},
            "title": {"font": {"color": c.MUTED, "size": 12}},
        }
        return go.Figure(
            layout={
                "height": height,
                "font": {"family": FONT, "size": 13, "color": c.INK},
                "paper_bgcolor": c.PAPER,
                "plot_bgcolor": c.PAPER,
                "margin": {"l": 10, "r": 16, "t": 28, "b": 10},
                "xaxis": axis,
                "yaxis": axis,
                "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"color": c.INK}},
                "hoverlabel": {"bgcolor": c.CARD, "bordercolor": c.LINE, "font": {"family": FONT, "color": c.INK}},
                "colorway": list(self.series),
                "dragmode": False,
                "separators": ".,",
            }
        )


def look(page: Page) -> Look:
    """The look of the page now: follows the browser's light or dark mode."""
    colours = palette()
    return Look(colours, _SERIES_DARK if colours is DARK else _SERIES_LIGHT, page.t)


def show(
    page: Page,
    figure: go.Figure,
    *,
    key: str,
    name: str,
    alt: str,
    on_point: Callable[[list[object]], None] | None = None,
) -> None:
    """Draw `figure` with a button that saves it as an image (SVG or PNG by the page's choice).

    `on_point` is called with the custom data of a point the reader clicks.
    """
    form = st.session_state.get("image", "svg")
    config = {
        "displaylogo": False,
        "displayModeBar": True,
        "scrollZoom": False,
        "locale": "zh-CN" if page.t.language == "zh_CN" else "en",
        "modeBarButtonsToRemove": [
            "zoom2d",
            "pan2d",
            "select2d",
            "lasso2d",
            "zoomIn2d",
            "zoomOut2d",
            "autoScale2d",
            "resetScale2d",
        ],
        "toImageButtonOptions": {"format": form, "filename": f"spotcheck-{name}", "scale": 3 if form == "png" else 1},
    }
    if on_point is None:
        st.plotly_chart(figure, width="stretch", theme=None, key=key, config=config, alt=alt)
        return

    def clicked() -> None:
        points = st.session_state[key]["selection"]["points"]
        if points and isinstance(data := points[0].get("customdata"), list | tuple):
            on_point(list(data))

    st.plotly_chart(
        figure, width="stretch", theme=None, key=key, config=config, alt=alt, on_select=clicked, selection_mode="points"
    )
