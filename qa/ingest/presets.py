"""Mappings for the exports shops really have, from the TOML files in `data/presets`. A preset reads no file.

A preset fits when the headers it is known by are all there: `a|b` is one of several names, `*name` a name at the end of
a longer path. A column is one header or a list of which the first one present counts; `a + b` takes, row by row, the
first filled of several columns. Case and punctuation of headers do not matter. A preset is an ordinary mapping
afterwards, and every part of it can be edited.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any

from qa.ingest.fields import FIELDS, fold
from qa.ingest.files.shape import ReadOptions
from qa.ingest.mapping import SEPARATOR, Mapping

ANY, EACH = "|", " + "


@dataclass(frozen=True)
class Preset:
    """One known export: what it is called, what it holds, how it is recognised and mapped."""

    id: str
    zh: str
    en: str
    kind: str
    known_by: tuple[str, ...]
    columns: MappingOf[str, tuple[str, ...]]
    mapping: Mapping


def _load() -> tuple[Preset, ...]:
    found = []
    for file in sorted((files("qa.ingest") / "data" / "presets").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            found += [_preset(data) for data in tomllib.loads(file.read_text("utf-8"))["preset"]]
    return tuple(found)


def _preset(data: MappingOf[str, Any]) -> Preset:
    columns = {
        name: (header,) if isinstance(header, str) else tuple(header) for name, header in data["columns"].items()
    }
    if unknown := set(columns) - {field.name for field in FIELDS[data["kind"]]}:
        raise ValueError(f"preset {data['id']}: no such fields: {', '.join(sorted(unknown))}")
    rest = {k: v for k, v in data.items() if k not in ("id", "name", "kind", "known_by", "columns")}
    mapping = Mapping.from_dict({**rest, "preset": data["id"]})
    name = data["name"]
    return Preset(data["id"], name["zh"], name["en"], data["kind"], tuple(data["known_by"]), columns, mapping)


PRESETS: tuple[Preset, ...] = _load()
BY_ID = {preset.id: preset for preset in PRESETS}


@lru_cache(maxsize=1)
def names() -> frozenset[str]:
    """Folded names of all columns that presets know, without the path to them."""
    said = [known for preset in PRESETS for known in preset.known_by]
    said += [header for preset in PRESETS for headers in preset.columns.values() for header in headers]
    parts = [part for text in said for alternative in text.split(ANY) for part in alternative.split(EACH)]
    return frozenset(fold(part.lstrip("*").rsplit("[].", 1)[-1]) for part in parts)


class _Headers:
    """The headers of a file, found by folded path."""

    def __init__(self, headers: Iterable[str]) -> None:
        self.exact = set(headers)
        self.folded: dict[str, str] = {}
        for header in headers:
            self.folded.setdefault(_path(header), header)

    def find(self, wanted: str) -> str | None:
        """The header that is meant by a name of a preset."""
        if wanted.startswith("*"):
            tail = _path(wanted[1:])
            ends = [
                header
                for path, header in self.folded.items()
                if path == tail or path.endswith((f".{tail}", f"]{tail}"))
            ]
            return ends[0] if ends else None
        return wanted if wanted in self.exact else self.folded.get(_path(wanted))


@lru_cache(maxsize=50_000)
def _path(header: str) -> str:
    """A header with every part folded, its path kept."""
    return "[]".join(".".join(fold(part) for part in step.strip(".").split(".")) for step in header.split("[]"))


def fitting(preset: Preset, headers: tuple[str, ...]) -> Mapping:
    """The preset's mapping with the columns this file has."""
    found, present = {}, _Headers(headers)
    for name, alternatives in preset.columns.items():
        for alternative in alternatives:
            columns = [header for part in alternative.split(EACH) if (header := present.find(part))]
            if columns:
                found[name] = SEPARATOR.join(columns)
                break
    return replace(preset.mapping, columns=found)


def recognise(headers: tuple[str, ...], kind: str = "") -> Preset | None:
    """The preset that knows most of `headers` among those that fit (and are of `kind`)."""
    present = _Headers(headers)
    fits = [
        preset
        for preset in PRESETS
        if kind in ("", preset.kind) and all(_known(known, present) for known in preset.known_by)
    ]
    return max(fits, key=lambda p: (len(p.known_by), len(fitting(p, headers).columns)), default=None)


def _known(known: str, present: _Headers) -> bool:
    return any(present.find(name) for name in known.split(ANY))


def reading(preset: Preset) -> ReadOptions:
    """How the preset wants the file read."""
    return preset.mapping.reading
