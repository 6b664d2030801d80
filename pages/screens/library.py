"""The screens of the case library: list with filters on the left, the case on the right, the form for a new one."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.kit.choices import number_in_address, pick
from pages.kit.dialogs import addressed, turn_to
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.promises import cited_words
from pages.kit.rows import listed
from pages.kit.widgets import empty, heading, showing_errors
from pages.screens.coaching.screen import send_case
from qa import reports
from qa.i18n import LANGUAGE_NAMES, N_
from qa.library import cases, citing, search
from qa.library.cases import CaseText, CaseView
from qa.library.search import CaseFilter, CaseHit, CasePage
from qa.policy import Right

PER_PAGE = 14
_MODE = "case_mode"
"""What is done in the dialog: reading (empty), `edit` or `withdraw`."""
KINDS: Mapping[str, str] = {"exemplary": N_("Exemplary"), "counter": N_("Counter-example"), "edge": N_("Hard case")}
STATES: Mapping[str, str] = {"published": N_("Published"), "proposed": N_("Proposed"), "withdrawn": N_("Withdrawn")}
ROLES: Mapping[str, str] = {
    "customer": N_("Customer"),
    "agent": N_("Agent"),
    "bot": N_("Bot"),
    "system": N_("System"),
    "platform": N_("Platform"),
}
_FIELDS = (
    "case_title",
    "case_lesson",
    "case_kind",
    "case_criterion",
    "case_rule",
    "case_tags",
    "case_language",
    "case_withdraw_reason",
)
STYLE = """
<style>
.sc-lesson { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.7;
border-inline-start: 3px solid var(--sc-indigo);
  padding: .1rem 0 .1rem .8rem; margin: .2rem 0 .6rem; max-width: 46rem; }
.sc-excerpt { display: flex; flex-direction: column; gap: .3rem; max-width: 46rem; }
.sc-line { display: grid; grid-template-columns: 5.2rem 1fr; gap: .6rem; line-height: 1.65; }
.sc-line b { font-weight: 400; opacity: .72; font-size: .85rem; padding-top: .12rem;
font-variant-numeric: tabular-nums; }
.sc-line span { justify-self: start; white-space: pre-wrap; overflow-wrap: anywhere; padding: .15rem .6rem;
border-radius: 6px; }
.sc-line.agent span { background: var(--sc-card); }
.sc-line.promise span { font-size: .85rem; opacity: .8; border-inline-start: 2px solid var(--sc-line); border-radius: 0;
padding-block: 0; }
.sc-line.system span, .sc-line.bot span, .sc-line.platform span { opacity: .7; }
</style>
"""


def show(page: Page) -> None:
    """The whole page: the form when the address asks for a new case, else the library."""
    _ = page.t
    st.html(STYLE)
    labels = _Labels(page)
    sample, violation = number_in_address("sample"), number_in_address("violation")
    conversation = st.query_params.get("conversation", "")
    named = sample is not None or violation is not None or bool(conversation)
    if named and page.actor.may(Right.PROPOSE_CASE):
        _propose(page, labels, sample, violation, conversation)
    else:
        _library(page, labels)
        addressed("case", _("Case"), _named, Right.VIEW_CASES)


class _Labels:
    """Names of criteria and rules in the page's language."""

    def __init__(self, page: Page) -> None:
        t = page.t
        self.criteria = {id_: label.pick(t.language) for id_, label in reports.criterion_labels(page.bench).items()}
        self.rules = {id_: label.pick(t.language) for id_, label in reports.rule_names(page.bench).items()}

    def criterion(self, criterion_id: str) -> str:
        return self.criteria.get(criterion_id, criterion_id)

    def rule(self, rule_id: str) -> str:
        name = self.rules.get(rule_id)
        return f"{rule_id} {name}" if name else rule_id

    def about(self, hit: CaseHit) -> str:
        """What a case teaches: a criterion or a red line."""
        return self.criterion(hit.criterion_id) if hit.criterion_id else self.rule(hit.rule_id) if hit.rule_id else ""


# the library


def _library(page: Page, labels: _Labels) -> None:
    _ = page.t
    heading(page, _("Cases"), _("What good and bad conversations teach"))
    wanted, number = _filters(page, labels)
    found = search.find_cases(page.bench, page.actor, wanted, page=number, size=PER_PAGE)
    if not found.total:
        _nothing(page, wanted)
        return
    _list(page, labels, found, number)


def _filters(page: Page, labels: _Labels) -> tuple[CaseFilter, int]:
    _ = page.t
    columns = st.columns([4, 2, 3, 3, 2])
    anything = _("Any")
    with columns[0]:
        query = st.text_input(
            _("Search"), key="q", bind="query-params", placeholder=_("Words in title, lesson or chat")
        )
    kind = _choice(columns[1], _("Kind"), "kind", list(KINDS), lambda k: _(KINDS[k]), anything)
    criterion = _choice(columns[2], _("Criterion"), "criterion", list(labels.criteria), labels.criterion, anything)
    rule = _choice(columns[3], _("Red line"), "rule", list(labels.rules), labels.rule, anything)
    state = "published"
    if page.actor.may(Right.PROPOSE_CASE):
        state = _choice(columns[4], _("State"), "state", list(STATES), lambda s: _(STATES[s]), None) or "published"
    tags = search.all_tags(page.bench, page.actor)[:12]
    tag = st.pills(_("Tags"), tags, key="tag", bind="query-params", label_visibility="collapsed") if tags else None
    wanted = CaseFilter(query or "", kind, state, criterion, rule, tag or "", reader=_.language)
    if st.session_state.get("case_filter") not in (None, wanted):
        _first_page()  # another question: its first page, and no case chosen yet
    st.session_state["case_filter"] = wanted
    return wanted, max(number_in_address("page") or 1, 1)


