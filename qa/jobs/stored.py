"""Parameters, results and errors of jobs as plain JSON, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from qa.errors import Fact, SpotcheckError, Words

T = TypeVar("T")


def to_plain(value: object) -> dict[str, Any]:
    """A frozen dataclass of plain parts as JSON data."""
    plain: dict[str, Any] = msgspec.to_builtins(value, str_keys=True, enc_hook=_encode)
    return plain


def from_plain(type_: type[T], data: dict[str, Any] | None) -> T | None:
    """The dataclass again; None when another version of the program wrote it differently."""
    if data is None:
        return None
    try:
        return msgspec.convert(data, type_, strict=False, dec_hook=_decode)
    except msgspec.ValidationError:
        return None


def error_to_plain(error: SpotcheckError) -> dict[str, Any]:
    """Code, message and facts of an error."""
    return {"code": error.code, "msgid": error.msgid, "facts": {k: _fact(v) for k, v in error.facts.items()}}


def error_from_plain(data: dict[str, Any] | None) -> SpotcheckError | None:
    """The error again, to be shown in the reader's language."""
    if data is None:
        return None
    facts = {name: _words(value) for name, value in data["facts"].items()}
    kind = next((found for found in _kinds(SpotcheckError) if found.code == data["code"]), SpotcheckError)
    return kind(data["msgid"], **facts)


def _fact(value: Fact) -> Any:
    return {"msgid": value.msgid, "facts": dict(value.facts)} if isinstance(value, Words) else value


def _words(value: Any) -> Fact:
    return Words(value["msgid"], **value["facts"]) if isinstance(value, dict) else value


def _kinds(root: type[SpotcheckError]) -> Iterator[type[SpotcheckError]]:
    yield root
    for below in root.__subclasses__():
        yield from _kinds(below)


def _encode(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(type(value).__name__)


def _decode(type_: type[Any], value: Any) -> Any:
    if issubclass(type_, Path):
        return Path(value)
    raise NotImplementedError(type_.__name__)
