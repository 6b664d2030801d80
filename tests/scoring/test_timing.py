"""Reply times: every figure against a plain walk through the conversation, and the platforms' edges one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.definitions import parse_definitions
from scoring.timing import DEFINITIONS, Definition, Unit, conversation_metrics, definition_of, message_gaps, rate

TZ = "Asia/Shanghai"
NOON = datetime(2026, 3, 1, 12, tzinfo=ZoneInfo(TZ)).astimezone(UTC)
SCHEMA = {
    "conversation_key": pl.String,
    "seq": pl.Int32,
    "role": pl.String,
    "sent_at": pl.Datetime("us", "UTC"),
    "text": pl.String,
}
HOUSE = DEFINITIONS["house"]


def frame(chats: dict[str, list[tuple[str, int | None]]], start: datetime = NOON) -> pl.DataFrame:
    """Chats as lists of (role, seconds after start or None)."""
    rows = [
        (key, seq, role, None if at is None else start + timedelta(seconds=at), "")
        for key, lines in chats.items()
        for seq, (role, at) in enumerate(lines)
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def one(
    lines: list[tuple[str, int | None]], definition: Definition = HOUSE, start: datetime = NOON
) -> dict[str, object]:
    return conversation_metrics(frame({"a": lines}, start), definition, TZ).row(0, named=True)


def test_ten_unanswered_questions_are_one_round() -> None:
    got = one([("customer", n) for n in range(10)] + [("agent", 100)])
    assert (got["rounds"], got["answered"], got["first_reply_s"], got["max_reply_s"]) == (1, 1, 100, 100)


def test_a_greeting_before_the_question_is_no_reply() -> None:
    got = one([("agent", 0), ("customer", 10), ("agent", 15), ("agent", 500), ("customer", 600)])
    assert (got["rounds"], got["in_time"], got["unanswered"], got["first_reply_s"]) == (2, 1, 1, 5)
    assert got["mean_reply_s"] == 5.0


def test_threshold_is_inclusive() -> None:
    assert one([("customer", 0), ("agent", 180)])["in_time"] == 1
    assert one([("customer", 0), ("agent", 181)])["in_time"] == 0


@pytest.mark.parametrize(
    ("definition", "hour", "minute", "rounds"),
    [
        ("taobao_3min", 7, 59, 0), ("taobao_3min", 8, 0, 1), ("taobao_3min", 23, 59, 1), ("taobao_3min", 0, 0, 0),
        ("jd_first_30s", 8, 59, 0), ("jd_first_30s", 9, 0, 1), ("jd_first_30s", 22, 59, 1), ("jd_first_30s", 23, 0, 0),
        ("pdd_5min", 7, 59, 0), ("pdd_1hour", 8, 0, 1), ("pdd_5min", 23, 0, 0),
        ("douyin_3min", 8, 59, 0), ("douyin_3min", 9, 0, 1), ("xiaohongshu_3min", 3, 0, 1),
    ],
)  # fmt: skip
def test_business_hours(definition: str, hour: int, minute: int, rounds: int) -> None:
    start = datetime(2026, 3, 1, hour, minute, tzinfo=ZoneInfo(TZ)).astimezone(UTC)
    got = one([("customer", 0), ("agent", 5)], DEFINITIONS[definition], start)
    assert got["rounds"] == rounds
    assert got["counts"] == bool(rounds)


def test_hours_follow_the_time_zone_given() -> None:
    chats = frame({"a": [("customer", 0), ("agent", 5)]}, datetime(2026, 7, 1, 6, 30, tzinfo=UTC))
    assert conversation_metrics(chats, DEFINITIONS["taobao_3min"], "UTC")["rounds"].sum() == 0
    assert conversation_metrics(chats, DEFINITIONS["taobao_3min"], "Europe/Berlin")["rounds"].sum() == 1  # summer time


def test_hours_may_pass_midnight() -> None:
    night = Definition("n", "夜班", "Night", "any", Unit.ROUND, 60, 22 * 60, 6 * 60)
    start = datetime(2026, 3, 1, 23, tzinfo=ZoneInfo(TZ)).astimezone(UTC)
    assert one([("customer", 0), ("agent", 5)], night, start)["rounds"] == 1
    assert one([("customer", 0), ("agent", 5)], night)["rounds"] == 0


def test_jd_judges_the_session_start_and_only_the_first_round() -> None:
    start = datetime(2026, 3, 1, 22, 59, tzinfo=ZoneInfo(TZ)).astimezone(UTC)
    chat = [("agent", 0), ("customer", 120), ("agent", 149), ("customer", 200), ("agent", 900)]
    got = one(chat, DEFINITIONS["jd_first_30s"], start)
    assert (got["rounds"], got["in_time"], got["good"]) == (1, 1, True)


def test_pdd_buyer_is_spoilt_by_one_late_round() -> None:
    good = [("customer", 0), ("agent", 3600)]
    late = [("customer", 0), ("agent", 60), ("customer", 100), ("agent", 3701)]
    open_ = [("customer", 0), ("agent", 60), ("customer", 100)]
    metrics = conversation_metrics(frame({"g": good, "l": late, "o": open_}), DEFINITIONS["pdd_1hour"], TZ)
    assert metrics["good"].to_list() == [True, False, False]
    assert rate(metrics, DEFINITIONS["pdd_1hour"]).share == pytest.approx(1 / 3)


def test_a_robot_does_not_answer() -> None:
    got = one([("customer", 0), ("bot", 1), ("agent", 200)], DEFINITIONS["douyin_3min"])
    assert (got["first_reply_s"], got["in_time"]) == (200, 0)


def test_system_and_platform_lines_are_no_party() -> None:
    got = one([("system", 0), ("customer", 1), ("platform", 2), ("customer", 3), ("agent", 11)])
    assert (got["rounds"], got["first_reply_s"]) == (1, 10)


def test_messages_without_time_are_answered_but_never_in_time() -> None:
    got = one([("customer", None), ("agent", 5), ("customer", 10), ("agent", None), ("customer", 20), ("agent", 25)])
    assert (got["rounds"], got["answered"], got["untimed"], got["in_time"], got["max_reply_s"]) == (3, 3, 2, 1, 5)
    assert got["first_reply_s"] is None
    assert (
        rate(conversation_metrics(frame({"a": [("customer", None), ("agent", None)]}), HOUSE, TZ), HOUSE).share is None
    )


def test_a_conversation_without_customer_is_listed_with_zero_rounds() -> None:
    metrics = conversation_metrics(frame({"a": [("agent", 0)], "b": [("system", 0)]}), HOUSE, TZ)
    assert metrics["conversation_key"].to_list() == ["a", "b"]
    assert metrics["rounds"].to_list() == [0, 0]
    assert metrics["mean_reply_s"].null_count() == 2


@pytest.mark.parametrize("keys", [[7, 7, 3, 3], [-1, -1, 10**15, 10**15]], ids=["dense", "sparse"])
def test_keys_may_be_whole_numbers(keys: list[int]) -> None:
    chats = frame({"a": [("customer", 0), ("agent", 5)], "b": [("customer", 0), ("agent", 9)]})
    metrics = conversation_metrics(chats.with_columns(pl.Series("conversation_key", keys)), HOUSE, TZ)
    assert dict(metrics.select("conversation_key", "first_reply_s").iter_rows()) == {keys[0]: 5, keys[2]: 9}


def test_empty_frame() -> None:
    empty = pl.DataFrame(schema=SCHEMA)
    for definition in DEFINITIONS.values():
        assert conversation_metrics(empty, definition, TZ).height == 0
    assert message_gaps(empty).height == 0


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="'sent_at'"):
        conversation_metrics(pl.DataFrame({"conversation_key": ["a"], "seq": [0], "role": ["agent"]}), HOUSE, TZ)


def test_unverified_figures_say_so() -> None:
    for d in DEFINITIONS.values():
        assert d.verified or ("unverified" in d.note_en.lower() and "未核实" in d.note_zh)


def test_message_gaps_mark_the_slow_reply() -> None:
    chats = frame(
        {"a": [("agent", 0), ("customer", 10), ("customer", 20), ("system", 30), ("agent", 191), ("agent", 200)]}
    )
    gaps = message_gaps(chats, 180)
    assert gaps["gap_s"].to_list() == [None, 10, 10, 10, 161, 9]
    assert gaps["reply_s"].to_list() == [None, None, None, None, 181, None]
    assert gaps["slow"].to_list() == [None, None, None, None, True, None]


def test_times_too_far_apart_for_one_key_still_sort() -> None:
    chats = frame({"a": [("customer", 0), ("agent", 7)]})
    far = chats.with_columns(pl.Series("seq", [-(2**31), 2**31 - 1], dtype=pl.Int64))
    wide = pl.concat(
        [far, far.with_columns(pl.lit("b").alias("conversation_key"), sent_at=datetime(1, 1, 2, tzinfo=UTC))]
    )
    assert conversation_metrics(wide, HOUSE, TZ)["first_reply_s"].to_list() == [7, 0]


ROLES = st.sampled_from(["customer", "agent", "bot", "system"])
LINE = st.tuples(ROLES, st.none() | st.integers(0, 20_000))
CHATS = st.dictionaries(st.sampled_from("abcd"), st.lists(LINE, max_size=12), max_size=4)


def walked(lines: list[tuple[str, int | None]], threshold: int) -> tuple[int, int, int, int, list[int]]:
    """(rounds, answered, in time, untimed, known reply times), read line by line."""
    rounds = answered = in_time = untimed = 0
    replies: list[int] = []
    asked: tuple[int | None] | None = None
    for role, at in lines:
        if role == "customer" and asked is None:
            asked, rounds = (at,), rounds + 1
        elif role == "agent" and asked is not None:
            answered += 1
            if at is None or asked[0] is None:
                untimed += 1
            else:
                replies.append(max(0, at - asked[0]))
                in_time += replies[-1] <= threshold
            asked = None
    return rounds, answered, in_time, untimed, replies


@given(CHATS, st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_equal_to_a_walk_whatever_the_row_order(chats: dict[str, list[tuple[str, int | None]]], rnd: object) -> None:
    table = frame(chats)
    order = list(range(table.height))
    rnd.shuffle(order)  # type: ignore[attr-defined]
    metrics = conversation_metrics(table[order], HOUSE, TZ)
    assert set(metrics["conversation_key"]) == {k for k, lines in chats.items() if lines}
    numbers = {"a": 9, "b": 2, "c": 5, "d": 4}
    other = table[order].with_columns(pl.col("conversation_key").replace_strict(numbers, return_dtype=pl.Int64))
    coded = {row[0]: row[1:] for row in conversation_metrics(other, HOUSE, TZ).iter_rows()}
    assert coded == {numbers[row[0]]: row[1:] for row in metrics.iter_rows()}
    gaps = message_gaps(table[order])
    for row in metrics.iter_rows(named=True):
        rounds, answered, in_time, untimed, replies = walked(chats[row["conversation_key"]], HOUSE.threshold_s)
        assert (row["rounds"], row["answered"], row["in_time"], row["untimed"]) == (rounds, answered, in_time, untimed)
        assert row["unanswered"] == rounds - answered
        assert row["max_reply_s"] == max(replies, default=None)
        assert row["mean_reply_s"] == (pytest.approx(sum(replies) / len(replies)) if replies else None)
        mine = gaps.filter(pl.col("conversation_key") == row["conversation_key"])["reply_s"].drop_nulls().to_list()
        assert mine == replies


def test_a_definition_file_is_read_or_refused_by_name() -> None:
    text = (
        '[[definition]]\nid = "x"\nlabel = {zh = "甲", en = "A"}\nchannels = ["x"]\nunit = "first"\nthreshold_s ='
        ' 30\nopens = "22:00"\ncloses = "06:30"\n'
    )
    [(found, channels)] = parse_definitions(text, "x")
    assert (found.unit, found.opens, found.closes, found.platform, channels) == (Unit.FIRST, 1320, 390, "x", ("x",))
    for wrong, said in (("foo = 1\n", "unknown key foo"), ('closes = "25:00"\n', "25:00")):
        with pytest.raises(ValueError, match=said):
            list(parse_definitions(text.replace('closes = "06:30"\n', wrong), "x"))


def test_every_channel_has_its_platforms_figure() -> None:
    assert definition_of("TMALL").id == "taobao_3min"
    assert definition_of("pdd").id == "pdd_5min"
    assert {definition_of(channel).id for channel in (None, "", "somewhere")} == {"house"}
