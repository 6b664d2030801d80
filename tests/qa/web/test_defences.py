"""What somebody outside may try: guess in a burst, name another address, send two cookies, fetch others' files."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from starlette.datastructures import Headers
from starlette.types import Message
from streamlit.proto.DownloadButton_pb2 import DownloadButton
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from pages.kit.escaping import escape
from qa.config import Config, load
from qa.errors import Denied, Invalid
from qa.library.search import CaseFilter, find_cases
from qa.people import accounts, guessing, signins
from qa.policy import SYSTEM, Role
from qa.tables import LoginFailure
from qa.upkeep import trail
from qa.web.clients import client_address
from qa.web.cookies import host_allowed, origin_allowed, read_cookies
from qa.web.media import MediaOwners
from qa.workbench import Workbench
from tests.qa.web.conftest import ORIGIN, PASSWORD, TestClient

Browser = Callable[..., TestClient]


def test_a_burst_gets_no_more_answers_than_one_after_the_other(any_bench: Workbench, now: datetime) -> None:
    accounts.create_user(any_bench, SYSTEM, now=now, login="lead", role=Role.LEAD, password=PASSWORD)

    def guess(number: int) -> str:
        try:
            signins.sign_in(any_bench, "lead", f"guess-{number}", address="10.0.0.1", now=now)
        except Denied as error:
            return error.msgid
        return "in"

    with ThreadPoolExecutor(40) as many:
        answers = list(many.map(guess, range(60)))
    evaluated = [answer for answer in answers if "wrong" in answer]
    assert len(evaluated) == guessing.FAILURES_PER_BROWSER
    assert len(answers) - len(evaluated) == sum("Too many" in answer for answer in answers)
    signins.sign_in(any_bench, "lead", PASSWORD, address="10.0.0.2", now=now)


def test_good_sign_ins_of_many_people_behind_one_address_are_not_guesses(any_bench: Workbench, now: datetime) -> None:
    logins = [f"user{number}" for number in range(guessing.FAILURES_PER_ADDRESS + 5)]
    for login in logins:
        accounts.create_user(any_bench, SYSTEM, now=now, login=login, role=Role.INSPECTOR, password=PASSWORD)
    with ThreadPoolExecutor(20) as many:
        assert len(
            list(
                many.map(lambda login: signins.sign_in(any_bench, login, PASSWORD, address="10.0.0.1", now=now), logins)
            )
        ) == len(logins)
    with any_bench.db.read() as session:
        assert session.scalar(select(func.count()).select_from(LoginFailure)) == 0


@pytest.mark.parametrize("proxies, peer, stated, expected", [
    ("", "10.0.0.9", "1.2.3.4", "10.0.0.9"),
    ("10.0.0.0/8", "10.0.0.9", "1.2.3.4", "1.2.3.4"),
    ("10.0.0.0/8", "10.0.0.9", "6.6.6.6, 1.2.3.4", "1.2.3.4"),
    ("10.0.0.0/8", "10.0.0.9", "6.6.6.6, 1.2.3.4, 10.1.1.1", "1.2.3.4"),
    ("10.0.0.0/8", "9.9.9.9", "1.2.3.4", "9.9.9.9"),
    ("10.0.0.0/8", "10.0.0.9", "", "-"),
    ("10.0.0.0/8", "10.0.0.9", "<script>", "-"),
    ("::1", "::1", "2001:db8::7", "2001:db8::7"),
])  # fmt: skip
def test_only_a_configured_proxy_says_whom_a_request_is_from(
    proxies: str, peer: str, stated: str, expected: str
) -> None:
    scope = {"type": "http", "client": (peer, 1), "headers": [(b"x-forwarded-for", stated.encode())]}
    assert client_address(scope, Config(trusted_proxies=proxies)) == expected


def test_a_proxy_that_is_no_address_is_refused_at_the_start() -> None:
    with pytest.raises(Invalid, match="trusted_proxies"):
        load({"SPOTCHECK_TRUSTED_PROXIES": "my-proxy"})


@pytest.mark.parametrize(
    "lines",
    [
        ["spotcheck=mine; spotcheck=theirs"],
        ["spotcheck=mine", "spotcheck=theirs"],
        ["a=1; spotcheck=mine;spotcheck=theirs"],
    ],
)
def test_the_first_of_two_cookies_decides(lines: list[str]) -> None:
    assert read_cookies(Headers(raw=[(b"cookie", line.encode()) for line in lines]))["spotcheck"] == "mine"


def test_a_second_cookie_signs_nobody_out_or_in(browser: Browser) -> None:
    token = browser("lead").cookies["spotcheck"]
    client = browser()
    assert client.get("/", headers={"cookie": f"spotcheck={token}; spotcheck=planted"}).status_code == 200
    assert client.get("/", headers={"cookie": f"spotcheck=planted; spotcheck={token}"}).status_code == 303


def media_message(address: str, *, said: str = "") -> bytes:
    """What Streamlit sends for a button that fetches a file, or a text that somebody wrote."""
    message = ForwardMsg()
    element = message.delta.new_element
    if said:
        element.markdown.body = said
    else:
        element.download_button.CopyFrom(DownloadButton(id="print", label="Print", url=address, type="secondary"))
    return message.SerializeToString()


@pytest.mark.parametrize("name", ["0123abc.csv", "01a90ae70888e01e327143e3abba48d1.html", "51f87b89ba8093ac1fb0dc4c3c"])
def test_a_media_file_belongs_to_whom_its_address_was_sent(browser: Browser, name: str) -> None:
    owners, seen = MediaOwners(), list[Message]()

    async def send(message: Message) -> None:
        seen.append(message)

    async def run() -> None:
        sending = owners.noting(send, "1.a")
        await sending({"type": "websocket.send", "bytes": media_message(f"/media/{name}")})
        await sending(
            {"type": "websocket.send", "bytes": media_message("", said=f"see (/media/leaked.csv and /media/{name}")}
        )
        not_found = ForwardMsg()
        not_found.page_not_found.page_name = "/media/leaked.csv"
        await sending({"type": "websocket.send", "bytes": not_found.SerializeToString()})
        made = ForwardMsg()
        made.backend_operation_response.deferred_file.url = "/media/made.zip"
        await sending({"type": "websocket.send", "bytes": made.SerializeToString()})

    anyio.run(run)
    assert len(seen) == 4
    assert owners.belongs("/media/made.zip", "1.a")
    assert owners.belongs(f"/media/{name}", "1.a")
    assert not owners.belongs(f"/media/{name}", "2.b")
    assert not owners.belongs("/media/leaked.csv", "1.a"), "an address that somebody wrote is nobody's file"
    assert browser("lead").get(f"/media/{name}", headers={"origin": ORIGIN}).status_code == 404


@pytest.mark.parametrize("query", ["\0", "退款\0", "x" * 20_000, "x y " * 5_000, "%" * 300, "退" * 20_000])
def test_search_is_bounded(any_bench: Workbench, lead: object, now: datetime, query: str) -> None:
    from qa.policy import Actor

    boss = Actor(1, Role.LEAD, "x")
    assert find_cases(any_bench, boss, CaseFilter(query=query, tag=query, kind=query)).total == 0
    trail.entries(any_bench, SYSTEM, text=query, action=query)


@given(st.text(max_size=60))
def test_titles_keep_their_characters(text: str) -> None:
    shown = escape(text).replace("\u2060", "")
    plain = text.replace("\r", " ").replace("\n", " ").replace("\u2060", "")
    assert "".join(c for c in shown if c != "\\") == "".join(c for c in plain if c != "\\")


@pytest.mark.parametrize(
    "text, cut",
    [
        ("see https://evil.example/x", "https\\:\u2060//"),
        ("HTTP://evil.example", "HTTP\\:\u2060//"),
        ("www.evil.example", "www\u2060\\."),
        ("mail me@evil.example", "@\u2060evil"),
    ],
)
def test_addresses_in_titles_are_no_links(text: str, cut: str) -> None:
    assert cut in escape(text)


@pytest.mark.parametrize("headers", [{"host": "["}, {"host": "[::1"}, {"origin": "http://["}])
def test_half_an_address_is_refused_like_any_other(browser: Browser, headers: dict[str, str]) -> None:
    for method in ("GET", "POST"):
        assert browser("lead").request(method, "/login", headers={"origin": ORIGIN, **headers}).status_code < 500
    config = Config()
    assert not host_allowed(config, "[")
    assert not origin_allowed(config, "http://[", "localhost")
