"""Keys of services outside, sealed like seeds: whoever reads the database or a backup of it cannot use them.

AES-GCM with the keys of the key file, which lies outside both. A key is never shown again; its last characters name it.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence

from qa.errors import Invalid
from qa.i18n import N_
from qa.security.keys import SeedKey

_ABOUT = b"key of a service"


def close(token: str, keys: Sequence[SeedKey]) -> str:
    """The key as it is stored; empty stays empty. Raises `Invalid` where there is no key file to seal it with."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # nothing but this needs it

    if not token:
        return ""
    if not keys:
        raise Invalid(N_("The key file of this installation is missing or cannot be written; nothing can be sealed."))
    nonce = secrets.token_bytes(12)
    text = base64.urlsafe_b64encode(nonce + AESGCM(keys[0].secret).encrypt(nonce, token.encode(), _ABOUT)).decode()
    return f"{keys[0].id}:{text}"


def opened(stored: str, keys: Sequence[SeedKey]) -> str:
    """The key that was stored. Raises `Invalid` when it cannot be opened any more: then it has to be typed in again."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if not stored:
        return ""
    name, _, text = stored.partition(":")
    key = next((one for one in keys if one.id == name), None)
    try:
        if key is None:
            raise InvalidTag
        held = base64.urlsafe_b64decode(text)
        return AESGCM(key.secret).decrypt(held[:12], held[12:], _ABOUT).decode()
    except (InvalidTag, ValueError) as problem:
        raise Invalid(N_("The key of the endpoint cannot be opened any more. Type it in again.")) from problem
