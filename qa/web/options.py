"""Streamlit's options: the shipped `.streamlit/config.toml` and what follows from our own settings.

Streamlit reads option files from the working folder, which is any folder when the installed program is started. So they
are applied here: what safety depends on always, the rest unless the operator chose otherwise.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from streamlit import config as streamlit_config

from qa.config import Config

SAFETY = (
    "server.enableXsrfProtection",
    "server.enableCORS",
    "server.trustedUserHeaders",
    "server.enableStaticServing",
    "server.enableAgentApi",
    "client.showErrorDetails",
    "runner.postScriptGC",
    "browser.gatherUsageStats",
)
"""Options an operator's file cannot change: sign-in, privacy or the latency budget hang on them."""

_TABLES = {"server.trustedUserHeaders"}
_HERE = Path(__file__).parent
FILES = (_HERE / "streamlit.toml", _HERE.parents[1] / ".streamlit" / "config.toml")
"""Where the file is in an installed package, and in a source tree."""


def shipped() -> Mapping[str, Any]:
    """The shipped options by dotted name."""
    file = next(path for path in FILES if path.exists())
    return dict(_flat(tomllib.loads(file.read_text("utf-8"))))


def apply(config: Config) -> None:
    """Set Streamlit's options for this process; call before the application is built."""
    where = "spotcheck"
    for name, value in {**shipped(), **_own(config)}.items():
        if name in SAFETY or not streamlit_config.is_manually_set(name):
            streamlit_config.set_option(name, value, where)


def _own(config: Config) -> dict[str, Any]:
    own: dict[str, Any] = {
        "server.maxUploadSize": config.max_upload_mb,
        "server.address": config.host,
        "server.port": config.port,
    }
    if config.cookie_secret:
        own["server.cookieSecret"] = config.cookie_secret
    return own


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        name = prefix + key
        if isinstance(value, dict) and name not in _TABLES:
            yield from _flat(value, name + ".")
        else:
            yield name, value
