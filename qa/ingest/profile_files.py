"""A mapping as a TOML file that can be kept beside the data, read by eye and changed by hand."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from pathlib import Path
from typing import Any

from qa.errors import Invalid
from qa.i18n import N_
from qa.ingest.mapping import Mapping
from qa.ingest.profiles import Profile


def read(path: Path) -> Profile:
    """The mapping of a file. Raises `Invalid` with the reason when it is none."""
    try:
        data = tomllib.loads(path.read_text("utf-8"))
        return Profile(path.stem, str(data.pop("kind")), Mapping.from_dict(data))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, ValueError, AttributeError) as problem:
        raise Invalid(
            N_("The mapping file {file} cannot be read: {reason}"), file=path.name, reason=str(problem)
        ) from problem


def write(path: Path, profile: Profile) -> None:
    """Write a mapping; what it leaves open is left out."""
    lines = [f"kind = {_value(profile.kind)}", *_lines(profile.mapping.to_dict(), "")]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _lines(data: MappingOf[str, Any], table: str) -> Iterator[str]:
    """Plain values first, then a section for every table."""
    plain = {
        name: value for name, value in data.items() if not isinstance(value, dict) and value not in ("", [], False)
    }
    if plain and table:
        yield f"\n[{table}]"
    yield from (f"{_key(name)} = {_value(value)}" for name, value in plain.items())
    for name, value in data.items():
        if isinstance(value, dict) and value:
            yield from _lines(value, f"{table}.{_key(name)}" if table else _key(name))


def _key(name: str) -> str:
    return name if name.isidentifier() and name.isascii() else _value(name)


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
