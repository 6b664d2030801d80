"""No door without a room behind it: menu entries, pages and rights belong to each other."""

from __future__ import annotations

import re
from pathlib import Path

from pages.kit import nav
from qa.policy import RIGHT_NAMES, Right

ROOT = Path(__file__).parents[2]


def test_every_menu_entry_has_its_page_and_every_page_its_entry() -> None:
    pages = {path.name for path in (ROOT / "pages").glob("*.py")} - {"__init__.py"}
    assert {entry.file for entry in nav.ENTRIES} == pages


def test_every_right_is_asked_for_somewhere() -> None:
    asked: set[str] = set()
    for path in [*(ROOT / "qa").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]:
        if path != ROOT / "qa" / "policy.py":
            asked |= set(re.findall(r"\bRight\.([A-Z_]+)", path.read_text("utf-8")))
    assert {right.name for right in Right} == asked
    assert set(RIGHT_NAMES) == set(Right)
