"""Connections to one endpoint, kept open from question to question: one for each thread that asks.

Goes to the address it is given and to no other: knows no proxy, no redirect and no cookie. The standard library's
client takes a quarter of the time of one that knows all of these, and that is most of what a question costs us.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection, IncompleteRead, RemoteDisconnected
from urllib.parse import urlsplit

LONGEST_CONNECT = 10.0
PART = 65_536
CLOSED = (RemoteDisconnected, ConnectionResetError, BrokenPipeError)
"""How a connection that the other side closed meanwhile shows itself."""


class TooSlow(Exception):
    """The whole answer did not come in the time allowed."""


class Connections:
    """Posts to paths below `url`; a context manager that closes what it opened. Without TLS no certificates are loaded,
    which takes as long as a hundred questions."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port, self._path = parts.hostname or "", parts.port, parts.path.rstrip("/")
        self._tls = None
        if parts.scheme == "https":
            import httpx  # for its certificates; loads slowly

            self._tls = httpx.create_ssl_context(trust_env=False)
        self._mine = threading.local()
        self._every: list[HTTPConnection] = []

    def __enter__(self) -> Connections:
        return self

    def __exit__(self, *problem: object) -> None:
        for one in self._every:
            one.close()

    def post(
        self, path: str, content: bytes, headers: Mapping[str, str], *, timeout: float, largest: int
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers (in lower case) and body, of which at most about `largest` bytes are read. The `timeout`
        (seconds) is for all of it: a stream that drips does not hold a place for ever. Raises `TooSlow`, and what the
        standard library raises."""
        until, kept = time.monotonic() + timeout, getattr(self._mine, "connection", None)
        try:
            return self._talk(kept or self._open(timeout), path, content, headers, until, largest)
        except CLOSED:
            if kept is None:
                raise
        return self._talk(self._open(timeout), path, content, headers, until, largest)

    def _open(self, timeout: float) -> HTTPConnection:
        wait = min(timeout, LONGEST_CONNECT)
        made = (
            HTTPConnection(self._host, self._port, timeout=wait)
            if self._tls is None
            else HTTPSConnection(self._host, self._port, timeout=wait, context=self._tls)
        )
        self._every.append(made)
        made.connect()
        return made

    def _talk(
        self, line: HTTPConnection, path: str, content: bytes, headers: Mapping[str, str], until: float, largest: int
    ) -> tuple[int, Mapping[str, str], bytes]:
        self._mine.connection = None  # nobody goes on with one that failed in the middle
        try:
            line.sock.settimeout(max(until - time.monotonic(), 0.001))
            line.request("POST", self._path + path, body=content, headers=dict(headers))
            response = line.getresponse()
            data = _read(line, response, until, largest)
        except BaseException:
            line.close()
            raise
        if response.isclosed() and not response.will_close:
            self._mine.connection = line
        else:
            line.close()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, data


def _read(line: HTTPConnection, response: HTTPResponse, until: float, largest: int) -> bytes:
    data = bytearray()
    while part := response.read1(PART):
        data += part
        left = until - time.monotonic()
        if left <= 0:
            raise TooSlow
        if len(data) > largest:
            return bytes(data)
        if line.sock is not None:  # gone where the other side closes after its answer
            line.sock.settimeout(left)
    if response.length:
        raise IncompleteRead(bytes(data), response.length)
    response.read()  # nothing is left: now it knows that it is over
    return bytes(data)
