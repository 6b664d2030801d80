"""The form of one criterion, or of one dimension: every field with what is wrong with it below, the sum as one
types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import streamlit as st

from pages.kit.dialogs import done, open_dialog
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.screens.rubrics import working
from pages.screens.rubrics.naming import problem_text
from pages.screens.rubrics.working import centi
from scoring.label import EMPTY, Label
from scoring.rubric import KINDS, Criterion, Dimension, Kind, Level, Problem, Rubric, check, fresh_id, points_text

MOST_LEVELS = 10


@dataclass(frozen=True)
class CriterionPlace:
    """Where in the form: the dimension, and the row of the criterion in it; one past the last is a new one."""

    dimension: int
    row: int = -1


def open_criterion(rubric: Rubric, place: CriterionPlace) -> None:
    """Fill the form with the criterion at `place` and open it; for callbacks."""
    criteria = rubric.dimensions[place.dimension].criteria
    criterion = criteria[place.row] if place.row < len(criteria) else Criterion("", EMPTY, Kind.DEDUCTION, 0)
    fields: Mapping[str, object] = {
        "zh": criterion.label.zh, "en": criterion.label.en, "kind": criterion.kind.value,
        "points": criterion.points / 100, "each": criterion.each / 100, "na": criterion.allow_na,
        "help_zh": criterion.help.zh, "help_en": criterion.help.en, "levels": max(len(criterion.levels), 2),
    }  # fmt: skip
    for name, value in fields.items():
        st.session_state[f"criterion_{name}"] = value
    for number in range(MOST_LEVELS):
        level = criterion.levels[number] if number < len(criterion.levels) else Level(0, EMPTY)
        for name, text in (("points", level.points / 100), ("zh", level.label.zh), ("en", level.label.en)):
            st.session_state[f"criterion_level_{number}_{name}"] = text
    open_dialog("criterion", place)


def open_dimension(rubric: Rubric, place: int) -> None:
    """The same for a dimension."""
    known = rubric.dimensions[place] if place < len(rubric.dimensions) else Dimension("", EMPTY, 0, ())
    st.session_state["dimension_zh"], st.session_state["dimension_en"] = known.label.zh, known.label.en
    st.session_state["dimension_points"] = known.points / 100
    open_dialog("dimension", place)


def criterion_form(page: Page, rubric: Rubric, place: CriterionPlace, taken: Sequence[str]) -> None:
    """The body of the dialog; `taken` are the ids that may not be given to something new."""
    _ = page.t
    dimension = rubric.dimensions[place.dimension]
    new = place.row >= len(dimension.criteria)
    known = Criterion("", EMPTY, Kind.DEDUCTION, 0) if new else dimension.criteria[place.row]
    typed = _typed(page, known)
    if new:
        typed = replace(typed, id=fresh_id(typed.label.en, {*taken, *(c.id for c in rubric.criteria)}, "criterion"))
    after = working.with_criterion(rubric, place.dimension, place.row, typed)
    found = [problem for problem in check(after) if problem.path.startswith(f"criteria.{typed.id}")]
    for problem in found:
        st.markdown(f":orange[{escape(problem_text(page, after, problem))}]")
    st.caption(_sum(page, after.dimensions[place.dimension]))
    with st.container(horizontal=True):
        if st.button(_("Take over"), key="criterion_take", type="primary", disabled=bool(found)):
            working.alter(lambda rubric: working.with_criterion(rubric, place.dimension, place.row, typed))
            done()
        if not new:
            _order(page, place, len(dimension.criteria))
            if st.button(_("Remove"), key="criterion_remove", icon=":material/delete:"):
                working.alter(lambda rubric: working.with_criterion(rubric, place.dimension, place.row, None))
                done()
    if not new:
        st.caption(_("Id in files and history: {id}", id=typed.id))


def _order(page: Page, place: CriterionPlace, many: int) -> None:
    _ = page.t
    for by, label, icon in ((-1, _("Up"), "arrow_upward"), (1, _("Down"), "arrow_downward")):
        if st.button(
            label, key=f"criterion_move_{by}", icon=f":material/{icon}:", disabled=not 0 <= place.row + by < many
        ):
            working.alter(partial(working.moved, place=place.dimension, row=place.row, by=by))
            done()


def _typed(page: Page, known: Criterion) -> Criterion:
    """The criterion as the fields say it now."""
    _ = page.t
    left, right = st.columns(2)
    zh = left.text_input(_("Name in Chinese"), key="criterion_zh")
    en = right.text_input(_("Name in English (optional)"), key="criterion_en")
    first, second, third, fourth = st.columns([3, 2, 2, 2], vertical_alignment="bottom")
    kind = Kind(
        first.selectbox(
            _("Kind"), [kind.value for kind in Kind], key="criterion_kind",
            format_func=lambda name: KINDS[Kind(name)].label.pick(_.language),
        )
    )  # fmt: skip
    spec = KINDS[kind]
    points = second.number_input(_("Points"), 0.0, 100.0, step=0.5, key="criterion_points")
    each = 0.0
    if spec.counted:
        each = third.number_input(
            _("Each time"), 0.0, 100.0, step=0.5, key="criterion_each", help=_("0: all of its points at once.")
        )
    na = fourth.checkbox(_("May be N/A"), key="criterion_na")
    levels = _levels(page) if spec.graded else ()
    left, right = st.columns(2)
    help_zh = left.text_area(_("Help in Chinese (optional)"), key="criterion_help_zh", height=80)
    help_en = right.text_area(_("Help in English (optional)"), key="criterion_help_en", height=80)
    return replace(
        known, label=Label(zh.strip(), en.strip()), kind=kind, points=centi(points), each=centi(each), allow_na=na,
        levels=levels, help=Label(help_zh.strip(), help_en.strip()),
    )  # fmt: skip


def _levels(page: Page) -> tuple[Level, ...]:
    """The levels of a scale, the worst first."""
    _ = page.t
    many = st.number_input(_("Levels, the worst first"), 2, MOST_LEVELS, step=1, key="criterion_levels", width=180)
    levels = []
    for number in range(int(many)):
        points, zh, en = st.columns([1, 2, 2])
        key = f"criterion_level_{number}"
        shown: Literal["visible", "collapsed"] = "collapsed" if number else "visible"
        earned = points.number_input(
            _("Earns"),
            0.0,
            100.0,
            step=0.5,
            key=f"{key}_points",
            label_visibility=shown,
        )
        label = Label(
            zh.text_input(_("Chinese"), key=f"{key}_zh", label_visibility=shown).strip(),
            en.text_input(_("English (optional)"), key=f"{key}_en", label_visibility=shown).strip(),
        )
        levels.append(Level(centi(earned), label))
    return tuple(levels)


def sum_of(dimension: Dimension) -> int:
    """Centi-points of its criteria; bonuses come on top."""
    return sum(criterion.points for criterion in dimension.criteria if criterion.judged)


def _sum(page: Page, dimension: Dimension) -> str:
    """How far the criteria of a dimension fill it."""
    _ = page.t
    found, worth = sum_of(dimension), dimension.points
    said = _("Criteria add up to {sum} of {points} points.", sum=points_text(found), points=points_text(worth))
    if found < worth:
        return f"{said} {_('{points} are missing.', points=points_text(worth - found))}"
    if found > worth:
        return f"{said} {_('{points} too many.', points=points_text(found - worth))}"
    return said


def dimension_form(page: Page, rubric: Rubric, place: int, taken: Sequence[str]) -> None:
    """The body of the dialog of a dimension."""
    _ = page.t
    new = place >= len(rubric.dimensions)
    known = Dimension("", EMPTY, 0, ()) if new else rubric.dimensions[place]
    left, right, worth = st.columns([2, 2, 1])
    zh = left.text_input(_("Name in Chinese"), key="dimension_zh")
    en = right.text_input(_("Name in English (optional)"), key="dimension_en")
    points = worth.number_input(_("Points"), 0.0, 100.0, step=0.5, key="dimension_points")
    label = Label(zh.strip(), en.strip())
    name = fresh_id(label.en, {*taken, *(d.id for d in rubric.dimensions)}, "dimension") if new else known.id
    typed = replace(known, id=name, label=label, points=centi(points))
    after = working.with_dimension(rubric, place, typed)
    found: list[Problem] = [problem for problem in check(after) if problem.path.startswith(f"dimensions.{name}.label")]
    for problem in found:
        st.markdown(f":orange[{escape(problem_text(page, after, problem))}]")
    st.caption(
        _(
            "The dimensions add up to {sum} of {points} points.",
            sum=points_text(after.points),
            points=points_text(10_000),
        )
    )
    with st.container(horizontal=True):
        if st.button(_("Take over"), key="dimension_take", type="primary", disabled=bool(found)):
            working.alter(lambda rubric: working.with_dimension(rubric, place, typed))
            done()
        empty = not new and not known.criteria
        if empty and st.button(_("Remove"), key="dimension_remove", icon=":material/delete:"):
            working.alter(lambda rubric: working.with_dimension(rubric, place, None))
            done()
