"""Exports of 网易七鱼: asked for, waited for, fetched as a zip, read into rows.

A request carries appKey, time and checksum, the SHA-1 of secret, MD5 of the body and time. An export is of at most two
days and is given from 02:00 to 06:00 China time alone; the zip's password is the first twelve characters of the appKey;
it holds `session.txt` and `message.txt` with one JSON a line. Written by public descriptions of the interface.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import IO, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import httpx
import polars as pl

from qa.connectors.asking import AWAY, CHATS, SAID, SECONDS, Batch, answered, is_safe
from qa.connectors.descriptions import Description, ExportOf
from qa.errors import Invalid, Unavailable
from qa.i18n import N_

CHINA = ZoneInfo("Asia/Shanghai")
OPEN_FROM, OPEN_TO = 2, 6
"""Hours of the day in China between which exports are given."""
SPAN, OVERLAP, SETTLED = timedelta(days=1), timedelta(hours=2), timedelta(hours=2)
"""What one export covers; how much of the one before is asked for again, for chats that went on; and how old what is
asked for must be."""
TURNS, PAUSE = 60, 10.0
"""So often, and after so many seconds each, it is asked whether an export is ready."""
DONE, PENDING = 200, 14403
LARGEST_ZIP, LARGEST_TEXT = 512 << 20, 2 << 30
PASSWORD = 12
KINDS = {"1": "text", "2": "image", "3": "file", "4": "file", "5": "file", "100": "card"}
SCORES = {"100": 5, "75": 4, "50": 3, "25": 2, "1": 1}
CUSTOMER, AGENT = ("1", "True"), ("0", "False")


@dataclass
class QiyuSource:
    """One account with its settings (base, app_key) and its secret."""

    description: Description
    asked: ExportOf
    settings: Mapping[str, str]
    secret: str = field(repr=False)
    now: datetime
    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time

    def batches(self, cursor: str, since: datetime) -> Iterator[Batch]:
        """Day by day what is new behind `cursor` (milliseconds); without one, from `since` on."""
        if not OPEN_FROM <= self.now.astimezone(CHINA).hour < OPEN_TO:
            raise Unavailable(
                N_("七鱼 gives exports from 02:00 to 06:00 China time alone: set the step Take in to such a time.")
            )
        at = datetime.fromtimestamp(int(cursor) / 1000, UTC) if cursor else since
        until = self.now - SETTLED
        with httpx.Client(timeout=SECONDS, follow_redirects=False) as client:
            while at < until:
                end = min(at + SPAN, until)
                with tempfile.TemporaryFile() as file:
                    self._fetch(client, self._ready(client, at - OVERLAP, end), file)
                    chats, said = _rows(file, self.settings["app_key"])
                yield Batch(chats, said, str(_millis(end)), end >= until)
                at = end

    def _ready(self, client: httpx.Client, start: datetime, end: datetime) -> str:
        """The address of an export, once it is made."""
        _, key = self._call(client, self.asked.ask, {"start": str(_millis(start)), "end": str(_millis(end))})
        for _ in range(TURNS):
            code, said = self._call(client, self.asked.check, {"key": key})
            if code == DONE:
                return said
            self.pause(PAUSE)
        raise Unavailable(N_("七鱼 has not made the export ready; it is asked for again the next time."))

    def _call(self, client: httpx.Client, url: str, body: Mapping[str, str]) -> tuple[int, str]:
        content = json.dumps(body).encode()

        def send() -> httpx.Response:
            now = str(int(self.clock()))
            checksum = hashlib.sha1((self.secret + hashlib.md5(content).hexdigest() + now).encode()).hexdigest()
            params = {"appKey": self.settings["app_key"], "time": now, "checksum": checksum}
            address = url.replace("{base}", self.settings["base"].rstrip("/"))
            return client.post(address, params=params, content=content, headers={"content-type": "application/json"})

        told = answered(send, self.pause, lambda: self.pause(60 / self.description.limits.per_minute))
        code, said = (told.get("code"), told.get("message")) if isinstance(told, dict) else (None, None)
        if code not in (DONE, PENDING) or not isinstance(said, str | None) or (code == DONE and not said):
            raise Invalid(N_("七鱼 refused the request: {code} {reason}"), code=str(code), reason=str(said)[:200])
        return code, said or ""

    def _fetch(self, client: httpx.Client, url: str, file: IO[bytes]) -> None:
        """Write the zip at an address that the source gave into a file."""
        if not is_safe(url):
            raise Invalid(N_("“{value}” is not an https address."), value=urlsplit(url).netloc[:80])
        size = 0
        try:
            with client.stream("GET", url) as response:
                if response.status_code != 200:
                    raise Unavailable(AWAY, reason=f"HTTP {response.status_code}")
                for part in response.iter_bytes():
                    size += len(part)
                    if size > LARGEST_ZIP:
                        raise Invalid(N_("The export is larger than {most} MB."), most=LARGEST_ZIP >> 20)
                    file.write(part)
        except httpx.HTTPError as problem:
            raise Unavailable(AWAY, reason=type(problem).__name__) from problem
        file.seek(0)


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _rows(file: IO[bytes], app_key: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Conversations and messages of an export."""
    try:
        with zipfile.ZipFile(file) as archive:
            if sum(one.file_size for one in archive.infolist()) > LARGEST_TEXT:
                raise Invalid(N_("The export is larger than {most} MB."), most=LARGEST_TEXT >> 20)
            parts = {
                name: _lines(archive, name, app_key[:PASSWORD].encode()) for name in ("session.txt", "message.txt")
            }
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as problem:
        raise Invalid(N_("The export cannot be opened: {reason}"), reason=str(problem)[:200]) from problem
    said = [row for one in parts["message.txt"] if (row := _message(one)) is not None]
    said.sort(key=lambda row: (row["conversation_id"], row["sent_at"]))
    spoken = {row["conversation_id"] for row in said}
    chats = [row for one in parts["session.txt"] if (row := _conversation(one))["conversation_id"] in spoken]
    messages = pl.DataFrame(said, schema={**SAID, "kind": pl.String})
    return (
        pl.DataFrame(chats, schema=CHATS).unique("conversation_id", keep="last", maintain_order=True),
        messages.with_columns(seq=pl.int_range(pl.len(), dtype=pl.Int64).over("conversation_id")),
    )


