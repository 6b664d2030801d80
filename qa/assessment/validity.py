"""Whether the scorecard predicts anything: marks of reviewed chats beside what their customers did afterwards.

Chats alone are looked at, by their chance of being drawn; a chat whose time to see an outcome is not over yet is left
out of that outcome. What is a figure of days (conversion) stands for the agent's day on which the chat was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from qa.archive import Snapshot
from qa.assessment import facts
from qa.disputes import settled
from qa.i18n import N_, Translator
from qa.policy import Actor, Right, require
from qa.reports.scope import FactsReader, Rubrics, Scope
from qa.rules import stored as rules
from qa.workbench import Workbench
from scoring import validity
from scoring.label import Label
from scoring.validity import ValidityLink, ValidityOutcome

REFUND_DAYS, DISPUTE_DAYS = 7, 30
LOW_RATING = 2
REFUND = r"(?i)refund|return|退"
OUTCOMES: Sequence[ValidityOutcome] = (
    ValidityOutcome("refund", binary=True, worth=0.05),
    ValidityOutcome("dispute", binary=True, worth=0.05),
    ValidityOutcome("low_rating", binary=True, worth=0.10),
    ValidityOutcome("conversion", binary=False, worth=0.02, bad=False),
)
OUTCOME_NAMES: Mapping[str, str] = {
    "refund": N_("Refund within 7 days"),
    "dispute": N_("Dispute within 30 days"),
    "low_rating": N_("Rated 1 or 2 of 5"),
    "conversion": N_("Conversion of the agent's day"),
}
TOTAL = "total"
TOTAL_LABEL = Label("总分低于中位数", "Total below the median")
"""The item of the total: whether it is below the weighted median."""


@dataclass(frozen=True)
class ValidityFigures:
    """Every pair of an item and an outcome, what the items are called, and how many reviewed chats there are."""

    links: tuple[ValidityLink, ...]
    labels: Mapping[str, Label]
    reviews: int


def figures(bench: Workbench, actor: Actor, *, scope: Scope | None = None) -> ValidityFigures:
    """All links between marks and outcomes of reviewed chats within `scope` (chats, whatever its source says)."""
    require(actor, Right.ASSESS)
    scope = scope or Scope()
    scope = Scope(scope.first, scope.last, "chat", scope.teams, scope.shops, scope.channels, scope.agents)
    snapshot = bench.archive.at()
    with FactsReader(bench) as reader:
        rubrics = reader.rubrics("chat")
        rows = _marked(reader, scope, rubrics)
        if rows.is_empty():
            return ValidityFigures((), {}, 0)
        labels = _labels(reader, rubrics, rows)
        rows = _after(reader, snapshot, rows)
    items = [name for name in rows.columns if name.startswith(("c:", "r:")) or name == TOTAL]
    return ValidityFigures(validity.links(rows, items, OUTCOMES), labels, rows.height)


def _marked(reader: FactsReader, scope: Scope, rubrics: Rubrics) -> pl.DataFrame:
    """Reviewed chats with `c:<criterion>` (it cost points), `r:<rule>` (the red line stood) and `total`."""
    criteria = {f"c:{item.id}": rubrics.criterion_column(item.id) > 0 for item in rubrics.criteria}
    rows = (
        reader.rows(scope)
        .select("conversation_key", "agent_id", "day", "occurred_at", "pi", "redlines", "total", **criteria)
        .collect()
    )
    if rows.is_empty():
        return rows
    broken = sorted(set(rows["redlines"].explode().drop_nulls().to_list()))
    ordered = rows.sort("total").select("total", w=(1 / pl.col("pi")).cum_sum())
    half = ordered.filter(pl.col("w") >= pl.col("w").max() / 2)["total"][0]
    return rows.with_columns(
        pl.col("total") < half, *(pl.col("redlines").list.contains(rule).alias(f"r:{rule}") for rule in broken)
    ).drop("redlines")


def _labels(reader: FactsReader, rubrics: Rubrics, rows: pl.DataFrame) -> dict[str, Label]:
    labels = {TOTAL: TOTAL_LABEL, **{f"c:{item.id}": item.label for item in rubrics.criteria}}
    names = rules.names(reader.session)
    for rule in (column[2:] for column in rows.columns if column.startswith("r:")):
        known = names.get(rule)
        labels[f"r:{rule}"] = Label(rule, rule) if known is None else Label(f"{rule} {known.zh}", f"{rule} {known.en}")
    return labels


def _after(reader: FactsReader, snapshot: Snapshot, rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with a column for each of `OUTCOMES`, null where it is not known."""
    rows = _disputed(reader, snapshot, rows)
    rated = _rated(snapshot, rows)
    sold = _sold(reader, snapshot, rows)
    return rows.join(rated, on="conversation_key", how="left").join(sold, on=["agent_id", "day"], how="left")


