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

from qa.ingest import fields, moments, silence, speakers, values, vocabulary
from qa.ingest.cells import Cells, filled, untidy
from qa.ingest.files import markup, transcripts
from qa.ingest.mapping import SEPARATOR, Mapping
from qa.ingest.problems import ProblemLog
from qa.ingest.speakers import People, Speakers

MARKS = ("<", "&", '="', "撤回", " deleted", "'=", "'+", "'-", "'@", "#NAME?")
"""What the few texts hold that may have to be read otherwise than written."""
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
IDENTITY = ("conversation_id", "agent_id", "customer_id")
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
    "<Media omitted>": "image",
    "<媒体已省略>": "image",
    "<省略多媒体文件>": "image",
    "image omitted": "image",
    "video omitted": "file",
    "audio omitted": "file",
}
"""What exports write where a picture or card stood."""
RECALLED = (
    r"^(?:\[撤回\]|【撤回】|.{0,40}撤回了一条消息。?$|[\[【(（]?(?:该|此|这条|本条)?消息已(?:被)?撤回[\]】)）]?。?$"
    r"|This message (?:was|has been) deleted\.?$|You deleted this message\.?$)"
)


def read(
    frame: pl.DataFrame,
    mapping: Mapping,
    nested: str,
    zone: ZoneInfo,
    log: ProblemLog,
    people: People | None = None,
    business: ZoneInfo | None = None,
) -> pl.DataFrame:
    """Canonical message rows of one piece; bad rows are in `log` and not in the result. Rows that name no chat are
    marked (`silence.MARK`)."""
    frame = _filled_down(without_blank_rows(frame), mapping, log)
    if "transcript" in mapping.columns:
        frame, mapping = _opened(frame, mapping, zone, log)
    cells = Cells(frame, mapping, zone, log)
    if nested:
        single = (h for header in mapping.columns.values() for h in _single(header, frame))
        inside = [h for h in single if h.startswith(f"{nested}[].")]
        cells.reject(
            "no_messages",
            "text",
            cells.frame.select(pl.all_horizontal(pl.col(h).is_null() for h in inside)).to_series(),
        )
    elif "transcript" in mapping.columns:
        cells.reject("no_transcript", "transcript", cells.raw("text").is_null() & cells.raw("sent_at").is_null())
    columns = {"file_row": cells.frame["file_row"]}
    given = cells.text("conversation_id") if cells.has("conversation_id") else None
    sent_at = cells.time("sent_at", group=given)
    kind, text = _content(cells, _kinds(cells))
    aside = kind.is_in(vocabulary.ASIDES)
    people = people or People()
    who = speakers.resolve(cells, people, given, aside)
    columns["role"] = role = _parties(cells, who.role, aside)
    agent = people.person(who.agent, sent_at, business or zone)
    columns["conversation_id"] = _conversation_ids(cells, who, agent, given, sent_at)
    _one_shop(cells, columns["conversation_id"])
    speaker = people.person(who.speaker, sent_at, business or zone)
    columns["agent_id"] = pl.select(pl.when(role == "agent").then(speaker)).to_series()
    columns["sent_at"] = sent_at
    columns["kind"], columns["text"] = kind.replace("system", "text") if aside.any() else kind, text
    if cells.has("seq"):
        columns["seq"] = cells.integer("seq")
    if cells.has("message_id"):
        columns["message_id"] = cells.text("message_id")
    columns |= _attributes(cells, who, agent)
    if sent_at.null_count():
        cells.warn("no_time", "sent_at", sent_at.is_null())
    result = pl.DataFrame(columns)
    if not cells.bad.any():
        return result
    log.refuse(result.filter(cells.bad))
    return result.filter(~cells.bad)


