"""The inside of JSON records: which list holds the messages, and records with their lists as flat rows of text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from qa.ingest.files import shape

DEPTH = 6
SAMPLE_ITEMS = 50
Record = dict[str, Any]
TEXTS = frozenset(
    [
        "text",
        "content",
        "body",
        "msg",
        "message",
        "words",
        "comment",
        "bodytext",
        "plainbody",
        "strcontent",
        "html",
        "textcontent",
        "messagetext",
        "内容",
        "消息内容",
        "消息",
        "文本",
        "text.content",
        "content.text",
        "body.text",
        "message.text",
    ]
)
SPEAKERS = frozenset(
    [
        "sender",
        "sendertype",
        "senderid",
        "from",
        "fromuser",
        "fromid",
        "fromrole",
        "role",
        "author",
        "authorid",
        "authortype",
        "direction",
        "type",
        "messagetype",
        "participantrole",
        "participantpurpose",
        "participantid",
        "iswaiter",
        "isfromwaiter",
        "waitersend",
        "incoming",
        "fromagent",
        "identity",
        "speaker",
        "userid",
        "uid",
        "name",
        "发送方",
        "角色",
        "发送人",
        "authorisnotclient",
        "issender",
        "owner",
    ]
)
TIMES = frozenset(
    [
        "time",
        "ts",
        "timestamp",
        "createdat",
        "created",
        "createddatetime",
        "sentat",
        "sendtime",
        "msgtime",
        "date",
        "datecreated",
        "absolutetime",
        "begintime",
        "starttimems",
        "beginoffsetmillis",
        "dateunixtime",
        "createtime",
        "时间",
        "发送时间",
        "消息时间",
    ]
)
IDS = frozenset(
    [
        "conversationid",
        "sessionid",
        "sid",
        "chatid",
        "ticketid",
        "threadid",
        "conversationsid",
        "convid",
        "会话id",
        "对话id",
        "talkerid",
        "tid",
    ]
)
KEYS_OF_PEOPLE = ("id", "userid", "participantid")
KINDS_OF_PEOPLE = ("type", "role", "participantrole", "participantpurpose", "purpose", "usertype")
AGENTS = frozenset(("agent", "internal", "admin", "operator", "staff", "客服"))


def fold(name: str) -> str:
    """A field name without case and punctuation."""
    return "".join(c for c in name.casefold() if c.isalnum())


def plain(node: Any, depth: int = 0) -> Any:
    """A record with what other programs wrap undone: values of MongoDB (`{"$oid": …}`), and objects that hold messages
    or conversations by id (`{"m1": {…}, "m2": {…}}`) as lists of them."""
    if depth > 2 * DEPTH:
        return node
    if isinstance(node, list):
        return [plain(item, depth + 1) if isinstance(item, dict | list) else item for item in node]
    if len(node) == 1 and (key := next(iter(node))) in WRAPPED:
        inner = node[key]
        return plain(inner, depth + 1) if isinstance(inner, dict) else inner
    found = {key: plain(value, depth + 1) if isinstance(value, dict | list) else value for key, value in node.items()}
    return _by_id(found) or found


def _by_id(node: Record) -> list[Record] | None:
    """The objects of an object that are kept by id, each with its id, if they hold or are messages."""
    if not node or not all(isinstance(value, dict) for value in node.values()):
        return None
    if not all(any(c.isdigit() for c in key) for key in node):
        return None
    items = list(node.values())
    if message_score(items) >= 5:
        return [{"message_id": key, **item} for key, item in node.items()]
    held = any(message_score(inner) > 0 for item in items[:SAMPLE_ITEMS] for inner in lists_of(item).values())
    return (
        [{**item, "conversation_id": item.get("conversation_id", key)} for key, item in node.items()] if held else None
    )


WRAPPED = frozenset(("$oid", "$date", "$numberLong", "$numberInt", "$numberDouble", "$numberDecimal"))


def lists_of(record: Record) -> dict[str, list[Record]]:
    """Path → items of every list of objects inside, at most `DEPTH` levels down; inner lists as `outer[].inner`."""
    found: dict[str, list[Record]] = {}
    _walk(record, "", found, 0)
    return found


def _walk(node: Record, path: str, found: dict[str, list[Record]], depth: int) -> None:
    for key, value in list(node.items())[: shape.MAX_COLUMNS] if depth < DEPTH else ():
        here = path + str(key)
        if isinstance(value, dict):
            _walk(value, here + ".", found, depth + 1)
        elif is_list_of_objects(value):
            items = [item for item in value[:SAMPLE_ITEMS] if isinstance(item, dict)]
            found.setdefault(here, []).extend(items)
            for item in items[:10]:
                _walk(item, here + "[].", found, depth + 1)


def is_list_of_objects(value: object) -> bool:
    """A list that holds objects and nothing else."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value[:SAMPLE_ITEMS])


def message_score(items: Iterable[Record]) -> float:
    """How much the items look like messages: text is needed, who spoke and when make it likelier. Tags and people score
    0."""
    best = 0.0
    for item in items:
        names = set(_names(item))
        if not names & TEXTS:
            continue
        best = max(best, 3 + 2 * bool(names & SPEAKERS) + bool(names & TIMES))
    return best


