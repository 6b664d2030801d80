"""Rounds of one transcript: the same as the archive's figures count, and where each is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.timing import DEFINITIONS, conversation_metrics, definition_of
from scoring.waits import TimedLine, Wait, waits

ZONE = ZoneInfo("Asia/Shanghai")
MIDNIGHT = datetime(2026, 3, 1, tzinfo=ZONE).astimezone(UTC)
SCHEMA = {"conversation_key": pl.String, "seq": pl.Int32, "role": pl.String, "sent_at": pl.Datetime("us", "UTC")}
NIGHT = replace(DEFINITIONS["house"], id="night", opens=22 * 60, closes=6 * 60)
LINES = st.lists(
    st.tuples(
        st.sampled_from(["customer", "agent", "bot", "system"]), st.none() | st.floats(0, 100_000, allow_nan=False)
    ),
    max_size=14,
)


def talk(*said: tuple[str, float | None]) -> list[TimedLine]:
    return [
        TimedLine(seq, role, None if at is None else MIDNIGHT + timedelta(seconds=at))
        for seq, (role, at) in enumerate(said)
    ]


@given(LINES, st.sampled_from([*DEFINITIONS.values(), NIGHT]))
@settings(max_examples=200, deadline=None)
def test_counts_what_the_archive_counts(said: list[tuple[str, float | None]], definition) -> None:  # type: ignore[no-untyped-def]
    lines = talk(*said)
    table = pl.DataFrame([("a", line.seq, line.role, line.at) for line in lines], schema=SCHEMA, orient="row")
    found = waits(reversed(lines), definition, ZONE)
    metrics = conversation_metrics(table, definition, "Asia/Shanghai")
    if metrics.is_empty():
        assert found == ()
        return
    row = metrics.row(0, named=True)
    timed = [wait.seconds for wait in found if wait.seconds is not None]
    assert (len(found), sum(wait.answered for wait in found)) == (row["rounds"], row["answered"])
    assert sum(wait.answered and wait.seconds is not None and not wait.late for wait in found) == row["in_time"]
    assert sum(wait.answered and wait.seconds is None for wait in found) == row["untimed"]
    assert max(timed, default=None) == row["max_reply_s"]


def test_a_late_reply_is_shown_at_the_reply_and_silence_at_the_last_question() -> None:
    chat = talk(
        ("customer", 36_000),
        ("customer", 36_050),
        ("bot", 36_060),
        ("agent", 36_181),
        ("customer", 36_190),
        ("customer", 36_200),
    )
    assert waits(chat, DEFINITIONS["house"], ZONE) == (Wait(3, 181, True, True), Wait(5, None, False, True))
    assert waits(chat, DEFINITIONS["jd_first_30s"], ZONE) == (Wait(3, 181, True, True),)
    assert waits(chat, DEFINITIONS["pdd_5min"], ZONE)[0].late is False


@pytest.mark.parametrize(
    "channel, id_", [("wangwang", "taobao_3min"), ("JD", "jd_first_30s"), ("mail", "house"), (None, "house")]
)
def test_the_channel_chooses_the_definition(channel: str | None, id_: str) -> None:
    assert definition_of(channel).id == id_
