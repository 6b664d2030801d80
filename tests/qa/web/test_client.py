"""The generated client: the one of this release, and one that a real server answers."""

from __future__ import annotations

import importlib.util
import socket
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from qa.people import accounts, tokens
from qa.people.tokens import SCOPES
from qa.policy import SYSTEM
from qa.web.api import client as generator
from qa.web.api import openapi, serving
from qa.web.api.calls import PATH
from qa.web.api.endpoints import ENDPOINTS
from qa.workbench import Workbench

CLIENT = Path(__file__).parents[3] / "clients" / generator.FILE
NOW = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


def test_the_client_is_the_one_that_this_release_describes() -> None:
    made = generator.source(openapi.document(ENDPOINTS, PATH))
    assert CLIENT.read_text(encoding="utf-8") == made, "run: make client"


@pytest.fixture(scope="module")
def spotcheck() -> ModuleType:
    """The module, as a program has it that knows nothing else of us."""
    spec = importlib.util.spec_from_file_location("spotcheck_client", CLIENT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["spotcheck_client"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def address(bench: Workbench) -> Iterator[str]:
    """The API behind a real socket."""
    port = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(Starlette(routes=[serving.mounted(lambda: bench)]), log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([port],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port.getsockname()[1]}/"
    server.should_exit = True
    thread.join()
    port.close()


@pytest.fixture
def secret(bench: Workbench, people: dict[str, accounts.Account]) -> str:
    return tokens.create(
        bench, SYSTEM, now=datetime.now(UTC), user_id=people["lead"].id, name="test", scopes=tuple(SCOPES), days=30
    ).secret


def chat(spotcheck: Any, number: int) -> Any:
    at = NOW + timedelta(minutes=number)
    said = [
        spotcheck.PushedMessage(role="customer", sent_at=at, text="在吗"),
        spotcheck.PushedMessage(role="agent", sent_at=at + timedelta(seconds=20), text="亲，在的"),
    ]
    return spotcheck.PushedConversation(conversation_id=f"C{number}", agent_id="小青", messages=said)


def test_it_talks_to_a_real_server(spotcheck: Any, address: str, secret: str) -> None:
    client = spotcheck.Client(address, secret)
    assert client.get_me().login == "lead"
    body = spotcheck.PushBody(source="shop", conversations=[chat(spotcheck, n) for n in range(5)])
    pushed = client.post_conversations(body, idempotency_key="k1")
    assert (pushed.new, pushed.messages, [one.code for one in pushed.problems]) == (5, 10, ["unknown_agent"])
    assert client.post_conversations(body, idempotency_key="k1") == pushed
    listed = list(client.every(client.get_conversations, limit=2, agent="小青"))
    assert [one.started_at for one in listed] == [NOW + timedelta(minutes=n) for n in (4, 3, 2, 1, 0)]
    whole = client.get_conversations_handle(listed[0].handle)
    assert [message.text for message in whole.messages] == ["在吗", "亲，在的"]
    assert client.get_estimates_agents().team.reason == "no_reviews"
    assert client.get_estimates_corrected().reason == "no_scorer"
    assert list(client.every(client.get_draws)) == []


def test_what_is_refused_is_said_with_its_code_and_facts(spotcheck: Any, address: str, secret: str) -> None:
    client = spotcheck.Client(address, secret)
    with pytest.raises(spotcheck.ApiProblem) as missing:
        client.get_draws_draw_receipt(99)
    assert (missing.value.status, missing.value.details.code) == (404, "not_found")
    with pytest.raises(spotcheck.ApiProblem) as bad:
        client.get_verdicts(first="yesterday")
    assert bad.value.details.facts == {"name": "first", "value": "yesterday"}
    with pytest.raises(spotcheck.ApiProblem, match="401"):
        spotcheck.Client(address, "nobody").get_me()
    with pytest.raises(spotcheck.ApiProblem, match="404"):
        spotcheck.Client(address + "x", secret).get_me()


def test_it_waits_when_it_is_asked_to(
    spotcheck: Any, address: str, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "CALLS", 2)
    monkeypatch.setattr(serving, "SECONDS", 1.0)
    hasty, patient = spotcheck.Client(address, secret, patience=0), spotcheck.Client(address, secret, patience=5)
    with pytest.raises(spotcheck.ApiProblem, match="too_many"):
        [hasty.get_me() for _ in range(4)]
    assert {patient.get_me().login for _ in range(3)} == {"lead"}


def test_the_server_hands_out_its_own(browser: Any, shared_bench: Workbench) -> None:
    answer = browser().get("/api/v1/client.py")
    assert answer.text == CLIENT.read_text(encoding="utf-8")
    assert generator.FILE in answer.headers["content-disposition"]
