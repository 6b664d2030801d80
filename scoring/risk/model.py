"""The risk model: from past reviews to the probability of a violation and the expected score of every conversation.

Owns training, cross-fitting, the report of how good it is, and the refusal to weight the period it was trained on.
Does not know where texts and labels are kept.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
import scipy
from numpy.typing import NDArray

from scoring.draw.design import ResidualModel
from scoring.estimate import weighting
from scoring.frames import Table, table
from scoring.keyed import permanent_numbers
from scoring.risk import grams
from scoring.risk.rules import SIGNALS, rule_score
from scoring.risk.stacking import stack, stacked
from scoring.risk.trained import CalibrationBin, Floats, Report, RiskError, RiskModel, content_version, refuse_overlap

FOLDS, WORST_SHARE = 5, 0.10
LOGISTIC_C, RIDGE_ALPHA = 3.0, 3.0
LEAST_LABELS, LEAST_POSITIVE = 40, 8
CURVE = (0.25, 0.5, 1.0)
#: A share of scores this large at or below the tenth's limit is no longer the worst tenth, but ties.
LARGEST_WORST = 0.20
#: Labels drawn for certain say as much of the weights as those nearly so.
LARGEST_PI = 0.99


@dataclass(frozen=True, slots=True)
class _Data:
    """The labels as arrays; ``x`` has only the features that occur, ``active`` says which ones they are. ``targets``
    are what the logistic models learn, a column each: the violation, and the poor conversations where they are
    others."""

    x: scipy.sparse.csr_matrix
    active: NDArray[np.int64]
    targets: NDArray[np.bool_]
    violation: NDArray[np.bool_]
    score: Floats
    weight: Floats
    u: Floats
    agents: NDArray[np.int64]
    pi: Floats


def train(labels: Table, seed: str = "risk-model", *, features: Sequence[str] = ()) -> RiskModel:
    """Train on reviewed conversations and report how the model does out of fold.

    ``labels`` has unit_id, day (of the conversation), the texts (``customer_text``, ``agent_text``, ``last_text``), any
    of ``SIGNALS``, score (severity-adjusted where possible), violation (boolean), pi (null = 1) and, where known,
    agent_id. ``features`` names further columns of numbers to learn from, with or without texts. One logistic model
    learns the violation, one "violation or among the worst tenth of scores" where ties leave a worst tenth, a ridge
    model the score; what they say out of fold is stacked into the probability of a violation, and that with the ridge
    model into the expected score (Wolpert 1992). Folds go by the permanent number of the unit, so a retrain with more
    labels keeps them. Raises ``RiskError`` below 40 labels or 8 bad conversations.
    """
    extra = tuple(features)
    rows, centre, spread, data = _read(labels, seed, extra)
    raw = _out_of_fold(data)
    p, f = _cross(data, raw)
    made = stack(raw, data.violation, data.score, data.weight)
    residual = _residual(data, f, p)
    fitted, intercept = _fit(data, np.ones(rows.height, dtype=bool))
    coefficients = np.zeros((grams.BUCKETS + len(centre), 2))
    coefficients[data.active] = fitted @ made.columns
    text = coefficients[: grams.BUCKETS].astype(np.float32)
    arrays = {
        "signal": coefficients[grams.BUCKETS :],
        "intercept": intercept @ made.columns,
        "centre": centre,
        "spread": spread,
    }
    first, last = _days(rows)
    version = content_version(text, arrays, made.link, residual, first, last, extra, made.blend)
    return RiskModel(
        version,
        first,
        last,
        text=text,
        link=made.link,
        residual=residual,
        report=_report(data, raw, f, p),
        features=extra,
        blend=made.blend,
        **arrays,
    )


def cross_fitted(labels: Table, seed: str = "risk-model", *, features: Sequence[str] = ()) -> pl.DataFrame:
    """Return unit_id, p and f of every labelled conversation as models predict them that did not learn from it: what
    ``draw.learn`` should judge a model by, before it has predicted a period of its own. Arguments as for ``train``."""
    rows, _, _, data = _read(labels, seed, tuple(features))
    p, f = _cross(data, _out_of_fold(data))
    return rows.select("unit_id", p=pl.Series(p), f=pl.Series(np.clip(f, 0.0, 100.0)))


def _read(labels: Table, seed: str, features: tuple[str, ...]) -> tuple[pl.DataFrame, Floats, Floats, _Data]:
    rows = _labelled(table(labels, "the labels"), features)
    if rows.height < LEAST_LABELS:
        raise RiskError("few_labels", f"expected at least {LEAST_LABELS} reviewed conversations; found {rows.height}")
    centre, spread = _signal_scale(rows, features)
    data = _data(rows, centre, spread, seed, features)
    bad = data.targets.any(axis=1)
    if int(bad.sum()) < LEAST_POSITIVE or bad.all():
        raise RiskError(
            "few_bad",
            f"expected at least {LEAST_POSITIVE} bad conversations, and good ones beside them, to tell apart; "
            f"found {int(bad.sum())} of {rows.height}",
        )
    return rows, centre, spread, data


def _labelled(given: pl.DataFrame, features: tuple[str, ...]) -> pl.DataFrame:
    """The labels that are complete, once each, sorted by unit; or what is wrong with them."""
    _have(given, ("unit_id", "day", "score", "violation", *features))
    day = pl.col("day").str.to_date() if given["day"].dtype == pl.String else pl.col("day").cast(pl.Date)
    try:
        rows = given.with_columns(
            pl.col("unit_id").cast(pl.String), day, pl.col("violation").cast(pl.Boolean),
            pl.col("score").cast(pl.Float64).fill_nan(None), *(pl.col(name).cast(pl.Float64) for name in features),
        )  # fmt: skip
    except pl.exceptions.PolarsError as problem:
        raise RiskError(
            "columns", "expected dates in day, numbers in score and features, 0 or 1 in violation"
        ) from problem
    if "pi" in rows.columns and not rows["pi"].fill_null(1.0).is_between(0, 1, closed="right").all():
        raise RiskError(
            "pi", "expected the probability each labelled conversation was drawn with in pi, above 0 and at most 1"
        )
    return rows.drop_nulls(["unit_id", "score", "violation", "day"]).unique("unit_id").sort("unit_id")


def _have(frame: pl.DataFrame, names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise RiskError("columns", f"expected columns {', '.join(names)}; missing {', '.join(missing)}")


def _days(rows: pl.DataFrame) -> tuple[date, date]:
    first, last = rows["day"].min(), rows["day"].max()
    if not isinstance(first, date) or not isinstance(last, date):
        raise RiskError("day", "expected column day to hold dates")
    return first, last


def _signals(frame: pl.DataFrame, features: tuple[str, ...]) -> Floats:
    """Signals as columns, compressed where they are counts or durations, 0 where unknown; then the rule score, and
    further features as they are, their gaps as NaN."""
    columns = []
    for name in SIGNALS:
        known = frame[name].cast(pl.Float64).to_numpy() if name in frame.columns else np.full(frame.height, np.nan)
        if name == "rating":
            columns += [np.nan_to_num(3.0 - known), np.isnan(known).astype(np.float64)]
        else:
            columns.append(np.log1p(np.maximum(np.nan_to_num(known), 0.0)))
    points = rule_score(frame)["risk"].to_numpy() if "customer_text" in frame.columns else np.zeros(frame.height)
    extra = [frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in features]
    return np.column_stack([*columns, points, *extra])


def _signal_scale(frame: pl.DataFrame, features: tuple[str, ...]) -> tuple[Floats, Floats]:
    signals = _signals(frame, features)
    known = np.isfinite(signals)
    count = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, signals, 0.0).sum(axis=0) / count
    spread = np.sqrt(np.where(known, (signals - centre) ** 2, 0.0).sum(axis=0) / count)
    return centre, np.where(spread > 1e-9, spread, np.inf)


def _scaled(signals: Floats, centre: Floats, spread: Floats) -> Floats:
    """Standardised signals; what is unknown is average."""
    return np.where(np.isfinite(signals), (signals - centre) / spread, 0.0)


def _data(rows: pl.DataFrame, centre: Floats, spread: Floats, seed: str, features: tuple[str, ...]) -> _Data:
    score = rows["score"].to_numpy().astype(np.float64)
    violation = rows["violation"].cast(pl.Boolean).to_numpy()
    pi = rows["pi"].cast(pl.Float64).fill_null(1.0).to_numpy() if "pi" in rows.columns else np.ones(rows.height)
    signals = _scaled(_signals(rows, features), centre, spread)
    x = scipy.sparse.hstack([grams.matrix(rows), scipy.sparse.csr_matrix(0.5 * signals)], format="csr")
    active = np.flatnonzero(x.getnnz(axis=0))
    agents = np.zeros(rows.height, dtype=np.int64)
    if "agent_id" in rows.columns:
        agents = rows["agent_id"].cast(pl.String).fill_null("").rank("dense").cast(pl.Int64).to_numpy() - 1
    return _Data(
        x[:, active],
        active,
        _targets(score, violation),
        violation,
        score,
        1.0 / pi,
        permanent_numbers(seed, rows["unit_id"]),
        agents,
        pi,
    )


def _targets(score: Floats, violation: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What logistic models learn: the violation, where enough of them are there, and "violation or worst tenth", where
    the scores have a worst tenth: with ties at its limit only what lies below them is worse than the rest."""
    limit = np.quantile(score, WORST_SHARE)
    worst = score <= limit
    if worst.mean() > LARGEST_WORST:
        worst = score < limit
    poor = violation | worst
    enough = LEAST_POSITIVE <= violation.sum() < len(violation)
    if not enough:
        return poor[:, None]
    return violation[:, None] if (poor == violation).all() or poor.all() else np.column_stack([violation, poor])


