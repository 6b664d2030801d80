"""The trade of a draw: violations found against the width of the interval."""

from __future__ import annotations

import polars as pl
import streamlit as st

from pages.kit import figures
from pages.kit.escaping import escape
from pages.kit.guard import Page
from qa import draws
from qa.draws import PlanPreview, TradePoint


def trade_points(page: Page, look: PlanPreview) -> tuple[TradePoint, ...]:
    """The trade, computed once for what it depends on."""
    if look.unscreened == look.figures.units:
        return ()
    key = (look.resolved, page.bench.archive.version())
    if st.session_state.get("trade_points", (None,))[0] != key:
        st.session_state["trade_points"] = (key, draws.trade(page.bench, page.actor, preview=look))
    return tuple(st.session_state["trade_points"][1])


def trade_chart(page: Page, look: PlanPreview, points: tuple[TradePoint, ...]) -> None:
    """In one sentence what the share buys and costs, and the whole trade as a chart."""
    _, f = page.t, look.figures
    if not points or f.team_width is None or points[0].team_width is None:
        return
    if look.resolved.pool_share:
        said = _(
            "{share} for the riskiest finds {found} violations instead of {without}; the team's interval is ± {width}"
            " instead of ± {narrow}.",
            share=_.percent(look.resolved.pool_share, 0),
            found=_.number(f.expected_found, 1),
            without=_.number(points[0].expected_found, 1),
            width=_.number(f.team_width / 2, 2),
            narrow=_.number(points[0].team_width / 2, 2),
        )
    else:
        most = points[-1]
        said = _(
            "{share} for the riskiest would find {found} violations instead of {without}, with a team interval of ±"
            " {width} instead of ± {narrow}.",
            share=_.percent(most.pool_share, 0),
            found=_.number(most.expected_found, 1),
            without=_.number(f.expected_found, 1),
            width=_.number((most.team_width or 0.0) / 2, 2),
            narrow=_.number(f.team_width / 2, 2),
        )
    st.markdown(escape(said))
    with st.expander(_("The trade: violations found against width of the interval")):
        rows = pl.DataFrame(
            [
                {
                    "pool_share": p.pool_share,
                    "expected_found": p.expected_found,
                    "team_width": (p.team_width or 0.0) / 2,
                }
                for p in points
            ]
        )
        chart = figures.trade(
            figures.look(page),
            rows,
            look.resolved.pool_share,
            _("violations to expect"),
            _("half width of the team interval, points"),
        )
        figures.show(
            page,
            chart,
            key="trade_chart",
            name="trade",
            alt=_("The trade: violations found against width of the interval"),
        )
