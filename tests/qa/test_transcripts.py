"""The stored form of a transcript is read into types once; what nobody reads does not get in the way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from qa import transcripts
from qa.masking import mask_transcript
from qa.transcripts import door
from tests.world.desk import content

PHONE = "13812345678"


def stored(**changes: Any) -> dict[str, Any]:
    """A dispute joined to a chat, as 0.1.0 stored it."""
    chat = content(1, ["agent-2"])
    line = {"seq": 3, "role": "customer", "agent_id": None, "kind": "text", "text": f"打我电话{PHONE}", "sent_at": None}
    chat["messages"].append({**line, "part": "dispute"})
    chat |= {"source": "dispute", "customer_id": "tb99887", "order_id": "2026030112345678"}
    chat["dispute"] = {
        "dispute_key": "d:1", "dispute_type": "REFUND", "status": "SUCCESS", "title": "围巾", "reason": "不想要了",
        "description": f"电话{PHONE}", "refund_fee": 1999, "opened_at": "2026-03-01T10:00:00+00:00", "closed_at": None,
        "customer_id": "tb99887", "order_id": "2026030112345678",
    }  # fmt: skip
    chat["rating"] = {"score": 1, "label": "1", "comment": f"差，{PHONE}", "rated_at": "2026-03-01T12:00:00+00:00"}
    return {**chat, **changes}


def test_what_is_stored_is_read_into_types() -> None:
    found = transcripts.read(stored())
    assert (found.unit_id, found.agents, found.seqs) == ("t:1", {"agent-1", "agent-2"}, {0, 1, 2, 3})
    assert (found.texts[0], [message.part for message in found.messages]) == ("在吗", [None, None, None, "dispute"])
    assert found.dispute is not None
    assert found.dispute.opened_at == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert found.rating is not None
    assert (found.rating.score, found.dispute.refund_fee, found.messages[3].sent_at) == (1, 1999, None)


def test_a_text_that_retention_has_removed_leaves_no_messages() -> None:
    plain = stored()
    del plain["messages"]
    assert transcripts.read(plain).messages == ()


def test_masking_the_types_is_masking_what_is_stored() -> None:
    plain = stored()
    masked = door.shown(None, transcripts.read(plain))
    assert masked == transcripts.read(mask_transcript(plain))
    assert PHONE not in str(masked)
    assert "tb99887" not in str(masked)
    assert door.shown(None, masked) == masked


def test_what_is_no_transcript_is_refused_and_not_guessed() -> None:
    with pytest.raises(msgspec.ValidationError):
        transcripts.read(stored(messages=[{"seq": "first", "text": "在吗"}]))
