"""A sample and its population, read and checked: what is missing is named, what the plan knows is filled in.

Owns columns, joins by unit and the question whether reviews with π = 1 are all there is or only what was targeted.
Refuses to estimate anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scoring.estimate import weighting as w
from scoring.estimate.result import EstimateError
from scoring.frames import Table, table
from scoring.severity import Severities

Floats = NDArray[np.float64]

#: The reason of a pick that the certainty pool made, as ``draw.select`` writes it.
TARGETED = "certainty"


def totals(population: Table, prediction: str = "f") -> pl.DataFrame:
    """Reduce a unit-level population to what the estimates need of it, one row per agent.

    ``population`` has agent_id and any of the prediction column, ``pi`` and ``p``, like the plan of a draw. Returns
    agent_id, units, f_sum, spread = Σ(1−π)/π and spread_p = Σ p(1−p)(1−π)/π (null where the columns are missing). Store
    this with a draw to recompute its estimates without the archive.
    """
    frame = _with_agent(table(population, "the population"), "the population")
    if "units" in frame.columns:
        return frame
    known = set(frame.columns)
    noise = (1 - pl.col("pi")) / pl.col("pi") if "pi" in known else pl.lit(None, pl.Float64)
    p = pl.col("p") * (1 - pl.col("p")) if "p" in known else pl.lit(None, pl.Float64)
    return (
        frame.group_by("agent_id")
        .agg(
            units=pl.len().cast(pl.Int64),
            f_sum=_sum_or_null(pl.col(prediction) if prediction in known else pl.lit(None, pl.Float64)),
            spread=_sum_or_null(noise),
            spread_p=_sum_or_null(noise * p),
        )
        .sort("agent_id")
    )


def _with_agent(frame: pl.DataFrame, what: str) -> pl.DataFrame:
    if "agent_id" not in frame.columns:
        raise EstimateError("columns", f"expected a column agent_id in {what}; missing")
    return frame.with_columns(pl.col("agent_id").cast(pl.String))


def _sum_or_null(values: pl.Expr) -> pl.Expr:
    return pl.when((values.is_null() | ~values.is_finite()).any()).then(None).otherwise(values.sum())


@dataclass(frozen=True, slots=True)
class CheckedSample:
    """A checked sample as arrays, agents numbered over the union of population and sample. ``complete`` says of each
    agent with certain reviews only that they are all there is; of the others nothing. ``prior`` is the plan's residual
    variance a + b·p(1−p).
    """

    agents: list[str]
    codes: w.Ints
    y: Floats
    f: Floats | None
    p: Floats | None
    pi: Floats
    units: Floats | None
    f_sum: Floats | None
    spread: Floats | None
    spread_p: Floats | None
    complete: NDArray[np.bool_]
    prior: tuple[float, float] | None
    shares: Floats | None
    severities: Severities | None

    @property
    def k(self) -> int:
        """How many agents there are."""
        return len(self.agents)


def read(
    sample: Table, population: Table | None, value: str, prediction: str, severities: Severities | None
) -> CheckedSample:
    """Check a sample against its population and return both as arrays."""
    rows = reviewed(sample, population, value, (prediction, "p"))
    frame = None if population is None else totals(population, prediction)
    names = rows["agent_id"] if frame is None else pl.concat([frame["agent_id"], rows["agent_id"]])
    if names.null_count():
        raise EstimateError("columns", "expected an agent_id for every reviewed unit; found empty ones")
    agents = names.unique().sort().to_list()
    number = {agent: code for code, agent in enumerate(agents)}
    codes = rows["agent_id"].replace_strict(number, return_dtype=pl.Int64).to_numpy().astype(np.int64)
    if frame is not None:
        frame = pl.DataFrame({"agent_id": agents}).join(frame, on="agent_id", how="left", maintain_order="left")
        if frame["units"].null_count():
            who = frame.filter(pl.col("units").is_null())["agent_id"][0]
            raise EstimateError("population", f"expected every reviewed agent in the population; {who!r} is not")
    y, shares = _adjusted(rows, value, severities)
    pi, complete = _completeness(rows, codes, frame, len(agents))
    return CheckedSample(
        agents,
        codes,
        y,
        _complete(rows, prediction),
        _complete(rows, "p"),
        pi,
        None if frame is None else frame["units"].to_numpy().astype(np.float64),
        _complete(frame, "f_sum"),
        _complete(frame, "spread"),
        _complete(frame, "spread_p"),
        complete,
        _prior(population),
        shares,
        severities,
    )


def _prior(population: Table | None) -> tuple[float, float] | None:
    residual = getattr(getattr(population, "design", None), "residual", None)
    return None if residual is None else (float(residual.a), float(residual.b))


def reviewed(sample: Table, population: Table | None, value: str, extra: tuple[str, ...] = ()) -> pl.DataFrame:
    """Return the rows with a value: agent_id, pi, the value and what else is known, filled in from the plan by
    unit_id."""
    rows = table(sample, "the sample")
    plan = _units_of(population)
    if plan is not None and "unit_id" in rows.columns:
        rows = _filled(rows, plan, ("agent_id", "pi", *extra))
    missing = [name for name in ("agent_id", "pi", value) if name not in rows.columns]
    if missing:
        cure = "" if value in missing else "; or give the sample a unit_id and pass the plan of the draw as population"
        raise EstimateError("columns", f"expected columns agent_id, pi and {value}; missing {', '.join(missing)}{cure}")
    rows = numbers(rows, value)
    if not rows["pi"].is_between(0, 1, closed="right").fill_null(False).all():
        raise EstimateError("pi", "expected an inclusion probability in (0, 1] for every reviewed unit in pi")
    if plan is not None and "unit_id" in rows.columns:
        _refuse_undrawn(rows, plan)
    return _with_agent(rows, "the sample")


def numbers(rows: pl.DataFrame, value: str) -> pl.DataFrame:
    """Return the rows whose value is known, value and pi as numbers."""
    try:
        rows = rows.with_columns(pl.col(value, "pi").cast(pl.Float64).fill_nan(None))
    except pl.exceptions.PolarsError:
        raise EstimateError("value", f"expected numbers in {value} and pi") from None
    rows = rows.filter(pl.col(value).is_not_null())
    if rows[value].is_infinite().any():
        raise EstimateError("value", f"expected finite numbers in {value}")
    return rows


def _units_of(population: Table | None) -> pl.DataFrame | None:
    """The population where it is a plan or another frame of units with their probabilities."""
    if population is None:
        return None
    frame = table(population, "the population")
    if not {"unit_id", "agent_id", "pi"} <= set(frame.columns):
        return None
    return frame.with_columns(pl.col("unit_id", "agent_id").cast(pl.String))


def _filled(rows: pl.DataFrame, plan: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    rows = rows.with_columns(pl.col("unit_id").cast(pl.String))
    if rows["unit_id"].n_unique() != rows.height:
        twice = rows.filter(pl.col("unit_id").is_duplicated())["unit_id"][0]
        raise EstimateError("sample", f"expected every reviewed unit once; found {twice!r} twice")
    absent = rows.join(plan, on="unit_id", how="anti")
    if absent.height:
        raise EstimateError("sample", f"expected every reviewed unit in the plan; {absent['unit_id'][0]!r} is not")
    new = [name for name in dict.fromkeys(names) if name in plan.columns and name not in rows.columns]
    return rows.join(plan.select("unit_id", *new), on="unit_id", how="left", maintain_order="left") if new else rows


def _refuse_undrawn(rows: pl.DataFrame, plan: pl.DataFrame) -> None:
    """More random reviews of an agent than the plan drew: then π does not say how they came about."""
    random = pl.col("pi") < 1
    drawn = plan.filter(random).group_by("agent_id").agg(wanted=pl.col("pi").sum())
    found = rows.filter(random).group_by(pl.col("agent_id").cast(pl.String)).agg(n=pl.len())
    over = found.join(drawn, on="agent_id", how="left").filter(pl.col("n") > pl.col("wanted").fill_null(0) + 0.5)
    if over.height:
        agent, n, wanted = over.sort("agent_id").row(0)
        raise EstimateError(
            "not_drawn",
            f"expected only units that were drawn: {n} random reviews of agent {agent!r}, the plan draws"
            f" {wanted or 0:.0f}",
        )


def _completeness(
    rows: pl.DataFrame, codes: w.Ints, frame: pl.DataFrame | None, k: int
) -> tuple[Floats, NDArray[np.bool_]]:
    """Whose reviews are all there is, and π after gaps: n of N reviewed where all N were to be is a random part of
    them."""
    pi = rows["pi"].to_numpy().astype(np.float64)
    n, random = w.sums(codes, np.ones_like(pi), k), w.sums(codes, (pi < 1).astype(np.float64), k)
    told = np.zeros(k, dtype=bool)
    if "reason" in rows.columns:
        told = w.sums(codes, (rows["reason"] != TARGETED).fill_null(False).to_numpy().astype(np.float64), k) > 0
    if frame is None:
        return pi, told & (random == 0)
    units = frame["units"].to_numpy().astype(np.float64)
    spread = (
        frame["spread"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        if "spread" in frame.columns
        else np.full(k, np.nan)
    )
    short = (n < units) & (random == 0) & (spread == 0)
    pi = np.where(short[codes], (n / np.maximum(units, 1))[codes], pi)
    return pi, (random == 0) & ((n >= units) | (told & np.isnan(spread)))


def _complete(frame: pl.DataFrame | None, name: str) -> Floats | None:
    """The column as floats, or None when it is absent or has gaps."""
    if frame is None or name not in frame.columns:
        return None
    values = frame[name].cast(pl.Float64).fill_nan(None)
    return None if values.null_count() else values.to_numpy().astype(np.float64)


def _adjusted(rows: pl.DataFrame, value: str, severities: Severities | None) -> tuple[Floats, Floats | None]:
    """Scores less their inspector's severity, and who inspected what as an indicator matrix."""
    y = rows[value].to_numpy().astype(np.float64)
    if severities is None:
        return y, None
    if "inspector_id" not in rows.columns:
        raise EstimateError("columns", "expected a column inspector_id to correct for severity; missing")
    place = {name: k for k, name in enumerate(severities.inspectors)}
    unknown = sorted(set(rows["inspector_id"].to_list()) - place.keys())
    if unknown:
        raise EstimateError(
            "severity", f"expected a severity for every inspector; missing {', '.join(map(str, unknown))}"
        )
    who = rows["inspector_id"].replace_strict(place, return_dtype=pl.Int64).to_numpy()
    indicator = np.zeros((len(y), len(place)))
    indicator[np.arange(len(y)), who] = 1.0
    return y - severities.values[who], indicator
