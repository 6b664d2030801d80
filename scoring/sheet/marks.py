"""What an inspector marks on one conversation, and reading it from plain data that may come from a browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scoring.rubric import AGENT, Criterion, Problem

CONFIRMED, CLEARED = "confirmed", "cleared"


MAX_NOTE = 2_000


class SheetError(ValueError):
    """A sheet that cannot be scored; `problems` say why, field by field."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{problem.path}: {problem.code}" for problem in problems))


@dataclass(frozen=True, slots=True)
class Mark:
    """The judgement of one criterion. `value` by kind: occurrences, 1/0, level; None = nothing to object to."""

    criterion_id: str
    value: int | None = None
    na: bool = False
    owner: str = AGENT
    root_cause: str = ""
    note: str = ""
    evidence: tuple[int, ...] = ()


def value_of(criterion: Criterion, mark: Mark | None) -> int | None:
    """What a mark comes to: the value given, the criterion's default where none is, None for N/A."""
    if mark is not None and mark.na:
        return None
    return criterion.default if mark is None or mark.value is None else mark.value


@dataclass(frozen=True, slots=True)
class HitDecision:
    """What the inspector says about one red-line hit."""

    rule_id: str
    seq: int
    decision: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """All marks of one inspector on one sample. A criterion without a mark has nothing to object to."""

    marks: tuple[Mark, ...] = ()
    hits: tuple[HitDecision, ...] = ()
    comment: str = ""

    @property
    def confirmed(self) -> tuple[str, ...]:
        """Rules with at least one confirmed hit, sorted."""
        return tuple(sorted({hit.rule_id for hit in self.hits if hit.decision == CONFIRMED}))

    def value_of(self, criterion: Criterion) -> int | None:
        """What the sheet says of a criterion, in the sense of `value_of`."""
        return value_of(criterion, next((mark for mark in self.marks if mark.criterion_id == criterion.id), None))

    def to_dict(self) -> dict[str, Any]:
        return {
            "marks": [
                {
                    "criterion_id": mark.criterion_id, "value": mark.value, "na": mark.na, "owner": mark.owner,
                    "root_cause": mark.root_cause, "note": mark.note, "evidence": list(mark.evidence),
                }
                for mark in self.marks
            ],
            "hits": [
                {"rule_id": hit.rule_id, "seq": hit.seq, "decision": hit.decision, "reason": hit.reason}
                for hit in self.hits
            ],
            "comment": self.comment,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Sheet:
        """Read plain data that may come from a browser. Raises `SheetError` naming the field with a wrong type."""
        read = _Fields(data, "sheet")
        return cls(
            marks=tuple(_mark(_Fields(row, f"marks.{number}")) for number, row in enumerate(read.rows("marks"))),
            hits=tuple(_hit(_Fields(row, f"hits.{number}")) for number, row in enumerate(read.rows("hits"))),
            comment=read.text("comment", ""),
        )


def _mark(row: _Fields) -> Mark:
    evidence = row.value("evidence", [])
    if not isinstance(evidence, list) or not all(
        isinstance(seq, int) and not isinstance(seq, bool) for seq in evidence
    ):
        raise row.wrong("evidence", evidence)
    return Mark(
        row.text("criterion_id"),
        row.whole("value"),
        row.flag("na"),
        row.text("owner", AGENT),
        row.text("root_cause", ""),
        row.text("note", ""),
        tuple(sorted(set(evidence))),
    )


def _hit(row: _Fields) -> HitDecision:
    seq = row.whole("seq")
    if seq is None:
        raise row.wrong("seq", None)
    return HitDecision(row.text("rule_id"), seq, row.text("decision"), row.text("reason", ""))


class _Fields:
    def __init__(self, data: object, path: str) -> None:
        if not isinstance(data, Mapping):
            raise SheetError(Problem(path, "wrong_type", {"value": str(data)[:40]}))
        self.data, self.path = data, path

    def value(self, name: str, default: object) -> object:
        found = self.data.get(name)
        return default if found is None else found

    def wrong(self, name: str, value: object) -> SheetError:
        return SheetError(Problem(f"{self.path}.{name}", "wrong_type", {"value": str(value)[:40]}))

    def rows(self, name: str) -> list[Any]:
        value = self.value(name, [])
        if not isinstance(value, list):
            raise self.wrong(name, value)
        return value

    def text(self, name: str, default: str | None = None) -> str:
        value = self.value(name, default)
        if not isinstance(value, str):
            raise self.wrong(name, value)
        # A lone surrogate cannot be stored as UTF-8 and a NUL not in PostgreSQL: neither belongs in a note.
        return value.encode("utf-8", "replace").decode().replace("\x00", "")

    def whole(self, name: str) -> int | None:
        value = self.value(name, None)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or abs(value) > 2**31):
            raise self.wrong(name, value)
        return value

    def flag(self, name: str) -> bool:
        value = self.value(name, False)
        if not isinstance(value, bool):
            raise self.wrong(name, value)
        return value
