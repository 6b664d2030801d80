"""The sign-in cookie and the addresses that belong to us: what must agree between the routes and the middleware."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response

from qa.config import Config

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})
SESSION_HEADER = b"x-spotcheck-session"
STREAMLIT_IDENTITY = "_streamlit_user"


def is_secure(config: Config) -> bool:
    """Whether users reach us by https."""
    return urlsplit(config.public_url).scheme == "https"


def cookie_name(config: Config) -> str:
    """Name of the sign-in cookie. `__Host-` binds it to this very host under https."""
    return "__Host-spotcheck" if is_secure(config) else "spotcheck"


def set_cookie(response: Response, config: Config, token: str) -> None:
    """Give the browser its token: never readable by scripts, never sent along from other sites' forms."""
    response.set_cookie(
        cookie_name(config),
        token,
        max_age=config.session_hours * 3600,
        path="/",
        httponly=True,
        samesite="lax",
        secure=is_secure(config),
    )


def clear_cookies(response: Response, config: Config, cookies: Mapping[str, str]) -> None:
    """Forget the sign-in, and what an identity provider's sign-in left."""
    for name in {cookie_name(config), *(name for name in cookies if name.startswith(STREAMLIT_IDENTITY))}:
        response.delete_cookie(name, path="/", httponly=True, samesite="lax", secure=is_secure(config))


def read_cookies(headers: Headers) -> dict[str, str]:
    """All cookies of a request; of several with one name the first counts."""
    found: dict[str, str] = {}
    for line in headers.getlist("cookie"):
        for part in line.split(";"):  # the parser by itself lets the last one count
            for name, value in cookie_parser(part).items():
                found.setdefault(name, value)
    return found


def without(cookies: Mapping[str, str], config: Config) -> str:
    """The `Cookie` header that scripts may see: without anything that signs in."""
    hidden = cookie_name(config)
    return "; ".join(
        f"{name}={value}"
        for name, value in cookies.items()
        if name != hidden and not name.startswith(STREAMLIT_IDENTITY)
    )


def host_allowed(config: Config, host: str | None) -> bool:
    """Whether a `Host` header names us. Served on loopback alone, only loopback names and the public address do, so
    that no other site can reach us by pointing its name here."""
    if config.host not in LOOPBACK:
        return host is not None
    try:
        name = (urlsplit(f"//{host}").hostname or "") if host else ""
    except ValueError:  # half an address in brackets
        return False
    return name in LOOPBACK or name == urlsplit(config.public_url).hostname


def origin_allowed(config: Config, origin: str, host: str | None) -> bool:
    """Whether an `Origin` header is our own address."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return False
    return parts.netloc == host or (bool(config.public_url) and parts.netloc == urlsplit(config.public_url).netloc)


def safe_path(path: str) -> str:
    """`path` when it is an address inside this site, else the home page."""
    if path.startswith("/") and not path.startswith(("//", "/\\")) and not any(ord(c) < 33 or c == "\\" for c in path):
        return path
    return "/"
