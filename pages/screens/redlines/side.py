"""The other views of the board: what changed since yesterday, repeats, how well the rules work, the programme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import polars as pl
import streamlit as st

from pages.kit.desk import TranscriptView, transcript
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.rows import clickable
from pages.kit.widgets import empty, plain_text, show_error
from pages.screens.redlines.words import CURSORS, FILE, MESSAGE, rule_name, share
from qa.casefiles.lifecycle import STEP_NAMES, Clocks
from qa.casefiles.sanctions import SanctionLevel, SanctionTerms
from qa.errors import SpotcheckError
from qa.i18n import C_, N_
from qa.policy import Right
from qa.redlines import board, deciding, exclusions, finding, odds
from qa.redlines import quality as redline_quality
from qa.redlines import repeats as redline_repeats
from qa.redlines.exclusions import MostlyFalse
from qa.redlines.quality import RuleQuality

TRY = "red_try"
"""The rule whose exclusion is to be tried: the bench opens on it."""

PLACES, PLACE = "red_places_found", "red_place_chosen"

CLOCK_NAMES = {
    "confirm_days": N_("Days to confirm or clear"),
    "rule_days": N_("Days to rule"),
    "answer_days": N_("Days for the agent to answer"),
    "appeal_days": N_("Days to decide an appeal"),
    "close_days": N_("Days to close"),
    "record_days": N_("Days a violation counts as a repeat"),
}


def changes(page: Page) -> None:
    """Steps that people took since yesterday, and how many files screening opened."""
    _ = page.t
    since = board.start_of_yesterday(page.now, page.bench.config.zone)
    names = board.rule_names(page.bench, page.actor)
    opened = board.count_opened(page.bench, page.actor, since=since)
    st.caption(
        _(
            "Since {when}: {n} files opened by screening.",
            when=_.when(since),
            n=f"{_.number(opened.n)}{'+' if opened.more else ''}",
        )
    )
    found = board.changes(page.bench, page.actor, since=since)
    if not found:
        empty(
            _("Nobody has decided anything since yesterday"),
            _("Decisions of inspectors, managers and agents appear here."),
        )
        return
    frame = {
        _("When"): [_.when(one.at) for one in found], _(C_("red line", "File")): [one.violation_id for one in found],
        _("Rule"): [rule_name(page, one.rule_id, names) for one in found],
        _("Agent"): [one.agent_name for one in found],
        _("Step"): [_(STEP_NAMES[one.step]) for one in found], _("By"): [one.actor_name for one in found],
    }  # fmt: skip
    _open_on_click("red_changes", pl.DataFrame(frame), [{FILE: one.violation_id, "red_state": "all"} for one in found])


def _open_on_click(key: str, frame: pl.DataFrame, targets: Sequence[Mapping[str, object]]) -> None:
    """A list whose rows open the board: on what the n-th of `targets` says."""

    def go(row: int) -> None:
        for name in ("red_rule", "red_agent", "red_team", "red_severity", "red_age", CURSORS, FILE):
            st.session_state.pop(name, None)
            st.query_params.pop(name, None)
        st.session_state.update(targets[row])
        st.session_state["red_view"] = "files"

    clickable(frame, frame.height, key, go)


def repeats(page: Page) -> None:
    """Agents with standing violations in the record period, with the configured consequence."""
    _ = page.t
    found = redline_repeats.repeats(page.bench, page.actor, now=page.now)
    if not found:
        empty(
            _("No standing violations in the record period"),
            _("An upheld violation counts here until it is expunged or its time is over."),
        )
        return
    frame = {
        _("Agent"): [f"{one.agent_name} ({one.agent_id})" if one.agent_name else one.agent_id for one in found],
        _("Team"): [one.team for one in found], _("Violations"): [one.count for one in found],
        _("By rule"): ["  ".join(f"{rule_id} × {n}" for rule_id, n in sorted(one.by_rule.items())) for one in found],
        _("Configured consequence"): [_.label(*one.sanction) if one.sanction else "" for one in found],
    }  # fmt: skip
    _open_on_click(
        "red_repeats", pl.DataFrame(frame), [{"red_agent": one.agent_id, "red_state": "all"} for one in found]
    )
    st.caption(
        _("The consequence is the configured text, a starting point for people to decide; nothing happens by itself.")
    )


def quality(page: Page) -> None:
    """False alarms and misses, each with its interval and what it would take to halve it."""
    _ = page.t
    names = board.rule_names(page.bench, page.actor)
    st.header(_("False alarms, from rulings"))
    _rates(
        page, redline_quality.false_alarms(page.bench, page.actor), names, _("Decided files"), _("Cleared or dismissed")
    )
    st.caption(
        _(
            "Share of decided files that were no violation. Fair as long as nobody picks which files to decide by how"
            " they look."
        )
    )
    mostly_false(page, names)
    odds_of_hits(page, names)
    st.header(_("Misses, from inspected samples"))
    _rates(
        page,
        redline_quality.misses(page.bench, page.actor),
        names,
        _("Inspected without a hit"),
        _("Breaches found by inspectors"),
    )
    st.caption(
        _(
            "Share of conversations in which the rule found nothing and an inspector confirmed a breach, weighted by"
            " inclusion probability."
        )
    )
    _places_to_look(page)


def odds_of_hits(page: Page, names: board.Names) -> None:
    """How well the odds of the board predict what people decide, and which rules are mostly false alarms, with a
    cure."""
    _ = page.t
    known = odds.learnt(page.bench, page.actor)
    st.header(_("Odds of suspected hits"))
    if not known.n:
        empty(_("No figures yet"), _("They appear when case files are decided."))
        return
    frame = {
        _("Odds given"): [_("up to {share}", share=_.percent(band.upper, 0)) for band in known.bands],
        _("Decided files"): [band.n for band in known.bands],
        _("Expected to be confirmed"): [_.number(band.expected, 1) for band in known.bands],
        _("Confirmed"): [band.confirmed for band in known.bands],
        _("Share confirmed with 95 % interval"): [
            f"{_.percent(band.confirmed / band.n)} [{_.percent(band.low)}, {_.percent(band.high)}]"
            for band in known.bands
        ],
    }
    st.dataframe(pl.DataFrame(frame), hide_index=True)
    st.caption(
        _(
            "Every file was predicted from the {n} other decided files, by its rule and by what was said. Decided files"
            " are those somebody looked at, no random sample.",
            n=_.number(known.n - 1),
        )
    )
    rules = {
        _("Rule"): [rule_name(page, rule, names) for rule, _odds in known.rules],
        _("Odds of the next hit"): [_.percent(one.p) for _rule, one in known.rules],
        _("Decided files"): [one.rule_rulings for _rule, one in known.rules],
        _("Confirmed"): [one.rule_confirmed for _rule, one in known.rules],
    }
    st.dataframe(pl.DataFrame(rules), hide_index=True)
    st.caption(
        _("For words that nobody has ruled on yet; in the list of files, words ruled on before count for themselves.")
    )


def mostly_false(page: Page, names: board.Names) -> None:
    """Rules whose hits are false alarms more often than not, the words that cause it, and an exclusion to try."""
    _ = page.t
    for rule_id in board.choices(page.bench, page.actor).rule_ids:
        found = exclusions.mostly_false(page.bench, page.actor, rule_id=rule_id)
        if found is not None:
            _one_mostly_false(page, found, names)


def _one_mostly_false(page: Page, found: MostlyFalse, names: board.Names) -> None:
    _ = page.t
    with st.container(border=True):
        st.write(
            _(
                "**{rule}**: mostly false alarms, {wrong} of {n} decided files (at least {low}).",
                rule=escape(rule_name(page, found.rule_id, names)),
                wrong=_.number(found.wrong),
                n=_.number(found.decided),
                low=_.percent(found.low),
            )
        )
        if found.words:
            st.caption(_("Said in false alarms alone:"))
            plain_text("　".join(f"{word} × {n}" for word, n in found.words))
        for at, one in enumerate(found.exclusions):
            row = st.columns([7, 3], vertical_alignment="center")
            with row[0]:
                plain_text(
                    _(
                        "Exclusion “{phrase}” silences {n} of them and no confirmed one. Example: {example}",
                        phrase=one.phrase,
                        n=_.number(one.silences),
                        example=one.example,
                    )
                )
            if page.actor.may(Right.EDIT_RULES):
                row[1].button(
                    _("Try on the rule bench"), key=f"red_exclude_{found.rule_id}_{at}", width="stretch",
                    on_click=_try_exclusion, args=(page, found.rule_id, one),
                )  # fmt: skip
    if st.session_state.pop(TRY, None) == found.rule_id:
        st.switch_page("pages/rules.py", query_params={"rule": found.rule_id, "rules_view": "history"})


def _try_exclusion(page: Page, rule_id: str, one: exclusions.Exclusion) -> None:
    try:
        exclusions.draft(page.bench, page.actor, now=datetime.now(UTC), rule_id=rule_id, exclusion=one)
        st.session_state["rule"], st.session_state["rules_view"] = rule_id, "history"
        st.session_state[TRY] = rule_id
    except SpotcheckError as error:
        st.session_state[MESSAGE] = error


def _places_to_look(page: Page) -> None:
    """Conversations without a hit in which a breach is likely, to read; counted anew when the archive has changed."""
    _ = page.t
    st.header(_("Likely misses, to read"))
    st.caption(
        _(
            "Conversations without a hit and without an inspection that a low rating, a refund, a complaint or the "
            "model speaks for. They were not drawn: the share of misses above rests on the random part alone and "
            "counts none of them."
        )
    )
    version = page.bench.archive.version()
    kept: tuple[object, tuple[finding.Place, ...]] | None = st.session_state.get(PLACES)
    if kept is None or kept[0] != version:
        kept = st.session_state[PLACES] = version, finding.places(page.bench, page.actor)
    found = kept[1]
    if not found:
        empty(_("No such conversation"), _("They appear when ratings, disputes or predictions are there."))
        return
    frame = {
        _("When"): [_.when(one.started_at, "MM-dd") for one in found],
        _("Agent"): [one.agent_id for one in found],
        _("What speaks for it"): [_(", ").join(_(finding.SIGN_NAMES[sign]) for sign in one.signs) for one in found],
        _("Predicted"): ["" if one.p is None else _.percent(one.p, 0) for one in found],
    }
    clickable(pl.DataFrame(frame), len(found), "red_places", lambda row: st.session_state.update({PLACE: row}), most=10)
    chosen = st.session_state.get(PLACE)
    if isinstance(chosen, int) and chosen < len(found):
        one = found[chosen]
        content = finding.conversation(page.bench, page.actor, one.conversation_key, one.agent_id)
        transcript(page, TranscriptView(content, []), key="red_place", height=430)


def _rates(page: Page, rates: tuple[RuleQuality, ...], names: board.Names, reviewed: str, found: str) -> None:
    _ = page.t
    if rates[-1].reviewed == 0:
        empty(_("No figures yet"), _("They appear when case files are decided and samples are inspected."))
        return
    rows = [
        (
            rule_name(page, one.rule_id, names) if one.rule_id else _("All rules"),
            one.reviewed,
            one.found,
            share(page, one) or _("no figure yet"),
            one.more_reviews if one.reviewed else None,
        )
        for one in rates
    ]
    headers = [_("Rule"), reviewed, found, _("Share with 95 % interval"), _("Further reviews to halve it")]
    st.dataframe(
        pl.DataFrame(rows, schema=headers, orient="row"),
        hide_index=True,
        placeholder="",
        height="content" if len(rows) < 30 else 560,
    )


def programme(page: Page) -> None:
    """Clocks of every step and the texts of the sanction ladder."""
    _ = page.t
    held = redline_repeats.programme_in_force(page.bench, page.actor)
    locked = not page.actor.may(Right.EDIT_RULES)
    with st.form("red_programme", border=False):
        columns = st.columns(3)
        days = {
            name: (
                columns[n % 3].number_input(
                    _(label), 1, 3650, value=getattr(held.clocks, name), key=f"red_clock_{name}", disabled=locked
                )
            )
            for n, (name, label) in enumerate(CLOCK_NAMES.items())
        }
        st.caption(
            _("What follows from the n-th standing violation of the period; shown on the case file, decided by people.")
        )
        table = st.data_editor(
            [asdict(level) for level in held.ladder],
            key="red_ladder",
            num_rows="dynamic",
            disabled=locked,
            hide_index=True,
            column_config={
                "count": st.column_config.NumberColumn(_("From violation no."), min_value=1, step=1, required=True),
                "zh": st.column_config.TextColumn(_("Text in Chinese"), required=True),
                "en": st.column_config.TextColumn(_("Text in English"), required=True),
            },
        )
        if not st.form_submit_button(_("Save"), type="primary", disabled=locked):
            return
    ladder = tuple(
        SanctionLevel(int(row["count"]), str(row["zh"] or ""), str(row["en"] or ""))
        for row in table
        if row.get("count")
    )
    try:
        deciding.set_programme(
            page.bench,
            page.actor,
            now=datetime.now(UTC),
            wanted=SanctionTerms(Clocks(**{k: int(v) for k, v in days.items()}), ladder),
        )
    except SpotcheckError as error:
        show_error(page, error)
    else:
        st.toast(_("Saved."))
