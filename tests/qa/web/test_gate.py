"""The gate: strangers and other sites get nothing; a sign-in that ended is over at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from pages.kit.nav import ENTRIES
from qa.i18n import Translator
from qa.people import accounts, signins
from qa.policy import SYSTEM
from qa.web import middleware
from qa.web.middleware import OPEN, Gate
from qa.workbench import Workbench
from tests.qa.web.conftest import ORIGIN, TestClient
from tests.qa.web.sockets import connected, menu, navigation, read_run, rerun, session_id, shown

Browser = Callable[..., TestClient]
PAGES = ["/" + entry.url for entry in ENTRIES]
ELSEWHERE = [
    "/media/0123456789abcdef.csv",
    "/_stcore/metrics",
    "/_stcore/host-config",
    "/_stcore/upload_file/a/b",
    "/_stcore/script-health-check",
    "/_stcore/bidi-components/x/y.js",
    "/component/x/index.html",
    "/_stcore/agent/sessions",
    "/_stcore/nothing",
]


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_sent_from_every_page_to_the_sign_in_page_and_back(browser: Browser, path: str) -> None:
    answer = browser().get(path + "?week=3&x=%2F")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?next=")
    client = browser("lead")
    assert client.get(answer.headers["location"]).headers["location"] == path + "?week=3&x=%2F"


@pytest.mark.parametrize("path", ELSEWHERE)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD"])
def test_strangers_get_401_everywhere_else(browser: Browser, path: str, method: str) -> None:
    assert browser().request(method, path).status_code == 401


def test_every_route_of_the_application_is_closed_unless_named_open(application: Any, browser: Browser) -> None:
    browser().get("/login")
    routes = application.app._starlette_app.routes
    assert len(routes) > 12
    for route in routes:
        path = getattr(route, "path", "").replace("{", "").replace("}", "").replace(":path", "") or "/"
        if path in OPEN or path.startswith("/static") or path == "/login/oidc":
            continue
        if isinstance(route, WebSocketRoute):
            with (
                pytest.raises(WebSocketDisconnect),
                browser().websocket_connect(ORIGIN.replace("http", "ws") + path, headers={"origin": ORIGIN}),
            ):
                pass
            continue
        for method in (route.methods or {"GET"}) if isinstance(route, Route) else {"GET"}:
            assert browser().request(method, path).status_code in (303, 401), (method, path)


def test_open_addresses_tell_nothing(browser: Browser) -> None:
    assert browser().get("/healthz").text == "ok"
    assert browser().get("/readyz").json() == {"ready": True, "problem": None}
    assert browser().get("/_stcore/health").status_code == 200
    assert browser().get("/login/oidc").status_code == 303  # only a door when a provider is configured
    assert "Sign in" in browser().get("/login").text


def test_readyz_says_when_the_schema_is_old(browser: Browser, shared_bench: Workbench) -> None:
    with shared_bench.db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'older'")
    answer = browser().get("/readyz")
    assert (answer.status_code, answer.json()["problem"]) == (503, "schema")


def test_strangers_have_no_websocket(browser: Browser) -> None:
    with pytest.raises(WebSocketDisconnect), connected(browser()):
        pass


def test_a_signed_in_person_sees_the_menu_of_their_role(browser: Browser) -> None:
    menus = {}
    for login in ("inspector", "lead", "agent", "admin"):
        with connected(browser(login)) as socket:
            rerun(socket)
            messages = read_run(socket)
            assert login in shown(messages)
            menus[login] = menu(messages)
    assert menus["admin"] == {
        entry.url
        for entry in ENTRIES
        if entry.path.exists() and (not entry.rights or any(SYSTEM.may(r) for r in entry.rights))
    }
    assert "admin" not in menus["lead"] | menus["inspector"] | menus["agent"]


def test_a_page_outside_the_menu_cannot_be_asked_for(browser: Browser) -> None:
    with connected(browser("admin")) as socket:
        rerun(socket)
        admin_page = navigation(read_run(socket))["admin"]
    with connected(browser("agent")) as socket:
        rerun(socket)
        read_run(socket)
        rerun(socket, admin_page)
        text = shown(read_run(socket))
    assert Translator("zh_CN")("This page is not for your role") in text  # the page itself refuses
    assert "New account" not in text


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:9999", "https://localhost:8501.evil.example", "file://"]
)
def test_other_sites_cannot_use_our_websocket_or_forms(browser: Browser, origin: str) -> None:
    client = browser("lead")
    with pytest.raises(WebSocketDisconnect), connected(client, origin=origin):
        pass
    assert client.post("/login", data={"login": "lead", "password": "x"}, headers={"origin": origin}).status_code == 403
    assert client.put("/_stcore/upload_file/a/b", headers={"origin": origin}).status_code == 403


def test_a_cross_site_form_without_origin_is_refused(browser: Browser) -> None:
    assert browser().post("/login", data={}, headers={"sec-fetch-site": "cross-site"}).status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8501", "localhost.evil.example", "", "localhost@evil.example"]
)
def test_another_name_pointed_at_us_gets_nothing(browser: Browser, host: str) -> None:
    assert browser("lead").get("/", headers={"host": host}).status_code == 400


def test_behind_a_proxy_the_public_address_is_ours(browser: Browser, reconfigure: Callable[..., Workbench]) -> None:
    reconfigure(public_url="https://qa.example.com")
    assert browser(base_url="https://qa.example.com").get("/login").status_code == 200


FORGED = [{"x-spotcheck-session": "1.x"}, {"X-Spotcheck-Session": "1.x"}, {"x_spotcheck_session": "1.x"}]


@pytest.mark.parametrize("headers", FORGED)
def test_a_forged_identity_opens_nothing(
    browser: Browser, headers: dict[str, str], people: dict[str, accounts.Account]
) -> None:
    assert browser().get("/", headers=headers).status_code == 303
    with pytest.raises(WebSocketDisconnect), connected(browser(), headers=headers):
        pass


def _through_gate(bench: Workbench, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    """The scope that the application behind the gate would see."""
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope)

    async def send(message: Any) -> None:
        pass

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"host", b"localhost:8501"), *headers],
    }
    asyncio.run(Gate(app, lambda: bench)(scope, lambda: None, send))  # type: ignore[arg-type, return-value]
    return seen


def test_scripts_see_the_mark_but_neither_the_token_nor_what_a_client_claimed(shared_bench: Workbench) -> None:
    now = datetime.now(UTC)
    signed_in = signins.sign_in(shared_bench, "lead", "correct-horse-1", address="1", now=now)
    cookie = f"theme=dark; spotcheck={signed_in.token}; _streamlit_user=x; _streamlit_xsrf=y".encode()
    seen = _through_gate(
        shared_bench, [(b"cookie", cookie), (b"x-spotcheck-session", b"1.forged"), (b"x_spotcheck_role", b"admin")]
    )
    headers = dict(seen["headers"])
    assert headers[b"cookie"] == b"theme=dark; _streamlit_xsrf=y"
    assert headers[b"x-spotcheck-session"].decode() == signins.session_mark(shared_bench, signed_in.token, now=now)
    assert b"x_spotcheck_role" not in headers
    assert [name for name, _value in seen["headers"]].count(b"x-spotcheck-session") == 1
    assert signed_in.token.encode() not in b"".join(value for _name, value in seen["headers"])


def test_another_person_cannot_continue_my_session(browser: Browser) -> None:
    mine, yours = browser("lead"), browser("agent")
    with connected(mine) as socket:
        rerun(socket)
        first = session_id(read_run(socket))
    with connected(yours, resume=first) as socket:
        rerun(socket)
        assert session_id(read_run(socket)) != first
    again = browser("lead")  # the same person after a new sign-in
    with connected(again, resume=first) as socket:
        rerun(socket)
        assert session_id(read_run(socket)) != first
    with connected(mine, resume=first) as socket:  # my own browser after a network blip
        rerun(socket)
        assert session_id(read_run(socket)) == first


@pytest.mark.parametrize("ending", ["revoked", "disabled", "signed out"])
def test_an_ended_sign_in_is_over_at_the_next_frame(
    browser: Browser,
    shared_bench: Workbench,
    people: dict[str, accounts.Account],
    monkeypatch: pytest.MonkeyPatch,
    ending: str,
) -> None:
    monkeypatch.setattr(middleware, "RECHECK_SECONDS", 0.0)
    client, now = browser("lead"), datetime.now(UTC)
    with connected(client) as socket:
        rerun(socket)
        read_run(socket)
        if ending == "revoked":
            signins.revoke_sign_ins(shared_bench, SYSTEM, people["lead"].id, now=now)
        elif ending == "disabled":
            accounts.disable_user(shared_bench, SYSTEM, people["lead"].id, now=now)
        else:
            client.get("/auth/logout")
        rerun(socket)
        messages = read_run(socket)
        assert "delta" not in {m.WhichOneof("type") for m in messages}
        assert messages[-1].auth_redirect.url == "/auth/logout"
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_bytes()
        assert closed.value.code == 4401
    assert client.get("/").status_code == 303


def test_a_revoked_idle_tab_gets_nothing_more(
    browser: Browser, shared_bench: Workbench, people: dict[str, accounts.Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "RECHECK_SECONDS", 1e9)
    monkeypatch.setattr(middleware, "RECHECK_OUTGOING_SECONDS", 0.0)
    with connected(browser("lead")) as socket:
        signins.revoke_sign_ins(shared_bench, SYSTEM, people["lead"].id, now=datetime.now(UTC))
        rerun(socket)
        assert [m.WhichOneof("type") for m in read_run(socket)] == ["auth_redirect"]


def test_headers_forbid_what_is_not_needed(browser: Browser, reconfigure: Callable[..., Workbench]) -> None:
    for client, path in ((browser(), "/login"), (browser("lead"), "/"), (browser(), "/media/x")):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "'unsafe-eval'" not in headers["content-security-policy"].replace("'wasm-unsafe-eval'", "")
        assert headers["x-content-type-options"] == "nosniff"
        assert "strict-transport-security" not in headers
    reconfigure(public_url="https://qa.example.com")
    headers = browser(base_url="https://qa.example.com").get("/login").headers
    assert headers["strict-transport-security"]
    assert "wss://qa.example.com" in headers["content-security-policy"]
