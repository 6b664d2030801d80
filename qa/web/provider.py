"""Sign-in with an identity provider (OpenID Connect), through Streamlit's own `st.login` machinery.

The provider says who somebody is; this module only reads that from Streamlit's signed cookie. Whether they have an
account, which role and whether it is active is decided by `qa.people.signins`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from streamlit.auth_util import validate_auth_credentials
from streamlit.errors import Error as StreamlitError
from streamlit.user_info import generate_login_redirect_url
from streamlit.web.server.starlette.starlette_auth_routes import _auth_callback, _auth_login
from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks

from qa.errors import Denied, Unavailable
from qa.i18n import N_
from qa.web.cookies import STREAMLIT_IDENTITY


def login_url() -> str:
    """Where to send somebody to sign in at the provider. Raises `Unavailable` when none is configured."""
    try:
        validate_auth_credentials("default")
        return generate_login_redirect_url("default")
    except (StreamlitError, ImportError) as problem:
        raise Unavailable(
            N_(
                "Signing in with an identity provider needs the package Authlib and an [auth] section in secrets.toml:"
                " {reason}"
            ),
            reason=str(problem).splitlines()[0],
        ) from problem


@dataclass(frozen=True)
class Identity:
    """Whom the provider vouched for: the verified e-mail address (or user name), and all that it claims of them."""

    name: str
    claims: dict[str, Any]

    def roles(self, claim: str) -> tuple[str, ...]:
        """The names in a claim, which is one name or a list of them."""
        said = self.claims.get(claim)
        return tuple(str(name) for name in (said if isinstance(said, list) else [said] if said else ()))


async def to_provider(request: Request) -> Response:
    """Send somebody to the provider. Raises `Unavailable` when it cannot be reached."""
    response = await _auth_login(request, "")
    if response.status_code >= 400:
        raise Unavailable(N_("The identity provider cannot be reached at this moment. Try again in a minute."))
    return response


async def from_provider(request: Request) -> Response:
    """Take somebody back from the provider. Raises `Denied` when what it brings does not hold: another issuer or
    nonce than was asked, a code that is spent, or a refusal."""
    response = await _auth_callback(request, "")
    vouched = any(
        value.startswith(f"{STREAMLIT_IDENTITY}=") and "Max-Age=0" not in value
        for name, value in response.headers.items()
        if name == "set-cookie"
    )
    if not vouched:
        raise Denied(N_("The identity provider did not vouch for you. Sign in again."))
    return response


def identity(request: Request) -> Identity | None:
    """Whom the provider vouched for, or None."""
    raw = _get_signed_cookie_with_chunks(dict(request.cookies), STREAMLIT_IDENTITY)
    if not raw:
        return None
    try:
        claims = json.loads(raw)
    except ValueError:
        return None
    origin = urlsplit(str(claims.get("origin", "")))
    if not claims.get("is_logged_in") or origin.netloc != request.headers.get("host"):
        return None
    if claims.get("email") and claims.get("email_verified") is not False:
        return Identity(str(claims["email"]), claims)
    return Identity(str(claims["preferred_username"]), claims) if claims.get("preferred_username") else None
