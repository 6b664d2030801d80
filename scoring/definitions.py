"""The platforms' reply-time figures, as data: one TOML file a platform in `scoring/data/timing`.

Owns their shape and the reading of the files; how a figure is computed is `scoring.timing`. A file is the place to
change a threshold or to add a platform: nothing else knows their names.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

DAY = 24 * 60
HOUSE = "house"


class Unit(StrEnum):
    """What a platform counts."""

    ROUND = "round"  # every round: from the customer's first open message to the first reply
    FIRST = "first"  # only the first round of a conversation
    BUYER = "buyer"  # a conversation counts when all its rounds are in time


@dataclass(frozen=True, slots=True)
class Definition:
    """One platform's reply-time figure.

    ``threshold_s``: in time means at most so many seconds. ``opens`` and ``closes``: business minutes of the day in
    which a round's question (or, with ``by_session``, the conversation's first message) must fall, closes exclusive,
    may pass midnight. ``answered_by``: roles whose message answers. ``period_days``: over how many days the platform
    sums; stored with the figure, applied by the caller's choice of conversations. ``gathered``, ``verified``: standing
    of the source.
    """

    id: str
    zh: str
    en: str
    platform: str
    unit: Unit
    threshold_s: int
    opens: int = 0
    closes: int = DAY
    by_session: bool = False
    answered_by: tuple[str, ...] = ("agent",)
    period_days: int | None = None
    note_zh: str = ""
    note_en: str = ""
    gathered: date = date(2026, 11, 22)
    verified: bool = False


def parse_definitions(text: str, platform: str) -> Iterator[tuple[Definition, tuple[str, ...]]]:
    """Definitions of one file with the channels that are measured by each. Raises `ValueError` naming what is wrong."""
    for raw in tomllib.loads(text)["definition"]:
        values = dict(raw)
        label, note = values.pop("label"), values.pop("note", {"zh": "", "en": ""})
        channels = tuple(values.pop("channels", ()))
        hours = {name: _minutes(values.pop(name)) for name in ("opens", "closes") if name in values}
        unknown = set(values) - set(Definition.__dataclass_fields__)
        if unknown:
            raise ValueError(f"{platform}.toml, {raw.get('id')}: unknown key {min(unknown)}")
        yield _definition(platform, label, note, {**values, **hours}), channels


def _definition(platform: str, label: Mapping[str, str], note: Mapping[str, str], values: dict[str, Any]) -> Definition:
    values["unit"] = Unit(values["unit"])
    if "answered_by" in values:
        values["answered_by"] = tuple(values["answered_by"])
    return Definition(
        **values, zh=label["zh"], en=label["en"], platform=platform, note_zh=note["zh"], note_en=note["en"]
    )


def _minutes(clock: str) -> int:
    hour, _, minute = clock.partition(":")
    found = int(hour) * 60 + int(minute)
    if not 0 <= found <= DAY:
        raise ValueError(f"expected a time of the day such as 08:00, found {clock}")
    return found


@cache
def _shipped() -> tuple[Mapping[str, Definition], Mapping[str, str]]:
    definitions: dict[str, Definition] = {}
    by_channel: dict[str, str] = {}
    folder = files("scoring") / "data" / "timing"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        platform = file.name.removesuffix(".toml")
        for definition, channels in parse_definitions(file.read_text("utf-8"), platform):
            definitions[definition.id] = definition
            by_channel.update(dict.fromkeys(channels, definition.id))
    return MappingProxyType(definitions), MappingProxyType(by_channel)


DEFINITIONS: Mapping[str, Definition] = _shipped()[0]


def definition_of(channel: str | None) -> Definition:
    """The definition that chats of a channel are measured by; the house figure where no platform has one."""
    definitions, by_channel = _shipped()
    return definitions[by_channel.get((channel or "").lower(), HOUSE)]
