"""An endpoint of chat completions on loopback with a switch for every way to go wrong. Counts what it would have been
paid for; a question it has answered before (Idempotency-Key) is answered again without pay."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "fake-1"
BOMB = "\u202e" + "a\u0301" * 500 + "\U0001f4a3" * 200


@dataclass
class Fake:
    """The switches. `mode` holds for every question, `once` (a list) for one each, first come first served."""

    mode: str = "valid"
    once: list[str] = field(default_factory=list)
    key: str = ""
    model: str = MODEL
    judge: Callable[[list[dict[str, Any]]], dict[str, str]] | None = None
    delay: float = 0.0
    paid: Counter[str] = field(default_factory=Counter)
    bodies: list[bytes] = field(default_factory=list)
    asked: int = 0
    url: str = ""
    kept: dict[str, bytes] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def serving(fake: Fake | None = None) -> Iterator[Fake]:
    fake = fake or Fake()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None: ...

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            mark = self.headers.get("Idempotency-Key", "")
            with fake.lock:
                fake.asked += 1
                fake.bodies.append(body)
                mode = fake.once.pop(0) if fake.once else fake.mode
                known = fake.kept.get(mark)
            with suppress(BrokenPipeError, ConnectionResetError):
                if fake.key and self.headers.get("Authorization") != f"Bearer {fake.key}":
                    self.send(401, b'{"error": "key"}')
                elif known is not None:
                    self.send(200, known)
                else:
                    time.sleep(fake.delay)
                    answered(self, fake, mode, body, mark)

        def send(self, status: int, data: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()


def answered(handler: Any, fake: Fake, mode: str, body: bytes, mark: str) -> None:
    asked = json.loads(body)
    form = asked.get("response_format", {}).get("type", "text")
    if mode in ("500", "503"):
        return handler.send(int(mode), b"oops")
    if mode == "429":
        return handler.send(429, b"{}", Retry_After="0.2")
    if mode == "404":
        return handler.send(404, b"{}")
    if mode == "no_schema" and form == "json_schema":
        return handler.send(400, b'{"error": "response_format json_schema is not supported"}')
    if mode == "plain_only" and form != "text":
        return handler.send(400, b'{"error": "unknown field response_format"}')
    if mode == "hang":
        time.sleep(30)
        return None
    if mode == "drop":
        handler.connection.close()
        return None
    data = reply(fake, mode, asked)
    with fake.lock:
        fake.paid[mark] += 1
        fake.kept[mark] = data
    if mode == "slow":
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        for byte in data:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            time.sleep(0.05)
        return None
    return handler.send(200, data)


def reply(fake: Fake, mode: str, asked: dict[str, Any]) -> bytes:
    """A body of chat completions; the model answers what its system message says, whatever the chat asks for."""
    lines = json.loads(asked["messages"][1]["content"])["会话"]
    items = json.loads(asked["messages"][0]["content"].split("评分标准：\n", 1)[1])
    spoken = next((line for line in lines if line["role"] == "客服"), lines[0])
    chosen = fake.judge(lines) if fake.judge else {}
    answers: dict[str, Any] = {
        item["id"]: {
            "answer": chosen.get(item["id"], "na" if "na" in item["有没有机会"] else "cannot_tell"),
            "evidence": [spoken["seq"]], "quote": spoken["text"][:5], "reason": "看过",
        }
        for item in items
    }  # fmt: skip
    first = answers[items[0]["id"]]
    first |= {
        "wrong_enum": {"answer": "满分"},
        "invented_seq": {"evidence": [999]},
        "not_verbatim": {"quote": "从没说过的话"},
        "bombs": {"quote": BOMB, "evidence": [10**30], "answer": BOMB},
    }.get(mode, {})
    content: str | None = json.dumps(answers, ensure_ascii=False)
    finish, refusal = "stop", None
    if mode == "broken":
        content = content[:-3]
    elif mode == "fenced":
        content = f"```json\n{content}\n```"
    elif mode == "chatty":
        content = f"好的，以下是评分：{content}"
    elif mode == "refusal":
        content, refusal = None, "I cannot do that."
    elif mode == "cut":
        finish, content = "length", content[:50]
    elif mode == "empty":
        content = ""
    model = "fake-2" if mode == "other_model" else fake.model
    message = {"role": "assistant", "content": content, "refusal": refusal}
    document = {
        "id": "x",
        "model": model,
        "system_fingerprint": "fp",
        "choices": [{"message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 200},
    }
    return b"\xff\xfe" + b"nonsense" if mode == "no_json" else json.dumps(document, ensure_ascii=False).encode()
