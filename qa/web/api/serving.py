"""Requests in, answers out: tokens, scopes, limits per token, problem+json, ETag, and every call on record.

Sits behind the gate, which lets these addresses pass without a sign-in; nothing here reads cookies.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import Receive, Scope, Send

from qa import outage
from qa.errors import Busy, Conflict, Denied, Invalid, NotFound, SpotcheckError, Unavailable, Words
from qa.i18n import N_, Translator, pick_language
from qa.people import tokens
from qa.security import log as securitylog
from qa.web.api import client, openapi, pushing
from qa.web.api.calls import PATH, Call, Endpoint, read_params
from qa.web.api.endpoints import ENDPOINTS
from qa.web.clients import client_address
from qa.workbench import Workbench

BODY_BYTES = 64 * 1024 * 1024
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
CALLS, SECONDS = 120, 60.0
"""A token may call so often in so many seconds."""
STATUS: tuple[tuple[type[SpotcheckError], int], ...] = (
    (Invalid, 400),
    (Denied, 403),
    (NotFound, 404),
    (Conflict, 409),
    (Unavailable, 503),
)


class NoToken(SpotcheckError):
    """The request carries no token that is good now."""

    code = "unauthorized"


class TooMany(SpotcheckError):
    """The token was used too often; `seconds` says when it may be used again."""

    code = "too_many"


class WrongMethod(SpotcheckError):
    """The address is there, but not for this method."""

    code = "method"


def mounted(bench: Callable[[], Workbench]) -> Mount:
    """Everything under `/api/v1`."""
    limits = _Limits()

    async def described(request: Request) -> Response:
        return JSONResponse(openapi.document(ENDPOINTS, PATH))

    async def explained(request: Request) -> Response:
        return HTMLResponse(openapi.page(ENDPOINTS, PATH))

    async def typed(request: Request) -> Response:
        headers = {"Content-Disposition": f'attachment; filename="{client.FILE}"'}
        return Response(client.source(openapi.document(ENDPOINTS, PATH)), 200, headers, "text/x-python; charset=utf-8")

    routes: list[BaseRoute] = [Route("/openapi.json", described), Route("/", explained), Route("/docs", explained)]
    routes.append(Route("/client.py", typed))
    for path in dict.fromkeys(endpoint.path for endpoint in ENDPOINTS):
        answering = _Answering(bench, limits, {e.method: e for e in ENDPOINTS if e.path == path})
        routes.append(Route(path, answering.answer, methods=METHODS))
    mount = Mount(PATH, app=Router(routes, redirect_slashes=False, default=_Answering(bench, limits, {}).nothing))
    mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)  # a line break in a path is answered here too
    return mount


class _Answering:
    """The endpoints of one address, by method."""

    def __init__(self, bench: Callable[[], Workbench], limits: _Limits, methods: dict[str, Endpoint]) -> None:
        self.bench, self.limits, self.methods = bench, limits, methods

    async def answer(self, request: Request) -> Response:
        """Answer one request, whatever becomes of it."""
        bench, t = self.bench(), _words(request, self.bench())
        endpoint = self.methods.get("GET" if request.method == "HEAD" else request.method)
        try:
            now = datetime.now(UTC)
            # who asks comes first: a body is read for nobody
            account, token = await to_thread.run_sync(lambda: _identified(bench, request, now))
            self.limits.count((token.id, token.created_at))
            body = await _body(request)
            call = partial(self._done, bench, request, endpoint, body, account, token, now)
            status, content = await to_thread.run_sync(call)
        except Exception as problem:
            return _problem(problem, t)
        return _response(request, status, content)

    async def nothing(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What is no address of ours, whatever is written in it."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        response = await self.answer(Request(scope, receive))
        await response(scope, receive, send)

    def _done(
        self,
        bench: Workbench,
        request: Request,
        endpoint: Endpoint | None,
        body: bytes,
        account: Any,
        token: tokens.TokenView,
        now: datetime,
    ) -> tuple[int, bytes]:
        where = endpoint.path if endpoint is not None else "?"
        try:
            if endpoint is None and self.methods:
                raise WrongMethod(N_("This address takes {known} alone."), known=", ".join(self.methods))
            if endpoint is None:
                raise NotFound(N_("There is no such address in the API."))
            if endpoint.scope and endpoint.scope not in token.scopes:
                raise Denied(N_("The token lacks the scope “{scope}”."), scope=endpoint.scope)
            params: Any = read_params(endpoint.params, request.query_params.multi_items())
            call = Call(bench, account.actor, token, now, params, dict(request.path_params), body)
            status, content = _carried_out(call, endpoint, request.headers.get("idempotency-key"))
        except Exception as problem:
            error = outage.explain(problem)
            _record(token, request.method, where, _status(error) if error is not None else 500)
            raise
        _record(token, request.method, where, status)
        return status, content


def _carried_out(call: Call[Any], endpoint: Endpoint, key: str | None) -> tuple[int, bytes]:
    if endpoint.body is None or key is None:
        return 200, msgspec.json.encode(endpoint.handle(call))
    if (before := pushing.once(call, key)) is not None:
        return before
    try:
        content = msgspec.json.encode(endpoint.handle(call))
    except BaseException:
        pushing.answered(call, key, 500, b"")
        raise
    pushing.answered(call, key, 200, content)
    return 200, content


def _identified(bench: Workbench, request: Request, now: datetime) -> tuple[Any, tokens.TokenView]:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    found = tokens.opened(bench, secret.strip(), now=now) if scheme.lower() == "bearer" and secret else None
    if found is None:
        address = client_address(request.scope, bench.config)
        securitylog.note("token.refused", where=securitylog.hidden(address, bench.db.signing_key))
        raise NoToken(N_("A token is needed that is good now: Authorization: Bearer …"))
    return found


_Which = tuple[int, datetime]
"""A token: its number, which another one bears after a restore, and when it was made."""


class _Limits:
    """How often each token was used lately, in this process."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._left: dict[_Which, tuple[float, float]] = {}

    def count(self, token: _Which) -> None:
        """Take one call from what the token has left; it fills up again with time. Raises `TooMany`."""
        now, rate = time.monotonic(), CALLS / SECONDS
        with self._guard:
            left, at = self._left.get(token, (float(CALLS), now))
            left = min(float(CALLS), left + (now - at) * rate)
            if left < 1:
                self._left[token] = (left, now)
                raise TooMany(N_("Too many requests with this token; wait {seconds} s."), seconds=int(1 / rate) + 1)
            self._left[token] = (left - 1, now)


