"""Secrets of other systems (addresses of robots, passwords of mailboxes, tokens), sealed as the seeds are: whoever
reads the database or a backup of it cannot use them. `about` binds a sealed text to its purpose."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence

from qa.errors import Invalid
from qa.i18n import N_
from qa.security.keys import SeedKey


def close(text: str, keys: Sequence[SeedKey], about: str) -> str:
    """The text as it is stored. Raises `Invalid` where there is no key."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # nothing but this needs it

    if not keys:
        raise Invalid(N_("The key file of this installation is missing or cannot be written; nothing can be sealed."))
    nonce = secrets.token_bytes(12)
    sealed = AESGCM(keys[0].secret).encrypt(nonce, text.encode(), about.encode())
    return f"{keys[0].id}:{base64.urlsafe_b64encode(nonce + sealed).decode()}"


def opened(stored: str, keys: Sequence[SeedKey], about: str) -> str:
    """The text that was sealed. Raises `Invalid` when its key is gone, or it was changed by hand."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    name, _, text = stored.partition(":")
    key = next((one for one in keys if one.id == name), None)
    if key is None:
        raise Invalid(N_("The key that sealed this is not in the key file; enter the address anew."))
    try:
        held = base64.urlsafe_b64decode(text)
        return AESGCM(key.secret).decrypt(held[:12], held[12:], about.encode()).decode()
    except (InvalidTag, ValueError) as problem:
        raise Invalid(N_("This was changed by hand and cannot be opened; enter the address anew.")) from problem
