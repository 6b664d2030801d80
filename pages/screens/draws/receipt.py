"""One draw: its receipt in words and as files, its samples, replacing one, and drawing again to check."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import streamlit as st

from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import showing_errors
from pages.screens.draws.agents import reason
from pages.screens.draws.planning import INTENSITIES
from qa import draws
from qa.disputes import responsible
from qa.draws.design import SOURCE_NAMES
from qa.i18n import N_
from qa.policy import Right

REASONS = {
    "certainty": N_("high risk, certain"),
    "base": N_("random"),
    "take_all": N_("all taken"),
    "replacement": N_("replacement"),
}


def show(page: Page, draw_id: int) -> None:
    """The page of one draw."""
    _ = page.t
    if st.button(_("All draws"), icon=":material/arrow_back:", type="tertiary", key="back"):
        del st.query_params["draw"]
        st.rerun()
    draw = draws.get_draw(page.bench, page.actor, draw_id)
    data = draws.receipt_of(page.bench, page.actor, draw_id)
    st.header(escape(f"#{draw.id} {draw.name}"))
    left, right = st.columns(2, gap="large")
    with left:
        _words(page, draw, data)
    with right:
        _proof(page, draw, data)
    _goal(page, draw)
    _closeness(page, data["plan"].get("closeness", []))
    _samples(page, draw)


def _answering(page: Page, plan: dict[str, Any]) -> list[str]:
    """By which rule a dispute was drawn for somebody, and how much of that people had decided."""
    _ = page.t
    rule = plan["design"].get("responsible", responsible.BEFORE)
    told = [_("A dispute is drawn for {rule}.", rule=_(responsible.RULES.get(rule, responsible.EARLIER)))]
    if plan.get("settled"):
        told.append(_("Of the period's disputes, {n} were settled by people before.", n=len(plan["settled"])))
    return told


def _words(page: Page, draw: draws.DrawView, data: dict[str, Any]) -> None:
    _ = page.t
    plan, counts = data["plan"], Counter(pick["reason"] for pick in data["picks"])
    taken = {step["unit_id"]: step for step in data["replacements"]}
    alone = sum(step["substitute"] is None for step in taken.values())
    equal = "screened" in data["algorithm"]
    sentences = [
        _(
            "From {first} to {last} ({zone}) the archive, at version {version}, held {units} units.",
            first=draw.period_from,
            last=draw.period_to,
            zone=plan["time_zone"],
            version=draw.archive_version,
            units=_.number(data["units"]),
        ),
        _(
            "{reviews} were drawn: {list}.",
            reviews=_.number(data["reviews"]),
            list=_(", ").join(f"{_(REASONS[k])} {v}" for k, v in sorted(counts.items())),
        ),
        (
            _(
                "Each unit's number is the HMAC of its id keyed with the seed; a keyed hash first kept a few"
                " units of every agent, and of those the smallest numbers were picked."
            )
            if equal
            else _(
                "Each unit's number is the HMAC of its id keyed with the seed; within every source and agent the"
                " smallest u(1−π)/((1−u)π) were picked."
            )
        ),
        (
            _("Nothing was predicted for these conversations: within each agent all had the same chance.")
            if equal or not data["model_version"]
            else _(
                "{share} of the chat reviews went to the riskiest conversations (model {model}).",
                share=_.percent(plan["pool_share"], 0),
                model=data["model_version"],
            )
        ),
        _("{finished} of {samples} are scored.", finished=draw.finished, samples=draw.samples - draw.withdrawn),
    ]
    if any(quota["source"] == "dispute" for quota in plan["design"]["quotas"]):
        sentences += _answering(page, plan)
    if draw.left_out:
        sentences.append(
            _(
                "{count} were left out because the goal of the plan is met without them; the estimates count them as"
                " drawn and not reviewed.",
                count=draw.left_out,
            )
        )
    if plan["levels"]:
        sentences.append(_("{count} agents were given more or fewer reviews than normal.", count=len(plan["levels"])))
    if len(taken) > alone:
        sentences.append(
            _("{count} picks could not be reviewed and were replaced by the next rank.", count=len(taken) - alone)
        )
    if alone:
        sentences.append(
            _(
                "{count} picks could not be reviewed and have no substitute: they represented only"
                " themselves, or none was left. The estimates cover the rest.",
                count=alone,
            )
        )
    for sentence in sentences:
        st.write(escape(sentence))


def _goal(page: Page, draw: draws.DrawView) -> None:
    """How far a draw with a goal is, and what can be left out or put back."""
    _ = page.t
    far = draws.stopping(page.bench, page.actor, draw_id=draw.id, now=page.now)
    if far is None:
        return
    with st.container(border=True):
        st.markdown(
            escape(
                _(
                    "Goal of the plan: {met} of {agents} agents have as many reviews as it takes, by the spread that"
                    " the reviews of the others show.",
                    met=_.number(far.met),
                    agents=_.number(len(far.agents)),
                )
            )
        )
        st.caption(
            _(
                "An agent's own scores never decide when to stop: the estimates stay unbiased. What is left out counts"
                " as drawn and not reviewed."
            )
        )
        if not page.actor.may(Right.PLAN_DRAW):
            return
        left, right = st.columns(2)
        if far.places and left.button(
            _("Leave {count} places out of the queue", count=far.places), key="leave_out", type="primary"
        ):
            with showing_errors(page):
                draws.leave_out(page.bench, page.actor, now=page.now, draw_id=draw.id)
                st.rerun()
        if far.left_out and right.button(_("Put {count} samples back", count=far.left_out), key="put_back"):
            with showing_errors(page):
                draws.put_back(page.bench, page.actor, now=page.now, draw_id=draw.id)
                st.rerun()


def _closeness(page: Page, people: list[dict[str, Any]]) -> None:
    """Who was looked at more or less closely, and why, as it was frozen when the draw was published."""
    _ = page.t
    if not people:
        return
    known = [draws.Closeness(**{"why": "", "by_hand": False, **one}) for one in people]
    with st.expander(_("Agents with more or fewer reviews")):
        st.dataframe(
            {
                _("Agent"): [one.agent_id for one in known],
                _("Intensity"): [_(INTENSITIES[one.level]) for one in known],
                _("Because"): [reason(_, one) for one in known],
            },
            hide_index=True,
            width="stretch",
            key="receipt_closeness",
        )


def _proof(page: Page, draw: draws.DrawView, data: dict[str, Any]) -> None:
    _ = page.t
    rows = {
        _("Receipt"): draw.receipt_hash,
        _("Frame"): data["frame_hash"],
        _("Probabilities"): data["probability_hash"] or _("n/N of the counts"),
        _("Commitment"): data["commitment"],
        _("Seed"): data["seed"],
        _("Algorithm"): f"{data['algorithm']}/{data['algorithm_version']}",
        _("Archive version"): data["archive_version"],
        _("Model"): data["model_version"] or _("none"),
    }
    st.dataframe(
        {_("What"): list(rows), _("Value"): list(rows.values())}, hide_index=True, width="stretch", key="proof"
    )
    committed = data["plan"]["committed_at"]
    st.caption(
        _(
            "The commitment was public since {when}; the seed was opened when the draw was published, {opened}.",
            when=_.when(datetime.fromisoformat(committed)) if committed else "–",
            opened=_.when(draw.published_at),
        )
    )
    if committed and _.local(datetime.fromisoformat(committed)).date() > draw.period_to:
        st.caption(
            _(
                "It is younger than the period: that no other seed was tried, only the audit trail can show. The plan's"
                " next draw has its commitment already."
            )
        )
    verify, files, plain = st.columns([4, 4, 2])
    if verify.button(_("Draw again and compare"), key="verify_draw", type="primary", width="stretch"):
        with showing_errors(page), st.spinner(_("Drawing again")):
            result = draws.verify(page.bench, page.actor, draw_id=draw.id)
            if result.equal:
                st.success(
                    _(
                        "Equal: {reviews} of {units} units, drawn again from archive and seed.",
                        reviews=_.number(result.reviews),
                        units=_.number(result.units),
                    ),
                    icon=":material/verified:",
                )
            else:
                st.warning(_("{count} differences.", count=len(result.differences)), icon=":material/report:")
                st.dataframe(
                    [
                        {
                            _("What"): d.what,
                            _("Subject"): d.subject,
                            _("Receipt says"): d.stated,
                            _("Drawn again"): d.found,
                        }
                        for d in result.differences[:100]
                    ]
                )

    def bundle() -> bytes:
        return draws.export_receipt(page.bench, page.actor, now=page.now, draw_id=draw.id).content

    files.download_button(
        _("Receipt, frame and script"),
        bundle,
        f"spotcheck-draw-{draw.id}.zip",
        "application/zip",
        key="receipt_zip",
        on_click="ignore",
        width="stretch",
        help=_("python verify_receipt.py receipt.json frame.csv draws again without this product."),
        icon=":material/download:",
    )
    plain.download_button(
        "JSON",
        lambda: draws.receipt_json(page.bench, page.actor, draw.id),
        f"spotcheck-draw-{draw.id}.json",
        "application/json",
        key="receipt_json",
        on_click="ignore",
        width="stretch",
        help=_("The receipt alone, for programs."),
    )


def _samples(page: Page, draw: draws.DrawView) -> None:
    _ = page.t
    table = draws.samples(page.bench, page.actor, draw.id)
    st.markdown(f"**{_('Samples')}**")
    event = st.dataframe(
        {
            _("Agent"): table["name"],
            _("When"): [_.when(at, "MM-dd HH:mm") for at in table["occurred_at"]],
            _("First line"): table["first_line"],
            _("Source"): [_(SOURCE_NAMES[s]) for s in table["source"]],
            _("Drawn as"): [_(REASONS[r]) for r in table["reason"]],
            _("Probability"): [f"{p * 100:.2f}%" for p in table["pi"]],
            _("Rank"): table["rank"],
            _("Scored"): table["finished"],
            _("Taken back because"): table["withdrawn_reason"].fill_null(""),
        },
        hide_index=True,
        width="stretch",
        height=380 if table.height > 10 else "content",
        key="samples",
        on_select="rerun",
        selection_mode="single-row",
    )
    picked = event["selection"]["rows"]
    if picked and page.actor.may(Right.PLAN_DRAW):
        row = table.row(picked[0], named=True)
        sample = int(row["sample_id"])
        unit = " · ".join(part for part in (row["name"], _.when(row["occurred_at"]), row["first_line"]) if part)
        certain = table["reason"][picked[0]] in ("certainty", "take_all")
        with st.form("replace_form", border=True):
            st.write(
                escape(
                    _(
                        "{unit} was picked with certainty and represents only itself: a substitute would have a"
                        " false probability. It is recorded as not reviewable; the estimates cover the rest.",
                        unit=unit,
                    )
                    if certain
                    else _(
                        "Replace {unit}: the next rank of the same agent stands in, and the reason stays on the"
                        " receipt.",
                        unit=unit,
                    )
                )
            )
            reason_given = st.text_input(_("Reason"), key="replace_reason", max_chars=500)
            if st.form_submit_button(_("Record as not reviewable") if certain else _("Replace")):
                with showing_errors(page):
                    made = draws.replace(page.bench, page.actor, now=page.now, sample_id=sample, reason=reason_given)
                    st.toast(
                        _("Replaced by {unit}.", unit=made.substitute_unit)
                        if made.substitute_unit
                        else _("Recorded: no substitute.")
                    )
                    st.rerun()
