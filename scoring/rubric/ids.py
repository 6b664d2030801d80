"""Ids of what is new in a rubric: made from its English name or by number, and never one that meant something else."""

from __future__ import annotations

import re
from collections.abc import Collection

_LONGEST = 40


def fresh_id(name: str, taken: Collection[str], prefix: str = "item") -> str:
    """An id that is not `taken`: from the Latin letters and digits of `name`, else `prefix` and a number.

    >>> fresh_id("Polite tone!", {"polite_tone"}), fresh_id("语气", {"item_1"})
    ('polite_tone_2', 'item_2')
    """
    stem = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")[:_LONGEST].strip("_")
    if stem and stem not in taken:
        return stem
    stem = stem or prefix
    number = 2 if stem != prefix else 1
    while f"{stem}_{number}" in taken:
        number += 1
    return f"{stem}_{number}"
