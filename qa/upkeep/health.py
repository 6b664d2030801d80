"""The condition of an installation, as a list of findings: for `spotcheck doctor` and the admin page. It only looks."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import func, inspect, select

from qa import evidence, migrations, restore_journal
from qa.disputes import deadlines
from qa.errors import SpotcheckError
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.security import files as private
from qa.tables import AuditEntry, Base, User
from qa.upkeep import archive_health, past_damage
from qa.upkeep.findings import HealthFinding, HealthState
from qa.workbench import Workbench

LOW_DISK_BYTES = 2 * 1024**3
SHOWN_FORGERIES = 200


def examine(bench: Workbench, actor: Actor, *, deep: bool = False, forgeries: bool = False) -> list[HealthFinding]:
    """Look at everything. One failing look never hides the others.

    `deep` reads every byte of the archive and of an SQLite database; without it only the sizes of files are compared.
    `forgeries` compares every fact with its seal as well.
    """
    require(actor, Right.MAINTAIN)
    findings: list[HealthFinding] = []
    for look in (
        _program,
        _home,
        _restore,
        _database,
        archive_health.archive,
        archive_health.files,
        archive_health.index,
        _evidence,
        _accounts,
        _backups,
        _past,
        _deadlines,
        _parts,
    ):
        try:
            if look is archive_health.files:
                findings += archive_health.files(bench, deep)
            elif look is _evidence:
                findings += _evidence(bench, forgeries)
            else:
                findings += look(bench)
        except SpotcheckError as problem:
            findings.append(
                HealthFinding(
                    _NAMES[look], HealthState.FAILED, problem.msgid, {k: str(v) for k, v in problem.facts.items()}
                )
            )
        except Exception as problem:  # one look that fails must not hide the others
            text = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
            findings.append(HealthFinding(_NAMES[look], HealthState.FAILED, N_("{reason}"), {"reason": text}))
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
        HealthState.OK if good else HealthState.FAILED,
        N_("Python {python}, Streamlit {streamlit}, {system}"),
        facts,
    )


def _home(bench: Workbench) -> Iterator[HealthFinding]:
    home: Path = bench.config.home
    name = N_("Folder")
    if not home.is_dir() or not os.access(home, os.W_OK):
        yield HealthFinding(name, HealthState.FAILED, N_("{place} cannot be written"), {"place": str(home)})
        return
    if private.is_open(home):
        yield HealthFinding(
            name,
            HealthState.WARNING,
            N_("{place} can be read by other accounts of this machine: “spotcheck upgrade” closes it"),
            {"place": str(home)},
        )
    free = shutil.disk_usage(home).free
    state = HealthState.OK if free >= LOW_DISK_BYTES else HealthState.WARNING
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
            HealthState.FAILED,
            N_(
                "the restore of {backup} was interrupted: the database is new, the archive still the old one. The next"
                " start completes it"
            ),
            facts,
        )
    else:
        yield HealthFinding(
            name,
            HealthState.WARNING,
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
        yield HealthFinding(name, HealthState.FAILED, N_("{kind} is empty: run “spotcheck init”"), {"kind": kind})
    elif current != newest:
        yield HealthFinding(
            name,
            HealthState.FAILED,
            N_("{kind} has schema {found}, needed is {wanted}: run “spotcheck upgrade”"),
            {"kind": kind, "found": current, "wanted": str(newest)},
        )
    elif missing := sorted(set(Base.metadata.tables) - set(inspect(bench.db.engine).get_table_names())):
        yield HealthFinding(
            name,
            HealthState.FAILED,
            N_("the table {table} is missing: restore the last backup"),
            {"table": ", ".join(missing)},
        )
    elif problem := bench.db.damage():
        yield HealthFinding(
            name, HealthState.FAILED, N_("the file is damaged: {reason}. Restore the last backup"), {"reason": problem}
        )
    else:
        yield HealthFinding(name, HealthState.OK, N_("{kind}, schema {found}"), {"kind": kind, "found": current})


def _evidence(bench: Workbench, deep: bool = False) -> Iterator[HealthFinding]:
    """Facts against their seals; without `deep` only how far they are sealed."""
    name = N_("Evidence")
    if not deep:
        sealed = evidence.standing(bench)
        if not sealed.batch:
            yield HealthFinding(name, HealthState.WARNING, N_("nothing is sealed yet: “spotcheck seal” begins"), {})
        else:
            yield HealthFinding(
                name,
                HealthState.OK,
                N_("sealed up to batch {batch}; entries not sealed yet: {waiting}"),
                {"batch": sealed.batch, "waiting": sealed.rows},
            )
        return
    report = evidence.check(bench)
    for forgery in report.forgeries[:SHOWN_FORGERIES]:
        yield HealthFinding(name, HealthState.FAILED, forgery.what, {"table": forgery.table, "key": forgery.key})
    if len(report.forgeries) > SHOWN_FORGERIES:
        rest = len(report.forgeries) - SHOWN_FORGERIES
        yield HealthFinding(name, HealthState.FAILED, N_("more of the kind: {count}"), {"count": rest})
    if not report.batches:
        yield HealthFinding(name, HealthState.WARNING, N_("nothing is sealed yet: “spotcheck seal” begins"), {})
    elif not report.forgeries:
        facts: dict[str, str | int] = {"rows": report.rows, "waiting": report.waiting, "chain": report.chain[:16]}
        yield HealthFinding(
            name,
            HealthState.OK,
            N_("facts as they were sealed: {rows}; entries not sealed yet: {waiting}; chain {chain}"),
            facts,
        )


def _accounts(bench: Workbench) -> Iterator[HealthFinding]:
    with bench.db.read() as session:
        active = session.scalar(select(func.count()).where(User.active)) or 0
        admins = session.scalar(select(func.count()).where(User.active, User.role == "admin")) or 0
    state = HealthState.OK if admins else HealthState.WARNING
    yield HealthFinding(
        N_("Accounts"), state, N_("{active} active, of them {admins} admins"), {"active": active, "admins": admins}
    )


def _backups(bench: Workbench) -> Iterator[HealthFinding]:
    with bench.db.read() as session:
        last = session.scalar(select(func.max(AuditEntry.at)).where(AuditEntry.action == "backup.made"))
    if last is None:
        yield HealthFinding(N_("Backup"), HealthState.WARNING, N_("none made yet: run “spotcheck backup”"), {})
    else:
        yield HealthFinding(N_("Backup"), HealthState.OK, N_("last made {when}"), {"when": last.date().isoformat()})


def _past(bench: Workbench) -> Iterator[HealthFinding]:
    """Damage that earlier releases did, as far as the records tell, and the cure."""
    name, found = N_("Earlier imports"), past_damage.find(bench)
    if found.replacing:
        yield HealthFinding(
            name,
            HealthState.WARNING,
            N_(
                "{n} chats were replaced by a later file (imports {imports}): import the earlier files again, they add"
                " what is missing"
            ),
            {"n": found.replaced, "imports": ", ".join(map(str, found.replacing[: past_damage.SHOWN]))},
        )
    if found.withdrawn:
        yield HealthFinding(
            name,
            HealthState.WARNING,
            N_(
                "{n} case files were withdrawn although their rule did not change: import the files of their chats"
                " again and screen"
            ),
            {"n": found.withdrawn},
        )
    for one, other in found.doubled[: past_damage.SHOWN]:
        yield HealthFinding(
            name,
            HealthState.WARNING,
            N_(
                "the sources {one} and {other} hold the same ids: probably one shop imported twice; take the imports of"
                " one back"
            ),
            {"one": one, "other": other},
        )
    for plan, day in found.resaved[: past_damage.SHOWN]:
        yield HealthFinding(
            name,
            HealthState.WARNING,
            N_(
                "the plan “{plan}” was saved on {day} by a release whose form made 2 reviews per agent of any smaller"
                " number: compare it with the receipt of an earlier draw and save it again"
            ),
            {"plan": plan, "day": day},
        )
    for backup, known, held in found.two_moments[: past_damage.SHOWN]:
        yield HealthFinding(
            name,
            HealthState.WARNING,
            N_(
                "the backup {backup} holds two moments: its database knows of archive version {known}, its archive is"
                " version {held}. Make a new one, and do not restore this one"
            ),
            {"backup": backup, "known": known, "held": held},
        )
    if found == past_damage.PastDamage():
        yield HealthFinding(
            name, HealthState.OK, N_("nothing replaced, withdrawn or doubled, as far as the records tell"), {}
        )


def _deadlines(bench: Workbench) -> Iterator[HealthFinding]:
    """Open disputes whose deadline an earlier release kept as their closing time."""
    if found := deadlines.count(bench):
        yield HealthFinding(
            N_("Deadlines of disputes"),
            HealthState.WARNING,
            N_("{count} open disputes hold their deadline as a closing time: “spotcheck disputes mend” moves it"),
            {"count": found},
        )


def _parts(bench: Workbench) -> Iterator[HealthFinding]:
    for module, name, without in (
        ("hyperscan", N_("Red-line engine"), N_("hyperscan is missing: screening uses the slower engine")),
        ("tantivy", N_("Search engine"), N_("tantivy is missing: the case library is searched the slow way")),
    ):
        found = importlib.util.find_spec(module) is not None
        yield HealthFinding(
            name, HealthState.OK if found else HealthState.WARNING, N_("installed") if found else without, {}
        )


_NAMES: dict[Callable[[Workbench], Iterator[HealthFinding]], str] = {
    _deadlines: N_("Deadlines of disputes"),
    _program: N_("Program"),
    _home: N_("Folder"),
    _restore: N_("Restore"),
    _database: N_("Database"),
    archive_health.archive: N_("Archive"),
    archive_health.files: N_("Archive files"),
    archive_health.index: N_("Search index"),
    _evidence: N_("Evidence"),
    _accounts: N_("Accounts"),
    _backups: N_("Backup"),
    _past: N_("Earlier imports"),
    _parts: N_("Parts"),
}
