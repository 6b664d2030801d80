"""A sample and its population, read and checked: what is missing is named, what the plan knows is filled in.

Owns columns, joins by unit and the question whether reviews with π = 1 are all there is or only what was targeted.
Does not estimate anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scoring.estimate import completion
from scoring.estimate import weighting as w
from scoring.estimate.completion import TARGETED
from scoring.estimate.result import EstimateError
from scoring.frames import Table, table
from scoring.severity import Severities

Floats = NDArray[np.float64]


def totals(population: Table, prediction: str = "f") -> pl.DataFrame:
    """Reduce a unit-level population to what the estimates need of it, one row per agent.

    ``population`` has agent_id and any of the prediction column, ``pi``, ``p`` and ``role``, like the plan of a draw.
    Returns agent_id, units, f_sum, spread = Σ(1−π)/π, spread_p = Σ p(1−p)(1−π)/π, p_sum, p_noise = Σ p(1−p) (null where
    the columns are missing) and, where π is known, random (units that chance may pick), drawn (picks among them, Σπ),
    targeted (units of the certainty pool) and p_var = Σ p(1−p) of the random units. Store this with a draw to recompute
    its estimates without the archive.
    """
    frame = _with_agent(table(population, "the population"), "the population")
    if "units" in frame.columns:
        return frame
    return _reduced(frame, ["agent_id"], prediction).sort("agent_id")


def _reduced(frame: pl.DataFrame, keys: list[str], prediction: str) -> pl.DataFrame:
    known = set(frame.columns)
    unknown = pl.lit(None, pl.Float64)
    # units without any chance belong to no estimate: they add no spread, and their agents leave the team's figure
    chance = pl.col("pi") > 0 if "pi" in known else pl.lit(True)
    noise = pl.when(chance).then((1 - pl.col("pi")) / pl.col("pi")).otherwise(0.0) if "pi" in known else unknown
    p = pl.col("p").cast(pl.Float64) if "p" in known else unknown
    sums = frame.group_by(keys).agg(
        units=pl.len().cast(pl.Int64),
        f_sum=_sum_or_null(pl.col(prediction) if prediction in known else unknown),
        spread=_sum_or_null(noise),
        spread_p=_sum_or_null(noise * p * (1 - p)),
        p_sum=_sum_or_null(p),
        p_noise=_sum_or_null(p * (1 - p)),
    )
    if "pi" not in known:
        return sums
    return sums.join(completion.counted(completion.parts(frame, keys), keys), on=keys)


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
    variance a + b·p(1−p), ``learnt`` whether past reviews have shown it, ``expected`` the variance of each agent's
    total under it as the reviews tell it (column ``expected``), ``lam`` the weight of the predictions that the plan
    froze, ``missing`` counts certain picks that were not reviewed.
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
    p_noise: Floats | None
    complete: NDArray[np.bool_]
    prior: tuple[float, float] | None
    learnt: bool
    expected: Floats | None
    lam: float | None
    missing: int
    shares: Floats | None
    severities: Severities | None

    @property
    def k(self) -> int:
        """How many agents there are."""
        return len(self.agents)

    def of(self, here: NDArray[np.bool_]) -> CheckedSample:
        """The same for some of the agents alone."""
        if here.all():
            return self
        rows, number = here[self.codes], np.cumsum(here) - 1

        def cut(values: Floats | None, mask: NDArray[np.bool_]) -> Floats | None:
            return None if values is None else values[mask]

        return replace(
            self,
            agents=[agent for agent, kept in zip(self.agents, here, strict=True) if kept],
            codes=number[self.codes[rows]].astype(np.int64),
            y=self.y[rows],
            f=cut(self.f, rows),
            p=cut(self.p, rows),
            pi=self.pi[rows],
            units=cut(self.units, here),
            f_sum=cut(self.f_sum, here),
            spread=cut(self.spread, here),
            spread_p=cut(self.spread_p, here),
            p_noise=cut(self.p_noise, here),
            expected=cut(self.expected, here),
            complete=self.complete[here],
            shares=cut(self.shares, rows),
        )


def read(
    sample: Table, population: Table | None, value: str, prediction: str, severities: Severities | None
) -> CheckedSample:
    """Check a sample against its population, adjust both for what was drawn and not reviewed, and return them as
    arrays."""
    picks = reviewed(sample, population, value, ("source", "role", prediction, "p"), unreviewed=True)
    rows, frame, missing = _completed(picks.filter(pl.col(value).is_not_null()), picks, population, prediction)
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
        _complete(frame, "p_noise"),
        complete,
        _prior(population),
        _learnt(population, rows),
        _told_spread(rows, codes, pi, len(agents)),
        frozen_lambda(population),
        missing,
        shares,
        severities,
    )


def _completed(
    rows: pl.DataFrame, picks: pl.DataFrame, population: Table | None, prediction: str
) -> tuple[pl.DataFrame, pl.DataFrame | None, int]:
    """Reviews and totals by agent, their π adjusted by agent and source; and how many certain picks are missing.

    What was drawn is known from the plan, from totals that count it, or from rows of the sample that were not reviewed.
    """
    units = _units_of(population)
    keys = ["agent_id"]
    if units is not None:
        keys = ["agent_id", "source"] if "source" in units.columns and "source" in rows.columns else keys
        frame = _reduced(units, keys, prediction)
    elif population is not None:
        frame = totals(population, prediction)
    else:
        frame = None
    if frame is None or "drawn" not in frame.columns:
        return _by_picks(rows, picks), frame, 0
    rows, frame = completion.completed(_drop_gaps(rows), frame, keys)
    return rows, _by_agent(frame, keys), int(frame["missing"].sum())


def _drop_gaps(rows: pl.DataFrame) -> pl.DataFrame:
    """Without a role that is not known of every row."""
    return rows.drop("role") if "role" in rows.columns and rows["role"].null_count() else rows


def _by_agent(frame: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Totals per agent; a source of which nothing was reviewed is no part of the agent's figure."""
    if keys == ["agent_id"]:
        return frame
    silent = (pl.col("drawn") <= 0) & (pl.col("random") > 0)
    names = [name for name, kind in frame.schema.items() if kind.is_numeric()]
    kept = frame.with_columns(__silent=silent, __all=silent.all().over("agent_id")).filter(
        ~pl.col("__silent") | pl.col("__all")
    )
    gaps = [pl.when(pl.col(name).null_count() == 0).then(pl.col(name).sum()).alias(name) for name in names]
    return kept.group_by("agent_id").agg(gaps)


