"""How harsh each inspector is: crossed random effects of agents, inspectors and conversations, by REML.

Owns the model y = μ + agent + inspector + conversation + e, its estimation and the refusal to answer when inspectors
cannot be compared. Refuses to centre each inspector's mean: that would delete true differences between the agents.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import optimize, sparse
from scipy.sparse import csgraph

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: A severity known less well than this many points (standard error) is not used.
LARGEST_SE = 2.0


@dataclass(frozen=True, slots=True)
class Severities:
    """Severity of each inspector in points (negative = harsh), relative to these inspectors' average, with covariance."""

    inspectors: tuple[str, ...]
    values: Floats
    covariance: Floats

    @property
    def se(self) -> Floats:
        """Standard errors of the severities."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0.0))


@dataclass(frozen=True, slots=True)
class SeverityFit:
    """The fitted model. Standard deviations in points; ``severities`` is None when ``reason`` says why ('few_inspectors',
    'not_connected', 'imprecise')."""

    mean: float
    mean_se: float
    sd_agent: float
    sd_inspector: float
    sd_conversation: float
    sd_residual: float
    reml: float
    n: int
    severities: Severities | None
    reason: str = ""
    detail: str = ""


def fit(scores: pl.DataFrame, *, largest_se: float = LARGEST_SE) -> SeverityFit:
    """Fit severities from independent scores of (at best rotated and doubly inspected) conversations.

    ``scores`` has agent_id, inspector_id, unit_id and score, one row per inspector and conversation; adjudicated scores
    must not be in it. Restricted maximum likelihood, profiled over the residual variance; a conversation effect is fitted
    when at least one conversation has two scores. Refuses (``severities`` None) below two inspectors, when inspectors
    share no agents even indirectly, and when a severity's standard error exceeds ``largest_se``.
    """
    rows = scores.drop_nulls(["agent_id", "inspector_id", "unit_id", "score"])
    inspectors = rows["inspector_id"].unique().sort().to_list()
    if len(inspectors) < 2 or rows.height < len(inspectors) + 2:
        return _refused("few_inspectors", rows.height, f"{len(inspectors)} inspectors, {rows.height} scores")
    groups = _components(rows)
    if len(groups) > 1:
        return _refused("not_connected", rows.height, " | ".join(", ".join(group) for group in groups))
    model = _Model.of(rows, inspectors)
    theta = _optimum(model)
    return _result(model, theta, inspectors, largest_se)


def _refused(reason: str, n: int, detail: str) -> SeverityFit:
    nan = math.nan
    return SeverityFit(nan, nan, nan, nan, nan, nan, nan, n, None, reason, detail)


def _codes(values: pl.Series, names: list[str]) -> Ints:
    return values.replace_strict({name: k for k, name in enumerate(names)}, return_dtype=pl.Int64).to_numpy()


def _components(rows: pl.DataFrame) -> list[list[str]]:
    """Groups of inspectors linked through common agents (a conversation belongs to one agent)."""
    agents, inspectors = rows["agent_id"].unique().sort().to_list(), rows["inspector_id"].unique().sort().to_list()
    a, i = _codes(rows["agent_id"], agents), _codes(rows["inspector_id"], inspectors) + len(agents)
    size = len(agents) + len(inspectors)
    graph = sparse.coo_matrix((np.ones(len(a)), (a, i)), shape=(size, size))
    _, label = csgraph.connected_components(graph, directed=False)
    of = label[len(agents) :]
    return [[name for name, mark in zip(inspectors, of, strict=True) if mark == part] for part in np.unique(of)]


@dataclass(frozen=True, slots=True)
class _Model:
    """The data, with conversation effects ready to be integrated out: rows sorted, conversations numbered."""

    y: Floats
    agent: Ints
    inspector: Ints
    conversation: Ints
    size: Floats
    agents: int
    inspectors: int
    repeated: bool

    @staticmethod
    def of(rows: pl.DataFrame, inspectors: list[str]) -> _Model:
        agents = rows["agent_id"].unique().sort().to_list()
        # A unit stands under one agent; the same id under another agent is another unit.
        unit = rows.select(pl.struct("agent_id", "unit_id").rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
        size = np.bincount(unit).astype(np.float64)
        return _Model(
            rows["score"].to_numpy().astype(np.float64),
            _codes(rows["agent_id"], agents),
            _codes(rows["inspector_id"], inspectors),
            unit,
            size,
            len(agents),
            len(inspectors),
            bool((size > 1).any()),
        )


@dataclass(frozen=True, slots=True)
class _Solution:
    """Everything the likelihood and the predictions need at one θ = (agent, inspector, conversation) SD ÷ residual SD."""

    deviance: float
    sigma2: float
    mean: float
    mean_var: float
    inspector: Floats
    covariance: Floats


def _solve(m: _Model, theta: Floats) -> _Solution:
    """Henderson's equations with conversations and agents eliminated; what is left is (inspectors + 1)².

    R = I + θc²·J within a conversation, so R⁻¹x = x − g·Σx with g = θc²/(1 + θc²·size); all of a conversation's rows
    belong to one agent, which keeps the agents' block diagonal.
    """
    ta, ti, tc = np.maximum(theta, 0.0)
    shrink = tc**2 / (1.0 + tc**2 * m.size)
    fixed = np.zeros((len(m.y), m.inspectors + 2))
    fixed[:, 0], fixed[:, -1] = 1.0, m.y
    fixed[np.arange(len(m.y)), 1 + m.inspector] = ti
    by_unit = sparse.csr_matrix(
        (np.ones(len(m.y)), (m.conversation, np.arange(len(m.y)))), shape=(len(m.size), len(m.y))
    )
    unit_sums = by_unit @ fixed
    weighted = fixed - (shrink[:, None] * unit_sums)[m.conversation]
    cross = fixed.T @ weighted
    agent_of_unit = np.zeros(len(m.size), dtype=np.int64)
    agent_of_unit[m.conversation] = m.agent
    diagonal = np.bincount(agent_of_unit, weights=m.size * (1.0 - shrink * m.size), minlength=m.agents)
    by_agent = sparse.csr_matrix((np.ones(len(m.y)), (m.agent, np.arange(len(m.y)))), shape=(m.agents, len(m.y)))
    rows = ta * (by_agent @ weighted)
    pivot = 1.0 + ta**2 * diagonal
    reduced = cross - rows.T @ (rows / pivot[:, None])
    q = m.inspectors
    block, b = reduced[: q + 1, : q + 1].copy(), reduced[: q + 1, -1]
    block[1:, 1:] += np.eye(q)
    inverse = np.linalg.inv(block)
    solution = inverse @ b
    rss = float(reduced[-1, -1] - b @ solution)
    df = len(m.y) - 1
    logdet = float(np.log1p(tc**2 * m.size).sum() + np.log(pivot).sum() + np.linalg.slogdet(block)[1])
    sigma2 = rss / df
    deviance = logdet + df * (1.0 + math.log(2.0 * math.pi * max(sigma2, 1e-300)))
    return _Solution(
        deviance,
        sigma2,
        float(solution[0]),
        sigma2 * float(inverse[0, 0]),
        ti * solution[1:],
        sigma2 * ti**2 * inverse[1:, 1:],
    )


def _optimum(m: _Model) -> Floats:
    """Minimise the REML deviance over θ ≥ 0, from three starts (the surface is smooth but can be flat at 0)."""
    free = 3 if m.repeated else 2

    def deviance(theta: Floats) -> float:
        full = np.zeros(3)
        full[:free] = theta
        return _solve(m, full).deviance

    best: optimize.OptimizeResult | None = None
    for start in (0.3, 1.0, 3.0):
        found = optimize.minimize(
            deviance, np.full(free, start), method="L-BFGS-B", bounds=[(0.0, 1e3)] * free,
            options={"ftol": 1e-13, "gtol": 1e-8, "maxiter": 500},
        )  # fmt: skip
        best = found if best is None or found.fun < best.fun else best
    assert best is not None
    # Numerical gradients stop short of the last digits; a simplex around the point found gets them.
    polished = optimize.minimize(
        lambda x: deviance(np.abs(x)), best.x, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-11}
    )
    theta = np.zeros(3)
    theta[:free] = np.abs(polished.x) if polished.fun <= best.fun else best.x
    theta[theta < 1e-4] = 0.0
    return theta


def _result(m: _Model, theta: Floats, inspectors: list[str], largest_se: float) -> SeverityFit:
    s = _solve(m, theta)
    sd = theta * math.sqrt(s.sigma2)
    # Severity relative to these inspectors' average: a shift common to all is no harshness and not identifiable.
    centre = np.eye(m.inspectors) - 1.0 / m.inspectors
    values, covariance = centre @ s.inspector, centre @ s.covariance @ centre
    severities = Severities(tuple(inspectors), values, covariance)
    worst = int(np.argmax(severities.se))
    too_wide = bool(severities.se[worst] > largest_se)
    return SeverityFit(
        s.mean,
        math.sqrt(s.mean_var),
        float(sd[0]),
        float(sd[1]),
        float(sd[2]),
        math.sqrt(s.sigma2),
        s.deviance,
        len(m.y),
        None if too_wide else severities,
        "imprecise" if too_wide else "",
        f"{inspectors[worst]}: ±{severities.se[worst]:.2f}" if too_wide else "",
    )


def consistency(scores: pl.DataFrame) -> pl.DataFrame:
    """Return each inspector's correlation with the mean of the others on shared conversations (leave-one-out).

    Severe is not unreliable: a harsh but consistent inspector correlates well and is adjusted, one who agrees with nobody
    is flagged. ``scores`` as for ``fit``; returns inspector_id, shared (conversations) and correlation (null below 5).
    """
    rows = scores.drop_nulls(["inspector_id", "unit_id", "score"])
    unit = ["unit_id"]
    others = rows.with_columns(total=pl.col("score").sum().over(unit), n=pl.len().over(unit)).filter(pl.col("n") > 1)
    return (
        others.with_columns(rest=(pl.col("total") - pl.col("score")) / (pl.col("n") - 1))
        .group_by("inspector_id")
        .agg(shared=pl.len().cast(pl.Int64), correlation=pl.corr("score", "rest"))
        .with_columns(correlation=pl.when(pl.col("shared") >= 5).then(pl.col("correlation").fill_nan(None)))
        .sort("inspector_id")
    )
