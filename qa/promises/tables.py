"""The ledger as tables for files: the promises with what was said, masked for the reader, and the agents' shares with
intervals."""

from __future__ import annotations

import polars as pl

from qa.i18n import N_, Translator
from qa.policy import Actor
from qa.promises import ledger
from qa.promises.ledger import EVIDENCE_NAMES, STATUS_NAMES, Ledger
from qa.workbench import Workbench
from scoring.promises import PromiseEvidence, PromiseStatus

_AT = pl.Datetime("us", "UTC")
PROMISE_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "conversation_key": pl.String,
    "seq": pl.Int32,
    "agent_id": pl.String,
    "agent": pl.String,
    "kind": pl.String,
    "amount": pl.Int64,
    "said_at": _AT,
    "due_at": _AT,
    "status": pl.String,
    "evidence": pl.String,
    "rests_on": pl.String,
    "text": pl.String,
}
"""Statuses and evidence by their codes; amounts in hundredths; `rests_on` names the message or record."""
AGENT_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "agent_id": pl.String, "agent": pl.String, "broken": pl.Int64, "kept": pl.Int64, "open": pl.Int64,
    "unknown": pl.Int64, "n": pl.Int64, "share_broken": pl.Float64, "low": pl.Float64, "high": pl.Float64,
}  # fmt: skip
METHOD = N_(
    "Share broken: broken ÷ (kept + broken), exact (Clopper–Pearson) 95% interval. What the data do not tell is in"
    " neither count."
)


def promises(bench: Workbench, actor: Actor, found: Ledger) -> pl.DataFrame:
    """One row a promise (`PROMISE_COLUMNS`)."""
    rows = ledger.page(bench, actor, found, limit=None).rows
    data = [
        (p.conversation_key, p.seq, p.agent_id, row.agent_name, p.kind, p.amount, p.said_at, p.due_at, p.status.value,
         p.evidence.value, p.ref, row.text)
        for row in rows for p in (row.promise,)
    ]  # fmt: skip
    return pl.DataFrame(data, schema=PROMISE_COLUMNS, orient="row")


def agents(bench: Workbench, found: Ledger) -> pl.DataFrame:
    """One row an agent (`AGENT_COLUMNS`); share and interval are null where no outcome is known."""
    data = [
        (one.agent_id, one.agent_name, one.broken, one.kept, one.open, one.unknown, one.n,
         one.broken / one.n if one.n else None, one.low if one.n else None, one.high if one.n else None)
        for one in ledger.by_agent(bench, found)
    ]  # fmt: skip
    return pl.DataFrame(data, schema=AGENT_COLUMNS, orient="row")


def codes(t: Translator) -> tuple[str, ...]:
    """What the codes of status and evidence mean, a line each."""
    statuses = [f"{status.value} = {t(STATUS_NAMES[status])}" for status in PromiseStatus]
    evidence = [f"{one.value} = {t(EVIDENCE_NAMES[one])}" for one in PromiseEvidence]
    return *statuses, *evidence
