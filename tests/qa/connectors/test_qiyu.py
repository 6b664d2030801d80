"""Exports of 七鱼 from a loopback fake with the documented limits: hours, spans, waiting, checksum, a zip with a
password, and a last line that is no record."""

from __future__ import annotations

import hashlib
import json
import struct
import threading
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from qa import connectors
from qa.errors import Invalid
from qa.policy import SYSTEM
from qa.workbench import Workbench

NIGHT = datetime(2026, 3, 2, 19, 30, tzinfo=UTC)
"""03:30 in China."""
SINCE = NIGHT - timedelta(days=3)
KEY, SECRET = "1064deea1c3624c9ee26d1de5ce8481f", "an app secret of thirty-two signs"
DAYS = [SINCE + timedelta(hours=5 + 24 * n) for n in range(3)]


def millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def told(start: int, end: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Sessions and messages of a span."""
    sessions, messages = [], []
    for n, at in enumerate(DAYS):
        begins = millis(at)
        if not start <= begins < end:
            continue
        about = {"staffId": 77, "staffName": "小青", "userId": f"u{n}", "fromType": "WEB", "evaluation": 75}
        sessions.append({"id": 500 + n, **about})
        said = [("您好，机器人为您服务", 0, -1), ("在吗", 1, 77), ("亲，在的", 0, 77), ('{"url": "x"}', 1, 77)]
        for k, (text, who, staff) in enumerate(said):
            about = {"from": who, "staffId": staff, "mType": 2 if k == 3 else 1}
            messages.append({"sessionId": 500 + n, "time": begins + 1000 * k, "msg": text, **about})
    return sessions, messages


class Cipher:
    """The old cipher of zips (PKWARE), which the standard library can only undo."""

    def __init__(self, password: bytes) -> None:
        self.keys = [0x12345678, 0x23456789, 0x34567890]
        for byte in password:
            self.turn(byte)

    def turn(self, byte: int) -> None:
        a, b, c = self.keys
        a = zlib.crc32(bytes([byte]), a ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
        b = ((b + (a & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        self.keys = [a, b, zlib.crc32(bytes([b >> 24]), c ^ 0xFFFFFFFF) ^ 0xFFFFFFFF]

    def hide(self, data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            mix = (self.keys[2] | 2) & 0xFFFF
            out.append(byte ^ ((mix * (mix ^ 1)) >> 8 & 0xFF))
            self.turn(byte)
        return bytes(out)


def zipped(files: dict[str, bytes], password: bytes) -> bytes:
    body, directory = b"", b""
    for name, data in files.items():
        crc = zlib.crc32(data)
        held = Cipher(password).hide(b"\0" * 11 + bytes([crc >> 24]) + data)
        about = struct.pack("<HHHHHIIIHH", 20, 1, 0, 0, 33, crc, len(held), len(data), len(name), 0)
        directory += (
            b"PK\1\2" + struct.pack("<H", 20) + about + struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + name.encode()
        )
        body += b"PK\3\4" + about + name.encode() + held
    count = len(files)
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(body), 0)
    return body + directory + b"PK\5\6" + end


class Fake:
    """Makes an export when it has been asked for twice. `password`: of its zips."""

    def __init__(self) -> None:
        self.spans: list[tuple[int, int]] = []
        self.checks, self.password, self.faults = 0, KEY[:12].encode(), list[int]()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                parts, body = urlsplit(self.path), self.rfile.read(int(self.headers["content-length"]))
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                signed = SECRET + hashlib.md5(body).hexdigest() + query["time"]
                if outer.faults:
                    return self.send(outer.faults.pop(0), b"busy")
                if (query["appKey"], query["checksum"]) != (KEY, hashlib.sha1(signed.encode()).hexdigest()):
                    return self.told(14002, "checksum")
                asked = json.loads(body)
                if parts.path.endswith("/check"):
                    outer.checks += 1
                    ready = outer.checks % 2 == 0
                    return self.told(200, f"{outer.base}/zip/{asked['key']}") if ready else self.told(14403, None)
                span = int(asked["start"]), int(asked["end"])
                if span[1] - span[0] > 2 * 86_400_000:
                    return self.told(14401, "span")
                outer.spans.append(span)
                return self.told(200, str(len(outer.spans) - 1))

            def do_GET(self) -> None:
                parts = told(*outer.spans[int(self.path.rsplit("/", 1)[-1])])
                names = ("20260302/session.txt", "20260302/message.txt")
                files = {
                    name: "\n".join([*(json.dumps(one, ensure_ascii=False) for one in rows), "end"]).encode()
                    for name, rows in zip(names, parts, strict=True)
                }
                self.send(200, zipped(files, outer.password))

            def told(self, code: int, message: str | None) -> None:
                self.send(200, json.dumps({"code": code, "message": message}).encode())

            def send(self, status: int, content: bytes) -> None:
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def fake() -> Iterator[Fake]:
    made = Fake()
    yield made
    made.server.shutdown()
    made.server.server_close()


def set_up(bench: Workbench, fake: Fake, secret: str = SECRET) -> None:
    connectors.add(
        bench, SYSTEM, now=NIGHT, name="七鱼", source="qiyu", kind="qiyu",
        settings={"base": fake.base, "app_key": KEY}, secret=secret, since=SINCE,
    )  # fmt: skip


def fetch(bench: Workbench, now: datetime = NIGHT) -> connectors.Fetched:
    return connectors.fetch(bench, "七鱼", now=now, rest=lambda seconds: None)


def test_chats_are_exported_span_by_span_and_once(bench: Workbench, fake: Fake) -> None:
    set_up(bench, fake)
    fake.faults = [429]
    done = fetch(bench)
    assert (done.error, done.batches, done.new, done.messages, done.left_out) == (None, 3, 3, 12, 0)
    assert all(end - start <= 2 * 86_400_000 for start, end in fake.spans)
    snapshot = bench.archive.at()
    said = snapshot.scan("messages").filter(conversation_key="qiyu:500").sort("seq").collect()
    assert said["role"].to_list() == ["bot", "customer", "agent", "customer"]
    assert said["kind"].to_list() == ["text", "text", "text", "image"]
    chats = snapshot.scan("conversations").sort("conversation_id").collect()
    assert chats["agent_id"].to_list() == ["77"] * 3
    assert chats["customer_id"].to_list() == ["u0", "u1", "u2"]
    assert chats["satisfaction"].to_list() == [4] * 3
    again = fetch(bench, NIGHT + timedelta(days=1))
    assert (again.error, again.new, again.changed) == (None, 0, 0)
    [view] = connectors.connectors(bench, SYSTEM)
    assert view.cursor == str(millis(NIGHT + timedelta(days=1, hours=-2)))


def test_nothing_is_asked_outside_its_hours(bench: Workbench, fake: Fake) -> None:
    set_up(bench, fake)
    assert "02:00" in str(fetch(bench, NIGHT + timedelta(hours=3)).error)
    assert fake.spans == []


@pytest.mark.parametrize(("secret", "password", "said"), [("wrong", KEY[:12], "checksum"), (SECRET, "other", "opened")])
def test_what_goes_wrong_is_said_and_moves_nothing(
    bench: Workbench, fake: Fake, secret: str, password: str, said: str
) -> None:
    set_up(bench, fake, secret)
    fake.password = password.encode()
    assert said in str(fetch(bench).error)
    assert connectors.connectors(bench, SYSTEM)[0].cursor == ""


def test_an_address_of_a_description_of_ones_own_must_be_safe(bench: Workbench, tmp_path: Path) -> None:
    text = (files("qa.connectors") / "data" / "qiyu.toml").read_text("utf-8")
    own = tmp_path / "own.toml"
    own.write_text(text.replace("{base}/openapi/export/session/check", "http://qiyu.example.com/check"), "utf-8")
    with pytest.raises(Invalid, match="https address"):
        connectors.add(
            bench, SYSTEM, now=NIGHT, name="own", source="qiyu", kind=str(own),
            settings={"base": "https://qiyukf.com", "app_key": KEY}, secret=SECRET, since=SINCE,
        )  # fmt: skip
