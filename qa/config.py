"""Settings: `SPOTCHECK_*` environment variables, then an optional TOML file, then defaults.

A `Config` is read once at the edge and passed down; it fails early and names the key that is wrong.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from qa.errors import Invalid
from qa.i18n import LANGUAGES, N_

PREFIX = "SPOTCHECK_"
RESTORE_JOURNAL = "restore.json"
"""File in the home folder that is there while a restore is under way (`qa.restore_journal`)."""
PSYCOPG = "postgresql+psycopg://"


@dataclass(frozen=True)
class Config:
    """All settings. Paths are absolute after `load`."""

    home: Path = Path("home")
    """Folder of everything this installation stores."""
    database_url: str = ""
    """SQLAlchemy URL; empty means SQLite at `<home>/workbench.db`. `postgresql://…` is accepted and spoken with pg8000;
    `postgresql+psycopg://…` takes psycopg 3, which is an extra."""
    archive_url: str = ""
    """Folder or object-store URL of the archive; empty means `<home>/archive`."""
    time_zone: str = "Asia/Shanghai"
    """Business time zone: buckets, business hours and everything shown."""
    language: str = "zh_CN"
    """Language where the browser and the user express no wish."""
    host: str = "127.0.0.1"
    port: int = 8501
    public_url: str = ""
    """Address users type when behind a proxy, e.g. `https://qa.example.com`; turns on Secure cookies when https."""
    key_file: str = ""
    """File of the keys that sign the audit trail; empty means `<home>/keys.json`. Equal on all servers of a
    database."""
    trusted_proxies: str = ""
    """Addresses or networks of reverse proxies, e.g. `127.0.0.1, 10.0.0.0/8`: only they may say whom a request is
    from."""
    demo: bool = False
    """Demo sign-in links and the demo banner. Never on by itself."""
    session_hours: int = 12
    oidc: bool = False
    """Sign in through `st.login` (OpenID Connect) instead of local accounts."""
    oidc_roles_claim: str = ""
    """Claim of the identity provider that gives people their role, e.g. `groups`; empty means that roles are given
    here."""
    max_upload_mb: int = 200
    cluster: str = ""
    """Address of a Dask scheduler for screening, e.g. `tcp://10.0.0.5:8786`; empty means this machine."""
    cookie_secret: str = ""
    worker: bool = True
    """Whether the server does the jobs itself; off where `spotcheck run` does them in a process of its own."""

    @property
    def database(self) -> str:
        """The SQLAlchemy URL actually used."""
        if not self.database_url:
            return f"sqlite:///{self.home / 'workbench.db'}"
        for prefix in ("postgresql://", "postgres://"):
            if self.database_url.startswith(prefix):
                return "postgresql+pg8000://" + self.database_url.removeprefix(prefix)
        return self.database_url

    @property
    def archive(self) -> str:
        """Root of the Delta tables actually used."""
        return self.archive_url or str(self.home / "archive")

    @property
    def keys(self) -> Path:
        """The key file actually used."""
        return Path(self.key_file).expanduser() if self.key_file else self.home / "keys.json"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


def load(environ: Mapping[str, str] | None = None, file: Path | None = None) -> Config:
    """Read the configuration.

    `SPOTCHECK_CONFIG` names the TOML file unless `file` does; without either, `spotcheck.toml` in the working folder
    is used if it is there. Raises `Invalid` naming the key.
    """
    environ = os.environ if environ is None else environ
    named = file or (Path(environ[PREFIX + "CONFIG"]) if environ.get(PREFIX + "CONFIG") else None)
    config = Config()
    for key, value in {**_from_file(named), **_from_environment(environ)}.items():
        changed: dict[str, Any] = {key: _typed(key, value)}
        config = replace(config, **changed)
    config = replace(config, home=config.home.expanduser().resolve())
    _check(config)
    return config


def _from_file(named: Path | None) -> dict[str, object]:
    path = named or Path("spotcheck.toml")
    if named is None and not path.exists():
        return {}
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise Invalid(
            N_("Configuration file {file} cannot be read: {reason}"), file=str(path), reason=str(problem)
        ) from problem
    known = {field.name for field in fields(Config)}
    for key in table:
        if key not in known:
            raise Invalid(N_("Configuration file {file} has an unknown key “{key}”."), file=str(path), key=key)
    return table


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    values: dict[str, object] = {}
    for field in fields(Config):
        if (value := environ.get(PREFIX + field.name.upper())) is not None:
            values[field.name] = value
    return values


def _typed(key: str, value: object) -> object:
    default = getattr(Config, key)
    try:
        if isinstance(default, bool):
            if isinstance(value, bool):
                return value
            return {
                "1": True,
                "true": True,
                "yes": True,
                "on": True,
                "0": False,
                "false": False,
                "no": False,
                "off": False,
                "": False,
            }[str(value).strip().lower()]
        if isinstance(default, int):
            return int(str(value))
        if isinstance(default, Path):
            return Path(str(value))
    except (KeyError, ValueError) as problem:
        raise Invalid(
            N_("Setting {key}: expected {expected}, found “{value}”."),
            key=key,
            expected=type(default).__name__,
            value=str(value),
        ) from problem
    return str(value)


def _check(config: Config) -> None:
    if config.database_url.startswith(PSYCOPG) and find_spec("psycopg") is None:
        raise Invalid(
            N_("Setting {key}: the driver “{driver}” is not installed. Install it with: {command}"),
            key="database_url", driver="psycopg", command="pip install 'spotcheck-qa[psycopg]'",
        )  # fmt: skip
    try:
        config.zone  # noqa: B018
    except (ZoneInfoNotFoundError, ValueError) as problem:
        raise Invalid(
            N_("Setting {key}: “{value}” is not a time zone."), key="time_zone", value=config.time_zone
        ) from problem
    if config.language not in LANGUAGES:
        raise Invalid(
            N_("Setting {key}: expected {expected}, found “{value}”."),
            key="language",
            expected=" / ".join(LANGUAGES),
            value=config.language,
        )
    if not 0 < config.port < 65536:
        raise Invalid(
            N_("Setting {key}: expected {expected}, found “{value}”."),
            key="port",
            expected="1–65535",
            value=config.port,
        )
    try:
        for part in config.trusted_proxies.split(","):
            if part.strip():
                ip_network(part.strip(), strict=False)
    except ValueError as problem:
        raise Invalid(
            N_("Setting {key}: “{value}” is not an address or a network."),
            key="trusted_proxies",
            value=config.trusted_proxies,
        ) from problem
    if config.session_hours < 1:
        raise Invalid(
            N_("Setting {key}: expected {expected}, found “{value}”."),
            key="session_hours",
            expected="≥ 1",
            value=config.session_hours,
        )
