"""One draw: its receipt in words and as files, its samples, replacing one, and drawing again to check."""

from __future__ import annotations

import streamlit as st

from pages.kit.guard import Page
from pages.kit.sampling.planning import SOURCES
from pages.kit.widgets import escape, showing_errors
from qa import draws
from qa.i18n import N_
from qa.policy import Right

REASONS = {"certainty": N_("high risk, certain"), "base": N_("random"), "take_all": N_("all taken"), "replacement": N_("replacement")}


def show(page: Page, draw_id: int) -> None:
    """The page of one draw."""
    _ = page.t
    if st.button(_("All draws"), icon=":material/arrow_back:", type="tertiary", key="back"):
        del st.query_params["draw"]
        st.rerun()
    draw = draws.get_draw(page.bench, page.actor, draw_id)
    data = draws.receipt_of(page.bench, page.actor, draw_id)
    st.subheader(escape(f"#{draw.id} {draw.name}"))
    left, right = st.columns([5, 4], gap="large")
    with left:
        _words(page, draw, data)
    with right:
        _proof(page, draw, data)
    _samples(page, draw)


def _words(page: Page, draw: draws.DrawView, data: dict) -> None:  # type: ignore[type-arg]
    _ = page.t
    plan, counts = data["plan"], {}
    for pick in data["picks"]:
        counts[pick["reason"]] = counts.get(pick["reason"], 0) + 1
    sentences = [
        _("From {first} to {last} ({zone}) the archive, at version {version}, held {units} units.", first=draw.period_from, last=draw.period_to, zone=plan["time_zone"], version=draw.archive_version, units=_.number(data["units"])),
        _("{reviews} were drawn: {list}.", reviews=_.number(data["reviews"]), list=_(", ").join(f"{_(REASONS[k])} {v}" for k, v in sorted(counts.items()))),
        _("Each unit's number is the HMAC of its id keyed with the seed; within every source and agent the smallest u(1−π)/((1−u)π) were picked."),
        _("{share} of the chat reviews went to the riskiest conversations (model {model}).", share=f"{plan['pool_share'] * 100:.0f}%", model=data["model_version"] or _("none")),
        _("{finished} of {samples} are scored.", finished=draw.finished, samples=draw.samples - draw.withdrawn),
    ]
    if plan["levels"]:
        sentences.append(_("{count} agents were looked at more or less closely than normal.", count=len(plan["levels"])))
    if data["replacements"]:
        sentences.append(_("{count} picks could not be reviewed and were replaced by the next rank.", count=len(data["replacements"])))
    for sentence in sentences:
        st.write(escape(sentence))


def _proof(page: Page, draw: draws.DrawView, data: dict) -> None:  # type: ignore[type-arg]
    _ = page.t
    rows = {
        _("Receipt"): draw.receipt_hash, _("Frame"): data["frame_hash"], _("Probabilities"): data["probability_hash"],
        _("Commitment"): data["commitment"], _("Seed"): data["seed"], _("Algorithm"): f"{data['algorithm']}/{data['algorithm_version']}",
    }
    st.dataframe({_("What"): list(rows), _("Value"): list(rows.values())}, hide_index=True, width="stretch", key="proof")
    committed = data["plan"]["committed_at"]
    st.caption(_("The commitment was public since {when}, before the draw.", when=committed[:16].replace("T", " ") + " UTC" if committed else "–"))
    verify, files = st.columns(2)
    if verify.button(_("Draw again and compare"), key="verify_draw", type="primary", width="stretch"):
        with showing_errors(page), st.spinner(_("Drawing again")):
            result = draws.verify(page.bench, page.actor, draw_id=draw.id)
            if result.equal:
                st.success(_("Equal: {reviews} of {units} units, drawn again from archive and seed.", reviews=_.number(result.reviews), units=_.number(result.units)), icon=":material/verified:")
            else:
                st.warning(_("{count} differences.", count=len(result.differences)), icon=":material/report:")
                st.dataframe([{_("What"): d.what, _("Subject"): d.subject, _("Receipt says"): d.stated, _("Drawn again"): d.found} for d in result.differences[:100]])

    def bundle() -> bytes:
        return draws.export_receipt(page.bench, page.actor, now=page.now, draw_id=draw.id).content

    files.download_button(
        _("Receipt, frame and script"), bundle, f"spotcheck-draw-{draw.id}.zip", "application/zip", key="receipt_zip", on_click="ignore",
        width="stretch", help=_("python verify_receipt.py receipt.json frame.csv draws again without this product."), icon=":material/download:",
    )


def _samples(page: Page, draw: draws.DrawView) -> None:
    _ = page.t
    table = draws.samples(page.bench, page.actor, draw.id)
    st.markdown(f"**{_('Samples')}**")
    event = st.dataframe(
        {
            _("Unit"): table["unit_id"], _("Source"): [_(SOURCES[s]) for s in table["source"]], _("Agent"): table["agent_id"],
            _("Drawn as"): [_(REASONS[r]) for r in table["reason"]], _("Chance"): [f"{p * 100:.2f}%" for p in table["pi"]], _("Rank"): table["rank"],
            _("Scored"): table["finished"], _("Taken back because"): table["withdrawn_reason"].fill_null(""),
        },
        hide_index=True, width="stretch", height=380 if table.height > 10 else "content", key="samples", on_select="rerun", selection_mode="single-row",
    )
    picked = event["selection"]["rows"]
    if picked and page.actor.may(Right.PLAN_DRAW):
        sample, unit = int(table["sample_id"][picked[0]]), str(table["unit_id"][picked[0]])
        with st.form("replace_form", border=True):
            st.write(escape(_("Replace {unit}: the next rank of the same agent stands in, and the reason stays on the receipt.", unit=unit)))
            reason = st.text_input(_("Reason"), key="replace_reason", max_chars=500)
            if st.form_submit_button(_("Replace")):
                with showing_errors(page):
                    made = draws.replace(page.bench, page.actor, now=page.now, sample_id=sample, reason=reason)
                    st.toast(_("Replaced by {unit}.", unit=made.substitute_unit) if made.substitute_unit else _("Nobody is left to stand in: a shortage, on record."))
                    st.rerun()
