"""Rules as TOML text: what managers exchange, and what the shipped defaults are written in.

Owns reading and writing and the shape errors (unknown key, wrong type, missing field), each naming rule and field.
Does not judge whether a well-formed rule is a good one: :mod:`scoring.redline.check` does that.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from scoring.label import EMPTY, Label
from scoring.problem import N_, Words, words
from scoring.redline import rule as model

E = TypeVar("E", bound=StrEnum)


class RuleFormatError(ValueError):
    """A rule text that cannot be read. ``rule`` and ``field`` say where, the message what was expected and found."""

    def __init__(self, rule: str, field: str, message: str) -> None:
        self.rule, self.field, self.problem = rule, field, message
        where = f"rule {rule}, field {field}" if field else f"rule {rule}" if rule else "rules"
        super().__init__(f"{where}: {message}")


class Table:
    """One TOML table being read: every access checks the type, and what nobody read is an unknown key."""

    def __init__(self, values: Mapping[str, Any], rule: str, path: str = "") -> None:
        self.values, self.rule, self.path = values, rule, path
        self.seen: set[str] = set()

    def fail(self, key: str, message: str) -> RuleFormatError:
        return RuleFormatError(self.rule, f"{self.path}{key}", message)

    def get(self, key: str, kind: type | tuple[type, ...], what: str) -> Any:
        self.seen.add(key)
        value = self.values.get(key)
        wrong = value is not None and (not isinstance(value, kind) or (isinstance(value, bool) and kind is int))
        if wrong:
            raise self.fail(key, Words(N_("expected {what}, found {found}"), what=words(what), found=repr(value)))
        return value

    def text(self, key: str, default: str = "") -> str:
        value = self.get(key, str, N_("a text"))
        return default if value is None else str(value)

    def whole(self, key: str) -> int | None:
        value = self.get(key, int, N_("a whole number"))
        return None if value is None else int(value)

    def flag(self, key: str) -> bool:
        return bool(self.get(key, bool, N_("true or false")))

    def day(self, key: str) -> date | None:
        found: date | None = self.get(key, date, N_("a date such as 2026-11-22"))
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.get(key, list, N_("a list of texts")) or []
        if not all(isinstance(v, str) for v in value):
            raise self.fail(key, N_("expected a list of texts"))
        return tuple(value)

    def choice(self, key: str, kind: type[E], default: E) -> E:
        value = self.get(key, str, N_("a text"))
        try:
            return default if value is None else kind(value)
        except ValueError:
            raise self.fail(
                key, Words(N_("expected one of {choices}, found {found}"), choices=", ".join(kind), found=repr(value))
            ) from None

    def table(self, key: str) -> Table | None:
        value = self.get(key, dict, N_("a table"))
        return None if value is None else Table(value, self.rule, f"{self.path}{key}.")

    def done(self) -> None:
        unknown = sorted(set(self.values) - self.seen)
        if unknown:
            raise self.fail(
                unknown[0], Words(N_("unknown key; known here are {keys}"), keys=", ".join(sorted(self.seen)))
            )


def read_label(parent: Table, key: str, *, required: bool) -> Label:
    table = parent.table(key)
    if table is None:
        if required:
            raise parent.fail(key, Words(N_("is missing; expected {label}"), label="{zh = …, en = …}"))
        return EMPTY
    label = Label(table.text("zh"), table.text("en"))
    table.done()
    return label


def read_terms(table: Table) -> model.Terms:
    return model.Terms(table.texts("phrases"), table.texts("regex"))


def read_part(parent: Table, key: str) -> model.Terms:
    table = parent.table(key)
    if table is None:
        return model.Terms()
    terms = read_terms(table)
    table.done()
    return terms


def read_effect(parent: Table) -> model.Effect:
    table = parent.table("effect")
    if table is None:
        return model.Effect()
    effect = model.Effect(
        table.choice("kind", model.EffectKind, model.EffectKind.FLAG),
        table.whole("cap"),
        table.text("dimension") or None,
    )
    table.done()
    return effect


def read_evasion(parent: Table) -> model.Evasion:
    table = parent.table("evasion")
    if table is None:
        return model.Evasion()
    switches = {f.name: table.get(f.name, bool, N_("true or false")) for f in fields(model.Evasion)}
    table.done()
    return model.Evasion(**{name: value for name, value in switches.items() if value is not None})


def read_condition(name: str, table: Table) -> model.Condition:
    condition = model.Condition(
        name,
        read_terms(table),
        table.choice("speaker", model.Speaker, model.Speaker.ANY),
        table.choice("relation", model.Relation, model.Relation.ANYWHERE),
        table.whole("nth") or 0,
        table.whole("within_messages"),
        table.whole("within_seconds"),
    )
    table.done()
    return condition


def read_conditions(parent: Table) -> tuple[model.Condition, ...]:
    table = parent.table("conditions")
    if table is None:
        return ()
    found = []
    for name in table.values:
        inner = table.table(name)
        assert inner is not None
        found.append(read_condition(name, inner))
    return tuple(found)


def read_repetition(parent: Table) -> model.Repetition | None:
    table = parent.table("repetition")
    if table is None:
        return None
    times = table.whole("times")
    repetition = model.Repetition(
        1 if times is None else times, table.whole("within_messages"), table.whole("within_seconds")
    )
    table.done()
    return repetition


def read_missing(parent: Table) -> model.Missing | None:
    table = parent.table("missing")
    if table is None:
        return None
    if "anchor" not in table.values:
        raise table.fail("anchor", Words(N_("is missing; expected one of {choices}"), choices=", ".join(model.Anchor)))
    numbers = {k: table.whole(k) for k in ("messages", "wait_seconds", "within_seconds")}
    missing = model.Missing(
        table.choice("anchor", model.Anchor, model.Anchor.OPENING),
        read_part(table, "expected"),
        **{k: v for k, v in numbers.items() if v is not None},
    )
    table.done()
    return missing


def read_wording(parent: Table) -> model.Wording | None:
    table = parent.table("wording")
    if table is None:
        return None
    least = table.whole("least")
    if "model" not in table.values or least is None:
        raise table.fail(
            "model", Words(N_("is missing; expected {example}"), example='model = "wording1", least = 100')
        )
    wording = model.Wording(table.text("model"), least)
    table.done()
    return wording


def read_basis(parent: Table) -> model.Basis:
    table = parent.table("basis")
    if table is None:
        return model.Basis()
    basis = model.Basis(
        read_label(table, "text", required=True),
        table.day("gathered"),
        bool(table.get("verified", bool, N_("true or false"))),
    )
    table.done()
    return basis


def read_examples(parent: Table) -> model.Examples:
    table = parent.table("examples")
    if table is None:
        return model.Examples()
    examples = model.Examples(table.texts("positive"), table.texts("negative"))
    table.done()
    return examples


def read_guards(table: Table) -> tuple[model.Guard, ...]:
    try:
        return tuple(model.Guard(g) for g in table.texts("guards"))
    except ValueError as error:
        raise table.fail(
            "guards", Words(N_("expected some of {choices}; {error}"), choices=", ".join(model.Guard), error=str(error))
        ) from None


def read_rule(values: Mapping[str, Any], number: int) -> model.Rule:
    """One ``[[rule]]`` table."""
    identity = values.get("id")
    name = identity if isinstance(identity, str) and identity else f"number {number}"
    table = Table(values, name)
    if name != identity:
        raise table.fail("id", N_("is missing; expected a text such as R03"))
    table.text("id")
    version = table.whole("version")
    rule = model.Rule(
        id=name,
        version=1 if version is None else version,
        label=read_label(table, "label", required=True),
        terms=read_terms(table),
        platforms=table.texts("platforms"),
        in_force_from=table.day("in_force_from"),
        in_force_to=table.day("in_force_to"),
        speaker=table.choice("speaker", model.Speaker, model.Speaker.AGENT),
        effect=read_effect(table),
        severity=table.choice("severity", model.Severity, model.Severity.MAJOR),
        exclusions=read_part(table, "exclusions"),
        unless=read_part(table, "unless"),
        evasion=read_evasion(table),
        guards=read_guards(table),
        conditions=read_conditions(table),
        logic=table.text("logic"),
        repetition=read_repetition(table),
        missing=read_missing(table),
        broken_promises=table.flag("broken_promises"),
        wording=read_wording(table),
        examples=read_examples(table),
        basis=read_basis(table),
        note=read_label(table, "note", required=False),
    )
    table.done()
    return rule


def parse_rules(toml_text: str) -> tuple[model.Rule, ...]:
    """The rules of a TOML text with ``[[rule]]`` tables. Raises RuleFormatError naming rule and field."""
    try:
        document = tomllib.loads(toml_text)
    except tomllib.TOMLDecodeError as error:
        raise RuleFormatError("", "", Words(N_("not readable as TOML: {error}"), error=str(error))) from None
    unknown = sorted(set(document) - {"rule"})
    if unknown:
        raise RuleFormatError("", unknown[0], N_("unknown key; rules stand in [[rule]] tables"))
    tables = document.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        raise RuleFormatError("", "rule", N_("expected [[rule]] tables"))
    rules = tuple(read_rule(values, n) for n, values in enumerate(tables, 1))
    seen: set[tuple[str, int]] = set()
    for rule in rules:
        if (rule.id, rule.version) in seen:
            raise RuleFormatError(rule.id, "version", Words(N_("version {version} stands twice"), version=rule.version))
        seen.add((rule.id, rule.version))
    return rules


def shipped(name: str) -> tuple[model.Rule, ...]:
    return parse_rules((files("scoring") / "data" / "redlines" / name).read_text(encoding="utf-8"))


def load_default_rules() -> tuple[model.Rule, ...]:
    """The shipped red lines R01–R12, and R13: messages that read like violations, as a suspicion alone."""
    return shipped("default.toml")


def load_process_rules() -> tuple[model.Rule, ...]:
    """The shipped process checks P01–P04 (greeting, apology after a wait, follow-up, invitation): flags, not red
    lines."""
    return shipped("process.toml")


@cache
def shipped_before() -> frozenset[str]:
    """Content hashes of all rules of earlier shipped editions: a rule among them is one that nobody has edited."""
    text = (files("scoring") / "data" / "redlines" / "editions.txt").read_text(encoding="utf-8")
    return frozenset(line.split()[-1] for line in text.splitlines() if line and not line.startswith("#"))


@cache
def new_ids() -> frozenset[str]:
    """Ids of red lines that no earlier edition had."""
    text = (files("scoring") / "data" / "redlines" / "editions.txt").read_text(encoding="utf-8")
    before = {line.split()[0] for line in text.splitlines() if line and not line.startswith("#")}
    return frozenset(rule.id for rule in load_default_rules()) - before


# --- writing -------------------------------------------------------------------------------------------------------


def quote(text: str) -> str:
    """A TOML basic string."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(
        escapes.get(c) or (f"\\u{ord(c):04x}" if ord(c) < 0x20 or ord(c) == 0x7F else c) for c in text
    ) + '"'  # fmt: skip


