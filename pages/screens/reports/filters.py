"""The filters every results page shares, kept in the address, and the download of exactly the rows that are shown."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.kit.choices import pick
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import showing_errors
from qa.draws.design import SOURCE_NAMES
from qa.i18n import N_, Translator
from qa.policy import Right
from qa.reports import Adjustment, Metric, Scope, ScopeProgress, VerdictsOverview, exporting
from scoring.estimate import VERSION

SPANS: Mapping[str, str] = {
    "4w": N_("Last 4 weeks"),
    "8w": N_("Last 8 weeks"),
    "13w": N_("Last 13 weeks"),
    "all": N_("Everything"),
    "days": N_("From … to"),
}
METHODS: Mapping[str, str] = {
    "moderated": N_("moderated t"),
    "pooled": N_("pooled variance"),
    "census": N_("all reviewed"),
    "range": N_("range"),
    "korn_graubard": N_("Korn–Graubard"),
    "hajek": N_("weighted mean"),
    "difference": N_("difference estimator"),
    "none": N_("no interval"),
}
NO_FIGURE: Mapping[str, str] = {
    "agent_rate": N_("count only: no rate for one agent"),
    "only_targeted": N_("only risky picks: no mean"),
    "only_in_pool": N_("only found in risky picks: no interval"),
    "one_review": N_("one review: no interval"),
    "no_spread": N_("all equal: no interval"),
    "no_reviews": N_("nothing reviewed"),
}
"""Why a cell has no figure, or no interval."""
REFUSALS: Mapping[str, str] = {
    "few_inspectors": N_("at least two inspectors with a few inspections each are needed."),
    "not_connected": N_(
        "these inspectors share no agents, even indirectly, so they cannot be compared. Rotate assignments."
    ),
    "imprecise": N_("severity is not known to within 2 points yet (standard error of inspector {detail})."),
    "unknown_inspector": N_("the severity of an inspector is not known ({detail})."),
}
"""Why scores could not be corrected for severity."""
COLUMNS: Mapping[str, str] = {
    "name": N_("Name"),
    "group": N_("Group"),
    "period": N_("Period"),
    "n": N_("n"),
    "found": N_("Red lines"),
    "value": N_("Value"),
    "low": N_("Low"),
    "high": N_("High"),
    "method": N_("Method"),
    "agent_id": N_("Agent id"),
    "team": N_("Team"),
    "statement": N_("Statement"),
    "criterion": N_("Criterion"),
    "occurrences": N_("Times"),
    "label": N_("Criterion"),
    "share": N_("Share"),
    "cumulative": N_("Cumulative"),
    "owner": N_("Owner"),
    "root_cause": N_("Root cause"),
    "reason": N_("Remark"),
    "estimator": N_("Estimator version"),
}


def names(t: Translator, columns: Sequence[str]) -> dict[str, str]:
    """Column titles in the page's language."""
    return {name: t(COLUMNS[name]) if name in COLUMNS else name for name in columns}


def metric_name(t: Translator, metric: Metric) -> str:
    """The name of a metric in the page's language."""
    return metric.label.pick(t.language) if metric.label else t(metric.name)


def unit_name(t: Translator, metric: Metric) -> str:
    """What the axis of a metric counts."""
    names_ = {
        "points": N_("points"),
        "percent": N_("% earned"),
        "loss": N_("points lost per review"),
        "rate": N_("% of conversations"),
    }
    return t(names_[metric.unit])


