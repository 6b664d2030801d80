"""The inspector's queue: looking, taking, giving back and skipping, and the day's progress.

Does not know what is marked and how a skipped sample is replaced.
"""

from qa.desk.queue.giving import MAX_REASON, release, skip
from qa.desk.queue.standing import (
    COUNTED,
    Progress,
    SkipCount,
    Skipped,
    day_start,
    needs_replacement,
    progress,
    skip_counts,
)
from qa.desk.queue.taking import WHY_TEXT, Available, Claim, Empty, HeldPlace, Why, claim_next, look, open

__all__ = [
    "COUNTED",
    "MAX_REASON",
    "WHY_TEXT",
    "Available",
    "Claim",
    "Empty",
    "HeldPlace",
    "Progress",
    "SkipCount",
    "Skipped",
    "Why",
    "claim_next",
    "day_start",
    "look",
    "needs_replacement",
    "open",
    "progress",
    "release",
    "skip",
    "skip_counts",
]
