"""Fetching from a loopback fake that pages, limits and fails as the documented sources do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from qa import connectors
from qa.connectors import asking, service
from qa.errors import Conflict, Denied, Invalid, NotFound, Unavailable
from qa.policy import SYSTEM, Actor, Role
from qa.security import keys
from qa.tables import AuditEntry, Connector
from qa.workbench import Workbench

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
SINCE = NOW - timedelta(days=30)
SECRET = "a very secret token"
Answer = Callable[[str, dict[str, str]], tuple[int, dict[str, str], Any]]


class Fake:
    """A source on this machine. `faults`: answers given before the real ones, one for each request."""

    def __init__(self, answer: Answer) -> None:
        self.faults: list[tuple[int, dict[str, str], Any]] = []
        self.asked: list[tuple[str, dict[str, str], dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                outer.asked.append((parts.path, query, {k.lower(): v for k, v in self.headers.items()}))
                status, headers, body = outer.faults.pop(0) if outer.faults else answer(parts.path, query)
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def ticket(n: int) -> dict[str, Any]:
    return {"id": n, "requester_id": 900 + n, "assignee_id": 7, "via": {"channel": "chat"},
            "satisfaction_rating": {"score": "good"}}  # fmt: skip


def comments(n: int) -> list[dict[str, Any]]:
    at = f"2026-02-2{n % 8}T02:00:"
    return [
        {"author_id": 900 + n, "plain_body": f"什么时候发货 {n}", "created_at": f"{at}00Z", "public": True},
        {"author_id": 7, "plain_body": "今天", "created_at": f"{at}30Z", "public": True},
        {"author_id": 7, "plain_body": "内部备注", "created_at": f"{at}40Z", "public": False},
    ]


class Zendesk:
    """Tickets by cursor, two a page; the last one of a page is repeated on the next, as time-based exports do."""

    def __init__(self, tickets: int) -> None:
        self.tickets = tickets

    def __call__(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        if path.endswith("/comments.json"):
            return 200, {}, {"comments": comments(int(path.split("/")[-2]))}
        first = int(query["cursor"].removeprefix("c")) if "cursor" in query else 1
        shown = list(range(max(1, first - 1), min(first + 2, self.tickets + 1)))
        return 200, {}, {
            "tickets": [ticket(n) for n in shown], "after_cursor": f"c{min(first + 2, self.tickets + 1)}",
            "end_of_stream": first + 2 > self.tickets,
        }  # fmt: skip


@pytest.fixture
def zendesk() -> Iterator[tuple[Fake, Zendesk]]:
    data = Zendesk(5)
    fake = Fake(data)
    yield fake, data
    fake.server.shutdown()
    fake.server.server_close()


def add(bench: Workbench, base: str, kind: str = "zendesk", **settings: str) -> None:
    connectors.add(
        bench, SYSTEM, now=NOW, name="desk", source="desk", kind=kind, secret=SECRET, since=SINCE,
        settings={"base": base, "email": "qa@example.com", **settings},
    )  # fmt: skip


class Rest:
    """Pauses that are counted and not waited for."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def fetch(bench: Workbench, rest: Rest | None = None) -> connectors.Fetched:
    return connectors.fetch(bench, "desk", now=NOW, rest=rest or Rest())


def cursor(bench: Workbench) -> str:
    [one] = connectors.connectors(bench, SYSTEM)
    return one.cursor


def test_tickets_come_once_and_the_next_night_goes_on(any_bench: Workbench, zendesk: tuple[Fake, Zendesk]) -> None:
    bench, (fake, data) = any_bench, zendesk
    add(bench, fake.base)
    rest = Rest()
    done = fetch(bench, rest)
    assert (done.new, done.messages, done.error) == (5, 10, None)
    assert bench.archive.at().count("conversations") == 5, "what the source repeats is there once"
    said = bench.archive.at().scan("messages").select("role", "agent_id").unique().sort("role").collect().rows()
    assert said == [("agent", "7"), ("customer", None)]
    assert fake.asked[0][1] == {"start_time": str(int(SINCE.timestamp()))}
    assert rest.seconds, "ten requests a minute"
    assert max(rest.seconds) <= 6.0
    before = len(fake.asked)
    data.tickets = 6
    again = fetch(bench)
    assert (again.new, bench.archive.at().count("conversations")) == (1, 6)
    assert fake.asked[before][1]["cursor"] == "c6"


