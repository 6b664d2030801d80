"""Figures of the risk model: how far its predictions are true, and what more reviews have taught it."""

from __future__ import annotations

import plotly.graph_objects as go

from pages.kit.figures.template import Look
from qa.predictors import ModelView


def calibration(look: Look, model: ModelView, across: str, up: str) -> go.Figure:
    """Predicted against found share of violations, in percent; points on the line are as right as can be."""
    figure = look.figure(280)
    top = max([1.0, *(100 * max(b.predicted, b.found) for b in model.calibration)]) * 1.08
    figure.add_trace(
        go.Scatter(
            x=[0, top],
            y=[0, top],
            mode="lines",
            line={"color": look.colours.MUTED, "width": 1, "dash": "dot"},
            hoverinfo="skip",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=[100 * b.predicted for b in model.calibration],
            y=[100 * b.found for b in model.calibration],
            mode="markers",
            marker={"size": 9, "color": look.series[0], "opacity": 0.85},
            text=[
                look.t(
                    "{predicted}% predicted, {found}% found, n = {n}",
                    predicted=look.t.number(100 * b.predicted, 1),
                    found=look.t.number(100 * b.found, 1),
                    n=b.n,
                )
                for b in model.calibration
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    figure.update_xaxes(title_text=across, range=[-0.02 * top, top], ticksuffix="%")
    figure.update_yaxes(title_text=up, range=[-0.04 * top, top], ticksuffix="%")
    figure.update_layout(showlegend=False)
    return figure


def learning(look: Look, model: ModelView, across: str) -> go.Figure:
    """AUC on unseen reviews against the number of reviews learnt from; 0.5 is pure chance."""
    figure = look.figure(280)
    points = [(n, auc) for n, auc in model.curve if auc is not None]
    figure.add_trace(
        go.Scatter(
            x=[n for n, _ in points],
            y=[auc for _, auc in points],
            mode="lines+markers+text",
            line={"color": look.series[0], "width": 1.6},
            marker={"size": 9},
            text=[look.t.number(auc, 2) for _, auc in points],
            textposition="top center",
            hoverinfo="x+y",
        )
    )
    figure.add_hline(y=0.5, line={"color": look.colours.MUTED, "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text=across, rangemode="tozero", range=[0, 1.1 * max([n for n, _ in points], default=1)])
    figure.update_yaxes(title_text="AUC", range=[0.45, 1.05])
    figure.update_layout(showlegend=False)
    return figure