def _lines(archive: zipfile.ZipFile, name: str, password: bytes) -> list[dict[str, Any]]:
    """The records of a file in whatever folder; its last line may be no record."""
    found = next((one for one in archive.namelist() if one.rsplit("/", 1)[-1] == name), None)
    if found is None:
        raise Invalid(N_("The export cannot be opened: {reason}"), reason=name)
    lines = [line for line in archive.read(found, pwd=password).decode("utf-8", "replace").splitlines() if line.strip()]
    records = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if isinstance(record, dict):
            records.append(record)
        elif number < len(lines):
            raise Invalid(N_("Line {number} of {file} of the export is no JSON object."), number=number, file=name)
    return records


def _message(one: Mapping[str, Any]) -> dict[str, Any] | None:
    """A message; None for what has neither chat, text nor time."""
    chat, text, at = one.get("sessionId"), one.get("msg", one.get("content")), one.get("time")
    if chat is None or text in (None, "") or not isinstance(at, int):
        return None
    who, staff = str(one.get("from", one.get("fromUser"))), _staff(one)
    role = "customer" if who in CUSTOMER else "agent" if who in AGENT else "bot" if who == "2" else ""
    if role == "agent" and (str(one.get("autoReply")) in ("1", "True") or ("staffId" in one and staff is None)):
        role = "bot"
    return {
        "conversation_id": str(chat), "seq": 0, "role": role, "agent_id": staff if role == "agent" else None,
        "sent_at": datetime.fromtimestamp(at / 1000, UTC),
        "text": text if isinstance(text, str) else json.dumps(text, ensure_ascii=False),
        "kind": KINDS.get(str(one.get("mType", one.get("msgType", 1))), "text"),
    }  # fmt: skip


def _conversation(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "conversation_id": str(one.get("id")),
        "agent_id": _staff(one),
        "agent_name": _said(one.get("staffName") or one.get("nickName")),
        "customer_id": _said(one.get("userId")),
        "channel": _said(one.get("fromType")),
        "satisfaction": SCORES.get(str(one.get("evaluation"))),
    }


def _staff(one: Mapping[str, Any]) -> str | None:
    """The agent's number; a bot has none above zero."""
    number = one.get("staffId")
    return str(number) if isinstance(number, int) and number > 0 else None


def _said(value: object) -> str | None:
    return None if value in (None, "") else str(value)
