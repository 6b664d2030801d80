"""Draws from tens of millions of units in bounded memory: a cheap keyed screen first, the ordinary draw on what passes.

Owns the screen, the streaming draw and its receipt. Refuses predictions and pools: it gives every unit of an agent the
same chance, which is what a frame this large is drawn with when nothing has been predicted for it.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scoring.draw.design import DrawError
from scoring.draw.receipts import Difference, Pick, Receipt, UnitCount
from scoring.draw.selection import Replacement
from scoring.keyed import commit, permanent_numbers

SCREENED_ALGORITHM = "hmac-sha256-pareto-screened"

Words = NDArray[np.uint64]
_ODD, _FINAL = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
_HALF, _EIGHT = np.uint64(32), np.uint64(8)
_INLINE = 12


def screen_numbers(seed: str, ids: pl.Series) -> Words:
    """Return the 64-bit screening number of every id, about 20 ns each.

    key = first 8 bytes of HMAC-SHA256(seed, "screen"), big endian; h = key xor length in bytes; for every 8 bytes of
    the UTF-8 id, little endian and padded with zeros: h = (h xor word)·0x9E3779B97F4A7C15, h = h xor h>>32; at the end
    h = h·0xBF58476D1CE4E5B9, h = h xor h>>32, all modulo 2⁶⁴. Secret until the seed is opened, like the seed.
    """
    key = np.uint64(int.from_bytes(hmac.new(seed.encode(), b"screen", hashlib.sha256).digest()[:8], "big"))
    if ids.null_count():
        raise DrawError("missing_id", "expected every unit to have a unit_id; found empty ones")
    text = ids.cast(pl.String)
    h = _short(key, text) if len(text) and text.str.len_bytes().max() <= _INLINE else _any(key, text)  # type: ignore[operator]
    h *= _FINAL
    h ^= h >> _HALF
    return h


def _short(key: np.uint64, text: pl.Series) -> Words:
    """Ids of at most 12 bytes lie, padded with zeros, inside Arrow's 16-byte string views: no copy is needed."""
    array = text.to_arrow(compat_level=pl.CompatLevel.newest())
    views, count, start = array.buffers()[1], len(array), 16 * array.offset
    length = np.ndarray(count, np.uint32, views, start, 16).astype(np.uint64)
    h = _mixed(length ^ key, np.ndarray(count, np.uint64, views, start + 4, 16))
    if (longest := int(length.max())) <= 8:
        return np.where(length > 0, h, length ^ key)
    rest = _mixed(h, np.ndarray(count, np.uint32, views, start + 12, 16).astype(np.uint64))
    return (
        rest
        if int(length.min()) > 8 and longest > 8
        else np.where(length > 8, rest, np.where(length > 0, h, length ^ key))
    )


def _any(key: np.uint64, text: pl.Series) -> Words:
    array, count = text.to_arrow(compat_level=pl.CompatLevel.oldest()), len(text)
    _, offset_buffer, data_buffer = array.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int64)[array.offset : array.offset + count + 1]
    data = np.frombuffer(data_buffer, dtype=np.uint8) if data_buffer is not None else np.zeros(0, dtype=np.uint8)
    padded = np.concatenate([data[offsets[0] : offsets[-1]], np.zeros(8, dtype=np.uint8)])
    windows = np.lib.stride_tricks.as_strided(padded[:8].view(np.uint64), shape=(len(padded) - 7,), strides=(1,))
    starts, length = offsets[:-1] - offsets[0], np.diff(offsets).astype(np.uint64)
    h = length ^ key
    for at in range(0, int(length.max()) if count else 0, 8):
        left = np.minimum(np.maximum(length, np.uint64(at)) - np.uint64(at), _EIGHT)
        unused_bits = np.minimum((_EIGHT - left) << np.uint64(3), np.uint64(63))
        word = (windows[np.minimum(starts + at, len(padded) - 8)] << unused_bits) >> unused_bits
        h = np.where(left > 0, _mixed(h, word), h)
    return h


def _mixed(h: Words, word: Words) -> Words:
    h = (h ^ word) * _ODD
    h ^= h >> _HALF
    return h


def screen_limit(size: int, count: int) -> int:
    """Return the largest screening number that passes, so that about n + 8√n + 16 of ``count`` units do (2⁶⁴−1 =
    all)."""
    expected = size + 8 * math.isqrt(size) + 16
    return 2**64 - 1 if expected >= count else (expected << 64) // count


