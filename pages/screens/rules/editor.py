"""Editing one rule: a form for what is edited every day, TOML for everything, both giving the same rule.

What the form does not show (conditions, logic, repetition, missing phrases, transcripts as examples) stays as it was.
"""

from __future__ import annotations

from dataclasses import fields, replace

import streamlit as st

from pages.kit.guard import Page
from pages.kit.widgets import show_error
from pages.screens.redlines.words import EFFECTS, SEVERITIES
from qa.errors import Invalid, SpotcheckError
from qa.i18n import N_
from qa.rules.versions import read_toml
from scoring.redline import (
    Effect,
    EffectKind,
    Evasion,
    Examples,
    Guard,
    Label,
    Rule,
    Severity,
    Speaker,
    Terms,
    dump_rules,
)

SPEAKERS = {"agent": N_("Agent"), "customer": N_("Customer"), "any": N_("Anybody")}
GUARDS = {
    "quoted": N_("quoted words"),
    "declined": N_("the agent declines it"),
    "conditional": N_("conditional sentences"),
    "words": N_("parts of longer words"),
    "links": N_("addresses of links"),
    "echoed": N_("numbers the customer gave before"),
    "unlike": N_("messages that read like no violation"),
}
SWITCHES = {
    "width": N_("full and half width"),
    "case": N_("upper and lower case"),
    "zero_width": N_("invisible characters"),
    "separators": N_("spaces and punctuation between"),
    "traditional": N_("traditional characters"),
    "homophones": N_("homophones"),
    "pinyin": N_("pinyin and initials"),
    "split": N_("split characters"),
    "slang": N_("slang and emoji"),
    "digits": N_("digits in other scripts"),
}
DIMENSIONS = ("attitude", "accuracy", "process")
DIMENSION_NAMES = {"attitude": N_("Attitude"), "accuracy": N_("Accuracy"), "process": N_("Process compliance")}
HELD = "rule_held"


def load(rule: Rule) -> None:
    """Fill the form from `rule`; called when another rule or version is opened, never in between."""
    state = st.session_state
    state[HELD] = rule
    state["rule_zh"], state["rule_en"] = rule.label.zh, rule.label.en
    state["rule_severity"], state["rule_speaker"] = rule.severity.value, rule.speaker.value
    state["rule_effect"], state["rule_cap"] = rule.effect.kind.value, (rule.effect.cap or 0) / 100
    state["rule_dimension"] = rule.effect.dimension if rule.effect.dimension in DIMENSIONS else DIMENSIONS[0]
    state["rule_platforms"] = list(rule.platforms)
    state["rule_phrases"], state["rule_regex"] = "\n".join(rule.terms.phrases), "\n".join(rule.terms.regex)
    state["rule_exclusions"], state["rule_unless"] = "\n".join(rule.exclusions.phrases), "\n".join(rule.unless.phrases)
    state["rule_guards"] = [guard.value for guard in rule.guards]
    state["rule_promises"] = rule.broken_promises
    state["rule_evasion"] = [name for name in SWITCHES if getattr(rule.evasion, name)]
    state["rule_positive"], state["rule_negative"] = _single(rule.examples.positive), _single(rule.examples.negative)
    state["rule_toml"] = dump_rules([rule])


def _single(examples: tuple[str, ...]) -> str:
    return "\n".join(example for example in examples if "\n" not in example)


