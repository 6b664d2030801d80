"""How much every review weighs: π adjusted for draws that are not finished, the frozen λ of its draw, and the spread
its plan expected of it.

Owns what all figures share, so that no two pages weigh a review differently. A draw's random reviews of an agent are a
random part of the picks (`scoring.estimate.completion`); its λ was frozen before it. Does not estimate anything.
"""

from __future__ import annotations

import polars as pl
from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from qa.tables import Draw, Sample
from scoring import estimate
from scoring.draw import ResidualModel
from scoring.estimate.means import ORDINARY

TARGETED = "certainty"
_DRAWN = {"draw_id": pl.Int64, "agent_id": pl.String, "drawn": pl.Float64}
_FROZEN = {
    "draw_id": pl.Int64, "lam": pl.Float64, "lam_rate": pl.Float64,
    "a": pl.Float64, "b": pl.Float64, "plain_a": pl.Float64, "plain_b": pl.Float64,
}  # fmt: skip
ASSUMED = ResidualModel()
ENOUGH = {True: 200.0, False: 100.0}
"""Random reviews from which on they speak for themselves: beside a spread that was learnt, and beside an assumed
one."""


def shares(session: Session, source: str, reviews: pl.LazyFrame) -> pl.DataFrame:
    """draw_id, agent_id and share (reviewed ÷ drawn of the random picks) where fewer were reviewed than drawn.

    `reviews` are all current verdicts of the source, whatever a report looks at. A pick taken back without anybody to
    stand in stays drawn and not reviewed; a replacement takes its pick's place.
    """
    first_hand = func.sum(case((Sample.reason.in_((TARGETED, "replacement")), 0), else_=1))
    query = select(Sample.draw_id, Sample.agent_id, first_hand).where(Sample.source == source, Sample.pi.is_not(None))
    rows = [tuple(row) for row in session.execute(query.group_by(Sample.draw_id, Sample.agent_id))]
    drawn = pl.DataFrame(rows, schema=_DRAWN, orient="row")
    reviewed = reviews.filter(pl.col("reason") != TARGETED).group_by("draw_id", "agent_id").agg(m=pl.len()).collect()
    joined = drawn.join(reviewed, on=["draw_id", "agent_id"], how="left").with_columns(pl.col("m").fill_null(0))
    return joined.filter(pl.col("m") < pl.col("drawn")).select(
        "draw_id", "agent_id", share=pl.col("m") / pl.col("drawn")
    )


def lambdas(session: Session, source: str, reviews: pl.LazyFrame) -> pl.DataFrame:
    """draw_id, lam, lam_rate and the residual spread a + b·p(1−p) of every draw, with predictions (a, b) and without
    (plain_a, plain_b), null where past reviews had not shown it. Draws from before weights were frozen share one λ,
    tuned over all their reviews of the source: the same on every page, whatever it looks at."""
    plan = Draw.receipt["plan"]
    spread = [plan[name][k].as_float() for name in ("residual", "plain") for k in (0, 1)]
    query = select(Draw.id, plan["lam"].as_float(), plan["lam_rate"].as_float(), *spread)
    known = pl.DataFrame([tuple(row) for row in session.execute(query)], schema=_FROZEN, orient="row")
    old = known.filter(pl.col("lam").is_null())["draw_id"]
    if old.is_empty():
        return known.with_columns(pl.col("lam_rate").fill_null(0.0))
    past = reviews.filter(pl.col("draw_id").is_in(old.implode()) & pl.col("prediction").is_not_null()).select(
        "agent_id", "pi", y=pl.col("total") / 100, f=100 - pl.col("prediction") / 100
    )
    return known.with_columns(pl.col("lam").fill_null(estimate.tune(past.collect())), pl.col("lam_rate").fill_null(0.0))


def tuned(weights: pl.DataFrame, reviews: pl.LazyFrame) -> pl.DataFrame:
    """`weights` as the first estimator had them: one λ tuned on `reviews`, none for rates."""
    past = reviews.filter(pl.col("prediction").is_not_null()).select(
        "agent_id", "pi", y=pl.col("total") / 100, f=100 - pl.col("prediction") / 100
    )
    return weights.with_columns(lam=pl.lit(estimate.tune(past.collect())), lam_rate=pl.lit(0.0))


def weighed(reviews: pl.LazyFrame, unfinished: pl.DataFrame, weights: pl.DataFrame) -> pl.LazyFrame:
    """The reviews with pi adjusted (pi_drawn keeps what the draw gave), f: λ times the predicted score in points (null
    where λ needs one and nobody predicted), p: the frozen weight of rates times the predicted chance, expected and
    expected_plain: the variance that the plan expected of the score, with predictions and without, and whether past
    reviews had shown it (learnt)."""
    share = pl.when(pl.col("reason") == TARGETED).then(1.0).otherwise(pl.col("share").fill_null(1.0))
    lam, lam_rate = pl.col("lam").fill_null(0.0), pl.col("lam_rate").fill_null(0.0)
    by_p = (pl.col("risk") * (1 - pl.col("risk"))).fill_null(ORDINARY)
    residual = pl.col("a").fill_null(ASSUMED.a) + pl.col("b").fill_null(ASSUMED.b) * by_p
    plain = pl.coalesce("plain_a", "a", pl.lit(ASSUMED.a)) + pl.coalesce("plain_b", "b", pl.lit(ASSUMED.b)) * by_p
    return (
        reviews.join(unfinished.lazy(), on=["draw_id", "agent_id"], how="left", maintain_order="left")
        .join(weights.lazy(), on="draw_id", how="left", maintain_order="left")
        .with_columns(
            pi_drawn="pi",
            pi=pl.col("pi") * share,
            f=pl.when(lam > 0).then(lam * (100 - pl.col("prediction") / 100)).otherwise(0.0),
            p=pl.when(lam_rate > 0).then(lam_rate * pl.col("risk")).otherwise(0.0),
            expected=residual,
            expected_plain=plain,
            learnt=pl.col("a").is_not_null(),
        )
        .drop("share", *list(_FROZEN)[1:])
    )