def agent_sizes(frame: pl.LazyFrame, per_agent: int | None = None) -> pl.DataFrame:
    """Count the units of every agent in one streaming pass: agent_id, count and, when ``per_agent`` is given, take."""
    sizes = frame.group_by("agent_id").agg(count=pl.len().cast(pl.Int64)).collect(engine="streaming").sort("agent_id")
    return sizes if per_agent is None else sizes.with_columns(take=pl.lit(per_agent, pl.Int64))


def select_large(
    frame: pl.LazyFrame,
    per_agent: int | pl.DataFrame,
    seed: str,
    batch: int = 250_000,
    fingerprint: FrameHash | None = None,
    keep: Sequence[str] = (),
) -> pl.DataFrame:
    """Draw ``per_agent`` units of every agent from a lazy frame of any size with unit_id and agent_id.

    Two passes: units per agent, then the screen; the n smallest permanent numbers among those that pass are picked.
    Equal chances n/N by symmetry, exact sizes, no dependence on the order of rows or on batches. ``per_agent`` may be
    the result of ``agent_sizes`` with a column take of its own: sizes of each agent, and one pass less. ``fingerprint``
    takes in every unit of the frame. Returns the units that passed, sorted
    by agent and rank: unit_id, agent_id, reason, pi, u, rank, count (units of the agent), picked, and the columns to
    ``keep``; those not picked are the replacements in waiting. Agents with no more units than wanted are taken
    completely.
    """
    sizes = agent_sizes(frame, per_agent) if isinstance(per_agent, int) else per_agent.sort("agent_id")
    if sizes["agent_id"].null_count():
        raise DrawError("missing_id", "expected every unit to have an agent_id; found empty ones")
    limits = [screen_limit(take, count) for take, count in sizes.select("take", "count").iter_rows()]
    sizes = sizes.select("agent_id", "count", "take", limit=pl.Series(limits, dtype=pl.UInt64))
    passed = pl.concat(list(_passing(frame.select("unit_id", "agent_id", *keep), sizes, seed, batch, fingerprint)))
    if passed["unit_id"].null_count() or passed["unit_id"].n_unique() != passed.height:
        raise DrawError("repeated_id", "expected every unit once and with an id")
    drawn = _rank(passed.join(sizes.drop("limit"), on="agent_id"), seed, keep)
    found = drawn.group_by("agent_id").agg(pl.col("picked").sum())
    wanted = sizes.join(found, on="agent_id", how="left").select(
        short=pl.min_horizontal("count", "take") > pl.col("picked").fill_null(0)
    )
    if wanted["short"].any():
        raise DrawError("screen", "too few units passed the screen; draw with another seed")
    return drawn


def _passing(
    frame: pl.LazyFrame, sizes: pl.DataFrame, seed: str, batch: int, fingerprint: FrameHash | None
) -> Iterator[pl.DataFrame]:
    """Units below their agent's limit. A common limit sorts out most rows before any agent is looked up."""
    limit = sizes["limit"]
    common = int(np.quantile(limit.to_numpy().astype(np.float64), 0.99)) if len(limit) else 0
    small = sizes.filter(pl.col("limit") > common)["agent_id"]
    lookup = sizes.select("agent_id", "limit")
    yield pl.DataFrame(schema=frame.collect_schema())
    for rows in frame.collect_batches(chunk_size=batch, maintain_order=False):
        h = screen_numbers(seed, rows["unit_id"])
        if fingerprint is not None:
            fingerprint.update(h)
        keep = h <= np.uint64(min(common, 2**64 - 1))
        if len(small):
            keep |= rows["agent_id"].is_in(small.implode()).to_numpy()
        kept = np.flatnonzero(keep)
        near = rows[kept].with_columns(h=pl.Series(h[kept])).join(lookup, on="agent_id")
        yield near.filter(pl.col("h") <= pl.col("limit")).drop("h", "limit")


def _rank(passed: pl.DataFrame, seed: str, keep: Sequence[str]) -> pl.DataFrame:
    u = pl.Series(permanent_numbers(seed, passed["unit_id"]))
    ranked = passed.with_columns(u=u).sort("agent_id", "u", "unit_id")
    return ranked.with_columns(
        rank=pl.int_range(1, pl.len() + 1).over("agent_id"),
        pi=pl.min_horizontal(pl.col("take") / pl.col("count"), 1.0),
        reason=pl.when(pl.col("count") <= pl.col("take")).then(pl.lit("take_all")).otherwise(pl.lit("base")),
    ).select(
        "unit_id", "agent_id", "reason", "pi", "u", "rank", "count", *keep, picked=pl.col("rank") <= pl.col("take")
    )


