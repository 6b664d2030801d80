"""Every sentence the browser half can show, by the short name its scripts use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from qa.i18n import N_, Translator

REASONS = (
    N_("Read in its context."), N_("Quoted, or not meant that way."), N_("A product name or a fixed expression."),
    N_("The agent declines it rather than offering it."), N_("Said by somebody else."),
)  # fmt: skip
"""Reasons for a decision on a red line, chosen by digit here and on the board; any other can be typed."""

TEXTS: Mapping[str, str] = {
    "conversation": N_("Conversation"),
    "scorecard": N_("Scorecard"),
    "agent": N_("Agent"),
    "find": N_("Find in the conversation"),
    "found": N_("{n} of {total}"),
    "none_found": N_("not found"),
    "original": N_("Original"),
    "simplified": N_("Simplified"),
    "traditional": N_("Traditional"),
    "script": N_("Characters"),
    "open_link": N_("Open in a new tab"),
    "empty_message": N_("(empty message)"),
    "evidence_for": N_("Evidence: {what}"),
    "redlines": N_("Red lines"),
    "confirm": N_("Confirm"),
    "clear": N_("Clear"),
    "reason": N_("Reason"),
    "reason_needed": N_("A reason is needed: 1–5, or M to write your own"),
    "choose_reason": N_("Choose a reason: 1–5, or M to write your own"),
    "add_redline": N_("Red line missed by the machine…"),
    "add_redline_here": N_("Report the focused message as a breach of"),
    "remove": N_("Remove"),
    "na": N_("N/A"),
    "count": N_("Times"),
    "note": N_("Remark"),
    "comment": N_("Remark on the whole conversation"),
    "owner": N_("Whose part"),
    "cause": N_("Root cause"),
    "no_cause": N_("not named"),
    "evidence": N_("Evidence"),
    "no_evidence": N_("E marks the focused message"),
    "precedents": N_("From the case library"),
    "not_agent": N_("does not count against the agent"),
    "total": N_("Total score"),
    "without": N_("without red lines {points}"),
    "passed": N_("pass"),
    "failed": N_("below {points}"),
    "submit": N_("Submit and next"),
    "submitting": N_("Submitting…"),
    "skip": N_("Skip…"),
    "skip_title": N_("Why can this sample not be inspected?"),
    "skip_hint": N_("Another one takes its place. The reason is recorded and counted."),
    "skip_reasons": N_(
        "Not a real conversation|Wrong agent or shop|Text missing or unreadable|Duplicate of another sample"
    ),
    "skip_confirm": N_("Skip this sample"),
    "cancel": N_("Cancel"),
    "undo": N_("Undo ({n} s)"),
    "submitted": N_("Submitted: {points}"),
    "skipped_today": N_("{n} skipped"),
    "start_left": N_("{n} samples wait for you"),
    "start": N_("Before the next sample"),
    "take_this": N_("Inspect this sample"),
    "look_again": N_("Look again"),
    "named_waits": N_("Sample #{number} is waiting; nobody has taken it."),
    "opened": N_("{source} #{number}, messages: {messages}, red-line findings: {hits}"),
    "full_stop": N_(". "),
    "in_focus": N_("In focus"),
    "go_to": N_("Go to message {n}"),
    "offline": N_(
        "No connection to the server. Go on reading and marking: everything is kept in this browser and saved as soon"
        " as the server is back."
    ),
    "offline_ask": N_("No connection to the server. Your marks are kept in this browser; submit when it is back."),
    "signed_out": N_(
        "Your sign-in has ended. Sign in again in another tab; what you marked stays here and is saved then."
    ),
    "unsaved_offline": N_("Not saved: no connection; kept in this browser"),
    "no_connection": N_("No connection"),
    "back": N_("Connected again"),
    "back_saved": N_("Connected again, saved {time}"),
    "saved": N_("Draft saved"),
    "saving": N_("Saving the draft…"),
    "unsaved": N_("Not saved yet; it is kept in this tab"),
    "restored": N_("Your draft is back."),
    "not_held": N_("This sample is no longer reserved for you; your draft is kept."),
    "conflict": N_("Another window of yours had saved other marks. Yours are kept; theirs are kept beside them."),
    "differences": N_("Compare"),
    "keep_mine": N_("Keep mine"),
    "take_other": N_("Use the other"),
    "mine": N_("Mine"),
    "other": N_("Other window"),
    "same": N_("There is no difference in the marks."),
    "done_today": N_("{n} done today"),
    "left": N_("{n} waiting for you"),
    "median": N_("usual pace {time}"),
    "time_here": N_("time on this one"),
    "shortcuts": N_("Keyboard shortcuts"),
    "close": N_("Close this"),
    "undecided": N_("{n} red-line findings are not decided yet: confirm or clear each with a reason."),
    "unreasoned": N_("{n} decided red-line findings have no reason yet: choose one by 1–5, or write one with M."),
    "unread": N_(
        "Nothing is marked, and the conversation was not read to its end. Submit once more to put {points} on record as"
        " it is."
    ),
    "suggestion": N_("From the data: {value}"),
    "suggestion_take": N_("Accept"),
    "suggestion_refuse": N_("Refuse"),
    "suggestion_open": N_("The data suggests something"),
    "key_suggestion": N_("accept / refuse what the data suggests"),
    "owner_usual": N_("The owner of this cause is usually: {owner}."),
    "owner_take": N_("Change to {owner}"),
    "na_shift": N_(
        "While this does not apply, the rest of “{dimension}” weighs more: a deduction of {before} points counts"
        " {after}."
    ),
    "na_dimension": N_("Nothing of “{dimension}” applies: it leaves the total, which is scaled to full points."),
    "nothing_applies": N_("At least one criterion must apply."),
    "no_answer": N_("No answer from the server. Your marks are safe in this tab; submit again."),
    "stop_of": N_("{label}: {value}"),
    "next_sample": N_("Take the next sample"),
    "rule": N_("Rule"),
    "calibration": N_("Calibration: {name}"),
    "key_move": N_("previous / next criterion"),
    "key_score": N_("score: number of the level or of occurrences"),
    "key_step": N_("one step less / more"),
    "key_na": N_("not applicable"),
    "key_message": N_("next / previous message"),
    "key_hit": N_("next red-line finding in the conversation"),
    "key_evidence": N_("mark the focused message as evidence"),
    "key_decide": N_("red line: confirm / clear"),
    "key_reason": N_("red line: reason of the decision"),
    "key_note": N_("write a note (Esc goes back)"),
    "key_owner": N_("next owner of the deduction"),
    "key_cause": N_("choose the root cause"),
    "key_case": N_("the whole case of a dispute"),
    "whole_case": N_("The whole case"),
    "reading_case": N_("The case is being read…"),
    "against": N_("Does not go together"),
    "key_find": N_("find in the conversation"),
    "key_submit": N_("submit and show the next"),
    "key_undo": N_("undo the last submission"),
    "key_skip": N_("skip with a reason"),
    "key_help": N_("show this list"),
}


@lru_cache(maxsize=8)
def _texts(t: Translator) -> Mapping[str, str]:
    return {name: t(msgid) for name, msgid in TEXTS.items()} | {
        "hit_reasons": "|".join(t(reason) for reason in REASONS)
    }


def texts(t: Translator) -> Mapping[str, str]:
    """All texts in the language of `t`. Named places are filled in the browser."""
    return _texts(Translator(t.language, "UTC"))