def _names(item: Record) -> Iterator[str]:
    for key, value in item.items():
        yield fold(key)
        if isinstance(value, dict):
            yield from (f"{fold(key)}.{fold(inner)}" for inner in value)


def has_id(items: Iterable[Record]) -> bool:
    """Whether the items themselves name the conversation they belong to."""
    return any(fold(key) in IDS and item[key] not in (None, "", {}, []) for item in items for key in item)


def is_conversation(record: Record) -> bool:
    """Whether a record bears the id of a conversation itself."""
    return any(fold(key) in IDS or fold(key) == "id" for key, value in record.items() if isinstance(value, str | int))


def follow(node: Any, path: str) -> list[Any]:
    """The values at a path without lists, like `thread.events`; empty where there is none."""
    for key in path.split("."):
        node = node.get(key) if isinstance(node, dict) else None
    return node if isinstance(node, list) else [] if node is None else [node]


def flat(node: Record, prefix: str = "", skip: str = "", depth: int = 0) -> Iterator[tuple[str, str | None]]:
    """Name and text of every field, objects opened (`text.content`), lists of texts joined; the list `skip` is left
    out."""
    for key, value in node.items():
        name = prefix + str(key)
        if name == skip:
            continue
        if isinstance(value, dict):
            if depth < DEPTH:
                yield from flat(value, name + ".", skip, depth + 1)
        elif isinstance(value, list):
            if (joined := _joined(value)) is not None:
                yield name, joined
        else:
            yield name, as_text(value)


def _joined(values: list[Any]) -> str | None:
    """A list of texts, or of texts and objects that have a text, as one text; None for other lists."""
    parts = [
        value if isinstance(value, str) else value.get("text") if isinstance(value, dict) else as_text(value)
        for value in values
    ]
    if any(part is None for part in parts):
        return None
    rich = any(isinstance(value, dict) for value in values)
    return ("" if rich else ",").join(str(part) for part in parts)


def as_text(value: Any) -> str | None:
    """A JSON value as the cell of a table."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value)


def rows(record: Record, path: str, opening: Mapping[str, str]) -> Iterator[dict[str, str | None]]:
    """One row a message of the list at `path` (levels separated by `[].`), with the fields of what is around it.

    The fields of an item are named `path[].field`. A record without messages gives one row without them. `opening`
    describes a first message beside the list.
    """
    outer = dict(flat(record, skip=path.split("[].")[0]))
    people = _people(record)
    if agents := [who for who, (kind, _) in people.items() if kind.casefold() in AGENTS]:
        outer["people→agent"] = agents[0]
    first = _opening(outer, path, opening)
    if first is not None:
        yield first
    found = False
    for row in _items(record, path.split("[]."), "", outer):
        found = True
        yield _with_people(row, people)
    if not found and first is None:
        yield outer


def _items(
    node: Record, levels: list[str], prefix: str, outer: dict[str, str | None]
) -> Iterator[dict[str, str | None]]:
    name = prefix + levels[0] + "[]."
    for item in follow(node, levels[0]):
        if not isinstance(item, dict):
            continue
        if len(levels) == 1:
            yield {**outer, **dict(flat(item, name))}
        else:
            yield from _items(item, levels[1:], name, {**outer, **dict(flat(item, name, name + levels[1]))})


def _opening(outer: dict[str, str | None], path: str, opening: Mapping[str, str]) -> dict[str, str | None] | None:
    cells = {
        f"{path}[].{name}": said[1:] if said.startswith("=") else outer.get(said) for name, said in opening.items()
    }
    told = any(
        cell
        for name, cell in cells.items()
        if not opening[name.removeprefix(f"{path}[].")].startswith("=") and fold(name.rsplit("[].")[-1]) in TEXTS
    )
    return {**outer, **cells} if told else None


def _people(record: Record) -> dict[str, tuple[str, str]]:
    """Id → (kind, name) from a list of participants inside the record."""
    found: dict[str, tuple[str, str]] = {}
    for items in lists_of(record).values():
        for item in items:
            names = {fold(key): value for key, value in item.items() if isinstance(value, str | int)}
            kind = next((str(names[k]) for k in KINDS_OF_PEOPLE if k in names), "")
            who = next((str(names[k]) for k in KEYS_OF_PEOPLE if k in names), "")
            if kind and who and not set(names) & TEXTS:
                found[who] = (kind, str(names.get("name") or names.get("displayname") or names.get("email") or who))
    return found


def _with_people(row: dict[str, str | None], people: Mapping[str, tuple[str, str]]) -> dict[str, str | None]:
    """The row with kind and name of the participant that an item's author field names."""
    if not people:
        return row
    for name, value in list(row.items()):
        if (
            value is not None
            and value in people
            and "[]." in name
            and fold(name.rsplit("[].", 1)[1]) in ("authorid", "senderid", "participantid", "userid", "from", "fromid")
        ):
            row[f"{name}→type"], row[f"{name}→name"] = people[value]
    return row
