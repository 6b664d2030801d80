"""Figures of the reports: frames of the read side in, Plotly figures out, in the colours and language of the page."""

from pages.kit.figures.charts import MAX_SERIES, dots, heat, metric_text, pareto, scaled, trade, trend
from pages.kit.figures.model import calibration, learning
from pages.kit.figures.template import Look, look, show

__all__ = [
    "MAX_SERIES",
    "Look",
    "calibration",
    "dots",
    "heat",
    "learning",
    "look",
    "metric_text",
    "pareto",
    "scaled",
    "show",
    "trade",
    "trend",
]
