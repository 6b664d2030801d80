"""A machine judge (LLM-as-a-judge, or any vendor's scores) beside inspectors: its answers checked, calibrated, and
corrected by the sample that people reviewed.

A judge's own mean is never an estimate: it is biased, and differently from agent to agent. It is an auxiliary variable
of the difference estimator (`scoring.estimate`), which a probability sample makes true. Knows no model, no network and
no database.
"""

from scoring.judge.answers import (
    ANSWERS,
    CANNOT_TELL,
    FAULTS,
    NA,
    SCHEMA,
    VALUE,
    VOID,
    checked,
    losses,
    options,
    totals,
)

__all__ = [
    "ANSWERS",
    "CANNOT_TELL",
    "FAULTS",
    "NA",
    "SCHEMA",
    "VALUE",
    "VOID",
    "checked",
    "losses",
    "options",
    "totals",
]
