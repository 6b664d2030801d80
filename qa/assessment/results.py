"""What frozen inputs say under schemes: the result of each person, as a sheet keeps it. Reads and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from qa.assessment import inputs as gathering
from qa.assessment.inputs import Inputs
from scoring.assessment import Scheme, judge

POOLED = 3
"""Months of a sheet that gives grades."""
DIGITS = 6


def results(frozen: Inputs, schemes: Mapping[str, Scheme], *, pooled: bool) -> list[dict[str, Any]]:
    """What the inputs say, person by person: lines, total, and on a pooled sheet grades. Pure."""
    made = []
    for role, scheme in sorted(schemes.items()):
        people = frozen.people.filter(pl.col("role") == role)
        if people.is_empty():
            continue
        mine = pl.col("group") == role
        rows = gathering.judged_rows(frozen.rows.filter(mine))
        whole = people.filter(pl.col("months") >= POOLED).select(group=pl.lit(role), entry="entry")
        sheet = judge(
            rows, scheme, given=frozen.given.filter(mine), pooled=pooled, whole=whole,
            history=frozen.history.filter(mine) if frozen.history.height else None,
        )  # fmt: skip
        lines = sheet.lines.partition_by("entry", as_dict=True)
        totals = {row["entry"]: row for row in sheet.totals.iter_rows(named=True)}
        ours = gathering.own_values(frozen, scheme, role)
        gates = dict(frozen.redlines.group_by("entry").agg("violation_id").iter_rows())
        made += [
            _result(
                person,
                scheme,
                lines.get((person["entry"],)),
                totals.get(person["entry"], {}),
                gates.get(person["entry"], []),
                ours.get(person["entry"]) if frozen.own.height else None,
            )
            for person in people.iter_rows(named=True)
        ]
    return made


def _result(
    person: Mapping[str, Any],
    scheme: Scheme,
    lines: pl.DataFrame | None,
    total: Mapping[str, Any],
    gate: list[int],
    own: Mapping[str, Mapping[str, Any]] | None,
) -> dict[str, Any]:
    known = {} if lines is None else {row["indicator"]: row for row in lines.iter_rows(named=True)}
    names = ("value", "low", "high", "n", "method", "reason", "points", "points_low", "points_high")
    shown = [
        {
            "indicator": line.indicator,
            "weight": line.weight,
            **{name: _short(known.get(line.indicator, {}).get(name)) for name in names},
        }
        for line in scheme.lines
    ]
    for line in shown:
        if own and line["indicator"] in own:
            line["own"] = {name: _short(value) for name, value in own[line["indicator"]].items()}
        line["reason"] = "no_data" if line["indicator"] not in known else line["reason"]
    made = {
        "agent_id": person["agent_id"],
        "team": person["team"],
        "role": person["role"],
        "months": person["months"],
        "lines": shown,
        "gate": sorted(gate),
        **{
            name: _short(total.get(name))
            for name in ("total", "low", "high", "judged", "reason", "statement", "last_tenth")
        },
        "chances": None,
        "stated": None,
    }
    if total.get("stated") is not None:
        grades = [grade.name for grade in scheme.grades]
        made["chances"] = {name: _short(p) for name, p in zip(grades, total["chances"], strict=True)}
        made["stated"] = list(total["stated"])
    return made


def _short(value: Any) -> Any:
    return round(value, DIGITS) if isinstance(value, float) else value
