"""The form of a plan, and the words for what plans are made of.

What is not touched in the form stays exactly as the plan has it: a figure that the form shows rounded, and names it no
longer offers, come back unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import streamlit as st

from pages.kit.guard import Page
from qa.disputes import responsible
from qa.draws import PREDICTORS, Goal, PlanChoices, PlanDesign, PlanView, SourceQuota
from qa.draws.design import SOURCE_NAMES
from qa.draws.design import goal as plan_goal
from qa.draws.periods import CADENCES
from qa.i18n import N_
from scoring.rubric import may_score

INTENSITIES = {
    "newcomer": N_("newcomer"),
    "tightened": N_("tightened"),
    "normal": N_("normal"),
    "reduced": N_("reduced"),
    "all": N_("everything"),
}
EACH, ALL, NONE = "each", "all", "none"
WAYS = {EACH: N_("a number per agent"), ALL: N_("take all"), NONE: N_("leave out")}
NUMBER, WIDTH, BELOW = "", "width", "below"
GOALS = {
    NUMBER: N_("by number, as above"),
    WIDTH: N_("as many as give every agent an interval of ± points"),
    BELOW: N_("as many as find every agent that many points below the team"),
}
POWERS = (0.7, 0.8, 0.9)
USUAL_POINTS: Mapping[str, float] = {NUMBER: 5.0, WIDTH: 5.0, BELOW: 8.0}
USUAL: Mapping[str, float] = {"chat": 5.0, "dispute": 2.0, "rating": 2.0}
"""The number offered where a source is not drawn by number yet."""
T = TypeVar("T")


@dataclass(frozen=True)
class Wish:
    """What the form says of one source: how it is drawn, and how many per agent where that is by number."""

    way: str
    per_agent: float


@dataclass(frozen=True)
class Answers:
    """What the form holds. Shares are whole percents; a pool of None is automatic."""

    wishes: Mapping[str, Wish]
    teams: tuple[str, ...]
    shops: tuple[str, ...]
    inspectors: tuple[int, ...]
    double: int
    pool: int | None
    adapt: bool
    complete_only: bool
    predictor: str
    cadence: str = ""
    goal: Goal | None = None
    rubrics: tuple[tuple[str, int], ...] = ()
    responsible: str = responsible.LAST
    publishes: bool = False


def shown(design: PlanDesign) -> Answers:
    """The form as `design` fills it."""
    quotas = {quota.source: quota.per_agent for quota in design.quotas}
    return Answers(
        {source: _wish(quotas, source) for source in SOURCE_NAMES},
        design.teams,
        design.shops,
        design.inspectors,
        round(design.double_share * 100),
        None if design.pool_share is None else round(design.pool_share * 100),
        design.adapt,
        design.complete_only,
        design.predictor,
        design.cadence,
        design.goal,
        design.rubrics,
        design.responsible,
        design.automatic,
    )


def designed(design: PlanDesign, answers: Answers) -> PlanDesign:
    """`design` with what `answers` says otherwise, and nothing else changed."""
    before = shown(design)
    kept = {quota.source: quota for quota in design.quotas}
    quotas = [
        (
            kept[source]
            if source in kept and wish == before.wishes[source]
            else SourceQuota(source, None if wish.way == ALL else wish.per_agent)
        )
        for source, wish in answers.wishes.items()
        if _drawn(wish) or (source in kept and wish == before.wishes[source])
    ]
    place = {quota.source: number for number, quota in enumerate(design.quotas)}
    return replace(
        design,
        quotas=tuple(sorted(quotas, key=lambda quota: place.get(quota.source, len(place)))),
        teams=answers.teams,
        shops=answers.shops,
        inspectors=answers.inspectors,
        double_share=design.double_share if answers.double == before.double else answers.double / 100,
        pool_share=(
            design.pool_share if answers.pool == before.pool else None if answers.pool is None else answers.pool / 100
        ),
        adapt=answers.adapt,
        complete_only=answers.complete_only,
        cadence=answers.cadence,
        predictor=answers.predictor,
        goal=answers.goal,
        rubrics=answers.rubrics,
        responsible=answers.responsible,
        automatic=answers.publishes,
    )


@dataclass(frozen=True)
class Filled:
    """What was sent: name, design and the rubric version to score with."""

    name: str
    design: PlanDesign
    rubric_version_id: int | None


def form(
    page: Page, offered: PlanChoices, key: str, name: str, design: PlanDesign, plan: PlanView | None = None
) -> Filled | None:
    """The form of a plan, new or there already; an answer in the run in which it was sent. `key` must differ from plan
    to plan."""
    _ = page.t
    now = shown(design)
    with st.form(f"plan_{key}", border=False):
        title = st.text_input(_("Plan name"), name, max_chars=200, key=f"{key}_name")
        rubric, rubrics = _rubrics(page, f"{key}_rubric", offered, plan)
        cadence = _cadence(page, f"{key}_cadence", now.cadence)
        publishes = st.checkbox(
            _("The night shift publishes the draw when its period is over"),
            now.publishes,
            key=f"{key}_publishes",
            help=_(
                "On the page Operations an admin switches the night shift on. Without this it only says what is due."
            ),
        )
        wishes = {source: _source(page, f"{key}_{source}", source, wish) for source, wish in now.wishes.items()}
        answering = _responsible(page, f"{key}_responsible", now.responsible)
        goal = _goal(page, f"{key}_goal", now.goal)
        teams = st.multiselect(
            _("Teams"), _all(offered.teams, design.teams), design.teams, key=f"{key}_teams", placeholder=_("All")
        )
        shops = st.multiselect(
            _("Shops"), _all(offered.shops, design.shops), design.shops, key=f"{key}_shops", placeholder=_("All")
        )
        double = st.slider(
            _("Scored twice, blind"),
            0,
            max(50, now.double),
            now.double,
            _step(now.double),
            format="%d%%",
            key=f"{key}_double",
        )
        automatic = st.checkbox(_("Share for the riskiest chats: automatic"), now.pool is None, key=f"{key}_auto")
        share = st.slider(
            _("… or fixed"), 0, 40, now.pool or 0, _step(now.pool or 0), format="%d%%", key=f"{key}_share"
        )
        predictor = _predictor(page, f"{key}_predictor", offered, now.predictor)
        names = dict(offered.inspectors)
        people = st.multiselect(
            _("Inspectors"),
            _all(names, design.inspectors),
            design.inspectors,
            key=f"{key}_people",
            placeholder=_("Everybody"),
            format_func=lambda user: names.get(user) or _("#{number} (no longer inspecting)", number=user),
        )
        adapt = st.checkbox(
            _("More reviews for newcomers and agents below the team, fewer for agents long without a red line"),
            design.adapt,
            key=f"{key}_adapt",
        )
        complete = st.checkbox(
            _("Leave out conversations of which an import refused rows"), design.complete_only, key=f"{key}_complete"
        )
        if not st.form_submit_button(_("Save"), type="primary"):
            return None
    answers = Answers(
        wishes,
        tuple(teams),
        tuple(shops),
        tuple(people),
        double,
        None if automatic else share,
        adapt,
        complete,
        predictor,
        cadence,
        goal,
        tuple((source, version) for source, version in rubrics if _drawn(wishes[source])),
        answering,
        publishes,
    )
    return Filled(title, designed(design, answers), rubric)


def _cadence(page: Page, key: str, now: str) -> str:
    """How often the plan draws; a plan without a choice may keep going as its last draw went."""
    _ = page.t
    names = {**({} if now else {"": N_("as its last draw")}), **CADENCES}
    return str(
        st.selectbox(_("Draws"), list(names), list(names).index(now), key=key, format_func=lambda one: _(names[one]))
    )


def _responsible(page: Page, key: str, now: str) -> str:
    """Whom a dispute is drawn for."""
    _ = page.t
    rules = {**({} if now else {responsible.BEFORE: responsible.EARLIER}), **responsible.RULES}
    return str(
        st.selectbox(
            _("A dispute is drawn for"),
            list(rules),
            list(rules).index(now),
            key=key,
            format_func=lambda rule: _(rules[rule]),
            help=_(
                "Never for a bot or the system, and not at all where nobody had a part in it. Who it is can be changed"
                " with a reason on the page Disputes, before drawing."
            ),
        )
    )


def _predictor(page: Page, key: str, offered: PlanChoices, now: str) -> str:
    """Whose predictions decide which chats are the riskiest, and sharpen the estimates."""
    _ = page.t
    names = _all(offered.predictors, (now,))
    return str(
        st.selectbox(
            _("Predictions of"),
            names,
            names.index(now),
            key=key,
            format_func=lambda name: _(PREDICTORS[name]) if name in PREDICTORS else name,
        )
    )


def _goal(page: Page, key: str, now: Goal | None) -> Goal | None:
    """What the chats are to tell of every agent by the end of the month, instead of a number."""
    _ = page.t
    kind = now.kind if now else NUMBER
    what, points, power = st.columns([5, 2, 2], vertical_alignment="bottom")
    chosen = what.selectbox(
        _("How many chats"),
        list(GOALS),
        list(GOALS).index(kind),
        key=f"{key}_kind",
        format_func=lambda one: _(GOALS[one]),
        help=_(
            "By the end of the month, at 95% confidence. The number of each agent follows from the spread of past"
            " reviews, the predictions and the agent's own past; what a draw does not need any more is left out of the"
            " queue."
        ),
    )
    number = points.number_input(
        _("Points"), 0.5, 50.0, now.points if now else USUAL_POINTS[kind], 0.5, key=f"{key}_points", format="%g"
    )
    stands = now.power if now else 0.8
    offered = sorted({*POWERS, stands})
    sure = power.selectbox(
        _("Found with"),
        offered,
        offered.index(stands),
        key=f"{key}_power",
        format_func=lambda one: _.percent(one, 0),
        help=_("How likely an agent so far below is named; of no matter for an interval."),
    )
    if chosen == NUMBER:
        return None
    return plan_goal(str(chosen), float(number if number is not None else USUAL_POINTS[kind]), float(sure))


def _rubrics(
    page: Page, key: str, offered: PlanChoices, plan: PlanView | None
) -> tuple[int | None, tuple[tuple[str, int], ...]]:
    """The version to score each source with: the plan's own first chosen, for a new plan the newest made for it. The
    version for chats is the plan's; other sources are named where they are scored on another one."""
    _ = page.t
    columns = st.columns(len(SOURCE_NAMES), vertical_alignment="bottom")
    chosen: dict[str, int] = {}
    for column, source in zip(columns, SOURCE_NAMES, strict=True):
        with column:
            version = _rubric(page, f"{key}_{source}", source, offered, plan)
        if version is not None:
            chosen[source] = version
    own = chosen.get("chat")
    return own, tuple((source, version) for source, version in chosen.items() if source != "chat" and version != own)


