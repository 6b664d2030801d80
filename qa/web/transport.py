"""How answers travel: compressed where that pays, and quiet where the browser only feels its way.

What Streamlit serves from `/static/` never changes under its name, so it is compressed once per process and kept.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

try:
    import brotli  # type: ignore[import-untyped]
except ImportError:  # pragma: no cover - a platform without a wheel sends gzip
    brotli = None

LEAST = 1_000
"""Bytes below which compressing costs more than it saves."""
KINDS = ("text/", "application/javascript", "application/json", "image/svg+xml", "application/wasm")
UNCHANGING = "/static/"
_PROBE = re.compile(r"/[^/]+/_stcore/(health|host-config)")


class Compressed:
    """Middleware that sends text compressed to browsers that take it. Never what is downloaded, and nothing twice."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._kept: dict[tuple[str, str, str], bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        encoding = _encoding(scope)
        if encoding is None:
            await self.app(scope, receive, send)
            return
        answer = _Answer(send, encoding, scope["path"], self._kept)
        await self.app(scope, receive, answer.send)


class _Answer:
    """One answer: held back until its kind is known, and as a whole where it is compressed."""

    def __init__(self, send: Send, encoding: str, path: str, kept: dict[tuple[str, str, str], bytes]) -> None:
        self._send, self._encoding, self._path, self._kept = send, encoding, path, kept
        self._start: Message | None = None
        self._body: list[bytes] = []

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _worth(message):
            self._start = message
            return
        if self._start is None or message["type"] != "http.response.body":
            await self._send(message)
            return
        self._body.append(message.get("body", b""))
        if not message.get("more_body", False):
            await self._finish(self._start, b"".join(self._body))

    async def _finish(self, start: Message, body: bytes) -> None:
        headers = MutableHeaders(scope=start)
        headers.add_vary_header("Accept-Encoding")
        if len(body) >= LEAST:
            body = await self._packed(body, headers.get("etag") or "")
            headers["Content-Encoding"] = self._encoding
            if headers.get("etag", "").startswith('"'):
                headers["ETag"] = f"W/{headers['etag']}"
        headers["Content-Length"] = str(len(body))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})

    async def _packed(self, body: bytes, etag: str) -> bytes:
        key = (self._path, etag, self._encoding)
        if key in self._kept:
            return self._kept[key]
        packed = await to_thread.run_sync(PACKERS[self._encoding], body)
        if self._path.startswith(UNCHANGING):
            self._kept[key] = packed
        return packed


class Probes:
    """Middleware that answers what the browser tries below a page's address before it finds the server at its root.

    Streamlit asks `/<page>/_stcore/health` first on every deep link. Saying yes would move the whole application there,
    and a refusal is an error in the browser's console; “choose another place” is neither.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _PROBE.fullmatch(scope["path"]):
            await Response(status_code=300)(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _encoding(scope: Scope) -> str | None:
    """The best encoding the browser takes; None where the answer must stay as it is."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["path"].startswith("/media/"):
        return None
    headers = Headers(scope=scope)
    if "range" in headers:
        return None
    taken = {part.partition(";")[0].strip() for part in headers.get("accept-encoding", "").lower().split(",")}
    return next((name for name in PACKERS if name in taken), None)


def _worth(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    kind = headers.get("content-type", "")
    return (
        start["status"] == 200
        and kind.startswith(KINDS)
        and "content-encoding" not in headers
        and not kind.startswith("text/event-stream")
    )


def _gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def _brotli(body: bytes) -> bytes:
    packed: bytes = brotli.compress(body, quality=7)
    return packed


PACKERS: dict[str, Callable[[bytes], bytes]] = {**({"br": _brotli} if brotli is not None else {}), "gzip": _gzip}
"""From the encoding browsers should take to the one they all take."""