def scope(page: Page, about: VerdictsOverview, row: Sequence[DeltaGenerator], *, people: bool = True) -> Scope:
    """Period and source in the first two places of `row`, the rarer filters behind a button in the third. Without
    `people` there are none by team, shop and channel."""
    _ = page.t
    span = pick(row[0], _("Period"), "span", list(SPANS), lambda s: _(SPANS[s]), default="8w")
    source = pick(row[1], _("Source"), "source", list(SOURCE_NAMES), lambda s: _(SOURCE_NAMES[s]))
    first, last = _days(page, about, span, source)
    if not page.actor.reads_others:
        return Scope(first, last, source)
    offered = (
        (N_("Team"), about.teams, "team"),
        (N_("Shop"), about.shops, "shop"),
        (N_("Channel"), about.channels, "channel"),
    )
    used = sum(bool(st.query_params.get(name)) for name in ("team", "shop", "channel", "adjusted"))
    with row[2], st.container(key="more_filters"):
        st.html(f'<span class="sc-label">{html.escape(_("Filter"))}</span>')
        with st.popover(_("{count} chosen", count=used) if used else _("All"), key="filters", width="stretch"):
            chosen = [
                tuple(st.multiselect(_(label), values, key=key, bind="query-params", placeholder=_("All")))
                for label, values, key in offered
                if people
            ] or [(), (), ()]
            adjusted = _adjusted(page)
    teams, shops, channels = chosen
    return Scope(first, last, source, teams, shops, channels, adjusted=adjusted)


def _adjusted(page: Page) -> bool:
    """The wish for scores corrected for severity."""
    _ = page.t
    return st.checkbox(
        _("Correct for inspectors' severity"),
        key="adjusted",
        bind="query-params",
        help=_(
            "Each score less its inspector's severity of the last quarter; intervals grow by what is not known of it."
            " Rotating inspectors is better."
        ),
    )


def method_names(t: Translator) -> dict[str, str]:
    """Every method a figure can carry, in the page's language."""
    plain = {key: t(text) for key, text in METHODS.items()}
    return plain | {f"{key}+severity": t("{method}, severity corrected", method=name) for key, name in plain.items()}


def said_methods(t: Translator) -> pl.Expr:
    """How each figure of a table with `method` and `reason` came about, or why there is none, in words."""
    found = pl.col("method").replace_strict(method_names(t), default=pl.col("method"))
    why = pl.col("reason").replace_strict({key: t(text) for key, text in NO_FIGURE.items()}, default=found)
    return pl.when(pl.col("method") == "none").then(why).otherwise(found)


def basis(
    page: Page,
    adjustment: Adjustment | None,
    *,
    predicted: bool,
    before: Sequence[str] = (),
    progress: ScopeProgress | None = None,
) -> None:
    """Say what stands behind the figures: scope (`before`), how far the draws are, predictions, correction for
    severity, or why that was refused."""
    _ = page.t
    said = [*before, *_unfinished(page, progress)]
    if progress is not None and len(progress.rubrics) > 1:
        names = _(", ").join(rubric.pick(_.language) for rubric in progress.rubrics)
        said.append(_("These results were scored on different rubrics ({names}): a change may be theirs.", names=names))
    if predicted:
        said.append(
            _(
                "Difference estimator where whole draws were predicted: predictions of all conversations, corrected by"
                " the reviewed ones."
            )
        )
    if adjustment is not None and adjustment.done:
        said.append(_("Scores are corrected for inspectors' severity; its uncertainty is in the intervals."))
    said.append(_("Estimator version {version}.", version=VERSION))
    st.caption(escape(" ".join(said)))
    if adjustment is not None and not adjustment.done:
        reason = _(REFUSALS.get(adjustment.reason, REFUSALS["few_inspectors"]), detail=adjustment.detail)
        st.info(escape(_("Not corrected for severity: {reason}", reason=reason)), icon=":material/info:")


def _unfinished(page: Page, progress: ScopeProgress | None) -> list[str]:
    """What of the draws is not reviewed yet, and what that means for the figures."""
    _ = page.t
    if progress is None or not progress.pending:
        return []
    said = [
        _(
            "{n} of {drawn} drawn samples are not scored yet: this is an estimate in progress, and it covers {covered}"
            " of {agents} agents.",
            n=_.number(progress.pending),
            drawn=_.number(progress.drawn),
            covered=_.number(progress.covered),
            agents=_.number(progress.agents),
        )
    ]
    if progress.missing:
        said.append(_("High-risk picks among them, missing from every figure: {n}.", n=_.number(progress.missing)))
    if progress.selection.suspicious:
        st.warning(
            escape(
                _(
                    "Risky conversations seem to have been left for last: the waiting ones hold {expected} expected"
                    " violations, a random order would have left {fair}. The figures will look better than they are"
                    " until those are scored.",
                    expected=_.number(progress.selection.expected or 0.0, 1),
                    fair=_.number(progress.selection.by_chance or 0.0, 1),
                )
            ),
            icon=":material/warning:",
        )
    elif not progress.selection.clear:
        said.append(
            _(
                "The intervals hold if samples were not chosen by how bad they look; too little is known yet to see"
                " whether violations were left for last."
            )
        )
    return said


