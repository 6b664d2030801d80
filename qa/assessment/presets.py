"""Which columns of an export are which parts: presets as data, recognised by header, or a mapping made by hand."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from scoring.assessment.schemes import INDICATORS
from scoring.label import Label

UNITS = ("count", "money", "seconds", "share")
DAYS = ("日期", "统计日期", "业务日期", "数据日期", "统计时间", "时间", "日", "date", "day", "统计周期", "周期")
SHOPS = ("店铺", "店铺名称", "店铺名", "shop")


@dataclass(frozen=True)
class Columns:
    """Where the parts of one indicator stand: `num` and `den`, or a `value` and the count `by` which it is weighted.
    Each names alternatives; the first one present counts."""

    indicator: str
    num: tuple[str, ...] = ()
    den: tuple[str, ...] = ()
    value: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    unit: str = "count"


@dataclass(frozen=True)
class ExportPreset:
    """One export. `known_by`: columns that must be there, `a|b` one of several. `account` empty: rows of shops."""

    id: str
    label: Label
    platform: str
    known_by: tuple[str, ...]
    account: tuple[str, ...]
    columns: tuple[Columns, ...]
    day: tuple[str, ...] = DAYS
    shop: tuple[str, ...] = SHOPS


def fold(header: str) -> str:
    """A header without width, case and spaces."""
    return "".join(unicodedata.normalize("NFKC", header).casefold().split())


def from_data(data: Mapping[str, Any]) -> ExportPreset:
    """A preset from plain data. Raises `KeyError`, `ValueError`."""
    columns = []
    for each in data["indicators"]:
        if each["id"] not in INDICATORS or each.get("unit", "count") not in UNITS:
            raise ValueError(f"preset {data['id']}: {each}")
        lists = {name: tuple(each.get(name, ())) for name in ("num", "den", "value", "by")}
        columns.append(Columns(each["id"], unit=each.get("unit", "count"), **lists))
    return ExportPreset(
        data["id"], Label.from_dict(data["name"]), data.get("platform", ""), tuple(data.get("known_by", ())),
        tuple(data.get("account", ())), tuple(columns), tuple(data.get("day", DAYS)), tuple(data.get("shop", SHOPS)),
    )  # fmt: skip


def to_data(preset: ExportPreset) -> dict[str, Any]:
    """The plain data of a preset, as an import keeps it."""
    columns = [
        {
            "id": c.indicator,
            "unit": c.unit,
            **{n: list(v) for n in ("num", "den", "value", "by") if (v := getattr(c, n))},
        }
        for c in preset.columns
    ]
    return {
        "id": preset.id, "name": preset.label.to_dict(), "platform": preset.platform, "account": list(preset.account),
        "indicators": columns, "day": list(preset.day), "shop": list(preset.shop), "known_by": list(preset.known_by),
    }  # fmt: skip


@cache
def shipped() -> tuple[ExportPreset, ...]:
    """The presets that come with the product."""
    folder = files("qa.assessment") / "data" / "presets"
    texts = [
        file.read_text("utf-8")
        for file in sorted(folder.iterdir(), key=lambda f: f.name)
        if file.name.endswith(".toml")
    ]
    return tuple(from_data(data) for text in texts for data in tomllib.loads(text)["preset"])


@cache
def names() -> frozenset[str]:
    """Folded names of all columns that presets know."""
    every: list[str] = [*DAYS, *SHOPS]
    for preset in shipped():
        every += [part for known in preset.known_by for part in known.split("|")]
        every += [*preset.account]
        every += [name for c in preset.columns for name in (*c.num, *c.den, *c.value, *c.by)]
    return frozenset(map(fold, every))


def find(headers: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The first of the `wanted` columns that is there, as the file writes it."""
    present = {fold(header): header for header in reversed(headers)}
    return next((present[fold(name)] for name in wanted if fold(name) in present), None)


def recognise(headers: Sequence[str]) -> ExportPreset | None:
    """The preset that knows most columns among those whose marks are all there."""

    def fits(preset: ExportPreset) -> bool:
        return all(find(headers, known.split("|")) for known in preset.known_by)

    def known(preset: ExportPreset) -> int:
        return sum(find(headers, c.num or c.value) is not None for c in preset.columns)

    return max((preset for preset in shipped() if fits(preset)), key=known, default=None)
