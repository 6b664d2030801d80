"""Exams: sit one, read one's own paper; for leads drawing one, everybody's papers, and how well questions measure."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import streamlit as st

from pages.kit.choices import pick
from pages.kit.dialogs import dialog, done, kept, opener
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import confirm, empty, plain_text, showing_errors
from qa.development import exams, questions, results
from qa.development.exams import AskedQuestion, ExamHead, ExamPlan, Paper
from qa.i18n import N_
from qa.policy import Right

STATES = {"coming": N_("not open yet"), "open": N_("open"), "closed": N_("over"), "withdrawn": N_("withdrawn")}
SITTING = "development_sitting"


def show(page: Page) -> None:
    """A sitting while it lasts; else the exams and one of them."""
    _ = page.t
    if st.session_state.get(SITTING) is not None:
        _sitting(page, int(st.session_state[SITTING]))
        return
    if page.actor.may(Right.ASSESS):
        opener(_("Draw an exam"), "exam_new", icon=":material/add:")
        dialog("exam_new", _("Draw an exam"), lambda: _new(page), width="medium")
    heads = exams.exams(page.bench, page.actor, now=page.now)
    if not heads:
        empty(_("There is no exam yet"), _("Questions are drawn from the published cases of the library."))
        return
    by_id = {str(head.id): head for head in heads}
    chosen = pick(st.container(), _("Exam"), "exam", list(by_id), lambda i: _title(page, by_id[i]), width=420)
    _one(page, by_id[chosen])


def _title(page: Page, head: ExamHead) -> str:
    _ = page.t
    return f"{head.plan.name} · {_(exams.KINDS[head.plan.kind])} · {_(STATES[head.state])}"


def _one(page: Page, head: ExamHead) -> None:
    _ = page.t
    plan = head.plan
    st.caption(
        _(
            "{questions} questions in {minutes} minutes, from {first} to {last}; {mark} points pass.",
            questions=plan.questions,
            minutes=plan.minutes,
            first=_.when(plan.opens_at),
            last=_.when(plan.closes_at),
            mark=_.points(plan.pass_mark, 0),
        )
    )
    meant = page.actor.role in exams.ROLES[plan.audience]
    if meant and head.state == "open" and head.mine != "done":
        st.caption(_("One sitting: the time runs from your first look, and what you have answered by its end counts."))
        label = _("Go on") if head.mine else _("Begin the sitting")
        if st.button(label, type="primary", key="exam_begin"):
            exams.begin(page.bench, page.actor, now=page.now, exam_id=head.id)
            st.session_state[SITTING] = head.id
            st.rerun()
    if meant and head.mine == "done":
        _own(page, head)
    if page.actor.may(Right.ASSESS) or page.actor.may(Right.VIEW_TEAM):
        _papers(page, head)
    if page.actor.may(Right.ASSESS):
        _items(page, head)
        _receipt(page, head)


def _sitting(page: Page, exam_id: int) -> None:
    _ = page.t
    try:
        paper = exams.begin(page.bench, page.actor, now=page.now, exam_id=exam_id)
    except Exception:
        st.session_state.pop(SITTING, None)  # over, or withdrawn: the list says so
        raise
    left = max(0, int((paper.deadline_at - page.now).total_seconds() // 60))
    st.caption(
        _(
            "Until {when}; {minutes} minutes left. Answers are kept as you give them.",
            when=_.when(paper.deadline_at),
            minutes=left,
        )
    )
    for number, question in enumerate(paper.questions, start=1):
        _question(page, paper, question, number)
    if confirm(page, _("Hand in"), _("An exam is sat once; afterwards nothing can be changed."), key="exam_submit"):
        exams.submit(page.bench, page.actor, now=page.now, sitting_id=paper.sitting_id)
        st.session_state.pop(SITTING, None)
        st.toast(_("Your paper is handed in."))
        st.rerun()


def _question(page: Page, paper: Paper, question: AskedQuestion, number: int) -> None:
    _ = page.t
    given = paper.draft.get(str(question.id), {})
    roles = {"customer": _("Customer"), "agent": _("Agent"), "bot": _("Bot")}
    with st.container(border=True):
        st.markdown(f"**{_('Question {n}', n=number)}**")
        lines = [
            f"{place + 1}. {roles.get(line['role'], line['role'])}：{line['text']}"
            if _.language.startswith("zh")
            else f"{place + 1}. {roles.get(line['role'], line['role'])}: {line['text']}"
            for place, line in enumerate(question.excerpt)
        ]
        plain_text("\n".join(lines) or _("The text of this conversation was removed by the retention policy."))
        labels = {name: label.pick(_.language) for name, label in question.options}
        _ask(page, paper, question.id, questions.CRITERION, labels, given)
        _ask(
            page, paper, question.id, questions.KIND, {kind: _(questions.KINDS[kind]) for kind in question.kinds}, given
        )
        if question.line:
            places = {str(place): _("line {n}", n=place + 1) for place in range(len(question.excerpt))}
            _ask(page, paper, question.id, questions.LINE, places, given)


def _ask(page: Page, paper: Paper, question_id: int, part: str, options: dict[str, str], given: object) -> None:
    _ = page.t
    key = f"exam_{paper.sitting_id}_{question_id}_{part}"
    assert isinstance(given, dict)
    names = list(options)
    before = names.index(given[part]) if given.get(part) in names else None

    def keep() -> None:
        if (answer := st.session_state.get(key)) is not None:
            with showing_errors(page):
                exams.save_draft(
                    page.bench,
                    page.actor,
                    now=page.now,
                    sitting_id=paper.sitting_id,
                    question_id=question_id,
                    part=part,
                    answer=str(answer),
                )

    ask = st.selectbox if part == questions.LINE else st.radio
    more = {"placeholder": _("Choose")} if part == questions.LINE else {}
    ask(
        _(questions.PARTS[part]),
        names,
        before,
        format_func=lambda n: escape(options[n]),
        key=key,
        on_change=keep,
        **more,
    )  # type: ignore[operator]


def _own(page: Page, head: ExamHead) -> None:
    _ = page.t
    if head.state != "closed":
        st.info(_("Your paper is handed in. Marks are shown when the exam is closed."))
        return
    mine, answers = results.own(page.bench, page.actor, now=page.now, exam_id=head.id)
    verdict = _("passed") if mine.passed else _("not passed")
    st.markdown(
        f"**{_.points(mine.mark or 0)}** · {verdict} · "
        f"{_('{right} of {asked} answers right', right=mine.right, asked=mine.asked)}"
    )
    said = {True: _("right"), False: _("wrong")}
    data = {
        _("Case"): [one.title for one in answers],
        **{
            _(short): [said[one.parts[part]] if part in one.parts else "–" for one in answers]
            for part, short in SHORT.items()
        },
    }
    st.dataframe(data, hide_index=True, width="stretch")


SHORT = {questions.CRITERION: N_("Criterion or red line"), questions.KIND: N_("Kind"), questions.LINE: N_("Line")}


def _papers(page: Page, head: ExamHead) -> None:
    _ = page.t
    found = results.of_exam(page.bench, page.actor, now=page.now, exam_id=head.id)
    if not found:
        st.caption(_("Nobody has sat it yet."))
        return

    def mark(one: results.SittingResult) -> str:
        if one.mark is None:
            return _("sitting now")
        return f"{_.points(one.mark)} · {_('passed') if one.passed else _('not passed')}"

    agents, inspectors = [one for one in found if not one.inspector], [one for one in found if one.inspector]
    for people, title in ((agents, _("Papers")), (inspectors, _("Inspectors (counts as calibration)"))):
        if not people:
            continue
        st.subheader(title, anchor=False)
        data = {
            _("Name"): [one.name for one in people],
            _("Team"): [one.team for one in people],
            _("Mark"): [mark(one) for one in people],
            _("Right of asked"): [f"{one.right} / {one.asked}" for one in people],
            _("Minutes"): [
                "–"
                if one.submitted_at is None
                else _.number((one.submitted_at - one.started_at).total_seconds() / 60, 1)
                for one in people
            ],
        }
        st.dataframe(data, hide_index=True, width="stretch")


def _items(page: Page, head: ExamHead) -> None:
    _ = page.t
    found = results.items(page.bench, page.actor, now=page.now, exam_id=head.id)
    if not found:
        return
    st.subheader(_("Questions"), anchor=False)

    def share(one: results.QuestionResult) -> str:
        f = one.figures
        if f.difficulty is None or f.low is None or f.high is None:
            return "–"
        return f"{_.percent(f.difficulty, 0)} [{_.percent(f.low, 0)}, {_.percent(f.high, 0)}] n = {_.number(f.n)}"

    data = {
        _("Case"): [one.title for one in found],
        _("Wholly right"): [share(one) for one in found],
        _("Discrimination"): [
            _("too few") if one.figures.discrimination is None else _.number(one.figures.discrimination, 2)
            for one in found
        ],
    }
    st.dataframe(data, hide_index=True, width="stretch")
    st.caption(
        _(
            "Discrimination: how far a question goes with the rest of the paper; near 0 or below it measures something "
            "else."
        )
    )


def _receipt(page: Page, head: ExamHead) -> None:
    _ = page.t
    with st.expander(_("Receipt"), icon=":material/receipt_long:"):
        st.write(
            _("Drawn from {n} published cases; the seed is told when the exam is closed.", n=len(head.receipt["frame"]))
        )
        st.code(
            f"{head.receipt['algorithm']}\ncommitment {head.receipt['seed_commitment']}\nframe "
            f"{head.receipt['frame_hash']}\nseed {head.seed or '–'}",
            language=None,
        )
        if st.button(_("Draw it again"), key="exam_verify"):
            wrong = exams.verify(page.bench, page.actor, head.id)
            st.error(_("Not as drawn: {what}", what=_(", ").join(wrong))) if wrong else st.success(
                _("The questions follow from the receipt.")
            )
    if head.state != "withdrawn":
        opener(_("Withdraw the exam"), "exam_withdraw", beside=head.id)
        dialog("exam_withdraw", _("Withdraw the exam"), lambda: _withdraw(page))


def _withdraw(page: Page) -> None:
    _ = page.t
    with st.form("exam_withdraw_form", border=False), showing_errors(page):
        reason = st.text_input(_("Reason"), key="exam_reason", max_chars=500)
        if st.form_submit_button(_("Withdraw the exam"), type="primary"):
            exams.withdraw(page.bench, page.actor, now=page.now, exam_id=int(kept()), reason=reason)
            done()


def _new(page: Page) -> None:
    _ = page.t
    zone = page.bench.config.zone
    today = page.now.astimezone(zone).date()
    with st.form("exam_new", border=False):
        one, two, three = st.columns(3)
        name = one.text_input(_("Name of the exam"), key="exam_name", max_chars=200)
        kind = two.selectbox(_("Kind"), list(exams.KINDS), format_func=lambda k: _(exams.KINDS[k]), key="exam_kind")
        audience = three.selectbox(
            _("Who sits it"), list(exams.AUDIENCES), format_func=lambda a: _(exams.AUDIENCES[a]), key="exam_audience"
        )
        count = one.number_input(_("Questions"), 1, exams.MOST_QUESTIONS, 10, key="exam_count")
        minutes = two.number_input(_("Minutes"), 1, exams.MOST_MINUTES, 30, key="exam_minutes")
        closes = three.date_input(_("Last day"), today + timedelta(days=6), min_value=today, key="exam_last")
        language = one.selectbox(
            _("Language"),
            ["zh_CN", "en"],
            format_func=lambda x: {"zh_CN": "中文", "en": "English"}[x],
            key="exam_language",
        )
        if st.form_submit_button(_("Draw it"), type="primary"):
            with showing_errors(page):
                end = datetime.combine(closes + timedelta(days=1), time(), zone).astimezone(page.now.tzinfo)
                plan = ExamPlan(
                    name, kind, audience, closes.replace(day=1), page.now, end, int(count), int(minutes), language
                )
                number = exams.create(page.bench, page.actor, now=page.now, plan=plan)
                st.session_state["pick_exam"] = str(number)
                done()
