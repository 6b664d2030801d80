"""The very same file again: nothing new, or what it brought is replaced by what it says read in another way."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from datetime import datetime
from pathlib import Path

import polars as pl

from qa import ingest
from qa.cli import import_options
from qa.policy import Actor
from qa.tables import Agent, ImportRun
from qa.workbench import Workbench
from tests.qa.ingest.test_layouts import bring, chats, messages, options

CHAT = (
    "会话ID,客服账号,买家昵称,发送人,内容,原文,时间\n1,小叶,tb1,tb1,在吗,在吗?,2026-03-01 10:00:01\n"
    "1,小叶,tb1,小红,在的,在的!,2026-03-01 10:01:01\n"
)
MORE = "会话ID,客服账号,买家昵称,发送人,内容,时间\n1,小叶,tb1,tb1,谢谢,2026-03-01 10:05:00\n"


def test_the_same_file_leaves_no_trace_but_its_entry(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(CHAT)
    first = bring(bench, lead, now, tmp_path / "a.csv")
    for _ in range(2):
        again = bring(bench, lead, now, tmp_path / "a.csv")
        assert (again.counts.unchanged, again.counts.new, again.archive_version) == (1, 0, first.archive_version)
    assert bench.archive.at().count("conversation_origins") == 0
    assert ingest.take_back(bench, lead, now=now, run_id=first.run_id).messages == 0  # two other imports say the same
    assert ingest.take_back(bench, lead, now=now, run_id=first.run_id + 1).messages == 0
    assert ingest.take_back(bench, lead, now=now, run_id=first.run_id + 2).messages == 2
    assert bench.archive.at().count("messages") == 0


def test_read_in_another_way_it_replaces_what_it_brought(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(CHAT)
    (tmp_path / "b.csv").write_text(MORE)
    bring(bench, lead, now, tmp_path / "a.csv")
    bring(bench, lead, now, tmp_path / "b.csv")
    for said, texts, role in (
        (("--who", "小红=bot"), ["在吗", "在的", "谢谢"], "bot"),
        (("--map", "text=原文"), ["在吗?", "在的!", "谢谢"], "agent"),
        (("--time-zone", "Asia/Tokyo"), ["在吗", "在的", "谢谢"], "agent"),
        ((), ["在吗", "在的", "谢谢"], "agent"),
    ):
        found = import_options.detected(bench, options(*said), tmp_path / "a.csv")
        seen = ingest.preview(bench, lead, tmp_path / "a.csv", found.mapping, found.kind, "shop")
        assert seen.imported_before is not None
        result = bring(bench, lead, now, tmp_path / "a.csv", *said)
        assert (result.counts.new, seen.counts.new) == (0, 0), said
        rows = messages(bench)
        assert rows["text"].to_list() == texts
        assert rows["role"].to_list() == ["customer", role, "customer"]
    assert chats(bench)["agent_ids"].to_list() == [["小红", "小叶"]]
    with bench.db.read() as session:
        states = [run.state for run in session.query(ImportRun).order_by(ImportRun.id)]
    assert states == ["taken_back", "done", "taken_back", "taken_back", "taken_back", "done"]
    ingest.take_back(bench, lead, now=now, run_id=6)
    assert messages(bench)["text"].to_list() == ["谢谢"]


def test_whom_only_a_mistaken_reading_brought_leaves_the_roster(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(
        "时间,发送者,接收者,消息内容\n2026-03-01 10:00:01,tb1,店:小叶,在吗\n2026-03-01 10:01:01,店:小叶,tb1,在的\n"
    )
    bring(bench, lead, now, tmp_path / "a.csv", "--who", "tb1=agent", "--who", "店:小叶=customer")
    bring(bench, lead, now, tmp_path / "a.csv")
    assert chats(bench).select("agent_id", "customer_id").rows() == [("店:小叶", "tb1")]
    with bench.db.read() as session:
        assert [agent.agent_id for agent in session.query(Agent)] == ["店:小叶"]


def test_minutes_and_seconds_of_the_same_chat_are_one(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    head = "会话ID,客服账号,角色,内容,时间\n"
    fine = (
        head + "1,小叶,买家,在,2026-03-01 10:00:01\n1,小叶,买家,在,2026-03-01 10:00:05\n1,小叶,客服,在的,2026-03-01 "
        "10:01:01\n"
    )
    (tmp_path / "fine.csv").write_text(fine)
    (tmp_path / "coarse.csv").write_text(fine.replace(":01\n", "\n").replace(":05\n", "\n"))
    names = ["fine.csv", "coarse.csv"]
    for order in (names, names[::-1]):
        source = order[0].split(".")[0]
        for name in order:
            found = ingest.detect(tmp_path / name)
            ingest.commit(
                bench, lead, now=now, path=tmp_path / name, mapping=found.mapping, kind=found.kind, source=source
            )
        rows = messages(bench).filter(pl.col("conversation_key") == f"{source}:1")
        assert rows["sent_at"].dt.second().to_list() == [1, 5, 1]
        assert rows["text"].to_list() == ["在", "在", "在的"]
    assert bench.archive.at().count("messages") == 6


KILLED = """
    import os, sys
    from datetime import UTC, datetime
    from pathlib import Path
    from dataclasses import replace
    from qa import ingest
    from qa.archive import Archive
    from qa.config import Config
    from qa.policy import SYSTEM
    from qa.workbench import Workbench
    home, url, file = sys.argv[1:]
    bench = Workbench.open(Config(home=Path(home), database_url=url))
    Archive._publish = lambda *args: os._exit(9)
    found = ingest.detect(Path(file))
    mapping = replace(found.mapping, columns={**found.mapping.columns, "text": "原文"})
    now = datetime(2026, 3, 2, tzinfo=UTC)
    ingest.commit(bench, SYSTEM, now=now, path=Path(file), mapping=mapping, kind=found.kind, source="shop")
"""


def test_killed_while_it_is_read_anew_the_old_reading_stands(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(CHAT)
    bring(bench, lead, now, tmp_path / "a.csv")
    url = bench.db.url.render_as_string(hide_password=False)
    program = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path), url, str(tmp_path / "a.csv")]
    assert subprocess.run(program, check=False).returncode == 9
    assert messages(bench)["text"].to_list() == ["在吗", "在的"]
    bring(bench, lead, now, tmp_path / "a.csv", "--map", "text=原文")
    assert messages(bench)["text"].to_list() == ["在吗?", "在的!"]
    assert [run.state for run in ingest.history(bench, lead)][::-1] == ["taken_back", "failed", "done"]
