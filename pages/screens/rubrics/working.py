"""The draft as it stands in the browser: what the forms change, until it is saved or thrown away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

import streamlit as st

from qa.rubrics.versions import VersionView
from scoring.rubric import Criterion, Dimension, Rubric

_KEY = "rubric_work"


@dataclass(frozen=True)
class WorkingDraft:
    """A draft under work: `base` is what was saved when it was opened, `rubric` what it is now."""

    version_id: int
    base: Rubric
    base_hash: str
    rubric: Rubric

    @property
    def changed(self) -> bool:
        """Whether there is anything to save."""
        return self.rubric.content_hash != self.base_hash


def working(view: VersionView) -> WorkingDraft:
    """The work on this draft. Where nothing is unsaved, it follows what others save."""
    work = st.session_state.get(_KEY)
    if not isinstance(work, WorkingDraft) or work.version_id != view.id or not work.changed:
        work = WorkingDraft(view.id, view.rubric, view.content_hash, view.rubric)
        st.session_state[_KEY] = work
    return work


def alter(change: Callable[[Rubric], Rubric]) -> None:
    """Change the draft under work."""
    work: WorkingDraft = st.session_state[_KEY]
    st.session_state[_KEY] = replace(work, rubric=change(work.rubric))


def forget() -> None:
    """Throw away what is not saved."""
    st.session_state.pop(_KEY, None)


def with_dimension(rubric: Rubric, place: int, dimension: Dimension | None) -> Rubric:
    """`rubric` with the dimension at `place` replaced, added (one past the last) or taken out (None)."""
    kept = [*rubric.dimensions]
    kept[place : place + 1] = [] if dimension is None else [dimension]
    return replace(rubric, dimensions=tuple(kept))


def with_criterion(rubric: Rubric, place: int, row: int, criterion: Criterion | None) -> Rubric:
    """The same for the criterion in `row` of the dimension at `place`."""
    dimension = rubric.dimensions[place]
    kept = [*dimension.criteria]
    kept[row : row + 1] = [] if criterion is None else [criterion]
    return with_dimension(rubric, place, replace(dimension, criteria=tuple(kept)))


def moved(rubric: Rubric, place: int, row: int, by: int) -> Rubric:
    """The criterion moved up (−1) or down (1) within its dimension; at the end it stays."""
    criteria = [*rubric.dimensions[place].criteria]
    if 0 <= row + by < len(criteria):
        criteria[row], criteria[row + by] = criteria[row + by], criteria[row]
    return with_dimension(rubric, place, replace(rubric.dimensions[place], criteria=tuple(criteria)))


def centi(points: float | None) -> int:
    """Points as typed, to 1/100; the decimal text is what the person saw, so it is what counts."""
    return round(Decimal(str(points or 0)) * 100)
