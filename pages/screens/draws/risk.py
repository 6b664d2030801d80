"""The risk model: which version is in use and how good it is in plain words, training it again, taking another into
use."""

from __future__ import annotations

import streamlit as st

from pages.kit import figures
from pages.kit import jobs as job_view
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.rows import choosable
from pages.kit.widgets import confirm, showing_errors
from qa import jobs, predictors
from qa.i18n import N_
from qa.predictors import STATES, ModelView, Outlook

SCORING = N_("Scoring conversations … {share}")

_GRADES = (
    (0.60, N_("hardly better than chance")),
    (0.70, N_("weak")),
    (0.80, N_("fair")),
    (0.90, N_("good")),
    (1.01, N_("very good")),
)


def show(page: Page) -> None:
    """The whole view."""
    _ = page.t
    st.header(_("Risk model"))
    st.caption(
        _(
            "It reads every conversation and predicts how likely a violation is and how many points are lost. The draw"
            " looks more closely where that is high; the estimates stay unbiased however good or bad it is."
        )
    )
    with showing_errors(page):
        models = predictors.list_models(page.bench, page.actor)
        outlook = predictors.outlook(page.bench, page.actor)
        used = next((m for m in models if m.state == "active"), None)
        if used is None:
            _cold(page, outlook)
        else:
            _quality(page, used)
        _train(page, outlook, used)
        if models:
            _versions(page, models)


def _cold(page: Page, outlook: Outlook) -> None:
    _ = page.t
    text = _(
        "No trained model is in use. A rule score stands in for it: words of complaint, red-line hits, slow replies,"
        " low ratings, who spoke last."
    )
    st.markdown(
        escape(
            text
            + " "
            + _(
                "{labels} reviewed chats, {violations} with a red line, could teach a model now.",
                labels=_.number(outlook.labels),
                violations=_.number(outlook.violations),
            )
        )
    )


def _quality(page: Page, model: ModelView) -> None:
    _ = page.t
    st.markdown(
        f"**{escape(_('Model {version}', version=model.version))}** · "
        + escape(
            _(
                "learnt from {first} – {last}: {labels} reviews, {violations} violations",
                first=_.day(model.trained_from),
                last=_.day(model.trained_to),
                labels=_.number(model.labels),
                violations=_.number(model.violations),
            )
        )
        + (" · " + escape(_("scores corrected for inspectors' severity")) if model.severity_adjusted else "")
    )
    if model.auc is None:
        st.caption(_("Too few violations to say how well it tells them apart."))
    else:
        grade = next(name for limit, name in _GRADES if model.auc < limit)
        st.markdown(
            escape(
                _(
                    "Separation: {grade}. Shown a chat with a violation and one without, it gives the first the"
                    " higher risk in {of} of 100 cases (AUC {auc}, on reviews it had not learnt from).",
                    grade=_(grade),
                    of=round(100 * model.auc),
                    auc=_.number(model.auc, 3),
                )
            )
        )
    pool = _.percent(model.largest_pool, 0)
    if model.largest_pool == 0:
        rule = _("The automatic share for the riskiest chats stays at 0% below AUC 0.60.")
    elif model.largest_pool < 0.4:
        rule = _(
            "The automatic share for the riskiest chats is at most {share} until 500 reviews and 30 violations exist.",
            share=pool,
        )
    else:
        rule = _(
            "The automatic share for the riskiest chats may go up to {share}, as long as the team's interval grows no"
            " wider.",
            share=pool,
        )
    st.caption(
        escape(
            rule
            + " "
            + _(
                "It explains {share} of the differences in score. It never weights a draw of days it learnt from: only"
                " conversations after {last} carry its predictions.",
                share=_.percent(model.explained, 0),
                last=_.day(model.trained_to),
            )
        )
    )
    _charts(page, model)


def _charts(page: Page, model: ModelView) -> None:
    _ = page.t
    left, right = st.columns(2, gap="large")
    look = figures.look(page)
    with left:
        st.markdown(f"**{_('Are its predictions true?')}**")
        if model.calibration:
            figures.show(
                page,
                figures.calibration(look, model, _("violations predicted"), _("violations found")),
                key="risk_calibration",
                name="calibration",
                alt=_("Are its predictions true?"),
            )
            st.caption(
                _(
                    "Each point is a tenth of the reviews. On the dotted line, predicted and found agree; below it the"
                    " model is too alarmed."
                )
            )
    with right:
        st.markdown(f"**{_('What would more reviews teach?')}**")
        figures.show(
            page,
            figures.learning(look, model, _("reviews learnt from")),
            key="risk_learning",
            name="learning-curve",
            alt=_("What would more reviews teach?"),
        )
        st.caption(
            _("While the line still rises, every further review improves the model. The dotted line is pure chance.")
        )


