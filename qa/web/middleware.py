"""The gate: every request and websocket passes it first; strangers get the sign-in page and nothing else.

Pure ASGI, because websockets must pass it too. It resolves the cookie to a session mark, hands only that mark to the
pages, and looks again while a websocket is open. What a mark means is the business of `qa.people.accounts`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from qa import outage
from qa.config import Config
from qa.i18n import Translator, pick_language
from qa.people import signins
from qa.web import cookies
from qa.web.media import MediaOwners
from qa.workbench import Workbench

OPEN = frozenset(
    {"/login", "/login/link", "/auth/logout", "/healthz", "/readyz", "/_stcore/health", "/favicon.ico", "/robots.txt"}
)
OPEN_WITH_PROVIDER = frozenset({"/login/oidc", "/auth/login", "/oauth2callback"})
OPEN_FOLDER = "/static/"
MEDIA = "/media/"
PROGRAMS = "/api/v1/"
RECHECK_SECONDS = 1.0
RECHECK_OUTGOING_SECONDS = 30.0
CLOSED_NOT_SIGNED_IN = 4401
CLOSED_POLICY = 1008

_INLINE_SCRIPT = (  # the one inline script of Streamlit's index.html
    "'sha256-THxz9J9+wf7rhwR2YkXJoSZ13UCmYyC+3lNDv2+8ugA='"
)


def content_security_policy(host: str, secure: bool) -> str:
    """What a page may load: ourselves, inline styles, and scripts Streamlit builds from component code."""
    sockets = f"{'wss' if secure else 'ws'}://{host}"
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' blob: 'wasm-unsafe-eval' {_INLINE_SCRIPT}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            f"connect-src 'self' {sockets}",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


class Gate:
    """Middleware around everything. `bench` gives the workbench; asked per request, so tests can change it."""

    def __init__(self, app: ASGIApp, bench: Callable[[], Workbench]) -> None:
        self.app = app
        self.bench = bench
        self._media = MediaOwners()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        config = self.bench().config
        headers = Headers(scope=scope)
        if scope["type"] == "http":
            send = _with_security_headers(send, scope, config, headers.get("host") or "")
        refusal = _foreign(scope, config, headers)
        if refusal is not None:
            await _answer(scope, receive, send, refusal)
            return
        jar = cookies.read_cookies(headers)
        token = jar.get(cookies.cookie_name(config), "")
        scope["headers"] = [(name, value) for name, value in scope["headers"] if not _is_ours(name)]
        if scope["type"] == "http" and _is_open(scope["path"], config):
            await self.app(scope, receive, send)
            return
        try:
            mark = await self._mark(token) if token else None
        except Exception as problem:
            await _answer(scope, receive, send, _trouble(problem, config, headers))
            return
        if mark is None:
            await _answer(scope, receive, send, _stranger(scope, config, headers, jar))
            return
        _identify(scope, mark, cookies.without(jar, config))
        if scope["type"] == "http" and scope["path"].startswith(MEDIA) and not self._media.belongs(scope["path"], mark):
            await _answer(scope, receive, send, PlainTextResponse("Not found", 404))
            return
        if scope["type"] == "websocket":
            watch = _Watch(receive, self._media.noting(send, mark), lambda: self._mark(token))
            receive, send = watch.receive, watch.send
        await self.app(scope, receive, send)

    async def _mark(self, token: str) -> str | None:
        now = datetime.now(UTC)
        return await to_thread.run_sync(lambda: signins.session_mark(self.bench(), token, now=now))


class _Watch:
    """An open websocket whose sign-in is looked up again when frames pass; ended sign-ins are sent to the sign-in
    page."""

    def __init__(self, receive: Receive, send: Send, mark: Callable[[], Awaitable[str | None]]) -> None:
        self._receive, self._send, self._mark = receive, send, mark
        self._checked = time.monotonic()
        self._over = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "websocket.receive" and not await self._alive(RECHECK_SECONDS):
            await self._end()
            return {"type": "websocket.disconnect", "code": CLOSED_NOT_SIGNED_IN}
        return message

    async def send(self, message: Message) -> None:
        if self._over:
            return
        if message["type"] == "websocket.send" and not await self._alive(RECHECK_OUTGOING_SECONDS):
            await self._end()
            return
        await self._send(message)

    async def _alive(self, at_most_every: float) -> bool:
        if self._over:
            return False
        if time.monotonic() - self._checked < at_most_every:
            return True
        self._checked = time.monotonic()
        return await self._mark() is not None

    async def _end(self) -> None:
        if self._over:
            return
        self._over = True
        goodbye = ForwardMsg()
        goodbye.auth_redirect.url = "/auth/logout"
        await self._send({"type": "websocket.send", "bytes": goodbye.SerializeToString()})
        await self._send({"type": "websocket.close", "code": CLOSED_NOT_SIGNED_IN})


def _trouble(problem: Exception, config: Config, headers: Headers) -> Response:
    """What somebody reads while the database is away; whatever else went wrong is for the log."""
    error = outage.explain(problem)
    if error is None:
        raise problem
    logging.getLogger("spotcheck").error("outside trouble", exc_info=problem)
    t = Translator(pick_language(headers.get("accept-language"), default=config.language), config.time_zone)
    return PlainTextResponse(t.error(error), 503, {"Cache-Control": "no-store", "Retry-After": "5"})


def _is_ours(name: bytes) -> bool:
    return name.lower().replace(b"_", b"-").startswith(b"x-spotcheck-")


def _is_open(path: str, config: Config) -> bool:
    """What needs no sign-in by cookie. Programs sign in with a token at each call (`qa.web.api`)."""
    return (
        path in OPEN
        or path.startswith(PROGRAMS)
        or (config.oidc and path in OPEN_WITH_PROVIDER)
        or (path.startswith(OPEN_FOLDER) and ".." not in path)
    )


def _foreign(scope: Scope, config: Config, headers: Headers) -> Response | None:
    """A refusal for requests that another site made our user's browser send, or that were sent to another name."""
    host = headers.get("host")
    if not cookies.host_allowed(config, host):
        return PlainTextResponse("Unknown host", 400)
    origin = headers.get("origin")
    changes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD", "OPTIONS")
    if changes and origin is not None and not cookies.origin_allowed(config, origin, host):
        return PlainTextResponse("Foreign origin", 403)
    if changes and origin is None and headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return PlainTextResponse("Foreign origin", 403)
    return None


