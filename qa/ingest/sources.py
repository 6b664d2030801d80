"""Where a file comes from: one short name per shop and platform, asked once and remembered.

The source is part of every key, so it must not change from one export to the next. A file is known again by the shop it
names, else by its own name without the days and numbers that exports put into it, and by its layout.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from qa import audit
from qa.errors import Invalid
from qa.i18n import N_
from qa.ingest import silence
from qa.policy import SYSTEM
from qa.tables import ImportRun, Setting
from qa.workbench import Workbench

SETTING = "import.sources"
SILENCES = "import.silences"
ID_KEY = "import.id_key"
NAMELESS = "import"
LENGTH = 40
GENERIC = frozenset(
    ("conversations", "messages", "disputes", "ratings", "sessions", "export", "data", "chats", "agents")
)
_MONTHS = (
    "jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sep(t(ember)?)?|oct(ober)?|nov(ember)?|"
    "dec(ember)?"
)
_PART = "(份|上旬|中旬|下旬|上半月|下半月|上|中|下)?"
_TIMES = re.compile(
    r"\(\d+\)|（\d+）|副本|copy"
    rf"|\d{{4}}年(\d{{1,2}}月(\d{{1,2}}[日号]|{_PART}))?|\d{{6,17}}|\d{{4}}[-_./]\d{{1,2}}([-_./]\d{{1,2}})?|"
    r"(?<!\d)(19|20)\d\d(?!\d)"
    rf"|\d{{1,2}}月(\d{{1,2}}[日号]|{_PART})|\d{{1,2}}[日号]|(?<!\d)\d{{1,2}}[-.]\d{{1,2}}(?!\d)|"
    rf"[一二三四五六七八九十]{{1,3}}月{_PART}"
    r"|[上中下](旬|半月|半年|月)|周[一二三四五六日天]|星期[一二三四五六日天]|第?[一二三四]季度"
    rf"|(?<![a-z])(q[1-4]|h[12]|{_MONTHS}|(mon|tues|wednes|thurs|fri|satur|sun)day)(?![a-z])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class SourceChoice:
    """The source to offer for a file. `remembered`: files like it were imported under this name; `known`: all names in
    use."""

    source: str
    remembered: bool
    known: tuple[str, ...]
    mark: str
    """What files like it have in common; kept with the source when the import is done."""


def suggest_source(path: Path, shop: str = "") -> str:
    """A name from the shop, else from the file's name without days, months and copy numbers; `import` when nothing is
    left.

    A file that is called what every export is called has the name of its folder, unless that is the one of an upload.
    """
    folder = "" if path.parent.parent.name == "uploads" else path.parent.name
    stem, folder = (name if name.casefold() not in GENERIC else "" for name in (path.stem, folder))
    for text in (shop, stem or folder):
        name = "-".join(part for part in re.split(r"[\W_]+", _TIMES.sub(" ", text)) if part)
        if name:
            return name[:LENGTH]
    return NAMELESS


def choose(
    bench: Workbench, path: Path, preset: str, columns: Mapping[str, str], rows: Sequence[Mapping[str, str | None]]
) -> SourceChoice:
    """The source of a file with these first `rows`: the remembered one of its shop and platform, else a proposal."""
    header = columns.get("shop", "")
    shops = {str(row[header]).strip() for row in rows if row.get(header)} if header else set()
    shop = next(iter(shops)) if len(shops) == 1 else ""
    proposal = suggest_source(path, shop)
    mark = f"{preset or 'columns'}|{proposal}"
    with bench.db.read() as session:
        kept = session.get(Setting, SETTING)
        known = session.scalars(
            select(ImportRun.source)
            .where(ImportRun.kind != "agents", ImportRun.state == "done")
            .distinct()
            .order_by(ImportRun.source)
        )
        names = tuple(known)
        again = (
            select(ImportRun.source)
            .where(ImportRun.file_name == path.name, ImportRun.kind != "agents", ImportRun.state == "done")
            .order_by(ImportRun.id.desc())
        )
        earlier = None if shop or path.stem.casefold() in GENERIC else session.scalar(again.limit(1))
    source = (kept.value if kept else {}).get(mark) or earlier
    return SourceChoice(source or proposal, source is not None, names, mark)


def remember(session: Session, mark: str, source: str, now: datetime) -> None:
    """Files with this mark come from `source`."""
    kept = session.get(Setting, SETTING)
    value: dict[str, Any] = {**(kept.value if kept else {}), mark: source}
    if kept is None:
        session.add(Setting(key=SETTING, value=value, updated_at=now))
    elif kept.value.get(mark) != source:
        kept.value, kept.updated_at = value, now


def silence_of(bench: Workbench, source: str) -> timedelta:
    """How long a silence ends a chat of this source, where its files name no chats."""
    with bench.db.read() as session:
        kept = session.get(Setting, SILENCES)
    seconds = (kept.value if kept else {}).get(source)
    return silence.USUAL if seconds is None else timedelta(seconds=seconds)


def checked_silence(hours: float) -> timedelta:
    """Hours as a length of time. Raises `Invalid` outside five minutes to a week."""
    if not 1 / 12 <= hours <= 168:
        raise Invalid(
            N_("A silence that ends a chat lasts between 5 minutes and 7 days; {hours} hours is not between them."),
            hours=hours,
        )
    return timedelta(hours=hours)


def remember_silence(session: Session, source: str, seconds: float, now: datetime) -> None:
    """Chats of this source end after so long a silence."""
    kept = session.get(Setting, SILENCES)
    if kept is None:
        session.add(Setting(key=SILENCES, value={source: seconds}, updated_at=now))
    else:
        kept.value, kept.updated_at = {**kept.value, source: seconds}, now


def id_key(bench: Workbench, now: datetime | None) -> bytes:
    """The key that makes derived ids opaque. It is kept with the installation's data, so that a restored backup derives
    the same ones; made at the first import (`now`), and thrown away where nothing is written (None)."""
    with bench.db.read() as session:
        kept = session.get(Setting, ID_KEY)
    if kept is not None:
        return bytes.fromhex(kept.value["key"])
    key = secrets.token_bytes(32)
    if now is None:
        return key
    with bench.db.write() as session:
        if (other := session.get(Setting, ID_KEY)) is not None:
            return bytes.fromhex(other.value["key"])
        session.add(Setting(key=ID_KEY, value={"key": key.hex()}, updated_at=now))
        audit.record(session, SYSTEM, now, "setting.made", "setting", ID_KEY)
    return key
