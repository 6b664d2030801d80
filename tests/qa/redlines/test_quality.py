"""How well the rules work: misses weighted as computed by hand, every case without a figure, and what halves an
interval."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import update

from qa.desk import inspecting, queue
from qa.desk.queue import Claim
from qa.policy import Actor
from qa.redlines import quality
from qa.redlines.quality import RuleQuality, further_reviews
from qa.tables import Sample, guards
from qa.workbench import Workbench
from scoring.estimate.rates import clopper_pearson
from scoring.sheet import HitDecision, Sheet
from tests.world.desk import NOW, Kit, build
from tests.world.redlines import put_hits

CLEAN = Sheet()


@pytest.fixture
def kit(bench: Workbench) -> Kit:
    return build(bench, samples=6)


def drawn(kit: Kit, **values: object) -> None:
    """Give samples their inclusion probability and reason: `s2=(0.25, "base")`."""
    with kit.bench.db.write() as session:
        guards.lift(session.connection())
        for name, (pi, reason) in values.items():  # type: ignore[misc]
            session.execute(update(Sample).where(Sample.id == kit.samples[int(name[1:])]).values(pi=pi, reason=reason))


def inspected(kit: Kit, *sheets: Sheet, by: Actor | None = None) -> None:
    """Inspect the first samples with these sheets, in order."""
    who = by or kit.inspectors[0]
    for sample, sheet in zip(kit.samples, sheets, strict=False):
        kit.place(sample, who)
        place = queue.claim_next(kit.bench, who, now=NOW)
        assert isinstance(place, Claim)
        inspecting.submit(
            kit.bench,
            who,
            now=NOW,
            assignment_id=place.assignment_id,
            version=place.version,
            nonce=f"nonce-{sample:04d}",
            sheet=sheet,
        )


def confirmed(rule_id: str) -> Sheet:
    return Sheet(hits=(HitDecision(rule_id, 1, "confirmed", "原话"),))


def misses(kit: Kit) -> dict[str | None, RuleQuality]:
    return {one.rule_id: one for one in quality.misses(kit.bench, kit.lead)}


def test_misses_weigh_what_the_rules_let_pass(kit: Kit) -> None:
    """Six chats: the machine finds R01 in the first; an inspector finds R02 in the third, which stands for four."""
    put_hits(kit.bench, [("t:0", 1, "R01", "agent-0", "滚开"), ("t:1", 1, "R02", "somebody-else", "滚开")])
    drawn(
        kit,
        s0=(0.5, "base"),
        s1=(0.5, "base"),
        s2=(0.25, "base"),
        s3=(0.5, "base"),
        s4=(0.25, "base"),
        s5=(1.0, "certainty"),
    )
    kit.hit(0)
    inspected(kit, confirmed("R01"), CLEAN, confirmed("R02"), CLEAN, CLEAN, CLEAN)
    found = misses(kit)
    # without a hit on their agent: chats 1–4 with weights 2, 4, 2, 4, and chat 5, which stands for itself
    every = found[None]
    assert (every.reviewed, every.found) == (5, 1)
    assert every.estimate.value == pytest.approx(4 / 13)
    assert every.estimate.low is not None
    assert every.estimate.high is not None
    assert every.estimate.low < 4 / 13 < every.estimate.high
    # R02 also passed chat 0: 4 of 15
    assert found["R02"].estimate.value == pytest.approx(4 / 15)
    # R01 missed nothing: the bound is exact at the effective size (12² / 40 = 3.6) of what was drawn, 12 of 13
    r01 = found["R01"]
    assert (r01.estimate.value, r01.estimate.low) == (0.0, 0.0)
    assert r01.estimate.high == pytest.approx(clopper_pearson(0, 3.6)[1] * 12 / 13)
    assert r01.more_reviews == further_reviews(0, 4)


def test_no_sample_no_figure(kit: Kit) -> None:
    (nothing,) = quality.misses(kit.bench, kit.lead)
    assert (nothing.rule_id, nothing.reviewed, nothing.estimate.value, nothing.estimate.reason) == (
        None,
        0,
        None,
        "no_reviews",
    )


def test_a_rule_that_hits_everywhere_has_nothing_to_miss(kit: Kit) -> None:
    put_hits(kit.bench, [("t:0", 1, "R01", "agent-0", "滚开")])
    kit.hit(0)
    inspected(kit, confirmed("R01"))
    assert {rule: one.estimate.reason for rule, one in misses(kit).items()} == {"R01": "no_reviews", None: "no_reviews"}


def test_everything_certain(kit: Kit) -> None:
    """All there is was reviewed: a share without doubt. Risky picks alone: no figure at all."""
    drawn(kit, s0=(1.0, "base"), s1=(1.0, "base"))
    inspected(kit, confirmed("R02"), CLEAN)
    every = misses(kit)[None]
    assert (every.estimate.value, every.estimate.low, every.estimate.high, every.more_reviews) == (0.5, 0.5, 0.5, 0)
    drawn(kit, s0=(1.0, "certainty"), s1=(1.0, "certainty"))
    every = misses(kit)[None]
    assert (every.reviewed, every.found, every.estimate.value, every.estimate.reason) == (2, 1, None, "only_targeted")


def test_what_one_of_two_inspectors_confirmed_was_there(kit: Kit) -> None:
    kit.place(kit.samples[0], kit.inspectors[1], kind="double")
    inspected(kit, CLEAN)
    place = queue.claim_next(kit.bench, kit.inspectors[1], now=NOW)
    assert isinstance(place, Claim)
    inspecting.submit(
        kit.bench,
        kit.inspectors[1],
        now=NOW,
        assignment_id=place.assignment_id,
        version=place.version,
        nonce="nonce-two",
        sheet=confirmed("R02"),
    )
    every = misses(kit)[None]
    assert (every.reviewed, every.found) == (1, 1)


def test_an_undone_inspection_says_nothing(kit: Kit, now: datetime) -> None:
    who = kit.inspectors[0]
    kit.place(kit.samples[0], who)
    place = queue.claim_next(kit.bench, who, now=NOW)
    assert isinstance(place, Claim)
    done = inspecting.submit(
        kit.bench,
        who,
        now=NOW,
        assignment_id=place.assignment_id,
        version=place.version,
        nonce="nonce-one",
        sheet=CLEAN,
    )
    inspecting.undo(kit.bench, who, now=NOW, inspection_id=done.inspection_id)
    assert misses(kit)[None].reviewed == 0


@pytest.mark.parametrize(
    "share,n", [(0, 1), (0, 18), (0, 936), (0.5, 2), (0.5, 4), (26 / 42, 42), (74 / 85, 85), (1, 5), (0.001, 1_000)]
)
def test_further_reviews_halve_the_interval_and_one_less_does_not(share: float, n: int) -> None:
    def width(reviews: int) -> float:
        low, high = clopper_pearson(share * reviews, reviews)
        return high - low

    more = further_reviews(share, n)
    assert width(n + more) <= width(n) / 2 < width(n + more - 1)
