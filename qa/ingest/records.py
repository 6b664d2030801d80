"""Rows of dispute, rating, session and roster files to typed records. Judges rows alone; knows no archive and no
roster."""

from __future__ import annotations

import json

import polars as pl

from qa.ingest import moments, silence
from qa.ingest.cells import Cells
from qa.ingest.problems import ProblemLog

MESSAGE = pl.Struct({"role": pl.String, "text": pl.String, "sent_at": pl.Datetime("us", "UTC")})
ORIGINS = ("agent_invited", "buyer", "system")
STAGES = {
    "售前": "presale",
    "pre-sale": "presale",
    "presale": "presale",
    "售后": "aftersale",
    "after-sale": "aftersale",
    "aftersale": "aftersale",
}


def sessions(cells: Cells, source: str) -> pl.DataFrame:
    """`conversation_key` and the attributes of conversations whose messages are imported apart."""
    columns = {"conversation_id": cells.need("conversation_id", cells.text("conversation_id"))}
    columns |= {
        name: cells.text(name) for name in ("agent_id", "agent_name", "customer_id", "shop", "channel", "order_id")
    }
    columns |= {name: cells.time(name, "bad_date") for name in ("started_at", "ended_at")}
    columns["satisfaction"] = cells.score("satisfaction")
    return _keyed(_frame(cells, columns), source, "conversation_key", "conversation_id")


def disputes(cells: Cells, source: str) -> pl.DataFrame:
    """Columns of the disputes table known from the file, and `conversation_id` when it names the chat."""
    columns = {"dispute_id": cells.need("dispute_id", cells.text("dispute_id"))}
    names = (
        "conversation_id",
        "agent_id",
        "order_id",
        "customer_id",
        "shop",
        "dispute_type",
        "phase",
        "status",
        "reason",
        "description",
        "title",
        "carrier",
    )
    columns |= {name: cells.text(name) for name in names}
    columns["opened_at"] = cells.need("opened_at", cells.time("opened_at"))
    columns["closed_at"] = cells.time("closed_at", "bad_date")
    for name in ("due_at", "sent_out_at", "delivered_at", "returned_at"):
        columns[name] = cells.time(name, "bad_date")
    columns["cs_status"] = cells.status("cs_status")
    columns |= {name: cells.money(name) for name in ("refund_fee", "total_fee", "freight", "compensation")}
    return _keyed(_frame(cells, columns), source, "dispute_key", "dispute_id")


def dispute_messages(cells: Cells, source: str) -> pl.DataFrame:
    """One row a message: dispute_key, role, text, sent_at."""
    columns = {"dispute_id": cells.need("dispute_id", cells.text("dispute_id")), "role": cells.role()}
    columns["text"] = cells.raw("text").cast(pl.String)
    cells.reject("empty_text", "text", (columns["text"].str.strip_chars() == "").fill_null(True))
    columns["sent_at"] = cells.time("sent_at", "bad_date")
    return _keyed(_frame(cells, columns), source, "dispute_key", "dispute_id")


def ratings(cells: Cells, source: str, key: bytes = b"") -> pl.DataFrame:
    """Columns of the ratings table known from the file. Without ids, a rating is all that its row says, also in columns
    that fill no field; the id is a keyed hash of it.

    `earlier_key` is the key that release 0.1.0 gave it, of agent, customer and time alone.
    """
    columns = {
        "score": cells.need("score", cells.score("score", "bad_rating")),
        "rated_at": cells.need("rated_at", cells.time("rated_at")),
    }
    columns |= {
        name: cells.text(name)
        for name in ("rating_id", "conversation_id", "agent_id", "customer_id", "order_id", "shop", "label", "comment")
    }
    origin = cells.text("origin")
    columns["origin"] = origin.zip_with(origin.is_in(ORIGINS).fill_null(True), pl.Series([None], dtype=pl.String))
    frame = _frame(cells, columns)
    named = pl.concat_str(
        *[pl.col(name).fill_null("") for name in ("agent_id", "customer_id")],
        pl.col("rated_at").dt.epoch("s").cast(pl.String),
        separator="|",
    )
    frame = frame.with_columns(short=pl.when(pl.col("rating_id").is_null()).then(named))
    marks = pl.Series("mark", [None] * frame.height, dtype=pl.String)
    if frame["short"].null_count() < frame.height:
        marks = silence.opaque(key, _whole_rows(cells, frame["rated_at"]), 20).alias("mark")
    frame = frame.with_columns(marks).with_columns(
        rating_id=pl.coalesce("rating_id", pl.concat_str(pl.lit(silence.NAMED), "mark")),
        earlier_key=pl.concat_str(pl.lit(source + ":"), "short"),
    )
    return _keyed(frame.drop("short", "mark"), source, "rating_key", "rating_id")


def _whole_rows(cells: Cells, moments_: pl.Series) -> pl.Series:
    """All that each row that is let in says, by column, with the moment as such: the same however columns are mapped
    and ordered."""
    time = cells.mapping.columns.get("rated_at", "")
    names = sorted(name for name in cells.frame.columns if name not in ("file_row", time, "messages"))
    rows = cells.frame.filter(~cells.bad).select(pl.col(name).cast(pl.String) for name in names)
    told = [
        json.dumps(
            [at, *([name, moments.unwrapped(cell)] for name, cell in zip(names, row, strict=True) if cell)],
            ensure_ascii=False,
        )
        for at, row in zip(moments_.dt.epoch("s"), rows.iter_rows(), strict=True)
    ]
    return pl.Series(told, dtype=pl.String)


def agents(cells: Cells) -> pl.DataFrame:
    """Rows of the roster."""
    columns = {"agent_id": cells.need("agent_id", cells.text("agent_id"))}
    columns |= {name: cells.text(name) for name in ("name", "team", "shop", "stage", "grade")}
    for name in ("hired_on", "left_on"):
        days = cells.time(name, "bad_date")
        columns[name] = days.dt.convert_time_zone(str(cells.zone)).dt.date()
    frame = _frame(cells, columns)
    return frame.with_columns(
        pl.col("stage").str.to_lowercase().replace_strict(STAGES, default=None, return_dtype=pl.String)
    )


def _frame(cells: Cells, columns: dict[str, pl.Series]) -> pl.DataFrame:
    frame = pl.DataFrame([column.alias(name) for name, column in columns.items()])
    return frame.with_columns(file_row=cells.frame["file_row"]).filter(~cells.bad)


def _keyed(frame: pl.DataFrame, source: str, key: str, of: str) -> pl.DataFrame:
    return frame.with_columns(pl.concat_str(pl.lit(source + ":"), of).alias(key), source=pl.lit(source))


def without_repeats(frame: pl.DataFrame, key: str, field: str, log: ProblemLog) -> tuple[pl.DataFrame, int]:
    """The first record of each key, and how many were left out; with other content that is a problem."""
    content = [name for name in frame.columns if name not in ("file_row", "messages", "earlier_key")]
    marked = frame.with_columns(h=pl.struct(content).hash(9)).with_columns(
        h0=pl.col("h").first().over(key), nth=pl.int_range(pl.len()).over(key)
    )
    later = marked.filter(pl.col("nth") > 0)
    log.add("duplicate_id", field, later.filter(pl.col("h") != pl.col("h0")), field)
    return marked.filter(pl.col("nth") == 0).drop("h", "h0", "nth"), later.height