def spoken(
    frame: pl.DataFrame, mapping: Mapping, zone: ZoneInfo, people: People, limit: int = 60
) -> tuple[tuple[str, str, int], ...]:
    """Names that speak in the rows: name, what each is taken for (empty: open), number of messages; the open ones
    first."""
    if "transcript" in mapping.columns:
        frame, mapping = _opened(frame, mapping, zone, ProblemLog({}))
    cells = Cells(frame, mapping, zone, ProblemLog({}))
    given = cells.text("conversation_id") if cells.has("conversation_id") else None
    who = speakers.resolve(cells, people, given, _kinds(cells).is_in(vocabulary.ASIDES))
    named = cells.text("sender_id") if cells.has("sender_id") else cells.text("role")
    counts = (
        pl.DataFrame({"name": named, "role": who.role.fill_null("")}).drop_nulls("name").group_by("name", "role").len()
    )
    ordered = counts.sort(pl.col("role") != "", "len", "name", descending=[False, True, False]).unique(
        "name", keep="first", maintain_order=True
    )
    return tuple(ordered.head(limit).iter_rows())


def _single(header: str, frame: pl.DataFrame) -> list[str]:
    """The columns of the file that a header of a mapping stands for."""
    return [header] if header in frame.columns else header.split(SEPARATOR)


def _empty(cells: pl.Series) -> pl.Series:
    return cells.is_null() | (cells == "").fill_null(True)


def _filled_down(frame: pl.DataFrame, mapping: Mapping, log: ProblemLog) -> pl.DataFrame:
    """Rows that leave out what the row above said of the conversation, as cells merged downwards do, with those cells.

    Only where id, agent and customer (those of them the file has, at least two) are empty together; it is told.
    """
    named = [mapping.columns[name] for name in IDENTITY if mapping.columns.get(name) in frame.columns]
    if "conversation_id" not in mapping.columns or len(named) < 2 or frame[named[0]].dtype != pl.String:
        return frame
    blank = _empty(frame[named[0]])
    if not blank.any() or not blank[1:].any():
        return frame
    if any((_empty(frame[name]) != blank).any() for name in named[1:]):
        return frame
    outer = [h for f, h in mapping.columns.items() if f not in fields.INNER and h in frame.columns]
    log.add("filled_down", "conversation_id", frame.filter(blank))
    cells = [pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in outer]
    filled_ = frame.select(cells).select(pl.all().forward_fill())
    return frame.with_columns(pl.Series(name, filled_[name]).zip_with(blank, frame[name]).alias(name) for name in outer)


def _opened(frame: pl.DataFrame, mapping: Mapping, zone: ZoneInfo, log: ProblemLog) -> tuple[pl.DataFrame, Mapping]:
    """Rows with a whole chat in a cell as one row a message, and the mapping that reads them."""
    started = Cells(frame, mapping, zone, ProblemLog({})).time("started_at", "bad_date")
    local = started.dt.convert_time_zone(str(zone))
    opened = transcripts.expand(frame, mapping.columns["transcript"], local)
    columns = {
        **mapping.columns,
        "text": "transcript.text",
        "sender_id": "transcript.name",
        "sent_at": "transcript.time",
    }
    columns.pop("role", None)
    return opened, replace(
        mapping, columns=columns, formats={k: v for k, v in mapping.formats.items() if k != "sent_at"}
    )


def _attributes(cells: Cells, who: Speakers, agent: pl.Series) -> dict[str, pl.Series]:
    """The cells of the conversation's attributes, and agent and customer where the names of the speakers tell them."""
    found = {}
    for name in ATTRIBUTES:
        if cells.has(given := FIELD_OF.get(name, name)):
            found[name] = cells.raw(given)
    if "named_agent" in found:
        found["named_agent"] = agent
    if "customer_id" not in found and cells.has("sender_id"):
        found["customer_id"] = who.customer
    if "named_agent" not in found and cells.has("receiver_id"):
        found["named_agent"] = who.asked
    elif "named_agent" not in found and not cells.has("conversation_id"):
        found["named_agent"] = agent  # who was asked, though nobody answered
    return found


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


def _parties(cells: Cells, role: pl.Series, aside: pl.Series) -> pl.Series:
    """The roles, with what nobody said to the other side as the system's, and automatic replies as a bot's."""
    if aside.any():
        role = role.clone().scatter(aside.arg_true(), "system")  # scatter writes in place
    if not cells.has("automatic"):
        return role
    automatic = cells.flag("automatic") & (role == "agent").fill_null(False)
    return role.clone().scatter(automatic.arg_true(), "bot") if automatic.any() else role