def value(item: object) -> str:
    """A TOML value on one line, lists of texts one text a line."""
    match item:
        case bool():
            return "true" if item else "false"
        case int() | date():
            return str(item)
        case str():
            return quote(item)
        case Label(zh, en):
            return f"{{ zh = {quote(zh)}, en = {quote(en)} }}"
        case tuple():
            return "[\n" + "".join(f"    {quote(str(v))},\n" for v in item) + "]"
        case _:
            raise TypeError(f"no TOML form for {item!r}")


def lines(pairs: Sequence[tuple[str, object]], default: Callable[[object], bool] = lambda v: not v) -> list[str]:
    return [f"{key} = {value(item)}" for key, item in pairs if item is not None and not default(item)]


def section(name: str, pairs: Sequence[tuple[str, object]]) -> list[str]:
    body = lines(pairs, lambda v: v is None or v in ((), "") or v == EMPTY)
    return ["", f"[rule.{name}]", *body] if body else []


def terms_pairs(terms: model.Terms) -> list[tuple[str, object]]:
    return [("phrases", terms.phrases), ("regex", terms.regex)]


def dump_rule(rule: model.Rule) -> str:
    """One ``[[rule]]`` with everything that differs from the defaults, always in the same order."""
    top: list[tuple[str, object]] = [
        ("id", rule.id), ("version", rule.version), ("label", rule.label), ("platforms", rule.platforms),
        ("in_force_from", rule.in_force_from), ("in_force_to", rule.in_force_to), ("speaker", str(rule.speaker)),
        ("severity", str(rule.severity)), ("guards", rule.guards), *terms_pairs(rule.terms), ("logic", rule.logic),
        ("broken_promises", rule.broken_promises),
    ]  # fmt: skip
    if rule.note != EMPTY:
        top.append(("note", rule.note))
    out = ["[[rule]]", *lines(top, lambda v: v is False or v in ((), ""))]
    out += section(
        "effect", [("kind", str(rule.effect.kind)), ("cap", rule.effect.cap), ("dimension", rule.effect.dimension)]
    )
    out += section("exclusions", terms_pairs(rule.exclusions)) + section("unless", terms_pairs(rule.unless))
    plain = model.Evasion()
    changed = [(f.name, getattr(rule.evasion, f.name)) for f in fields(model.Evasion)]
    out += section("evasion", [(k, v) for k, v in changed if v != getattr(plain, k)])
    for c in rule.conditions:
        out += section(
            f"conditions.{c.name}",
            [
                ("speaker", str(c.speaker)), ("relation", str(c.relation)), ("nth", c.nth),
                ("within_messages", c.within_messages), ("within_seconds", c.within_seconds), *terms_pairs(c.terms),
            ],
        )  # fmt: skip
    if rule.repetition:
        r = rule.repetition
        out += section(
            "repetition",
            [("times", r.times), ("within_messages", r.within_messages), ("within_seconds", r.within_seconds)],
        )
    if rule.missing:
        m = rule.missing
        out += section(
            "missing",
            [
                ("anchor", str(m.anchor)), ("messages", m.messages), ("wait_seconds", m.wait_seconds),
                ("within_seconds", m.within_seconds),
            ],
        )  # fmt: skip
        out += section("missing.expected", terms_pairs(m.expected))
    if rule.wording:
        out += section("wording", [("model", rule.wording.model), ("least", rule.wording.least)])
    if rule.basis != model.Basis():
        b = rule.basis
        out += section("basis", [("gathered", b.gathered), ("verified", b.verified)])
        out += section("basis.text", [("zh", b.text.zh), ("en", b.text.en)]) or ["", "[rule.basis.text]"]
    out += section("examples", [("positive", rule.examples.positive), ("negative", rule.examples.negative)])
    return "\n".join(out) + "\n"


def dump_rules(rules: Sequence[model.Rule]) -> str:
    """Canonical TOML: ``parse_rules(dump_rules(rules)) == rules``, and equal rules give equal text."""
    return "\n".join(map(dump_rule, rules))
