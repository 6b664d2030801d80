"""Answers are compressed where that pays, stay as they are elsewhere, and probes below a page are no error."""

from __future__ import annotations

import gzip

import brotli  # type: ignore[import-untyped]
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from qa.web.transport import Compressed, Probes

SCRIPT = b"const same = 1;\n" * 5_000
MADE: list[str] = []


def answer(request: Request) -> Response:
    MADE.append(request.url.path)
    kinds = {"/media/export.csv": "text/csv", "/static/a.png": "image/png"}
    return Response(SCRIPT, media_type=kinds.get(request.url.path, "text/javascript"), headers={"ETag": '"v1"'})


def parts(request: Request) -> Response:
    return StreamingResponse(iter([SCRIPT, SCRIPT]), media_type="text/html")


@pytest.fixture
def client() -> TestClient:
    routes = [Route("/parts", parts), Route("/small", lambda _: PlainTextResponse("ok")), Route("/{path:path}", answer)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Probes), Middleware(Compressed)]))


@pytest.mark.parametrize("encoding, unpack", [("br", brotli.decompress), ("gzip", gzip.decompress)])
def test_scripts_travel_compressed(client: TestClient, encoding: str, unpack: object) -> None:
    for _twice in range(2):
        with client.stream("GET", "/static/js/a.js", headers={"Accept-Encoding": f"{encoding};q=1, identity"}) as found:
            raw = b"".join(found.iter_raw())
        assert found.headers["content-encoding"] == encoding
        assert found.headers["vary"] == "Accept-Encoding"
        assert found.headers["etag"] == 'W/"v1"'
        assert int(found.headers["content-length"]) == len(raw) < len(SCRIPT) / 20
        assert unpack(raw) == SCRIPT  # type: ignore[operator]


def test_what_comes_in_parts_is_whole(client: TestClient) -> None:
    assert client.get("/parts", headers={"Accept-Encoding": "gzip"}).content == SCRIPT * 2


@pytest.mark.parametrize(
    "path, headers",
    [
        ("/static/js/a.js", {"Accept-Encoding": "identity"}),
        ("/static/js/a.js", {"Accept-Encoding": "br", "Range": "bytes=0-9"}),
        ("/media/export.csv", {"Accept-Encoding": "br"}),
        ("/static/a.png", {"Accept-Encoding": "br"}),
        ("/small", {"Accept-Encoding": "br"}),
    ],
)
def test_the_rest_stays_as_it_is(client: TestClient, path: str, headers: dict[str, str]) -> None:
    found = client.get(path, headers=headers)
    assert found.status_code == 200
    assert "content-encoding" not in found.headers


def test_a_probe_below_a_page_is_neither_a_yes_nor_an_error(client: TestClient) -> None:
    MADE.clear()
    for name in ("health", "host-config"):
        assert client.get(f"/trends/_stcore/{name}").status_code == 300
    assert MADE == []
    assert client.get("/_stcore/health").status_code == 200
    assert client.get("/trends/_stcore/stream").status_code == 200
    assert MADE == ["/_stcore/health", "/trends/_stcore/stream"]
