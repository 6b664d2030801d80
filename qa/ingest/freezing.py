"""Evidence of what is about to go: case files keep the transcript of their chat when an import is taken back."""

from __future__ import annotations

from datetime import datetime

import polars as pl
from sqlalchemy import select, update

from qa import transcripts
from qa.archive import Snapshot
from qa.ingest.takeback import Without
from qa.tables import Agent, Violation
from qa.workbench import Workbench

PART = 500


def freeze(bench: Workbench, before: Snapshot, plan: Without, now: datetime) -> None:
    """Case files of what goes, whose transcript nobody has frozen yet, get it now: doing so twice changes nothing."""
    keys = plan.touched().to_list()
    with bench.db.read() as session:
        names = {id_: name for id_, name in session.execute(select(Agent.agent_id, Agent.name)) if name}
        open_ = [
            tuple(row)
            for start in range(0, len(keys), PART)
            for row in session.execute(
                select(Violation.id, Violation.conversation_key, Violation.agent_id).where(
                    Violation.conversation_key.in_(keys[start : start + PART]), Violation.transcript_id.is_(None)
                )
            )
        ]
    if not open_:
        return
    schema = {"id": pl.Int64, "conversation_key": pl.String, "agent_id": pl.String}
    units = pl.DataFrame(open_, schema=schema, orient="row").with_columns(
        unit_id="conversation_key", source=pl.lit("chat")
    )
    contents = transcripts.freeze(before, units.drop("id"), names)
    with bench.db.write() as session:
        for id_, transcript in zip(units["id"], transcripts.store(session, contents, now), strict=True):
            session.execute(
                update(Violation)
                .where(Violation.id == id_, Violation.transcript_id.is_(None))
                .values(transcript_id=transcript)
            )
