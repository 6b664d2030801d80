"""Who inspects what: even, rotated over agents, blind to teams, the same for everyone who recomputes it.

Owns the assignment of picks to inspectors and of blind second scores. Does not know queues, leases and presence.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scoring.draw.design import DrawError
from scoring.keyed import permanent_numbers


@dataclass(frozen=True, slots=True)
class InspectorAssignment:
    """``pairs``: unit_id, inspector_id, role ('first' | 'second'), sorted by unit id and role. ``unassigned``: units
    that every inspector took part in. ``single``: units chosen for a second score for which no second inspector was
    free."""

    pairs: pl.DataFrame
    unassigned: tuple[str, ...]
    single: tuple[str, ...]


def assign(
    units: pl.DataFrame,
    inspectors: Sequence[str],
    seed: str,
    *,
    excluded: Collection[tuple[str, str]] = (),
    double_share: float = 0.0,
    capacity: Sequence[float] | None = None,
) -> InspectorAssignment:
    """Deal the units to the inspectors.

    ``units`` has unit_id and agent_id. Every agent's units go round the inspectors in turn, so that nobody's agents are
    judged by one person; loads differ by at most one unless ``excluded`` pairs (unit_id, inspector_id), the people who
    took part, forbid it. ``capacity`` weights the inspectors (2 = twice the load). A share of the units receives a
    blind second score from another inspector, in cyclic pairs i → i+1, i+2 …, so that every pair occurs equally often.
    """
    names = list(dict.fromkeys(inspectors))
    if not names:
        raise DrawError("no_inspectors", "expected at least one inspector; found none")
    weights = np.ones(len(names)) if capacity is None else np.asarray(capacity, dtype=np.float64)
    if len(weights) != len(names) or not (weights > 0).all():
        raise DrawError("capacity", f"expected a capacity above 0 for each of {len(names)} inspectors")
    order = np.argsort(permanent_numbers(f"{seed}|inspectors", names))
    names, weights = [names[k] for k in order], weights[order]
    barred = _barred(excluded, names)
    rows = _dealing_order(units, seed, {unit for unit in barred if barred[unit]})
    first = _deal(rows, len(names), weights, barred)
    unassigned = tuple(sorted(unit for (unit, _), who in zip(rows, first, strict=True) if who < 0))
    dealt = [(unit, int(who)) for (unit, _), who in zip(rows, first, strict=True) if who >= 0]
    second, single = _second_scores(dealt, len(names), round(double_share * len(dealt)), f"{seed}|double", barred)
    pairs = [(unit, names[who], "first") for unit, who in dealt] + [
        (unit, names[who], "second") for unit, who in second
    ]
    table = pl.DataFrame(
        pairs, schema={"unit_id": pl.String, "inspector_id": pl.String, "role": pl.String}, orient="row"
    )
    return InspectorAssignment(table.sort("unit_id", "role"), unassigned, single)


def _barred(excluded: Collection[tuple[str, str]], names: Sequence[str]) -> dict[str, set[int]]:
    place = {name: k for k, name in enumerate(names)}
    barred: dict[str, set[int]] = {}
    for unit, inspector in excluded:
        if inspector in place:
            barred.setdefault(unit, set()).add(place[inspector])
    return barred


def _dealing_order(units: pl.DataFrame, seed: str, constrained: set[str]) -> list[tuple[str, str]]:
    """Units nobody may freely take come first; then agent by agent, each in the order of permanent numbers."""
    agents = units["agent_id"].unique().sort()
    place = pl.DataFrame({"agent_id": agents, "at": permanent_numbers(f"{seed}|agents", agents)})
    ordered = (
        units.select("unit_id", "agent_id")
        .with_columns(
            u=pl.Series(permanent_numbers(f"{seed}|units", units["unit_id"])),
            free=~pl.col("unit_id").is_in(list(constrained)),
        )
        .join(place, on="agent_id")
        .sort("free", "at", "u", "unit_id")
    )
    return list(ordered.select("unit_id", "agent_id").iter_rows())


def _deal(
    rows: Sequence[tuple[str, str]], inspectors: int, weights: NDArray[np.float64], barred: dict[str, set[int]]
) -> NDArray[np.int64]:
    """To each unit the eligible inspector with the lightest load, then the fewest of this agent, then the next in
    turn."""
    load = np.zeros(inspectors)
    of_agent: dict[str, NDArray[np.float64]] = {}
    turn = np.arange(inspectors)
    result = np.full(len(rows), -1, dtype=np.int64)
    last = inspectors - 1
    for k, (unit, agent) in enumerate(rows):
        seen = of_agent.setdefault(agent, np.zeros(inspectors))
        relative = np.floor(load / weights + 1e-9)
        cost = (relative * (len(rows) + 1) + seen) * (inspectors + 1) + (turn - last - 1) % inspectors
        for who in barred.get(unit, ()):
            cost[who] = np.inf
        best = int(np.argmin(cost))
        if not np.isfinite(cost[best]):
            continue
        load[best] += 1
        seen[best] += 1
        result[k] = last = best
    return result


def _second_scores(
    dealt: Sequence[tuple[str, int]], inspectors: int, wanted: int, seed: str, barred: dict[str, set[int]]
) -> tuple[list[tuple[str, int]], tuple[str, ...]]:
    """Choose units in turn from every first inspector, lowest permanent number first, and pair them cyclically."""
    if inspectors < 2 or wanted == 0:
        return [], ()
    numbers = permanent_numbers(seed, [unit for unit, _ in dealt])
    queues: list[list[str]] = [[] for _ in range(inspectors)]
    for k in np.lexsort((np.arange(len(dealt)), numbers)):
        queues[dealt[k][1]].append(dealt[k][0])
    second: list[tuple[str, int]] = []
    single: list[str] = []
    rounds = max(len(queue) for queue in queues)
    for step in range(rounds):
        for first, queue in enumerate(queues):
            if step >= len(queue) or len(second) + len(single) >= wanted:
                continue
            shifts = [1 + (step + k) % (inspectors - 1) for k in range(inspectors - 1)]
            free = [
                other for shift in shifts if (other := (first + shift) % inspectors) not in barred.get(queue[step], ())
            ]
            if free:
                second.append((queue[step], free[0]))
            else:
                single.append(queue[step])
    return second, tuple(sorted(single))