def test_a_fetch_that_is_cut_off_goes_on_where_its_last_batch_ended(
    bench: Workbench, zendesk: tuple[Fake, Zendesk], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, _ = zendesk
    add(bench, fake.base)
    stored = service._store
    n = iter(range(9))

    def dying(*given: Any) -> Any:
        if next(n) == 1:
            raise KeyboardInterrupt
        return stored(*given)

    monkeypatch.setattr(service, "_store", dying)
    with pytest.raises(KeyboardInterrupt):
        fetch(bench)
    place, there = cursor(bench), bench.archive.at().count("conversations")
    assert (place, there) == ("c3", 2), "rows and place of the first batch, of the second neither"
    monkeypatch.setattr(service, "_store", stored)
    assert fetch(bench).error is None
    assert (cursor(bench), bench.archive.at().count("conversations")) == ("c6", 5)


def test_a_source_says_when_it_may_be_asked_again(bench: Workbench, zendesk: tuple[Fake, Zendesk]) -> None:
    fake, _ = zendesk
    add(bench, fake.base)
    fake.faults = [(429, {"retry-after": "17"}, b""), (503, {}, b""), (200, {}, b"{not json")]
    rest = Rest()
    done = fetch(bench, rest)
    assert 17.0 in rest.seconds
    assert isinstance(done.error, Unavailable), "half an answer is no answer"
    assert fetch(bench).error is None
    assert bench.archive.at().count("conversations") == 5


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ((429, {"retry-after": "9999"}, b""), Unavailable), ((401, {}, b""), Invalid), ((404, {}, b""), Invalid),
        ((200, {}, {"tickets": None}), Invalid), ((200, {}, []), Invalid), ((302, {"location": "/x"}, b""), Invalid),
    ],
    ids=["too long a wait", "secret", "gone", "no list", "another shape", "elsewhere"],
)  # fmt: skip
def test_what_cannot_be_fetched_is_told_and_loses_nothing(
    bench: Workbench, zendesk: tuple[Fake, Zendesk], fault: Any, kind: type[Exception]
) -> None:
    fake, _ = zendesk
    add(bench, fake.base)
    fake.faults = [fault] * 3
    done = fetch(bench)
    assert isinstance(done.error, kind)
    assert SECRET not in str(done.error)
    assert (cursor(bench), bench.archive.version()) == ("", 0)
    fake.faults = []
    assert fetch(bench).new == 5


def test_a_source_that_gives_the_same_place_for_ever_is_left(bench: Workbench) -> None:
    page = {"tickets": [ticket(1)], "after_cursor": "c1", "end_of_stream": False}
    fake = Fake(lambda path, query: (200, {}, {"comments": comments(1)} if "comments" in path else page))
    add(bench, fake.base)
    done = fetch(bench)
    fake.server.shutdown()
    fake.server.server_close()
    assert "same place" in str(done.error)
    assert bench.archive.at().count("conversations") == 1


