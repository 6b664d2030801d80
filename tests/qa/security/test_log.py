"""The security log says what happened and not to whom."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest

from qa.errors import Denied
from qa.people import accounts, signins
from qa.policy import SYSTEM, Actor, Right, Role, require
from qa.security import log as securitylog
from qa.upkeep import trail, trail_words
from qa.workbench import Workbench

PASSWORD = "correct-horse-1"


@pytest.fixture
def log(bench: Workbench) -> Iterator[Path]:
    securitylog.write_to(bench.config.home)
    yield bench.config.home / securitylog.FOLDER / securitylog.FILE
    logger = logging.getLogger("spotcheck.security")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


def test_what_counts_is_logged_without_names(bench: Workbench, log: Path, now: datetime) -> None:
    root = accounts.create_user(
        bench, SYSTEM, now=now, login="wang.fang", role=Role.ADMIN, display_name="王芳", password=PASSWORD
    )
    with pytest.raises(Denied):
        signins.sign_in(bench, "wang.fang", "guess", address="203.0.113.9", now=now)
    signins.sign_in(bench, "wang.fang", PASSWORD, address="203.0.113.9", now=now)
    with pytest.raises(Denied):
        require(Actor(7, Role.AGENT, "李"), Right.EXPORT)
    events = [line.event for line in reversed(trail.security(bench, root.actor))]
    assert events == ["user.created", "sign_in.failed", "user.signed_in", "right.refused"]
    text = log.read_text("utf-8")
    assert not [word for word in ("wang", "王芳", "李", "203.0.113", PASSWORD, "guess") if word in text]
    assert log.stat().st_mode & 0o077 == 0 or log.parent.stat().st_mode & 0o077 == 0
    with pytest.raises(Denied):
        trail.security(bench, Actor(7, Role.LEAD, "x"))


def test_the_log_rotates_and_survives_garbage(bench: Workbench, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for handler in logging.getLogger("spotcheck.security").handlers:
        if not isinstance(handler, RotatingFileHandler):
            continue
        monkeypatch.setattr(handler, "maxBytes", 2_000)
    for number in range(200):
        securitylog.note("server.started", process=number)
    assert len(list(log.parent.glob("security.jsonl*"))) == securitylog.KEPT + 1
    with log.open("a") as file:
        file.write("not json\n[1]\n")
    assert securitylog.latest(bench.config.home)[0].facts == {"process": 199}


def test_every_logged_entry_of_the_trail_has_words() -> None:
    assert {
        event
        for event in securitylog.EVENTS
        if not event.startswith(("server.", "sign_in.", "right.", "customer.", "api.", "token.refused"))
    } <= set(trail_words.ACTIONS)