def _rubric(page: Page, key: str, source: str, offered: PlanChoices, plan: PlanView | None) -> int | None:
    """The version to score one source with; None where nothing is published."""
    _ = page.t
    fitting = [one for one in offered.rubrics if may_score(one.sources, source)]
    names = {one.id: one.name for one in fitting}
    if plan is not None:
        start = plan.design.rubric_of(source) or plan.rubric_version_id
        names.setdefault(start, plan.rubric_names.get(start, plan.rubric_name))
    elif not fitting:
        return None
    else:
        own = [one for one in fitting if source in one.sources]
        start = (own or fitting)[0].id if source != "chat" else fitting[0].id
    ids = list(names)
    return int(
        st.selectbox(
            _("Rubric for {source}", source=_(SOURCE_NAMES[source])),
            ids,
            ids.index(start),
            key=key,
            format_func=lambda number: _.label(*names[number]),
        )
    )


def _source(page: Page, key: str, source: str, wish: Wish) -> Wish:
    """One source: how it is drawn, and the number beside it."""
    _ = page.t
    left, right = st.columns(2, vertical_alignment="bottom")
    way = left.selectbox(
        _(SOURCE_NAMES[source]),
        list(WAYS),
        list(WAYS).index(wish.way),
        key=f"{key}_way",
        format_func=lambda x: _(WAYS[x]),
    )
    number = right.number_input(
        _("{source} per agent", source=_(SOURCE_NAMES[source])),
        0.0,
        max(500.0, wish.per_agent),
        wish.per_agent,
        0.5,
        key=f"{key}_number",
        format="%g",
        label_visibility="collapsed",
    )
    return Wish(str(way), float(number if number is not None else wish.per_agent))


def _wish(quotas: Mapping[str, float | None], source: str) -> Wish:
    if source not in quotas:
        return Wish(NONE, USUAL[source])
    wanted = quotas[source]
    return Wish(ALL, USUAL[source]) if wanted is None else Wish(EACH, float(wanted))


def _drawn(wish: Wish) -> bool:
    return wish.way == ALL or (wish.way == EACH and wish.per_agent > 0)


def _all(offered: Iterable[T], chosen: Iterable[T]) -> list[T]:
    """What can be chosen: what is offered now, and what the plan has although it is offered no more."""
    return list(dict.fromkeys((*offered, *chosen)))


def _step(percent: int) -> int:
    return 1 if percent % 5 else 5
