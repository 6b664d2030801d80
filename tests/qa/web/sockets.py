"""A plain client of Streamlit's websocket: enough to run a script and read what it shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.qa.web.conftest import ORIGIN, TestClient

STREAM = "/_stcore/stream"


@contextmanager
def connected(
    client: TestClient, *, origin: str | None = ORIGIN, resume: str = "", headers: dict[str, str] | None = None
) -> Iterator[Any]:
    """An open websocket of `client`'s browser; `resume` is the session id to continue."""
    protocols = ["streamlit", "x", *([resume] if resume else [])]
    given = {**({"origin": origin} if origin else {}), **(headers or {})}
    with client.websocket_connect(
        str(client.base_url).replace("http", "ws", 1).rstrip("/") + STREAM, subprotocols=protocols, headers=given
    ) as socket:
        yield socket


def rerun(socket: Any, page_hash: str = "") -> None:
    """Ask for a run of the script."""
    message = BackMsg()
    message.rerun_script.query_string = ""
    message.rerun_script.page_script_hash = page_hash
    socket.send_bytes(message.SerializeToString())


def read_run(socket: Any) -> list[ForwardMsg]:
    """All messages up to the end of the present run, or up to being sent elsewhere."""
    messages = []
    while True:
        message = ForwardMsg()
        message.ParseFromString(socket.receive_bytes())
        messages.append(message)
        if message.WhichOneof("type") in ("script_finished", "auth_redirect"):
            return messages


def session_id(messages: list[ForwardMsg]) -> str:
    return next(m.new_session.initialize.session_id for m in messages if m.WhichOneof("type") == "new_session")


def navigation(messages: list[ForwardMsg]) -> dict[str, str]:
    """Address to page hash, as the menu was sent last: before the first `st.navigation` of a process, Streamlit sends
    the bare file names of `pages/` (each of which guards itself)."""
    sent = [m.navigation for m in messages if m.WhichOneof("type") == "navigation"][-1]
    return {page.url_pathname: page.page_script_hash for page in sent.app_pages}


def menu(messages: list[ForwardMsg]) -> set[str]:
    """Addresses of the pages that are offered; pages of other roles are registered hidden, and each refuses."""
    sent = [m.navigation for m in messages if m.WhichOneof("type") == "navigation"][-1]
    return {page.url_pathname for page in sent.app_pages if not page.is_hidden}


def shown(messages: list[ForwardMsg]) -> str:
    """Everything shown, as one text."""
    return "\n".join(str(m.delta) for m in messages if m.WhichOneof("type") == "delta")