async def _body(request: Request) -> bytes:
    if request.method not in ("POST", "PUT", "PATCH"):
        return b""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > BODY_BYTES:
            raise Invalid(N_("The body is larger than {most} MB; push in smaller batches."), most=BODY_BYTES >> 20)
        parts.append(part)
    return b"".join(parts)


def _response(request: Request, status: int, content: bytes) -> Response:
    headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if request.method in ("GET", "HEAD"):
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers["ETag"] = tag
        known = {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}
        if known & {tag, "*"}:
            return Response(status_code=304, headers=headers)
    return Response(content, status, headers, "application/json")


def _problem(problem: Exception, t: Translator) -> Response:
    error = outage.explain(problem)
    if error is None:
        logging.getLogger("spotcheck").error("a call failed", exc_info=problem)
        error = SpotcheckError(N_("Something went wrong here; it is in the server's log."))
    status = _status(error)
    told = openapi.ProblemDetails(
        f"urn:spotcheck:error:{error.code}", HTTPStatus(status).phrase, status, t.error(error), error.code,
        {name: t(value.msgid, **value.facts) if isinstance(value, Words) else value
         for name, value in error.facts.items()},
    )  # fmt: skip
    headers = {"Cache-Control": "no-store"}
    if status in (429, 503) or isinstance(error, Busy):
        headers["Retry-After"] = str(error.facts.get("seconds", 5))
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="spotcheck"'
    return Response(msgspec.json.encode(told), status, headers, "application/problem+json")


def _status(error: SpotcheckError) -> int:
    if isinstance(error, NoToken):
        return 401
    if isinstance(error, TooMany):
        return 429
    if isinstance(error, WrongMethod):
        return 405
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def _words(request: Request, bench: Workbench) -> Translator:
    wish = pick_language(request.headers.get("accept-language"), default="en")
    return Translator(wish, bench.config.time_zone)


def _record(token: tokens.TokenView, method: str, path: str, status: int) -> None:
    securitylog.note("api.called", token.user_id, token=token.id, what=f"{method} {path}", status=status)
