"""Editing a draft: the criteria as tables, checked and previewed as one types; saving and publishing are explicit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl
import streamlit as st

from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import confirm, showing_errors
from pages.screens.rubrics import card
from qa.errors import Invalid
from qa.i18n import C_, N_
from qa.rubrics import versions
from scoring.label import EMPTY, Label
from scoring.rubric import Criterion, Dimension, Kind, Level, Rubric, check, diff, points_text, to_toml

_SCHEMA = {
    "id": pl.String, "zh": pl.String, "en": pl.String, "kind": pl.String, "points": pl.Float64, "each": pl.Float64,
    "allow_na": pl.Boolean, "levels": pl.String, "help_zh": pl.String, "help_en": pl.String,
}  # fmt: skip


def edit(page: Page, view: versions.VersionView, base: Rubric | None) -> None:
    """The editor of one draft; `base` is the published version to compare with."""
    _ = page.t
    with showing_errors(page):
        rubric = _form(page, view)
        _judge(page, view, rubric)
        look, compare, file = st.tabs([_("Preview"), _("Changes"), _(C_("rubric", "File"))])
        with look:
            card.show(page, rubric)
        with compare:
            if base is None:
                st.caption(_("There is no published version to compare with."))
            else:
                card.show_changes(page, diff(base, rubric))
        with file:
            _file(page, view, rubric)


def _form(page: Page, view: versions.VersionView) -> Rubric:
    """The draft as it stands in the browser."""
    _, rubric, key = page.t, view.rubric, view.content_hash[:8]
    zh, en, line, tolerance = st.columns([3, 3, 1, 1])
    name = Label(
        zh.text_input(_("Name in Chinese"), rubric.name.zh, key=f"name_zh_{key}"),
        en.text_input(_("Name in English"), rubric.name.en, key=f"name_en_{key}"),
    )
    pass_line = line.number_input(_("Pass line"), 0.0, 100.0, rubric.pass_line / 100, 0.5, key=f"pass_{key}")
    spread = tolerance.number_input(
        _("Tolerance"),
        0.0,
        100.0,
        rubric.tolerance / 100,
        0.5,
        key=f"tolerance_{key}",
        help=_("Two inspectors who differ by more go to the lead."),
    )
    dimensions = tuple(
        _dimension(page, dimension, f"{key}_{number}") for number, dimension in enumerate(rubric.dimensions)
    )
    return replace(rubric, name=name, pass_line=_centi(pass_line), tolerance=_centi(spread), dimensions=dimensions)


def _dimension(page: Page, dimension: Dimension, key: str) -> Dimension:
    _ = page.t
    head, worth = st.columns([5, 1], vertical_alignment="bottom")
    head.markdown(f"**{escape(dimension.label.pick(_.language))}**")
    points = worth.number_input(_("Points"), 0.0, 100.0, dimension.points / 100, 0.5, key=f"worth_{key}")
    frame = pl.DataFrame([_row(criterion) for criterion in dimension.criteria], schema=_SCHEMA)
    edited = st.data_editor(
        frame, num_rows="dynamic", hide_index=True, key=f"criteria_{key}", column_config=_columns(page)
    )
    known = {criterion.id: criterion for criterion in dimension.criteria}
    rows = [row for row in edited.to_dicts() if any(value not in (None, "", False) for value in row.values())]
    return replace(dimension, points=_centi(points), criteria=tuple(_criterion(row, known) for row in rows))


def _columns(page: Page) -> dict[str, Any]:
    _, config = page.t, st.column_config
    return {
        "id": config.TextColumn(
            _("Id"),
            help=_("Stays the same for ever; renaming the label never loses history."),
            required=True,
            width="small",
        ),
        "zh": config.TextColumn(_("Chinese"), required=True),
        "en": config.TextColumn(_("English"), required=True),
        "kind": config.SelectboxColumn(_("Kind"), options=[kind.value for kind in Kind], required=True, width="small"),
        "points": config.NumberColumn(_("Points"), min_value=0, max_value=100, step=0.01, required=True, width="small"),
        "each": config.NumberColumn(
            _("Each"),
            min_value=0,
            max_value=100,
            step=0.01,
            width="small",
            help=_("Points of one occurrence; empty means all at once."),
        ),
        "allow_na": config.CheckboxColumn(_("N/A"), width="small"),
        "levels": config.TextColumn(
            _("Levels"), help=_("For scales, worst first: points = Chinese / English; points = …")
        ),
        "help_zh": config.TextColumn(_("Help in Chinese")),
        "help_en": config.TextColumn(_("Help in English")),
    }


def _row(criterion: Criterion) -> dict[str, Any]:
    return {
        "id": criterion.id,
        "zh": criterion.label.zh,
        "en": criterion.label.en,
        "kind": criterion.kind.value,
        "points": criterion.points / 100,
        "each": criterion.each / 100 if criterion.each else None,
        "allow_na": criterion.allow_na,
        "levels": "; ".join(
            f"{points_text(level.points)} = {level.label.zh} / {level.label.en}" for level in criterion.levels
        ),
        "help_zh": criterion.help.zh,
        "help_en": criterion.help.en,
    }


def _criterion(row: Mapping[str, Any], known: Mapping[str, Criterion]) -> Criterion:
    kind = Kind(row["kind"] or Kind.DEDUCTION)
    base = known.get(row["id"] or "") or Criterion(row["id"] or "", EMPTY, kind, 0)
    return replace(
        base,
        kind=kind,
        label=Label(row["zh"] or "", row["en"] or ""),
        points=_centi(row["points"]),
        each=_centi(row["each"]),
        allow_na=bool(row["allow_na"]),
        levels=parse_levels(row["levels"] or ""),
        help=Label(row["help_zh"] or "", row["help_en"] or ""),
    )


def parse_levels(text: str) -> tuple[Level, ...]:
    """`0 = 差 / poor; 4 = 好 / good` as levels. Raises `Invalid` showing the part that does not fit."""
    levels = []
    for part in text.replace("；", ";").split(";"):
        if not part.strip():
            continue
        points, equals, labels = part.replace("＝", "=").partition("=")
        zh, _slash, en = labels.replace("／", "/").partition("/")
        try:
            if not equals:
                raise InvalidOperation
            levels.append(Level(_centi(Decimal(points.strip())), Label(zh.strip(), en.strip())))
        except InvalidOperation:
            raise Invalid(
                N_("Levels: “{part}” is not of the form “points = Chinese / English”."), part=part.strip()
            ) from None
    return tuple(levels)


def _centi(points: float | Decimal | None) -> int:
    """Points as typed, to 1/100; the decimal text is what the person saw, so it is what counts."""
    return round(Decimal(str(points or 0)) * 100)


def _judge(page: Page, view: versions.VersionView, rubric: Rubric) -> None:
    """Problems as one types, and the buttons."""
    _ = page.t
    problems = check(rubric)
    changed = rubric.content_hash != view.content_hash
    if problems:
        lines = [f"- {escape(_.error(versions.problem_error(problem)))}" for problem in problems[:12]]
        st.warning("\n".join([_("Before this can be published:"), "", *lines]), icon=":material/rule:")
    else:
        st.success(_("Points add up, ids are unique, both languages are complete."), icon=":material/check:")
    save, publish, discard, _rest = st.columns([1, 1, 1, 3])
    with save:
        if st.button(
            _("Save draft"), disabled=not changed, type="secondary" if not changed else "primary", key="save_draft"
        ):
            versions.save_draft(
                page.bench, page.actor, now=page.now, version_id=view.id, seen_hash=view.content_hash, rubric=rubric
            )
            st.rerun()
    with publish:
        question = _(
            "Once published, this version can never be changed. New plans score on it; draws already published keep"
            " theirs."
        )
        if confirm(page, _("Publish"), question, key="publish_draft", disabled=bool(problems) or changed):
            versions.publish(page.bench, page.actor, now=page.now, version_id=view.id, seen_hash=view.content_hash)
            st.rerun()
    with discard:
        if confirm(page, _("Discard"), _("The draft and its changes will be gone."), key="discard_draft"):
            versions.discard_draft(page.bench, page.actor, now=page.now, version_id=view.id)
            st.rerun()


def _file(page: Page, view: versions.VersionView, rubric: Rubric) -> None:
    _ = page.t
    st.download_button(
        _("Download as TOML"),
        to_toml(rubric),
        f"{rubric.id}-v{rubric.version}.toml",
        "application/toml",
        on_click="ignore",
        key="rubric_toml",
    )
    upload = st.file_uploader(
        _("Replace the draft by a TOML file"), type=["toml"], key=f"rubric_upload_{view.content_hash[:8]}"
    )
    if upload is not None and st.button(_("Use this file"), key="use_file"):
        try:
            text = upload.getvalue().decode("utf-8-sig")
        except UnicodeDecodeError as problem:
            raise Invalid(N_("The file is not UTF-8 text. Save it as UTF-8 and try again.")) from problem
        loaded = replace(versions.read_toml(text), id=rubric.id, version=rubric.version)
        versions.save_draft(
            page.bench, page.actor, now=page.now, version_id=view.id, seen_hash=view.content_hash, rubric=loaded
        )
        st.rerun()
