"""How harsh each inspector is: crossed random effects of agents, inspectors and conversations, by REML.

Owns the model y = μ + agent + inspector + conversation + e, its estimation and the refusal to answer when inspectors
cannot be compared. Does not centre each inspector's mean: that would delete true differences between the agents.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: A severity known less well than this many points (standard error) is not used.
LARGEST_SE = 2.0
#: A correlation of fewer shared conversations than this says nothing.
LEAST_SHARED = 8
#: The chance that any sound inspector of a round is named, the least correlation among colleagues that anybody can be
#: compared with, the least that is called consistent, and resamples of conversations.
FAMILY_ERROR, LEAST_USUAL, CONSISTENT, REPLICATES = 0.05, 0.15, 0.3, 400
SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Severities:
    """Severity of each inspector in points (negative = harsh), relative to these inspectors' average, with
    covariance."""

    inspectors: tuple[str, ...]
    values: Floats
    covariance: Floats

    @property
    def se(self) -> Floats:
        """Standard errors of the severities."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0.0))


@dataclass(frozen=True, slots=True)
class SeverityFit:
    """The fitted model. Standard deviations in points; ``severities`` is None when ``reason`` says why
    ('few_inspectors', 'not_connected', 'imprecise')."""

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
    repeated: bool = False

    @property
    def intraclass(self) -> tuple[float, float] | None:
        """ICC(2,1) and ICC(3,1) of one score, from the variances; None unless some conversation was scored twice.

        In a complete table these are Shrout & Fleiss' figures; here pairs of inspectors may differ from one
        conversation to the next. A wide gap between the two is severity: the first counts it as disagreement, the
        second does not.
        """
        true, rest = self.sd_agent**2 + self.sd_conversation**2, self.sd_residual**2
        if not self.repeated or not true + rest > 0:
            return None
        return true / (true + rest + self.sd_inspector**2), true / (true + rest)


