"""Everything we install for a user may be used in a free, Apache-licensed product."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCKED = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==", re.MULTILINE)
GPL = re.compile(r"\b(A?GPL|GNU (Affero )?General Public)", re.IGNORECASE)
LESSER = re.compile(r"LGPL|Lesser General Public|Library General Public", re.IGNORECASE)


def locked() -> list[str]:
    """Names of everything in the lock file of the product."""
    return sorted(set(LOCKED.findall((ROOT / "requirements.lock").read_text("utf-8"))))


def licence(name: str) -> str:
    """What a package says of its licence; of choices (`A OR B`) the first that is not the GPL."""
    meta = distribution(name).metadata
    stated = (
        meta.get("License-Expression")
        or " ".join(c for c in meta.get_all("Classifier") or [] if c.startswith("License"))
        or meta.get("License")
        or ""
    )
    choices = [
        choice
        for choice in re.split(r"\s+OR\s+", stated.splitlines()[0] if stated else "")
        if not GPL.search(LESSER.sub("", choice))
    ]
    return choices[0] if choices else stated


def test_the_lock_file_is_read() -> None:
    assert {"streamlit", "polars", "sqlalchemy"} <= set(locked())


def test_no_package_is_under_the_gpl() -> None:
    found = {}
    for name in locked():
        try:
            found[name] = licence(name)
        except PackageNotFoundError:  # for another system or Python version
            continue
    assert len(found) > 40
    assert {name: text for name, text in found.items() if GPL.search(LESSER.sub("", text))} == {}
    assert {name for name, text in found.items() if not text} == set(), "a licence must be stated"
