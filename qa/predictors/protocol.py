"""What a predictor is: something with a name and a version that says beforehand how conversations will be judged.

Its predictions are rows of the archive (`qa.archive.predictions`), beside those of every other predictor. Does not read
the archive and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

import polars as pl

from qa.archive import predictions
from qa.predictors.features import features
from scoring import risk
from scoring.risk import RiskModel

SCHEMA = {
    "conversation_key": pl.String,
    "import_id": pl.Int64,
    "version": pl.String,
    "about": pl.String,
    "p": pl.Float64,
    "loss": pl.Float64,
}
"""What `predict` returns. `about` names the rule or criterion that is predicted alone, null stands for the conversation
as a whole; p is the probability of a violation, loss the centi-points lost, null from predictors that know no score."""


class Predictor(Protocol):
    """One version of a predictor."""

    @property
    def name(self) -> str:
        """The same for all versions: what a plan names, and the archive's column `predictor`."""

    @property
    def version(self) -> str: ...

    @property
    def learnt_to(self) -> date | None:
        """The last day whose verdicts it has learnt from, in the business time zone: it speaks of later days only, or
        it would know the answers. None: it has learnt nothing and speaks of every day."""

    def predict(self, chats: pl.DataFrame, messages: pl.DataFrame) -> pl.DataFrame:
        """Predictions of `chats` (the columns `qa.predictors.features.CHATS`) as the columns of `SCHEMA`; whoever is
        left out waits for the next run.

        `messages`: conversation_key, seq, role and text of these conversations, complete.
        """


@dataclass(frozen=True)
class RuleScore:
    """The rule score, as the screening gives it."""

    name: str = predictions.RULES
    version: str = predictions.RULES
    learnt_to: date | None = None

    def predict(self, chats: pl.DataFrame, messages: pl.DataFrame) -> pl.DataFrame:
        read = features(messages, chats)
        # the screening does not wait for disputes
        scored = risk.rule_score(read.drop("refund")).select("p", f=pl.lit(None, pl.Float64))
        return _rows(read, scored, self.version)


@dataclass(frozen=True)
class TrainedRisk:
    """A version of the risk model. `time_zone` is that of the business, in which days are counted."""

    model: RiskModel
    time_zone: str
    name: str = predictions.RISK

    @property
    def version(self) -> str:
        return self.model.version

    @property
    def learnt_to(self) -> date | None:
        return self.model.last

    def predict(self, chats: pl.DataFrame, messages: pl.DataFrame) -> pl.DataFrame:
        """Raises `RiskError` for days that the model has learnt from."""
        read = features(messages, chats)
        if read.is_empty():
            return pl.DataFrame(schema=SCHEMA)
        days = read["started_at"].dt.convert_time_zone(self.time_zone).dt.date().sort().to_list()
        return _rows(read, risk.predict(self.model, read, (days[0], days[-1])), self.version)


def _rows(read: pl.DataFrame, found: pl.DataFrame, version: str) -> pl.DataFrame:
    """Row by row, what was read and what was found in it: p and f (expected points)."""
    return (
        read.select("import_id", conversation_key="unit_id")
        .hstack(found.select("p", "f"))
        .select(
            "conversation_key",
            "import_id",
            "p",
            version=pl.lit(version),
            about=pl.lit(None, pl.String),
            loss=(100.0 - pl.col("f")) * 100.0,
        )
        .select(list(SCHEMA))
    )
