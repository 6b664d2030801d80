"""The options of `spotcheck import` that say how a file is read and mapped; everything the import page can set."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from qa.cli.later import Later
from qa.cli.output import t as _
from qa.errors import Invalid
from qa.i18n import N_
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa import ingest
    from qa.ingest import Detected, Mapping
    from qa.workbench import Workbench
else:
    ingest = Later("qa.ingest")

ENCODINGS = ("utf-8", "gb18030", "big5", "utf-16", "utf-16-le", "utf-16-be", "cp1252")
NO_HEADER = -1


def add(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    reading = parser.add_argument_group(_("how the file is read"))
    reading.add_argument(
        "--encoding", choices=ENCODINGS, default="", help=_("encoding of text files (default: detected)")
    )
    reading.add_argument(
        "--delimiter",
        default="",
        metavar="CHAR",
        help=_("what separates the cells of a CSV (default: detected); tab for tabs"),
    )
    reading.add_argument(
        "--header-row", default="", metavar="N", help=_("line or row that names the columns; none when there is none")
    )
    reading.add_argument(
        "--sheet",
        action="append",
        default=[],
        metavar="NAME",
        help=_("sheet of a workbook, or file of an archive; can be repeated"),
    )
    reading.add_argument("--list", default="", metavar="PATH", help=_("list of messages in JSON, like thread.events"))
    mapping = parser.add_argument_group(_("what the columns mean"))
    mapping.add_argument(
        "--preset",
        type=_preset,
        metavar=_("PRESET"),
        default="",
        help=_("a known export format (default: detected); a wrong name lists them"),
    )
    mapping.add_argument(
        "--mapping", default="", metavar="NAME", help=_("a saved column mapping, by name or as a .toml file")
    )
    mapping.add_argument(
        "--save-mapping", default="", metavar="NAME", help=_("save the mapping under this name, or as a .toml file")
    )
    several = (
        (
            "--map",
            "FIELD=COLUMN",
            _("column of a field; #3 is the third column, a | b the first filled of two; empty removes it"),
        ),
        ("--set", "FIELD=VALUE", _("the same value of a field for all rows")),
        ("--word", "FIELD:CELL=MEANING", _("what a cell of a field means, like role:0=agent")),
        ("--who", "NAME=ROLE", _("who a speaker is: customer, agent, bot, system or platform")),
        ("--scale", "FIELD=BEST", _("best value of a score that runs from 0, like score=10")),
        ("--format", "FIELD=FORMAT", _("how times of a field are written, like sent_at=%%d.%%m.%%Y %%H:%%M")),
    )
    for name, metavar, help_ in several:
        mapping.add_argument(name, action="append", default=[], metavar=metavar, help=help_)
    mapping.add_argument(
        "--dates",
        choices=("dmy", "mdy", "ymd"),
        default="",
        help=_("order of day, month and year in dates like 03/04/2024"),
    )
    mapping.add_argument(
        "--time-zone",
        default="",
        metavar="ZONE",
        help=_("time zone of times without one, like UTC (default: the business zone)"),
    )


def detected(bench: Workbench, args: argparse.Namespace, path: Path) -> Detected:
    """What the file is, with everything that the options say about it."""
    saved = _profile(bench, args)
    kind = saved.kind if saved else args.kind
    asked = _reading(args).over(saved.mapping.reading if saved else ingest.ReadOptions())
    found = ingest.detect(path, kind=kind, preset=args.preset, options=asked)
    mapping = replace(saved.mapping, reading=asked) if saved else found.mapping
    return replace(found, mapping=_adjusted(found, mapping, args))


def save(bench: Workbench, args: argparse.Namespace, kind: str, mapping: Mapping) -> None:
    """Save the mapping where the options ask for it."""
    name = args.save_mapping
    if name.endswith(".toml"):
        ingest.write_profile(Path(name), ingest.Profile(Path(name).stem, kind, mapping))
    elif name:
        ingest.save_profile(bench, SYSTEM, now=datetime.now(UTC), name=name, kind=kind, mapping=mapping)


def _profile(bench: Workbench, args: argparse.Namespace) -> ingest.Profile | None:
    if not args.mapping:
        return None
    by_file = args.mapping.endswith(".toml")
    profile = ingest.read_profile(Path(args.mapping)) if by_file else ingest.load_profile(bench, SYSTEM, args.mapping)
    if args.kind and profile.kind != args.kind:
        raise Invalid(N_("The mapping “{name}” is for files of kind {kind}."), name=profile.name, kind=profile.kind)
    return profile


def _reading(args: argparse.Namespace) -> ingest.ReadOptions:
    row = args.header_row.strip().lower()
    if row and row not in ("none", "0") and not row.isdigit():
        raise Invalid(N_("“{value}” is not the number of a row; write a number, or none."), value=row)
    return ingest.ReadOptions(
        encoding=args.encoding,
        delimiter="\t" if args.delimiter.lower() in ("tab", "\\t") else args.delimiter,
        header_row=(NO_HEADER if row in ("none", "0") else int(row)) if row else 0,
        sheets=tuple(args.sheet),
        list=args.list,
    )


def _adjusted(found: Detected, mapping: Mapping, args: argparse.Namespace) -> Mapping:
    """The mapping as the options change it."""
    columns, constants, values = (
        dict(mapping.columns),
        dict(mapping.constants),
        {k: dict(v) for k, v in mapping.values.items()},
    )
    formats = dict(mapping.formats)
    for field, column in _pairs(args.map):
        columns.pop(field, None)
        formats.pop(field, None)
        if column:
            columns[field] = _column(found, column)
    for field, value in _pairs(args.set):
        columns.pop(field, None)
        constants[field] = value
    for said, meaning in _pairs(args.word):
        field, _colon, cell = said.partition(":")
        values.setdefault(field, {})[cell] = meaning
    for field, format_ in _pairs(args.format):
        formats[field] = (format_,)
    changed = replace(
        mapping,
        columns=columns,
        constants=constants,
        values=values,
        formats=formats,
        scales={**mapping.scales, **{field: _best(best) for field, best in _pairs(args.scale)}},
        people={**mapping.people, **dict(_pairs(args.who))},
        time_zone=args.time_zone or mapping.time_zone,
        date_order=args.dates or mapping.date_order,
        assumed=() if args.dates else mapping.assumed,
    )
    return ingest.completed(replace(found, mapping=changed)).mapping


def _best(said: str) -> int:
    if not said.isdigit() or not 1 <= int(said) <= 1000:
        raise Invalid(
            N_("“{value}” is not the best value of a score; write a whole number, like score=10."), value=said
        )
    return int(said)


def _pairs(said: Iterable[str]) -> list[tuple[str, str]]:
    pairs = []
    for text in said:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Invalid(N_("“{value}” must be written as NAME=VALUE."), value=text)
        pairs.append((name.strip(), value.strip()))
    return pairs


def _column(found: Detected, said: str) -> str:
    """A column by its name or, as #3, by its place."""
    if said.startswith("#") and said[1:].isdigit() and said not in found.headers:
        place = int(said[1:])
        if not 1 <= place <= len(found.headers):
            raise Invalid(N_("There is no column {place}; the last one is {n}."), n=len(found.headers), place=place)
        return found.headers[place - 1]
    return said


def _preset(name: str) -> str:
    known = [preset.id for preset in ingest.PRESETS] if name else []
    if name and name not in known:
        raise argparse.ArgumentTypeError(
            _("there is no export format “{name}”; known are {known}", name=name, known=", ".join(known))
        )
    return name
