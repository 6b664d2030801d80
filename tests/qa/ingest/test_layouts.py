"""Exports of real systems, made up: recognised, read with the right speakers and times, or mapped on the command
line."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from qa import ingest
from qa.cli import import_options
from qa.policy import Actor
from qa.workbench import Workbench
from tests.qa.ingest.layouts import ANSWERED, ASKED, AT, LATER, LAYOUTS, Layout, write


def options(*said: str) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kind", default="")
    import_options.add(parser)
    return parser.parse_args(said)


def bring(bench: Workbench, lead: Actor, now: datetime, path: Path, *said: str) -> ingest.ImportResult:
    """Import a file as the command line does."""
    found = import_options.detected(bench, options(*said), path)
    return ingest.commit(bench, lead, now=now, path=path, mapping=found.mapping, kind=found.kind, source="shop")


def messages(bench: Workbench) -> pl.DataFrame:
    return bench.archive.at().scan("messages").sort("conversation_key", "seq").collect()


def chats(bench: Workbench) -> pl.DataFrame:
    return bench.archive.at().scan("conversations").sort("conversation_key").collect()


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_layout_comes_in(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, layout: Layout) -> None:
    path = write(layout, tmp_path)
    assert ingest.detect(path).preset == layout.preset
    result = bring(bench, lead, now, path, *layout.by_hand)
    assert result.counts.bad == 0, [p.to_dict() for p in result.problems]
    seen = messages(bench).filter(pl.col("conversation_key") == chats(bench)["conversation_key"][0])
    said = seen.filter(pl.col("role").is_in(["customer", "agent"]))
    assert said["role"].to_list() == ["customer", "agent"]
    assert said["text"].str.replace_all("\n", " ").to_list() == [ASKED, ANSWERED]
    assert said["agent_id"].to_list() == [None, layout.agent]
    assert (seen["role"] == "system").sum() == layout.aside
    assert (seen["role"] == "bot").sum() == layout.bots
    assert seen.filter(pl.col("role") != "agent")["agent_id"].null_count() == seen.height - 1
    if layout.timed:
        assert said["sent_at"].dt.truncate("1s").to_list() == [datetime.fromtimestamp(at, UTC) for at in (AT, LATER)]
    chat = chats(bench).row(0, named=True)
    assert (chat["agent_id"], chat["customer_id"]) == (layout.agent, layout.customer)


def test_enough_layouts_are_recognised_at_once() -> None:
    assert sum(bool(layout.preset) and not layout.by_hand for layout in LAYOUTS) >= 28