def fit(scores: pl.DataFrame, *, largest_se: float = LARGEST_SE) -> SeverityFit:
    """Fit severities from independent scores of (at best rotated and doubly inspected) conversations.

    ``scores`` has agent_id, inspector_id, unit_id and score, one row per inspector and conversation; adjudicated scores
    must not be in it. Restricted maximum likelihood, profiled over the residual variance; a conversation effect is
    fitted when at least one conversation has two scores. Refuses (``severities`` None) below two inspectors, when
    inspectors share no agents even indirectly, and when a severity's standard error exceeds ``largest_se``.
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
    graph = scipy.sparse.coo_matrix((np.ones(len(a)), (a, i)), shape=(size, size))
    _, label = scipy.sparse.csgraph.connected_components(graph, directed=False)
    of = label[len(agents) :]
    return [[name for name, mark in zip(inspectors, of, strict=True) if mark == part] for part in np.unique(of)]


@dataclass(frozen=True, slots=True)
class _Model:
    """Cross-products of the columns [1 | inspectors | y], from which the likelihood at any θ follows without the rows.

    ``cross`` are sums over rows, ``rows`` the same by agent, ``n`` the scores of each agent. For every number of scores
    a conversation can have (``size``), ``unit_cross`` are sums over conversations of products of conversation totals,
    ``unit_rows`` their totals by agent, ``units`` the conversations of each agent.
    """

    scores: int
    inspectors: int
    cross: Floats
    rows: Floats
    n: Floats
    size: Floats
    unit_cross: Floats
    unit_rows: Floats
    units: Floats

    @staticmethod
    def of(rows: pl.DataFrame, inspectors: list[str]) -> _Model:
        agents = rows["agent_id"].unique().sort().to_list()
        agent = _codes(rows["agent_id"], agents)
        # A unit stands under one agent; the same id under another agent is another unit.
        unit = rows.select(pl.struct("agent_id", "unit_id").rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
        count, k, q = len(unit), len(agents), len(inspectors)
        columns = np.zeros((count, q + 2))
        columns[:, 0], columns[:, -1] = 1.0, rows["score"].to_numpy()
        columns[np.arange(count), 1 + _codes(rows["inspector_id"], inspectors)] = 1.0
        totals = _gather(unit, int(unit.max()) + 1) @ columns
        size, agent_of_unit = totals[:, 0], np.zeros(len(totals), dtype=np.int64)
        agent_of_unit[unit] = agent
        sizes = np.unique(size)
        by_size = [size == s for s in sizes]
        return _Model(
            count,
            q,
            columns.T @ columns,
            _gather(agent, k) @ columns,
            np.bincount(agent, minlength=k).astype(np.float64),
            sizes,
            np.stack([totals[those].T @ totals[those] for those in by_size]),
            np.stack([_gather(agent_of_unit[those], k) @ totals[those] for those in by_size]),
            np.stack([np.bincount(agent_of_unit[those], minlength=k).astype(np.float64) for those in by_size]),
        )

    @property
    def repeated(self) -> bool:
        """Whether some conversation has more than one score, so that its effect differs from the residual."""
        return bool((self.size > 1).any())


def _gather(codes: Ints, k: int) -> scipy.sparse.csr_matrix:
    """The matrix that adds up rows by code."""
    return scipy.sparse.csr_matrix((np.ones(len(codes)), (codes, np.arange(len(codes)))), shape=(k, len(codes)))


@dataclass(frozen=True, slots=True)
class _Solution:
    """Everything the likelihood and the predictions need at one θ = (agent, inspector, conversation) SD ÷ residual
    SD."""

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
    scale = np.concatenate([[1.0], np.full(m.inspectors, ti), [1.0]])
    cross = (m.cross - np.tensordot(shrink, m.unit_cross, 1)) * np.outer(scale, scale)
    rows = ta * (m.rows - np.tensordot(shrink * m.size, m.unit_rows, 1)) * scale
    pivot = 1.0 + ta**2 * (m.n - (shrink * m.size**2) @ m.units)
    reduced = cross - rows.T @ (rows / pivot[:, None])
    q = m.inspectors
    block, b = reduced[: q + 1, : q + 1].copy(), reduced[: q + 1, -1]
    block[1:, 1:] += np.eye(q)
    inverse = np.linalg.inv(block)
    solution = inverse @ b
    rss = float(reduced[-1, -1] - b @ solution)
    df = m.scores - 1
    logdet = float(np.log1p(tc**2 * m.size) @ m.units.sum(axis=1) + np.log(pivot).sum() + np.linalg.slogdet(block)[1])
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
    # one agent's effect is the mean, and without second scores a conversation's effect is the residual
    fitted = np.array([len(m.n) > 1, True, m.repeated])
    free = int(fitted.sum())

    def deviance(theta: Floats) -> float:
        full = np.zeros(3)
        full[fitted] = theta
        return _solve(m, full).deviance

    best: scipy.optimize.OptimizeResult | None = None
    for start in (0.3, 1.0, 3.0):
        found = scipy.optimize.minimize(
            deviance, np.full(free, start), method="L-BFGS-B", bounds=[(0.0, 1e3)] * free,
            options={"ftol": 1e-13, "gtol": 1e-8, "maxiter": 500},
        )  # fmt: skip
        best = found if best is None or found.fun < best.fun else best
    assert best is not None
    # Numerical gradients stop short of the last digits; a simplex around the point found gets them.
    polished = scipy.optimize.minimize(
        lambda x: deviance(np.abs(x)), best.x, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-11}
    )
    theta = np.zeros(3)
    theta[fitted] = np.abs(polished.x) if polished.fun <= best.fun else best.x
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
        m.scores,
        None if too_wide else severities,
        "imprecise" if too_wide else "",
        f"{inspectors[worst]}: ±{severities.se[worst]:.2f}" if too_wide else "",
        m.repeated,
    )
