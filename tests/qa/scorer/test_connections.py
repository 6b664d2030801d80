"""Connections are kept while the other side keeps them, and given up where it does not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.client import IncompleteRead

import pytest

from qa.scorer.connections import Connections, TooSlow

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Raw:
    """A server that answers `each` times on a connection and then closes it without a word."""

    def __init__(self, each: int, parts: tuple[bytes, ...] = (ANSWER,)) -> None:
        self.each, self.parts, self.connections, self.over = each, parts, 0, threading.Event()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}/v1/"

    def serve(self) -> None:
        while not self.over.is_set():
            try:
                line, _ = self.listening.accept()
            except OSError:
                return
            self.connections += 1
            with line, suppress(OSError):
                for _ in range(self.each):
                    asked = b""
                    while not asked.endswith(b"{}"):
                        asked += line.recv(65_536) or b"{}"
                    for part in self.parts:
                        line.sendall(part)
                        self.over.wait(0.05 if len(self.parts) > 1 else 0)

    def close(self) -> None:
        self.over.set()
        self.listening.close()


@pytest.fixture
def raw(request: pytest.FixtureRequest) -> Iterator[Raw]:
    server = Raw(*request.param)
    yield server
    server.close()


def posted(http: Connections, timeout: float = 5.0) -> tuple[int, bytes]:
    status, _, data = http.post("/x", b"{}", {}, timeout=timeout, largest=1_000)
    return status, data


@pytest.mark.parametrize(("raw", "opened"), [((1,), 3), ((3,), 1)], indirect=["raw"])
def test_a_kept_connection_that_was_closed_is_opened_anew(raw: Raw, opened: int) -> None:
    with Connections(raw.url) as http:
        assert [posted(http) for _ in range(3)] == [(200, b"ok")] * 3
    assert raw.connections == opened


@pytest.mark.parametrize("raw", [(1, (ANSWER[:-1],))], indirect=True)
def test_an_answer_that_breaks_off_is_none(raw: Raw) -> None:
    with Connections(raw.url) as http, pytest.raises(IncompleteRead):
        posted(http)


@pytest.mark.parametrize("raw", [(1, (ANSWER[:-2], *(b"o",) * 20))], indirect=True)
def test_an_answer_that_drips_takes_no_longer_than_it_may(raw: Raw) -> None:
    with Connections(raw.url) as http, pytest.raises((TooSlow, TimeoutError)):
        http.post("/x", b"{}", {}, timeout=0.02, largest=1_000)


def test_a_host_that_does_not_listen_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with Connections(url) as http, pytest.raises(ConnectionRefusedError):
        posted(http)
