"""Figures of the reports: frames of the read side in, Plotly figures out, in the colours and language of the page."""

from pages.kit.figures.charts import MAX_SERIES, dots, heat, pareto, trade, trend
from pages.kit.figures.model import calibration, learning
from pages.kit.figures.template import Look, look, show

__all__ = ["MAX_SERIES", "Look", "calibration", "dots", "heat", "learning", "look", "pareto", "show", "trade", "trend"]