def form(page: Page) -> Rule:
    """Draw the form and return the rule as it now reads."""
    _ = page.t
    one, two = st.columns(2)
    one.text_input(_("Name in Chinese"), key="rule_zh")
    two.text_input(_("Name in English"), key="rule_en")
    columns = st.columns(4)
    columns[0].selectbox(_("Severity"), list(SEVERITIES), format_func=lambda s: _(SEVERITIES[s]), key="rule_severity")
    columns[1].selectbox(_("Said by"), list(SPEAKERS), format_func=lambda s: _(SPEAKERS[s]), key="rule_speaker")
    columns[2].selectbox(
        _("Effect on the score"), list(EFFECTS), format_func=lambda e: _(EFFECTS[e]), key="rule_effect"
    )
    held: Rule = st.session_state[HELD]
    # a field that was hidden by another effect comes back with what the rule says
    st.session_state.setdefault("rule_cap", (held.effect.cap or 0) / 100)
    st.session_state.setdefault(
        "rule_dimension", held.effect.dimension if held.effect.dimension in DIMENSIONS else DIMENSIONS[0]
    )
    st.session_state.setdefault("rule_platforms", list(held.platforms))
    if st.session_state["rule_effect"] == "cap":
        columns[3].number_input(_("Capped at (points)"), 0.0, 100.0, step=1.0, key="rule_cap")
    elif st.session_state["rule_effect"] == "zero_dimension":
        columns[3].selectbox(
            _("Dimension"), DIMENSIONS, format_func=lambda d: _(DIMENSION_NAMES[d]), key="rule_dimension"
        )
    else:
        columns[3].multiselect(
            _("Only on"),
            sorted({*st.session_state["rule_platforms"], "wangwang", "jd", "douyin", "pdd", "chat"}),
            key="rule_platforms",
            placeholder=_("All platforms"),
        )
    if held.wording:
        st.caption(
            _(
                "Marks messages that read like labelled violations, from a score of {least} of 100; phrases are not"
                " needed. The score is edited as TOML.",
                least=held.wording.least,
            )
        )
    one, two = st.columns(2)
    one.text_area(_("Phrases, one a line"), key="rule_phrases", height=170)
    two.text_area(_("Regular expressions, one a line"), key="rule_regex", height=170)
    one.text_area(_("Not a hit when part of (one a line)"), key="rule_exclusions", height=100)
    two.text_area(_("Not a hit when the message also says (one a line)"), key="rule_unless", height=100)
    one.multiselect(
        _("Not a hit when meant as"),
        list(GUARDS),
        format_func=lambda g: _(GUARDS[g]),
        key="rule_guards",
        placeholder=_("None"),
    )
    two.multiselect(
        _("Sees through evasion by"),
        list(SWITCHES),
        format_func=lambda s: _(SWITCHES[s]),
        key="rule_evasion",
        placeholder=_("Nothing"),
    )
    st.checkbox(
        _("Counts broken promises"),
        key="rule_promises",
        help=_(
            "A promise of the ledger that a record or a message contradicts, or that somebody has ruled broken, opens a"
            " case file of this rule."
        ),
    )
    one, two = st.columns(2)
    one.text_area(_("Must hit (one example a line)"), key="rule_positive", height=150)
    two.text_area(_("Must not hit (one example a line)"), key="rule_negative", height=150)
    rule = read_form()
    hidden = [
        name
        for name, value in (
            (_("conditions"), rule.conditions),
            (_("repetition"), rule.repetition),
            (_("missing phrases"), rule.missing),
            (_("likeness of wording"), rule.wording),
        )
        if value
    ]
    if hidden:
        st.caption(_("This rule also has: {parts}. Edit them as TOML.", parts=", ".join(hidden)))
    return rule


def read_form() -> Rule:
    """The rule that the form spells."""
    state = st.session_state
    held: Rule = state[HELD]
    kind = EffectKind(state["rule_effect"])
    effect = Effect(
        kind, round(float(state.get("rule_cap") or 0) * 100) if kind is EffectKind.CAP else None,
        str(state.get("rule_dimension") or DIMENSIONS[0]) if kind is EffectKind.ZERO_DIMENSION else None,
    )  # fmt: skip
    switches = set(state["rule_evasion"])
    return replace(
        held,
        label=Label(state["rule_zh"].strip(), state["rule_en"].strip()),
        severity=Severity(state["rule_severity"]),
        speaker=Speaker(state["rule_speaker"]),
        effect=effect,
        platforms=tuple(state.get("rule_platforms", held.platforms)),
        terms=Terms(_lines("rule_phrases", held.terms.phrases), _lines("rule_regex", held.terms.regex)),
        exclusions=replace(held.exclusions, phrases=_lines("rule_exclusions", held.exclusions.phrases)),
        unless=replace(held.unless, phrases=_lines("rule_unless", held.unless.phrases)),
        guards=tuple(Guard(guard) for guard in state["rule_guards"]),
        broken_promises=bool(state["rule_promises"]),
        evasion=Evasion(**{f.name: f.name in switches for f in fields(Evasion)}),
        examples=Examples(
            _examples("rule_positive", held.examples.positive), _examples("rule_negative", held.examples.negative)
        ),
    )


def _lines(key: str, held: tuple[str, ...]) -> tuple[str, ...]:
    """The lines of a box, each once; exactly what the rule held where nobody has written anything."""
    written: str = st.session_state[key]
    if written == "\n".join(held):
        return held
    return tuple(dict.fromkeys(line.strip() for line in written.splitlines() if line.strip()))


def _examples(key: str, held: tuple[str, ...]) -> tuple[str, ...]:
    if st.session_state[key] == _single(held):
        return held
    return (*_lines(key, ()), *(example for example in held if "\n" in example))


def toml(page: Page) -> Rule | None:
    """Draw the rule as TOML and return what it spells; None (with the reason shown) while it cannot be read."""
    st.text_area(page.t("One [[rule]] table"), key="rule_toml", height=460)
    held: Rule = st.session_state[HELD]
    try:
        (rule, *more) = read_toml(st.session_state["rule_toml"])
        if more or rule.id != held.id:
            raise Invalid(N_("Keep one [[rule]] with the id {rule}."), rule=held.id)
    except SpotcheckError as error:
        show_error(page, error)
        return None
    return replace(rule, version=held.version)
