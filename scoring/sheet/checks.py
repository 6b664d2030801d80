"""What a rubric forbids on a sheet, field by field."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from scoring.rubric import Criterion, Problem, Rubric
from scoring.sheet.marks import CLEARED, CONFIRMED, MAX_NOTE, Mark, Sheet


def check(
    rubric: Rubric, sheet: Sheet, *, seqs: Collection[int] | None = None, rules: Collection[str] | None = None
) -> tuple[Problem, ...]:
    """Everything in `sheet` that `rubric` forbids. `seqs` are the messages evidence may name, `rules` the red lines
    that have hits (None: not checked)."""
    return tuple(_problems(rubric, sheet, seqs, rules))


def _problems(
    rubric: Rubric, sheet: Sheet, seqs: Collection[int] | None, rules: Collection[str] | None
) -> Iterator[Problem]:
    seen: set[str] = set()
    owners, causes = {owner.id for owner in rubric.owners}, {cause.id for cause in rubric.root_causes}
    for mark in sheet.marks:
        path = f"marks.{mark.criterion_id}"
        criterion = rubric.find(mark.criterion_id)
        if criterion is None:
            yield Problem(path, "unknown_criterion", {"id": mark.criterion_id})
            continue
        if mark.criterion_id in seen:
            yield Problem(path, "marked_twice", {"id": mark.criterion_id})
        seen.add(mark.criterion_id)
        yield from _value_problems(path, criterion, mark)
        if mark.owner not in owners:
            yield Problem(f"{path}.owner", "unknown_owner", {"owner": mark.owner})
        if mark.root_cause and mark.root_cause not in causes:
            yield Problem(f"{path}.root_cause", "unknown_cause", {"cause": mark.root_cause})
        if len(mark.note) > MAX_NOTE:
            yield Problem(f"{path}.note", "long_note", {"length": len(mark.note), "limit": MAX_NOTE})
        for seq in mark.evidence if seqs is not None else ():
            if seq not in seqs:  # type: ignore[operator]
                yield Problem(f"{path}.evidence", "no_message", {"seq": seq})
    yield from _hit_problems(sheet, seqs, rules)
    if len(sheet.comment) > MAX_NOTE:
        yield Problem("comment", "long_note", {"length": len(sheet.comment), "limit": MAX_NOTE})
    marks = {mark.criterion_id: mark for mark in sheet.marks}
    if not any(applies(criterion, marks) for criterion in rubric.criteria if criterion.judged):
        yield Problem("marks", "nothing_applies", {})


def _value_problems(path: str, criterion: Criterion, mark: Mark) -> Iterator[Problem]:
    if mark.na and not criterion.allow_na:
        yield Problem(path, "na_not_allowed", {"id": criterion.id})
    if mark.na and mark.value is not None:
        yield Problem(path, "na_with_value", {"id": criterion.id, "value": mark.value})
    elif mark.value is not None and not 0 <= mark.value <= criterion.max_count:
        yield Problem(f"{path}.value", "value_range", {"value": mark.value, "limit": criterion.max_count})


def _hit_problems(sheet: Sheet, seqs: Collection[int] | None, rules: Collection[str] | None) -> Iterator[Problem]:
    seen: set[tuple[str, int]] = set()
    for hit in sheet.hits:
        path = f"hits.{hit.rule_id}"
        if (hit.rule_id, hit.seq) in seen:
            yield Problem(path, "decided_twice", {"rule": hit.rule_id, "seq": hit.seq})
        seen.add((hit.rule_id, hit.seq))
        if hit.decision not in (CONFIRMED, CLEARED):
            yield Problem(path, "unknown_decision", {"decision": hit.decision})
        if not hit.reason.strip():
            yield Problem(f"{path}.reason", "reason_missing", {"rule": hit.rule_id})
        if len(hit.reason) > MAX_NOTE:
            yield Problem(f"{path}.reason", "long_note", {"length": len(hit.reason), "limit": MAX_NOTE})
        if rules is not None and hit.rule_id not in rules:
            yield Problem(path, "unknown_rule", {"rule": hit.rule_id})
        if seqs is not None and hit.seq not in seqs:
            yield Problem(path, "no_message", {"seq": hit.seq})


def applies(criterion: Criterion, marks: Mapping[str, Mark]) -> bool:
    return not (criterion.id in marks and marks[criterion.id].na)
