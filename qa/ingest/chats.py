"""Rows of a chat file to canonical message rows. Decides which rows are bad; knows nothing of earlier pieces or the
archive.

Text is kept exactly as written. Columns of the result: `file_row`, `conversation_id`, `role`, `agent_id` (of an agent's
message), `sent_at`, `kind`, `text`, and of the rest those the file has: `seq`, `message_id`, and the attributes of the
conversation, as the cells stand; `attributes` reads those cells of them that count.
"""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import polars as pl

from qa.ingest import values
from qa.ingest.cells import Cells, filled, untidy
from qa.ingest.mapping import Mapping
from qa.ingest.problems import ProblemLog

ATTRIBUTES: tuple[str, ...] = (
    "named_agent",
    "agent_name",
    "customer_id",
    "shop",
    "channel",
    "order_id",
    "started_at",
    "ended_at",
    "satisfaction",
)
FIELD_OF = {"named_agent": "agent_id"}
TYPED = ("started_at", "ended_at", "satisfaction")
PLACEHOLDERS = {
    "[图片]": "image",
    "[image]": "image",
    "[Image]": "image",
    "【图片】": "image",
    "[卡片]": "card",
    "[商品卡片]": "card",
    "[订单卡片]": "card",
    "[文件]": "file",
    "[视频]": "file",
    "[语音]": "file",
    "当前版本暂不支持查看此消息": "card",
    "[当前版本不支持查看此消息]": "card",
    "您的版本不支持查看此消息": "card",
    "[该消息类型暂不支持]": "card",
}
"""What exports write where a picture or card stood."""


def read(
    frame: pl.DataFrame, mapping: Mapping, nested: str, zone: ZoneInfo, business: ZoneInfo, log: ProblemLog
) -> pl.DataFrame:
    """Canonical message rows of one piece; bad rows are in `log` and not in the result."""
    cells = Cells(without_blank_rows(frame), mapping, zone, log)
    if nested:
        inside = [h for h in mapping.columns.values() if h.startswith(f"{nested}[].")]
        cells.reject(
            "no_messages",
            "text",
            cells.frame.select(pl.all_horizontal(pl.col(h).is_null() for h in inside)).to_series(),
        )
    columns = {"file_row": cells.frame["file_row"]}
    agent = cells.text("agent_id")
    sent_at = cells.time("sent_at")
    columns["role"] = role = _roles(cells, agent)
    columns["conversation_id"] = _conversation_ids(cells, agent, sent_at, business)
    columns["agent_id"] = _speakers(cells, agent, role)
    columns["sent_at"] = sent_at
    columns["kind"], columns["text"] = _content(cells)
    if cells.has("seq"):
        columns["seq"] = cells.integer("seq")
    if cells.has("message_id"):
        columns["message_id"] = cells.text("message_id")
    for field in ATTRIBUTES:
        if cells.has(given := FIELD_OF.get(field, field)):
            columns[field] = cells.raw(given)
    if sent_at.null_count():
        cells.warn("no_time", "sent_at", sent_at.is_null())
    result = pl.DataFrame(columns)
    if not cells.bad.any():
        return result
    log.refuse(result.filter(cells.bad))
    return result.filter(~cells.bad)


def attributes(
    names: list[str], rows: pl.DataFrame, mapping: Mapping, zone: ZoneInfo, log: ProblemLog
) -> list[pl.Series]:
    """The cells of the attributes `names` (columns of `rows`, beside `file_row`), typed. What cannot be read is noted
    and null."""
    plain = [
        name
        for name in names
        if name not in TYPED and rows[name].dtype == pl.String and FIELD_OF.get(name, name) not in mapping.values
    ]
    tidy = (
        [name for name, odd in rows.select(untidy(name).any() for name in plain).to_dicts()[0].items() if not odd]
        if plain
        else []
    )
    ready = rows.select(filled(name) for name in tidy)
    return [ready[name] if name in tidy else _attribute(name, rows, mapping, zone, log) for name in names]


def _attribute(name: str, rows: pl.DataFrame, mapping: Mapping, zone: ZoneInfo, log: ProblemLog) -> pl.Series:
    field = FIELD_OF.get(name, name)
    cells = Cells(rows, replace(mapping, columns={field: name}), zone, log)
    if name in ("started_at", "ended_at"):
        return cells.time(field, "bad_date")
    return cells.score(field) if name == "satisfaction" else cells.text(field)


def without_blank_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """Lines without any cell are no rows."""
    names = [name for name in frame.columns if name != "file_row"]
    if not all(frame[name].null_count() for name in names):
        return frame
    return frame.filter(~pl.all_horizontal(pl.col(name).is_null() for name in names))


def _roles(cells: Cells, agent: pl.Series) -> pl.Series:
    if cells.has("role"):
        return cells.role()
    sender = cells.need("sender_id", cells.text("sender_id"))
    return (sender == agent).fill_null(False).replace_strict({True: "agent", False: "customer"}, return_dtype=pl.String)


def _conversation_ids(cells: Cells, agent: pl.Series, sent_at: pl.Series, business: ZoneInfo) -> pl.Series:
    """The given ids; without any, what one agent and one customer said on one business day is one conversation."""
    if cells.has("conversation_id"):
        return cells.need("conversation_id", cells.text("conversation_id"))
    day = sent_at.dt.convert_time_zone(str(business)).dt.strftime("%Y-%m-%d")
    customer = cells.need("customer_id", cells.text("customer_id"))
    cells.need("agent_id", agent)
    cells.need("sent_at", sent_at)
    return pl.select(pl.concat_str([agent, customer, day], separator="|")).to_series()


def _speakers(cells: Cells, agent: pl.Series, role: pl.Series) -> pl.Series:
    """The agent of each agent message: the account that spoke where the file says so, else the conversation's."""
    speaker = agent
    if cells.has("sender_id"):
        sender = cells.text("sender_id")
        speaker = sender.zip_with(sender.is_not_null(), agent)
    return pl.select(pl.when(role == "agent").then(speaker)).to_series()


def _content(cells: Cells) -> tuple[pl.Series, pl.Series]:
    text = cells.raw("text").cast(pl.String)
    # only what is empty or begins with a space or control character can be blank: most texts are never stripped
    flags = text.to_frame("t").select(
        placeholder=pl.col("t").is_in(list(PLACEHOLDERS)).fill_null(False),
        suspect=(
            (pl.col("t") < "!") | pl.col("t").str.starts_with("\u3000") | pl.col("t").str.starts_with("\u00a0")
        ).fill_null(True),
    )
    if cells.has("kind"):
        kind = values.translate(
            cells.raw("kind").cast(pl.String),
            values.words_for(values.MESSAGE_KINDS, cells.mapping.values.get("kind", {})),
        )
        kind = kind.fill_null("text")
    else:
        kind = pl.Series("kind", ["text"]).new_from_index(0, cells.frame.height)
    if flags["placeholder"].any():
        places = (flags["placeholder"] & (kind == "text")).arg_true()
        kind = kind.scatter(places, text.gather(places).replace_strict(PLACEHOLDERS, return_dtype=pl.String))
    if flags["suspect"].any():
        blank = (text.str.strip_chars().str.len_bytes() == 0).fill_null(True) & flags["suspect"]
        cells.reject("empty_text", "text", blank & (kind == "text"))
        text = text.fill_null("")
    return kind.alias("kind"), text