def test_chatwoot_is_read_down_to_what_was_seen(bench: Workbench) -> None:
    at = int(NOW.timestamp()) - 86_400
    chats = {n: at + n for n in range(1, 8)}

    def answer(path: str, query: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        if path.endswith("/messages"):
            n = int(path.split("/")[-2])
            said = ((0, "在吗", False), (1, "在的", False), (2, "assigned", False), (1, "悄悄话", True))
            return 200, {}, {"payload": [
                {"content": text, "message_type": kind, "created_at": chats[n] - 50 + k, "private": private,
                 "sender": {"id": 5 if kind else 100 + n}}
                for k, (kind, text, private) in enumerate(said)
            ]}  # fmt: skip
        order = sorted(chats, key=lambda n: -chats[n])
        page = order[3 * (int(query["page"]) - 1) :][:3]
        meta = {"assignee": {"id": 5, "name": "小青"}, "channel": "web"}
        return 200, {}, {"data": {"payload": [
            {"id": n, "last_activity_at": chats[n], "meta": {**meta, "sender": {"id": 100 + n}}} for n in page
        ]}}  # fmt: skip

    fake = Fake(answer)
    add(bench, fake.base, "chatwoot", account="1")
    assert fetch(bench).new == 7
    assert fake.asked[0][2]["api_access_token"] == SECRET
    before = len(fake.asked)
    chats[2], chats[8] = at + 100, at + 101
    again = fetch(bench)
    fake.server.shutdown()
    fake.server.server_close()
    assert (again.new, bench.archive.at().count("conversations")) == (1, 8)
    assert [query.get("page") for path, query, _ in fake.asked[before:] if path.endswith("conversations")] == ["1", "2"]
    roles = bench.archive.at().scan("messages").select("role").unique().collect()["role"].sort().to_list()
    assert roles == ["agent", "customer", "system"]


def test_secrets_are_sealed_never_shown_and_sources_are_checked(any_bench: Workbench, tmp_path: Path) -> None:
    bench = any_bench
    add(bench, "https://example.com")
    with bench.db.read() as session:
        row = session.get_one(Connector, "desk")
    assert SECRET not in row.secret
    assert SECRET not in repr(connectors.connectors(bench, SYSTEM))
    assert SECRET not in repr(asking.Source(connectors.SHIPPED["zendesk"], {}, SECRET))
    keys.rotate(bench.config.keys)
    assert connectors.reseal(bench, SYSTEM, now=NOW) == 1
    keys.forget_old(bench.config.keys)
    lead = Actor(7, Role.LEAD, "主管")
    with pytest.raises(Denied):
        connectors.connectors(bench, lead)
    with pytest.raises(Conflict):
        add(bench, "https://example.com")
    for wrong in (
        {"base": "http://example.com"}, {"base": "ftp://x"}, {"base": "https://"}, {"kind": "nothing"}, {"secret": " "},
        {"source": "a:b"}, {"name": ""}, {"email": ""}, {"kind": str(tmp_path / "nothing.toml")},
    ):  # fmt: skip
        given = {"base": "https://example.com", "email": "x@example.com", "kind": "zendesk", "secret": "s", "name": "n",
                 "source": "n", **wrong}  # fmt: skip
        with pytest.raises(Invalid):
            connectors.add(
                bench, SYSTEM, now=NOW, name=given["name"], source=given["source"], kind=given["kind"],
                secret=given["secret"], since=SINCE, settings={k: given[k] for k in ("base", "email")},
            )  # fmt: skip
    with pytest.raises(NotFound):
        connectors.fetch(bench, "nothing", now=NOW)
    for _ in range(2):
        connectors.pause(bench, SYSTEM, "desk", now=NOW)
    assert connectors.fetch_all(bench, now=NOW) == ()
    connectors.resume(bench, SYSTEM, "desk", now=NOW)
    with bench.db.read() as session:
        told = list(
            session.scalars(select(AuditEntry.action).where(AuditEntry.entity == "connector").order_by(AuditEntry.id))
        )
    assert told == ["connector.added", "connector.sealed", "connector.paused", "connector.resumed"]


@pytest.mark.parametrize("text", ["", "id = 1", "not toml [", 'id = "x"\nmore = 1'])
def test_a_description_that_is_wrong_says_where(text: str) -> None:
    with pytest.raises(Invalid):
        connectors.read(text)
