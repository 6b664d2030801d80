"""What people write into a field, checked one way: not empty, not too long, without space around it."""

from __future__ import annotations

from qa.errors import FormField, Invalid
from qa.i18n import N_


def written(value: str, field: FormField, most: int) -> str:
    """`value` without surrounding space. Raises `Invalid` naming `field` when nothing is left or it is longer than
    `most`."""
    text = value.replace("\0", "").strip()
    if not text:
        raise Invalid(N_("{field}: must not be empty."), field=field)
    if len(text) > most:
        raise Invalid(N_("{field}: at most {most} characters, found {found}."), field=field, most=most, found=len(text))
    return text


MOST_SOUGHT = 200


def sought(text: str) -> str:
    """What somebody searches for, cut to a length that can be searched for, without NUL, which PostgreSQL refuses."""
    return text.replace("\0", "")[:MOST_SOUGHT]