def _days(page: Page, about: VerdictsOverview, span: str, source: str) -> tuple[date | None, date | None]:
    """The days of a span, counted back from the last result of the source that is looked at: a late draw of another one
    moves nothing."""
    begin, end = about.days.get(source, (about.first, about.last))
    if span == "all" or end is None:
        return None, None
    if span == "days":
        left, right = st.columns(2)
        first = left.date_input(page.t("From"), value=begin, key="since", bind="query-params", format="YYYY-MM-DD")
        last = right.date_input(page.t("To"), value=end, key="until", bind="query-params", format="YYYY-MM-DD")
        return (first, last) if isinstance(first, date) and isinstance(last, date) and first <= last else (first, None)
    # Whole weeks counted back from the last week that has results: a half week would look like a change.
    monday = end - timedelta(days=end.weekday())
    return monday - timedelta(weeks=int(span[:-1]) - 1), monday + timedelta(days=6)


def describe(t: Translator, chosen: Scope, about: VerdictsOverview) -> str:
    """The scope as one sentence, for captions and the notes of a file."""
    begin, end = about.days.get(chosen.source, (about.first, about.last))
    first, last = chosen.first or begin, chosen.last or end
    parts = [
        t(SOURCE_NAMES[chosen.source]),
        f"{t.day(first)} – {t.day(last)}",
        *chosen.teams,
        *chosen.shops,
        *chosen.channels,
    ]
    return " · ".join(part for part in parts if part)


def downloads(
    page: Page, what: str, frame: pl.DataFrame, notes: Sequence[str], *, key: str, image: bool = True,
    labels: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """CSV, XLSX and JSONL of `frame`; made when asked for, with the form of the chart's `image` button beside them.
    `labels` are titles of columns that no other file has. Nothing for people without the right to export."""
    if not page.actor.may(Right.EXPORT):
        return
    _ = page.t
    said = names(_, [*frame.columns, "estimator"]) | dict(labels or {})
    with st.popover(_("Download"), icon=":material/download:", key=f"{key}_download"):
        st.caption(_("The same figures as on the screen."))
        for form, title in (("csv", "CSV"), ("xlsx", "Excel"), ("jsonl", "JSONL")):
            st.download_button(
                title,
                _maker(page, what, form, frame, notes, said),
                f"spotcheck-{what}{_period(notes)}.{form}",
                exporting.FORMATS[form],
                key=f"{key}_{form}",
                on_click="ignore",
                width="stretch",
            )
        if image:
            st.segmented_control(
                _("Image button saves as"), ["svg", "png"], key="image", default="svg", format_func=str.upper
            )


def _period(notes: Sequence[str]) -> str:
    """The days that the first line of the notes names, for the name of the file."""
    days = re.findall(r"\d{4}-\d{2}-\d{2}", " ".join(notes[:2]))
    return f"-{days[0]}-{days[-1]}" if days else ""


def _in_words(page: Page, frame: pl.DataFrame) -> pl.DataFrame:
    """Codes as the screen says them, for workbooks that people read."""
    if "method" not in frame.columns:
        return frame
    if "reason" in frame.columns:
        return frame.with_columns(method=said_methods(page.t)).drop("reason")
    return frame.with_columns(method=pl.col("method").replace_strict(method_names(page.t), default=pl.col("method")))


def _maker(page: Page, what: str, form: str, frame: pl.DataFrame, notes: Sequence[str], labels: Mapping[str, str]):  # type: ignore[no-untyped-def]
    def make() -> bytes:
        with showing_errors(page):
            shown = _in_words(page, frame) if form == "xlsx" else frame
            sheets = (page.t("Figures"), page.t("About these figures"))
            return exporting.export(
                page.bench, page.actor, now=page.now, what=what, frame=shown, form=form, notes=notes, labels=labels,
                sheets=sheets,
            ).content  # fmt: skip
        return b""

    return make
