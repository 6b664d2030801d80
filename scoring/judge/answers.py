"""A judge's answers against rubric and conversation: the option exists, so does the message, its role fits, the quote
is verbatim. What fails is void, never repaired.

Columnar: one row an answer, whether it came from a file or from an endpoint. What answers come to in points is asked of
`scoring.sheet`.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from scoring.rubric import FULL, Criterion, Kind, Rubric
from scoring.sheet import Mark, Sheet, SheetError, score

VALUE, NA, CANNOT_TELL, VOID = "value", "na", "cannot_tell", "void"
ANSWERS = (VALUE, NA, CANNOT_TELL, VOID)
"""What an answer can be: a mark, no opportunity to do it right or wrong, the judge cannot tell, or void."""

NO_ANSWER, NO_CRITERION, NO_OPTION, NO_NA = "no_answer", "unknown_criterion", "unknown_option", "na_not_allowed"
NO_MESSAGE, WRONG_ROLE, NOT_VERBATIM = "no_message", "wrong_role", "not_verbatim"
FAULTS = (NO_ANSWER, NO_CRITERION, NO_OPTION, NO_NA, NO_MESSAGE, WRONG_ROLE, NOT_VERBATIM)
"""Why an answer is void, the first that holds."""

_NA = ("na", "n/a", "n.a.", "not applicable", "not_applicable", "不适用", "无机会")
_CANNOT_TELL = ("cannot_tell", "cannot tell", "can't tell", "unknown", "unsure", "无法判断", "不确定")
_YES, _NO = ("yes", "true", "y", "是", "合格", "通过", "pass"), ("no", "false", "n", "否", "不合格", "不通过", "fail")
_SPOKEN = ("agent", "bot")
"""Whose words an objection can rest on: it is the agent's side that is judged."""

SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "conversation_key": pl.String,
    "about": pl.String,
    "answer": pl.String,
    "value": pl.Int32,
    "loss": pl.Int32,
    "evidence": pl.List(pl.Int32),
    "why": pl.String,
}
"""Checked answers: `about` names the criterion (null: the conversation as a whole), `value` is the mark of an answer
`value`, `loss` its centi-points (negative for a bonus), `why` one of `FAULTS` for void ones, else empty."""


def options(criterion: Criterion) -> dict[str, int]:
    """Every way to name a mark of `criterion`, in lower case, and its value: the number, the word of its level or kind
    in either language, and yes or no."""
    found = {str(value): value for value in range(criterion.max_count + 1)}
    found |= {f"{value}.0": value for value in range(criterion.max_count + 1)}
    if criterion.kind is Kind.YES_NO:
        found |= dict.fromkeys(_YES, 1) | dict.fromkeys(_NO, 0)
    for value in range(criterion.max_count + 1):
        word = criterion.word(value)
        found |= {text.strip().lower(): value for text in (word.zh, word.en) if text.strip()}
    return found


def losses(rubric: Rubric) -> pl.DataFrame:
    """about, value and loss (centi-points, negative for a bonus) of every mark the rubric knows."""
    rows = [
        (criterion.id, value, criterion.loss(value) - criterion.gain(value))
        for criterion in rubric.criteria
        for value in range(criterion.max_count + 1)
    ]
    return pl.DataFrame(rows, schema={"about": pl.String, "value": pl.Int32, "loss": pl.Int32}, orient="row")


def checked(answers: pl.DataFrame, rubric: Rubric, messages: pl.DataFrame) -> pl.DataFrame:
    """`answers` with answer, value, loss and why as `SCHEMA` says, in the same order, other columns kept.

    `answers`: conversation_key, about (criterion), said (the option as it was written), evidence (list of message
    numbers, null for none) and quote (null or empty for none). `messages`: conversation_key, seq, role and text of
    these conversations; of those that are missing there, every message is unknown.
    """
    known = _readings(rubric)
    rows = (
        answers.with_row_index("__row")
        .with_columns(__said=pl.col("said").str.strip_chars().str.to_lowercase().fill_null(""))
        .join(known, left_on=["about", "__said"], right_on=["about", "said"], how="left", maintain_order="left")
        .join(losses(rubric), on=["about", "value"], how="left", maintain_order="left")
        .join(_evidence(answers, messages), on="__row", how="left", maintain_order="left")
    )
    ids = [criterion.id for criterion in rubric.criteria]
    never_na = [criterion.id for criterion in rubric.criteria if not criterion.allow_na]
    costs = (pl.col("loss") > 0).fill_null(False)
    why = (
        pl.when(~pl.col("about").is_in(ids)).then(pl.lit(NO_CRITERION))
        .when(pl.col("__said") == "").then(pl.lit(NO_ANSWER))
        .when(pl.col("answer").is_null()).then(pl.lit(NO_OPTION))
        .when((pl.col("answer") == NA) & pl.col("about").is_in(never_na)).then(pl.lit(NO_NA))
        .when(pl.col("missing").fill_null(False)).then(pl.lit(NO_MESSAGE))
        .when(costs & ~pl.col("spoken").fill_null(True)).then(pl.lit(WRONG_ROLE))
        .when(pl.col("unquoted").fill_null(False)).then(pl.lit(NOT_VERBATIM))
        .otherwise(pl.lit(""))
    )  # fmt: skip
    void = pl.col("why") != ""
    return (
        rows.with_columns(why=why)
        .with_columns(
            answer=pl.when(void).then(pl.lit(VOID)).otherwise("answer"),
            value=pl.when(~void).then("value"),
            loss=pl.when(~void).then("loss"),
            evidence=pl.col("evidence").cast(pl.List(pl.Int32)),
        )
        .drop("__row", "__said", "missing", "spoken", "unquoted")
    )


