"""The rule bench: the list of rules, the editor with its examples run live, the difference on history, publication."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import UTC, date, datetime

import polars as pl
import streamlit as st

from pages.kit.desk import TranscriptView, transcript
from pages.kit.desk.conversation import Span
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import empty, heading
from pages.screens.redlines.address import keep, restore
from pages.screens.redlines.words import EFFECTS, SEVERITIES, share
from pages.screens.rules import editor, exchange, trying, updates
from pages.screens.rules.outcome import MESSAGE, attempt, say
from qa.i18n import N_
from qa.redlines import quality
from qa.rules import messages as rule_messages
from qa.rules import versions
from qa.rules.versions import RuleLine
from qa.screening import trial
from qa.screening.trial import Example
from qa.transcripts import FrozenMessage, FrozenTranscript
from scoring.redline import Rule

OPENED, EDITED, SHOWN = "rules_opened", "rules_edited", "rules_shown"
USAGE = "rules_usage"
VIEWS = {"edit": N_("Edit"), "toml": N_("As TOML"), "history": N_("Effect on past chats"), "versions": N_("Versions")}
STATES = {"draft": N_("Draft"), "published": N_("Published"), "retired": N_("Retired")}


def draw(page: Page) -> None:
    """The whole page."""
    _ = page.t
    heading(page, _("Red-line rules"), _("The rules that screening uses"))
    say(page)
    today = page.today
    listed = versions.listing(page.bench, page.actor, today=today)
    left, right = st.columns([4, 8], gap="medium")
    with left:
        if listed:
            updates.draw(page, MESSAGE)
        chosen = _list(page, listed)
        exchange.draw(page, listed)
    with right, st.container(key="rules_detail"):
        if chosen is None:
            empty(_("No rules yet"), _("Install the shipped red lines, or import a TOML file."))
        else:
            _rule(page, chosen, today)


def _list(page: Page, listed: Sequence[RuleLine]) -> RuleLine | None:
    _ = page.t
    if not listed:
        if st.button(_("Install the shipped red lines"), type="primary", key="rules_defaults"):
            attempt(
                page,
                lambda: versions.load_defaults(page.bench, page.actor, now=datetime.now(UTC)),
                _("The shipped red lines are in force."),
            )
            st.rerun()
        return None
    usage = _usage(page, listed)
    hits = dict(usage.hits)
    alarms = {one.rule_id: one for one in quality.false_alarms(page.bench, page.actor)}
    lines = {line.rule_id: line for line in listed}
    with st.container(height=640 if len(lines) > 12 else "content", border=False):
        chosen = st.radio(
            _("Rule"), list(lines), key=restore("rule", list(lines), listed[0].rule_id), label_visibility="collapsed",
            format_func=lambda r: f"**{escape(r)}** {escape(_.label(lines[r].zh, lines[r].en))}",
            captions=[_facts(page, line, hits.get(line.rule_id, 0), alarms.get(line.rule_id)) for line in listed],
        )  # fmt: skip
    keep(rule=listed[0].rule_id)
    if usage.silent and hits:
        st.caption(_("Never fire: {rules}", rules=", ".join(usage.silent)))
    for overlap in usage.overlaps[:5]:
        st.caption(
            _(
                "{one} and {other} mark the same words {n} times.",
                one=overlap.one,
                other=overlap.other,
                n=overlap.messages,
            )
        )
    return lines[chosen]


def _usage(page: Page, listed: Sequence[RuleLine]) -> trial.Usage:
    """What the rules find, counted again only when the archive or a rule has changed: a page runs at every key
    stroke."""
    state = page.bench.archive.version(), tuple((line.rule_id, line.version) for line in listed)
    kept: tuple[object, trial.Usage] | None = st.session_state.get(USAGE)
    if kept is None or kept[0] != state:
        kept = st.session_state[USAGE] = state, trial.usage(page.bench, page.actor)
    return kept[1]


def _version(page: Page, line: RuleLine) -> str:
    parts = [f"v{line.version}"] if line.version else [page.t("not in force")]
    if line.draft_version:
        parts.append(page.t("draft v{n}", n=line.draft_version))
    return " · ".join(parts)


def _facts(page: Page, line: RuleLine, hits: int, alarms: quality.RuleQuality | None) -> str:
    """What a rule has done so far: version, hits, and false alarms among the files that were decided."""
    parts = [_version(page, line), page.t("{n} hits", n=page.t.number(hits))]
    if alarms is not None and (shown := share(page, alarms, 0)):
        parts.append(page.t("false alarms {share}", share=shown))
    return escape(" · ".join(parts))


def _rule(page: Page, line: RuleLine, today: date) -> None:
    _ = page.t
    held = versions.get(page.bench, page.actor, line.rule_id)
    if st.session_state.get(OPENED) != (line.rule_id, held.content_hash):
        st.session_state[OPENED] = (line.rule_id, held.content_hash)
        st.session_state[EDITED], st.session_state[SHOWN] = held, None
    st.html(
        '<div style="display:flex;gap:.8rem;align-items:baseline"><b'
        f' style="font-size:1.1rem">{html.escape(line.rule_id)}'
        f" {html.escape(_.label(held.label.zh, held.label.en))}</b><span"
        f' style="color:var(--sc-muted)">{html.escape(_version(page, line))} ·'
        f" {html.escape(_(SEVERITIES[held.severity.value]))} ·"
        f" {html.escape(_(EFFECTS[held.effect.kind.value]))}</span></div>"
    )
    view = st.segmented_control(
        _("View"),
        list(VIEWS),
        format_func=lambda v: _(VIEWS[v]),
        required=True,
        key=restore("rules_view", list(VIEWS), "edit"),
        label_visibility="collapsed",
    )
    keep(rules_view="edit")
    if view != st.session_state[SHOWN]:  # fields that were not on the page forget what they held
        editor.load(st.session_state[EDITED])
        st.session_state[SHOWN] = view
    if view == "versions":
        _versions(page, line)
        return
    if view == "history":
        _history(page, st.session_state[EDITED])
        return
    edited = editor.toml(page) if view == "toml" else editor.form(page)
    if edited is None:
        return
    st.session_state[EDITED] = edited
    fit = _checked(page, edited)
    _publication(page, line, held, edited, fit, today)
    if held.basis.text:
        verified = "" if held.basis.verified else _("unverified")
        st.caption(
            escape(f"{_.label(held.basis.text.zh, held.basis.text.en)} {held.basis.gathered or ''} {verified}".strip())
        )


def _checked(page: Page, edited: Rule) -> bool:
    """Objections and every example with its verdict, as the rule reads now."""
    _ = page.t
    found = trying.checked(page, edited)
    if found is None:
        return False
    for problem in found.problems:
        st.warning(
            escape(_("Field {field}: {reason}", field=problem.field, reason=rule_messages.objection(problem))),
            icon=":material/info:",
        )
    wrong = {failure.example: failure for failure in found.failures}
    if found.problems:
        return False
    total = len(edited.examples.positive) + len(edited.examples.negative)
    if not wrong:
        st.html(
            '<span class="sc-celadon">✓'
            f" {html.escape(_('All {n} examples are judged as they should be.', n=total))}</span>"
        )
        return True
    lines = []
    for failure in wrong.values():
        said = (
            _("should hit, does not")
            if failure.expected_hit
            else _("should not hit, hits at “{matched}”", matched=", ".join(failure.matched))
        )
        lines.append(f'<li>{html.escape(failure.example)} <span class="sc-ochre">{html.escape(said)}</span></li>')
    told = _("{n} of {total} examples are judged wrongly:", n=len(wrong), total=total)
    st.html(f"<b>{html.escape(told)}</b><ul>{''.join(lines)}</ul>")
    return False


def _publication(page: Page, line: RuleLine, held: Rule, edited: Rule, fit: bool, today: date) -> None:
    _ = page.t
    changed = edited != held
    columns = st.columns([2, 2, 2, 2, 2], vertical_alignment="bottom")
    seen = held.content_hash if line.draft_version else None
    if columns[0].button(_("Save draft"), key="rules_save", disabled=not changed, width="stretch"):
        attempt(
            page,
            lambda: versions.save_draft(page.bench, page.actor, now=datetime.now(UTC), rule=edited, seen_hash=seen),
            _("The draft is saved."),
        )
        st.rerun()
    if line.draft_version and columns[1].button(_("Discard draft"), key="rules_discard", width="stretch"):
        attempt(
            page,
            lambda: versions.discard_draft(page.bench, page.actor, now=datetime.now(UTC), rule_id=line.rule_id),
            _("The draft is gone."),
        )
        st.rerun()
    whole = columns[2].selectbox(
        _("In force for"),
        ["today", "always"],
        format_func=lambda w: _("chats from today on") if w == "today" else _("all chats, also past ones"),
        key="rules_since",
    )
    ready = bool(line.draft_version) and not changed and fit
    reason = (
        None
        if ready
        else (
            _("Save the draft first.")
            if changed or not line.draft_version
            else _("Examples or fields are not in order yet.")
        )
    )
    if columns[3].button(
        _("Publish"), key="rules_publish", type="primary", disabled=not ready, help=reason, width="stretch"
    ):
        since = today if whole == "today" else None
        attempt(
            page,
            lambda: versions.publish(
                page.bench,
                page.actor,
                now=datetime.now(UTC),
                rule_id=line.rule_id,
                since=since,
                seen_hash=held.content_hash,
            ),
            _("Published. The next screening brings the hits up to date."),
        )
        st.rerun()
    if line.version and columns[4].button(
        _("Retire"), key="rules_retire", help=_("No longer judges chats from today on."), width="stretch"
    ):
        attempt(
            page,
            lambda: versions.retire(page.bench, page.actor, now=datetime.now(UTC), rule_id=line.rule_id, since=today),
            _("The rule is retired."),
        )
        st.rerun()


def _history(page: Page, edited: Rule) -> None:
    """Which past chats the rule, as it now reads, would newly hit and which no longer."""
    _ = page.t
    found = trying.compared(page, edited)
    if found is None:
        empty(
            _("Not tried yet"),
            _(
                "Compares the text in the editor with the version in force, on the chats of the archive; nothing is"
                " written."
            ),
        )
        return
    numbers = st.columns(5)
    numbers[0].metric(
        _("Messages read"), _.number(found.messages), help=None if found.whole else _("The latest part of the archive.")
    )
    numbers[1].metric(_("Newly hit"), _.number(found.newly))
    numbers[2].metric(_("No longer hit"), _.number(found.no_longer))
    numbers[3].metric(_("Hit by both"), _.number(found.same))
    numbers[4].metric(
        _("CPU s per million"), _.number(found.cpu_seconds_per_million, 2) if found.messages >= 10_000 else "–"
    )
    left, right = st.columns(2)
    with left:
        st.header(_("Newly hit"))
        _samples(page, edited, found.newly_examples, "rules_newly")
    with right:
        st.header(_("No longer hit"))
        _samples(page, edited, found.no_longer_examples, "rules_no_longer")


def _samples(page: Page, rule: Rule, examples: Sequence[Example], key: str) -> None:
    """Messages that are judged differently, in the reader of conversations: each under the conversation it stands
    in."""
    if not examples:
        st.caption(page.t("None"))
        return
    messages = tuple(
        FrozenMessage(n, "agent", agent_name=f"{one.conversation_key} · {one.seq}", text=one.text)
        for n, one in enumerate(examples)
    )
    spans = [
        Span(n, one.start, one.end, rule.id, page.t.label(rule.label.zh, rule.label.en))
        for n, one in enumerate(examples)
    ]
    transcript(page, TranscriptView(FrozenTranscript(messages=messages), spans), key=key, height=430)


def _versions(page: Page, line: RuleLine) -> None:
    _ = page.t
    found = versions.history(page.bench, page.actor, line.rule_id)
    frame = {
        _("Version"): [one.version for one in found],
        _("State"): [_(STATES[one.state]) for one in found],
        _("In force from"): [one.in_force_from.isoformat() if one.in_force_from else _("always") for one in found],
        _("until"): [one.in_force_to.isoformat() if one.in_force_to else "–" for one in found],
        _("Made by"): [one.created_by or _("shipped or command line") for one in found],
        _("Made"): [_.when(one.created_at) for one in found],
        _("Published"): [_.when(one.published_at) for one in found],
        _("Hash"): [one.content_hash[:12] for one in found],
    }
    st.dataframe(pl.DataFrame(frame), hide_index=True)