def _fit(data: _Data, use: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Fit all models on the rows in use: features × models coefficients and an intercept each, the ridge model last."""
    # brings a second of imports, which whoever only predicts or looks need not wait for
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression, Ridge

    x, columns, intercepts = data.x[use], [], []
    for target in data.targets[use].T:
        # Coordinate descent in the dual is by far the fastest on few rows of many grams; its order of visits is fixed.
        logistic = LogisticRegression(
            C=LOGISTIC_C, solver="liblinear", dual=True, max_iter=2000, tol=1e-3, random_state=0
        )
        with warnings.catch_warnings():
            # After 2,000 sweeps what is left to gain is far below what another label would change.
            warnings.simplefilter("ignore", ConvergenceWarning)
            logistic.fit(x, target)
        columns.append(logistic.coef_[0])
        intercepts.append(float(logistic.intercept_[0]))
    ridge = Ridge(alpha=RIDGE_ALPHA, solver="sparse_cg", tol=1e-5).fit(x, data.score[use])
    return np.column_stack([*columns, ridge.coef_]), np.array([*intercepts, float(ridge.intercept_)])


def _out_of_fold(data: _Data, share: float = 1.0) -> Floats:
    """What every model says of every row without having seen it, trained on ``share`` of the other rows: rows ×
    models."""
    raw = np.zeros((len(data.score), data.targets.shape[1] + 1))
    raw[:, -1] = data.score.mean()
    position = data.u * FOLDS
    fold, within = position.astype(int), position % 1.0
    for k in range(FOLDS):
        use, out = (fold != k) & (within <= share), fold == k
        learnt = data.targets[use]
        if not use.any() or learnt.all(axis=0).any() or not learnt.any(axis=0).all() or not out.any():
            continue
        coefficients, intercept = _fit(data, use)
        raw[out] = data.x[out] @ coefficients + intercept
    return raw


def _cross(data: _Data, raw: Floats) -> tuple[Floats, Floats]:
    """p and f of every row from models and a stack that did not see it."""
    return stacked(raw, data.violation, data.score, data.weight, (data.u * FOLDS).astype(np.int64))


def _residual(data: _Data, f: Floats, p: Floats) -> ResidualModel:
    """Residual variance a + b·p(1−p) from out-of-fold residuals, by non-negative least squares weighted by 1/π."""
    root, square = np.sqrt(data.weight), (data.score - f) ** 2
    # When predictions hardly differ, a and b cannot be told apart: a keeps at least a tenth of the variance.
    floor = 0.1 * float(np.average(square, weights=data.weight))
    (a, b), _ = scipy.optimize.nnls(np.column_stack([root, root * p * (1 - p)]), root * (square - floor))
    return ResidualModel(float(a) + floor, float(b)) if floor > 0 else ResidualModel()


def _auc(violation: NDArray[np.bool_], logit: Floats, weight: Floats) -> float | None:
    if violation.sum() < 2 or violation.all():
        return None
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(violation, logit, sample_weight=weight))


def _report(data: _Data, raw: Floats, f: Floats, p: Floats) -> Report:
    mean = np.average(data.score, weights=data.weight)
    total = float((data.weight * (data.score - mean) ** 2).sum())
    explained = 1.0 - float((data.weight * (data.score - f) ** 2).sum()) / total if total > 0 else 0.0
    curve = []
    for share in CURVE:
        scored = p if share == 1.0 else _cross(data, _out_of_fold(data, share))[0]
        curve.append((round(share * len(p)), _auc(data.violation, scored, data.weight)))
    lam, lam_rate = _earned(data, f, p)
    return Report(
        len(p),
        int(data.violation.sum()),
        _auc(data.violation, p, data.weight),
        max(explained, 0.0),
        _calibration(p, data),
        tuple(curve),
        lam,
        lam_rate,
        _plain_spread(data, p),
    )


def _plain_spread(data: _Data, p: Floats) -> tuple[float, float] | None:
    """The variance of the scores within agents, what f explains included, by p."""
    k = int(data.agents.max()) + 1
    centre = weighting.ratio(
        weighting.sums(data.agents, data.weight * data.score, k), weighting.sums(data.agents, data.weight, k)
    )
    return weighting.residual_model(data.agents, data.score - centre[data.agents], data.pi, p, k)


def _earned(data: _Data, f: Floats, p: Floats) -> tuple[float, float]:
    """The weights that f and p have earned out of fold, within agents; 0 while there are too few labels to tell."""
    k = int(data.agents.max()) + 1
    pi = np.minimum(data.pi, LARGEST_PI)
    if len(p) < weighting.TUNING_REVIEWS:
        return 0.0, 0.0
    lam = weighting.tuned_lambda(data.agents, data.score, f, pi, k)
    few = int(data.violation.sum()) < LEAST_POSITIVE
    return lam, 0.0 if few else weighting.tuned_lambda(data.agents, data.violation.astype(np.float64), p, pi, k)


def _calibration(p: Floats, data: _Data) -> tuple[CalibrationBin, ...]:
    """Up to ten bins of equal numbers along the prediction."""
    bins = np.array_split(np.argsort(p, kind="stable"), min(10, len(p) // 20))
    return tuple(
        CalibrationBin(
            len(b),
            float(np.average(p[b], weights=data.weight[b])),
            float(np.average(data.violation[b], weights=data.weight[b])),
        )
        for b in bins
    )


def predict(model: RiskModel, frame: Table, period: tuple[date, date]) -> pl.DataFrame:
    """Return unit_id, p (probability of a violation), f (expected score, 0…100) and risk (for ranking) of every row.

    ``frame`` as for ``train`` without labels. ``period`` is the first and last day of what will be drawn and weighted
    with these predictions: a model that learnt from any of its days is refused, since its errors there are not honest.
    """
    refuse_overlap(model, period)
    rows = table(frame, "the conversations")
    _have(rows, ("unit_id", *model.features))
    raw = grams.scores(rows, model.text) + model.intercept
    raw += 0.5 * _scaled(_signals(rows, model.features), model.centre, model.spread) @ model.signal
    logit = raw[:, 0]
    p = scipy.special.expit(model.link[0] + model.link[1] * logit)
    f = model.blend[0] + model.blend[1] * raw[:, 1] + model.blend[2] * p
    return rows.select("unit_id").with_columns(
        p=pl.Series(p), f=pl.Series(np.clip(f, 0.0, 100.0)), risk=pl.Series(logit)
    )
