"""Conversations by the name people know them by, on the screens of calibration."""

from __future__ import annotations

from collections.abc import Collection

from pages.kit.guard import Page
from qa.calibration import naming


def conversations(page: Page, samples: Collection[int]) -> dict[int, str]:
    """Whose conversation each sample is, when, and what the customer said first."""
    found = naming.names(page.bench, page.actor, samples)
    return {
        sample: " · ".join(
            part for part in (name.agent_name, page.t.when(name.occurred_at, "MM-dd HH:mm"), name.first_line) if part
        )
        for sample, name in found.items()
    }
