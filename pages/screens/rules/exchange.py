"""New rules, by hand or from a file, and the rules in force as a file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from pages.kit.dialogs import close_dialog, dialog, opener
from pages.kit.guard import Page
from pages.kit.widgets import download
from pages.screens.rules.outcome import attempt, say
from qa.rules import versions
from qa.rules.versions import RuleLine
from scoring.redline import Examples, Label, Rule


def draw(page: Page, listed: Sequence[RuleLine]) -> None:
    """Three buttons; the first two open a dialog."""
    _ = page.t
    row = st.columns(3)
    with row[0]:
        opener(_("New rule"), "new_rule", width="stretch")
    with row[1]:
        opener(_("Import"), "import_rules", width="stretch")
    with row[2]:
        if any(line.version for line in listed):
            download(
                _("Export"),
                lambda: versions.export_toml(page.bench, page.actor).encode(),
                "rules.toml",
                "application/toml",
                key="rules_export",
            )
    dialog("new_rule", _("New rule"), lambda: _new(page))
    dialog("import_rules", _("Import"), lambda: _import(page), width="medium")


def _new(page: Page) -> None:
    _ = page.t
    say(page)
    rule_id = st.text_input(_("Id, such as R13"), key="rules_new_id", max_chars=40)
    st.button(
        _("Create draft"),
        type="primary",
        key="rules_new",
        disabled=not rule_id.strip(),
        on_click=_create,
        args=(page,),
    )


def _create(page: Page) -> None:
    rule_id = str(st.session_state.get("rules_new_id") or "").strip()
    if not any(version.state for version in versions.history(page.bench, page.actor, rule_id)):
        fresh = Rule(rule_id, 1, Label("新规则", "New rule"), examples=Examples())
        if not attempt(
            page,
            lambda: versions.save_draft(page.bench, page.actor, now=datetime.now(UTC), rule=fresh),
            page.t("The draft is created."),
        ):
            return
    st.session_state["rule"] = rule_id  # one that is there already is opened: no empty draft is put over it
    close_dialog()


def _import(page: Page) -> None:
    _ = page.t
    say(page)
    text = st.text_area(_("TOML with [[rule]] tables"), key="rules_import_text", height=280)
    st.button(
        _("Make drafts"),
        type="primary",
        key="rules_import",
        disabled=not text.strip(),
        on_click=_make_drafts,
        args=(page,),
    )


def _make_drafts(page: Page) -> None:
    text = str(st.session_state.get("rules_import_text") or "")
    if attempt(
        page,
        lambda: versions.import_toml(page.bench, page.actor, now=datetime.now(UTC), text=text),
        page.t("Differing rules are drafts now."),
    ):
        close_dialog()
