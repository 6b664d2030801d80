"""Figures name the version of their estimator; the one before can be asked, and its change is told once."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import select, update

from qa import reports
from qa.errors import Invalid
from qa.policy import Actor
from qa.reports import Scope, estimator, exporting
from qa.reports.scope import FIRST
from qa.tables import AuditEntry, Draw, Verdict
from qa.workbench import Workbench
from scoring.estimate import VERSION
from tests.world.judged import judge


def half_done(bench: Workbench, now: datetime) -> None:
    """Take back what one agent and some of the others were judged, before it was copied."""
    with bench.db.write() as session:
        ids = session.scalars(select(Verdict.id).order_by(Verdict.id)).all()
        session.execute(update(Verdict).where(Verdict.id.in_(ids[::2])).values(is_current=False))


def test_the_first_estimator_counts_what_was_reviewed_as_all_that_was_drawn(
    bench: Workbench, lead: Actor, now: datetime
) -> None:
    judge(bench, lead, now)
    whole = [reports.trend(bench, lead, scope=Scope(), estimator=version).overall for version in (FIRST, VERSION)]
    assert whole[0]["value"][0] == pytest.approx(whole[1]["value"][0], abs=1e-9), "a finished draw: nothing to adjust"
    half_done(bench, now)
    found = [reports.trend(bench, lead, scope=Scope(), by="agent", estimator=version) for version in (FIRST, VERSION)]
    assert [one.estimator for one in found] == [FIRST, VERSION]
    old, new = (one.overall.sort("group") for one in found)
    assert old["n"].to_list() == new["n"].to_list()
    width = [(one["high"] - one["low"]).mean() for one in (old, new)]
    assert width[1] > width[0], "half a draw says less than a whole one"
    with pytest.raises(Invalid, match="no estimator"):
        reports.trend(bench, lead, scope=Scope(), estimator="0")


def test_an_export_names_what_made_it(bench: Workbench, lead: Actor, now: datetime) -> None:
    judge(bench, lead, now)
    frame = reports.trend(bench, lead, scope=Scope()).frame
    text = exporting.export(bench, lead, now=now, what="trend", frame=frame).content.decode("utf-8-sig")
    assert text.splitlines()[0].endswith(",estimator")
    assert all(line.endswith(f",{VERSION}") for line in text.splitlines()[1:])
    old = exporting.export(bench, lead, now=now, what="trend", frame=frame, estimator=FIRST).content.decode("utf-8-sig")
    assert old.splitlines()[1].endswith(f",{FIRST}")


def test_a_change_is_told_once_and_put_on_record(bench: Workbench, lead: Actor, now: datetime) -> None:
    done = judge(bench, lead, now)
    assert estimator.changes(bench, lead) == (), "a draw of this release has nothing to tell"
    with bench.db.write() as session:
        draw = session.get_one(Draw, done.draw_id)
        plan = {key: value for key, value in draw.receipt["plan"].items() if key != "estimator"}
        old = {**draw.receipt, "plan": plan}
    copy = bench.db
    with copy.write() as session:  # a draw as an earlier release left it: the guards hold against anything but this
        values = {c.name: getattr(session.get_one(Draw, done.draw_id), c.name) for c in Draw.__table__.columns}
        values |= {"id": done.draw_id + 1, "nonce": "an-older-draw", "receipt": old}
        session.execute(Draw.__table__.insert().values(**values))
    half_done(bench, now)
    found = estimator.changes(bench, lead)
    assert {one.metric for one in found} <= {"total", "redline"}
    assert all(one.old != one.new for one in found)
    assert found
    estimator.seen(bench, lead, now=now)
    assert estimator.changes(bench, lead) == ()
    estimator.seen(bench, lead, now=now)
    with bench.db.read() as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.action == estimator.SEEN)).all()
        assert entry.facts["before"] == FIRST
        assert len(entry.facts["figures"]) == len(found)
