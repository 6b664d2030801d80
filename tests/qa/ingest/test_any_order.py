"""The same messages in any files, in any order of files, with any overlap, give the same chats."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from qa.config import Config
from qa.policy import SYSTEM
from qa.workbench import Workbench
from tests.qa.ingest.files import row, write_csv
from tests.qa.ingest.test_formats import load

EXAMPLES = int(os.environ.get("SPOTCHECK_ORDERS", "3"))
"""How many histories are tried; each is imported twice. `SPOTCHECK_ORDERS=60` before a change of the import."""
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
PAUSES = [timedelta(), timedelta(seconds=40), timedelta(hours=3, minutes=59), timedelta(hours=4, minutes=1)]
FILES = 3


@dataclass(frozen=True)
class Said:
    """One message and the files that hold it."""

    at: datetime
    agent: bool
    customer: str
    files: frozenset[int]


@st.composite
def histories(draw: st.DrawFn) -> list[Said]:
    pauses = draw(st.lists(st.sampled_from(PAUSES), min_size=4, max_size=14))
    return [
        Said(
            at,
            draw(st.booleans()),
            draw(st.sampled_from(["tb1", "tb2"])),
            draw(st.frozensets(st.integers(0, FILES - 1), min_size=1)),
        )
        for at in accumulate(pauses, initial=START)
    ]


def written(folder: Path, history: Sequence[Said], file: int, ids: bool) -> Path | None:
    rows = []
    for n, said in enumerate(history):
        line = row(
            said.customer, f"{said.at:%Y-%m-%d %H:%M:%S}", "客服" if said.agent else "客户", f"第{n}句",
            customer=said.customer,
        )  # fmt: skip
        if not ids:
            del line["会话ID"]
        if file in said.files:
            rows.append(line)
    return write_csv(folder / f"{file}.csv", rows) if rows else None


def chats(
    template: Path, home: Path, history: Sequence[Said], order: Sequence[int], ids: bool
) -> list[list[tuple[datetime, str]]]:
    """What an empty workbench holds after the files were imported in this order: times and texts of each chat."""
    home.mkdir()
    shutil.copy(template, home / "workbench.db")
    bench = Workbench.open(Config(home=home))
    try:
        for file in order:
            path = written(home, history, file, ids)
            if path is not None:
                load(bench, SYSTEM, NOW, path)
        said = bench.archive.at().scan("messages").sort("sent_at", "text").collect()
        assert said.height == len(history)
        named = bench.archive.at().scan("conversations").select("conversation_key", "message_count").collect()
        assert dict(named.iter_rows()) == dict(said.group_by("conversation_key").len().iter_rows())
        groups = said.group_by("conversation_key", maintain_order=True).agg("sent_at", "text")
        return sorted([*zip(times, texts, strict=True)] for _, times, texts in groups.iter_rows())
    finally:
        bench.close()


@given(histories(), st.permutations(range(FILES)), st.booleans())
@settings(max_examples=EXAMPLES, deadline=None)
def test_the_order_and_the_cut_of_files_do_not_matter(
    sqlite_template: Path, history: list[Said], order: list[int], ids: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        whole = [Said(said.at, said.agent, said.customer, frozenset({0})) for said in history]
        parts = chats(sqlite_template, root / "parts", history, order, ids)
        assert parts == chats(sqlite_template, root / "whole", whole, [0], ids)
