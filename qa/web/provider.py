"""Sign-in with an identity provider (OpenID Connect), through Streamlit's own `st.login` machinery.

The provider says who somebody is; this module only reads that from Streamlit's signed cookie. Whether they have an
account, which role and whether it is active is decided by `qa.people.accounts`.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from starlette.requests import Request
from streamlit.auth_util import validate_auth_credentials
from streamlit.errors import Error as StreamlitError
from streamlit.user_info import generate_login_redirect_url
from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks

from qa.errors import Unavailable
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


def identity(request: Request) -> str | None:
    """The verified e-mail address (or user name) the provider vouched for, or None."""
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
        return str(claims["email"])
    return str(claims["preferred_username"]) if claims.get("preferred_username") else None