def _by_picks(rows: pl.DataFrame, picks: pl.DataFrame) -> pl.DataFrame:
    """π adjusted by the rows of the sample itself: those without a value were drawn and not reviewed."""
    if rows.height == picks.height:
        return rows
    keys = ["agent_id", "source"] if "source" in picks.columns else ["agent_id"]
    told = completion.parts(picks, keys)
    known = told.group_by(keys).agg(
        drawn=(~pl.col("targeted")).sum().cast(pl.Float64), targeted=pl.col("targeted").sum().cast(pl.Int64)
    )
    inside = told.filter(pl.col("__reviewed"))
    share = completion.shares(inside, known, keys)
    adjusted = inside.join(share, on=keys, how="left", maintain_order="left").with_columns(
        pi=pl.when("targeted").then("pi").otherwise(pl.col("pi") * pl.col("share"))
    )
    return adjusted.drop("share", "missing")


def _prior(population: Table | None) -> tuple[float, float] | None:
    residual = getattr(getattr(population, "design", None), "residual", None)
    return None if residual is None else (float(residual.a), float(residual.b))


def _learnt(population: Table | None, rows: pl.DataFrame) -> bool:
    """Whether the residual variances come from past reviews: not the plan's assumption, or as the reviews say."""
    if "learnt" in rows.columns:
        return bool(rows["learnt"].fill_null(False).all())
    residual = getattr(getattr(population, "design", None), "residual", None)
    return residual is not None and residual != type(residual)()


def _told_spread(rows: pl.DataFrame, codes: w.Ints, pi: Floats, k: int) -> Floats | None:
    """Σ(1−π)/π²·σ² of each agent's reviews, where each brings the variance σ² expected of it: an estimate of
    Σ(1−π)/π·σ² over the agent's units, for samples whose plan is not at hand."""
    sigma2 = _complete(rows, "expected")
    return None if sigma2 is None else w.sums(codes, (1 - pi) / pi**2 * sigma2, k)


def frozen_lambda(population: Table | None) -> float | None:
    """The weight of the predictions that a plan froze before its draw; None where it froze none."""
    lam = getattr(getattr(population, "design", None), "lam", None)
    return None if lam is None else float(lam)


def reviewed(
    sample: Table, population: Table | None, value: str, extra: tuple[str, ...] = (), *, unreviewed: bool = False
) -> pl.DataFrame:
    """Return the rows with a value (and those without, when ``unreviewed``): agent_id, pi, the value and what else is
    known, filled in from the plan by unit_id; ``__reviewed`` says which have one."""
    rows = table(sample, "the sample")
    plan = _units_of(population)
    if plan is not None and "unit_id" in rows.columns:
        rows = _filled(rows, plan, ("agent_id", "pi", *extra))
    missing = [name for name in ("agent_id", "pi", value) if name not in rows.columns]
    if missing:
        cure = "" if value in missing else "; or give the sample a unit_id and pass the plan of the draw as population"
        raise EstimateError("columns", f"expected columns agent_id, pi and {value}; missing {', '.join(missing)}{cure}")
    rows = numbers(rows, value).with_columns(__reviewed=pl.col(value).is_not_null())
    rows = rows if unreviewed else rows.filter("__reviewed")
    if not rows["pi"].is_between(0, 1, closed="right").fill_null(False).all():
        raise EstimateError("pi", "expected an inclusion probability in (0, 1] for every reviewed unit in pi")
    if plan is not None and "unit_id" in rows.columns:
        _refuse_undrawn(rows.filter("__reviewed"), plan)
    return _with_agent(rows, "the sample")


def numbers(rows: pl.DataFrame, value: str) -> pl.DataFrame:
    """Return the rows with value and pi as numbers."""
    try:
        rows = rows.with_columns(pl.col(value, "pi").cast(pl.Float64).fill_nan(None))
    except pl.exceptions.PolarsError:
        raise EstimateError("value", f"expected numbers in {value} and pi") from None
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
    if "targeted" in rows.columns:
        told = w.sums(codes, (~rows["targeted"]).to_numpy().astype(np.float64), k) > 0
    if frame is None:
        return pi, told & (random == 0)
    units = frame["units"].to_numpy().astype(np.float64)
    spread = (
        frame["spread"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        if "spread" in frame.columns
        else np.full(k, np.nan)
    )
    if "drawn" in frame.columns:
        return pi, (random == 0) & ((n >= units) | told)
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
