"""Estimates from one draw: every number with its interval, count and method, none from unweighted targeted picks.

An outside program needs no database: ``team``, ``agents`` and ``rate`` take a sample (agent_id, pi, y and, with a model,
f and p) and the population (agent_id and f of every unit, or ``totals`` of it); ``grouped`` does means for many cells in
one columnar pass.

>>> import polars as pl
>>> from scoring import estimate
>>> sample = pl.DataFrame({"agent_id": ["A"] * 4 + ["B"] * 4, "pi": [0.1] * 8, "y": [90, 80, 85, 95, 60, 70, 75, 65]})
>>> mean = estimate.team(sample)
>>> f"{mean.value} [{mean.low:.1f}, {mean.high:.1f}] n = {mean.n}, {mean.method}"
'77.5 [72.2, 82.8] n = 8, hajek'
"""

from scoring.estimate.compare import combine, difference
from scoring.estimate.grouped import grouped
from scoring.estimate.means import agents, as_estimates, shrunk, team, totals, tune
from scoring.estimate.rates import clopper_pearson, rate
from scoring.estimate.result import Estimate, EstimateError, refusal, reviews_to_halve
from scoring.estimate.severe import widened

__all__ = [
    "Estimate",
    "EstimateError",
    "agents",
    "as_estimates",
    "clopper_pearson",
    "combine",
    "difference",
    "grouped",
    "rate",
    "refusal",
    "reviews_to_halve",
    "shrunk",
    "team",
    "totals",
    "tune",
    "widened",
]
