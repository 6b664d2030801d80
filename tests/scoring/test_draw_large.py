"""Draws from very large frames: the screen's definition, exact sizes, equal chances, no dependence on order or
batches."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring import draw


def frame(units: int = 3000, agents: int = 4) -> pl.DataFrame:
    """Agents of very unequal size; one has three units only."""
    who = [f"A{int(agents * (k / units) ** 2)}" for k in range(units - 3)] + ["tiny"] * 3
    return pl.DataFrame({"unit_id": [f"C{k:06d}" for k in range(units)], "agent_id": who})


def reference(seed: str, unit: str) -> int:
    """The screening number as its docstring defines it, in plain integers."""
    data, mask = unit.encode(), 2**64 - 1
    h = int.from_bytes(hmac.new(seed.encode(), b"screen", hashlib.sha256).digest()[:8], "big") ^ len(data)
    for at in range(0, len(data), 8):
        h = ((h ^ int.from_bytes(data[at : at + 8].ljust(8, b"\0"), "little")) * 0x9E3779B97F4A7C15) & mask
        h ^= h >> 32
    h = (h * 0xBF58476D1CE4E5B9) & mask
    return h ^ (h >> 32)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=20), st.integers(0, 5))
def test_screening_numbers_follow_their_definition(ids: list[str], skip: int) -> None:
    ids = [text.encode("utf-8", "ignore").decode() for text in ids]
    found = draw.screen_numbers("s", pl.Series(ids, dtype=pl.String)[skip:])
    assert [int(h) for h in found] == [reference("s", text) for text in ids[skip:]]


def test_sizes_are_exact_and_order_and_batches_do_not_matter() -> None:
    table = frame()
    drawn = draw.select_large(table.lazy(), 10, "seed")
    assert dict(drawn.filter("picked").group_by("agent_id").len().sort("agent_id").iter_rows()) == {
        "A0": 10, "A1": 10, "A2": 10, "A3": 10, "tiny": 3,
    }  # fmt: skip
    assert drawn.equals(draw.select_large(table.reverse().lazy(), 10, "seed", batch=70))
    assert set(drawn.filter(pl.col("agent_id") == "tiny")["reason"]) == {"take_all"}
    numbers = draw.permanent_numbers("seed", drawn["unit_id"])
    assert (drawn["u"].to_numpy() == numbers).all()
    assert drawn.filter(pl.col("agent_id") == "A3")["u"].is_sorted()


def test_replacements_wait_behind_the_picks() -> None:
    waiting = draw.select_large(frame(20_000).lazy(), 10, "seed").filter(~pl.col("picked"))
    assert (waiting.group_by("agent_id").len()["len"] >= 10).all()


def test_chances_are_equal() -> None:
    table = frame(1200, 2)
    hits = dict.fromkeys(table["unit_id"], 0)
    pi: dict[str, float] = {}
    for k in range(300):
        drawn = draw.select_large(table.lazy(), 8, f"seed-{k}")
        for unit, chance, picked in drawn.select("unit_id", "pi", "picked").iter_rows():
            pi[unit] = chance
            hits[unit] += picked
    small = {unit: p for unit, p in pi.items() if p < 1}
    z = np.array([(hits[u] - 300 * p) / np.sqrt(300 * p * (1 - p)) for u, p in small.items()])
    assert np.abs(z).max() < 4.5
    assert 0.85 < z.std() < 1.15


def test_late_rows_hardly_disturb_the_draw() -> None:
    table = frame(20_000)
    before = set(draw.select_large(table.lazy(), 20, "s").filter("picked")["unit_id"])
    late = table.head(100).with_columns(pl.col("unit_id") + "-late")
    after = set(draw.select_large(pl.concat([table, late]).lazy(), 20, "s").filter("picked")["unit_id"])
    assert len(before & after) >= 0.9 * len(before)


def test_receipt_and_verification() -> None:
    table = frame()
    receipt = draw.large_receipt(draw.select_large(table.lazy(), 10, "seed"), "seed", archive_version="12")
    assert draw.Receipt.from_json(receipt.to_json()) == receipt
    assert receipt.units == 3000
    assert draw.verify_large(receipt, table.reverse().lazy()) == ()
    forged = replace(receipt, picks=(replace(receipt.picks[0], unit_id="C999999"), *receipt.picks[1:]))
    assert {d.what for d in draw.verify_large(forged, table.lazy())} == {"pick"}
    assert {d.what for d in draw.verify_large(receipt, table.head(2900).lazy())} >= {"units", "pick"}


def test_repeated_and_missing_ids_are_refused() -> None:
    table = frame(50)
    with pytest.raises(draw.DrawError):
        draw.select_large(pl.concat([table, table.tail(1)]).lazy(), 10, "s")
    with pytest.raises(draw.DrawError, match="unit_id"):
        draw.select_large(table.with_columns(unit_id=pl.lit(None, pl.String)).lazy(), 10, "s")
    with pytest.raises(draw.DrawError, match="agent_id"):
        draw.select_large(table.with_columns(agent_id=pl.lit(None, pl.String)).lazy(), 10, "s")
