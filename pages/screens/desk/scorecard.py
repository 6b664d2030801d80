"""A workspace as the browser half needs it: rubric, red lines, precedents, draft and progress in the reader's language.

Pure: takes what the services return and a translator, returns plain data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pages.kit.desk.conversation import Span, header, items, reply_time
from pages.kit.desk.texts import texts
from qa.desk.queue import COUNTED, Progress
from qa.desk.workspace import DeskHit, DeskRule, Workspace
from qa.i18n import N_, Translator
from scoring.redline.rule import Effect, EffectKind, by_strictness
from scoring.rubric import FULL, Criterion, Rubric, points_text

SOURCES: Mapping[str, str] = {"chat": N_("Chat"), "dispute": N_("Dispute"), "rating": N_("Low rating")}


def work(t: Translator, space: Workspace, progress: Progress) -> dict[str, Any]:
    """Everything the desk shows for one place. `id` changes with the place and with every new claim of it."""
    rules = {rule.rule_id: rule for rule in space.rules}
    spans = [_span(t, hit, rules) for hit in space.hits]
    draft = space.draft
    return {
        "mode": "work",
        "id": f"{space.assignment_id}:{space.version}",
        "assignment": space.assignment_id,
        "version": space.version,
        "language": t.language,
        "texts": texts(t),
        "source": t(SOURCES.get(space.source, space.source)),
        "calibration": space.calibration,
        "case": space.source == "dispute",
        "promises": not space.calibration,  # whose status changes with the days, and must not between inspectors
        "header": header(t, space.transcript, space.timing),
        "items": items(t, space.transcript, spans, space.waits, reply_time(t, space.timing)),
        "rubric": rubric(t, space.rubric),
        "rules": _rules(t, rules, space.rubric),
        "hits": _hits(space.hits),
        "precedents": [
            {
                "criterion": p.criterion_id,
                "rule": p.rule_id,
                "title": p.title,
                "lesson": p.lesson,
                "kind": p.kind,
                "href": f"cases?case={p.case_id}",
            }
            for p in space.precedents
        ],
        "suggestions": [
            {"criterion": one.criterion_id, "value": one.value, "seqs": list(one.seqs)} for one in space.suggestions
        ],
        "draft": {"version": draft.version, "content": draft.content, "other": draft.other} if draft else None,
        "progress": pace(t, progress),
    }


def rubric(t: Translator, card: Rubric) -> dict[str, Any]:
    """The scorecard with what `score.js` adds up: losses and gains of each criterion by value, no rule of a kind."""
    return {
        "name": card.name.pick(t.language),
        "full": FULL,
        "pass_line": card.pass_line,
        "owners": [{"id": owner.id, "label": owner.label.pick(t.language)} for owner in card.owners],
        "causes": [
            {"id": cause.id, "label": cause.label.pick(t.language), "owner": cause.owner} for cause in card.root_causes
        ],
        "dimensions": [
            {
                "id": dimension.id,
                "label": dimension.label.pick(t.language),
                "points": dimension.points,
                "criteria": [_criterion(t, criterion) for criterion in dimension.criteria],
            }
            for dimension in card.dimensions
        ],
    }


def pace(t: Translator, progress: Progress) -> dict[str, Any]:
    """The day as three quiet figures."""
    seconds = progress.median_seconds_today
    return {
        "done": progress.done_today,
        "left": f"{progress.open + progress.common}{'+' if progress.common >= COUNTED else ''}",
        "skipped": progress.skipped_today,
        "median": f"{seconds // 60}:{seconds % 60:02d}" if seconds is not None else "",
    }


def _criterion(t: Translator, criterion: Criterion) -> dict[str, Any]:
    """`worth` is its part of the dimension; `losses`, `gains`, `names` and `faces` are indexed by value, `order` is
    how values are offered, `graded` whether the names tell more than the numbers on the buttons."""
    spec, values = criterion.spec, range(criterion.max_count + 1)
    words = [criterion.word(value).pick(t.language) for value in values]
    own = [word[:1].upper() + word[1:] for word in words] if spec.words else []
    return {
        "id": criterion.id,
        "label": criterion.label.pick(t.language),
        "price": _price(criterion),
        "worth": criterion.points if criterion.judged else 0,
        "losses": [criterion.loss(value) for value in values],
        "gains": [criterion.gain(value) for value in values],
        "default": criterion.default,
        "graded": spec.graded,
        "names": own or (words if spec.graded else [f"{value}×" for value in values]),
        "faces": own or [str(value) for value in values],
        "order": [*reversed(values)] if spec.words and not spec.best_first else [*values],
        "na": criterion.allow_na,
        "help": criterion.help.pick(t.language),
        "anchors": [anchor.pick(t.language) for anchor in criterion.anchors],
    }


def _price(criterion: Criterion) -> str:
    """What is at stake, and at how much apiece."""
    sign = "+" if criterion.spec.adds else ""
    apiece = criterion.each not in (0, criterion.points)
    each = f" · {points_text(criterion.each)} × {criterion.max_count}" if apiece else ""
    return f"{sign}{points_text(criterion.points)}{each}"


def effects(rules: Mapping[str, Effect]) -> dict[str, dict[str, Any]]:
    """What each red line does to the score: the dimension it zeroes, the most it leaves of the total, and its place in
    the order in which they act."""
    return {
        rule: {"zeroes": rules[rule].zeroes, "limit": rules[rule].limit, "order": place}
        for place, rule in enumerate(by_strictness(rules))
    }


def _rules(t: Translator, rules: Mapping[str, DeskRule], card: Rubric) -> dict[str, dict[str, Any]]:
    acting = effects({rule_id: rule.effect for rule_id, rule in rules.items()})
    return {
        rule_id: {
            "label": rule.label.pick(t.language) or rule_id,
            "basis": rule.basis.pick(t.language),
            "effect": acting[rule_id],
            "effect_text": effect_text(t, rule.effect, card),
        }
        for rule_id, rule in rules.items()
    }


def effect_text(t: Translator, effect: Effect, card: Rubric) -> str:
    """What a confirmed red line does to the score, in words."""
    if effect.kind is EffectKind.CAP:
        return t("caps the total at {points}", points=t.points(effect.cap or 0, 0))
    if effect.kind is EffectKind.ZERO_FORM:
        return t("sets the total to 0")
    if effect.kind is EffectKind.ZERO_DIMENSION:
        names = {dimension.id: dimension.label.pick(t.language) for dimension in card.dimensions}
        return t("sets {dimension} to 0", dimension=names.get(effect.dimension or "", effect.dimension or ""))
    return t("is recorded, the score stays")


def _span(t: Translator, hit: DeskHit, rules: Mapping[str, DeskRule]) -> Span:
    rule = rules.get(hit.rule_id)
    title = rule.label.pick(t.language) if rule else hit.rule_id
    return Span(
        hit.seq, hit.start, hit.end, hit.rule_id, title or hit.rule_id, rule.basis.pick(t.language) if rule else ""
    )


def _hits(hits: tuple[DeskHit, ...]) -> list[dict[str, Any]]:
    """One decision a rule and message, however many places of the message match."""
    merged: dict[tuple[str, int], list[str]] = {}
    for hit in hits:
        merged.setdefault((hit.rule_id, hit.seq), []).append(hit.matched)
    return [
        {"rule": rule, "seq": seq, "matched": " … ".join(dict.fromkeys(words))} for (rule, seq), words in merged.items()
    ]
