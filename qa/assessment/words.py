"""What the codes of a sheet mean, and a sheet as a table for files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from qa.assessment.sheets import Entry
from qa.i18n import N_

STATES: Mapping[str, str] = {
    "draft": N_("draft"),
    "published": N_("published, open to objections"),
    "final": N_("final"),
    "replaced": N_("replaced by a later revision"),
    "dropped": N_("dropped"),
}
REASONS: Mapping[str, str] = {
    "no_data": N_("no data"),
    "too_few": N_("too few cases"),
    "no_spread": N_("one figure for the whole time: no interval"),
    "nobody_to_compare": N_("nobody to compare with"),
    "too_little": N_("less than half of the weight is judged"),
}
STATEMENTS: Mapping[str, str] = {
    "below_team": N_("below the mean of colleagues"),
    "above_team": N_("above the mean of colleagues"),
    "not_distinguishable": N_("not distinguishable from colleagues"),
}
ROLES: Mapping[str, str] = {"presale": N_("Pre-sale"), "aftersale": N_("After-sale"), "": N_("Any role")}
COLUMNS: Mapping[str, str] = {
    "agent_id": N_("Agent account"),
    "name": N_("Agent"),
    "team": N_("Team"),
    "role": N_("Role"),
    "indicator": N_("Indicator"),
    "weight": N_("Weight"),
    "value": N_("Value"),
    "low": N_("value, lower limit"),
    "high": N_("value, upper limit"),
    "own_value": N_("Own figure"),
    "own_low": N_("own figure, lower limit"),
    "own_high": N_("own figure, upper limit"),
    "own_n": N_("own figure, n"),
    "points": N_("Points scored"),
    "points_low": N_("points, lower limit"),
    "points_high": N_("points, upper limit"),
    "not_judged": N_("Why not judged"),
    "grade": N_("Grade"),
    "red_lines": N_("Red lines"),
}
LAW = N_(
    "Being last, even three months running, is no proof that somebody is not up to the job (Guiding Case 18 of the"
    " Supreme People's Court), and nothing here dismisses anybody."
)


def frame(entries: Iterable[Entry]) -> pl.DataFrame:
    """One row a person and line, and one for the total (indicator 'total')."""
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "agent_id": pl.String, "name": pl.String, "team": pl.String, "role": pl.String, "indicator": pl.String,
        "weight": pl.Float64, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n": pl.Float64,
        "own_value": pl.Float64, "own_low": pl.Float64, "own_high": pl.Float64, "own_n": pl.Float64,
        "points": pl.Float64, "points_low": pl.Float64, "points_high": pl.Float64, "not_judged": pl.String,
        "grade": pl.String, "red_lines": pl.Int64,
    }  # fmt: skip
    rows: list[tuple[object, ...]] = []
    for one in entries:
        who = (one.agent_id, one.name, one.team, one.role)
        for line in one.result["lines"]:
            figures = [line[name] for name in ("value", "low", "high", "n")]
            own = line.get("own") or {}  # without an interval there is no figure
            figures += [own.get(name) if not own.get("reason") else None for name in ("value", "low", "high", "n")]
            figures += [line[name] for name in ("points", "points_low", "points_high")]
            rows.append((*who, line["indicator"], line["weight"], *figures, line["reason"] or None, None, None))
        r = one.result
        grade = " / ".join(r["stated"]) if r["stated"] else None
        rows.append(
            (
                *who,
                "total",
                *[None] * 9,
                r["total"],
                r["low"],
                r["high"],
                r["reason"] or None,
                grade,
                len(r["gate"]),
            )
        )
    return pl.DataFrame(rows, schema=schema, orient="row")
