"""Who is told what: once, in order, without a word of a customer, whatever robot is dead."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from qa import audit, notify
from qa.errors import Denied, Invalid, NotFound, Unavailable
from qa.notify import Channel, sending
from qa.notify.channels import address_of
from qa.notify.outbox import LAP, quiet_until
from qa.people import accounts
from qa.policy import SYSTEM, Role
from qa.security import keys
from qa.tables import Notice, NotifyChannel
from qa.workbench import Workbench

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KEY = b"a secret of twenty-four b"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
ZONE = ZoneInfo("Asia/Shanghai")


def happen(bench: Workbench, action: str, number: int = 1, now: datetime = NOW, **facts: object) -> None:
    with bench.db.write() as session:
        audit.record(session, SYSTEM, now, action, action.partition(".")[0], number, **facts)


class Receiver:
    """A program that takes webhooks on this machine; `answers` are the statuses it gives, the last one for ever."""

    def __init__(self) -> None:
        self.answers, self.taken = [200], list[tuple[dict[str, str], bytes]]()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                if status < 300:
                    outer.taken.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/hook {SECRET}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(d["type"], d["data"]["id"]) for d in (json.loads(body) for _, body in self.taken)]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.server.shutdown()
    found.server.server_close()


def hook(bench: Workbench, address: str, *events: str) -> int:
    return notify.add(bench, SYSTEM, Channel("BI", "webhook", address, events or ("verdict", "appeal")), now=NOW)


def told(bench: Workbench, now: datetime = NOW, **more: Any) -> int:
    notify.collect(bench, now)
    return notify.deliver(bench, now, **more)


def test_a_webhook_is_told_once_signed_and_in_order(any_bench: Workbench, receiver: Receiver) -> None:
    bench = any_bench
    happen(bench, "verdict.inspection", 1)  # before there was a channel
    hook(bench, receiver.address)
    for action, number in (
        ("verdict.inspection", 2),
        ("draw.published", 3),
        ("appeal.filed", 4),
        ("verdict.appeal", 2),
    ):
        happen(bench, action, number, total=9000, version=1, words="13812345678")
    assert told(bench) == 3
    assert told(bench) == 0
    assert receiver.told == [("verdict.inspection", "2"), ("appeal.filed", "4"), ("verdict.appeal", "2")]
    sent, body = receiver.taken[0]
    assert b"13812345678" not in body
    signed = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert sent["webhook-signature"] == f"v1,{expected}"


def test_what_is_refused_is_tried_again_later_and_in_order_of_its_object(bench: Workbench, receiver: Receiver) -> None:
    hook(bench, receiver.address)
    receiver.answers = [503, 200]
    for action, number in (("verdict.inspection", 1), ("verdict.appeal", 1), ("verdict.inspection", 2)):
        happen(bench, action, number)
    assert told(bench) == 1, "the first object waits, the other does not"
    assert receiver.told == [("verdict.inspection", "2")]
    assert told(bench, NOW + MINUTE / 2) == 0
    assert told(bench, NOW + MINUTE) == 2
    assert receiver.told[1:] == [("verdict.inspection", "1"), ("verdict.appeal", "1")]
    ids = [sent["webhook-id"] for sent, _ in receiver.taken]
    assert len(set(ids)) == 3


def test_two_servers_tell_what_concerns_one_object_in_order(any_bench: Workbench) -> None:
    """The second one looks while the first notice is on its way, and leaves the next one of the same object."""
    bench, taken = any_bench, list[tuple[str, str]]()
    hook(bench, "http://127.0.0.1:9/hook " + SECRET)
    for action, number in (("verdict.inspection", 1), ("verdict.appeal", 1), ("verdict.inspection", 2)):
        happen(bench, action, number)
    notify.collect(bench, NOW)

    def other(url: str, body: bytes, sent: dict[str, str]) -> int:
        said = json.loads(body)
        taken.append((said["type"], said["data"]["id"]))
        return 200

    def first(url: str, body: bytes, sent: dict[str, str]) -> int:
        if not taken:
            notify.deliver(bench, NOW, post=other)
        return other(url, body, sent)

    notify.deliver(bench, NOW, post=first)
    assert sorted(taken) == sorted({*taken}), "each once"
    assert len(taken) == 3
    assert taken.index(("verdict.inspection", "1")) < taken.index(("verdict.appeal", "1"))


def test_a_dead_receiver_is_given_up_in_the_end_and_told_again_on_request(bench: Workbench, receiver: Receiver) -> None:
    number, other = hook(bench, receiver.address), hook(bench, "http://127.0.0.1:9/nobody " + SECRET)
    happen(bench, "verdict.inspection", 1)
    now = NOW
    for pause in (timedelta(0), *sending.PAUSES):
        now += pause
        told(bench, now)
    states = {line.channel + str(line.id): (line.state, line.attempts) for line in notify.log(bench, SYSTEM)}
    assert sorted(states.values()) == [("failed", 7), ("sent", 1)], "one that is dead holds up no other"
    with bench.db.read() as session:
        first = session.scalars(select(Notice.id).where(Notice.channel_id == number)).one()
    assert notify.replay(bench, SYSTEM, number, first, first, now=now) == 1
    assert told(bench, now) == 1
    assert receiver.taken[0][0]["webhook-id"] == receiver.taken[1][0]["webhook-id"]
    with pytest.raises(Invalid):
        notify.replay(bench, SYSTEM, other + 1, 1, 9, now=now)


def test_a_server_that_dies_while_it_sends_tells_a_program_again_and_people_not(
    bench: Workbench, receiver: Receiver
) -> None:
    hook(bench, receiver.address)
    notify.add(bench, SYSTEM, Channel("群", "dingtalk", "dingtalk://token", ("appeal_filed",)), now=NOW)
    happen(bench, "appeal.filed", 1)
    notify.collect(bench, NOW)
    with bench.db.write() as session:
        session.execute(update(Notice).values(state="sending", attempts=1, not_before=NOW + sending.LEASE))
    assert notify.deliver(bench, NOW + MINUTE) == 0
    assert notify.deliver(bench, NOW + sending.LEASE) == 1
    assert {line.channel: line.state for line in notify.log(bench, SYSTEM)} == {"BI": "sent", "群": "failed"}


def test_people_get_one_message_without_a_word_of_a_customer(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    import apprise

    said: list[tuple[str, str]] = []
    monkeypatch.setattr(
        apprise.plugins.dingtalk.NotifyDingTalk, "send",
        lambda self, body, title="", **more: said.append((title, body)) or True,
    )  # fmt: skip
    group = Channel("群", "dingtalk", "dingtalk://token", ("draw_published", "appeal_filed"), language="en")
    bench.config = replace(bench.config, public_url="https://qa.example.com/")
    notify.add(bench, SYSTEM, group, now=NOW)
    happen(bench, "draw.published", 7, first="2026-03-01", last="2026-03-01", samples=12, name="王女士 13812345678")
    happen(bench, "appeal.filed", 3, body="客户说 13812345678")
    happen(bench, "job.failed", 3)
    assert told(bench) == 2
    [(title, body)] = said
    assert "2 notices" in title
    assert "A draw was published for 2026-03-01 – 2026-03-01: 12 samples. https://qa.example.com/draws?draw=7" in body
    assert "138" not in body
    assert told(bench) == 0


def test_a_digest_is_sent_once_a_night_and_quiet_hours_are_kept(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(sending, "_say", lambda bench, row, title, text: said.append(f"{row.name} {title}") or "")
    make = {"kind": "feishu", "address": "feishu://token", "events": ("appeal_filed",), "language": "en"}
    notify.add(bench, SYSTEM, Channel("digest", digest=True, **make), now=NOW)  # type: ignore[arg-type]
    notify.add(bench, SYSTEM, Channel("quiet", quiet_from="22:00", quiet_to="10:00", **make), now=NOW)  # type: ignore[arg-type]
    for number in range(3):
        happen(bench, "appeal.filed", number)
    assert told(bench) == 0, "09:30: one collects, the other is quiet"
    assert told(bench, NOW + 30 * MINUTE) == 3
    assert told(bench, NOW + 30 * MINUTE, digests=True) == 3
    assert told(bench, NOW + 30 * MINUTE, digests=True) == 0
    assert said == ["quiet Spotcheck · 3 notices", "digest Spotcheck · 3 notices"]


def test_a_person_is_told_only_what_concerns_them(any_bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, said = any_bench, list[str]()
    monkeypatch.setattr(sending, "_say", lambda bench, row, title, text: said.append(row.name) or "")
    for login, role in (("lead", Role.LEAD), ("inspector", Role.INSPECTOR)):
        user = accounts.create_user(bench, SYSTEM, now=NOW, login=login, role=role, display_name=login)
        channel = Channel(login, "wecom", "wecombot://key", ("appeal_filed", "result_ready"), user_id=user.id)
        notify.add(bench, SYSTEM, channel, now=NOW)
    happen(bench, "appeal.filed", 1)
    happen(bench, "verdict.inspection", 1, verdict=99)
    assert told(bench) == 1
    assert said == ["lead"]


def test_the_address_is_sealed_never_shown_and_outlives_a_change_of_keys(any_bench: Workbench) -> None:
    bench = any_bench
    number = notify.add(
        bench, SYSTEM, Channel("群", "dingtalk", "dingtalk://hidden@hiddentoken", ("job_failed",)), now=NOW
    )
    with bench.db.read() as session:
        row = session.get_one(NotifyChannel, number)
    assert "hidden" not in row.address
    assert "hidden" not in repr(notify.channels(bench, SYSTEM)) + repr(Channel("a", "mail", "hidden"))
    keys.rotate(bench.config.keys)
    assert notify.reseal(bench, SYSTEM, now=NOW) == 1
    keys.forget_old(bench.config.keys)
    with bench.db.read() as session:
        assert address_of(bench, session.get_one(NotifyChannel, number)).startswith("dingtalk://hidden@")


def test_channels_are_checked(bench: Workbench) -> None:
    lead = accounts.create_user(bench, SYSTEM, now=NOW, login="lead", role=Role.LEAD, display_name="L").actor
    good = {"name": "x", "kind": "dingtalk", "address": "dingtalk://token", "events": ("job_failed",)}
    for wrong in (
        {"name": ""}, {"kind": "pager"}, {"address": "feishu://token"}, {"address": "syslog://"}, {"events": ()},
        {"events": ("verdict",)}, {"quiet_from": "22:00"}, {"quiet_from": "2", "quiet_to": "8"}, {"language": "xx"},
        {"kind": "webhook", "address": "http://example.com/ " + SECRET, "events": ("verdict",)},
        {"kind": "webhook", "address": "https://example.com/ whsec_c2hvcnQ=", "events": ("verdict",)},
        {"kind": "webhook", "address": "file:///etc/passwd " + SECRET, "events": ("verdict",)},
    ):  # fmt: skip
        with pytest.raises(Invalid):
            notify.add(bench, SYSTEM, Channel(**{**good, **wrong}), now=NOW)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        notify.add(bench, SYSTEM, Channel(**good, user_id=99), now=NOW)  # type: ignore[arg-type]
    with pytest.raises(Denied):
        notify.add(bench, lead, Channel(**good), now=NOW)  # type: ignore[arg-type]
    with pytest.raises(Denied):
        notify.log(bench, lead)
    number = hook(bench, "http://127.0.0.1:9/nobody " + SECRET)
    with pytest.raises(Unavailable):
        notify.test(bench, SYSTEM, number, now=NOW)
    notify.pause(bench, SYSTEM, number, now=NOW)
    happen(bench, "verdict.inspection", 1)
    notify.resume(bench, SYSTEM, number, now=NOW)
    assert notify.collect(bench, NOW) == 0, "what happened while it was paused is not told"


def test_how_far_a_channel_has_come_follows_behind(bench: Workbench) -> None:
    number = hook(bench, "http://127.0.0.1:9/nobody " + SECRET)
    with bench.db.write() as session:
        audit.write(
            session,
            [audit.entry(SYSTEM, NOW, "job.done", "job", n, {}) for n in range(2 * LAP + 5)],
        )
    notify.collect(bench, NOW)
    with bench.db.read() as session:
        assert session.get_one(NotifyChannel, number).since > LAP - 5


@given(st.integers(0, 23 * 60 + 59), st.integers(0, 23 * 60 + 59), st.integers(0, 48 * 60))
def test_quiet_hours_end_and_are_quiet_until_then(start: int, end: int, at: int) -> None:
    first, last = f"{start // 60:02}:{start % 60:02}", f"{end // 60:02}:{end % 60:02}"
    now = NOW + timedelta(minutes=at)
    free = quiet_until(first, last, now, ZONE)
    assert now <= free < now + timedelta(days=1)
    assert quiet_until(first, last, free, ZONE) == free
