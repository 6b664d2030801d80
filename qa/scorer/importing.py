"""Scores from outside: a file of any vendor's machine scores, checked row by row against archive and rubric, stored as
a version of a predictor of its own.

Importing a file twice adds nothing. What a version has said of a conversation never changes: other scores are another
version. Rows that fail are named with field and cure; an answer whose evidence or option is wrong is stored as void,
so that shares of void answers are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from qa.archive import ArchiveChange, Snapshot, conform, predictions
from qa.errors import FormField, Invalid
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.rubrics import versions as rubric_versions
from qa.rubrics.stored import rubric_of
from qa.scorer import files, versions
from qa.scorer.calibrated import calibrated
from qa.tables import RubricVersion, Scorer
from qa.texts import written
from qa.workbench import Workbench
from scoring import judge
from scoring.judge import answers as judged
from scoring.rubric import FULL, Rubric

NAME = FormField("name", N_("Name of the scorer"))
LABEL = FormField("label", N_("Version"))
SHOWN = 500
"""Problems that a result carries; a file of them holds all."""


@dataclass(frozen=True)
class Fault:
    """One way a row can be wrong. Texts may name `{value}`."""

    reason: str
    cure: str


FAULTS: Mapping[str, Fault] = {
    "unreadable": Fault(N_("This line cannot be read: {value}"), N_("Repair the line, or export the file again.")),
    "no_conversation": Fault(N_("The row names no conversation."), N_("Fill in “conversation_id”.")),
    "unknown_conversation": Fault(
        N_("There is no conversation “{value}” in the archive."),
        N_("Import the conversation first, or correct its number and source."),
    ),
    "ambiguous": Fault(
        N_("Several sources have a conversation “{value}”."), N_("Add a column “source”, or name the source.")
    ),
    "no_score": Fault(N_("The row holds neither an answer nor a total."), N_("Fill in “option” or “total”.")),
    "no_criterion_id": Fault(N_("The answer names no criterion."), N_("Fill in “criterion_id”.")),
    judged.NO_CRITERION: Fault(
        N_("The rubric has no criterion “{value}”."), N_("Use the ids of the rubric, or name another rubric version.")
    ),
    judged.NO_ANSWER: Fault(N_("The answer is empty."), N_("Give an option, “na” or “cannot_tell”.")),
    judged.NO_OPTION: Fault(
        N_("“{value}” is no option of this criterion."), N_("Give one of its options, “na” or “cannot_tell”.")
    ),
    judged.NO_NA: Fault(
        N_("This criterion always applies; it cannot be N/A."), N_("Give an option, or “cannot_tell”.")
    ),
    judged.NO_MESSAGE: Fault(
        N_("Message {value} does not exist in this conversation."), N_("Count messages from 0, as the archive does.")
    ),
    judged.WRONG_ROLE: Fault(
        N_("The objection rests on messages that the agent did not write: {value}"),
        N_("Name at least one message of the agent."),
    ),
    judged.NOT_VERBATIM: Fault(
        N_("The quote does not stand in the conversation word for word: {value}"),
        N_("Quote exactly, or leave the quote out."),
    ),
    "evidence": Fault(N_("“{value}” is no list of message numbers."), N_("Write numbers with commas between them.")),
    "bad_total": Fault(N_("“{value}” is no score from 0 to 100."), N_("Give points from 0 to 100.")),
    "twice": Fault(
        N_("There is another score for the same conversation and criterion."), N_("Keep one of the two rows.")
    ),
    "other_rubric": Fault(
        N_("The row was scored on rubric version {value}."), N_("Import rows of each rubric version apart.")
    ),
    "other_score": Fault(
        N_("This version has scored the conversation otherwise before."), N_("Import these scores as another version.")
    ),
}
"""Everything a row is told."""
FIELDS: Mapping[str, str] = {
    "unknown_conversation": "conversation_id", "no_conversation": "conversation_id", "ambiguous": "source",
    "no_score": "option", "no_criterion_id": "criterion_id", judged.NO_CRITERION: "criterion_id",
    judged.NO_ANSWER: "option", judged.NO_OPTION: "option", judged.NO_NA: "option", judged.NO_MESSAGE: "evidence",
    judged.WRONG_ROLE: "evidence", "evidence": "evidence", judged.NOT_VERBATIM: "quote", "bad_total": "total",
    "twice": "criterion_id", "other_rubric": "rubric_version", "other_score": "conversation_id",
}  # fmt: skip
"""The column at fault."""


@dataclass(frozen=True)
class RowFault:
    """What is wrong with a row: its number (from 1), the column, the code of `FAULTS` and the value."""

    row: int
    field: str
    code: str
    value: str


@dataclass(frozen=True)
class ScoresImported:
    """What a file did, or would do: conversations that are new, known already or refused, answers that are void. `id`
    and `version` are 0 and empty as long as nothing is stored; `faults` holds the first `SHOWN` of `faulty`."""

    id: int
    predictor: str
    version: str
    rows: int
    new: int
    known: int
    refused: int
    answers: int
    void: int
    faulty: int
    faults: tuple[RowFault, ...]
    stored: bool


@dataclass(frozen=True)
class _Read:
    """A file as it would be stored: `rows` of the archive's `machine_scores` without predictor and version, and what is
    wrong (row, code, value)."""

    rows: pl.DataFrame
    wrong: pl.DataFrame
    count: int
    named: int


def import_scores(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    path: Path,
    name: str,
    label: str = "1",
    source: str = "",
    rubric_version_id: int | None = None,
    check_only: bool = False,
) -> ScoresImported:
    """Take the scores of a file as version `label` of the predictor `name`, judged on a rubric version (None: the
    newest for chats); `check_only` tells what would happen and stores nothing.

    `source` is that of conversations whose row names none. Raises `Invalid` where nothing can be read.
    """
    require(actor, Right.IMPORT)
    predictor = f"{predictions.MACHINE}:{written(name, NAME, 60)}"
    label = written(label, LABEL, 100)
    with bench.db.read() as session:
        number, rubric = _rubric(session, rubric_version_id)
    content = {"name": predictor, "label": label, "rubric": rubric.content_hash}
    version = versions.version_of(predictor, content)
    snapshot = bench.archive.at()
    read = _read(snapshot, path, rubric, source)
    fresh, known, wrong = _against(snapshot, predictor, version, read)
    result = _result(predictor, version, read, fresh, known, wrong)
    if check_only or fresh.is_empty():
        return _with_id(bench, result)
    with bench.archive.hold() as writer:
        with writer.change("machine scores", now) as change:
            _write(change, bench, predictor, version, fresh)
        with bench.begin(actor, now) as work:
            row, _ = versions.put(
                work, predictor=predictor, label=label, kind=versions.OUTSIDE, rubric_version_id=number, content=content
            )
            work.record("scorer.imported", "scorer", row.id, name=predictor, version=version, file=path.name[:200],
                        conversations=result.new, void=result.void, bad=result.faulty)  # fmt: skip
    return _with_id(bench, result, stored=True)


def _rubric(session: Session, rubric_version_id: int | None) -> tuple[int, Rubric]:
    number = rubric_version_id or rubric_versions.newest(session, "chat")
    if number is None:
        raise Invalid(N_("There is no published rubric yet; publish one first."))
    if session.scalar(select(RubricVersion.state).where(RubricVersion.id == number)) == "draft":
        raise Invalid(N_("Rubric version {id} is a draft; scores need a published one."), id=number)
    return number, rubric_of(session, number)


def _read(snapshot: Snapshot, path: Path, rubric: Rubric, source: str) -> _Read:
    raw, broken = files.read(path)
    rows = _placed(snapshot, raw, source, rubric)
    wrong = [broken.select("row", code=pl.lit("unreadable"), value="value"), _faults(rows)]
    good = rows.filter(pl.col("code") == "")
    messages = _messages(snapshot, good)
    answers = judge.checked(good.filter(pl.col("about").is_not_null()), rubric, messages)
    answers = _once(answers)
    void = answers.filter(pl.col("why") != "")
    wrong.append(void.select("row", code="why", value=_void_value()))
    whole, twice = _totals(good)
    wrong.append(twice)
    by_rubric = judge.totals(answers, rubric).join(whole, on="conversation_key", how="anti")
    known = good.select("conversation_key", "import_id").unique()
    parts = [answers.select(list(judge.SCHEMA)), by_rubric.select(list(judge.SCHEMA)), whole.select(list(judge.SCHEMA))]
    scored = pl.concat(parts).unique(subset=["conversation_key", "about"], keep="first", maintain_order=True)
    return _Read(
        scored.join(known, on="conversation_key", maintain_order="left"),
        pl.concat(part.match_to_schema(_WRONG) for part in wrong).sort("row", maintain_order=True),
        raw.height + broken.height,
        raw["conversation_id"].n_unique(),
    )


_WRONG: dict[str, pl.DataType | type[pl.DataType]] = {"row": pl.Int64, "code": pl.String, "value": pl.String}


def _placed(snapshot: Snapshot, raw: pl.DataFrame, source: str, rubric: Rubric) -> pl.DataFrame:
    """The rows with conversation_key and import_id, evidence as numbers, loss of the total, and `code`: why the row
    cannot be used at all, else empty."""
    known = (
        snapshot.scan("conversations").select("conversation_key", "source", "conversation_id", "import_id").collect()
    )
    by_id = known.group_by("conversation_id").agg(pl.col("conversation_key").first(), many=pl.len())
    named = pl.coalesce(pl.col("source").str.strip_chars().replace("", None), pl.lit(source or None, pl.String))
    blank = [
        name for name in ("total", "evidence", "quote", "said") if name in raw.columns
    ]  # "" is how some write none
    rows = raw.with_columns(pl.when(pl.col(name).str.strip_chars() != "").then(pl.col(name)) for name in blank)
    rows = rows.with_columns(
        pl.col("conversation_id").str.strip_chars(), pl.col("about").str.strip_chars().replace("", None), source=named
    )
    text = pl.col("conversation_id")
    full = pl.when(pl.col("source").is_not_null()).then(pl.concat_str("source", pl.lit(":"), text)).otherwise(text)
    keys = known.select("conversation_key", "import_id")
    found = (
        rows.with_columns(full=full)
        .join(by_id.rename({"conversation_key": "by_id"}), on="conversation_id", how="left", maintain_order="left")
        .join(keys.with_columns(there="conversation_key"), left_on="full", right_on="conversation_key", how="left",
              maintain_order="left")
        .with_columns(conversation_key=pl.coalesce("there", pl.when(pl.col("source").is_null()).then("by_id")))
        .drop("import_id").join(keys, on="conversation_key", how="left", maintain_order="left")
    )  # fmt: skip
    points = pl.col("total").str.strip_chars().str.strip_suffix("分").cast(pl.Float64, strict=False)
    numbers = pl.col("evidence").str.extract_all(r"-?\d+").cast(pl.List(pl.Int32), strict=False)
    listed = pl.col("evidence").str.replace_all(r"[\[\]\s#]", "").str.contains(r"^-?\d*(?:[,，、;；|]-?\d+)*$")
    said = pl.col("said").str.strip_chars().fill_null("") != ""
    ambiguous = pl.col("source").is_null() & pl.col("there").is_null() & (pl.col("many") > 1)
    code = (
        pl.when(text.is_null() | (text == "")).then(pl.lit("no_conversation"))
        .when(ambiguous).then(pl.lit("ambiguous"))
        .when(pl.col("conversation_key").is_null()).then(pl.lit("unknown_conversation"))
        .when(_other_rubric(rubric)).then(pl.lit("other_rubric"))
        .when(pl.col("about").is_null() & said).then(pl.lit("no_criterion_id"))
        .when(pl.col("about").is_null() & pl.col("total").is_null()).then(pl.lit("no_score"))
        .when(pl.col("total").is_not_null() & ~points.is_between(0, 100).fill_null(False)).then(pl.lit("bad_total"))
        .when(~listed.fill_null(True)).then(pl.lit("evidence"))
        .otherwise(pl.lit(""))
    )  # fmt: skip
    loss = (FULL - points * 100).round().cast(pl.Int32, strict=False)
    return found.with_columns(code=code.fill_null(""), written="evidence", evidence=numbers, whole_loss=loss)


def _other_rubric(rubric: Rubric) -> pl.Expr:
    """Rows that name another version than this: by its number, with or without “v”, or by id and number."""
    said = pl.col("rubric").str.strip_chars().str.to_lowercase().str.replace(r"^.*\bv", "").str.strip_chars()
    return (said != "") & (said != str(rubric.version)) & said.is_not_null()


def _faults(rows: pl.DataFrame) -> pl.DataFrame:
    by_field = {"total": "bad_total", "written": "evidence", "rubric": "other_rubric"}
    value = pl.col("conversation_id")
    for column, code in by_field.items():
        value = pl.when(pl.col("code") == code).then(pl.col(column)).otherwise(value)
    return rows.filter(pl.col("code") != "").select("row", "code", value=value.str.slice(0, 80))


def _void_value() -> pl.Expr:
    why, shown = pl.col("why"), pl.col("evidence").cast(pl.List(pl.String)).list.join(", ")
    return (
        pl.when(why == judged.NO_CRITERION).then("about")
        .when(why.is_in([judged.NO_MESSAGE, judged.WRONG_ROLE])).then(shown)
        .when(why == judged.NOT_VERBATIM).then("quote")
        .otherwise("said").str.slice(0, 80)
    )  # fmt: skip


def _messages(snapshot: Snapshot, good: pl.DataFrame) -> pl.DataFrame:
    """The messages of conversations of which an answer names evidence or a quote."""
    asked = good.filter(pl.col("evidence").list.len().fill_null(0).gt(0) | (pl.col("quote").fill_null("") != ""))
    keys = asked.select("conversation_key").unique().lazy()
    messages = snapshot.scan("messages").select("conversation_key", "seq", "role", "text")
    return messages.join(keys, on="conversation_key", how="semi").collect()


def _once(answers: pl.DataFrame) -> pl.DataFrame:
    """Each criterion of a conversation once: equal rows are one, different ones make it void."""
    of = ["conversation_key", "about"]
    differ = pl.struct("answer", "value", "why").n_unique().over(of) > 1
    twice = differ & (pl.col("why") == "")
    return answers.with_columns(
        why=pl.when(twice).then(pl.lit("twice")).otherwise("why"),
        answer=pl.when(twice).then(pl.lit(judge.VOID)).otherwise("answer"),
        value=pl.when(~twice).then("value"), loss=pl.when(~twice).then("loss"),
    )  # fmt: skip


def _totals(good: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Totals that the file gives itself, one a conversation, and the rows (row, code, value) of those it gives
    twice."""
    given = good.filter(pl.col("whole_loss").is_not_null())
    differ = pl.col("whole_loss").n_unique().over("conversation_key") > 1
    twice = given.filter(differ).select("row", code=pl.lit("twice"), value="conversation_id")
    whole = given.filter(~differ).unique("conversation_key", keep="first", maintain_order=True)
    return whole.select(
        "conversation_key", about=pl.lit(None, pl.String), answer=pl.lit(judge.VALUE), value=pl.lit(None, pl.Int32),
        loss="whole_loss", evidence=pl.lit(None, pl.List(pl.Int32)), why=pl.lit(""),
    ), twice  # fmt: skip