def totals(answers: pl.DataFrame, rubric: Rubric) -> pl.DataFrame:
    """A row for each conversation of checked answers, as `SCHEMA` says with `about` null: the loss of the sheet that
    they make. A conversation with a void answer has none: no half score is used. What was not said, or could not be
    told, objects to nothing."""
    made: dict[tuple[tuple[str, str, int | None], ...], int | None] = {}
    rows = []
    parts = answers.select("conversation_key", pl.struct("about", "answer", "value").alias("mark"))
    for key, marks in parts.group_by("conversation_key", maintain_order=True).agg("mark").iter_rows():
        sheet = tuple(sorted((m["about"], m["answer"], m["value"]) for m in marks if m["answer"] != CANNOT_TELL))
        if sheet not in made:
            made[sheet] = _loss(rubric, sheet)
        rows.append((key, made[sheet], VALUE if made[sheet] is not None else VOID))
    frame = pl.DataFrame(
        rows, schema={"conversation_key": pl.String, "loss": pl.Int32, "answer": pl.String}, orient="row"
    )
    return frame.select(
        "conversation_key", about=pl.lit(None, pl.String), answer="answer", value=pl.lit(None, pl.Int32), loss="loss",
        evidence=pl.lit(None, pl.List(pl.Int32)), why=pl.lit(""),
    )  # fmt: skip


def _loss(rubric: Rubric, sheet: tuple[tuple[str, str, int | None], ...]) -> int | None:
    if any(answer == VOID for _, answer, _ in sheet):
        return None
    marks = tuple(Mark(about, value, na=answer == NA) for about, answer, value in sheet)
    try:
        return FULL - score(rubric, Sheet(marks), {}).total_without_redlines
    except SheetError:  # everything was said not to apply
        return None


def _readings(rubric: Rubric) -> pl.DataFrame:
    """about, said (in lower case), answer and value of everything that can be said."""
    rows: dict[tuple[str, str], tuple[str, int | None]] = {}
    for criterion in rubric.criteria:
        rows |= {(criterion.id, said): (CANNOT_TELL, None) for said in _CANNOT_TELL}
        rows |= {(criterion.id, said): (NA, None) for said in _NA}
        rows |= {(criterion.id, said): (VALUE, value) for said, value in options(criterion).items()}
    return pl.DataFrame(
        [(about, said, answer, value) for (about, said), (answer, value) in rows.items()],
        schema={"about": pl.String, "said": pl.String, "answer": pl.String, "value": pl.Int32}, orient="row",
    )  # fmt: skip


def _evidence(answers: pl.DataFrame, messages: pl.DataFrame) -> pl.DataFrame:
    """__row, missing (a message named is not there), spoken (one of them is the agent's; null where none is named) and
    unquoted (the quote stands in none of them, or, where none is named, nowhere in the conversation)."""
    rows = answers.with_row_index("__row").select("__row", "conversation_key", "evidence", "quote")
    rows = rows.with_columns(
        pl.col("evidence").cast(pl.List(pl.Int32)), pl.col("quote").fill_null("").str.strip_chars()
    )
    named = rows.filter(pl.col("evidence").list.len() > 0).explode("evidence")
    said = messages.select("conversation_key", pl.col("seq").cast(pl.Int32), "role", "text")
    found = named.join(said, left_on=["conversation_key", "evidence"], right_on=["conversation_key", "seq"], how="left")
    quoted = pl.col("text").fill_null("").str.contains(pl.col("quote"), literal=True)
    by_evidence = found.group_by("__row").agg(
        missing=pl.col("role").is_null().any(),
        spoken=pl.col("role").is_in(_SPOKEN).any(),
        unquoted=~quoted.any(),
    )
    loose = rows.filter((pl.col("evidence").list.len().fill_null(0) == 0) & (pl.col("quote") != ""))
    anywhere = (
        loose.join(said, on="conversation_key", how="left")
        .group_by("__row")
        .agg(missing=pl.lit(False), spoken=pl.lit(None, pl.Boolean), unquoted=~quoted.any())
    )
    return pl.concat([by_evidence, anywhere])