def _train(page: Page, outlook: Outlook, used: ModelView | None) -> None:
    _ = page.t
    if job_view.running(page, jobs.TRAINING, N_("Learning … {share}"), key="risk_training"):
        return
    if job_view.running(page, jobs.SCORING, SCORING, key="risk"):
        return
    trained = job_view.ended(page, jobs.TRAINING, key="risk_training")
    done = job_view.ended(page, jobs.SCORING, key="risk")
    if done is not None:
        if not done.version:
            st.success(_("The rule score is back: {n} conversations have it again.", n=_.number(done.conversations)))
        elif done.conversations:
            st.success(
                _(
                    "{n} conversations carry the predictions of model {model} now.",
                    n=_.number(done.conversations),
                    model=done.version,
                )
            )
        else:
            st.success(
                _("The model is in use. Conversations after its last day get its predictions when they are screened.")
            )
        job_view.done_with(page, jobs.SCORING, key="risk")
    if trained is not None and (used is None or used.id != trained.id):
        _compare(page, used, trained)
    more = outlook.labels - (used.labels if used else 0)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            _("Train again") if used else _("Train a model"),
            key="risk_train",
            disabled=not outlook.enough,
            type="secondary" if used and more < 100 else "primary",
        ):
            job_view.forget(page, jobs.SCORING)
            job_view.start(page, jobs.TRAINING, jobs.Train())
            st.rerun()
        if not outlook.enough:
            st.caption(_("Training needs at least 40 reviewed chats; there are {n}.", n=outlook.labels))
        elif used:
            st.caption(_("{n} reviews more than the model in use has seen.", n=_.number(max(more, 0))))
            if st.button(
                _("Score again"),
                key="risk_again",
                type="tertiary",
                help=_(
                    "Predictions are made of the red-line hits known at that time. A change of the rules changes the"
                    " hits, not the predictions; scoring again does."
                ),
            ):
                _score(page, again=True)


def _compare(page: Page, old: ModelView | None, new: ModelView) -> None:
    """What the training just done would change, and the button that makes it so."""
    _ = page.t

    def auc(model: ModelView | None) -> str:
        return "–" if model is None or model.auc is None else _.number(model.auc, 3)

    with st.container(border=True):
        st.markdown(f"**{escape(_('Trained: model {version}', version=new.version))}**")
        st.markdown(
            escape(
                _(
                    "AUC {before} → {after} · reviews {old} → {new} · learnt up to {last}",
                    before=auc(old),
                    after=auc(new),
                    old=_.number(old.labels) if old else "–",
                    new=_.number(new.labels),
                    last=_.day(new.trained_to),
                )
            )
        )
        if st.button(_("Take it into use"), key="risk_use_new", type="primary"):
            _use(page, new.id)


def _versions(page: Page, models: tuple[ModelView, ...]) -> None:
    _ = page.t
    st.markdown(f"**{_('Versions')}**")
    chosen = choosable(
        {
            _("No."): [m.id for m in models],
            _("Version"): [m.version for m in models],
            _("State"): [_(STATES[m.state]) for m in models],
            _("Learnt from"): [f"{_.day(m.trained_from)} – {_.day(m.trained_to)}" for m in models],
            _("Reviews"): [m.labels for m in models],
            _("Violations"): [m.violations for m in models],
            "AUC": [m.auc for m in models],
            _("Trained"): [_.when(m.created_at) for m in models],
        },
        len(models),
        "risk_versions",
        column_config={"AUC": st.column_config.NumberColumn(format="%.3f")},
    )
    if chosen is not None and models[chosen].state != "active":
        if confirm(
            page,
            _("Take model {no} into use", no=models[chosen].id),
            _("Conversations after its last day get its predictions. Published draws keep theirs."),
            key="risk_use",
        ):
            _use(page, models[chosen].id)
    elif chosen is not None and confirm(
        page,
        _("Stop using it"),
        _("Conversations get the rule score again. Published draws keep what they were drawn with."),
        key="risk_stop",
    ):
        with showing_errors(page):
            predictors.retire(page.bench, page.actor, now=page.now)
            _score(page)


def _use(page: Page, model: int) -> None:
    with showing_errors(page):
        predictors.activate(page.bench, page.actor, now=page.now, model=model)
        _score(page)


def _score(page: Page, *, again: bool = False) -> None:
    job_view.forget(page, jobs.TRAINING)
    job_view.start(page, jobs.SCORING, jobs.Score(again))
    st.rerun()
