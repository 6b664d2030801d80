"""Months to choose from."""

from __future__ import annotations

from datetime import date, timedelta


def finished(today: date, count: int = 12) -> list[date]:
    """First days of the last months that are over, the newest first."""
    found, month = [], today.replace(day=1)
    for _ in range(count):
        month = (month - timedelta(days=1)).replace(day=1)
        found.append(month)
    return found
