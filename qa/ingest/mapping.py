"""How the columns and values of a file become the product's fields: plain data that can be saved, edited and reused."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from qa.errors import Invalid
from qa.i18n import N_
from qa.ingest.fields import FIELDS
from qa.ingest.files.shape import ReadOptions

SEPARATOR = " | "
"""Between columns of which the first filled one counts."""
ORDERS = ("dmy", "mdy", "ymd")
SPEAKERS = ("customer", "agent", "bot", "system", "platform")


@dataclass(frozen=True)
class Mapping:
    """Which column fills which field and how cells are read.

    `columns`: field → header (`list[].name` inside a nested list; `a | b` takes the first filled of several). `values`:
    field → cell → product value, before the built-in words. `constants`: field → value for a field without a column.
    `formats`: time field → strptime formats, or `epoch_s` / `epoch_ms`; empty means the ones detected. `time_zone` is
    that of times without offset (empty: the business zone). `date_order`: dmy, mdy or ymd for dates of short numbers;
    empty means that the file settles it, or no such date is read. `scales`: score field → its best value when the
    export scores 0…best. `people`: name of a speaker → who that is; `patterns`: role → pattern of the names that have
    it. `html`: the texts are HTML. `backward`: the newest message comes first. `reading`: how the file itself is read.
    `assumed`: settings that the file did not settle and a person has not confirmed.
    """

    columns: MappingOf[str, str] = field(default_factory=dict)
    values: MappingOf[str, MappingOf[str, str]] = field(default_factory=dict)
    constants: MappingOf[str, str] = field(default_factory=dict)
    formats: MappingOf[str, tuple[str, ...]] = field(default_factory=dict)
    time_zone: str = ""
    scales: MappingOf[str, int] = field(default_factory=dict)
    preset: str = ""
    date_order: str = ""
    people: MappingOf[str, str] = field(default_factory=dict)
    patterns: MappingOf[str, str] = field(default_factory=dict)
    html: bool = False
    backward: bool = False
    reading: ReadOptions = field(default_factory=ReadOptions)
    assumed: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "columns": dict(self.columns),
            "values": {k: dict(v) for k, v in self.values.items()},
            "constants": dict(self.constants),
            "formats": {k: list(v) for k, v in self.formats.items()},
            "time_zone": self.time_zone,
            "scales": dict(self.scales),
            "preset": self.preset,
            "date_order": self.date_order,
            "people": dict(self.people),
            "patterns": dict(self.patterns),
            "html": self.html,
            "backward": self.backward,
            "reading": self.reading.to_dict(),
            "assumed": list(self.assumed),
        }

    @classmethod
    def from_dict(cls, data: MappingOf[str, Any]) -> Mapping:
        return cls(
            columns={str(k): str(v) for k, v in data.get("columns", {}).items()},
            values={str(k): {str(a): str(b) for a, b in v.items()} for k, v in data.get("values", {}).items()},
            constants={str(k): str(v) for k, v in data.get("constants", {}).items()},
            formats={str(k): tuple(map(str, v)) for k, v in data.get("formats", {}).items()},
            time_zone=str(data.get("time_zone", "")),
            scales={str(k): int(v) for k, v in data.get("scales", {}).items()},
            preset=str(data.get("preset", "")),
            date_order=str(data.get("date_order", "")),
            people={str(k): str(v) for k, v in data.get("people", {}).items()},
            patterns={str(k): str(v) for k, v in data.get("patterns", {}).items()},
            html=bool(data.get("html", False)),
            backward=bool(data.get("backward", False)),
            reading=ReadOptions.from_dict(data.get("reading", {})),
            assumed=tuple(map(str, data.get("assumed", ()))),
        )

    def zone(self, business: ZoneInfo) -> ZoneInfo:
        """The zone of times without an offset."""
        if not self.time_zone:
            return business
        try:
            return ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as problem:
            raise Invalid(
                N_("“{value}” is not a time zone; write it like Asia/Shanghai."), value=self.time_zone
            ) from problem

    def check(self, kind: str, headers: tuple[str, ...]) -> None:
        """Raise `Invalid` when a needed field has no column, or a column is not in the file."""
        if kind not in FIELDS:
            raise Invalid(
                N_("“{value}” is not a kind of file. Known kinds: {known}."), value=kind, known=", ".join(FIELDS)
            )
        known = {f.name: f for f in FIELDS[kind]}
        for name, header in self.columns.items():
            if name not in known:
                raise Invalid(
                    N_("The mapping names “{field}”, which files of kind {kind} do not have."), field=name, kind=kind
                )
            if header not in headers and not set(header.split(SEPARATOR)) <= set(headers):
                raise Invalid(
                    N_(
                        "The mapping takes {field} from column “{header}”, which is not in the file. Its columns are:"
                        " {headers}"
                    ),
                    field=name,
                    header=header,
                    headers=", ".join(headers),
                )
        if self.date_order and self.date_order not in ORDERS:
            raise Invalid(
                N_("“{value}” is not an order of day, month and year. Orders: {known}."),
                value=self.date_order,
                known=", ".join(ORDERS),
            )
        for name, role in self.people.items():
            if role not in SPEAKERS:
                raise Invalid(
                    N_("“{role}” for “{name}” is not a kind of speaker. Kinds: {known}."),
                    role=role,
                    name=name,
                    known=", ".join(SPEAKERS),
                )
        for f in known.values():
            if f.required and f.name == "text" and "transcript" in self.columns:
                continue
            if f.required and f.name not in self.columns and f.name not in self.constants:
                raise Invalid(
                    N_("No column is mapped to “{field}”, which is needed. The columns of the file are: {headers}"),
                    field=f.name,
                    headers=", ".join(headers),
                )
        if kind == "conversations":
            self._check_chats(headers)

    def _check_chats(self, headers: tuple[str, ...]) -> None:
        has = {*self.columns, *self.constants}
        if "transcript" in has:
            return
        pairs = {"sender_id", "receiver_id"} <= has
        named = {"agent_id", "customer_id"} <= has or pairs or "sender_id" in has
        if "conversation_id" not in has and not ("sent_at" in has and named):
            raise Invalid(
                N_(
                    "Map a conversation id, or agent, customer and time to group messages by day. The columns are:"
                    " {headers}"
                ),
                headers=", ".join(headers),
            )
        if "role" not in has and "sender_id" not in has:
            raise Invalid(
                N_("Map who spoke, or the account that spoke together with the agent id. The columns are: {headers}"),
                headers=", ".join(headers),
            )
