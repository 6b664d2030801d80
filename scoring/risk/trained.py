"""A trained risk model as a value: what it is made of, how it is kept, and the report of how good it is."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from scoring.draw.design import ModelRecord, ResidualModel
from scoring.risk import grams
from scoring.risk.stacking import UNBLENDED

Floats = NDArray[np.float64]


class RiskError(ValueError):
    """A model that cannot be trained or used as asked. ``code`` names the fault."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Conversations with similar predictions: how many, the mean prediction and the share of violations found."""

    n: int
    predicted: float
    found: float


@dataclass(frozen=True, slots=True)
class Report:
    """How the model did on reviews it was not trained on (out of fold, weighted by 1/π). ``auc`` is for violations,
    None when there were fewer than two; ``curve`` holds (labels, AUC) for growing shares of the labels; ``explained``
    is the share of the score's variance that f explains; ``lam`` and ``lam_rate`` are the weights that f earned in
    means and p in rates (None in versions that did not measure them)."""

    labels: int
    violations: int
    auc: float | None
    explained: float
    calibration: tuple[CalibrationBin, ...]
    curve: tuple[tuple[int, float | None], ...]
    lam: float | None = None
    lam_rate: float | None = None
    plain: tuple[float, float] | None = None

    @property
    def record(self) -> ModelRecord:
        """What the automatic pool share needs to know."""
        return ModelRecord(self.auc if self.auc is not None else 0.0, self.labels, self.violations)


@dataclass(frozen=True, slots=True, eq=False)
class RiskModel:
    """A trained model. ``version`` is the hash of everything in it; ``first`` and ``last`` are the days it learnt from.

    ``text`` has a column of gram coefficients for the risk and for the score, ``signal`` likewise; ``centre`` and
    ``spread`` standardise the signals, ``link`` turns the risk into the probability of a violation, ``blend`` = (c, a,
    b) makes the expected score c + a·score + b·probability; ``features`` are the columns of numbers it was given beside
    the known signals.
    """

    version: str
    first: date
    last: date
    text: NDArray[np.float32]
    signal: Floats
    intercept: Floats
    centre: Floats
    spread: Floats
    link: tuple[float, float]
    residual: ResidualModel
    report: Report
    features: tuple[str, ...] = ()
    blend: tuple[float, float, float] = UNBLENDED

    def to_bytes(self) -> bytes:
        """Return the model as an .npz archive without pickles."""
        buffer = io.BytesIO()
        arrays = {name: getattr(self, name) for name in ("text", "signal", "intercept", "centre", "spread")}
        rows = np.flatnonzero(self.text.any(axis=1))
        arrays |= {"text": self.text[rows], "rows": rows.astype(np.uint32)}
        meta = {
            "version": self.version,
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "link": self.link,
            "residual": asdict(self.residual),
            "report": asdict(self.report),
            "features": self.features,
            "blend": self.blend,
        }
        np.savez_compressed(buffer, meta=np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8), **arrays)
        return buffer.getvalue()

    @staticmethod
    def from_bytes(data: bytes) -> RiskModel:
        """Read a model back and check its version; raises ``RiskError`` when the content does not match it."""
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            meta = json.loads(archive["meta"].tobytes())
            text = np.zeros((grams.BUCKETS, 2), dtype=np.float32)
            text[archive["rows"]] = archive["text"]
            arrays = {name: archive[name] for name in ("signal", "intercept", "centre", "spread")}
        report = meta["report"]
        report["calibration"] = tuple(CalibrationBin(**row) for row in report["calibration"])
        report["plain"] = None if report.get("plain") is None else tuple(report["plain"])
        report["curve"] = tuple((int(n), auc) for n, auc in report["curve"])
        first, last = date.fromisoformat(meta["first"]), date.fromisoformat(meta["last"])
        link, residual = (float(meta["link"][0]), float(meta["link"][1])), ResidualModel(**meta["residual"])
        features = tuple(meta.get("features", ()))
        blend = tuple(float(x) for x in meta.get("blend", UNBLENDED))
        version = content_version(text, arrays, link, residual, first, last, features, blend)
        if version != meta["version"]:
            raise RiskError("version", f"expected model {meta['version']}; the content is {version}")
        return RiskModel(
            version, first, last, text=text, link=link, residual=residual, report=Report(**report), features=features,
            blend=(blend[0], blend[1], blend[2]), **arrays
        )  # fmt: skip


def content_version(
    text: NDArray[np.float32],
    arrays: dict[str, Floats],
    link: tuple[float, float],
    residual: ResidualModel,
    first: date,
    last: date,
    features: tuple[str, ...] = (),
    blend: tuple[float, ...] = UNBLENDED,
) -> str:
    digest = hashlib.sha256(text.tobytes())
    for name in sorted(arrays):
        digest.update(np.ascontiguousarray(arrays[name], dtype=np.float64).tobytes())
    known = (link, residual, first, last, *features)
    digest.update(repr(known if tuple(blend) == UNBLENDED else (*known, tuple(blend))).encode())
    return digest.hexdigest()[:16]


def refuse_overlap(model: RiskModel, period: tuple[date, date]) -> None:
    """Raise ``RiskError`` when the model learnt from days of the period."""
    if model.first <= period[1] and period[0] <= model.last:
        raise RiskError(
            "overlap",
            f"the model learnt from {model.first} to {model.last}; it must not weight {period[0]} to {period[1]}",
        )


def compare(old: Report, new: Report) -> Sequence[tuple[str, float | None, float | None]]:
    """Return what a retrain changed: (figure, old, new) for AUC, explained variance, labels and violations."""
    return (
        ("auc", old.auc, new.auc),
        ("explained", old.explained, new.explained),
        ("labels", float(old.labels), float(new.labels)),
        ("violations", float(old.violations), float(new.violations)),
    )
