"""What was reviewed and what there was to review, with a machine scorer's values beside: the sample, the frames of its
draws and earlier reviews, as `scoring.judge.corrected` takes them.

Draws count as a whole or not at all. A conversation without a score takes the next predictor's value, in the sample and
in the population alike. Estimates nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from zlib import crc32
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from qa.archive import Snapshot, predictions
from qa.draws import frames, kept_frames
from qa.draws.planned import Resolved
from qa.draws.record import parse
from qa.reports.scope import FactsReader, Scope
from qa.rubrics.stored import rubric_of
from qa.scorer import versions
from qa.scorer.versions import ScorerView
from qa.tables import Draw
from qa.workbench import Workbench
from scoring.draw import Receipt
from scoring.judge import calibration, chances, corrected
from scoring.rubric import Rubric

CHAT = "chat"
UNITS = {"agent_id": pl.String, "conversation_key": pl.String}


@dataclass(frozen=True)
class Judged:
    """A period's reviews with a scorer's values. `sample` and `history` (reviews before it): agent_id, pi, y
    (points), f, version and, per criterion, y_<id>, f_<id>; `population`: agent_id, f, version and f_<id>. `calibrated`
    are criteria whose values are calibrated on the history; `answers` counts the scorer's answers per criterion (about,
    answer, n)."""

    rubric: Rubric
    sample: pl.DataFrame
    history: pl.DataFrame
    population: pl.DataFrame
    calibrated: tuple[str, ...]
    answers: pl.DataFrame
    draws: int
    stacked: bool = False
    """Whether the next predictor's value is put together with the scorer's."""


def read(bench: Workbench, scorer: ScorerView, *, first: date | None, last: date | None) -> Judged:
    """Read all of a period (None: open). Authorised by the caller."""
    snapshot = bench.archive.at()
    with FactsReader(bench) as reader:
        rubric = rubric_of(reader.session, scorer.rubric_version_id)
        every = reviews(reader, rubric)
        inside = _draws(reader.session, first, last)
    sample = every.filter(pl.col("draw_id").is_in(list(inside)))
    start = min((resolved.period.first for _, resolved in inside.values()), default=first or date.max)
    history = every.filter(pl.col("day") < start)
    population = _population(bench, list(inside.values()))
    values, calibrated = _values(snapshot, scorer, rubric, history)
    keys = pl.concat([population.select("conversation_key"), every.select("conversation_key")]).unique()
    rest = _next(snapshot, keys)
    parts = [_joined(one, values, rest, rubric, scorer.version) for one in (sample, history, population)]
    blend = corrected.blend(parts[1])
    sample, history, population = (part.with_columns(corrected.blended(blend)) for part in parts)
    return Judged(
        rubric, sample, history, population, calibrated, _answers(snapshot, scorer, population), len(inside),
        blend is not None,
    )  # fmt: skip


def _draws(session: Session, first: date | None, last: date | None) -> dict[int, tuple[Receipt, Resolved]]:
    """Receipts of the draws that lie in the period as a whole."""
    query = select(Draw.id, Draw.receipt).order_by(Draw.id)
    if first is not None:
        query = query.where(Draw.period_from >= first)
    if last is not None:
        query = query.where(Draw.period_to <= last)
    return {number: parse(receipt) for number, receipt in session.execute(query)}


def reviews(reader: FactsReader, rubric: Rubric) -> pl.DataFrame:
    """Every current verdict of a chat: conversation_key, agent_id, draw_id, day, pi, reason, redline, y and y_<id>, the
    points that each criterion cost (null: not applicable)."""
    known = reader.rubrics()
    columns = [known.criterion_column(one.id).alias(f"y_{one.id}") for one in rubric.criteria]
    return (
        reader.rows(Scope(source=CHAT))
        .select(
            "agent_id", "draw_id", "day", "pi", "reason", "redline", *columns, conversation_key="unit_id",
            y=pl.col("total") / 100,
        )
        .collect()
        .sort("conversation_key", "draw_id")
    )  # fmt: skip


def _population(bench: Workbench, draws: Sequence[tuple[Receipt, Resolved]]) -> pl.DataFrame:
    """Chats of the frames that the draws chose from; one of two frames counts in both."""
    parts = [pl.DataFrame(schema=UNITS)]
    for receipt, resolved in draws:
        kept = kept_frames.path_of(bench, receipt.frame_hash)
        if kept.exists():
            units = pl.scan_parquet(kept).filter(pl.col("source") == CHAT)
        elif any(quota.source == CHAT for quota in resolved.design.quotas):
            snapshot, zone = bench.archive.at(resolved.archive_version), ZoneInfo(resolved.time_zone)
            units = frames.source(
                snapshot, CHAT, resolved.design, resolved.period, zone, resolved.agents, predicted=False
            )
        else:
            continue
        parts.append(units.select(list(UNITS)).collect())
    return pl.concat(parts)


def _values(
    snapshot: Snapshot, scorer: ScorerView, rubric: Rubric, history: pl.DataFrame
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """conversation_key, f (points) and f_<id> (probability of an objection) of every conversation with a whole score,
    and which criteria were calibrated."""
    rows = versions.scores(snapshot, scorer.predictor, scorer.version).collect()
    whole = rows.filter(pl.col("about").is_null() & pl.col("loss").is_not_null()).select(
        "conversation_key", f=100 - pl.col("loss") / 100
    )
    answers = rows.filter(pl.col("about").is_not_null()).select("conversation_key", "about", given=pl.col("loss") / 100)
    answers = answers.join(whole, on="conversation_key", how="semi")
    if answers.is_empty():
        return whole, ()
    found = calibration.calibrate(calibrating(answers, history, rubric))
    told = calibration.expected(answers, found).with_columns(
        chance=pl.coalesce("chance", (pl.col("given") > 0).cast(pl.Float64))
    )
    if found:
        sums = told.group_by("conversation_key").agg(pl.col("expected").sum())
        whole = whole.join(sums, on="conversation_key", how="left").with_columns(
            f=pl.when(pl.col("expected").is_not_null()).then(100 - pl.col("expected")).otherwise("f")
        ).drop("expected")  # fmt: skip
    wide = told.select("conversation_key", "chance", about=pl.concat_str(pl.lit("f_"), "about")).pivot(
        on="about", index="conversation_key", values="chance", aggregate_function="first"
    )
    return whole.join(wide, on="conversation_key", how="left"), tuple(found)


def calibrating(answers: pl.DataFrame, history: pl.DataFrame, rubric: Rubric) -> pl.DataFrame:
    """Earlier reviews with what the scorer gave: about, given, loss and pi, and the fold where answers have one."""
    fold = ["fold"] if "fold" in answers.columns else []
    schema = {"about": pl.String, "given": pl.Float64, "loss": pl.Float64, "pi": pl.Float64}
    parts = [pl.DataFrame(schema={**schema, **dict.fromkeys(fold, pl.Int64)})]
    for one in rubric.criteria:
        mine = answers.filter(pl.col("about") == one.id).select("conversation_key", "about", "given", *fold)
        judged = history.select("conversation_key", "pi", loss=pl.col(f"y_{one.id}"))
        parts.append(judged.join(mine, on="conversation_key").select("about", "given", "loss", "pi", *fold))
    return pl.concat(parts)


def _next(snapshot: Snapshot, keys: pl.DataFrame) -> pl.DataFrame:
    """conversation_key, rest (points) and risk: what the next predictor says, null where it says nothing either."""
    said = predictions.predicted(keys.lazy(), snapshot, predictions.RISK)
    return said.select("conversation_key", risk="p", rest=100 - pl.col("loss") / 100).collect()


def _joined(
    frame: pl.DataFrame, values: pl.DataFrame, rest: pl.DataFrame, rubric: Rubric, version: str
) -> pl.DataFrame:
    """The frame with own (the scorer's value), rest and risk (the next predictor's), version (empty without own)
    and f_<id>."""
    joined = frame.join(values.rename({"f": "own"}), on="conversation_key", how="left", maintain_order="left").join(
        rest, on="conversation_key", how="left", maintain_order="left"
    )
    missing = [f"f_{one.id}" for one in rubric.criteria if f"f_{one.id}" not in joined.columns]
    return joined.with_columns(
        *(pl.lit(None, pl.Float64).alias(name) for name in missing),
        version=pl.when(pl.col("own").is_not_null()).then(pl.lit(version)).otherwise(pl.lit("")),
    )


FOLDS = 5


def folds(keys: pl.Series) -> pl.Series:
    """The fold of each conversation, 0 … FOLDS−1: by its key, whatever version of a library hashes."""
    return pl.Series("fold", [crc32(key.encode()) % FOLDS for key in keys], pl.Int64)


def with_chances(read: Judged) -> Judged | None:
    """The same with f as the chance of a red line, put together on the history; y is whether there was one. None where
    the history has too few red lines, or the scorer tells nothing of them."""
    fold = folds(read.history["conversation_key"])
    known = read.history.with_columns(fold, p="risk", lost=100 - pl.col("own"), bad="redline")
    chance = chances.stack(known)
    if chance is None:
        return None
    said = chance.of(pl.col("risk"), 100 - pl.col("own")).alias("f")

    def told(frame: pl.DataFrame) -> pl.DataFrame:
        own = pl.when(pl.col("f").is_not_null()).then("version").otherwise(pl.lit(""))
        return frame.with_columns(said).with_columns(own.alias("version"))

    sample, history = (
        told(frame).with_columns(y=pl.col("redline").cast(pl.Float64)).drop("own", "rest")
        for frame in (read.sample, read.history)
    )
    return replace(read, sample=sample, history=history, population=told(read.population))


def _answers(snapshot: Snapshot, scorer: ScorerView, population: pl.DataFrame) -> pl.DataFrame:
    """How the scorer answered in the population: about (null for the whole), answer, why and n."""
    mine = versions.scores(snapshot, scorer.predictor, scorer.version)
    inside = mine.join(population.select("conversation_key").unique().lazy(), on="conversation_key", how="semi")
    return inside.group_by("about", "answer", "why").agg(n=pl.len()).collect()