def _conversation_ids(
    cells: Cells, who: Speakers, agent: pl.Series, given: pl.Series | None, sent_at: pl.Series
) -> pl.Series:
    """The given ids; without any, agent and customer, whose chats are told apart by silence later."""
    if given is not None and not (cells.has("receiver_id") and given.null_count()):
        return cells.need("conversation_id", given)
    if given is None:
        cells.need("customer_id", who.customer)
        cells.need("agent_id", agent)
        cells.need("sent_at", sent_at)
    derived = silence.unnamed(agent, who.customer, sent_at)
    return derived if given is None else cells.need("conversation_id", given.zip_with(given.is_not_null(), derived))


def _one_shop(cells: Cells, ids: pl.Series) -> None:
    """Rows of another shop than the first with the same conversation id are of another conversation."""
    shop = cells.raw("shop")
    if "shop" not in cells.mapping.columns or shop.dtype != pl.String or shop.n_unique() < 2:
        return
    frame = pl.DataFrame({"id": ids, "shop": shop.str.strip_chars()})
    first = frame.select(pl.col("shop").filter(pl.col("shop") != "").first().over("id"), own="shop")
    cells.reject("other_shop", "shop", (first["own"] != first["shop"]) & (first["own"] != ""), shop)


def _content(cells: Cells, kind: pl.Series) -> tuple[pl.Series, pl.Series]:
    text, recalled = _readable(cells.raw("text").cast(pl.String), cells.mapping.html)
    if (lost := (text == "#NAME?").fill_null(False)).any():
        cells.warn("lost_text", "text", lost, text)
    # only what is empty or begins with a space or control character can be blank: most texts are never stripped
    flags = text.to_frame("t").select(
        placeholder=pl.col("t").is_in(list(PLACEHOLDERS)).fill_null(False),
        suspect=(
            (pl.col("t") < "!") | pl.col("t").str.starts_with("\u3000") | pl.col("t").str.starts_with("\u00a0")
        ).fill_null(True),
    )
    if flags["placeholder"].any():
        places = (flags["placeholder"] & (kind == "text")).arg_true()
        kind = kind.scatter(places, text.gather(places).replace_strict(PLACEHOLDERS, return_dtype=pl.String))
    if len(recalled):
        kind = kind.scatter(recalled.filter(kind.gather(recalled) == "text"), "recalled")
    if flags["suspect"].any():
        blank = (text.str.strip_chars().str.len_bytes() == 0).fill_null(True) & flags["suspect"]
        cells.reject("empty_text", "text", blank & (kind == "text"))
        text = text.fill_null("")
    return kind.alias("kind"), text


def _kinds(cells: Cells) -> pl.Series:
    """The kinds of the messages; `note`, `recalled` and `system` for what nobody said to the other side."""
    kind = pl.Series("kind", ["text"]).new_from_index(0, cells.frame.height)
    if cells.has("kind"):
        words = values.words_for(vocabulary.MESSAGE_KINDS, cells.mapping.values.get("kind", {}))
        kind = values.translate(cells.raw("kind").cast(pl.String), words).fill_null(words.get("*", "text"))
    if not cells.has("private"):
        return kind
    private = cells.flag("private")
    return kind.scatter(private.arg_true(), "note") if private.any() else kind


def _readable(text: pl.Series, always: bool) -> tuple[pl.Series, pl.Series]:
    """Texts without markup and without a spreadsheet's wrapping, all others exactly as written; and the places of texts
    that say that a message was recalled."""
    odd = text.to_frame("t").select(pl.col("t").str.contains_any(list(MARKS)).fill_null(False)).to_series().arg_true()
    if not len(odd):
        return text, odd
    cells = text.gather(odd)
    changed = {cell: clean for cell in cells.unique() if (clean := _clean(cell, always)) != cell}
    if changed:
        cells = cells.replace(changed)
        text = text.clone().scatter(odd, cells)
    return text, odd.filter(cells.str.contains(RECALLED))


def _clean(cell: str, always: bool) -> str:
    if cell[0] == "'" and cell[1:2] in ("=", "+", "-", "@"):  # against formulas, by the program that wrote the table
        cell = cell[1:]
    return markup.plain(moments.unwrapped(cell) if cell.startswith('="') and cell.endswith('"') else cell, always)
