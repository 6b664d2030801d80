"""One draw: valid chances for every unit, more violations found per review, and a receipt anyone can recompute.

An outside program needs no database: ``plan(frame, design, history)`` gives every unit its inclusion probability,
``select(frame_with_pi, seed)`` draws, ``assign(...)`` deals the picks to inspectors, ``make_receipt`` and ``verify``
put the draw on record. A unit is a row with unit_id, agent_id and source; predictions come in as columns.

>>> import polars as pl
>>> from scoring import draw
>>> frame = pl.DataFrame({"unit_id": [f"C{k}" for k in range(40)], "agent_id": ["A", "B"] * 20})
>>> planned = draw.plan(frame, draw.Design((draw.Quota("chat", 5),)))
>>> drawn = draw.select(planned, "2025-11|demo-seed")
>>> drawn["picked"].sum(), drawn["pi"].unique().to_list()
(10, [0.25])
"""

from scoring.draw.assignment import Assignment, assign
from scoring.draw.design import Design, DrawError, Intensity, IntensityRules, Quota, ResidualModel, intensities
from scoring.draw.large import (
    SCREENED_ALGORITHM,
    FrameHash,
    agent_sizes,
    differences,
    large_receipt,
    screen_numbers,
    select_large,
    verify_large,
)
from scoring.draw.permanent import commit, frame_hash, permanent_numbers, probability_hash, uniforms
from scoring.draw.planning import Plan, Preview, Shortage, plan, plan_sizes, preview, preview_sizes
from scoring.draw.receipts import Count, Difference, Pick, Receipt, make_receipt, verify
from scoring.draw.selection import ALGORITHM, ALGORITHM_VERSION, Replacement, picks, replace, select
from scoring.draw.share import ModelRecord, Trade, automatic_share, largest_allowed, trade_off

__all__ = [
    "ALGORITHM",
    "ALGORITHM_VERSION",
    "SCREENED_ALGORITHM",
    "Assignment",
    "Count",
    "Design",
    "Difference",
    "DrawError",
    "FrameHash",
    "Intensity",
    "IntensityRules",
    "ModelRecord",
    "Pick",
    "Plan",
    "Preview",
    "Quota",
    "Receipt",
    "Replacement",
    "ResidualModel",
    "Shortage",
    "Trade",
    "agent_sizes",
    "assign",
    "automatic_share",
    "commit",
    "differences",
    "frame_hash",
    "intensities",
    "large_receipt",
    "largest_allowed",
    "make_receipt",
    "permanent_numbers",
    "picks",
    "plan",
    "plan_sizes",
    "preview",
    "preview_sizes",
    "probability_hash",
    "replace",
    "screen_numbers",
    "select",
    "select_large",
    "trade_off",
    "uniforms",
    "verify",
    "verify_large",
]
