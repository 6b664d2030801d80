"""The security log: who came in or was turned away, what was taken out, when the server started and stopped.

One JSON object a line, in files that rotate, beside the database and not in it: it stays readable when the database is
not. No personal data: accounts by number, addresses and unknown names as a keyed hash, so that a burst from one place
can be seen without knowing whose it is.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from qa.i18n import C_, N_

FOLDER, FILE = "logs", "security.jsonl"
BYTES, KEPT = 1_000_000, 5
"""Size of one file, and how many older ones are kept."""

EVENTS: Mapping[str, str] = {
    "server.started": N_("Server started"),
    "server.stopped": N_("Server stopped"),
    "sign_in.failed": N_("Sign-in failed"),
    "sign_in.limited": N_("Sign-in refused: too many attempts"),
    "right.refused": N_("Right refused"),
    "user.signed_in": N_("Sign-in"),
    "user.signed_out": N_("Sign-out"),
    "user.link_made": N_("Sign-in link made"),
    "token.created": N_("Token for programs made"),
    "token.revoked": N_("Token for programs ended"),
    "token.refused": N_("Token refused"),
    "api.called": N_("Call of a program"),
    "user.created": N_("User created"),
    "user.changed": N_("User changed"),
    "user.disabled": N_("User disabled"),
    "user.enabled": N_("User enabled"),
    "user.password_set": N_("Password set"),
    "user.password_changed": N_("Password changed"),
    "user.sign_ins_revoked": N_("Sign-ins ended"),
    "customer.seen": N_("Personal data of a customer shown"),
    "export.taken": N_("Export taken"),
    "draw.exported": N_("Receipt exported"),
    "backup.made": N_("Backup made"),
    "backup.restored": N_("Backup restored"),
}
"""Everything that is logged, with its words. Entries of the audit trail among them are logged as they are written."""

FACTS: Mapping[str, str] = {
    "process": N_("process"), "login": N_("account"), "address": N_("address"), "where": N_("address"),
    "right": C_("log", "right"), "role": N_("role"), "token": N_("token"), "what": N_("call"),
    "status": N_("status code"),
    "about": N_("about"), "host": N_("host"), "conversations": C_("trail", "conversations"), "bytes": N_("bytes"),
}  # fmt: skip
"""Names of what a line says beside its event; a fact without a name keeps its code."""

_logger = logging.getLogger("spotcheck.security")
_logger.propagate = False
_logger.setLevel(logging.INFO)


@dataclass(frozen=True)
class LogLine:
    """One event: when, what, the account's number (None: nobody signed in) and facts without personal data."""

    at: datetime
    event: str
    user: int | None
    facts: dict[str, str | int]


def write_to(home: Path) -> None:
    """Log into the installation in `home` from now on; once per process, by the server and the command line."""
    path = home / FOLDER / FILE
    for handler in list(_logger.handlers):
        if getattr(handler, "baseFilename", None) == os.path.abspath(path):
            return
        _logger.removeHandler(handler)
        handler.close()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler = RotatingFileHandler(path, maxBytes=BYTES, backupCount=KEPT, encoding="utf-8", delay=True)
    except OSError:  # a read-only home: there is nothing to log into
        return
    handler.setFormatter(logging.Formatter("%(message)s"))
    _logger.addHandler(handler)


def note(event: str, user: int | None = None, **facts: str | int) -> None:
    """Log one event. Silent in a process that logs nowhere."""
    if _logger.handlers:
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, "user": user, **facts}
        _logger.info(json.dumps(line, ensure_ascii=False))


def note_once(event: str, user: int, about: str, hour: str) -> None:
    """Log that somebody saw something, once an hour and thing: pages are drawn again and again."""
    with _guard:
        if (event, user, about, hour) in _noted:
            return
        if len(_noted) >= _MOST:
            _noted.clear()
        _noted.add((event, user, about, hour))
    note(event, user, about=about)


_guard = threading.Lock()
_noted: set[tuple[str, int, str, str]] = set()
_MOST = 10_000


def hidden(text: str, key: bytes | None) -> str:
    """A name or an address as something that can be compared and not read."""
    return hmac.new(key or b"", text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:12]


def latest(home: Path, most: int = 200) -> list[LogLine]:
    """The newest events, newest first, from the present file and the one before."""
    texts: list[str] = []
    for name in (f"{FILE}.1", FILE):
        path = home / FOLDER / name
        if path.is_file():
            texts += path.read_text("utf-8", errors="replace").splitlines()
    return [line for line in map(_parsed, reversed(texts[-most:])) if line is not None]


def _parsed(text: str) -> LogLine | None:
    try:
        data = json.loads(text)
        at, event, user = datetime.fromisoformat(data.pop("at")), str(data.pop("event")), data.pop("user")
        return LogLine(at, event, user, data)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