class FrameHash:
    """The fingerprint of a screened frame, gathered while it streams past in any order.

    SHA-256 over four 64-bit words, big endian: how many units there are, and the sums of the first, second and third
    powers of their screening numbers, all modulo 2⁶⁴. It stands for the hash of the sorted ids, whose sorting would
    cost more than the draw; a unit added, taken away or renamed changes it.
    """

    def __init__(self) -> None:
        self._words = np.zeros(4, np.uint64)

    def update(self, numbers: Words) -> None:
        """Take in some more units by their screening numbers."""
        squares = numbers * numbers
        cubes = squares * numbers
        self._words += np.array(
            [len(numbers), *(part.sum(dtype=np.uint64) for part in (numbers, squares, cubes))], np.uint64
        )

    def hexdigest(self) -> str:
        return hashlib.sha256(self._words.astype(">u8").tobytes()).hexdigest()


def large_receipt(
    drawn: pl.DataFrame, seed: str, *, archive_version: str, source: str = "chat", commitment: str | None = None,
    frame_hash: str = "", replacements: Sequence[Replacement] = (),
) -> Receipt:  # fmt: skip
    """Write the receipt of a large draw. ``drawn`` may hold several sources in a column of that name. Without a
    ``frame_hash`` (see ``FrameHash``) the archive version alone pins the frame; π is n/N of the counts, not hashed."""
    rows = drawn if "source" in drawn.columns else drawn.with_columns(source=pl.lit(source))
    sizes = (
        rows.group_by("source", "agent_id")
        .agg(pl.col("count").first(), pl.col("pi").first())
        .sort("source", "agent_id")
    )
    chosen = rows.filter("picked").sort("unit_id").select("unit_id", "agent_id", "source", "reason", "pi", "u", "rank")
    return Receipt(
        algorithm=SCREENED_ALGORITHM,
        algorithm_version=1,
        archive_version=archive_version,
        frame_hash=frame_hash,
        probability_hash="",
        model_version="",
        seed=seed,
        commitment=commit(seed) if commitment is None else commitment,
        units=int(sizes["count"].sum()),
        reviews=chosen.height,
        counts=tuple(UnitCount(of, agent, count, 0, round(count * pi)) for of, agent, count, pi in sizes.iter_rows()),
        picks=tuple(Pick(**row) for row in chosen.iter_rows(named=True)),
        replacements=tuple(replacements),
    )


def verify_large(receipt: Receipt, frame: pl.LazyFrame) -> tuple[Difference, ...]:
    """Draw again from the frame (of one source) at the receipt's archive version and return every difference; empty
    means equal."""
    per_agent = max((count.ranked for count in receipt.counts), default=0)
    drawn = select_large(frame, per_agent, receipt.seed)
    return differences(receipt, large_receipt(drawn, receipt.seed, archive_version=receipt.archive_version))


def differences(stated: Receipt, again: Receipt) -> tuple[Difference, ...]:
    """Compare a receipt with that of the same draw made again, replacements included."""
    found = [
        Difference(name, "", str(getattr(stated, name)), str(getattr(again, name)))
        for name in ("algorithm", "units", "reviews", "frame_hash", "probability_hash")
        if getattr(stated, name) != getattr(again, name)
    ]
    if stated.commitment != commit(stated.seed):
        found.insert(0, Difference("commitment", "", stated.commitment, commit(stated.seed)))
    for what, left, right in (
        (
            "count",
            {f"{c.source} {c.agent_id}": c for c in stated.counts},
            {f"{c.source} {c.agent_id}": c for c in again.counts},
        ),
        ("pick", {p.unit_id: p for p in stated.picks}, {p.unit_id: p for p in again.picks}),
        ("replacement", {r.unit_id: r for r in stated.replacements}, {r.unit_id: r for r in again.replacements}),
    ):
        for key in sorted(left.keys() | right.keys()):
            if left.get(key) != right.get(key):
                found.append(Difference(what, key, str(left.get(key, "absent")), str(right.get(key, "absent"))))
    return tuple(found)
