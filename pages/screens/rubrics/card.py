"""A scorecard as people read it: dimensions, criteria, worth and help, and what changed between two versions."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

import streamlit as st

from pages.kit.guard import Page
from pages.screens.rubrics import naming
from qa.draws.design import SOURCE_NAMES
from qa.i18n import N_, Translator
from qa.rubrics.versions import POINTS
from scoring.label import Label
from scoring.rubric import KINDS, Change, Criterion, Dimension, Kind, Rubric, diff, points_text

_STYLE = """<style>
.sc-card{display:grid;gap:1.1rem}
.sc-card table{width:100%;border-collapse:collapse;font-size:.92rem}
.sc-card caption{text-align:left;font-weight:600;padding:.2rem 0 .4rem;color:var(--sc-ink)}
.sc-card caption span{color:var(--sc-muted);font-weight:400;margin-left:.6rem}
.sc-card th{font-weight:500;color:var(--sc-muted);text-align:left;padding:.25rem .6rem .25rem 0;
border-bottom:1px solid var(--sc-line);white-space:nowrap}
.sc-card td{padding:.4rem .6rem .4rem 0;border-bottom:1px solid var(--sc-line);vertical-align:top}
.sc-card .num{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.sc-card small{display:block;color:var(--sc-muted);line-height:1.5;max-width:62rem}
.sc-card ul{margin:.2rem 0 0;padding-left:1.1rem;color:var(--sc-muted);font-size:.85rem}
.sc-card .chips{display:flex;flex-wrap:wrap;gap:.3rem .5rem}
.sc-card .chips span{border:1px solid var(--sc-line);border-radius:2px;padding:.05rem .5rem;font-size:.85rem}
</style>"""


def show(page: Page, rubric: Rubric) -> None:
    """The whole scorecard in the reader's language."""
    t = page.t
    parts = [_dimension(t, dimension) for dimension in rubric.dimensions]
    parts.append(
        _choices(
            t, t("Whose it is: only what the agent owns counts in the score"), [owner.label for owner in rubric.owners]
        )
    )
    if rubric.root_causes:
        parts.append(_choices(t, t("Root causes"), [cause.label for cause in rubric.root_causes]))
    st.html(_STYLE + f'<div class="sc-card">{"".join(parts)}</div>')


def facts(page: Page, rubric: Rubric) -> str:
    """Pass line and tolerance in one sentence."""
    return page.t(
        "Pass line {line} of {full}; two inspectors may differ by {tolerance} points before the lead decides.",
        line=points_text(rubric.pass_line), full=points_text(rubric.points), tolerance=points_text(rubric.tolerance),
    )  # fmt: skip


def _dimension(t: Translator, dimension: Dimension) -> str:
    heads = [t("Criterion"), t("Kind"), t("Points"), t("Each"), t("N/A")]
    head = "".join(f'<th scope="col"{_num(k)}>{html.escape(text)}</th>' for k, text in enumerate(heads))
    rows = "".join(_criterion(t, criterion) for criterion in dimension.criteria)
    worth = t("{points} points", points=points_text(dimension.points))
    caption = f"<caption>{_text(t, dimension.label)}<span>{html.escape(worth)}</span></caption>"
    return f"<table>{caption}<tr>{head}</tr>{rows}</table>"


def _num(column: int) -> str:
    return ' class="num"' if column in (2, 3) else ""


def _criterion(t: Translator, criterion: Criterion) -> str:
    sign = "+" if criterion.spec.adds else "−"
    each = f"{sign}{points_text(criterion.each or criterion.points)}" if criterion.spec.counted else ""
    levels = "".join(f"<li>{points_text(level.points)} · {_text(t, level.label)}</li>" for level in criterion.levels)
    anchors = "".join(f"<li>{_text(t, anchor)}</li>" for anchor in criterion.anchors)
    notes = f"<small>{_text(t, criterion.help)}</small>" if criterion.help else ""
    notes += f"<ul>{levels}{anchors}</ul>" if levels or anchors else ""
    notes += f"<small>{html.escape(t('Source'))}: {_text(t, criterion.origin)}</small>" if criterion.origin else ""
    return (
        f"<tr><td>{_text(t, criterion.label)}{notes}</td><td>{_text(t, criterion.spec.label)}</td>"
        f'<td class="num">{points_text(criterion.points)}</td><td class="num">{each}</td>'
        f"<td>{html.escape(t('allowed')) if criterion.allow_na else ''}</td></tr>"
    )


def _choices(t: Translator, title: str, labels: Iterable[Label]) -> str:
    chips = "".join(f"<span>{_text(t, label)}</span>" for label in labels)
    return f'<section><table><caption>{html.escape(title)}</caption></table><div class="chips">{chips}</div></section>'


def _text(t: Translator, label: Label) -> str:
    return html.escape(label.pick(t.language))


# --- differences ------------------------------------------------------------------------------------------------------

_WHAT = {"added": N_("added"), "removed": N_("removed"), "changed": N_("changed"), "moved": N_("order changed")}
_SUBJECTS = {
    "rubric": N_("Rubric"), "dimension": N_("Dimension"), "criterion": N_("Criterion"), "owner": N_("Owner"),
    "root_cause": N_("Root cause"),
}  # fmt: skip


def show_changes(page: Page, old: Rubric, new: Rubric) -> None:
    """A table of what differs from `old` to `new`; says so when nothing does."""
    t = page.t
    rows = [
        {
            t("What"): f"{t(_SUBJECTS[change.subject])} {naming.subject_name(page, change, old, new)}".strip(),
            t("Change"): t(_WHAT[change.what]),
            t("Field"): t(naming.FIELDS.get(change.field, change.field)),
            t("Before"): _value(t, change, old, change.before),
            t("After"): _value(t, change, new, change.after),
        }
        for change in diff(old, new)
    ]
    if rows:
        st.dataframe(rows, hide_index=True)
    else:
        st.caption(t("The two versions are equal."))


def _value(t: Translator, change: Change, rubric: Rubric, value: Any) -> str:
    """One side of a change; what names something else of `rubric` is shown by its name."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return t("yes") if value else t("no")
    if change.field in POINTS and isinstance(value, int):
        return points_text(value)
    if change.field == "kind":
        return KINDS[Kind(value)].label.pick(t.language)
    if change.field == "levels":
        return "; ".join(
            f"{points_text(level['points'])} {Label.from_dict(level['label']).pick(t.language)}" for level in value
        )
    if change.field in ("order", "dimension", "owner"):
        subject = change.subject if change.field == "order" else change.field
        names = [naming.label_of(rubric, subject, one) for one in (value if isinstance(value, list) else [value])]
        return t(", ").join(label.pick(t.language) for label in names)
    if change.field == "sources":
        return t(", ").join(t(SOURCE_NAMES.get(one, one)) for one in value)
    if isinstance(value, dict) and {"zh", "en"} >= set(value):
        return " / ".join(text for text in (value.get("zh", ""), value.get("en", "")) if text)
    if isinstance(value, list):
        return t(", ").join(Label.from_dict(item).pick(t.language) for item in value if isinstance(item, dict))
    return str(value)
