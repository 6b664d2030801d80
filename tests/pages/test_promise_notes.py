"""What stands beside a message that promises something: the very message, and for who judges the data's word alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pages.kit.promises import beside, notes
from qa.i18n import Translator
from qa.promises.reading import LedgerPromise, StandingRuling
from qa.transcripts import read
from scoring.promises import PromiseEvidence, PromiseStatus
from tests.world.transcripts import frozen

SAID = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
MADE = LedgerPromise(
    "t:1", 1, "refund", 0, 5, 5_000, SAID + timedelta(seconds=5), SAID + timedelta(days=1), "a1", None,
    PromiseStatus.BROKEN, PromiseEvidence.REFUSED, "t:d", None,
    StandingRuling(7, PromiseStatus.KEPT, "", 1, SAID),
)  # fmt: skip
TALK = [("customer", "退款吗", 0), ("agent", "明天退您50元", 5)]


def test_the_datas_word_alone_for_who_judges() -> None:
    t = Translator("zh_CN", "Asia/Shanghai")
    place = beside(read(frozen("t:1", "a1", SAID, TALK)))
    alone = notes(t, [MADE], place, ruled=False)
    assert [(seq, [one["status"] for one in told]) for seq, told in alone.items()] == [(1, ["broken"])]
    assert alone[1][0]["what"] == "承诺：退款 50.00"
    assert [one["status"] for one in notes(t, [MADE], place, ruled=True)[1]] == ["kept"]


def test_a_promise_of_another_message_stands_nowhere() -> None:
    place = beside(read(frozen("t:1", "a1", SAID, TALK)))
    for other in (
        replace(MADE, conversation_key="t:2"), replace(MADE, seq=0), replace(MADE, seq=9), replace(MADE, said_at=SAID),
    ):  # fmt: skip
        assert place(other) is None
