"""How well promises are found, and what it costs beside the screening: ``python -m benchmarks.promises [FILE …]``.

Lines stand in `benchmarks/data/promises.tsv` (or the files named): text, kind (``-``: no promise), due time in
Shanghai, amount. A line is found when a promise of any kind is found in it; kind, due time (to the minute) and amount
are counted among the lines that are promises and were found. Cost: CPU seconds of the finder over those of the shipped
rules on the same generated chats with promises among them, interleaved, medians. Exit code 1 when a goal is missed.
"""

from __future__ import annotations

import csv
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from benchmarks import corpus
from scoring.promises import Promise, PromiseFinder
from scoring.redline import Screener, load_default_rules

LINES = Path(__file__).parent / "data" / "promises.tsv"
SAID = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
PRECISION, RECALL, DUE, COST = 0.90, 0.80, 0.90, 0.20
ROUNDS, CHATS, EVERY = 5, 10_000, 25


@dataclass(frozen=True)
class Line:
    """One line of an agent with what it promises."""

    text: str
    kind: str
    due: str
    amount: str

    @property
    def is_promise(self) -> bool:
        return self.kind != "-"


def read(path: Path) -> list[Line]:
    """The lines of a file; the first describes them."""
    with path.open(encoding="utf-8", newline="") as file:
        next(file)
        return [Line(*row) for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row]


def main(arguments: Sequence[str]) -> int:
    finder = PromiseFinder()
    reached = [_quality(finder, Path(name)) for name in arguments or [str(LINES)]]
    return 0 if all(reached) and _cost(finder) else 1


def _quality(finder: PromiseFinder, path: Path) -> bool:
    lines = read(path)
    found = [(line, finder.in_text(line.text, SAID)) for line in lines]
    right = [(line, got) for line, got in found if line.is_promise and got]
    claimed = sum(1 for _, got in found if got)
    precision, recall = len(right) / claimed, len(right) / sum(line.is_promise for line in lines)
    due = sum(_due(finder, got) == line.due for line, got in right) / len(right)
    kind = sum(got[0].kind == line.kind for line, got in right) / len(right)
    amount = sum(_amount(got) == line.amount for line, got in right) / len(right)
    print(f"{path.name}: {len(lines)} lines, precision {precision:.3f}, recall {recall:.3f}, due {due:.3f}, "
          f"kind {kind:.3f}, amount {amount:.3f}")  # fmt: skip
    for line, got in found:
        if line.is_promise != bool(got) or (got and (got[0].kind, _due(finder, got)) != (line.kind, line.due)):
            print(f"  {line.text} | {line.kind} {line.due} | {[(p.kind, _due(finder, [p])) for p in got]}")
    return precision >= PRECISION and recall >= RECALL and due >= DUE


def _due(finder: PromiseFinder, got: Sequence[Promise]) -> str:
    named = next((p.due_at for p in got if p.due_at is not None), None)
    return "-" if named is None else named.astimezone(finder.zone).strftime("%Y-%m-%d %H:%M")


def _amount(got: Sequence[Promise]) -> str:
    named = next((p.amount for p in got if p.amount is not None), None)
    return "-" if named is None else str(named)


def _cost(finder: PromiseFinder) -> bool:
    chats = corpus.messages(CHATS)
    columns = {"conversation_key": pl.Series([str(n // 10) for n in range(chats.height)]), "seq": pl.arange(chats.height, dtype=pl.Int32, eager=True)}  # fmt: skip
    said = [line.text for line in read(LINES)]
    texts = [
        said[n // EVERY % len(said)] if n % EVERY == 0 else text for n, text in enumerate(chats["消息内容"].to_list())
    ]
    frame = pl.DataFrame(columns).with_columns(role=pl.lit("agent"), sent_at=pl.lit(SAID), text=pl.Series(texts))
    screener = Screener(load_default_rules())
    _ = screener.passes, screener.expecting

    def cpu(work: Callable[[], object]) -> float:
        started = time.process_time()
        work()
        return time.process_time() - started

    pairs = [(cpu(lambda: finder.find(frame)), cpu(lambda: screener.screen(frame))) for _ in range(ROUNDS)]
    ratio = statistics.median(one / other for one, other in pairs)
    print(f"cost: {ratio:.3f} of the screening's CPU ({statistics.median(p[0] for p in pairs):.2f} s, {frame.height:,} messages)")  # fmt: skip
    return ratio <= COST


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
