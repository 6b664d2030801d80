"""Calibration: same conversations, blind until closed, then the spread; gold unannounced; pace as information."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select, update

from qa.calibration import comparing, gold, pace, references, rounds
from qa.calibration.comparing import Share
from qa.calibration.pace import Speed
from qa.desk import inspecting, queue
from qa.desk.queue import Claim
from qa.errors import Conflict, Denied, Invalid, NotFound, Stale
from qa.policy import SYSTEM, Actor, Role
from qa.rubrics import versions
from qa.rubrics.stored import rubric_of
from qa.tables import AuditEntry, CalibrationRound, Inspection, RubricVersion, Sample, User
from qa.workbench import Workbench
from scoring.sheet import HitDecision, Mark, Sheet
from tests.world.desk import NOW, Kit, build


@pytest.fixture
def kit(any_bench: Workbench) -> Kit:
    return build(any_bench)


def people(kit: Kit) -> list[int]:
    return [actor.user_id for actor in kit.inspectors]


def opened(kit: Kit, samples: list[int] | None = None) -> int:
    return rounds.open_round(
        kit.bench, kit.lead, now=NOW, name="三月校准", sample_ids=samples or kit.samples, inspector_ids=people(kit)
    ).round_id


def inspect(kit: Kit, who: int, sheet: Sheet, seconds: int = 60) -> int:
    place = queue.claim_next(kit.bench, kit.inspectors[who], now=NOW)
    assert isinstance(place, Claim)
    inspecting.submit(
        kit.bench,
        kit.inspectors[who],
        now=NOW,
        assignment_id=place.assignment_id,
        version=place.version,
        nonce=f"nonce-{who}-{place.assignment_id}",
        sheet=sheet,
        active_seconds=seconds,
    )
    return place.sample_id


BAD = Sheet((Mark("product_facts", 1), Mark("policy_facts", 1), Mark("tone", 1)))
COLD, COLDER, WRONG = (
    Sheet((Mark("tone", 1),)),
    Sheet((Mark("tone", 2),)),
    Sheet((Mark("product_facts", 1), Mark("tone", 1))),
)


def test_a_round_shows_its_spread_only_when_closed(kit: Kit) -> None:
    round_id = opened(kit)
    for who, sheets in enumerate([(COLD, COLD, Sheet()), (COLD, WRONG, Sheet()), (COLD, COLDER, Sheet())]):
        for sheet in sheets:
            inspect(kit, who, sheet)
    (listed,) = rounds.rounds(kit.bench, kit.inspectors[0])
    assert (listed.samples, listed.inspectors, listed.submitted, listed.expected, listed.mine) == (3, 3, 9, 9, 0)
    for reader in (kit.lead, kit.inspectors[0]):
        with pytest.raises(Conflict, match="closed"):
            rounds.results(kit.bench, reader, round_id=round_id)
    references.set_reference(
        kit.bench, kit.lead, now=NOW, round_id=round_id, sample_id=kit.samples[1], sheet=COLDER.to_dict()
    )
    for _ in range(2):
        rounds.close_round(kit.bench, kit.lead, now=NOW, round_id=round_id)
    shown = rounds.results(kit.bench, kit.inspectors[0], round_id=round_id)
    widest = shown.conversations[0]
    assert (widest.sample_id, widest.spread, widest.reference, widest.criteria) == (
        kit.samples[1],
        1_000,
        9_000,
        ("product_facts", "tone"),
    )
    assert dict(widest.totals) == {"inspector-0": 9_500, "inspector-1": 8_500, "inspector-2": 9_000}
    assert [c.spread for c in shown.conversations[1:]] == [0, 0]
    tone = next(c for c in shown.criteria if c.criterion.id == "tone")
    assert (tone.found.pairs, tone.found.both, tone.found.one, tone.found.percent) == (9, 6, 0, 1.0)
    assert tone.alpha.value is not None
    assert tone.alpha.value < 1
    greeting = next(c for c in shown.criteria if c.criterion.id == "greeting")
    assert (greeting.alpha.value, greeting.alpha.reason) == (None, "no_variation")
    assert shown.totals is not None
    # one of three conversations has a reference: 90 points
    assert [(row.inspector, row.totals.mean, row.totals.n, row.criteria - row.same) for row in shown.against] == [
        ("inspector-0", 5.0, 1, 1), ("inspector-1", -5.0, 1, 2), ("inspector-2", 0.0, 1, 0),
    ]  # fmt: skip


def test_a_reference_answer_is_scored_like_at_the_desk(kit: Kit) -> None:
    kit.hit(0)
    round_id = opened(kit, kit.samples[:2])

    def give(sheet, **more):
        return references.set_reference(
            kit.bench,
            more.pop("by", kit.lead),
            now=NOW,
            round_id=round_id,
            sample_id=kit.samples[0],
            sheet=sheet,
            **more,
        )

    form = references.reference_form(kit.bench, kit.lead, round_id=round_id, sample_id=kit.samples[0])
    assert (form.found, form.sheet, len(form.transcript.messages), form.labels["R01"].en) == (
        ((1, 0, 2, "R01"),),
        None,
        3,
        "red line",
    )
    cleared = HitDecision("R01", 1, "cleared", "转述")
    for wrong, says in [
        (COLD, "R01"), (Sheet((Mark("nope"),), (cleared,)), "nope"), (Sheet((Mark("tone", 99),), (cleared,)), "99"),
        ({"marks": "x"}, "marks"), (Sheet(COLD.marks, (HitDecision("R01", 1, "cleared"),)), "reason"),
    ]:  # fmt: skip
        with pytest.raises(Invalid, match=says):
            give(wrong)
    first = Sheet(COLD.marks, (cleared,))
    for _ in range(2):
        give(first.to_dict())
    assert [(row.sample_id, row.known) for row in references.references(kit.bench, kit.lead, round_id=round_id)] == [
        (kit.samples[0], True),
        (kit.samples[1], False),
    ]
    other, second = Actor(kit.agent.user_id, Role.LEAD, "other"), Sheet(COLDER.marks, (cleared,))
    with pytest.raises(Stale, match="meanwhile"):
        give(second, by=other)
    give(second, by=other, seen=first)
    assert references.reference_form(kit.bench, kit.lead, round_id=round_id, sample_id=kit.samples[0]).sheet == second
    with pytest.raises(NotFound, match="not part"):
        references.reference_form(kit.bench, kit.lead, round_id=round_id, sample_id=kit.samples[2])
    with kit.bench.db.read() as session:
        assert (
            session.scalar(
                select(func.count()).select_from(AuditEntry).where(AuditEntry.action == "calibration.reference")
            )
            == 2
        )


def test_who_still_scores_a_round_sees_no_reference(kit: Kit) -> None:
    round_id = opened(kit)
    promoted = Actor(people(kit)[0], Role.LEAD, "promoted")
    for look in (
        lambda: references.reference_form(kit.bench, promoted, round_id=round_id, sample_id=kit.samples[0]),
        lambda: references.set_reference(
            kit.bench, promoted, now=NOW, round_id=round_id, sample_id=kit.samples[0], sheet=COLD
        ),
    ):
        with pytest.raises(Conflict, match="your own queue"):
            look()
    for denied in (references.reference_form, references.references):
        with pytest.raises(Denied):
            denied(
                kit.bench,
                kit.inspectors[0],
                round_id=round_id,
                **({"sample_id": kit.samples[0]} if denied is references.reference_form else {}),
            )


def test_closing_ends_what_is_open_and_nothing_can_be_sent_after(kit: Kit) -> None:
    round_id = opened(kit, kit.samples[:1])
    place = queue.claim_next(kit.bench, kit.inspectors[0], now=NOW)
    assert isinstance(place, Claim)
    rounds.close_round(kit.bench, kit.lead, now=NOW, round_id=round_id)
    with pytest.raises(Conflict):
        inspecting.submit(
            kit.bench,
            kit.inspectors[0],
            now=NOW,
            assignment_id=place.assignment_id,
            version=place.version,
            nonce="nonce-late",
            sheet=COLD,
        )
    assert rounds.results(kit.bench, kit.lead, round_id=round_id).conversations == ()


def test_nobody_is_given_a_chat_they_took_part_in(kit: Kit) -> None:
    with kit.bench.db.write() as session:
        session.execute(update(User).where(User.id == people(kit)[0]).values(agent_id="agent-0"))
    opened_round = rounds.open_round(
        kit.bench, kit.lead, now=NOW, name="x", sample_ids=kit.samples[:1], inspector_ids=people(kit)
    )
    assert (opened_round.places, opened_round.left_out) == (2, ((kit.samples[0], people(kit)[0]),))


def test_rounds_are_checked_and_private(kit: Kit) -> None:
    def start(**more):
        return rounds.open_round(
            kit.bench,
            kit.lead,
            now=NOW,
            **{"name": "x", "sample_ids": kit.samples, "inspector_ids": people(kit), **more},
        )

    for wrong in (
        {"name": " "},
        {"sample_ids": []},
        {"inspector_ids": people(kit)[:1]},
        {"inspector_ids": [*people(kit), kit.agent.user_id]},
    ):
        with pytest.raises(Invalid):
            start(**wrong)
    with pytest.raises(NotFound):
        start(sample_ids=[999])
    assert rounds.rounds(kit.bench, kit.lead) == ()  # nothing half done
    round_id = rounds.open_round(
        kit.bench, kit.lead, now=NOW, name="x", sample_ids=kit.samples, inspector_ids=people(kit)[:2]
    ).round_id
    with pytest.raises(Conflict, match="before"):
        start()
    assert rounds.rounds(kit.bench, kit.inspectors[2]) == ()
    with pytest.raises(NotFound):
        rounds.results(kit.bench, kit.inspectors[2], round_id=round_id)
    for denied in (
        lambda: rounds.close_round(kit.bench, kit.inspectors[0], now=NOW, round_id=round_id),
        lambda: rounds.rounds(kit.bench, kit.agent),
        lambda: comparing.programme(kit.bench, kit.inspectors[0], since=NOW),
        lambda: pace.pace(kit.bench, kit.inspectors[0], since=NOW),
        lambda: gold.gold_results(kit.bench, kit.inspectors[0]),
    ):
        with pytest.raises(Denied):
            denied()
    with pytest.raises(Invalid):
        references.set_reference(
            kit.bench, kit.lead, now=NOW, round_id=round_id, sample_id=kit.samples[0], sheet=Sheet((Mark("nope"),))
        )


def test_gold_waits_unannounced_and_is_compared_with_the_verdict(kit: Kit) -> None:
    kit.place(kit.samples[0], kit.inspectors[0])
    inspect(kit, 0, WRONG)
    for sample in kit.samples[1:]:
        kit.place(sample, kit.inspectors[1])
    seeded = gold.seed_gold(kit.bench, kit.lead, now=NOW, sample_id=kit.samples[0], inspector_ids=people(kit)[:2])
    assert seeded.places == 1  # not for the one who inspected it
    seen = [inspect(kit, 1, COLD) for _ in range(3)]
    assert seen.index(kit.samples[0]) == 1
    back = gold.gold_results(kit.bench, kit.lead)
    (row,), (one,) = back.rows, back.inspectors
    assert (row.inspector, row.sample_id, row.total, row.reference, row.redlines_agree, row.within) == (
        "inspector-1",
        kit.samples[0],
        9_500,
        8_500,
        True,
        True,
    )
    assert (one.difference.mean, one.difference.low, one.within.k, one.within.n, back.waiting) == (10.0, None, 1, 1, 0)
    assert [v.total for v in kit.verdicts(kit.samples[0])] == [8_500]
    assert rounds.rounds(kit.bench, kit.lead) == ()  # no round to see: it would give it away
    with pytest.raises(Conflict):
        gold.seed_gold(kit.bench, kit.lead, now=NOW, sample_id=kit.samples[0], inspector_ids=people(kit)[:2])
    with pytest.raises(Invalid):
        gold.seed_gold(kit.bench, kit.lead, now=NOW, sample_id=kit.samples[1] + 99, inspector_ids=people(kit))


@pytest.mark.parametrize(
    ("seconds", "bad", "speed"),
    [(10, False, Speed.FAST_AND_SOUND), (60, True, Speed.USUAL)],
    ids=["fast, and agrees", "unhurried, and does not"],
)
def test_agreement_and_pace_of_the_programme(any_bench: Workbench, seconds: int, bad: bool, speed: Speed) -> None:
    kit = build(any_bench, samples=12)
    for number, sample in enumerate(kit.samples):
        kit.place(sample, kit.inspectors[number % 2])
        kit.place(sample, kit.inspectors[2], kind="double")
    for number in range(12):
        inspect(kit, number % 2, COLD if number < 6 else COLDER, seconds=100)
        inspect(kit, 2, COLD if number < 6 else BAD if bad else Sheet(), seconds=seconds)
    found = comparing.programme(kit.bench, kit.lead, since=NOW - timedelta(days=1))
    assert found.doubles == 12
    tone = next(c for c in found.criteria if c.criterion.id == "tone")
    assert (tone.found.pairs, tone.found.both, tone.found.one) == ((12, 12, 0) if bad else (12, 6, 6))
    assert found.severity.intraclass is not None
    assert [(one.inspector, one.shared) for one in found.consistency] == [
        (str(user), n) for user, n in zip(people(kit), (6, 6, 12), strict=True)
    ]
    paces = {row.name: row for row in pace.pace(kit.bench, kit.lead, since=NOW - timedelta(days=1))}
    assert (paces["inspector-2"].speed, paces["inspector-0"].speed) == (speed, Speed.USUAL)
    share = paces["inspector-2"].agreement
    assert share is not None
    assert (share.k, share.n) == (6 if bad else 12, 12)  # ten points apart is within the tolerance
    assert share.low < share.k / share.n <= share.high
    with kit.bench.db.write() as session:
        session.execute(update(Inspection).values(undone_at=NOW))
    assert comparing.programme(kit.bench, kit.lead, since=NOW).doubles == 0


@pytest.mark.parametrize(
    ("mine", "others", "share", "usual", "speed"),
    [
        (10, None, None, None, Speed.USUAL),
        (50, 100, (0, 20), 0.9, Speed.USUAL),
        (49, 100, None, 0.9, Speed.FAST),
        (49, 100, (0, 7), 0.9, Speed.FAST),
        (49, 100, (18, 20), 0.9, Speed.FAST_AND_SOUND),
        (49, 100, (17, 20), 0.9, Speed.LOOK),
    ],
)
def test_only_fast_and_out_of_line_asks_for_a_look(
    mine: float, others: float | None, share: tuple[int, int] | None, usual: float | None, speed: Speed
) -> None:
    assert pace._speed(mine, others, Share.of(*share) if share else None, usual) is speed


def test_marks_on_an_older_rubric_count_only_where_it_asked(kit: Kit) -> None:
    """A criterion that a version did not have was not agreed on; it was not asked."""
    with kit.bench.db.read() as session:
        content = session.scalars(select(RubricVersion.content).where(RubricVersion.rubric_id == "default")).one()
    older = copy.deepcopy(content)
    older["dimensions"][0]["criteria"] = [one for one in older["dimensions"][0]["criteria"] if one["id"] != "tone"]
    with kit.bench.db.write() as session:
        session.execute(
            insert(RubricVersion).values(
                rubric_id="older",
                version=1,
                state="published",
                content=older,
                content_hash="o",
                created_at=NOW,
                published_at=NOW,
            )
        )
    for sample in kit.samples:
        kit.place(sample, kit.inspectors[0])
        kit.place(sample, kit.inspectors[1], kind="double")
        inspect(kit, 0, Sheet())
        inspect(kit, 1, Sheet())
    with kit.bench.db.read() as session:
        rubrics = {version.id: rubric_of(session, version.id) for version in session.scalars(select(RubricVersion))}
        marks = comparing.inspected(session)
    newest, oldest = min(rubrics), max(rubrics)
    mixed = [replace(mark, rubric_version_id=oldest if mark.sample_id == kit.samples[0] else newest) for mark in marks]
    found = {one.criterion.id: one.found.pairs for one in comparing._criteria(rubrics[newest], mixed, None, rubrics)}
    assert (found["tone"], found["product_facts"]) == (2, 3)


def test_a_round_is_scored_on_the_rubric_of_its_samples_and_never_on_two(kit: Kit) -> None:
    versions.load_missing(kit.bench, SYSTEM, now=NOW)
    card = versions.current(kit.bench, SYSTEM, "dispute")
    assert card is not None
    with kit.bench.db.write() as session:
        like = session.get_one(Sample, kit.samples[0])
        own = {"id", "unit_id", "source", "rubric_version_id"}
        values = {
            column.name: getattr(like, column.name) for column in Sample.__table__.columns if column.name not in own
        }
        query = insert(Sample).values(**values, unit_id="dispute", source="dispute", rubric_version_id=card.id)
        dispute = session.execute(query.returning(Sample.id)).scalar_one()
    with pytest.raises(Invalid, match="different rubrics"):
        opened(kit, [kit.samples[0], dispute])
    made = opened(kit, [dispute]), opened(kit, [kit.samples[0]])
    with kit.bench.db.read() as session:
        scored_on = [session.get_one(CalibrationRound, number).rubric_version_id for number in made]
    chats = versions.current(kit.bench, SYSTEM)
    assert chats is not None
    assert scored_on == [card.id, chats.id]
