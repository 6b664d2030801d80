"""Signing in and out over HTTP: cookies, links, limits, languages."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from qa.people import accounts, guessing, signins
from qa.policy import SYSTEM
from qa.tables import AuditEntry, SignIn
from qa.web import cookies, provider
from qa.workbench import Workbench
from tests.qa.web.conftest import ORIGIN, PASSWORD, TestClient

Browser = Callable[..., TestClient]


def _try(client: TestClient, login: str, password: str, origin: str = ORIGIN, **more: str) -> Any:
    return client.post("/login", data={"login": login, "password": password, **more}, headers={"origin": origin})


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browser: Browser) -> None:
    cookie = _try(browser(), "lead", PASSWORD).headers["set-cookie"]
    assert cookie.startswith("spotcheck=")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie


def test_under_https_the_cookie_is_secure_and_bound_to_the_host(
    browser: Browser, reconfigure: Callable[..., Workbench]
) -> None:
    reconfigure(public_url="https://qa.example.com")
    client = browser(base_url="https://qa.example.com")
    cookie = _try(client, "lead", PASSWORD, origin="https://qa.example.com").headers["set-cookie"]
    assert cookie.startswith("__Host-spotcheck=")
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert client.get("/").status_code == 200


def test_only_the_hash_of_the_token_is_stored(browser: Browser, shared_bench: Workbench) -> None:
    token = browser("lead").cookies["spotcheck"]
    with shared_bench.db.read() as session:
        stored = session.scalars(select(SignIn.token_hash)).all()
    assert len(token) >= 43
    assert token not in stored


@pytest.mark.parametrize(
    "login, password",
    [("lead", "wrong"), ("nobody", PASSWORD), ("lead", ""), ("", ""), ("lead' OR 1=1 --", "x"), ("x" * 500, "y")],
)
def test_every_failure_reads_the_same(browser: Browser, login: str, password: str) -> None:
    answer = _try(browser(), login, password)
    assert answer.status_code == 403
    assert "The account name or the password is wrong." in answer.text
    assert "set-cookie" not in answer.headers


def test_a_disabled_account_cannot_sign_in(
    browser: Browser, shared_bench: Workbench, people: dict[str, accounts.Account]
) -> None:
    accounts.disable_user(shared_bench, SYSTEM, people["lead"].id, now=datetime.now(UTC))
    assert _try(browser(), "lead", PASSWORD).status_code == 403


def test_guessing_is_limited_even_for_the_right_password(browser: Browser) -> None:
    client = browser()
    for _ in range(guessing.FAILURES_PER_BROWSER):
        assert "wrong" in _try(client, "lead", "guess").text
    answer = _try(client, "lead", PASSWORD)
    assert (answer.status_code, "Too many failed attempts" in answer.text) == (403, True)
    assert _try(client, "inspector", PASSWORD).status_code == 303


def test_what_was_typed_is_never_markup(browser: Browser) -> None:
    answer = _try(browser(), '"><script>alert(1)</script>', "x", next='/"><script>')
    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text


@pytest.mark.parametrize("body", [b"\xff\xfe=1", b"login=" + b"x" * 20_000, b"", b"a=1&" * 100])
def test_malformed_forms_are_refused_calmly(browser: Browser, body: bytes) -> None:
    answer = browser().post(
        "/login", content=body, headers={"origin": ORIGIN, "content-type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code in (403, 413)


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb", "\\evil", ""],
)
def test_nobody_is_sent_to_another_site(browser: Browser, wanted: str) -> None:
    assert _try(browser(), "lead", PASSWORD, next=wanted).headers["location"] == "/"


def test_signing_out_ends_the_sign_in_itself(browser: Browser, shared_bench: Workbench) -> None:
    client = browser("lead")
    token = client.cookies["spotcheck"]
    answer = client.get("/auth/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert 'spotcheck=""' in answer.headers["set-cookie"]
    thief = browser()
    thief.cookies.set("spotcheck", token)
    assert thief.get("/").status_code == 303


def test_a_link_on_another_site_does_not_sign_out(browser: Browser) -> None:
    client = browser("lead")
    client.get("/auth/logout", headers={"sec-fetch-site": "cross-site"})
    assert client.get("/").status_code == 200


def test_signing_in_again_ends_the_former_sign_in_of_this_browser(browser: Browser, shared_bench: Workbench) -> None:
    client = browser("lead")
    former = client.cookies["spotcheck"]
    assert _try(client, "agent", PASSWORD).status_code == 303
    assert signins.session_mark(shared_bench, former, now=datetime.now(UTC)) is None


def test_a_sign_in_expires(browser: Browser, shared_bench: Workbench) -> None:
    client = browser("lead")
    with shared_bench.db.write() as session:
        session.execute(update(SignIn).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert client.get("/").status_code == 303


def test_a_link_signs_in_once_and_only_when_the_button_is_pressed(
    browser: Browser, shared_bench: Workbench, people: dict[str, accounts.Account]
) -> None:
    token = signins.new_link(shared_bench, SYSTEM, people["agent"].id, now=datetime.now(UTC))
    preview = browser().get(f"/login/link?token={token}")  # what a chat program does with a link
    assert (preview.status_code, "set-cookie" in preview.headers) == (200, False)
    client = browser()
    assert client.post("/login/link", data={"token": token}, headers={"origin": ORIGIN}).status_code == 303
    assert client.get("/").status_code == 200
    assert browser().post("/login/link", data={"token": token}, headers={"origin": ORIGIN}).status_code == 403


def test_in_demo_mode_a_link_signs_in_directly(
    browser: Browser, reconfigure: Callable[..., Workbench], people: dict[str, accounts.Account]
) -> None:
    bench = reconfigure(demo=True)
    token = signins.new_link(bench, SYSTEM, people["agent"].id, now=datetime.now(UTC))
    assert browser().get(f"/login/link?token={token}").status_code == 303
    assert browser().get(f"/login/link?token={token}").status_code == 403


def test_an_expired_link_is_refused(
    browser: Browser, shared_bench: Workbench, people: dict[str, accounts.Account]
) -> None:
    token = signins.new_link(shared_bench, SYSTEM, people["agent"].id, now=datetime.now(UTC) - timedelta(hours=100))
    assert browser().post("/login/link", data={"token": token}, headers={"origin": ORIGIN}).status_code == 403


@pytest.mark.parametrize(
    "accepts, path, text",
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "/login", "登录"),
        ("en-GB", "/login", "Sign in"),
        ("fr-FR", "/login", "登录"),
        ("en", "/login?lang=zh_CN", "登录"),
        ("zh", "/login?lang=en", "Sign in"),
        ("en", "/login?lang=<x>", "Sign in"),
    ],
)
def test_the_page_speaks_the_browsers_language(browser: Browser, accepts: str, path: str, text: str) -> None:
    page = browser().get(path, headers={"accept-language": accepts}).text
    assert f"<h1>{text}</h1>" in page


def test_every_sign_in_and_sign_out_is_on_record(browser: Browser, shared_bench: Workbench) -> None:
    browser("lead").get("/auth/logout")
    with shared_bench.db.read() as session:
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert list(actions[-2:]) == ["user.signed_in", "user.signed_out"]


# An identity provider


class _Request:
    def __init__(self, claims: dict[str, Any] | None) -> None:
        self.cookies = {} if claims is None else {"_streamlit_user": json.dumps(claims)}
        self.headers = {"host": "localhost:8501"}


GOOD = {"is_logged_in": True, "origin": ORIGIN, "email": "Lead", "email_verified": True}


@pytest.mark.parametrize(
    "change, expected",
    [
        ({}, "Lead"),
        ({"email_verified": False}, None),
        ({"is_logged_in": False}, None),
        ({"origin": "http://evil.example"}, None),
        ({"email": None, "preferred_username": "lead"}, "lead"),
        ({"email": None}, None),
    ],
)
def test_only_verified_claims_of_our_own_origin_count(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], expected: str | None
) -> None:
    monkeypatch.setattr(provider, "_get_signed_cookie_with_chunks", lambda jar, name: jar.get(name))
    found = provider.identity(_Request({**GOOD, **change}))  # type: ignore[arg-type]
    assert (found and found.name) == expected


def test_an_unsigned_identity_cookie_opens_nothing(browser: Browser, reconfigure: Callable[..., Workbench]) -> None:
    reconfigure(oidc=True)
    client = browser()
    client.cookies.set("_streamlit_user", json.dumps(GOOD).encode().hex())
    assert client.get("/").headers["location"] == "/login/oidc"
    assert client.get("/login/oidc").headers["location"] == "/login"


def test_a_vouched_person_gets_the_role_of_our_database_or_nothing(
    browser: Browser, reconfigure: Callable[..., Workbench], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = reconfigure(oidc=True)
    monkeypatch.setattr(provider, "identity", lambda request: provider.Identity("LEAD", {}))
    client = browser()
    assert client.get("/login/oidc").status_code == 303
    mark = signins.session_mark(bench, client.cookies["spotcheck"], now=datetime.now(UTC))
    found = signins.signed_in(bench, mark or "", now=datetime.now(UTC))
    assert found is not None
    assert found.role == "lead"
    monkeypatch.setattr(provider, "identity", lambda request: provider.Identity("stranger@example.com", {}))
    assert browser().get("/login/oidc").status_code == 403


def test_without_a_configured_provider_the_page_says_so(
    browser: Browser, reconfigure: Callable[..., Workbench]
) -> None:
    reconfigure(oidc=True)
    page = browser().get("/login").text
    assert "identity provider" in page
    assert 'name="password"' not in page


@pytest.mark.parametrize("path", ["/", "/inspect?a=b", "/trends?team=%E5%94%AE"])
def test_our_own_addresses_are_kept(path: str) -> None:
    assert cookies.safe_path(path) == path
