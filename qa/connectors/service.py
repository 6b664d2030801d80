"""Sources set up, paused and fetched. How far a source was fetched is stored with its rows, in one transaction: a
fetch that is killed goes on where its last batch ended, and what a source repeats adds nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select, update

from qa import ingest
from qa.connectors.asking import Batch, Source, is_safe
from qa.connectors.descriptions import SHIPPED, Description, read
from qa.connectors.qiyu import QiyuSource
from qa.errors import Busy, Cancelled, Conflict, FormField, Invalid, NotFound, SpotcheckError
from qa.i18n import N_
from qa.ingest.service import check_source
from qa.policy import SYSTEM, Actor, Right, require
from qa.security import keys, sealing
from qa.tables import Connector
from qa.texts import written
from qa.unit_of_work import UnitOfWork
from qa.workbench import Workbench

ABOUT = "secret of a source"
NAME = FormField("name", N_("Name"))


@dataclass(frozen=True)
class ConnectorView:
    """A source as it is shown: never its secret."""

    name: str
    kind: str
    source: str
    settings: dict[str, str]
    cursor: str
    paused: bool


@dataclass(frozen=True)
class Fetched:
    """What one fetch brought: conversations new, changed and extended, messages; `error` when it ended early."""

    name: str
    batches: int
    new: int
    changed: int
    messages: int
    left_out: int
    error: SpotcheckError | None = None


def connectors(bench: Workbench, actor: Actor) -> tuple[ConnectorView, ...]:
    """Every source, by name."""
    require(actor, Right.MAINTAIN)
    with bench.db.read() as session:
        return tuple(_view(row) for row in session.scalars(select(Connector).order_by(Connector.name)))


def add(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    name: str,
    source: str,
    kind: str,
    settings: Mapping[str, str],
    secret: str,
    since: datetime,
) -> ConnectorView:
    """Set up a source of a shipped kind, or of a description of one's own (`kind` is then the path of a TOML file, for
    the owner of the machine). Conversations are fetched from `since` on. Raises `Invalid` naming what is missing."""
    require(actor, Right.MAINTAIN)
    label = written(name, NAME, 60)
    check_source(source)
    text = _description(actor, kind)
    described = read(text)
    _check(described, settings, secret)
    sealed = sealing.close(secret, keys.seeds(bench.config.keys), ABOUT)
    with bench.begin(actor, now) as work:
        if work.session.get(Connector, label) is not None:
            raise Conflict(N_("There is a source “{name}” already."), name=label)
        row = Connector(
            name=label, source=source, description=text, settings=dict(settings), secret=sealed, since=since, cursor="",
            paused_at=None, created_at=now, changed_at=now,
        )  # fmt: skip
        work.session.add(row)
        work.record("connector.added", "connector", label, kind=described.id, source=source, since=since.isoformat())
        return _view(row)


def pause(bench: Workbench, actor: Actor, name: str, *, now: datetime) -> None:
    """Fetch nothing more from it."""
    require(actor, Right.MAINTAIN)
    with bench.begin(actor, now) as work:
        row = _find(work, name)
        if row.paused_at is None:
            row.paused_at = row.changed_at = now
            work.record("connector.paused", "connector", name)


def resume(bench: Workbench, actor: Actor, name: str, *, now: datetime) -> None:
    """Fetch from it again, from where it was left."""
    require(actor, Right.MAINTAIN)
    with bench.begin(actor, now) as work:
        row = _find(work, name)
        if row.paused_at is not None:
            row.paused_at, row.changed_at = None, now
            work.record("connector.resumed", "connector", name)


def fetch_all(
    bench: Workbench,
    *,
    now: datetime,
    cancel: Callable[[], bool] = lambda: False,
    rest: Callable[[float], None] = time.sleep,
) -> tuple[Fetched, ...]:
    """Fetch what is new from every source that is not paused; one that is away does not hold up the others."""
    return tuple(
        fetch(bench, one.name, now=now, cancel=cancel, rest=rest) for one in connectors(bench, SYSTEM) if not one.paused
    )


def fetch(
    bench: Workbench,
    name: str,
    *,
    now: datetime,
    cancel: Callable[[], bool] = lambda: False,
    rest: Callable[[float], None] = time.sleep,
) -> Fetched:
    """Fetch what is new from one source. What came before an error stays, and its place with it."""
    with bench.db.read() as session:
        row = session.get(Connector, name)
    if row is None:
        raise NotFound(N_("There is no source “{name}”."), name=name)
    done: list[ingest.ImportResult] = []
    try:
        secret = sealing.opened(row.secret, keys.seeds(bench.config.keys, create=False), ABOUT)
        asked = _source(read(row.description), row.settings, secret, now, rest)
        for batch in asked.batches(row.cursor, row.since):
            if (result := _store(bench, row, batch, now)) is not None:
                done.append(result)
            if cancel():
                raise Cancelled(N_("Stopped between two batches; what was fetched stays."))
    except (Busy, Cancelled):
        raise
    except SpotcheckError as error:
        return _summed(name, done, error)
    return _summed(name, done, None)


def _source(
    described: Description, settings: Mapping[str, str], secret: str, now: datetime, rest: Callable[[float], None]
) -> Source | QiyuSource:
    if described.export is not None:
        return QiyuSource(described, described.export, settings, secret, now, rest)
    return Source(described, settings, secret, rest)


def _store(bench: Workbench, row: Connector, batch: Batch, now: datetime) -> ingest.ImportResult | None:
    if batch.messages.is_empty():
        with bench.begin(SYSTEM, now) as work:
            work.session.execute(update(Connector).where(Connector.name == row.name).values(cursor=batch.cursor))
        return None
    used = [
        name
        for name in batch.conversations.columns
        if batch.conversations[name].null_count() < batch.conversations.height
    ]
    return ingest.commit_frames(
        bench, SYSTEM, now=now, source=row.source, file_name=row.name, place=(row.name, batch.cursor),
        tables={"messages": batch.messages, "conversations": batch.conversations.select(used)},
    )  # fmt: skip


def _summed(name: str, done: Sequence[ingest.ImportResult], error: SpotcheckError | None) -> Fetched:
    counts = [one.counts for one in done]
    return Fetched(
        name, len(done), sum(c.new for c in counts), sum(c.changed + c.extended for c in counts),
        sum(c.messages for c in counts), sum(c.bad for c in counts), error,
    )  # fmt: skip


def reseal(bench: Workbench, actor: Actor, *, now: datetime) -> int:
    """Seal every secret with the newest key, before older ones are forgotten; returns how many."""
    require(actor, Right.MAINTAIN)
    with bench.begin(actor, now) as work:
        rows = work.session.scalars(select(Connector)).all()
        for row in rows:
            secret = sealing.opened(row.secret, keys.seeds(bench.config.keys), ABOUT)
            row.secret = sealing.close(secret, keys.seeds(bench.config.keys), ABOUT)
            work.record("connector.sealed", "connector", row.name)
    return len(rows)


def _description(actor: Actor, kind: str) -> str:
    if kind in SHIPPED:
        from importlib.resources import files

        return (files("qa.connectors") / "data" / f"{kind}.toml").read_text("utf-8")
    if actor is not SYSTEM or not kind.endswith(".toml"):
        raise Invalid(N_("There is no kind “{value}”. Kinds: {known}."), value=kind, known=", ".join(SHIPPED))
    try:
        return Path(kind).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise Invalid(N_("The description of the source cannot be read: {reason}"), reason=str(problem)) from problem


def _check(described: Description, settings: Mapping[str, str], secret: str) -> None:
    missing = [name for name in described.settings if not settings.get(name, "").strip()]
    if missing:
        raise Invalid(N_("This source needs the settings {names}."), names=", ".join(missing))
    addresses = [settings.get("base", ""), *described.addresses]
    for address in (one for one in addresses if one and not one.startswith("{base}")):
        if not is_safe(address):
            raise Invalid(N_("“{value}” is not an https address."), value=address[:80])
    if not secret.strip():
        raise Invalid(N_("The source needs its secret."))


def _find(work: UnitOfWork, name: str) -> Connector:
    row = work.session.get(Connector, name, with_for_update=True)
    if row is None:
        raise NotFound(N_("There is no source “{name}”."), name=name)
    return row


def _view(row: Connector) -> ConnectorView:
    return ConnectorView(
        row.name, read(row.description).id, row.source, dict(row.settings), row.cursor, row.paused_at is not None
    )
