"""An S3 store on loopback that is too busy now and then, as the documented ones are: 503 “Slow Down”, ask again.

    with object_store(busy_every=5) as store:
        archive = Archive(store.url("archive"))

It is a process of its own. What speaks to it finds address and keys in the environment, as on any machine
(`store.environment`).
"""

from __future__ import annotations

import itertools
import logging
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

BUCKET = "shop"
COUNT = "/turned-away"
"""Answers how many requests the store was too busy for."""
BUSY = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message>'
    b"</Error>"
)
SIGNED = "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


@dataclass(frozen=True)
class ObjectStore:
    """A running store."""

    address: str

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to speak to it."""
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }

    def url(self, folder: str) -> str:
        return f"s3://{BUCKET}/{folder}"

    def turned_away(self) -> int:
        """How many requests it was too busy for."""
        with urlopen(self.address + COUNT, timeout=30) as answer:
            return int(answer.read())


@contextmanager
def object_store(*, busy_every: int = 0) -> Iterator[ObjectStore]:
    """Serve until the block ends; every `busy_every`-th request is turned away (0: none)."""
    command = [sys.executable, "-m", "tests.world.object_store", str(busy_every)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=root) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            assert port, "the object store did not start"
            store = ObjectStore(f"http://127.0.0.1:{port}")
            _make_bucket(store)
            yield store
        finally:
            process.terminate()


def _make_bucket(store: ObjectStore) -> None:
    for _ in range(3):  # the store may be busy at once
        try:
            urlopen(Request(f"{store.address}/{BUCKET}", method="PUT", headers={"Authorization": SIGNED}), timeout=30)
        except OSError:
            continue
        return
    raise AssertionError("the store took no bucket")


def _serve(busy_every: int) -> None:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    real, numbers = DomainDispatcherApplication(create_backend_app), itertools.count(1)
    turned_away = 0

    def answer(request: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        nonlocal turned_away
        if request["PATH_INFO"] == COUNT:
            start("200 OK", [("Content-Type", "text/plain")])
            return [str(turned_away).encode()]
        if busy_every and next(numbers) % busy_every == 0:
            turned_away += 1
            start("503 Slow Down", [("Content-Type", "application/xml")])
            return [BUSY]
        return real(request, start)  # type: ignore[no-any-return]

    server = make_server("127.0.0.1", 0, answer, threaded=True)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
