"""The receipt of a draw: everything a stranger needs to recompute who was drawn and why, as data and as JSON.

Owns the receipt's form and its verification against a frame. Does not know where receipts are kept or shown.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl

from scoring.draw.design import DrawError
from scoring.draw.selection import ALGORITHM, ALGORITHM_VERSION, Replacement, replace, select
from scoring.draw.strata import groups
from scoring.keyed import commit, frame_hash, probability_hash


@dataclass(frozen=True, slots=True)
class UnitCount:
    """One source and agent: units in the frame, units in the certainty pool, units drawn by rank (Σπ)."""

    source: str
    agent_id: str
    frame: int
    pool: int
    ranked: int


@dataclass(frozen=True, slots=True)
class Pick:
    """One picked unit with its reason ('certainty' | 'base' | 'take_all' | 'replacement'), probability and rank."""

    unit_id: str
    agent_id: str
    source: str
    reason: str
    pi: float
    u: float
    rank: int


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a receipt and a recomputed draw disagree."""

    what: str
    subject: str
    stated: str
    found: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """A draw on record. ``commitment`` was published before the frame was frozen; ``seed`` opens it afterwards."""

    algorithm: str
    algorithm_version: int
    archive_version: str
    frame_hash: str
    probability_hash: str
    model_version: str
    seed: str
    commitment: str
    units: int
    reviews: int
    counts: tuple[UnitCount, ...]
    picks: tuple[Pick, ...]
    replacements: tuple[Replacement, ...] = ()

    def to_json(self) -> str:
        """Return canonical JSON: keys sorted, no spaces, text as it is, floats with all their digits."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @staticmethod
    def from_json(text: str) -> Receipt:
        """Read a receipt back; raises ``ValueError`` or ``TypeError`` for JSON of another form."""
        data = json.loads(text)
        data["counts"] = tuple(UnitCount(**row) for row in data["counts"])
        data["picks"] = tuple(Pick(**row) for row in data["picks"])
        data["replacements"] = tuple(Replacement(**row) for row in data["replacements"])
        return Receipt(**data)


def make_receipt(
    drawn: pl.DataFrame,
    seed: str,
    *,
    archive_version: str,
    model_version: str = "",
    commitment: str | None = None,
    replacements: Sequence[Replacement] = (),
) -> Receipt:
    """Write the receipt of ``drawn``, the result of ``select`` and of the ``replacements`` made since, in their
    order."""
    group, names = groups(drawn)
    certain = (drawn["reason"] == "certainty").to_numpy()
    frame, pool = (np.bincount(group[rows], minlength=len(names)) for rows in (slice(None), certain))
    ranked = np.rint(np.bincount(group, np.where(certain, 0.0, drawn["pi"].to_numpy()), minlength=len(names))).astype(
        np.int64
    )
    counts = zip(names, frame.tolist(), pool.tolist(), ranked.tolist(), strict=True)
    chosen = drawn.filter("picked").sort("unit_id").select("unit_id", "agent_id", "source", "reason", "pi", "u", "rank")
    return Receipt(
        algorithm=ALGORITHM,
        algorithm_version=ALGORITHM_VERSION,
        archive_version=archive_version,
        frame_hash=frame_hash(drawn["unit_id"]),
        probability_hash=probability_hash(drawn["unit_id"], drawn["pi"]),
        model_version=model_version,
        seed=seed,
        commitment=commit(seed) if commitment is None else commitment,
        units=drawn.height,
        reviews=chosen.height,
        counts=tuple(UnitCount(*name, *figures) for name, *figures in counts),
        picks=tuple(Pick(**row) for row in chosen.iter_rows(named=True)),
        replacements=tuple(replacements),
    )


def verify(receipt: Receipt, frame: pl.DataFrame) -> tuple[Difference, ...]:
    """Draw again from ``frame`` (unit_id, agent_id, source, pi, role) and return every difference; empty means
    equal."""
    found: list[Difference] = []

    def compare(what: str, stated: object, actual: object, subject: str = "") -> None:
        if stated != actual:
            found.append(Difference(what, subject, str(stated), str(actual)))

    compare("algorithm", f"{receipt.algorithm}/{receipt.algorithm_version}", f"{ALGORITHM}/{ALGORITHM_VERSION}")
    compare("commitment", receipt.commitment, commit(receipt.seed))
    compare("units", receipt.units, frame.height)
    compare("frame_hash", receipt.frame_hash, frame_hash(frame["unit_id"]))
    try:
        drawn = select(frame, receipt.seed)
        for step in receipt.replacements:
            drawn, made = replace(drawn, step.unit_id, step.reason)
            compare("replacement", step.substitute, made.substitute, step.unit_id)
    except DrawError as error:
        return (*found, Difference("draw", "", "possible", str(error)))
    again = make_receipt(
        drawn, receipt.seed, archive_version=receipt.archive_version, replacements=receipt.replacements
    )
    for name in ("probability_hash", "reviews"):
        compare(name, getattr(receipt, name), getattr(again, name))
    _compare_rows(
        "count",
        {(c.source, c.agent_id): c for c in receipt.counts},
        {(c.source, c.agent_id): c for c in again.counts},
        found,
    )
    _compare_rows("pick", {(p.unit_id,): p for p in receipt.picks}, {(p.unit_id,): p for p in again.picks}, found)
    return tuple(found)


def _compare_rows(
    what: str, stated: dict[tuple[str, ...], object], actual: dict[tuple[str, ...], object], found: list[Difference]
) -> None:
    for key in sorted(stated.keys() | actual.keys()):
        left, right = stated.get(key), actual.get(key)
        if left != right:
            found.append(Difference(what, " ".join(key), str(left or "absent"), str(right or "absent")))
