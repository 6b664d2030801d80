"""Marks in words and as choices: what a mark of a criterion comes to, and every mark it could have."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from pages.kit.desk.conversation import Span
from qa.i18n import Translator
from scoring.label import Label
from scoring.rubric import AGENT, Criterion, Rubric
from scoring.sheet import CONFIRMED, HitDecision, Mark, value_of

NA = "na"
"""The choice “not applicable” beside the numbers."""

STYLE = """<style>
.cal-row{display:grid;grid-template-columns:10rem 1fr 1fr;gap:.2rem .9rem;padding:.3rem 0;
border-bottom:1px solid var(--sc-line);line-height:1.5}
.cal-row>*{overflow-wrap:anywhere;min-width:0}
.cal-row small{display:block;color:var(--sc-muted)}
.cal-head{color:var(--sc-muted);font-size:.88rem}
.cal-head b{color:var(--sc-ink)}
.cal-open{border:0;padding:.5rem 0 0}
</style>"""


def choices(criterion: Criterion) -> list[str]:
    """All marks this criterion can have, as text: values from nothing to object to downwards, then N/A."""
    values = range(criterion.max_count + 1) if criterion.default == 0 else range(criterion.max_count, -1, -1)
    return [*map(str, values), *([NA] if criterion.allow_na else [])]


def chosen(criterion: Criterion, choice: str, *, note: str = "") -> Mark:
    """The mark that a choice stands for."""
    return Mark(criterion.id, na=True, note=note) if choice == NA else Mark(criterion.id, int(choice), note=note)


def choice_of(criterion: Criterion, mark: Mark | None) -> str:
    """The choice that a mark is; no mark is nothing to object to."""
    value = value_of(criterion, mark)
    return NA if value is None else str(value)


def choice_text(t: Translator, criterion: Criterion, choice: str) -> str:
    """What a choice means, with its points."""
    if choice == NA:
        return t("N/A")
    value = int(choice)
    points = (
        f"+{t.points(criterion.gain(value))}"
        if criterion.gain(value)
        else f"−{t.points(criterion.loss(value))}"
        if criterion.loss(value)
        else "0"
    )
    if criterion.spec.graded:
        return f"{points} · {criterion.levels[value].label.pick(t.language)}"
    return f"{points} · ×{value}" if criterion.max_count > 1 and value > 1 else points


def mark_html(t: Translator, rubric: Rubric, criterion: Criterion, mark: Mark | None) -> str:
    """One mark for reading: points, who answers for it, the note and the messages it rests on."""
    text = html.escape(choice_text(t, criterion, choice_of(criterion, mark)))
    if mark is None:
        return f"<span>{text}</span>"
    owner = (
        next((one.label.pick(t.language) for one in rubric.owners if one.id == mark.owner), mark.owner)
        if mark.owner != AGENT
        else ""
    )
    rest = [
        owner,
        mark.note,
        t("messages {numbers}", numbers=", ".join(str(seq + 1) for seq in mark.evidence)) if mark.evidence else "",
    ]
    return f"<span>{text}" + "".join(f"<small>{html.escape(line)}</small>" for line in rest if line) + "</span>"


def hits_html(t: Translator, hits: Sequence[HitDecision]) -> str:
    """One side's decisions on a red line."""
    if not hits:
        return f"<span>{html.escape(t('not seen'))}</span>"
    confirmed = [hit for hit in hits if hit.decision == CONFIRMED]
    said = " · ".join(dict.fromkeys(hit.reason for hit in confirmed or hits if hit.reason))
    word = (
        f'<span class="sc-vermilion">{html.escape(t("Confirmed"))}</span>' if confirmed else html.escape(t("Cleared"))
    )
    return f"<span>{word}<small>{html.escape(said)}</small></span>"


def row_html(label: str, *cells: str, kind: str = "") -> str:
    """One line of the comparison; `cells` are HTML already."""
    return f'<div class="cal-row {kind}"><span>{html.escape(label)}</span>{"".join(cells)}</div>'


def spans(t: Translator, found: Sequence[tuple[int, int, int, str]], labels: Mapping[str, Label]) -> list[Span]:
    """What screening found, for marking it in the transcript."""
    return [
        Span(seq, start, end, rule, labels[rule].pick(t.language) if rule in labels else rule)
        for seq, start, end, rule in found
    ]
