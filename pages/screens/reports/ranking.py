"""The ranking page: statements instead of a list, agents against criteria, what costs most, what is not agents'
fault."""

from __future__ import annotations

from functools import partial

import polars as pl
import streamlit as st

from pages.kit import figures, nav
from pages.kit.choices import pick
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.rows import clickable
from pages.kit.widgets import empty, heading, score_text, showing_errors
from pages.screens.reports import filters, printing
from pages.screens.reports.agent import labelled
from pages.screens.scorer import beside as machine
from qa import reports
from qa.i18n import N_, by_name
from qa.reports import OWNERS, Ranking, Scope

STATEMENTS = {
    "bottom_k": N_("in the bottom {k}"),
    "below_team": N_("below the team mean"),
    "not_distinguishable": N_("not distinguishable"),
    "too_few_reviews": N_("too few reviews"),
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
    views = {
        "statements": N_("Statements"),
        "heat": N_("Agents × criteria"),
        "losses": N_("Lost points"),
        "process": N_("Process board"),
    }
    row = st.columns([11, 4, 3, 3])
    view = pick(row[0], _("View"), "view", list(views), lambda v: _(views[v]), kind="segmented_control", required=True)
    scope = filters.scope(page, about, row[1:])
    period = filters.describe(_, scope, about)
    with showing_errors(page):
        if view == "heat":
            _heat(page, scope, period)
        elif view == "losses":
            _losses(page, scope, "agent", period)
        elif view == "process":
            _process(page, scope, period)
        else:
            _statements(page, scope, period)


def _statements(page: Page, scope: Scope, period: str) -> None:
    _ = page.t
    head, middle, side = st.columns([8, 3, 2], vertical_alignment="bottom")
    orders = {"statement": N_("By statement"), "name": N_("By name"), "score": N_("Lowest score first")}
    order = pick(middle, _("Order"), "order", list(orders), lambda o: _(orders[o]))
    bottom = side.number_input(_("“In the bottom k” with k ="), 1, 20, 3, key="k", bind="query-params")
    found = reports.ranking(page.bench, page.actor, scope=scope, bottom=int(bottom))
    if found.statements.is_empty():
        empty(_("Nothing in this selection"), _("Choose a longer period or remove a filter."))
        return
    team = found.standings.team
    with head, st.container(gap="xxsmall"):
        st.markdown(f"**{escape(_('Everybody'))}** {escape(score_text(_, team.value, team.low, team.high, team.n))}")
        filters.basis(
            page,
            found.standings.adjustment,
            predicted=found.standings.predicted,
            progress=found.standings.progress,
            before=[_("{scope}.", scope=period)],
        )
        machine.show(page, scope)
    few = found.statements.filter(pl.col("statement") == "too_few_reviews").height
    st.info(
        escape(
            _(
                "There is no ranked list here, on purpose: an agent named by rank alone would often be the wrong one."
                " {unclear} of {total} agents have reviews enough and cannot be told apart from the team; {few} have"
                " fewer than {least} reviews, so nothing is said of them. Statements keep false accusations below 10%.",
                unclear=found.unclear - few,
                total=found.statements.height,
                few=few,
                least=found.least,
            )
        ),
        icon=":material/balance:",
    )
    ordered = _ordered(found.statements, order)
    _dots(page, found, ordered)
    words = {key: _(text, k=found.bottom) for key, text in STATEMENTS.items()}
    table = ordered.with_columns(statement=pl.col("statement").replace_strict(words))
    columns = ["name", "team", "statement", "n", "value", "low", "high", "method"]
    titles = filters.names(_, columns)
    number = st.column_config.NumberColumn(format="%.1f")
    agents = table["agent_id"].to_list()
    clickable(
        table.select(columns).with_columns(_methods(page)).rename(titles),
        table.height,
        "ranking_table",
        lambda row: nav.go("agent.py", agent=str(agents[row])),
        placeholder="–",
        column_config={titles[k]: number for k in ("value", "low", "high")},
    )
    filters.downloads(
        page, "statements", machine.with_corrected(page, table.select("agent_id", *columns), scope),
        [line for line in (period, machine.line(page, scope)) if line], key="ranking",
        labels=machine.titles(page),
    )  # fmt: skip
    losses = reports.losses(page.bench, page.actor, scope=scope).frame
    title = " · ".join(scope.teams) or _("Everybody")
    printing.offer(page, partial(printing.team_sheet, page, found, losses, period, title, words), "team")


_TURN = ("bottom_k", "below_team", "not_distinguishable", "too_few_reviews")


def _ordered(statements: pl.DataFrame, order: str) -> pl.DataFrame:
    """By statement and then name, by name alone, or by score; names as people sort them, in pinyin."""
    if order == "score":
        return statements.sort("value", nulls_last=True, maintain_order=True)
    rank = {name: n for n, name in enumerate(sorted(statements["name"].unique().to_list(), key=by_name))}
    frame = statements.with_columns(_name=pl.col("name").replace_strict(rank, return_dtype=pl.Int64))
    turn = pl.col("statement").replace_strict({key: n for n, key in enumerate(_TURN)}, return_dtype=pl.Int64)
    return frame.sort(*([turn] if order == "statement" else []), "_name", "agent_id").drop("_name")


def _dots(page: Page, found: Ranking, ordered: pl.DataFrame) -> None:
    _ = page.t
    look = figures.look(page)
    paint = {
        "bottom_k": look.colours.OCHRE,
        "below_team": look.colours.OCHRE,
        "not_distinguishable": look.colours.INDIGO,
    }
    rows = ordered.with_columns(
        label=_distinct(), colour=pl.col("statement").replace_strict(paint, default=look.colours.MUTED)
    )
    team = found.standings.team
    band = (
        (team.value, team.low, team.high)
        if team.value is not None and team.low is not None and team.high is not None
        else None
    )
    chart = figures.dots(look, rows, _("points"), middle=band)
    figures.show(page, chart, key="ranking_dots", name="agents", alt=_("Scores of all agents with intervals"))
    st.caption(
        _(
            "Ochre: below the team mean. Blue: cannot be told apart from the team. Grey: too few reviews to say "
            "anything. The band is the team."
        )
    )


def _distinct(*within: str) -> pl.Expr:
    """Names for an axis: people who share theirs are told apart by their id."""
    shared = pl.col("agent_id").n_unique().over("name", *within) > 1
    return pl.when(shared).then(pl.format("{} ({})", "name", "agent_id")).otherwise("name")


def _heat(page: Page, scope: Scope, period: str) -> None:
    _ = page.t
    found = reports.heat_map(page.bench, page.actor, scope=scope)
    if found.frame.is_empty():
        empty(_("Nothing in this selection"), _("Choose a longer period or remove a filter."))
        return
    columns = [(item.id, item.label.pick(_.language)) for item in found.criteria]
    rank = {name: n for n, name in enumerate(sorted(found.frame["name"].unique().to_list(), key=by_name))}
    frame = found.frame.sort(pl.col("name").replace_strict(rank, return_dtype=pl.Int64), "agent_id")
    chart = figures.heat(
        figures.look(page), frame.with_columns(name=_distinct("criterion")), columns, _("points lost per review")
    )
    figures.show(page, chart, key="heat_chart", name="agents-criteria", alt=_("Agents × criteria"))
    about = _(
        "Mean points lost per review, weighted by 1/π. Single cells rest on few reviews: hover for interval and count."
    )
    st.caption(escape(_("{scope}. {text}", scope=period, text=about)))
    labels = frame.with_columns(label=pl.col("criterion").replace(dict(columns)))
    filters.downloads(
        page,
        "agents-criteria",
        labels.select("agent_id", "name", "criterion", "label", "n", "value", "low", "high", "method"),
        [period, about],
        key="heat",
    )


def _losses(page: Page, scope: Scope, owners: str, period: str) -> None:
    _ = page.t
    board = reports.losses(page.bench, page.actor, scope=scope, owners=owners)
    if board.frame.is_empty():
        empty(_("No lost points"), _("Nothing was deducted here in this selection."))
        return
    frame = labelled(page, board.frame)
    if owners != "agent":
        frame = frame.with_columns(label=pl.col("label") + " · " + _owner(page))
    chart = figures.pareto(figures.look(page), frame, _("points lost per review"))
    figures.show(page, chart, key=f"losses_{owners}", name=f"losses-{owners}", alt=_("Lost points"))
    about = _(
        "Means weight every review by 1/π; times counts what was found, in risky picks too: divided by n it is no rate."
    )
    st.caption(escape(_("{scope}. {text}", scope=period, text=about)))
    columns = ["label", "value", "low", "high", "n", "method", "share", "cumulative", "occurrences"]
    titles = filters.names(_, columns)
    two, percent = st.column_config.NumberColumn(format="%.2f"), st.column_config.NumberColumn(format="%.1f%%")
    shown = frame.select(columns).with_columns(_methods(page), pl.col("share", "cumulative") * 100)
    st.dataframe(
        shown.rename(titles),
        hide_index=True,
        width="stretch",
        key=f"loss_table_{owners}",
        placeholder="–",
        height="content" if shown.height < 12 else 420,
        column_config={
            **{titles[k]: two for k in ("value", "low", "high")},
            **{titles[k]: percent for k in ("share", "cumulative")},
        },
    )
    filters.downloads(page, f"losses-{owners}", frame.drop("red"), [period, about], key=f"loss_{owners}")


def _owner(page: Page) -> pl.Expr:
    return pl.col("owner").replace_strict({k: page.t(v) for k, v in OWNERS.items()}, default=pl.col("owner"))


def _methods(page: Page) -> pl.Expr:
    return pl.col("method").replace_strict(filters.method_names(page.t), default=pl.col("method"))


def _process(page: Page, scope: Scope, period: str) -> None:
    _ = page.t
    st.caption(
        _(
            "Points that policy, warehouse, system or customers cost. They count against nobody; they"
            " show what the shop can improve."
        )
    )
    _losses(page, scope, "process", period)
    causes = reports.root_causes(page.bench, page.actor, scope=scope)
    if causes.is_empty():
        return
    st.header(_("Root causes, share of conversations"))
    labels = {key: label.pick(_.language) for key, label in reports.root_cause_labels(page.bench).items()}
    columns = ["owner", "root_cause", "value", "low", "high", "n", "method", "occurrences"]
    titles = filters.names(_, columns)
    percent = st.column_config.NumberColumn(format="%.1f%%")
    shown = causes.select(columns).with_columns(
        pl.col("value", "low", "high") * 100, _owner(page), pl.col("root_cause").replace(labels), _methods(page)
    )
    st.dataframe(
        shown.rename(titles),
        hide_index=True,
        width="stretch",
        key="cause_table",
        placeholder="–",
        column_config={titles[k]: percent for k in ("value", "low", "high")},
    )
    filters.downloads(page, "root-causes", causes, [period], key="causes", image=False)
