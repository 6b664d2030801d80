"""How two versions of a rubric differ, as a list people can read: what came, what went, what changed from what to
what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scoring.rubric.types import Rubric


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `subject` is `rubric`, `dimension`, `criterion`, `owner` or `root_cause`; `field` and the two
    values (plain data, centi-points) are set for `changed` only."""

    what: Literal["added", "removed", "changed", "moved"]
    subject: str
    id: str
    field: str = ""
    before: Any = None
    after: Any = None


def diff(old: Rubric, new: Rubric) -> tuple[Change, ...]:
    """Differences from `old` to `new`, by stable ids, in the order of the new form; version numbers are not
    compared."""
    before, after = old.to_dict(), new.to_dict()
    changes: list[Change] = list(
        _fields("rubric", new.id, before, after, ("id", "name", "pass_line", "tolerance", "note", "sources"))
    )
    changes += _rows("dimension", before["dimensions"], after["dimensions"], skip=("criteria",))
    changes += _rows("criterion", _criteria(before), _criteria(after))
    changes += _rows("owner", before["owners"], after["owners"])
    changes += _rows("root_cause", before["root_causes"], after["root_causes"])
    return tuple(changes)


def _criteria(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {**criterion, "dimension": dimension["id"]}
        for dimension in data["dimensions"]
        for criterion in dimension["criteria"]
    ]


def _rows(
    subject: str, old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]], skip: tuple[str, ...] = ()
) -> Iterator[Change]:
    before, after = {row["id"]: row for row in old}, {row["id"]: row for row in new}
    for id_ in before:
        if id_ not in after:
            yield Change("removed", subject, id_)
    for id_, row in after.items():
        if id_ not in before:
            yield Change("added", subject, id_)
        else:
            yield from _fields(subject, id_, before[id_], row, tuple(name for name in row if name not in ("id", *skip)))
    kept_before, kept_after = [i for i in before if i in after], [i for i in after if i in before]
    if kept_before != kept_after:
        yield Change("moved", subject, "", "order", kept_before, kept_after)


def _fields(
    subject: str, id_: str, before: Mapping[str, Any], after: Mapping[str, Any], names: tuple[str, ...]
) -> Iterator[Change]:
    for name in names:
        if before.get(name) != after.get(name):
            yield Change("changed", subject, id_, name, before.get(name), after.get(name))
