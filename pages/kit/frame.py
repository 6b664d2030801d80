"""What surrounds every page in the browser: the document's language, the toolkit's own words, and a tab that forgets
the account before."""

from __future__ import annotations

from collections.abc import Mapping

from pages.kit.desk.component import FRAME, mount
from pages.kit.guard import Page
from qa.i18n import N_

KEY = "frame"
TOOLKIT: Mapping[str, str] = {
    "Upload": N_("Upload a file"),
    "Browse files": N_("Choose files"),
    "Drag and drop file here": N_("Drag a file here"),
    "Drag and drop files here": N_("Drag files here"),
    "Choose an option": N_("Choose"),
    "Choose options": N_("Choose"),
    "Select all": N_("Choose all"),
    "Clear all": N_("Clear the selection"),
    "No results": N_("Nothing found"),
    "No options to select": N_("Nothing to choose from"),
    "Sort ascending": N_("Sort from low to high"),
    "Sort descending": N_("Sort from high to low"),
    "Autosize": N_("Fit the width"),
    "Autosize column": N_("Fit the width"),
    "Pin column": N_("Keep this column in view"),
    "Unpin column": N_("Let this column scroll"),
    "Hide column": N_("Hide this column"),
    "Format": N_("Format of the numbers"),
    "Page not found": N_("There is no such page"),
    "Connection error": N_("No connection"),
    "Running...": N_("Working …"),
    "Connecting": N_("Connecting …"),
    "Show/hide columns": N_("Show or hide columns"),
    "Fullscreen": N_("Full screen"),
    "Close fullscreen": N_("Leave full screen"),
    "Select…": N_("Choose"),
    "Add rows": N_("Add a row"),
    "Remove": N_("Take out"),
    "Show more": N_("Show more"),
}
"""Streamlit says these itself, in English only; what we say instead."""
PATTERNS: Mapping[str, str] = {
    r"(\d+)MB per file(?: • (.*))?": N_("at most $1 MB a file"),
    r"Limit (\d+)MB per file(?: • (.*))?": N_("at most $1 MB a file"),
    r"(?:You have requested page|The page that you have requested) .*": N_(
        "This address belongs to no page. You see the home page instead."
    ),
}  # fmt: skip


def draw(page: Page) -> None:
    """Put it on the page; once a run."""
    _ = page.t
    chinese = _.language == "zh_CN"
    mount(
        FRAME, key=KEY, height=1, data={
            "lang": _.language.replace("_", "-"), "me": page.actor.user_id,
            "words": {english: _(said) for english, said in TOOLKIT.items()} if chinese else {},
            "patterns": [[found, _(said)] for found, said in PATTERNS.items()] if chinese else [],
        },
    )  # fmt: skip