def _stranger(scope: Scope, config: Config, headers: Headers, jar: dict[str, str]) -> Response:
    path: str = scope["path"]
    is_page = (
        scope["type"] == "http"
        and scope["method"] in ("GET", "HEAD")
        and "text/html" in headers.get("accept", "")
        and not path.startswith(("/_stcore/", "/media/", "/component/"))
    )
    if not is_page:
        return PlainTextResponse("Not signed in", 401)
    if config.oidc and any(name.startswith(cookies.STREAMLIT_IDENTITY) for name in jar):
        return RedirectResponse("/login/oidc", 303)
    wanted = path + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
    return RedirectResponse("/login" + (f"?next={quote(wanted, safe='')}" if wanted != "/" else ""), 303)


async def _answer(scope: Scope, receive: Receive, send: Send, response: Response) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send(
            {"type": "websocket.close", "code": CLOSED_POLICY if response.status_code != 401 else CLOSED_NOT_SIGNED_IN}
        )
        return
    await response(scope, receive, send)


def _identify(scope: Scope, mark: str, cookie_header: str) -> None:
    kept = [(name, value) for name, value in scope["headers"] if name.lower() != b"cookie"]
    if cookie_header:
        kept.append((b"cookie", cookie_header.encode("latin-1", "replace")))
    scope["headers"] = [*kept, (cookies.SESSION_HEADER, mark.encode("ascii"))]


def _with_security_headers(send: Send, scope: Scope, config: Config, host: str) -> Send:
    secure = cookies.is_secure(config)
    path: str = scope["path"]

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = content_security_policy(_header_safe(host), secure)
            headers["X-Content-Type-Options"] = "nosniff"
            headers["X-Frame-Options"] = "DENY"
            headers["Referrer-Policy"] = "same-origin"
            headers["Cross-Origin-Opener-Policy"] = "same-origin"
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
            headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
            if secure:
                headers["Strict-Transport-Security"] = "max-age=31536000"
            if path.startswith(("/media/", "/login", "/auth/")):
                headers["Cache-Control"] = "no-store"
        await send(message)

    return sending


def _header_safe(host: str) -> str:
    if not host.isascii() or set(host) & set(" ;,'\"\r\n\t"):
        return "localhost"
    try:
        return urlsplit(f"//{host}").netloc
    except ValueError:  # half an address in brackets
        return "localhost"
