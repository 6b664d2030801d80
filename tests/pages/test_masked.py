"""What identifies a customer does not come out to anybody without the right, wherever they look.

The pages come from the menu, their views from the pages themselves, the downloads from whatever a page offers, the
routes from the list of the HTTP API: a new one is walked without being named here.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from starlette.applications import Starlette
from streamlit.delta_generator import DeltaGenerator
from streamlit.testing.v1 import AppTest, local_script_runner

from pages.kit.nav import ENTRIES
from qa import notify
from qa.cli.main import main
from qa.config import Config
from qa.notify import sending
from qa.notify.events import AREAS
from qa.people import signins, tokens
from qa.policy import RIGHTS, SYSTEM, Right, Role
from qa.tables import Notice, NotifyChannel
from qa.web import api
from qa.web.api import PATH
from qa.web.api.endpoints import ENDPOINTS
from qa.workbench import Workbench, share
from tests.qa.web.conftest import TestClient
from tests.world.planted import NOW, Planted, plant

ROOT = Path(__file__).parents[2]
WITHOUT = sorted(role for role in Role if Right.UNMASK not in RIGHTS[role])
LEADS_ONLY = ["cleared", "correction answer", "dispute settlement", "example", "promise ruling", "upheld 1", "upheld 2"]
"""What nobody without the right is shown on the way."""
VIEWS = ("view", "section", "state")
"""Names under which pages keep their views in the address (`pages.kit.choices`)."""
ALL_OF = {"span": "all", "agent": "agent-0"}
THINGS: dict[str, tuple[dict[str, str], ...]] = {
    "agent.py": ({"verdict": "verdict"}, {"verdict": "corrected"}, {"coaching": "coaching"},
                 {"coaching": "coaching by case"}),
    "appeals.py": ({"appeal": "appeal"}, {"violation": "file"}),
    "conversations.py": ({"open": "conversation"},),
    "draws.py": ({"draw": "receipt"},),
    "library.py": ({"case": "case"}, {"sample": "sample"}, {"violation": "file"}, {"conversation": "conversation"}),
    "redlines.py": ({"file": "file"}, {"file": "cleared"}, {"file": "suspected"}),
}  # fmt: skip
"""What a page shows when an address names it: parameter → the id of `Planted.ids`."""
ROWS = {"disputes.py": ("dispute", "dispute"), "promises.py": ("promise", "promise")}
"""What a page shows when one of its rows is clicked: the dialog, and the key in `Planted.keys`."""


@dataclass
class Seen:
    """What one run of a page sent to the browser, what it offers for download, and the choices it asked for."""

    sent: list[bytes] = field(default_factory=list)
    choices: dict[str, tuple[str, list[Any]]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return b"\n".join(self.sent).decode("utf-8", "replace")


def unpacked(data: Any) -> Iterator[bytes]:
    """A file, and what is in it where it is an archive (a workbook is one)."""
    data = data() if callable(data) else data
    data = data.read() if hasattr(data, "read") else data
    data = data.encode() if isinstance(data, str) else bytes(data)
    yield data
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as inside:
            for name in inside.namelist():
                yield from unpacked(inside.read(name))


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    """What pages send, offer and ask, taken where Streamlit takes it."""
    at, patch = Seen(), pytest.MonkeyPatch()
    parse, button = local_script_runner.parse_tree_from_messages, DeltaGenerator.download_button

    def parsed(messages: list[Any]) -> Any:
        at.sent += [message.SerializeToString() for message in messages]
        return parse(messages)

    def offered(self: DeltaGenerator, label: str, data: Any, *more: Any, **named: Any) -> bool:
        at.sent += unpacked(data)
        return button(self, label, data, *more, **named)

    def asking(kind: str) -> Callable[..., Any]:
        ask = getattr(DeltaGenerator, kind)

        def asked(self: DeltaGenerator, label: str, options: Any, *more: Any, **named: Any) -> Any:
            at.choices[str(named.get("key") or "")] = kind, list(options)
            return ask(self, label, options, *more, **named)

        return asked

    patch.setattr(local_script_runner, "parse_tree_from_messages", parsed)
    patch.setattr(DeltaGenerator, "download_button", offered)
    for kind in ("selectbox", "segmented_control", "radio"):
        patch.setattr(DeltaGenerator, kind, asking(kind))
    yield at
    patch.undo()


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Planted]:
    home = tmp_path_factory.mktemp("planted")
    shutil.copy(sqlite_template, home / "workbench.db")
    bench = Workbench.open(Config(home=home, database_url=f"sqlite:///{home / 'workbench.db'}"))
    share(bench)
    yield plant(bench)
    share(None)
    bench.close()


def signed_in(planted: Planted, role: Role) -> AppTest:
    now = datetime.now(UTC)
    link = signins.new_link(planted.bench, SYSTEM, planted.actors[role].user_id, now=now)
    opened = signins.sign_in_by_link(planted.bench, link, now=now)
    at = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    at.user = {"session": signins.session_mark(planted.bench, opened.token, now=now)}
    at.run()
    return at


Walked = tuple[dict[str, list[str]], set[str]]
"""By what was looked at, the secrets that came out there; and the fields that were shown masked."""


def walk(planted: Planted, seen: Seen, role: Role) -> Walked:
    """Open everything this role can open."""
    at, leaks, hidden = signed_in(planted, role), dict[str, list[str]](), set[str]()

    def look(where: str, run: Callable[[], AppTest]) -> dict[str, tuple[str, list[Any]]]:
        seen.sent.clear()
        seen.choices.clear()
        run()
        assert not at.exception, (role, where, at.exception)
        leaks[where] = planted.found_in(seen.text)
        hidden.update(planted.hidden_in(seen.text))
        return dict(seen.choices)

    for entry in ENTRIES:
        if not entry.open_to(planted.actors[role]):
            continue
        if entry.url:
            at.switch_page(f"pages/{entry.file}")
        at.query_params.clear()
        at.query_params.update(ALL_OF)
        asked = look(entry.file, at.run)
        for name in VIEWS:
            kind, options = asked.get(f"pick_{name}", ("", []))
            for option in options:
                ask = getattr(at, kind)(key=f"pick_{name}")
                look(f"{entry.file} {name}={option}", ask.set_value(option).run)
        for thing in THINGS.get(entry.file, ()):
            at.query_params.update({name: planted.ids[of] for name, of in thing.items()})
            look(f"{entry.file} {thing}", at.run)
            for name in thing:
                at.query_params.pop(name, None)
        if entry.file in ROWS:
            dialog, of = ROWS[entry.file]
            at.session_state["dialog_open"], at.session_state["dialog_beside"] = dialog, planted.keys[of]
            look(f"{entry.file} {dialog}", at.run)
    return {where: found for where, found in leaks.items() if found}, hidden


@pytest.fixture(scope="module")
def walked(planted: Planted, seen: Seen) -> Callable[[Role], Walked]:
    """`walk` for a role, once."""
    return cache(lambda role: walk(planted, seen, role))


@pytest.mark.parametrize("role", WITHOUT)
def test_no_page_and_no_download_shows_a_customer(walked: Callable[[Role], Walked], role: Role) -> None:
    leaks, _hidden = walked(role)
    assert leaks == {}


def test_the_walk_passes_everything_that_was_planted(planted: Planted, walked: Callable[[Role], Walked]) -> None:
    """Otherwise it would find nothing because it looks nowhere."""
    met = set[str]().union(*(walked(role)[1] for role in WITHOUT))
    assert sorted(set(planted.numbers) - met) == LEADS_ONLY


# programs and the command line


@pytest.mark.parametrize("role", WITHOUT)
def test_no_answer_of_the_api_shows_a_customer(planted: Planted, role: Role) -> None:
    made = tokens.create(
        planted.bench, SYSTEM, now=datetime.now(UTC), user_id=planted.actors[role].user_id, name="walk",
        scopes=tuple(tokens.SCOPES), days=1,
    )  # fmt: skip
    client = TestClient(Starlette(routes=[api.mounted(lambda: planted.bench)]))
    client.headers["authorization"] = f"Bearer {made.secret}"
    named = {"handle": "conversation", "draw": "receipt", "case": "case", "assessment": "sheet"}
    answers = {}
    for endpoint in ENDPOINTS:
        if endpoint.method != "GET":
            continue
        path = re.sub(r"{(\w+)}", lambda found: planted.ids[named[found[1]]], endpoint.path)
        answers[endpoint.path] = client.get(f"{PATH}{path}")
    assert {answer.status_code for answer in answers.values()} <= {200, 403}
    assert answers["/cases/{case}"].status_code == 200
    leaks = {path: found for path, answer in answers.items() if (found := planted.found_in(answer.text))}
    assert leaks == {}


READING: dict[str, tuple[str, ...]] = {
    "assess sheets": (), "assess show": ("{sheet}",), "assess verify": ("{sheet}",), "assess imports": (),
    "assess accounts": (), "coaching": ("{coaching}",), "development exams": (), "development newcomers": (),
    "development grades": (), "development rewards": (), "disputes list": ("--days", "9999"),
    "disputes show": ("t:d1",), "disputes figures": ("--days", "9999"), "find": ("顾客",), "imports": (),
    "notify log": (), "promises": (), "roster list": (), "retention list": (),
    "export verdicts": ("{home}/verdicts.csv",), "export receipt": ("{home}/receipt.zip", "--draw", "{receipt}"),
}  # fmt: skip
"""Commands that show what is stored, with what they are asked."""


@pytest.mark.parametrize("command", READING)
def test_no_command_shows_a_customer(planted: Planted, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    home = planted.bench.config.home
    words = [word.format(**planted.ids, home=home) for word in READING[command]]
    said = ""
    for form in ((), ("--json",)):
        assert main(["--home", str(home), *form, *command.split(), *words]) == 0
        said += "".join(capsys.readouterr())
    files = [path for path in map(Path, words) if path.is_file()]
    said += "".join(part.decode("utf-8", "replace") for path in files for part in unpacked(path.read_bytes()))
    assert said
    assert planted.found_in(said) == []


# notices


def test_no_notice_and_no_digest_shows_a_customer(planted: Planted) -> None:
    """What people are told in one digest, and what programs are told, of everything that was done while planting."""
    bench, sent = planted.bench, list[bytes]()
    robot, program = int(planted.ids["robot"]), int(planted.ids["program"])

    def post(_url: str, body: bytes, headers: dict[str, str]) -> int:
        sent.append(body + repr(headers).encode())
        return 200

    notify.collect(bench, NOW)
    notify.deadlines(bench, NOW + timedelta(days=30))
    with bench.db.read() as session:
        notices = session.scalars(select(Notice).where(Notice.channel_id == robot).order_by(Notice.id)).all()
    told = {notice.event for notice in notices}
    assert told >= {"draw_published", "redline_to_rule", "appeal_filed", "appeal_ruled", "result_ready"}
    said = [
        part
        for language in ("zh_CN", "en")
        for start in range(0, len(notices), sending.LINES)
        for part in sending.message(bench, language, notices[start : start + sending.LINES])
    ]
    with bench.db.write() as session:  # the robot is not on this machine
        session.execute(update(NotifyChannel).where(NotifyChannel.id == robot).values(paused_at=NOW))
        session.execute(update(Notice).where(Notice.channel_id == robot).values(state="sent", ended_at=NOW))
    while notify.deliver(bench, NOW + timedelta(days=30), digests=True, post=post):
        pass
    with bench.db.read() as session:
        waiting = session.scalar(select(func.count()).where(Notice.channel_id == program, Notice.state == "waiting"))
    assert not waiting
    areas = {json.loads(body[: body.rindex(b"}{") + 1])["type"].partition(".")[0] for body in sent}
    assert areas == set(AREAS)
    assert planted.found_in("\n".join(said)) == []
    assert planted.found_in(b"\n".join(sent).decode()) == []
