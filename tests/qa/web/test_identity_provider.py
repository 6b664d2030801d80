"""Signing in with an identity provider end to end, against a provider on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from oidc_provider_mock import User, run_server_in_thread
from sqlalchemy import select
from streamlit import config as streamlit_config
from streamlit.runtime.secrets import secrets_singleton

from qa.people import accounts, signins
from qa.policy import SYSTEM, Role
from qa.tables import AuditEntry
from qa.workbench import Workbench
from tests.qa.web.conftest import ORIGIN, TestClient

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the provider's libraries
Browser = Callable[..., TestClient]
PEOPLE = (
    User(sub="1", claims={"preferred_username": "lead", "groups": ["staff", "spotcheck-inspector"]}),
    User(sub="2", claims={"email": "lead", "email_verified": False, "groups": "spotcheck-admin"}),
    User(sub="3", claims={"preferred_username": "inspector", "groups": ["spotcheck-agent"]}),
    User(sub="4", claims={"preferred_username": "nobody"}),
)


@dataclass
class Provider:
    """A provider on this machine; `answer_as` makes its tokens those of another issuer, `stop` takes it away."""

    server: Any
    address: str
    stop: Callable[[], None]

    def answer_as(self, host: str) -> None:
        inner = self.server.app

        def other(environ: dict[str, Any], start: Any) -> Any:
            if environ["PATH_INFO"] == "/oauth2/token":
                environ["HTTP_HOST"] = host
            return inner(environ, start)

        self.server.app = other


@pytest.fixture
def idp(tmp_path: Path) -> Iterator[Provider]:
    running = run_server_in_thread(user_claims=PEOPLE)
    server, stopped = running.__enter__(), []
    address = f"http://localhost:{server.server_port}"
    file = tmp_path / "secrets.toml"
    file.write_text(
        f'[auth]\nredirect_uri = "{ORIGIN}/oauth2callback"\ncookie_secret = "{"s" * 40}"\nclient_id = "spotcheck"\n'
        f'client_secret = "x"\nserver_metadata_url = "{address}/.well-known/openid-configuration"\n'
    )
    before = streamlit_config.get_option("secrets.files")
    streamlit_config.set_option("secrets.files", [str(file)])
    secrets_singleton._reset()

    def stop() -> None:
        if not stopped:
            stopped.append(running.__exit__(None, None, None))

    yield Provider(server, address, stop)
    stop()
    streamlit_config.set_option("secrets.files", before)
    secrets_singleton._reset()


def to_provider(client: TestClient) -> str:
    """From the sign-in page to the address at the provider."""
    page = client.get("/login").text
    link = page.split('href="', 1)[1] if "/auth/login" not in page else "/auth/login" + page.split("/auth/login", 1)[1]
    answer = client.get(link.split('"', 1)[0].replace("&amp;", "&"))
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"])


def back(client: TestClient, address: str, sub: str) -> httpx.Response:
    """Somebody signs in there and is sent back to us."""
    sent = httpx.post(address, data={"sub": sub})
    assert sent.status_code == 302, sent.text
    return client.get(sent.headers["location"].removeprefix(ORIGIN))


def signed_in(client: TestClient, bench: Workbench) -> accounts.Account | None:
    token = client.cookies.get("spotcheck")
    if token is None:
        return None
    mark = signins.session_mark(bench, token, now=datetime.now(UTC))
    return signins.signed_in(bench, mark or "", now=datetime.now(UTC))


def test_somebody_signs_in_and_keeps_the_role_given_here(
    idp: Provider, browser: Browser, reconfigure: Callable[..., Workbench]
) -> None:
    bench, client = reconfigure(oidc=True), browser()
    assert back(client, to_provider(client), "1").headers["location"] == "/"
    assert client.get("/").headers["location"] == "/login/oidc"
    assert client.get("/login/oidc").headers["location"] == "/"
    found = signed_in(client, bench)
    assert found is not None
    assert (found.login, found.role) == ("lead", Role.LEAD)
    assert client.get("/").status_code == 200


def test_a_claim_gives_the_role_and_the_trail_tells_it(
    idp: Provider, browser: Browser, reconfigure: Callable[..., Workbench]
) -> None:
    bench, client = reconfigure(oidc=True, oidc_roles_claim="groups"), browser()
    back(client, to_provider(client), "1")
    client.get("/login/oidc")
    found = signed_in(client, bench)
    assert found is not None
    assert (found.login, found.role) == ("lead", Role.INSPECTOR)
    with bench.db.read() as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.action == "user.changed"))
    assert entry.facts["role"] == ["lead", "inspector"]


@pytest.mark.parametrize("sub, said", [("2", "Sign in"), ("3", "needs the agent"), ("4", "has no account here")])
def test_who_is_not_vouched_for_gets_in_nowhere(
    idp: Provider, browser: Browser, reconfigure: Callable[..., Workbench], sub: str, said: str
) -> None:
    """An address nobody verified, a role that the account cannot have, a person without an account."""
    bench, client = reconfigure(oidc=True, oidc_roles_claim="groups"), browser()
    back(client, to_provider(client), sub)
    answer = client.get("/login/oidc")
    page = client.get("/login").text if answer.status_code == 303 else answer.text
    assert said in page
    assert signed_in(client, bench) is None


def test_a_disabled_account_stays_out(
    idp: Provider,
    browser: Browser,
    reconfigure: Callable[..., Workbench],
    people: dict[str, accounts.Account],
) -> None:
    bench, client = reconfigure(oidc=True), browser()
    accounts.disable_user(bench, SYSTEM, people["lead"].id, now=datetime.now(UTC))
    back(client, to_provider(client), "1")
    answer = client.get("/login/oidc")
    assert (answer.status_code, "has no account here" in answer.text) == (403, True)
    assert signed_in(client, bench) is None


@pytest.mark.parametrize("wrong", ["nonce", "issuer", "state", "refused"])
def test_what_does_not_hold_is_refused_in_words(
    idp: Provider, browser: Browser, reconfigure: Callable[..., Workbench], wrong: str
) -> None:
    bench, client = reconfigure(oidc=True), browser()
    address = to_provider(client)
    parts = urlsplit(address)
    asked = dict(parse_qsl(parts.query))
    if wrong == "issuer":
        idp.answer_as("elsewhere.example")
    if wrong in asked:
        asked[wrong] = "another"
    address = parts._replace(query=urlencode(asked)).geturl()
    if wrong == "refused":
        sent = httpx.post(address, data={"action": "deny"}, follow_redirects=False)
        answer = client.get(f"/oauth2callback?error=access_denied&state={asked['state']}")
        assert sent.status_code < 500
    else:
        answer = back(client, address, "1")
    assert answer.status_code == 403
    assert "did not vouch for you" in answer.text
    assert client.get("/login/oidc").headers["location"] == "/login"
    assert signed_in(client, bench) is None


def test_a_provider_that_is_down_is_one_sentence(
    idp: Provider, browser: Browser, reconfigure: Callable[..., Workbench]
) -> None:
    reconfigure(oidc=True)
    client = browser()
    address = to_provider(client)
    sent = httpx.post(address, data={"sub": "1"})
    idp.stop()
    page = client.get("/login").text
    link = "/auth/login" + page.split("/auth/login", 1)[1].split('"', 1)[0].replace("&amp;", "&")
    answer = client.get(link)
    assert (answer.status_code, "cannot be reached" in answer.text) == (503, True)
    late = client.get(sent.headers["location"].removeprefix(ORIGIN))
    assert (late.status_code, "did not vouch" in late.text) == (403, True)
