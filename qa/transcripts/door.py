"""The one door through which text of customers reaches a reader: whole for those with the right, masked for all others.

Pages, exports, cases, rulings and notes ask here and nowhere else (`tests/house/test_masking_door.py`). `None` as the
reader means everybody: what is kept for the library or leaves the house.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from qa.masking import mask_text, mask_transcript
from qa.policy import Actor, Right
from qa.transcripts.document import FrozenTranscript, read


def sees_customers(reader: Actor | None) -> bool:
    """Whether `reader` may see phones, names and addresses of customers."""
    return reader is not None and reader.may(Right.UNMASK)


def shown_text(reader: Actor | None, text: str, names: Iterable[str] = ()) -> str:
    """`text` as `reader` may see it; `names` are customers' names to hide beside what a text gives away itself."""
    return text if sees_customers(reader) else mask_text(text, names)


def shown(reader: Actor | None, transcript: FrozenTranscript) -> FrozenTranscript:
    """A frozen transcript as `reader` may see it: texts, customer, order, dispute and rating."""
    return transcript if sees_customers(reader) else read(mask_transcript(msgspec.to_builtins(transcript)))
