"""An outcome in words: one line for everything that moved points, in the order of the form, adding up to the total."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scoring.label import EMPTY, Label
from scoring.rubric import Rubric
from scoring.sheet import Line, Outcome


@dataclass(frozen=True, slots=True)
class Explanation:
    """One line for a reader: what it is about, what was judged, and what it did to the total (centi-points).

    `nominal` is what it would have done had the agent owned it; `owner` and `root_cause` are texts, empty where they
    say nothing.
    """

    kind: str
    id: str
    title: str
    detail: str
    points: int
    nominal: int
    counts: bool
    owner: str
    root_cause: str
    note: str
    evidence: tuple[int, ...]


_STARTS = Label("起始分", "starts with")
_NOT_APPLICABLE = Label("不适用", "not applicable")
_TIMES = Label("{n} 次", "{n} ×")
_BONUS = Label("加分", "bonus")
_SCALED = Label("不适用的维度退出后，按满分折算", "Scaled to full points, since a dimension does not apply")
_REDLINE = Label("红线", "Red line")
_EFFECTS: Mapping[str, Label] = {
    "flag": Label("仅标记，不影响得分", "flagged, no effect on the score"),
    "cap": Label("总分封顶", "total is capped"),
    "zero_dimension": Label("该维度记零分", "dimension set to zero"),
    "zero_form": Label("总分记零分", "total set to zero"),
}


def explain(
    outcome: Outcome, rubric: Rubric, language: str, rules: Mapping[str, Label] | None = None
) -> tuple[Explanation, ...]:
    """The lines of `outcome` in `language`; `rules` gives names of red lines. Their points add up to the total."""
    return tuple(_explained(line, rubric, language, rules or {}) for line in outcome.lines)


def _explained(line: Line, rubric: Rubric, language: str, rules: Mapping[str, Label]) -> Explanation:
    owners = {owner.id: owner.label for owner in rubric.owners}
    causes = {cause.id: cause.label for cause in rubric.root_causes}
    judged = line.kind in ("loss", "bonus", "na")
    return Explanation(
        kind=line.kind,
        id=line.id,
        title=_title(line, rubric, language, rules),
        detail=_detail(line, rubric, language),
        points=line.points,
        nominal=line.nominal,
        counts=line.counts,
        owner=owners.get(line.owner, EMPTY).pick(language) if judged and not line.counts else "",
        root_cause=causes.get(line.root_cause, EMPTY).pick(language),
        note=line.note,
        evidence=line.evidence,
    )


def _title(line: Line, rubric: Rubric, language: str, rules: Mapping[str, Label]) -> str:
    if line.kind == "scaled":
        return _SCALED.pick(language)
    if line.kind == "redline":
        name = rules.get(line.id, EMPTY).pick(language)
        return f"{_REDLINE.pick(language)} {line.id} {name}".rstrip()
    if line.kind == "dimension":
        return next((d.label.pick(language) for d in rubric.dimensions if d.id == line.id), line.id)
    criterion = rubric.find(line.id)
    return criterion.label.pick(language) if criterion else line.id


def _detail(line: Line, rubric: Rubric, language: str) -> str:
    if line.kind == "dimension":
        return _STARTS.pick(language)
    if line.kind == "na":
        return _NOT_APPLICABLE.pick(language)
    if line.kind == "redline":
        return _EFFECTS.get(line.effect, EMPTY).pick(language)
    criterion = rubric.find(line.id)
    if criterion is None or line.value is None:
        return ""
    if word := criterion.word(line.value):
        return word.pick(language)
    if criterion.max_count == 1:
        return _BONUS.pick(language) if criterion.spec.adds else ""
    return _TIMES.pick(language).replace("{n}", str(line.value))
