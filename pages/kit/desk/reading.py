"""The conversation alone, for reading: an agent's own result, appeals, the red-line board, cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pages.kit.desk.component import DESK, mount
from pages.kit.desk.conversation import Span, header, items
from pages.kit.desk.texts import texts
from pages.kit.guard import Page
from pages.kit.promises import Notes
from qa.transcripts import FrozenTranscript, shown
from scoring.waits import Wait


@dataclass(frozen=True)
class TranscriptView:
    """What to read. `content` is a frozen transcript; `spans` the red lines found; `evidence` message → what it proves;
    `focus` the message to start at; `promises` what stands beside messages."""

    content: FrozenTranscript
    spans: Sequence[Span] = ()
    waits: Sequence[Wait] = ()
    evidence: Mapping[int, str] | None = None
    focus: int | None = None
    promises: Notes | None = None


def transcript(page: Page, view: TranscriptView, *, key: str, height: int = 520) -> None:
    """Show a conversation that cannot be changed, `height` pixels high. Masks it for readers without the right to see
    customers. `key` must be constant for its place on the page, never an id of what is shown."""
    content = shown(page.actor, view.content)
    data = {
        "mode": "read",
        "id": content.unit_id or "",
        "language": page.t.language,
        "texts": texts(page.t),
        "height": height,
        "header": header(page.t, content),
        "items": items(page.t, content, view.spans, view.waits, promises=view.promises),
        "evidence": {str(seq): text for seq, text in (view.evidence or {}).items()},
        "focus": view.focus,
    }
    mount(DESK, key=key, data=data)
