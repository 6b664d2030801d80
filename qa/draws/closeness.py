"""The intensity of review of each agent, proposed from the past: a newcomer's plan, tenure, the last
quarter's estimate, months without a red line.

A proposal is a value with its reason. The lead may overrule it by name; what holds is frozen on the receipt. Does not
look at anything of the period itself, for then the chances would depend on what they are meant to measure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import polars as pl

from qa.calibration.severities import QUARTER
from qa.draws.design import PlanDesign, scoring_design
from qa.draws.frames import Period
from scoring import draw as scoring_draw
from scoring import estimate, ranking
from scoring.draw import Intensity
from scoring.draw.history import clean_periods

NORMAL = "normal"
ALL = "all"
WHY = {"newcomer": "tenure", "tightened": "below", "reduced": "clean", ALL: "plan"}


@dataclass(frozen=True)
class Closeness:
    """One agent's intensity. `level` holds in the draw; `proposed` is what the past says, `why` 'plan', 'tenure',
    'below', 'clean' or empty, and the figures behind it: weeks in the job, `value` against the `team`'s mean in
    `reviews`, clean `months`.
    """

    agent_id: str
    level: str
    proposed: str
    why: str
    by_hand: bool
    weeks: float | None = None
    reviews: int | None = None
    value: float | None = None
    team: float | None = None
    months: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data for the receipt: what is known only."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def decide(
    design: PlanDesign,
    past: pl.DataFrame,
    hired: Mapping[str, date],
    period: Period,
    people: pl.Series,
    newcomers: Collection[str] = (),
) -> tuple[Closeness, ...]:
    """The intensity of everybody in `people`, sorted. `past`: reviews before the period (`evidence.reviews`);
    `newcomers`: whose plan has a gate ahead at its first day, so that all their chats are drawn."""
    rules = scoring_design(design, period="", pool_share=0.0)
    history = _history(past, hired, period) if design.adapt else pl.DataFrame(schema={"agent_id": pl.String})
    proposed = scoring_draw.intensities(people, replace_names(rules), history)
    if design.adapt:
        proposed |= {agent: Intensity.ALL for agent in newcomers if agent in proposed}
    named = dict(design.intensity)
    known = {row["agent_id"]: row for row in history.iter_rows(named=True)}
    return tuple(
        _one(agent, proposed[agent].value, named.get(agent), known.get(agent, {})) for agent in sorted(proposed)
    )


def replace_names(rules: scoring_draw.Design) -> scoring_draw.Design:
    """The rules without the agents named by hand: what the past alone proposes."""
    return scoring_draw.Design(rules.quotas, rules=rules.rules)


def _one(agent: str, proposed: str, named: str | None, row: Mapping[str, Any]) -> Closeness:
    why = WHY.get(proposed, "")
    return Closeness(
        agent, named or proposed, proposed, why, named is not None,
        weeks=round(row["tenure_weeks"], 1) if why == "tenure" else None,
        reviews=row["n"] if why == "below" else None,
        value=round(row["value"], 2) if why == "below" else None,
        team=round(row["team"], 2) if why == "below" else None,
        months=row["clean_periods"] if why == "clean" else None,
    )  # fmt: skip


def _history(past: pl.DataFrame, hired: Mapping[str, date], period: Period) -> pl.DataFrame:
    """agent_id, tenure_weeks at the first day, clean_periods (reviewed months in a row without a red line), below_team
    with n, value and team behind it."""
    month = 12 * pl.col("day").dt.year().cast(pl.Int64) + pl.col("day").dt.month()
    runs = clean_periods(past.select("agent_id", period=month, violation="bad"))
    tenure = pl.DataFrame(
        [(agent, (period.first - day).days / 7) for agent, day in sorted(hired.items())],
        schema={"agent_id": pl.String, "tenure_weeks": pl.Float64}, orient="row",
    )  # fmt: skip
    joined = tenure.join(runs, on="agent_id", how="full", coalesce=True).join(
        _below(past, period), on="agent_id", how="full", coalesce=True
    )
    return joined.with_columns(pl.col("clean_periods").fill_null(0), pl.col("below_team").fill_null(False)).sort(
        "agent_id"
    )


def _below(past: pl.DataFrame, period: Period) -> pl.DataFrame:
    """Whoever is stated to be below the team's mean over the chats of the quarter before, with the figures."""
    quarter = past.filter((pl.col("source") == "chat") & (pl.col("day") >= period.first - QUARTER)).select(
        "agent_id", "pi", "y"
    )
    schema = {"agent_id": pl.String, "n": pl.Int64, "value": pl.Float64, "team": pl.Float64, "below_team": pl.Boolean}
    if quarter.height < ranking.LEAST_REVIEWS:
        return pl.DataFrame(schema=schema)
    table, team = estimate.agents(quarter, bounds=(0.0, 100.0)), estimate.team(quarter, bounds=(0.0, 100.0))
    said = ranking.below_team(table, team)
    return (
        table.filter(pl.col("agent_id").is_in(said))
        .select(
            pl.col("agent_id").cast(pl.String),
            pl.col("n").cast(pl.Int64),
            "value",
            team=pl.lit(team.value, pl.Float64),
            below_team=pl.lit(True),
        )
        .match_to_schema(schema)
    )
