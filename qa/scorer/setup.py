"""The endpoint as an admin has set it up: address, model, key, prices and limits; and which hosts may be sent text to.

Loopback needs no consent, every other host that of an admin, by name and on record. The key is sealed and never shown
again. Asks nothing of the endpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from qa.draws.seed_keys import ENDPOINT
from qa.errors import Conflict, FormField, Invalid
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.scorer import endpoint
from qa.scorer.endpoint import Address
from qa.security import keys, tokens
from qa.tables import Setting
from qa.texts import written
from qa.workbench import Workbench

HOSTS = "scorer.hosts"
URL, MODEL, KEY = FormField("url", N_("Address")), FormField("model", N_("Model")), FormField("key", N_("Key"))
REASON = FormField("reason", N_("Reason"))


@dataclass(frozen=True)
class Setup:
    """What was set up. Prices are per million tokens in the installation's currency; `budget` conversations are scored
    in a run at most, `concurrency` at once and `per_minute` a minute. `key_end` names the key."""

    url: str
    model: str
    key_end: str = ""
    price_in: float = 0.0
    price_out: float = 0.0
    budget: int = 2_000
    concurrency: int = 4
    per_minute: int = 600
    timeout: float = 60.0
    cases: tuple[int, ...] = ()
    """Cases of the library that the prompt has as precedents."""

    @property
    def host(self) -> str:
        return endpoint.host_of(self.url)

    @property
    def local(self) -> bool:
        return endpoint.is_local(self.host)


@dataclass(frozen=True)
class Consent:
    """An admin's word that masked text may go to `host`."""

    host: str
    by: str
    at: str
    reason: str


def current(bench: Workbench, actor: Actor) -> Setup | None:
    """What is set up; None before anything was."""
    require(actor, Right.MAINTAIN, Right.VIEW_RESULTS)
    with bench.db.read() as session:
        return _stored(session)


def save(bench: Workbench, actor: Actor, *, now: datetime, setup: Setup, key: str | None = None) -> Setup:
    """Set the endpoint up; `key` None keeps the one there is, unless the host is another. Raises `Invalid`."""
    require(actor, Right.MAINTAIN)
    setup = _checked(setup)
    with bench.begin(actor, now) as work:
        kept = work.session.get(Setting, ENDPOINT)
        before: dict[str, Any] = dict(kept.value) if kept else {}
        same_host = bool(before) and endpoint.host_of(before["url"]) == setup.host
        if key is None:
            sealed, end = (before.get("key", ""), before.get("key_end", "")) if same_host else ("", "")
        else:
            sealed, end = (
                tokens.close(key.strip(), keys.seeds(bench.config.keys)),
                key.strip()[-4:] if len(key.strip()) > 8 else "",
            )
        after = {**asdict(setup), "cases": list(setup.cases), "key_end": end, "key": sealed}
        if after == before:
            return _of(after)
        work.session.merge(Setting(key=ENDPOINT, value=after, updated_at=now))
        seen = {
            name: [before.get(name), value]
            for name, value in after.items()
            if name != "key" and before.get(name) != value
        }
        work.record("scorer.set_up", "setting", ENDPOINT, **seen)
    return _of(after)


def consents(bench: Workbench, actor: Actor) -> tuple[Consent, ...]:
    """Hosts that masked text may be sent to."""
    require(actor, Right.MAINTAIN, Right.VIEW_RESULTS)
    with bench.db.read() as session:
        return _consents(session)


def allow(bench: Workbench, actor: Actor, *, now: datetime, host: str, reason: str) -> None:
    """Consent to sending masked text to a host, with a reason. Doing it twice is doing it once."""
    require(actor, Right.MAINTAIN)
    host, why = endpoint.host_of(f"https://{host.strip()}"), written(reason, REASON, 500)
    with bench.begin(actor, now) as work:
        known = _consents(work.session)
        if any(one.host == host for one in known):
            return
        every = [*known, Consent(host, actor.name, now.isoformat(), why)]
        work.session.merge(Setting(key=HOSTS, value={"hosts": [asdict(one) for one in every]}, updated_at=now))
        work.record("scorer.host_allowed", "setting", HOSTS, host=host, reason=why)


def forbid(bench: Workbench, actor: Actor, *, now: datetime, host: str) -> None:
    """Take a consent back: nothing is sent there from now on."""
    require(actor, Right.MAINTAIN)
    with bench.begin(actor, now) as work:
        known = _consents(work.session)
        rest = [asdict(one) for one in known if one.host != host.strip().lower()]
        if len(rest) < len(known):
            work.session.merge(Setting(key=HOSTS, value={"hosts": rest}, updated_at=now))
            work.record("scorer.host_forbidden", "setting", HOSTS, host=host.strip().lower())


def address(bench: Workbench) -> tuple[Setup, Address]:
    """What to ask, with its key. Raises `Conflict` before anything is set up, or without consent to its host."""
    with bench.db.read() as session:
        setup, allowed = _stored(session), {one.host for one in _consents(session)}
        kept = session.get(Setting, ENDPOINT)
        sealed = str(kept.value.get("key", "")) if kept else ""
    if setup is None:
        raise Conflict(N_("No endpoint is set up yet. An admin does that on the page Machine scores."))
    if not setup.local and setup.host not in allowed:
        raise Conflict(N_("Nothing is sent to {host}: an admin has to consent to that by name first."), host=setup.host)
    key = tokens.opened(sealed, keys.seeds(bench.config.keys, create=False))
    return setup, Address(setup.url, setup.model, key, setup.timeout)


def _stored(session: Session) -> Setup | None:
    kept = session.get(Setting, ENDPOINT)
    return _of(kept.value) if kept else None


def _of(value: Mapping[str, Any]) -> Setup:
    known = {name: value[name] for name in Setup.__dataclass_fields__ if name in value}
    return Setup(**{**known, "cases": tuple(value.get("cases", ()))})


def _consents(session: Session) -> tuple[Consent, ...]:
    kept = session.get(Setting, HOSTS)
    return tuple(Consent(**one) for one in kept.value.get("hosts", ())) if kept else ()


def _checked(setup: Setup) -> Setup:
    url = written(setup.url, URL, 300).rstrip("/").removesuffix("/chat/completions")
    endpoint.host_of(url)
    for name, value, least, most in (
        (N_("Conversations a run"), setup.budget, 1, 1_000_000),
        (N_("At once"), setup.concurrency, 1, 64),
        (N_("A minute"), setup.per_minute, 1, 100_000),
        (N_("Seconds for an answer"), setup.timeout, 1, 600),
        (N_("Price"), min(setup.price_in, setup.price_out), 0, 1e6),
        (N_("Price"), max(setup.price_in, setup.price_out), 0, 1e6),
    ):
        if not least <= value <= most:
            raise Invalid(
                N_("{field}: expected {least} to {most}, found {value}."),
                field=FormField("", name),
                least=least,
                most=most,
                value=value,
            )
    return Setup(**{**asdict(setup), "url": url, "model": written(setup.model, MODEL, 100)})
