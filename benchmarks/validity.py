"""Validity on simulated shops with planted links and planted nothings: are links found, and how many are false?

Part of `make bench-assess`. Agents differ in how often they err and in how often their customers ask for refunds,
whatever they do; a pool of the riskiest chats is reviewed for certain, the others by chance. Only planted marks change
what customers do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from scoring import validity
from scoring.validity import LINKED, ValidityOutcome

AGENTS, CHATS, POOL = 40, 40_000, 0.15
ITEMS = tuple(f"c{k:02d}" for k in range(14))
PLANTED: Mapping[str, tuple[str, ...]] = {"refund": ITEMS[:4], "low_rating": ITEMS[2:6], "conversion": ()}
EFFECT: Mapping[str, float] = {"refund": 0.12, "low_rating": 0.15}
OUTCOMES = (
    ValidityOutcome("refund", binary=True, worth=0.05),
    ValidityOutcome("low_rating", binary=True, worth=0.10),
    ValidityOutcome("conversion", binary=False, worth=0.02, bad=False),
)


def shop(seed: int, reviews: int) -> pl.DataFrame:
    """The reviewed chats of one shop, as `scoring.validity.links` takes them."""
    rng = np.random.default_rng(seed)
    agent = rng.integers(0, AGENTS, CHATS)
    quality = np.exp(rng.normal(0, 0.4, AGENTS))
    marks = {}
    for item in ITEMS:
        habit = np.clip(rng.uniform(0.05, 0.25) * quality * np.exp(rng.normal(0, 0.3, AGENTS)), 0.005, 0.6)
        marks[item] = rng.random(CHATS) < habit[agent]
    made: dict[str, object] = {"agent_id": agent.astype(str), **marks}
    for name, base in (("refund", 0.08), ("low_rating", 0.12)):
        own = np.clip(base * np.exp(rng.normal(0, 0.5, AGENTS)) * quality, 0.01, 0.5)[agent]
        added = EFFECT[name] * sum(marks[item] for item in PLANTED[name])
        made[name] = (rng.random(CHATS) < np.clip(own + added, 0, 0.95)).astype(float)
    made["conversion"] = np.clip(rng.normal(0.5 - 0.03 * quality[agent], 0.12), 0, 1)
    risk = sum(marks[item] * rng.uniform(0.5, 1.5) for item in ITEMS) + rng.normal(0, 1, CHATS)
    certain = np.zeros(CHATS, dtype=bool)
    certain[np.argsort(-risk)[: int(POOL * reviews)]] = True
    chance = (reviews - certain.sum()) / (CHATS - certain.sum())
    picked = certain | (rng.random(CHATS) < chance)
    made["pi"] = np.where(certain, 1.0, chance)
    rows = pl.DataFrame(made).filter(pl.Series(picked))
    unrated = pl.Series(rng.random(rows.height) < 0.5)
    return rows.with_columns(low_rating=pl.when(~unrated).then("low_rating"))


def rates(reviews: int, shops: int) -> tuple[float, float, float, int]:
    """Share of planted links found, mean share of false ones among those stated, coverage of nothings' intervals, links
    planted in all."""
    found = planted = covered = nothings = 0
    false = []
    for seed in range(shops):
        stated = wrong = 0
        for link in validity.links(shop(seed, reviews), ITEMS, OUTCOMES):
            real = link.item in PLANTED[link.outcome]
            planted += real
            found += real and link.verdict == LINKED
            stated += link.verdict == LINKED
            wrong += not real and link.verdict == LINKED
            if not real and link.low is not None and link.high is not None:
                nothings += 1
                covered += link.low <= 0 <= link.high
        false.append(wrong / max(stated, 1))
    return found / planted, float(np.mean(false)), covered / max(nothings, 1), planted


def lines(shops: int) -> Iterator[tuple[str, float, float | None, bool, int]]:
    """Name, value, goal, whether it is at most that, and n of every figure."""
    for reviews in (1_000, 3_000, 6_000):
        found, false, covered, planted = rates(reviews, shops)
        goal = None if reviews < 3_000 else 0.8
        yield f"validity, {reviews:,} reviews: planted links found", found, goal, False, planted
        yield "  false among those stated", false, 0.10, True, shops
        yield "  coverage where there is nothing", covered, None, False, 0
