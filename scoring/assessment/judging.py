"""One sheet: rows of parts and a scheme in, lines, totals and, on a pooled sheet, grades and statements out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from scoring.assessment import grades as g
from scoring.assessment.lines import VALUE_SCHEMA, values
from scoring.assessment.points import scored, totals
from scoring.assessment.schemes import INDICATORS, MEASURED, Indicator, Scheme
from scoring.assessment.statements import compared
from scoring.assessment.truths import true_totals

POOLED_MONTHS = 3
LINE_COLUMNS = (*VALUE_SCHEMA, "weight", "points", "points_low", "points_high")


@dataclass(frozen=True)
class JudgedSheet:
    """`lines`: one row an entry and line; `totals`: one row an entry. Only a pooled sheet has grades: column `chances`
    (probability of every grade), `stated` (one grade, or two between which it lies), `statement`, `true_mean` and
    `true_sd` (posterior of the true total: never a score), `last_tenth` (probability of truly being in the last
    tenth)."""

    lines: pl.DataFrame
    totals: pl.DataFrame
    pooled: bool


def judge(
    rows: pl.DataFrame,
    scheme: Scheme,
    *,
    given: pl.DataFrame | None = None,
    pooled: bool = False,
    history: pl.DataFrame | None = None,
    whole: pl.DataFrame | None = None,
    indicators: Mapping[str, Indicator] = INDICATORS,
) -> JudgedSheet:
    """Judge every entry of `rows` (see `scoring.assessment.lines`) by `scheme`.

    ``given`` has values that come with their interval (estimates, marks, examples): group, entry, indicator, value,
    low, high, n, method. On a ``pooled`` sheet grades are stated; ``history`` (lines of earlier
    sheets, `truths.HISTORY`) narrows the spread between people; ``whole`` (group, entry) limits grades to those who
    were there long enough, None to everybody.
    """
    rows = rows.with_columns(pl.col("group", "entry", "team", "cell").cast(pl.Categorical))
    parts = [
        values(rows, line, indicators[line.indicator])
        for line in scheme.lines
        if indicators[line.indicator].kind in MEASURED
    ]
    if given is not None and given.height:
        parts.append(_given(given, scheme, indicators))
    every = [part.select(list(VALUE_SCHEMA)) for part in parts if part.height]
    found = scored(pl.concat(every) if every else pl.DataFrame(schema=VALUE_SCHEMA), scheme)
    order = {line.indicator: place for place, line in enumerate(scheme.lines)}
    found = found.sort("group", "entry", pl.col("indicator").replace_strict(order, default=None, return_dtype=pl.Int32))
    summed = totals(found, scheme)
    if pooled:
        summed = _graded(summed, found, scheme, history, whole)
    return JudgedSheet(found.select(list(LINE_COLUMNS)), summed, pooled)


def _given(given: pl.DataFrame, scheme: Scheme, indicators: Mapping[str, Indicator]) -> pl.DataFrame:
    names = [line.indicator for line in scheme.lines]
    least = {name: indicators[name].least for name in names}
    few = pl.col("n") < pl.col("indicator").replace_strict(least, default=0.0, return_dtype=pl.Float64)
    known = pl.col("low").is_not_null() & pl.col("high").is_not_null() & pl.col("value").is_not_null()
    reason = pl.when(few).then(pl.lit("too_few")).when(~known).then(pl.lit("no_spread")).otherwise(pl.lit(""))
    frame = given.filter(pl.col("indicator").is_in(names)).with_columns(
        reason=reason, days=pl.lit(None, pl.Int64), expected=pl.lit(None, pl.Float64)
    )
    return frame.select(pl.col(name).cast(kind) for name, kind in VALUE_SCHEMA.items())


def _graded(
    summed: pl.DataFrame, lines: pl.DataFrame, scheme: Scheme, history: pl.DataFrame | None, whole: pl.DataFrame | None
) -> pl.DataFrame:
    there = summed.filter(pl.col("total").is_not_null())
    if whole is not None:
        there = there.join(whole.select("group", "entry"), on=["group", "entry"], how="semi")
    made = [_one_group(part, lines, scheme, history) for part in there.partition_by("group", maintain_order=True)]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "group": pl.String, "entry": pl.String, "chances": pl.List(pl.Float64()), "stated": pl.List(pl.String()),
        "statement": pl.String, "last_tenth": pl.Float64, "true_mean": pl.Float64, "true_sd": pl.Float64,
    }  # fmt: skip
    said = pl.concat(made) if made else pl.DataFrame(schema=schema)
    return summed.join(said, on=["group", "entry"], how="left")


def _one_group(part: pl.DataFrame, lines: pl.DataFrame, scheme: Scheme, history: pl.DataFrame | None) -> pl.DataFrame:
    total, names = part["total"].to_numpy(), tuple(grade.name for grade in scheme.grades)
    mine = pl.col("group") == part["group"][0]
    before = None if history is None else history.filter(mine)
    truth = true_totals(lines.filter(mine), scheme, part["entry"], before)
    chances = g.probabilities(truth, scheme.bounds)
    last = g.last_places(truth, max(1, round(g.LAST_SHARE * len(total))))
    return part.select("group", "entry").with_columns(
        chances=pl.Series(chances).arr.to_list(),
        stated=_lists(g.stated(chances, names)),
        statement=pl.Series(compared(total, part["se_down"].to_numpy(), part["se_up"].to_numpy())),
        last_tenth=pl.Series(last),
        true_mean=pl.Series(truth.mean[0]),
        true_sd=pl.Series(truth.sd[0]),
    )


def _lists(said: list[tuple[str, ...]]) -> pl.Expr:
    """Grades as a column of lists; built from two columns, which is far faster than from lists."""
    first, second = ([one[place] if place < len(one) else None for one in said] for place in (0, 1))
    both = [pl.lit(pl.Series(names, dtype=pl.String)) for names in (first, second)]
    return pl.concat_list(both).list.drop_nulls()
