"""The condition of an installation, as a list of findings: for `spotcheck doctor` and the admin page. It only looks."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import func, select

from qa import migrations, restore_journal
from qa.errors import SpotcheckError
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import AuditEntry, User
from qa.workbench import Workbench

LOW_DISK_BYTES = 2 * 1024**3


class Condition(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class HealthFinding:
    """One thing looked at: msgid of its name, its state, and msgid and facts of what was found."""

    name: str
    state: Condition
    detail: str
    facts: dict[str, str | int]


def examine(bench: Workbench, actor: Actor) -> list[HealthFinding]:
    """Look at everything. One failing look never hides the others."""
    require(actor, Right.MAINTAIN)
    findings: list[HealthFinding] = []
    for look in (_program, _home, _restore, _database, _archive, _accounts, _backups, _parts):
        try:
            findings += look(bench)
        except SpotcheckError as problem:
            findings.append(
                HealthFinding(
                    _NAMES[look], Condition.FAILED, problem.msgid, {k: str(v) for k, v in problem.facts.items()}
                )
            )
        except Exception as problem:  # the doctor must survive whatever the patient has
            text = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
            findings.append(HealthFinding(_NAMES[look], Condition.FAILED, N_("{reason}"), {"reason": text}))
    return findings


def _program(bench: Workbench) -> Iterator[HealthFinding]:
    facts: dict[str, str | int] = {
        "python": platform.python_version(),
        "streamlit": version("streamlit"),
        "system": platform.platform(terse=True),
    }
    good = sys.version_info >= (3, 11)
    yield HealthFinding(
        N_("Program"),
        Condition.OK if good else Condition.FAILED,
        N_("Python {python}, Streamlit {streamlit}, {system}"),
        facts,
    )


def _home(bench: Workbench) -> Iterator[HealthFinding]:
    home: Path = bench.config.home
    name = N_("Folder")
    if not home.is_dir() or not os.access(home, os.W_OK):
        yield HealthFinding(name, Condition.FAILED, N_("{place} cannot be written"), {"place": str(home)})
        return
    free = shutil.disk_usage(home).free
    state = Condition.OK if free >= LOW_DISK_BYTES else Condition.WARNING
    yield HealthFinding(name, state, N_("{place}, {free} GB free"), {"place": str(home), "free": round(free / 1024**3)})


def _restore(bench: Workbench) -> Iterator[HealthFinding]:
    found = restore_journal.pending(bench.config.home, bench.db)
    if found is None:
        return
    name = N_("Restore")
    facts: dict[str, str | int] = {"backup": found.backup}
    if found.decided:
        yield HealthFinding(
            name,
            Condition.FAILED,
            N_(
                "the restore of {backup} was interrupted: the database is new, the archive still the old one. The next"
                " start completes it"
            ),
            facts,
        )
    else:
        yield HealthFinding(
            name,
            Condition.WARNING,
            N_(
                "the restore of {backup} was interrupted before anything was replaced. The next start removes what it"
                " left"
            ),
            facts,
        )


def _database(bench: Workbench) -> Iterator[HealthFinding]:
    name = N_("Database")
    bench.db.ping()
    current, newest = migrations.current(bench.db), migrations.newest()
    kind = "SQLite" if bench.db.is_sqlite else "PostgreSQL"
    if current is None:
        yield HealthFinding(name, Condition.FAILED, N_("{kind} is empty: run “spotcheck init”"), {"kind": kind})
    elif current != newest:
        yield HealthFinding(
            name,
            Condition.FAILED,
            N_("{kind} has schema {found}, needed is {wanted}: run “spotcheck upgrade”"),
            {"kind": kind, "found": current, "wanted": str(newest)},
        )
    else:
        yield HealthFinding(name, Condition.OK, N_("{kind}, schema {found}"), {"kind": kind, "found": current})


def _archive(bench: Workbench) -> Iterator[HealthFinding]:
    snapshot = bench.archive.at()
    if snapshot.version == 0:
        yield HealthFinding(N_("Archive"), Condition.WARNING, N_("empty: nothing has been imported yet"), {})
        return
    facts: dict[str, str | int] = {
        "version": snapshot.version,
        "conversations": snapshot.count("conversations"),
        "messages": snapshot.count("messages"),
    }
    yield HealthFinding(
        N_("Archive"), Condition.OK, N_("version {version}, {conversations} conversations, {messages} messages"), facts
    )


def _accounts(bench: Workbench) -> Iterator[HealthFinding]:
    with bench.db.read() as session:
        active = session.scalar(select(func.count()).where(User.active)) or 0
        admins = session.scalar(select(func.count()).where(User.active, User.role == "admin")) or 0
    state = Condition.OK if admins else Condition.WARNING
    yield HealthFinding(
        N_("Accounts"), state, N_("{active} active, of them {admins} admins"), {"active": active, "admins": admins}
    )


def _backups(bench: Workbench) -> Iterator[HealthFinding]:
    with bench.db.read() as session:
        last = session.scalar(select(func.max(AuditEntry.at)).where(AuditEntry.action == "backup.made"))
    if last is None:
        yield HealthFinding(N_("Backup"), Condition.WARNING, N_("none made yet: run “spotcheck backup”"), {})
    else:
        yield HealthFinding(N_("Backup"), Condition.OK, N_("last made {when}"), {"when": last.date().isoformat()})


def _parts(bench: Workbench) -> Iterator[HealthFinding]:
    for module, name, without in (
        ("hyperscan", N_("Red-line engine"), N_("hyperscan is missing: screening uses the slower engine")),
        ("tantivy", N_("Search engine"), N_("tantivy is missing: the case library is searched the slow way")),
    ):
        found = importlib.util.find_spec(module) is not None
        yield HealthFinding(
            name, Condition.OK if found else Condition.WARNING, N_("installed") if found else without, {}
        )


_NAMES: dict[Callable[[Workbench], Iterator[HealthFinding]], str] = {
    _program: N_("Program"),
    _home: N_("Folder"),
    _restore: N_("Restore"),
    _database: N_("Database"),
    _archive: N_("Archive"),
    _accounts: N_("Accounts"),
    _backups: N_("Backup"),
    _parts: N_("Parts"),
}
