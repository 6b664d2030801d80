"""Estimates from one draw: every number with its interval, count and method, none from unweighted targeted picks.

An outside program needs no database: ``team``, ``agents`` and ``rate`` take a sample and the population behind it.
Simplest is a sample of unit_id and y with the plan of the draw as population, which knows π, agents and predictions
(the example in ``scoring.draw``). Without a plan the sample has agent_id, pi and y and, with a model, f and p, and the
population agent_id and f of every unit (or ``totals`` of it). ``grouped`` does means for many cells in one columnar
pass. Tables may be polars or pandas frames, or columns as arrays or lists. What cannot be said honestly comes back
without an interval and with a reason; what is not a valid sample is refused with an ``EstimateError`` naming column and
cure.

>>> from scoring import estimate
>>> sample = {"agent_id": ["A"] * 4 + ["B"] * 4, "pi": [0.1] * 8, "y": [90, 80, 85, 95, 60, 70, 75, 65]}
>>> mean = estimate.team(sample)
>>> f"{mean.value} [{mean.low:.1f}, {mean.high:.1f}] n = {mean.n}, {mean.method}"
'77.5 [72.2, 82.8] n = 8, hajek'
>>> estimate.team({"agent_id": ["A"] * 3, "pi": [1.0] * 3, "y": [10, 20, 30]}).reason  # picked because they looked bad?
'only_targeted'
"""

from scoring.estimate.compare import beyond_chance, combine, difference
from scoring.estimate.completion import Selection, completed, selective
from scoring.estimate.counts import LEAST_EXPECTED, per_exposure, poisson, ratio, share
from scoring.estimate.grouped import grouped
from scoring.estimate.means import agents, as_estimates, shrunk, team, tune
from scoring.estimate.rates import clopper_pearson, rate
from scoring.estimate.result import VERSION, Estimate, EstimateError, refusal, reviews_to_halve
from scoring.estimate.sample import totals
from scoring.estimate.severe import widened

__all__ = [
    "LEAST_EXPECTED",
    "VERSION",
    "Estimate",
    "EstimateError",
    "Selection",
    "agents",
    "as_estimates",
    "beyond_chance",
    "clopper_pearson",
    "combine",
    "completed",
    "difference",
    "grouped",
    "per_exposure",
    "poisson",
    "rate",
    "ratio",
    "refusal",
    "reviews_to_halve",
    "selective",
    "share",
    "shrunk",
    "team",
    "totals",
    "tune",
    "widened",
]