def _against(snapshot: Snapshot, predictor: str, version: str, read: _Read) -> tuple[pl.DataFrame, int, pl.DataFrame]:
    """What of the file is new, how many of its conversations this version has scored alike, and what is wrong with
    those it has scored otherwise."""
    held = versions.scores(snapshot, predictor, version)
    mine = ["conversation_key", "about", "answer", "value", "loss"]
    keys = read.rows.select("conversation_key").unique().lazy()
    before = held.join(keys, on="conversation_key", how="semi").select(mine).collect()
    there = before.select("conversation_key").unique()
    again = read.rows.join(there, on="conversation_key", how="semi")
    other = again.join(before, on=mine, how="anti", nulls_equal=True).select("conversation_key").unique()
    wrong = other.select(
        row=pl.lit(0, pl.Int64), code=pl.lit("other_score"), value=pl.col("conversation_key").str.slice(0, 80)
    )
    fresh = read.rows.join(there, on="conversation_key", how="anti", maintain_order="left")
    return fresh, there.height - other.height, pl.concat([read.wrong, wrong])


def _result(
    predictor: str, version: str, read: _Read, fresh: pl.DataFrame, known: int, wrong: pl.DataFrame
) -> ScoresImported:
    answers = fresh.filter(pl.col("about").is_not_null())
    new = fresh["conversation_key"].n_unique()
    return ScoresImported(
        0,
        predictor,
        version,
        read.count,
        new,
        known,
        max(read.named - new - known, 0),
        answers.height,
        answers.filter(pl.col("answer") == judge.VOID).height,
        wrong.height,
        tuple(
            RowFault(row, FIELDS.get(code, ""), code, value or "") for row, code, value in wrong.head(SHOWN).iter_rows()
        ),
        False,
    )


def _with_id(bench: Workbench, result: ScoresImported, *, stored: bool = False) -> ScoresImported:
    with bench.db.read() as session:
        number = session.scalar(select(Scorer.id).where(Scorer.version == result.version)) or 0
    return ScoresImported(**{**result.__dict__, "id": number, "stored": stored})


def _write(change: ArchiveChange, bench: Workbench, predictor: str, version: str, fresh: pl.DataFrame) -> None:
    rows = fresh.with_columns(predictor=pl.lit(predictor), version=pl.lit(version))
    change.append("machine_scores", conform("machine_scores", rows))
    with bench.db.read() as session:
        used = versions.in_use(session, predictor)
        if used is None or used.version != version:
            return
        rubric = used.rubric_version_id
    predictions.put(change, predictor, calibrated(bench, change.now(), predictor, version, rubric).rows)
