"""Seeds of draws to come, sealed: whoever reads the database or a backup of it cannot foresee who will be drawn.

AES-GCM with keys of the key file, which lies outside both. The newest key seals; older ones open what they sealed until
everything is sealed anew. Seeds of before are stored as they were and read as they are.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence

from qa.errors import Invalid
from qa.i18n import N_
from qa.security.keys import SeedKey

PREFIX = "sealed"
MOST = 100
"""Characters of a seed, so that the sealed one fits its column."""
CHANGED = N_("The sealed seed of this plan was changed by hand; it cannot be opened.")
_ABOUT = b"seed of a plan"


def close(seed: str, keys: Sequence[SeedKey]) -> str:
    """The seed as it is stored. Raises `Invalid` where there is no key, or the seed is too long."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # nothing but this needs it

    if not keys:
        raise Invalid(N_("The key file of this installation is missing or cannot be written; seeds cannot be sealed."))
    if len(seed.encode()) > MOST:
        raise Invalid(N_("The seed is too long: at most {limit} bytes."), limit=MOST)
    nonce = secrets.token_bytes(12)
    text = base64.urlsafe_b64encode(nonce + AESGCM(keys[0].secret).encrypt(nonce, seed.encode(), _ABOUT)).decode()
    return f"{PREFIX}:{keys[0].id}:{text}"


def opened(stored: str, keys: Sequence[SeedKey]) -> str:
    """The seed that was stored. Raises `Invalid` when its key is not in the key file, or it was changed by hand."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if not is_sealed(stored):
        return stored
    name, _, text = stored.removeprefix(f"{PREFIX}:").partition(":")
    if not text:
        raise Invalid(CHANGED)
    key = next((one for one in keys if one.id == name), None)
    if key is None:
        raise Invalid(
            N_(
                "The key that sealed this plan's seed is not in the key file. Put the copy of the key file back"
                " (“spotcheck keys restore”), or give the plans new seeds (“spotcheck keys new-seeds”)."
            )
        )
    try:
        held = base64.urlsafe_b64decode(text)
        return AESGCM(key.secret).decrypt(held[:12], held[12:], _ABOUT).decode()
    except (InvalidTag, ValueError) as problem:
        raise Invalid(CHANGED) from problem


def is_sealed(stored: str) -> bool:
    """Whether it is a sealed seed, and not one of before."""
    return stored.startswith(f"{PREFIX}:")
