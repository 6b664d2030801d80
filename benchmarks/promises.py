"""How well promises are found, and what it costs beside the screening: ``python -m benchmarks.promises [FILE …]``.

Lines stand in `benchmarks/data/promises*.tsv` (or the files named): text, kind (``-``: no promise), due time in
Shanghai, amount. A line is found when a promise of any kind is found in it; kind, due time (to the minute) and amount
are counted among the lines that are promises and were found. Lines of `promises_unseen.tsv` were written before the
rules as they are, by the same hand, which knew the rules before them: they are not blind. Their first figures were
precision .989, recall .967, due time .989. Lines of `promises_third.tsv` were written by another hand that had read the
word lists, and measured before anything was changed for them: precision .956, recall .896, due time .977.

Cost: generated chats, every 25th message of an agent one of the lines, are imported into an archive as any others are;
then the ranges of the screening job are screened with and without promises, interleaved. CPU seconds of the difference
over those without, medians. Exit code 1 when a goal is missed.
"""

from __future__ import annotations

import csv
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from benchmarks import corpus
from qa import migrations
from qa.archive.ranges import cut, message_files
from qa.config import Config
from qa.ingest import commit_frames
from qa.policy import SYSTEM
from qa.screening import BATCH, outdated_imports
from qa.screening.work import ScreeningPass, screen_range, unscreened
from qa.workbench import Workbench
from scoring.promises import Promise, PromiseFinder
from scoring.redline import load_default_rules

FILES = [Path(__file__).parent / "data" / f"{name}.tsv" for name in ("promises", "promises_unseen", "promises_third")]
SAID = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
PRECISION, RECALL, DUE, COST = 0.90, 0.80, 0.90, 0.20
ROUNDS, CHATS, EVERY = 7, 20_000, 25


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
    reached = [_quality(finder, file) for file in ([Path(name) for name in arguments] or FILES)]
    reached.append(_cost())
    return 0 if all(reached) else 1


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


def _cost() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        bench = Workbench.open(Config(home=Path(folder) / "home"))
        migrations.upgrade(bench.db)
        commit_frames(bench, SYSTEM, now=SAID, tables={"messages": _chats()}, source="bench", file_name="bench")
        snapshot = bench.archive.at()
        imports = frozenset(outdated_imports(snapshot))
        rules = tuple(load_default_rules())
        job = ScreeningPass(snapshot, rules, bench.config.time_zone, imports, with_signals=True)
        ranges = cut(message_files(snapshot, unscreened(snapshot, imports)), BATCH)
        found = [screen_range(job, one).promises.height for one in ranges]  # compiles what the clock must not count

        def cpu(work: ScreeningPass) -> float:
            started = time.process_time()
            for one in ranges:
                screen_range(work, one)
            return time.process_time() - started

        without = replace(job, with_promises=False)
        pairs = [(cpu(without), cpu(job)) for _ in range(ROUNDS)]
        bench.close()
    ratio = statistics.median((both - alone) / alone for alone, both in pairs)
    screening = statistics.median(alone for alone, _ in pairs)
    print(f"cost: {ratio:.3f} of the screening's CPU ({screening:.2f} s, {sum(one.rows for one in ranges):,} messages, "
          f"{sum(found):,} promises)")  # fmt: skip
    return ratio <= COST


def _chats() -> pl.DataFrame:
    """Messages of the generated chats with promises among them."""
    rows = corpus.messages(CHATS)
    said = pl.DataFrame({"said": [line.text for file in FILES for line in read(file)]}).with_row_index("line")
    by_agent = pl.col("发送方") == "客服"
    spoken = rows.with_columns(turn=by_agent.cum_sum())
    chosen = by_agent & (pl.col("turn") % EVERY == 0)
    numbered = spoken.with_columns(line=pl.when(chosen).then(pl.col("turn") // EVERY % said.height).cast(pl.UInt32))
    return numbered.join(said, on="line", how="left", maintain_order="left").select(
        conversation_id="会话ID", role=pl.when(by_agent).then(pl.lit("agent")).otherwise(pl.lit("customer")),
        agent_id="客服账号", sent_at=pl.col("消息时间").str.to_datetime(time_unit="us").dt.replace_time_zone("UTC"),
        text=pl.coalesce("said", "消息内容"),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
