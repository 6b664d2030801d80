"""One draw: valid chances for every unit, more violations found per review, and a receipt anyone can recompute.

An outside program needs no database. ``learn(reviews)`` reads past results, ``plan(frame, design, history)`` gives
every unit its inclusion probability, ``select(plan, seed)`` draws, ``assign(...)`` deals the picks to inspectors,
``make_receipt`` and ``verify`` put the draw on record. Tables may be polars or pandas frames, or columns as arrays or
lists under the names stated; ids are read as strings. A unit is a row with unit_id and agent_id; predictions come in as
columns p (probability of a violation, which the picks follow) and f (expected score, which the estimates lean on), both
made without knowledge of the units drawn, for example by ``scoring.risk``.

The whole way, from features and past reviews to an estimate with its interval:

>>> import numpy as np
>>> from scoring import draw, estimate
>>> rng = np.random.default_rng(1)
>>> def conversations(n):  # in reality: predictions of a model, and an inspector's score for whoever is drawn
...     p = rng.beta(0.2, 6.0, n)
...     y = 90 - 45 * (rng.random(n) < p) + rng.normal(0, 4, n)
...     return {"unit_id": np.arange(n), "agent_id": rng.integers(0, 40, n), "p": p, "f": 90 - 45 * p, "y": y}
>>> past = conversations(1200) | {"pi": np.full(1200, 0.04)}
>>> history = draw.learn(past | {"violation": past["y"] < 65})
>>> now = conversations(30_000)
>>> design = draw.Design((draw.Quota("chat", per_agent=10, pool_share=None),))  # None: as large as costs no precision
>>> planned = draw.plan({k: now[k] for k in ("unit_id", "agent_id", "p", "f")}, design, history)
>>> drawn = draw.select(planned, "2025-11|demo-seed")
>>> chosen = draw.picks(drawn)["unit_id"].cast(int).to_numpy()
>>> mean = estimate.team({"unit_id": chosen, "y": now["y"][chosen]}, planned)  # π, agent and f come from the plan
>>> len(chosen), mean.method, bool(mean.low < now["y"].mean() < mean.high)
(400, 'difference', True)
>>> agents = estimate.agents({"unit_id": chosen, "y": now["y"][chosen]}, planned)
>>> agents.height, estimate.rate({"unit_id": chosen, "violation": now["y"][chosen] < 65}, planned).n
(40, 400)
"""

from scoring.draw.assignment import InspectorAssignment, assign
from scoring.draw.design import (
    Design,
    DrawError,
    History,
    Intensity,
    IntensityRules,
    ModelRecord,
    Quota,
    ResidualModel,
    intensities,
)
from scoring.draw.history import learn
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
from scoring.draw.planning import PlannedDraw, Shortage, plan, plan_sizes
from scoring.draw.precision import Enough, Goal
from scoring.draw.previewing import Preview, SourcePreview, preview, preview_sizes
from scoring.draw.receipts import Difference, Pick, Receipt, UnitCount, make_receipt, verify
from scoring.draw.selection import ALGORITHM, ALGORITHM_VERSION, Replacement, picks, replace, select
from scoring.draw.share import Trade, automatic_share, largest_allowed, trade_off
from scoring.keyed import commit, frame_hash, permanent_numbers, probability_hash, uniforms

__all__ = [
    "ALGORITHM",
    "ALGORITHM_VERSION",
    "SCREENED_ALGORITHM",
    "Design",
    "Difference",
    "DrawError",
    "Enough",
    "FrameHash",
    "Goal",
    "History",
    "InspectorAssignment",
    "Intensity",
    "IntensityRules",
    "ModelRecord",
    "Pick",
    "PlannedDraw",
    "Preview",
    "Quota",
    "Receipt",
    "Replacement",
    "ResidualModel",
    "Shortage",
    "SourcePreview",
    "Trade",
    "UnitCount",
    "agent_sizes",
    "assign",
    "automatic_share",
    "commit",
    "differences",
    "frame_hash",
    "intensities",
    "large_receipt",
    "largest_allowed",
    "learn",
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
