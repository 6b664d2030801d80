"""The monthly assessment: indicators in parts, points with intervals, totals, and what may be said of a person.

Numbers come as parts (numerator and denominator of a day), never as rates, and leave as values with interval and n.
`schemes` is the versioned data (lines, weights, curves, grades); `lines` turns parts into values with intervals,
`totals` into points and a total; `grades` gives the probability of every grade, integrated over the spread between
agents; `statements` says what chance alone would seldom cause. `judge` does all of it for one sheet.
"""

from scoring.assessment.judging import JudgedSheet, judge
from scoring.assessment.schemes import Curve, Grade, Indicator, IndicatorKind, Scheme, SchemeLine

__all__ = ["Curve", "Grade", "Indicator", "IndicatorKind", "JudgedSheet", "Scheme", "SchemeLine", "judge"]
