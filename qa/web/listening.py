"""Where a server of this installation listens at this moment, so that a link printed beside it opens in the browser.

The settings say where one would listen; `serve --port` may say otherwise. A note of a server that was killed names a
port that nobody answers at: it does not count.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from qa.config import Config

_NOTE = Path("tmp") / "serving"


def address(config: Config) -> str:
    """What users type to reach a server with these settings."""
    if config.public_url:
        return config.public_url.rstrip("/")
    host = {"0.0.0.0": "127.0.0.1", "::": "localhost"}.get(config.host, config.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{config.port}"


def note(config: Config) -> None:
    """Remember that this server listens."""
    with suppress(OSError):
        (config.home / _NOTE).parent.mkdir(parents=True, exist_ok=True)
        (config.home / _NOTE).write_text(address(config), "utf-8")


def forget(config: Config) -> None:
    """It listens no more."""
    with suppress(OSError):
        (config.home / _NOTE).unlink(missing_ok=True)


def known(config: Config) -> str:
    """Address of the server that runs, or of the one that would run by the settings."""
    if not config.public_url:
        with suppress(OSError, ValueError):
            said = (config.home / _NOTE).read_text("utf-8").strip()
            if _answers(said):
                return said
    return address(config)


def _answers(said: str) -> bool:
    parts = urlsplit(said)
    if parts.hostname is None or parts.port is None:
        return False
    with socket.socket(socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET) as probe:
        probe.settimeout(0.3)
        return probe.connect_ex((parts.hostname, parts.port)) == 0
