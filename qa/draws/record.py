"""The stored form of a receipt: the mathematics' receipt plus the plan as it was, enough to draw again years later.

Does not know the database and the archive.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
from datetime import date, datetime
from typing import Any

import polars as pl

from qa.disputes.settled import Settled
from qa.draws.closeness import NORMAL
from qa.draws.design import PlanDesign
from qa.draws.frames import Period
from qa.draws.planned import Resolved
from qa.errors import Invalid
from qa.i18n import N_
from scoring.draw import Pick, Receipt, Replacement
from scoring.estimate import VERSION

_CONTEXT = "plan"
_SUMMARY = "frame_summary"


def document(
    receipt: Receipt, resolved: Resolved, summaries: pl.DataFrame, *, committed_at: datetime | None
) -> dict[str, Any]:
    """Plain JSON data: the keys of `scoring.draw.Receipt`, `plan` (what was asked) and `frame_summary`."""
    data: dict[str, Any] = json.loads(receipt.to_json())
    data[_CONTEXT] = {
        "design": json.loads(json.dumps(resolved.design.to_dict())),
        "period_from": str(resolved.period.first),
        "period_to": str(resolved.period.last),
        "time_zone": resolved.time_zone,
        "agents": None if resolved.agents is None else list(resolved.agents),
        "levels": [list(pair) for pair in resolved.levels],
        "pool_share": resolved.pool_share,
        "residual": None if resolved.residual is None else list(resolved.residual),
        "plain": None if resolved.plain is None else list(resolved.plain),
        "lam": resolved.lam,
        "lam_rate": resolved.lam_rate,
        "planning": resolved.planning,
        "wanted": [list(pair) for pair in resolved.wanted],
        "estimator": VERSION,
        "barred_models": list(resolved.barred),
        "screened": resolved.screened,
        "closeness": [one.to_dict() for one in resolved.closeness if one.level != NORMAL or one.by_hand],
        "committed_at": committed_at.isoformat() if committed_at else None,
    }
    if resolved.decided:
        data[_CONTEXT]["settled"] = [list(astuple(one)) for one in resolved.decided]
    data[_SUMMARY] = summaries.to_dicts()
    return data


def parse(data: Mapping[str, Any]) -> tuple[Receipt, Resolved]:
    """Read a document back. Raises `Invalid` for anything else."""
    try:
        core = {key: value for key, value in data.items() if key not in (_CONTEXT, _SUMMARY)}
        receipt, plan = Receipt.from_json(json.dumps(core)), data[_CONTEXT]
        resolved = Resolved(
            design=PlanDesign.from_dict(plan["design"]),
            period=Period(date.fromisoformat(plan["period_from"]), date.fromisoformat(plan["period_to"])),
            time_zone=plan["time_zone"],
            archive_version=int(receipt.archive_version),
            agents=None if plan["agents"] is None else tuple(plan["agents"]),
            levels=tuple((str(agent), str(level)) for agent, level in plan["levels"]),
            pool_share=float(plan["pool_share"]),
            model_version=receipt.model_version,
            residual=_pair(plan.get("residual")),
            plain=_pair(plan.get("plain")),
            lam=None if plan.get("lam") is None else float(plan["lam"]),
            lam_rate=None if plan.get("lam_rate") is None else float(plan["lam_rate"]),
            planning=int(plan.get("planning", 1)),
            wanted=tuple((str(agent), int(reviews)) for agent, reviews in plan.get("wanted", ())),
            barred=tuple(str(name) for name in plan.get("barred_models", ())),
            screened=bool(plan.get("screened", False)),
            decided=tuple(Settled(*one) for one in plan.get("settled", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise Invalid(N_("This is not a receipt of a draw: {reason}"), reason=repr(problem)) from problem
    return receipt, resolved


def _pair(values: Sequence[float] | None) -> tuple[float, float] | None:
    return None if values is None else (float(values[0]), float(values[1]))


def document_hash(data: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of a document, in hex."""
    return hashlib.sha256(to_json(data).encode()).hexdigest()


def to_json(data: Mapping[str, Any]) -> str:
    """Canonical JSON: keys sorted, no spaces, text as it is."""
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def amended(data: Mapping[str, Any], steps: Sequence[tuple[Replacement, Pick | None]]) -> dict[str, Any]:
    """The document with the replacements made since: what was taken back leaves the picks, substitutes join them."""
    receipt, _ = parse(data)
    picks = {pick.unit_id: pick for pick in receipt.picks}
    for step, substitute in steps:
        picks.pop(step.unit_id, None)
        if substitute is not None:
            picks[substitute.unit_id] = substitute
    changed = replace(
        receipt,
        picks=tuple(picks[unit] for unit in sorted(picks)),
        reviews=len(picks),
        replacements=tuple(step for step, _ in steps),
    )
    return {**json.loads(changed.to_json()), _CONTEXT: data[_CONTEXT], _SUMMARY: data[_SUMMARY]}
