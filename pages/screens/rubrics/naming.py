"""What is wrong with a rubric, and what changed in it, by the names people gave: no ids, no names of fields."""

from __future__ import annotations

from collections.abc import Mapping

from pages.kit.guard import Page
from qa.i18n import C_, N_
from qa.rubrics import versions
from scoring.label import Label
from scoring.problem import Problem
from scoring.rubric import Change, Rubric

FIELDS: Mapping[str, str] = {
    "label": C_("rubric", "Name"),
    "name": C_("rubric", "Name"),
    "points": N_("Points"),
    "each": N_("Each time"),
    "kind": N_("Kind"),
    "levels": N_("Levels"),
    "allow_na": N_("May be N/A"),
    "help": N_("Help"),
    "anchors": N_("Examples"),
    "origin": N_("Source"),
    "unverified": N_("Source not verified"),
    "dimension": N_("Dimension"),
    "pass_line": N_("Pass line"),
    "tolerance": N_("Tolerance"),
    "note": N_("Note on the scorecard"),
    "sources": N_("Made for"),
    "owner": N_("Owner"),
    "order": C_("rubric", "Order"),
}
LANGUAGES: Mapping[str, str] = {"zh": N_("in Chinese"), "en": N_("in English")}
_PLACES: Mapping[str, str] = {
    "dimensions": "dimension",
    "criteria": "criterion",
    "owners": "owner",
    "root_causes": "root_cause",
}


def problem_text(page: Page, rubric: Rubric, problem: Problem) -> str:
    """A problem as a sentence that names the criterion and the field as the form does."""
    error = versions.problem_error(problem)
    return page.t(error.msgid, **{**error.facts, "path": _path(page, rubric, problem.path)})


def _path(page: Page, rubric: Rubric, path: str) -> str:
    kind, _dot, rest = path.partition(".")
    names = _labels(rubric)
    if kind in _PLACES:
        item, _dot, rest = rest.partition(".")
        found = names.get((_PLACES[kind], item))
        said = [found.pick(page.t.language) if found else item]
    else:
        said, rest = [], path
    said += [
        page.t(FIELDS.get(part, LANGUAGES.get(part, part))) for part in rest.split(".") if part and not part.isdigit()
    ]
    return " · ".join(part for part in said if part)


def subject_name(page: Page, change: Change, *rubrics: Rubric) -> str:
    """The name of what a change is about, in the newest of `rubrics` that has it."""
    if change.subject == "rubric" or not change.id:
        return ""
    found = next((one for one in reversed(rubrics) if (change.subject, change.id) in _labels(one)), rubrics[-1])
    return label_of(found, change.subject, change.id).pick(page.t.language)


def label_of(rubric: Rubric, subject: str, item: str) -> Label:
    """The name of a part of the rubric; its id where it has none."""
    return _labels(rubric).get((subject, item)) or Label(item, item)


def _labels(rubric: Rubric) -> dict[tuple[str, str], Label]:
    found = {("dimension", one.id): one.label for one in rubric.dimensions}
    found |= {("criterion", one.id): one.label for one in rubric.criteria}
    found |= {("owner", one.id): one.label for one in rubric.owners}
    return found | {("root_cause", one.id): one.label for one in rubric.root_causes}
