"""The door for programs: tokens, rights, pages, estimates with intervals, pushes that happen once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from qa.people import accounts, tokens
from qa.people.tokens import SCOPES
from qa.policy import SYSTEM, Right, Role
from qa.tables import ApiToken, AuditEntry
from qa.web.api import serving
from qa.web.api.endpoints import ENDPOINTS
from qa.workbench import Workbench
from tests.qa.web.conftest import TestClient

ROOT = "/api/v1"
Program = Callable[..., TestClient]
ALL = tuple(SCOPES)
NEEDS: dict[str, tuple[Right, ...]] = {
    "GET /me": (),
    "GET /conversations": (Right.VIEW_CONVERSATIONS,),
    "POST /conversations": (Right.IMPORT,),
    "GET /conversations/{handle}": (Right.VIEW_CONVERSATIONS,),
    "GET /draws": (Right.VIEW_DRAWS,),
    "GET /draws/{draw}/samples": (Right.VIEW_DRAWS,),
    "GET /draws/{draw}/receipt": (Right.VIEW_DRAWS,),
    "GET /verdicts": (Right.EXPORT,),
    "GET /estimates/agents": (Right.VIEW_RESULTS, Right.VIEW_TEAM),
    "GET /estimates/corrected": (Right.VIEW_RESULTS, Right.VIEW_TEAM),
    "GET /estimates/trend": (Right.VIEW_RESULTS, Right.VIEW_TEAM),
    "GET /violations": (Right.VIEW_VIOLATIONS, Right.VIEW_TEAM),
    "GET /cases": (Right.VIEW_CASES,),
    "GET /cases/{case}": (Right.VIEW_CASES,),
    "GET /assessments": (Right.ASSESS, Right.VIEW_TEAM, Right.VIEW_OWN_RESULTS),
    "GET /assessments/{assessment}/entries": (Right.ASSESS, Right.VIEW_TEAM, Right.VIEW_OWN_RESULTS),
}
"""The rights of which one is enough: those of the pages."""


@pytest.fixture
def program(shared_bench: Workbench, browser: Any, people: dict[str, accounts.Account]) -> Program:
    """`program("lead")`: a client with a token of that account; `program("lead", scopes=("draws",))`."""

    def make(login: str, scopes: tuple[str, ...] = ALL, now: datetime | None = None, days: int = 30) -> TestClient:
        made = tokens.create(
            shared_bench, SYSTEM, now=now or datetime.now(UTC), user_id=people[login].id, name="test", scopes=scopes,
            days=days,
        )  # fmt: skip
        client: TestClient = browser()
        client.headers["authorization"] = f"Bearer {made.secret}"
        return client

    return make


def chat(number: int, text: str = "在吗", agent: str = "小青", **more: Any) -> dict[str, Any]:
    at = datetime(2026, 3, 1, 2, 0, tzinfo=UTC) + timedelta(minutes=number)
    return {
        "conversation_id": f"C{number}", "agent_id": agent, "customer_id": f"tb{number}",
        "messages": [
            {"role": "customer", "sent_at": at.isoformat(), "text": text},
            {"role": "agent", "sent_at": (at + timedelta(seconds=20)).isoformat(), "text": "亲，在的"},
        ],
        **more,
    }  # fmt: skip


def push(client: TestClient, *chats: dict[str, Any], key: str | None = None, source: str = "shop") -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(f"{ROOT}/conversations", json={"source": source, "conversations": list(chats)}, headers=headers)


def address(endpoint: Any) -> str:
    return ROOT + re.sub(r"{\w+}", "1", endpoint.path)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: f"{e.method} {e.path}")
def test_nobody_gets_anything_without_a_token_that_is_good(browser: Any, program: Program, endpoint: Any) -> None:
    lead, client = program("lead"), browser("lead")  # a sign-in by cookie is no token
    expired = program("lead", now=datetime.now(UTC) - timedelta(days=31))
    for asking in (browser(), client, expired):
        answer = asking.request(endpoint.method, address(endpoint))
        assert answer.status_code == 401, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "unauthorized"
    assert lead.get(f"{ROOT}/me").status_code == 200


@pytest.mark.parametrize("role", list(Role))
def test_a_wrong_role_gets_nothing_and_a_wrong_scope_neither(program: Program, role: Role) -> None:
    client, narrow = program(role.value), program(role.value, scopes=("cases",))
    actor = accounts.Account(0, "x", "x", role, None, None, None, True, True, datetime.now(UTC)).actor
    seen = set()
    for endpoint in ENDPOINTS:
        name = f"{endpoint.method} {endpoint.path}"
        seen.add(name)
        answer = client.request(endpoint.method, address(endpoint), json={} if endpoint.body else None)
        allowed = not NEEDS[name] or any(actor.may(right) for right in NEEDS[name])
        assert (answer.status_code != 403) == allowed, f"{role} {name}: {answer.text}"
        assert answer.status_code < 500, answer.text
        if endpoint.scope not in ("", "cases"):
            refused = narrow.request(endpoint.method, address(endpoint), json={} if endpoint.body else None)
            assert (refused.status_code, refused.json()["facts"]) == (403, {"scope": endpoint.scope})
    assert seen == set(NEEDS), "a new address says here whose it is"


def test_a_token_ends_when_it_is_revoked_or_its_account_is_disabled(
    program: Program, shared_bench: Workbench, people: dict[str, accounts.Account]
) -> None:
    now = datetime.now(UTC)
    first, second = program("lead"), program("lead")
    with shared_bench.db.read() as session:
        row = session.scalars(select(ApiToken).order_by(ApiToken.id)).first()
        assert row is not None
        assert row.token_hash not in first.headers["authorization"]
    tokens.revoke(shared_bench, people["lead"].actor, row.id, now=now)
    assert first.get(f"{ROOT}/me").status_code == 401
    assert second.get(f"{ROOT}/me").json()["login"] == "lead"
    accounts.disable_user(shared_bench, SYSTEM, people["lead"].id, now=now)
    assert second.get(f"{ROOT}/me").status_code == 401
    with shared_bench.db.read() as session:
        told = list(
            session.scalars(select(AuditEntry.action).where(AuditEntry.entity == "token").order_by(AuditEntry.id))
        )
    assert told == ["token.created", "token.created", "token.revoked"]


def test_what_is_pushed_can_be_found_read_and_is_pushed_once(program: Program, shared_bench: Workbench) -> None:
    lead = program("lead")
    answer = push(lead, chat(1), chat(2, text="我的手机号是13812345678"), key="k1")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["new"], answer.json()["messages"]) == (2, 4)
    again = push(lead, chat(1), chat(2, text="我的手机号是13812345678"), key="k1")
    assert again.content == answer.content, "the same request gets the same answer"
    assert push(lead, chat(9), key="k1").json()["code"] == "conflict"
    other = push(lead, chat(3), chat(4)).json()
    assert (other["new"], shared_bench.archive.at().count("conversations")) == (2, 4), "another batch of the same shape"
    repeated = push(lead, chat(3), chat(4)).json()
    assert (repeated["new"], repeated["unchanged"], shared_bench.archive.at().count("messages")) == (0, 2, 8)
    found = lead.get(f"{ROOT}/conversations", params={"limit": 3}).json()
    assert (len(found["items"]), found["total"]) == (3, 4)
    rest = lead.get(f"{ROOT}/conversations", params={"limit": 3, "cursor": found["next"]}).json()
    assert (len(rest["items"]), rest["next"]) == (1, None)
    handle = rest["items"][0]["handle"]
    assert len(lead.get(f"{ROOT}/conversations/{handle}").json()["messages"]) == 2


def test_customers_are_masked_for_whoever_may_not_see_them(program: Program) -> None:
    push(program("lead"), chat(2, text="我的手机号是13812345678"))
    for login, seen in (("lead", True), ("admin", False)):
        client = program(login)
        [row] = client.get(f"{ROOT}/conversations").json()["items"]
        said = client.get(f"{ROOT}/conversations/{row['handle']}").text
        assert ("13812345678" in said) is seen
        assert ("tb2" in client.get(f"{ROOT}/conversations").text) is seen


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"\xff\xfe", b'{"source": "shop"}', b'{"source": "shop", "conversations": []}',
        b'{"source": "a:b", "conversations": [{"conversation_id": "1", "messages": [{"role": "customer",'
        b' "sent_at": "2026-03-01T10:00:00Z", "text": "x"}]}]}',
        b'{"source": "shop", "conversations": [{"conversation_id": "1", "messages": [{"role": "customer",'
        b' "sent_at": "2026-03-01T10:00:00", "text": "x"}]}]}',
        b'{"source": "shop", "conversations": [{"conversation_id": "1", "messages": []}]}',
        b'{"source": "shop", "conversations": [{"conversation_id": "1", "messages": [], "satisfaction": 1e30}]}',
        b'{"source": "shop", "conversations": [' + b'{"conversation_id": "1", "messages": []},' * 10_000
        + b'{"conversation_id": "1", "messages": []}]}',
    ],
    ids=["empty", "list", "bytes", "none", "no chats", "source", "naive time", "no messages", "no score", "too many"],
)  # fmt: skip
def test_a_bad_body_is_refused_with_the_place(program: Program, shared_bench: Workbench, body: bytes) -> None:
    answer = program("lead").post(f"{ROOT}/conversations", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), answer.text
    assert shared_bench.archive.version() == 0


def test_times_are_read_however_they_are_written_and_a_bad_one_is_named(
    program: Program, shared_bench: Workbench
) -> None:
    lead, first = program("lead"), chat(1)
    written = (
        "2026-03-01T02:00:05Z",
        "2026-03-01 02:00:06z",
        "2026-03-01T10:00:07.25+0800",
        "2026-03-01T10:00:08+08:00",
    )
    first["messages"] = [{"role": "customer", "sent_at": at, "text": at} for at in written]
    bad = chat(2)
    bad["messages"][1]["sent_at"] = "2026-02-30T10:00:00Z"
    refused = push(lead, first, bad).json()
    assert (refused["facts"]["path"], refused["facts"]["value"]) == (
        "conversations[1].messages[1].sent_at", "2026-02-30T10:00:00Z",
    )  # fmt: skip
    assert push(lead, first).json()["messages"] == 4
    stored = shared_bench.archive.at().scan("messages").sort("seq").collect()
    assert stored["text"].to_list() == list(written)
    assert stored["sent_at"].dt.second().to_list() == [5, 6, 7, 8]


def test_what_cannot_be_read_is_named_and_never_means_everything(program: Program) -> None:
    lead = program("lead", scopes=ALL)
    for query in (
        "agnt=x",
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=%25",
        "cursor=AAAA",
        "first=1.1.2026",
        "agent=%00",
    ):
        answer = lead.get(f"{ROOT}/verdicts?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), query
    assert lead.get(f"{ROOT}/nothing").status_code == 404
    assert lead.delete(f"{ROOT}/draws").json()["code"] == "method"
    assert lead.get(f"{ROOT}/draws/99/samples").status_code == 404
    assert lead.get(f"{ROOT}/draws/x/samples").status_code == 400
    chinese = lead.get(f"{ROOT}/draws/99/samples", headers={"accept-language": "zh-CN"}).json()
    assert re.search("[\u4e00-\u9fff]", chinese["detail"])


def test_an_answer_that_has_not_changed_is_not_sent_again(program: Program) -> None:
    lead = program("lead")
    first = lead.get(f"{ROOT}/draws")
    assert first.headers["cache-control"] == "private, no-cache"
    same = lead.get(f"{ROOT}/draws", headers={"if-none-match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")


def test_a_token_that_is_used_too_often_waits(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "CALLS", 3)
    lead = program("lead")
    answers = [lead.get(f"{ROOT}/me") for _ in range(5)]
    assert [answer.status_code for answer in answers][-1] == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert program("lead").get(f"{ROOT}/me").status_code == 200, "each token by itself"


def test_the_description_is_served_and_names_every_address(browser: Any, shared_bench: Workbench) -> None:
    document = browser().get(f"{ROOT}/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    said = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert said == {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}
    assert "/estimates/agents" in browser().get(f"{ROOT}/").text


def test_what_is_described_is_what_is_answered(
    program: Program, shared_bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests made from the description, good and bad ones, get answers that the description allows."""
    import schemathesis
    from hypothesis import HealthCheck, given, settings
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )
    from starlette.applications import Starlette

    monkeypatch.setattr(serving, "CALLS", 1e6)
    lead = program("lead")
    push(lead, chat(1), chat(2))
    schema = schemathesis.openapi.from_asgi(
        f"{ROOT}/openapi.json", Starlette(routes=[serving.mounted(lambda: shared_bench)])
    )
    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
    headers = {"authorization": lead.headers["authorization"]}
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=6, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            case.call_and_validate(headers=headers, checks=checks)

        check()


@pytest.mark.parametrize(
    "address",
    [
        "/api/v1/conversations?first=0001-01-01", "/api/v1/conversations?last=9999-12-31",
        "/api/v1/verdicts?first=0001-01-01&last=9999-12-31", "/api/v1/cases?cursor=djE6OTk5OTk5OTk5OTk5OTk5OTk5",
    ],
)  # fmt: skip
def test_days_and_places_at_the_edge_are_no_trouble(program: Program, address: str) -> None:
    assert program("lead").get(address).status_code in (200, 400, 422)


def test_a_body_is_not_read_for_a_stranger(browser: Any) -> None:
    read = []

    def body() -> Any:
        for part in range(64):
            read.append(part)
            yield b"x" * (1 << 20)

    answer = browser().post("/api/v1/conversations", content=body(), headers={"Authorization": "Bearer nothing"})
    assert answer.status_code == 401
    assert not read
