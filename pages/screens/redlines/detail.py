"""One case file on the board: what was said, what may be done now, and what has been done so far."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from pages.kit import nav
from pages.kit.desk import transcript
from pages.kit.desk.texts import REASONS
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.promises import Notes
from pages.kit.widgets import empty
from pages.screens.redlines.words import (
    BUTTONS,
    FILE,
    MESSAGE,
    RELOAD,
    SEVERITIES,
    SHORTCUTS,
    TURN,
    UNDO,
    person,
    reading,
    rule_name,
)
from qa.casefiles import lifecycle
from qa.casefiles.lifecycle import NEEDS_REASON, STATE_NAMES, STEP_NAMES, FileState, Step
from qa.errors import NotFound, SpotcheckError
from qa.policy import Right
from qa.redlines import board, deciding, detail
from qa.redlines.detail import CaseFile

STYLE = """<style>
.rl-head{display:flex;align-items:baseline;gap:.7rem;flex-wrap:wrap;margin-bottom:.1rem}
.rl-head b{font-size:1.1rem;font-weight:600}
.rl-state{border:1px solid var(--sc-line);border-radius:999px;padding:0 .6rem;font-size:.85rem}
.rl-facts{display:flex;flex-wrap:wrap;gap:.1rem 1.2rem;color:var(--sc-muted);font-size:.88rem}
.rl-facts details{flex-basis:100%}.rl-facts details div{display:flex;flex-wrap:wrap;gap:.1rem 1.2rem}
.rl-facts summary{cursor:pointer}
.rl-said{border-inline-start:3px solid var(--sc-vermilion);padding:.2rem .7rem;background:var(--sc-card);
white-space:pre-wrap;overflow-wrap:anywhere;max-height:7rem;overflow:auto;margin-bottom:.3rem}
.rl-promise{color:var(--sc-muted);font-size:.85rem;padding-inline-start:.9rem;margin:-.1rem 0 .3rem}
.rl-said mark{background:none;color:var(--sc-vermilion);font-weight:600}.rl-said a{color:var(--sc-muted)}
.rl-facts b{color:var(--sc-ink);font-weight:500}
.st-key-red_reason_keys{display:none}
.rl-keys{color:var(--sc-muted);font-size:.82rem;display:flex;flex-wrap:wrap;gap:.1rem .9rem}
.rl-keys kbd{font:11px/1.5 monospace;border:1px solid var(--sc-line);border-bottom-width:2px;border-radius:3px;
padding:0 5px;margin-right:.3rem}
.rl-history{display:grid;grid-template-columns:9rem 1fr;gap:.15rem .9rem;font-size:.9rem}
.rl-history time{color:var(--sc-muted)}
.rl-history q{quotes:none;color:var(--sc-muted);overflow-wrap:anywhere}
</style>"""


_FIRST = 5
"""So many facts stand in view; the rest is a click away."""


def draw(page: Page, violation_id: int, ids: Sequence[int], names: board.Names) -> None:
    """Draw the file; `ids` is the list it was opened from, for going to the next."""
    _ = page.t
    try:
        file = detail.case_file(page.bench, page.actor, violation_id, now=page.now)
    except NotFound as error:
        empty(_.error(error), _("Choose a file from the list."))
        return
    if st.query_params.get("file") != str(violation_id):
        st.query_params["file"] = str(violation_id)
    _head(page, file, names)
    view = reading(page, file, names)
    _said(file, view.promises or {})
    _actions(page, file, ids)
    transcript(page, view, key="red_transcript", height=430)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption(
            _("Frozen evidence") if file.frozen else _("As the archive holds it now; frozen with the first decision.")
        )
        if page.actor.may(Right.PROPOSE_CASE):
            nav.link(page, "library.py", _("Propose as a case"), violation=str(violation_id))
    _history(page, file)
    if any(step in NEEDS_REASON for step in file.options):
        _reason_keys(page)


def _head(page: Page, file: CaseFile, names: board.Names) -> None:
    _ = page.t
    row = file.row
    state_class = (
        "sc-celadon"
        if row.state in (FileState.CLEARED, FileState.DISMISSED, FileState.EXPUNGED, FileState.WITHDRAWN)
        else "sc-vermilion"
    )
    facts = [
        (_("Agent"), person(row)),
        (_("Team"), row.team or "–"),
        (_("Severity"), _(SEVERITIES.get(row.severity, row.severity))),
        (_("When"), _.when(row.occurred_at) or "–"),
        (_("Due"), _.when(row.due) or "–"),
        (
            _("Standing violations in {n} days", n=file.clocks.record_days),
            _("{n}, of this rule {same}", n=file.repeats, same=file.repeats_same_rule),
        ),
    ]
    facts += [(_("Conversation"), file.conversation_key), (_("Rule version"), str(file.rule_version))]
    if file.sanction:
        facts.append((_("If it stands"), _.label(*file.sanction)))
    if file.effect:
        facts.append(
            (
                _("Score"),
                _(
                    "{total}; without the red line {without}",
                    total=_.points(file.effect.total),
                    without=_.points(file.effect.total_without_redlines),
                ),
            )
        )
    parts = [f"<span>{html.escape(name)} <b>{html.escape(value)}</b></span>" for name, value in facts]
    more = f"<details><summary>{html.escape(_('More facts'))}</summary><div>{''.join(parts[_FIRST:])}</div></details>"
    listed = "".join(parts[:_FIRST]) + more
    st.html(
        f'{STYLE}<div class="rl-head"><b>{html.escape(rule_name(page, row.rule_id, names))}</b><span class="rl-state'
        f' {state_class}">{html.escape(_(STATE_NAMES[row.state]))}</span></div><div class="rl-facts">{listed}</div>'
    )


def _said(file: CaseFile, promises: Notes) -> None:
    """The messages that the file rests on, with what was found in them and what became of what they promise: read
    before anything is decided."""
    texts, parts = file.transcript.texts, []
    for seq in sorted({hit.seq for hit in file.evidence})[:3]:
        text, said, at = texts.get(seq, ""), "", 0
        for hit in sorted((hit for hit in file.evidence if hit.seq == seq), key=lambda hit: hit.start):
            if hit.start >= at:
                said += html.escape(text[at : hit.start]) + f"<mark>{html.escape(text[hit.start : hit.end])}</mark>"
                at = hit.end
        link = f'<a href="#message-{seq + 1}">#{seq + 1}</a>'
        parts.append(f'<div class="rl-said">{link} {said.replace("<mark></mark>", "")}{html.escape(text[at:])}</div>')
        told = (f"{one['what']} · {one['text']}" for one in promises.get(seq, ()))
        parts += [f'<div class="rl-promise">{html.escape(line)}</div>' for line in told]
    if parts:
        st.html("".join(parts))


def _actions(page: Page, file: CaseFile, ids: Sequence[int]) -> None:
    """The steps that are possible now, each with its key; refused ones say why."""
    _ = page.t
    turn = st.session_state.setdefault(TURN, 0) % 2
    # a decision of somebody else cannot be taken back: nothing to say about it
    steps = [step for step in BUTTONS if step in file.options and not (step is Step.RETRACT and file.options[step])]
    if any(step in NEEDS_REASON for step in steps):
        _reason(page, f"red_reason_{turn}")
    columns = st.columns(len(steps) + 2 if steps else 2)
    at = ids.index(file.row.id) if file.row.id in ids else -1
    for column, step in zip(columns, steps, strict=False):
        refused = file.options[step]
        column.button(
            _(BUTTONS[step]),
            key=f"red_{step.name.lower()}_{turn}",
            width="stretch",
            shortcut=None if step is Step.RETRACT and st.session_state.get(UNDO) else SHORTCUTS[step],
            type="primary" if step in (Step.CONFIRM, Step.UPHOLD) else "secondary",
            disabled=refused is not None,
            help=_(refused.msgid, **refused.facts) if refused else None,
            on_click=_take,
            args=(page, file.row.id, file.row.state, step, tuple(ids), f"red_reason_{turn}"),
        )
    columns[-2].button(
        "",
        icon=":material/arrow_upward:",
        key="red_previous",
        shortcut="k",
        help=_("Previous file"),
        disabled=at <= 0,
        on_click=_go,
        args=(ids[at - 1] if at > 0 else None,),
        width="stretch",
    )
    columns[-1].button(
        "",
        icon=":material/arrow_downward:",
        key="red_next",
        shortcut="j",
        help=_("Next file"),
        disabled=at < 0 or at + 1 >= len(ids),
        on_click=_go,
        args=(ids[at + 1] if 0 <= at < len(ids) - 1 else None,),
        width="stretch",
    )
    _legend(page, steps)
    for step in steps:
        if (refused := file.options[step]) is not None:
            st.caption(escape(f"{_(BUTTONS[step])}: {_(refused.msgid, **refused.facts)}"))


def _legend(page: Page, steps: Sequence[Step]) -> None:
    """The keys that work here and now."""
    _ = page.t
    keys = [("J / K", _("next, previous file")), *((SHORTCUTS[step].upper(), _(BUTTONS[step])) for step in steps)]
    if any(step in NEEDS_REASON for step in steps):
        keys.append((f"1–{len(REASONS)}", _("choose the reason")))
    st.html(
        '<div class="rl-keys">'
        + "".join(f"<span><kbd>{html.escape(key)}</kbd>{html.escape(does)}</span>" for key, does in keys)
        + "</div>"
    )


def _reason(page: Page, key: str) -> None:
    """The reason of the next step: typed, or one of those offered, which the digits choose."""
    _ = page.t
    offered = [_(reason) for reason in REASONS]
    numbers = {text: n for n, text in enumerate(offered, 1)}
    st.selectbox(
        _("Reason"),
        offered,
        accept_new_options=True,
        key=key,
        placeholder=_("Choose a reason or type one"),
        format_func=lambda text: f"{numbers[text]}  {text}" if text in numbers else text,
        help=_("Shown to the next person and, when upheld, to the agent. Type your own if none fits."),
    )


def _reason_keys(page: Page) -> None:
    """Buttons nobody sees: they lend their digits to the reasons."""
    key = f"red_reason_{st.session_state.get(TURN, 0) % 2}"
    with st.container(key="red_reason_keys"):
        for n, reason in enumerate(REASONS, 1):
            st.button(str(n), key=f"red_reason_key_{n}", shortcut=str(n), on_click=_choose, args=(key, page.t(reason)))


def _choose(key: str, text: str) -> None:
    st.session_state[key] = text


def _go(violation_id: int | None) -> None:
    if violation_id is not None:
        st.session_state[FILE] = violation_id


def _take(page: Page, violation_id: int, seen: FileState, step: Step, ids: tuple[int, ...], reason_key: str) -> None:
    """Take the step on the file that was shown, then go on to the next one of the list."""
    reason = str(st.session_state.get(reason_key) or "")
    now = datetime.now(UTC)
    common: dict[str, Any] = {"now": now, "violation_id": violation_id, "seen": seen}
    bench, actor = page.bench, page.actor
    try:
        if step is Step.CONFIRM:
            deciding.confirm(bench, actor, reason=reason, **common)
        elif step is Step.CLEAR:
            deciding.clear(bench, actor, reason=reason, **common)
        elif step in (Step.UPHOLD, Step.DISMISS):
            deciding.rule(bench, actor, uphold=step is Step.UPHOLD, reason=reason, **common)
        elif step is Step.REOPEN:
            deciding.reopen(bench, actor, reason=reason, **common)
        elif step is Step.RETRACT:
            deciding.retract(bench, actor, **common)
        elif step is Step.CLOSE:
            deciding.close(bench, actor, reason=reason, **common)
        else:
            deciding.expunge(bench, actor, reason=reason, **common)
    except SpotcheckError as error:
        st.session_state[MESSAGE] = error
        return
    st.session_state[TURN] = st.session_state.get(TURN, 0) + 1
    said = page.t("Case file {id}: {step}.", id=violation_id, step=page.t(STEP_NAMES[step]))
    back = TAKEN_BACK.get(step)
    st.session_state[MESSAGE] = None if back else said
    st.session_state[UNDO] = Undo(violation_id, back, said, now + lifecycle.UNDO) if back else None
    at = ids.index(violation_id) if violation_id in ids else len(ids)
    st.session_state[FILE] = ids[at + 1] if at + 1 < len(ids) else None


@dataclass(frozen=True)
class Undo:
    """The last decision of this session, as long as one key takes it back."""

    violation_id: int
    step: Step
    said: str
    until: datetime


TAKEN_BACK = {Step.CONFIRM: Step.RETRACT, Step.CLEAR: Step.RETRACT, Step.UPHOLD: Step.UNRULE, Step.DISMISS: Step.UNRULE}
"""How each decision by one key is taken back by one key."""


@st.fragment(run_every=1.0)
def undo_bar(page: Page) -> None:
    """What was decided last, and the key that takes it back, for ten seconds."""
    if st.session_state.pop(RELOAD, False):
        st.rerun(scope="app")
    last: Undo | None = st.session_state.get(UNDO)
    if last is None:
        return
    left = (last.until - datetime.now(UTC)).total_seconds()
    if left <= 0:
        st.session_state[UNDO] = None
        st.rerun(scope="app")
    with st.container(key="red_undo_bar", horizontal=True, vertical_alignment="center"):
        st.caption(escape(last.said))
        st.button(
            page.t("Take it back ({n} s)", n=math.ceil(left)),
            key="red_undo",
            shortcut="u",
            on_click=_take_back,
            args=(page, last),
        )


def _take_back(page: Page, last: Undo) -> None:
    st.session_state[UNDO] = None
    act = deciding.unrule if last.step is Step.UNRULE else deciding.retract
    try:
        act(page.bench, page.actor, now=datetime.now(UTC), violation_id=last.violation_id)
    except SpotcheckError as error:
        st.session_state[MESSAGE] = error
    else:
        st.session_state[MESSAGE] = page.t(
            "Case file {id}: {step}.", id=last.violation_id, step=page.t(STEP_NAMES[last.step])
        )
        st.session_state[FILE] = last.violation_id
    st.session_state[RELOAD] = True


def _history(page: Page, file: CaseFile) -> None:
    _ = page.t
    lines = []
    for entry in file.history:
        who = f" · {entry.actor_name}" if entry.actor_name else ""
        said = f"<br><q>{html.escape(entry.reason)}</q>" if entry.reason else ""
        what = (
            _("added by hand while scoring")
            if entry.step is Step.OPEN and entry.actor_name
            else _(STEP_NAMES[entry.step])
        )
        lines.append(f"<time>{_.when(entry.at)}</time><span>{html.escape(what)}{html.escape(who)}{said}</span>")
    st.html('<div class="rl-history">' + "".join(lines) + "</div>")
