"""Passwords: which may be chosen, and how they are hashed and compared."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from qa.errors import Invalid
from qa.i18n import N_

PASSWORD_LENGTH = 8


hasher = PasswordHasher()


_places = threading.BoundedSemaphore(max(1, min(4, os.cpu_count() or 1)))


@lru_cache(maxsize=1)
def dummy_hash() -> str:
    return hasher.hash(secrets.token_urlsafe(16))


def matches(password_hash: str, password: str) -> bool:
    try:
        return hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


@contextmanager
def hashing() -> Iterator[None]:
    """Wait for one of the few places where passwords are computed: each takes 64 MB and a processor for a tenth of a
    second."""
    with _places:
        yield


def hash_password(password: str, login: str) -> str:
    if len(password) < PASSWORD_LENGTH:
        raise Invalid(N_("The password is too short: at least {length} characters."), length=PASSWORD_LENGTH)
    if len(password) > 1_000:
        raise Invalid(N_("The password is too long."))
    if password.strip().lower() == login:
        raise Invalid(N_("The password must not be the account name."))
    with hashing():
        return hasher.hash(password)
