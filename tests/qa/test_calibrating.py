"""Calibration: same conversations, blind until closed, then the spread; gold unannounced; pace as information."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from qa import calibrating, comparing, inspecting, queue
from qa.errors import Conflict, Denied, Invalid, NotFound
from qa.queue import Claim
from qa.tables import Inspection, User
from qa.workbench import Workbench
from scoring.sheet import Mark, Sheet
from tests.qa.desk_kit import NOW, Kit, build


@pytest.fixture
def kit(any_bench: Workbench) -> Kit:
    return build(any_bench)


def people(kit: Kit) -> list[int]:
    return [actor.user_id for actor in kit.inspectors]


def opened(kit: Kit, samples: list[int] | None = None) -> int:
    return calibrating.open_round(kit.bench, kit.lead, now=NOW, name="三月校准", sample_ids=samples or kit.samples, inspector_ids=people(kit)).round_id


def inspect(kit: Kit, who: int, sheet: Sheet, seconds: int = 60) -> int:
    place = queue.claim_next(kit.bench, kit.inspectors[who], now=NOW)
    assert isinstance(place, Claim)
    inspecting.submit(kit.bench, kit.inspectors[who], now=NOW, assignment_id=place.assignment_id, version=place.version, nonce=f"nonce-{who}-{place.assignment_id}", sheet=sheet, active_seconds=seconds)
    return place.sample_id


COLD, COLDER, WRONG = Sheet((Mark("tone", 1),)), Sheet((Mark("tone", 2),)), Sheet((Mark("product_facts", 1), Mark("tone", 1)))


def test_a_round_shows_its_spread_only_when_closed(kit: Kit) -> None:
    round_id = opened(kit)
    for who, sheets in enumerate([(COLD, COLD, Sheet()), (COLD, WRONG, Sheet()), (COLD, COLDER, Sheet())]):
        for sheet in sheets:
            inspect(kit, who, sheet)
    (listed,) = calibrating.rounds(kit.bench, kit.inspectors[0])
    assert (listed.samples, listed.inspectors, listed.submitted, listed.expected, listed.mine) == (3, 3, 9, 9, 0)
    for reader in (kit.lead, kit.inspectors[0]):
        with pytest.raises(Conflict, match="closed"):
            calibrating.results(kit.bench, reader, round_id=round_id)
    calibrating.set_reference(kit.bench, kit.lead, now=NOW, round_id=round_id, sample_id=kit.samples[1], sheet=COLDER.to_dict())
    for _ in range(2):
        calibrating.close_round(kit.bench, kit.lead, now=NOW, round_id=round_id)
    shown = calibrating.results(kit.bench, kit.inspectors[0], round_id=round_id)
    widest = shown.conversations[0]
    assert (widest.sample_id, widest.spread, widest.reference, widest.criteria) == (kit.samples[1], 1_000, 9_000, ("product_facts", "tone"))
    assert dict(widest.totals) == {"inspector-0": 9_500, "inspector-1": 8_500, "inspector-2": 9_000}
    assert [c.spread for c in shown.conversations[1:]] == [0, 0]
    tone = next(c for c in shown.criteria if c.criterion.id == "tone")
    assert (tone.found.pairs, tone.found.both, tone.found.one, tone.found.percent) == (9, 6, 0, 1.0)
    assert tone.alpha.value is not None
    assert tone.alpha.value < 1
    greeting = next(c for c in shown.criteria if c.criterion.id == "greeting")
    assert (greeting.alpha.value, greeting.alpha.reason) == (None, "no_variation")
    assert shown.totals is not None


def test_closing_ends_what_is_open_and_nothing_can_be_sent_after(kit: Kit) -> None:
    round_id = opened(kit, kit.samples[:1])
    place = queue.claim_next(kit.bench, kit.inspectors[0], now=NOW)
    assert isinstance(place, Claim)
    calibrating.close_round(kit.bench, kit.lead, now=NOW, round_id=round_id)
    with pytest.raises(Conflict):
        inspecting.submit(kit.bench, kit.inspectors[0], now=NOW, assignment_id=place.assignment_id, version=place.version, nonce="nonce-late", sheet=COLD)
    assert calibrating.results(kit.bench, kit.lead, round_id=round_id).conversations == ()


def test_nobody_is_given_a_chat_they_took_part_in(kit: Kit) -> None:
    with kit.bench.db.write() as session:
        session.execute(update(User).where(User.id == people(kit)[0]).values(agent_id="agent-0"))
    opened_round = calibrating.open_round(kit.bench, kit.lead, now=NOW, name="x", sample_ids=kit.samples[:1], inspector_ids=people(kit))
    assert (opened_round.places, opened_round.left_out) == (2, ((kit.samples[0], people(kit)[0]),))


def test_rounds_are_checked_and_private(kit: Kit) -> None:
    start = lambda **more: calibrating.open_round(kit.bench, kit.lead, now=NOW, **{"name": "x", "sample_ids": kit.samples, "inspector_ids": people(kit), **more})  # noqa: E731
    for wrong in ({"name": " "}, {"sample_ids": []}, {"inspector_ids": people(kit)[:1]}, {"inspector_ids": [*people(kit), kit.agent.user_id]}):
        with pytest.raises(Invalid):
            start(**wrong)
    with pytest.raises(NotFound):
        start(sample_ids=[999])
    assert calibrating.rounds(kit.bench, kit.lead) == ()  # nothing half done
    round_id = calibrating.open_round(kit.bench, kit.lead, now=NOW, name="x", sample_ids=kit.samples, inspector_ids=people(kit)[:2]).round_id
    with pytest.raises(Conflict, match="before"):
        start()
    assert calibrating.rounds(kit.bench, kit.inspectors[2]) == ()
    with pytest.raises(NotFound):
        calibrating.results(kit.bench, kit.inspectors[2], round_id=round_id)
    for denied in (
        lambda: calibrating.close_round(kit.bench, kit.inspectors[0], now=NOW, round_id=round_id),
        lambda: calibrating.rounds(kit.bench, kit.agent),
        lambda: comparing.programme(kit.bench, kit.inspectors[0], since=NOW),
        lambda: comparing.pace(kit.bench, kit.inspectors[0], since=NOW),
        lambda: calibrating.gold_results(kit.bench, kit.inspectors[0]),
    ):
        with pytest.raises(Denied):
            denied()
    with pytest.raises(Invalid):
        calibrating.set_reference(kit.bench, kit.lead, now=NOW, round_id=round_id, sample_id=kit.samples[0], sheet=Sheet((Mark("nope"),)))


def test_gold_waits_unannounced_and_is_compared_with_the_verdict(kit: Kit) -> None:
    kit.place(kit.samples[0], kit.inspectors[0])
    inspect(kit, 0, WRONG)
    for sample in kit.samples[1:]:
        kit.place(sample, kit.inspectors[1])
    seeded = calibrating.seed_gold(kit.bench, kit.lead, now=NOW, sample_id=kit.samples[0], inspector_ids=people(kit)[:2])
    assert seeded.places == 1  # not for the one who inspected it
    seen = [inspect(kit, 1, COLD) for _ in range(3)]
    assert seen.index(kit.samples[0]) == 1
    (row,) = calibrating.gold_results(kit.bench, kit.lead)
    assert (row.inspector, row.total, row.reference, row.redlines_agree) == ("inspector-1", 9_500, 8_500, True)
    assert [v.total for v in kit.verdicts(kit.samples[0])] == [8_500]
    assert calibrating.rounds(kit.bench, kit.lead) == ()  # no round to see: it would give it away
    with pytest.raises(Conflict):
        calibrating.seed_gold(kit.bench, kit.lead, now=NOW, sample_id=kit.samples[0], inspector_ids=people(kit)[:2])
    with pytest.raises(Invalid):
        calibrating.seed_gold(kit.bench, kit.lead, now=NOW, sample_id=kit.samples[1] + 99, inspector_ids=people(kit))


def test_agreement_and_pace_of_the_programme(any_bench: Workbench) -> None:
    kit = build(any_bench, samples=12)
    for number, sample in enumerate(kit.samples):
        kit.place(sample, kit.inspectors[number % 2])
        kit.place(sample, kit.inspectors[2], kind="double")
    for number in range(12):
        inspect(kit, number % 2, COLD if number < 6 else COLDER, seconds=100)
        inspect(kit, 2, COLD if number < 6 else Sheet(), seconds=10)
    found = comparing.programme(kit.bench, kit.lead, since=NOW - timedelta(days=1))
    assert found.doubles == 12
    tone = next(c for c in found.criteria if c.criterion.id == "tone")
    assert (tone.found.pairs, tone.found.both, tone.found.one) == (12, 6, 6)
    paces = {row.name: row for row in comparing.pace(kit.bench, kit.lead, since=NOW - timedelta(days=1))}
    assert (paces["inspector-2"].rushed, paces["inspector-0"].rushed) == (True, False)
    assert paces["inspector-2"].agreement == 1.0  # ten points apart is within the tolerance
    with kit.bench.db.write() as session:
        session.execute(update(Inspection).values(undone_at=NOW))
    assert comparing.programme(kit.bench, kit.lead, since=NOW).doubles == 0
