"""Scores corrected for how harsh each inspector is: which severities apply to a report, or why none do.

A variant that is asked for, never the default: rotating inspectors is better than correcting them. Says why when it
cannot be done (inspectors that share no agents, severities known too vaguely). The mathematics is `scoring.severity`
and `scoring.estimate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from qa.calibration import severities
from qa.reports.scope import FactsReader, Scope
from scoring.severity import Severities

NOBODY = "0"
"""Stands for results no single inspector owns (adjudicated together): nothing to correct there."""


@dataclass(frozen=True)
class Adjustment:
    """What became of the wish for adjusted scores. `reason` is empty when it was done, else 'few_inspectors',
    'not_connected', 'imprecise' or 'unknown_inspector', with `detail` naming who."""

    severities: Severities | None
    reason: str = ""
    detail: str = ""

    @property
    def done(self) -> bool:
        return self.severities is not None


def adjustment(reader: FactsReader, scope: Scope, rows: pl.DataFrame) -> Adjustment:
    """The severities for a scope whose reviews are `rows` (inspector_id, occurred_at): those of a rolling quarter up to
    its last day, or of the whole scope when that is longer."""
    last = rows["occurred_at"].max()
    first = rows["occurred_at"].min()
    if not isinstance(last, datetime) or not isinstance(first, datetime):
        return Adjustment(None, "few_inspectors")
    _, before = reader.bounds(scope)
    fit = severities.fit(reader.session, first=min(first, last - severities.QUARTER), before=before)
    if fit.severities is None:
        return Adjustment(None, fit.reason, fit.detail)
    known = with_nobody(fit.severities)
    strangers = set(inspector(rows["inspector_id"]).unique()) - set(known.inspectors)
    if strangers:
        return Adjustment(None, "unknown_inspector", ", ".join(sorted(strangers)))
    return Adjustment(known)


def inspector(ids: pl.Series) -> pl.Series:
    """Inspectors as the severities name them."""
    return ids.cast(pl.String).fill_null(NOBODY)


def with_nobody(known: Severities) -> Severities:
    """The severities with an entry of exactly 0 for results that are nobody's alone."""
    size = len(known.inspectors)
    covariance = np.zeros((size + 1, size + 1))
    covariance[:size, :size] = known.covariance
    return Severities((*known.inspectors, NOBODY), np.append(known.values, 0.0), covariance)


def correction(known: Severities) -> pl.DataFrame:
    """inspector_id (text) and severity, to subtract from scores."""
    return pl.DataFrame({"inspector_id": list(known.inspectors), "severity": known.values})
