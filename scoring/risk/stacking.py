"""Several models put together on what they said out of fold (stacking, Wolpert 1992): the violation, and the score.

Owns the combination. Does not know texts, signals and how the models were fitted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Weight of the pull towards 0 on the stacked models, in cases per standard deviation.
STACK_PULL = 1.0
#: How a score is put together where nothing was stacked: the ridge model alone.
UNBLENDED = (0.0, 1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Stack:
    """How the models are put together: ``columns`` (models × 2) give the risk and the score, ``link`` and ``blend`` as
    in ``RiskModel``."""

    columns: Floats
    link: tuple[float, float]
    blend: tuple[float, float, float]

    def p(self, raw: Floats) -> Floats:
        return np.asarray(scipy.special.expit(self.link[0] + self.link[1] * (raw @ self.columns[:, 0])))

    def f(self, raw: Floats) -> Floats:
        return np.asarray(self.blend[0] + self.blend[1] * (raw @ self.columns[:, 1]) + self.blend[2] * self.p(raw))


def stack(raw: Floats, violation: Flags, score: Floats, weight: Floats) -> Stack:
    """Put the models together on what they said out of fold: the violation by a logistic regression on all of them, the
    score by least squares on the ridge model and that probability; no model may count against its meaning."""
    said = raw
    sign = np.ones(raw.shape[1])
    sign[-1] = -1.0  # the better the score, the smaller the risk
    spread = said.std(axis=0)
    scaled = sign * np.divide(said - said.mean(axis=0), spread, out=np.zeros_like(said), where=spread > 1e-9)
    share = _logistic(scaled, violation, weight)
    columns = np.zeros((raw.shape[1], 2))
    columns[:, 0] = np.divide(sign * share[1:], spread, out=np.zeros_like(spread), where=spread > 1e-9)
    columns[-1, 1] = 1.0
    link = (float(share[0] - said.mean(axis=0) @ columns[:, 0]), 1.0)
    made = Stack(columns, link, UNBLENDED)
    p, root = made.p(said), np.sqrt(weight)
    design = np.column_stack([np.ones(len(p)), said[:, -1], p])
    bounds = ([-np.inf, 0.0, -np.inf], [np.inf, np.inf, 1e-12])
    found = scipy.optimize.lsq_linear(design * root[:, None], score * root, bounds=bounds)
    return Stack(columns, link, (float(found.x[0]), float(found.x[1]), float(found.x[2])))


def stacked(
    raw: Floats, violation: Flags, score: Floats, weight: Floats, fold: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """p and f of every row from models and a stack that did not see it."""
    p, f = np.zeros(len(raw)), np.zeros(len(raw))
    for k in np.unique(fold):
        out = fold == k
        if out.any() and not out.all():
            rest = ~out
            made = stack(raw[rest], violation[rest], score[rest], weight[rest])
            p[out], f[out] = made.p(raw[out]), made.f(raw[out])
        elif out.any():
            p[out], f[out] = violation.mean(), score.mean()
    return p, f


def _logistic(x: Floats, violation: Flags, weight: Floats) -> Floats:
    """Fit P(violation) = expit(b₀ + Σ bₖ·xₖ), bₖ ≥ 0, by weighted likelihood, each bₖ pulled towards 0 by a few cases
    and b₀ by one pseudo-case each way."""
    total, n = weight.sum(), len(violation)
    y = violation.astype(np.float64)

    def loss(theta: Floats) -> tuple[float, Floats]:
        z = theta[0] + x @ theta[1:]
        e = weight * (scipy.special.expit(z) - y) / total
        prior = (
            np.logaddexp(0, theta[0]) + np.logaddexp(0, -theta[0]) + 0.5 * STACK_PULL * float((theta[1:] ** 2).sum())
        )
        value = float((weight * (np.logaddexp(0, z) - y * z)).sum() / total + prior / n)
        slope = np.append(e.sum() + (2 * scipy.special.expit(theta[0]) - 1) / n, x.T @ e + STACK_PULL * theta[1:] / n)
        return value, slope

    start = np.append(scipy.special.logit(np.clip((weight * y).sum() / total, 1e-3, 0.999)), np.full(x.shape[1], 0.5))
    bounds = [(-15.0, 15.0)] + [(0.0, 10.0)] * x.shape[1]
    return np.asarray(scipy.optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)
