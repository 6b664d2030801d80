"""Which chat a dispute belongs to, and why; deadlines are no closing times."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from qa.ingest import joining
from qa.policy import Actor
from qa.workbench import Workbench
from tests.qa.ingest.files import write_csv
from tests.qa.ingest.test_formats import load

DAY = datetime(2026, 3, 10, tzinfo=UTC)
CHAT = {"conversation_key": pl.String, "agent_id": pl.String, "customer_id": pl.String, "order_id": pl.String,
        "shop": pl.String, "started_at": pl.Datetime("us", "UTC")}  # fmt: skip
RECORD = {
    "dispute_key": pl.String,
    "conversation_key": pl.String,
    "joined_by": pl.String,
    "agent_id": pl.String,
    "customer_id": pl.String,
    "order_id": pl.String,
    "shop": pl.String,
    "opened_at": pl.Datetime("us", "UTC"),
}


def chat(
    key: str, days: float, customer: str | None = "tb1", order: str | None = None, shop: str = "s"
) -> dict[str, Any]:
    return {"conversation_key": key, "agent_id": f"agent of {key}", "customer_id": customer, "order_id": order,
            "shop": shop, "started_at": DAY - timedelta(days=days)}  # fmt: skip


def joined(chats: list[dict[str, Any]], **record: Any) -> tuple[str | None, str | None, str | None]:
    row = {"dispute_key": "d", "customer_id": "tb1", "opened_at": DAY, "shop": "s"} | record
    frame = pl.DataFrame([row], schema=RECORD)
    found = joining.link(frame, pl.LazyFrame(chats, schema=CHAT), "opened_at", by_agent=False).row(0, named=True)
    return found["conversation_key"], found["joined_by"], found["agent_id"]


def test_the_order_speaks_before_the_customer() -> None:
    chats = [chat("a", 3, order="7"), chat("b", 2, order="7"), chat("c", 1, order="8"), chat("late", -1, order="7")]
    assert joined(chats, order_id="7") == ("b", "order", "agent of b")


def test_a_chat_about_another_order_is_never_taken() -> None:
    assert joined([chat("a", 1, order="8")], order_id="7") == (None, None, None)
    assert joined([chat("a", 1, shop="elsewhere")], order_id="7") == (None, None, None)


def test_one_chat_of_the_customer_is_joined_and_of_several_none() -> None:
    assert joined([chat("a", 1), chat("old", 31), chat("late", -1)], order_id="7") == ("a", "customer", "agent of a")
    assert joined([chat("a", 1), chat("b", 2)], order_id="7") == (None, "several", None)
    shared = [chat(f"c{n}", 1 + n, customer="匿名") for n in range(joining.CROWD + 1)]
    assert joined(shared, customer_id="匿名") == (None, "several", None)


def test_what_the_file_names_and_what_a_person_settled_stay() -> None:
    chats = [chat("a", 3, order="7"), chat("b", 2, order="7")]
    assert joined(chats, order_id="7", conversation_key="a") == ("a", "given", "agent of a")
    assert joined(chats, order_id="7", joined_by="settled") == (None, "settled", None)


@given(
    st.lists(
        st.tuples(st.floats(-40, 40), st.sampled_from(["tb1", "tb2", None]), st.sampled_from(["7", "8", None])),
        max_size=6,
    )
)
def test_no_join_contradicts_the_record(made: list[tuple[float, str | None, str | None]]) -> None:
    chats = [chat(f"c{n}", days, who, order) for n, (days, who, order) in enumerate(made)]
    key, why, _ = joined(chats, order_id="7")
    if key is None:
        assert why in (None, "several")
        return
    found = next(one for one in chats if one["conversation_key"] == key)
    assert found["started_at"] <= DAY
    assert found["order_id"] == "7" if why == "order" else (found["customer_id"], found["order_id"]) == ("tb1", None)


def test_a_deadline_is_no_closing_time(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    row = {"BizOrderId": "7", "RefundId": "R1", "DisputeRequest": "仅退款", "Status": "WAIT_SELLER_AGREE",
           "TimeOut": "2026-03-04 09:00:00", "Created": "2026-03-01 15:00:00", "RefundFee": "10"}  # fmt: skip
    load(bench, lead, now, write_csv(tmp_path / "a.csv", [row]))
    seen = bench.archive.at().scan("disputes").collect().row(0, named=True)
    assert (seen["due_at"], seen["closed_at"]) == (datetime(2026, 3, 4, 1, tzinfo=UTC), None)
    assert (seen["conversation_key"], seen["joined_by"]) == (None, None)


def test_a_table_that_an_earlier_release_wrote_is_read_and_added_to(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    row = {"RefundId": "R1", "Tid": "7", "BuyerNick": "tb1", "SellerNick": "s", "Created": "2026-03-01 15:00:00",
           "Status": "WAIT_SELLER_AGREE", "RefundFee": "10", "Reason": "r"}  # fmt: skip
    load(bench, lead, now, write_csv(tmp_path / "a.csv", [row]), kind="disputes")
    there = bench.archive.at()
    rows = there.scan("disputes").collect()
    path = tmp_path / "earlier" / "disputes"
    new = ("due_at", "joined_by", "freight", "compensation")
    rows.drop(new).write_delta(path)
    earlier = replace(there, root=str(path.parent), tables={**there.tables, "disputes": 0})
    assert (
        earlier.scan("disputes")
        .collect()
        .equals(rows.with_columns(pl.lit(None).alias(name) for name in new).cast(rows.schema))
    )
    rows.write_delta(path, mode="append", delta_write_options={"schema_mode": "merge"})
    both = replace(earlier, tables={**there.tables, "disputes": 1}).scan("disputes").collect()
    assert (both.columns, both.height) == (rows.columns, 2)
