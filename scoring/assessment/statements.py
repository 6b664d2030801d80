"""What may be said of a person on a pooled sheet: words that chance alone would seldom cause."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from scoring.ranking import FALSE_DISCOVERY, benjamini_hochberg

Floats = NDArray[np.float64]

BELOW, ABOVE, UNCLEAR = "below_team", "above_team", "not_distinguishable"


def compared(total: Floats, down: Floats, up: Floats, rate: float = FALSE_DISCOVERY) -> list[str]:
    """'below_team', 'above_team' or 'not_distinguishable' for each, against the mean of the others.

    ``down`` and ``up`` are the standard errors of the sides of each total's interval: caps make them unequal, and
    whoever is called above must be so by the lower side.

    Two-sided tests at false-discovery rate `rate`, the direction read off the sign: so the share of false words of
    either kind stays below it (Benjamini & Hochberg 1995; for directions Benjamini & Yekutieli 2005).
    """
    n = len(total)
    if n < 3:
        return [UNCLEAR] * n
    others = (total.sum() - total) / (n - 1)
    mean = np.maximum(down, up) ** 2
    error = np.sqrt(np.where(total > others, down, up) ** 2 + (mean.sum() - mean) / (n - 1) ** 2)
    z = (total - others) / error
    told = benjamini_hochberg(2 * special.ndtr(-np.abs(z))) <= rate
    return [(BELOW if one < 0 else ABOVE) if sure else UNCLEAR for one, sure in zip(z, told, strict=True)]
