"""The ranking page: statements instead of a list, agents against criteria, what costs most, what is not agents' fault."""

from __future__ import annotations

import polars as pl
import streamlit as st

from pages.kit import figures, nav
from pages.kit.choices import pick
from pages.kit.guard import Page
from pages.kit.results import filters, printing
from pages.kit.results.agent import labelled
from pages.kit.widgets import empty, escape, heading, score_text, showing_errors
from qa import reports
from qa.i18n import N_
from qa.reports import OWNERS, Ranking, Scope

STATEMENTS = {
    "bottom_k": N_("in the bottom {k}"), "below_team": N_("below the team mean"),
    "not_distinguishable": N_("not distinguishable"), "too_few_reviews": N_("too few reviews"),
}


def show(page: Page) -> None:
    """The whole page."""
    _ = page.t
    heading(page, _("Ranking"), _("Ranks, as far as the numbers support them"))
    about = reports.overview(page.bench, page.actor)
    if not about.reviews:
        empty(_("No results yet"), _("Publish a draw and score its samples: trends appear with the first verdict."))
        nav.link(page, "draws.py")
        return
    scope = filters.scope(page, about)
    period = filters.describe(_, scope, about)
    views = {
        "statements": N_("Statements"), "heat": N_("Agents × criteria"), "losses": N_("Lost points"), "process": N_("Process board"),
    }
    view = pick(
        st.container(), _("View"), "view", list(views), lambda v: _(views[v]), kind="segmented_control", label_visibility="collapsed", required=True
    )
    with showing_errors(page):
        if view == "heat":
            _heat(page, scope)
        elif view == "losses":
            _losses(page, scope, "agent", period)
        elif view == "process":
            _process(page, scope, period)
        else:
            _statements(page, scope, period)


def _statements(page: Page, scope: Scope, period: str) -> None:
    _ = page.t
    bottom = st.number_input(_("“In the bottom k” with k ="), 1, 20, 3, key="k", bind="query-params", width=220)
    found = reports.ranking(page.bench, page.actor, scope=scope, bottom=int(bottom))
    if found.statements.is_empty():
        empty(_("Nothing in this selection"), _("Choose a longer period or remove a filter."))
        return
    team = found.standings.team
    st.markdown(f"**{escape(_('Everybody'))}** {escape(score_text(_, team.value, team.low, team.high, team.n))}")
    st.caption(escape(period))
    filters.basis(page, found.standings.adjustment, predicted=found.standings.predicted)
    st.info(
        escape(_(
            "There is no ranked list here, on purpose: {unclear} of {total} agents cannot be told apart from the team with these reviews. An agent named by rank alone would often be the wrong one. Statements keep false accusations below 10% and need {least} reviews.",
            unclear=found.unclear, total=found.statements.height, least=found.least,
        )), icon=":material/balance:",
    )
    _dots(page, found)
    words = {key: _(text, k=found.bottom) for key, text in STATEMENTS.items()}
    table = found.statements.with_columns(statement=pl.col("statement").replace_strict(words))
    columns = ["name", "team", "statement", "n", "value", "low", "high"]
    titles = filters.names(_, columns)
    number = st.column_config.NumberColumn(format="%.1f")
    st.dataframe(
        table.select(columns).rename(titles), hide_index=True, width="stretch", key="ranking_table",
        column_config={titles[k]: number for k in ("value", "low", "high")},
    )
    filters.downloads(page, "statements", table.select("agent_id", *columns), [period], key="ranking")
    losses = reports.losses(page.bench, page.actor, scope=scope).frame
    title = " · ".join(scope.teams) or _("Everybody")
    printing.offer(page, printing.team_sheet(page, found, losses, period, title, {k: v.replace("{k}", str(found.bottom)) for k, v in STATEMENTS.items()}), "team")


def _dots(page: Page, found: Ranking) -> None:
    _ = page.t
    look = figures.look(page)
    paint = {"bottom_k": look.colours.OCHRE, "below_team": look.colours.OCHRE, "not_distinguishable": look.colours.INDIGO}
    rows = found.statements.filter(pl.col("value").is_not_null()).with_columns(label=pl.col("name"))
    team = found.standings.team
    band = (team.value, team.low, team.high) if team.value is not None and team.low is not None and team.high is not None else None
    chart = figures.dots(look, rows, _("points"), middle=band, colours=[paint.get(s, look.colours.MUTED) for s in rows["statement"]])
    figures.show(page, chart, key="ranking_dots", name="agents", alt=_("Scores of all agents with intervals"))
    st.caption(_("Sorted by statement, then name. Ochre: below the team mean. Grey: too few reviews. The band is the team."))


def _heat(page: Page, scope: Scope) -> None:
    _ = page.t
    found = reports.heat_map(page.bench, page.actor, scope=scope)
    if found.frame.is_empty():
        empty(_("Nothing in this selection"), _("Choose a longer period or remove a filter."))
        return
    columns = [(item.id, item.label.pick(_.language)) for item in found.criteria]
    chart = figures.heat(figures.look(page), found.frame.sort("name"), columns, _("points lost per review"))
    figures.show(page, chart, key="heat_chart", name="agents-criteria", alt=_("Agents × criteria"))
    st.caption(_("Mean points lost per review. Single cells rest on few reviews: hover for interval and count."))
    filters.downloads(page, "agents-criteria", found.frame, [], key="heat")


def _losses(page: Page, scope: Scope, owners: str, period: str) -> None:
    _ = page.t
    board = reports.losses(page.bench, page.actor, scope=scope, owners=owners)
    if board.frame.is_empty():
        empty(_("No lost points"), _("Nothing was deducted here in this selection."))
        return
    frame = labelled(page, board.frame)
    if owners != "agent":
        frame = frame.with_columns(label=pl.col("label") + " · " + pl.col("owner").replace_strict({k: _(v) for k, v in OWNERS.items()}, default=pl.col("owner")))
    chart = figures.pareto(figures.look(page), frame, _("points lost per review"))
    figures.show(page, chart, key=f"losses_{owners}", name=f"losses-{owners}", alt=_("Lost points"))
    shown = frame.select(
        pl.col("label").alias(_("Criterion")), pl.col("occurrences").alias(_("Times")),
        *(pl.col(k).round(2).alias(_(filters.COLUMNS[k])) for k in ("value", "low", "high")),
        (pl.col("share") * 100).round(1).alias(_("Share %")), (pl.col("cumulative") * 100).round(1).alias(_("Cumulative %")),
    )
    st.dataframe(shown, hide_index=True, width="stretch", key=f"loss_table_{owners}")
    filters.downloads(page, f"losses-{owners}", frame.drop("red"), [period], key=f"loss_{owners}")


def _process(page: Page, scope: Scope, period: str) -> None:
    _ = page.t
    st.caption(_("Points that policy, warehouse, system or customers cost. They count against nobody; they say where the shop can mend itself."))
    _losses(page, scope, "process", period)
    causes = reports.root_causes(page.bench, page.actor, scope=scope)
    if causes.height:
        st.markdown(f"**{_('Root causes')}**")
        labels = reports.root_cause_labels(page.bench)
        st.dataframe(
            causes.select(
                pl.col("owner").replace_strict({k: _(v) for k, v in OWNERS.items()}, default=pl.col("owner")).alias(_("Owner")),
                pl.col("root_cause").replace({k: v.pick(_.language) for k, v in labels.items()}).alias(_("Root cause")),
                pl.col("occurrences").alias(_("Times")), (pl.col("share") * 100).round(1).alias(_("% of conversations")),
            ), hide_index=True, width="stretch", key="cause_table",
        )