def _disputed(reader: FactsReader, snapshot: Snapshot, rows: pl.DataFrame) -> pl.DataFrame:
    every = settled.laid_over(
        snapshot.scan("disputes"), snapshot.scan("conversations"), settled.in_force(reader.session)
    )
    known_until = every.select(pl.col("opened_at").max()).collect().item()
    about = rows.select("conversation_key", "occurred_at").unique("conversation_key")
    after = (
        every.select("conversation_key", "dispute_type", "refund_fee", "opened_at")
        .join(about.lazy(), on="conversation_key")
        .with_columns(days=(pl.col("opened_at") - pl.col("occurred_at")).dt.total_seconds() / 86_400)
        .filter(pl.col("days") >= 0)
        .with_columns(
            money=pl.col("dispute_type").str.contains(REFUND).fill_null(False)
            | (pl.col("refund_fee") > 0).fill_null(False)
        )
        .group_by("conversation_key")
        .agg(
            refund=(pl.col("money") & (pl.col("days") <= REFUND_DAYS)).any(),
            dispute=(pl.col("days") <= DISPUTE_DAYS).any(),
        )
        .collect()
    )

    def seen(name: str, days: int) -> pl.Expr:
        over = pl.col("occurred_at") + timedelta(days=days) <= pl.lit(known_until, pl.Datetime("us", "UTC"))
        happened = pl.col(name).fill_null(False)
        return pl.when(happened | over.fill_null(False)).then(happened).alias(name)

    joined = rows.join(after, on="conversation_key", how="left")
    return joined.with_columns(seen("refund", REFUND_DAYS), seen("dispute", DISPUTE_DAYS))


def _rated(snapshot: Snapshot, rows: pl.DataFrame) -> pl.DataFrame:
    """conversation_key and low_rating: by the rating of the chat, else by the satisfaction it carries."""
    keys = rows.lazy().select("conversation_key").unique()
    rated = snapshot.scan("ratings").join(keys, on="conversation_key", how="semi")
    scores = rated.group_by("conversation_key").agg(score=pl.col("score").min())
    chats = snapshot.scan("conversations").join(keys, on="conversation_key", how="semi")
    both = chats.select("conversation_key", "satisfaction").join(scores, on="conversation_key", how="left")
    score = pl.coalesce("score", "satisfaction")
    return both.select("conversation_key", low_rating=score <= LOW_RATING).collect()


def _sold(reader: FactsReader, snapshot: Snapshot, rows: pl.DataFrame) -> pl.DataFrame:
    """agent_id, day and conversion: paid of enquired on that day, where an export says so day by day."""
    days = rows.select(first=pl.col("day").min(), last=pl.col("day").max()).row(0)
    parts = facts.current(snapshot, *days).filter(
        (pl.col("indicator") == "conversion") & (pl.col("day") == pl.col("until"))
    )
    if parts.is_empty():
        return pl.DataFrame(schema={"agent_id": pl.String, "day": pl.Date, "conversion": pl.Float64})
    owned = facts.with_people(reader.bench, reader.session, parts).drop_nulls("agent_id")
    summed = owned.group_by("agent_id", "day").agg(pl.col("num", "den").sum()).filter(pl.col("den") > 0)
    return summed.select("agent_id", "day", conversion=pl.col("num") / pl.col("den"))


def difference_text(t: Translator, link: ValidityLink) -> str:
    """The difference with its interval in percentage points, or a dash."""
    if link.difference is None or link.low is None or link.high is None:
        return "–"
    value, low, high = (t.change(100 * x, 1) for x in (link.difference, link.low, link.high))
    return t("{value} [{low}, {high}] percentage points", value=value, low=low, high=high)


def verdict_text(t: Translator, link: ValidityLink) -> str:
    """What can be said of a pair, with the number of reviews it would need where nothing can."""
    outcome = next(one for one in OUTCOMES if one.id == link.outcome)
    if link.verdict == validity.LINKED:
        return t("goes with worse outcomes") if validity.worse(link, outcome) else t("goes with better outcomes")
    if link.verdict == validity.NOTHING:
        return t("no difference of {points} percentage points", points=t.number(100 * outcome.worth, 0))
    if link.n_with == 0:
        return t("never marked in these chats")
    if link.needs is None:
        return t("cannot tell yet")
    return t("cannot tell yet: needs about {n} reviews", n=t.number(_rounded(link.needs)))


def _rounded(n: int) -> int:
    """Up to two digits: the number is a forecast."""
    step = int(10 ** max(len(str(n)) - 2, 0))
    return -(-n // step) * step