def _choice(
    place: DeltaGenerator, label: str, name: str, options: list[str], show: Callable[[str], str], anything: str | None
) -> str:
    choices = ["", *options] if anything is not None else options
    return pick(place, label, name, choices, lambda o: show(o) if o else str(anything))


def _nothing(page: Page, wanted: CaseFilter) -> None:
    _ = page.t
    if wanted == CaseFilter(reader=_.language):
        empty(
            _("The case library is still empty"),
            _("Promote a scored sample: open an agent's result and choose “Propose as a case”."),
        )
    else:
        empty(_("No case matches"), _("Try a shorter word, or remove a filter."))


def _list(page: Page, labels: _Labels, found: CasePage, number: int) -> None:
    _ = page.t
    total = f"{page.t.number(found.total)}+" if found.bounded else page.t.number(found.total)
    st.caption(_("{total} cases", total=total))
    table = {
        _("Title"): [hit.title for hit in found.hits],
        _("Kind"): [_(KINDS[hit.kind]) for hit in found.hits],
        _("About"): [labels.about(hit) for hit in found.hits],
        _("Tags"): [" ".join(f"#{tag}" for tag in hit.tags[:3]) for hit in found.hits],
        _("Changed"): [_.day(hit.changed_at) for hit in found.hits],
    }
    listed(page, table, "case_list", lambda row: _open(found.hits[row].id), label=_("Cases"), most=PER_PAGE)
    if found.total > PER_PAGE:
        pages = -(-found.total // PER_PAGE)
        st.pagination(pages, default=min(number, pages), key="case_pages", on_change=_turn)


def _open(case_id: int) -> None:
    turn_to("case", case_id)
    st.session_state.pop(_MODE, None)
    for key in _FIELDS:  # the form keeps its keys, so it must forget the case it showed before
        st.session_state.pop(key, None)


def _first_page() -> None:
    for name in ("page", "case"):
        if name in st.query_params:
            del st.query_params[name]


def _turn() -> None:
    st.query_params["page"] = str(st.session_state["case_pages"])
    if "case" in st.query_params:
        del st.query_params["case"]


# one case


def _named(page: Page, case_id: int) -> None:
    _detail(page, _Labels(page), cases.get(page.bench, page.actor, case_id))


def _detail(page: Page, labels: _Labels, case: CaseView) -> None:
    _ = page.t
    st.markdown(f"**{escape(case.text.title)}**")
    about = [_(KINDS[case.text.kind]), _(STATES[case.state])]
    if case.text.criterion_id:
        about.append(labels.criterion(case.text.criterion_id))
    if case.text.rule_id:
        about.append(labels.rule(case.text.rule_id))
    about += [f"#{tag}" for tag in case.text.tags]
    st.caption(escape(" · ".join(about)))
    st.html(f'<div class="sc-lesson">{html.escape(case.text.lesson)}</div>')
    _excerpt(page, case.excerpt)
    if page.actor.may(Right.PUBLISH_CASE):
        _actions(page, labels, case)
    if page.actor.may(Right.COACH) and case.state == "published" and not st.session_state.get(_MODE):
        _send(page, case)


def _excerpt(page: Page, lines: tuple[dict[str, object], ...]) -> None:
    _ = page.t
    rows = []
    for line in lines:
        role = str(line["role"])
        offset = line.get("offset")
        clock = f" {int(offset) // 60}:{int(offset) % 60:02d}" if isinstance(offset, int) and offset >= 0 else ""
        rows.append(
            f'<div class="sc-line {html.escape(role)}"><b>{html.escape(_(ROLES.get(role, role)))}{clock}</b>'
            f"<span>{html.escape(str(line['text']))}</span></div>"
        )
        rows += [
            f'<div class="sc-line promise"><b></b><span>{html.escape(cited_words(_, one))}</span></div>'
            for one in citing.read(line)
        ]
    st.html(f'<div class="sc-excerpt">{"".join(rows)}</div>')


def _actions(page: Page, labels: _Labels, case: CaseView) -> None:
    """What a lead can do with the case; the form of a change takes the place of the buttons."""
    _ = page.t
    mode = st.session_state.get(_MODE, "")
    if mode == "edit":
        _edit(page, labels, case)
    elif mode == "withdraw":
        _withdraw(page, case)
    else:
        with st.container(horizontal=True):
            if case.state != "published" and st.button(_("Publish"), key="case_publish", type="primary"):
                with showing_errors(page):
                    cases.publish(page.bench, page.actor, now=page.now, case_id=case.id, version=case.version)
                    st.rerun()
            st.button(_("Edit"), key="case_edit", on_click=_turn_mode, args=("edit",))
            if case.state == "published":
                st.button(_("Withdraw"), key="case_withdraw", on_click=_turn_mode, args=("withdraw",))


def _send(page: Page, case: CaseView) -> None:
    with st.expander(page.t("Send it to an agent")):
        send_case(page, case.id)


def _turn_mode(mode: str) -> None:
    st.session_state[_MODE] = mode


def _withdraw(page: Page, case: CaseView) -> None:
    _ = page.t
    with st.form("case_withdraw_form", border=False), showing_errors(page):
        reason = st.text_input(_("Reason"), key="case_withdraw_reason")
        if st.form_submit_button(_("Withdraw from the library"), type="primary"):
            cases.withdraw(page.bench, page.actor, now=page.now, case_id=case.id, version=case.version, reason=reason)
            _turn_mode("")
            st.rerun()


def _edit(page: Page, labels: _Labels, case: CaseView) -> None:
    _ = page.t
    with st.form("case_edit_form", border=False):
        text = _fields(page, labels, case.text)
        if st.form_submit_button(_("Save"), type="primary"):
            with showing_errors(page):
                cases.edit(page.bench, page.actor, now=page.now, case_id=case.id, version=case.version, text=text)
                _turn_mode("")
                st.rerun()


# a new case


def _propose(page: Page, labels: _Labels, sample: int | None, violation: int | None, conversation: str) -> None:
    _ = page.t
    heading(page, _("Propose a case"))
    with showing_errors(page):
        known = cases.material(
            page.bench,
            page.actor,
            now=page.now,
            sample_id=sample,
            violation_id=violation,
            conversation=conversation,
            message=number_in_address("message"),
        )
        lines = known.lines
        start = CaseText(
            "",
            "",
            known.kind,
            (),
            st.query_params.get("criterion") or None,
            st.query_params.get("rule") or known.rule_id,
            page.t.language,
        )
        left, right = st.columns([5, 6], gap="large")
        with left, st.form("case_new", border=False):
            text = _fields(page, labels, start)
            options = [int(str(line["seq"])) for line in lines]
            chosen = st.multiselect(
                _("Messages to show"),
                options,
                default=list(known.seqs),
                key="case_seqs",
                format_func=lambda s: f"#{s + 1}",
                placeholder=_("Choose messages"),
                help=_("The numbers stand beside the messages."),
            )
            cite = citing.count(lines) > 0 and st.checkbox(
                _("Cite what became of the promises in them"), value=True, key="case_promises"
            )
            if st.form_submit_button(_("Propose"), type="primary"):
                made = cases.propose(
                    page.bench,
                    page.actor,
                    now=page.now,
                    text=text,
                    sample_id=sample,
                    violation_id=violation if sample is None else None,
                    conversation=conversation,
                    seqs=chosen,
                    cite_promises=cite,
                )
                st.query_params.from_dict({"case": str(made), "state": "proposed"})
                st.rerun()
        with right:
            st.caption(_("Masked already: this is what readers will see."))
            _excerpt(
                page,
                tuple(
                    {**line, "role": line["role"], "text": f"#{int(str(line['seq'])) + 1}  {line['text']}"}
                    for line in lines
                ),
            )


def _fields(page: Page, labels: _Labels, text: CaseText) -> CaseText:
    _ = page.t
    title = st.text_input(_("Title"), text.title, key="case_title", max_chars=200)
    lesson = st.text_area(_("What it teaches"), text.lesson, key="case_lesson", max_chars=4000, height=150)
    kinds = list(KINDS)
    kind = st.segmented_control(
        _("Kind"), kinds, format_func=lambda k: _(KINDS[k]), default=text.kind, key="case_kind", required=True
    )
    none = _("None")
    criteria, rule_ids = ["", *labels.criteria], ["", *labels.rules]
    criterion = st.selectbox(
        _("Criterion"),
        criteria,
        criteria.index(text.criterion_id) if text.criterion_id in criteria else 0,
        key="case_criterion",
        format_func=lambda c: labels.criterion(c) if c else none,
    )
    rule = st.selectbox(
        _("Red line"),
        rule_ids,
        rule_ids.index(text.rule_id) if text.rule_id in rule_ids else 0,
        key="case_rule",
        format_func=lambda r: labels.rule(r) if r else none,
    )
    tags = st.multiselect(
        _("Tags"),
        sorted({*search.all_tags(page.bench, page.actor), *text.tags}),
        default=list(text.tags),
        key="case_tags",
        accept_new_options=True,
        placeholder=_("Choose or type"),
    )
    languages = list(LANGUAGE_NAMES)
    language = st.segmented_control(
        _("Language"),
        languages,
        format_func=LANGUAGE_NAMES.__getitem__,
        default=text.language,
        key="case_language",
        required=True,
    )
    return CaseText(title, lesson, kind or "edge", tuple(tags), criterion or None, rule or None, language or "zh_CN")
