"""Disputes, ratings, sessions and the roster; links to the chat before; frames; a process killed in the middle."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select

from qa import ingest
from qa.policy import SYSTEM, Actor
from qa.tables import Agent, AuditEntry, ImportRun
from qa.workbench import Workbench
from tests.qa.ingest.files import CHATS, write_csv, write_jsonl
from tests.qa.ingest.test_formats import load

REFUND = {
    "RefundId": "R1",
    "Tid": "2600000000000000001",
    "BuyerNick": "tb1001",
    "SellerNick": "示例店",
    "Created": "2026-03-01 15:00:00",
    "Modified": "2026-03-03 09:00:00",
    "Status": "WAIT_SELLER_AGREE",
    "RefundFee": "1,234.50",
    "TotalFee": "1300",
    "Reason": "尺码不合适",
    "Desc": "太大",
    "Title": "外套",
    "CsStatus": "2",
    "DisputeType": "REFUND_AND_RETURN",
    "RefundPhase": "aftersale",
}
RATING = {
    "EvalSender": "小红",
    "EvalRecer": "tb1002",
    "EvalTime": "2026-03-01 12:00:00",
    "EvalCode": "4",
    "LabelName": "态度差",
    "Source": "1",
}


def test_disputes_are_joined_by_order_then_by_customer(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    load(bench, lead, now, write_csv(tmp_path / "chats.csv", CHATS))
    by_customer = {**REFUND, "RefundId": "R2", "Tid": "", "BuyerNick": "tb1002"}
    too_early = {**REFUND, "RefundId": "R3", "Tid": "", "BuyerNick": "tb1002", "Created": "2026-03-01 09:00:00"}
    result = load(bench, lead, now, write_csv(tmp_path / "refunds.csv", [REFUND, by_customer, too_early]))
    assert (result.kind, result.counts.new, result.counts.bad) == ("disputes", 3, 0)
    seen = {r["dispute_id"]: r for r in bench.archive.at().scan("disputes").collect().to_dicts()}
    assert [seen[i]["conversation_key"] for i in ("R1", "R2", "R3")] == ["shop:C1", "shop:C2", None]
    one = seen["R1"]
    assert (one["agent_id"], one["refund_fee"], one["total_fee"], one["cs_status"], one["phase"]) == (
        "小青",
        123450,
        130000,
        2,
        "aftersale",
    )
    assert one["opened_at"] == datetime(2026, 3, 1, 7, 0, tzinfo=UTC)
    assert load(bench, lead, now, tmp_path / "refunds.csv").counts.unchanged == 3


def test_disputes_before_their_chats_find_them_later(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    load(bench, lead, now, write_csv(tmp_path / "refunds.csv", [REFUND]))
    load(bench, lead, now, write_csv(tmp_path / "ratings.csv", [RATING]))
    load(bench, lead, now, write_csv(tmp_path / "chats.csv", CHATS))
    assert bench.archive.at().scan("disputes").collect()["conversation_key"].to_list() == ["shop:C1"]
    assert bench.archive.at().scan("ratings").collect()["conversation_key"].to_list() == ["shop:C2"]


def test_refund_messages_join_their_dispute(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    load(bench, lead, now, write_csv(tmp_path / "refunds.csv", [REFUND]))
    said = [
        {
            "RefundId": "R1",
            "OwnerRole": "2",
            "OwnerNick": "示例店",
            "Content": "请寄回",
            "Created": "2026-03-01 16:00:00",
        },
        {
            "RefundId": "R1",
            "OwnerRole": "1",
            "OwnerNick": "tb",
            "Content": "不想要了",
            "Created": "2026-03-01 15:00:01",
        },
        {"RefundId": "R7", "OwnerRole": "3", "OwnerNick": "小二", "Content": "介入", "Created": "2026-03-01 16:00:00"},
    ]
    path = write_csv(tmp_path / "said.csv", said)
    result = load(bench, lead, now, path)
    assert [(p.code, p.row, p.value) for p in result.problems] == [("no_dispute", 3, "R7")]
    messages = bench.archive.at().scan("disputes").collect()["messages"][0].to_list()
    assert [(m["role"], m["text"]) for m in messages] == [("customer", "不想要了"), ("agent", "请寄回")]
    assert load(bench, lead, now, path).counts.unchanged == 1
    assert (
        load(bench, lead, now, write_csv(tmp_path / "refunds.csv", [{**REFUND, "Status": "SUCCESS"}])).counts.changed
        == 1
    )
    assert (
        len(bench.archive.at().scan("disputes").collect()["messages"][0]) == 2
    )  # the list of refunds does not erase the talk


def test_ratings_by_agent_and_customer(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    load(bench, lead, now, write_csv(tmp_path / "chats.csv", CHATS))
    wrong = {**RATING, "EvalCode": "9"}
    result = load(bench, lead, now, write_csv(tmp_path / "ratings.csv", [RATING, wrong]))
    assert [(p.code, p.row, p.field) for p in result.problems if p.severity == "bad"] == [("bad_rating", 2, "EvalCode")]
    seen = bench.archive.at().scan("ratings").collect().row(0, named=True)
    assert (seen["score"], seen["origin"], seen["conversation_key"], seen["label"]) == (1, "buyer", "shop:C2", "态度差")


def test_ratings_without_an_id_are_told_apart_by_every_column(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    rows = [
        {"会话ID": f"c{i}", "客服工号": agent, "满意度": score, "评价时间": "2024/3/5 10:00", "评价标签": ""}
        for i, (agent, score) in enumerate(
            [("小美", "非常满意"), ("小美", "不满意"), ("小美", "非常不满意"), ("小强", "满意")]
        )
    ]
    path = write_csv(tmp_path / "a.csv", rows)
    assert load(bench, lead, now, path, kind="ratings").counts.new == 4
    assert load(bench, lead, now, path, kind="ratings").counts.unchanged == 4
    one = [{**rows[0], "会话ID": "", "满意度": s} for s in ("满意", "不满意", "满意")]
    result = load(bench, lead, now, write_csv(tmp_path / "b.csv", one), kind="ratings")
    assert (result.counts.new, result.counts.duplicates) == (2, 1)


def test_ratings_that_an_earlier_release_keyed_are_not_doubled(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    rows = [
        {"会话ID": "c1", "客服工号": "小美", "满意度": "不满意", "评价时间": "2024/3/5 10:00"},
        {"会话ID": "c2", "客服工号": "小美", "满意度": "满意", "评价时间": "2024/3/5 10:00"},
    ]
    path = write_csv(tmp_path / "a.csv", rows[:1])
    load(bench, lead, now, path, kind="ratings")
    with bench.archive.change("as 0.1.0 wrote it", now) as change:
        old = change.before.scan("ratings").collect()
        id_ = f"小美||{int(datetime(2024, 3, 5, 2, tzinfo=UTC).timestamp())}"
        change.replace("ratings", old.with_columns(rating_key=pl.lit(f"shop:{id_}"), rating_id=pl.lit(id_)))
    assert load(bench, lead, now, path, kind="ratings").counts.unchanged == 1
    both = load(bench, lead, now, write_csv(tmp_path / "b.csv", rows), kind="ratings")
    assert (both.counts.new, both.counts.unchanged, bench.archive.at().count("ratings")) == (1, 1, 2)


def test_sessions_describe_messages_imported_before(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    load(bench, lead, now, write_csv(tmp_path / "chats.csv", CHATS))
    sessions = [
        {
            "id": "C1",
            "staffId": "小青",
            "userId": "tb1001",
            "startTime": "1772330390000",
            "endTime": "1772330500000",
            "evaluation": "100",
            "fromType": "app",
        },
        {
            "id": "C8",
            "staffId": "小青",
            "userId": "tb1001",
            "startTime": "1772330390000",
            "endTime": "1772330500000",
            "evaluation": "",
            "fromType": "",
        },
    ]
    path = write_csv(tmp_path / "sessions.csv", sessions)
    result = load(bench, lead, now, path)
    assert (result.kind, result.counts.changed) == ("sessions", 1)
    assert [(p.code, p.row, p.value) for p in result.problems] == [("no_session", 2, "C8")]
    chat = bench.archive.at().scan("conversations").filter(conversation_id="C1").collect().row(0, named=True)
    assert (chat["satisfaction"], chat["channel"], chat["message_count"]) == (5, "app", 2)
    assert bench.archive.at().count("messages") == 4
    assert load(bench, lead, now, path).counts.unchanged == 1
    assert load(bench, lead, now, tmp_path / "chats.csv").counts.unchanged == 2  # blanks of the chat file erase nothing


def test_roster(any_bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    roster = [
        {"工号": "小青", "姓名": "青", "组别": "", "小组": "售前一组", "岗位": "售前", "入职日期": "2025/3/1"},
        {"工号": "小兰", "姓名": "", "组别": "", "小组": "", "岗位": "", "入职日期": "不详"},
    ]
    path = write_csv(tmp_path / "agents.csv", roster, "gb18030")
    result = load(any_bench, lead, now, path, kind="agents")
    assert (result.counts.new, [(p.code, p.row) for p in result.problems]) == (2, [("bad_date", 2)])
    load(any_bench, lead, now, write_csv(tmp_path / "chats.csv", CHATS))
    with any_bench.db.read() as session:
        agents = {a.agent_id: a for a in session.execute(select(Agent)).scalars()}
        runs = session.execute(select(ImportRun).order_by(ImportRun.id)).scalars().all()
        actions = session.execute(select(AuditEntry.action)).scalars().all()
    assert (agents["小青"].team, agents["小青"].stage, agents["小青"].hired_on) == (
        "售前一组",
        "presale",
        date(2025, 3, 1),
    )
    assert (agents["小兰"].name, agents["小红"].team) == ("小兰", "")  # 小红 came with a chat
    assert [(r.kind, r.state) for r in runs] == [("agents", "done"), ("conversations", "done")]
    assert sorted(actions) == ["import.done", "import.done", "setting.made"]  # the key of derived ids, once
    assert runs[1].sha256
    assert runs[1].archive_version == 1
    assert load(any_bench, lead, now, path, kind="agents").counts.unchanged == 2


def test_saved_mappings(any_bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    d = ingest.detect(write_csv(tmp_path / "a.csv", CHATS))
    for _ in range(2):
        ingest.save_profile(any_bench, lead, now=now, name="旺旺导出", kind=d.kind, mapping=d.mapping)
    assert [p.name for p in ingest.profiles(any_bench, lead)] == ["旺旺导出"]
    assert ingest.load_profile(any_bench, lead, "旺旺导出").mapping == d.mapping


def frames(chats: int) -> dict[str, pl.DataFrame]:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    messages = pl.DataFrame(
        {
            "conversation_id": [f"C{i}" for i in range(chats) for _ in range(3)],
            "seq": [0, 1, 2] * chats,
            "role": ["customer", "agent", "customer"] * chats,
            "agent_id": [None, "小青", None] * chats,
            "sent_at": [start + timedelta(hours=i, seconds=j) for i in range(chats) for j in range(3)],
            "kind": ["text"] * 3 * chats,
            "text": ["问", "答", "谢谢"] * chats,
        }
    )
    conversations = pl.DataFrame(
        {
            "conversation_id": [f"C{i}" for i in range(chats)],
            "agent_id": "小青",
            "customer_id": [f"tb{i}" for i in range(chats)],
            "shop": "店",
            "satisfaction": [i % 5 + 1 for i in range(chats)],
        }
    )
    disputes = pl.DataFrame(
        {
            "dispute_id": ["R1"],
            "customer_id": ["tb1"],
            "opened_at": [start + timedelta(days=9)],
            "refund_fee": [1250],
            "messages": [[{"role": "customer", "text": "退", "sent_at": start}]],
        }
    )
    ratings = pl.DataFrame(
        {
            "rating_id": ["E1"],
            "score": [1],
            "agent_id": ["小青"],
            "customer_id": ["tb2"],
            "rated_at": [start + timedelta(days=9)],
        }
    )
    return {"conversations": conversations, "messages": messages, "disputes": disputes, "ratings": ratings}


def test_frames_take_the_same_way(bench: Workbench, now: datetime) -> None:
    result = ingest.commit_frames(bench, SYSTEM, now=now, tables=frames(5), source="demo", file_name="generated")
    assert (result.counts.new, result.counts.bad, result.counts.messages, result.counts.new_agents) == (7, 0, 15, 1)
    archive = bench.archive.at()
    assert archive.scan("disputes").collect().select("conversation_key", "refund_fee").row(0) == ("demo:C1", 1250)
    assert archive.scan("disputes").collect()["messages"][0].to_list()[0]["text"] == "退"
    assert archive.scan("ratings").collect().select("conversation_key", "score").row(0) == ("demo:C2", 1)
    assert archive.scan("conversations").sort("conversation_id").collect()["satisfaction"].to_list() == [1, 2, 3, 4, 5]
    again = ingest.commit_frames(bench, SYSTEM, now=now, tables=frames(5), source="demo", file_name="generated")
    assert (again.counts.unchanged, again.counts.messages, again.counts.changed) == (7, 0, 0)
    assert bench.archive.at().count("messages") == 15
    more = ingest.commit_frames(bench, SYSTEM, now=now, tables=frames(6), source="demo", file_name="generated")
    assert (more.counts.new, more.counts.unchanged) == (1, 7)


KILLED = """
    import os, sys
    from datetime import UTC, datetime
    from pathlib import Path
    from qa import ingest
    from qa.archive import Archive, ArchiveChange
    from qa.config import Config
    from qa.ingest import runs
    from qa.policy import SYSTEM
    from qa.workbench import Workbench
    home, url, path, where = sys.argv[1:]
    bench = Workbench.open(Config(home=Path(home), database_url=url))
    def die(*args, **kwargs):
        os._exit(9)
    if where == "adopting": ArchiveChange.adopt = die
    if where == "publishing": Archive._publish = die
    if where == "recording": runs._finish = die
    def progress(share, what):
        if where == "reading" and share > 0.4: os._exit(9)
    d = ingest.detect(Path(path))
    from qa.ingest import reading
    reading.PIECE = 500
    told = {"mapping": d.mapping, "kind": d.kind, "source": "shop", "progress": progress}
    ingest.commit(bench, SYSTEM, now=datetime(2026, 3, 2, tzinfo=UTC), path=Path(path), **told)
"""


@pytest.mark.parametrize(
    ("where", "visible"), [("reading", False), ("adopting", False), ("publishing", False), ("recording", True)]
)
def test_a_killed_import_leaves_all_or_nothing_and_a_retry_adds_each_row_once(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, where: str, visible: bool
) -> None:
    before = write_csv(tmp_path / "before.csv", CHATS[2:])
    load(bench, lead, now, before)
    path = write_jsonl(tmp_path / "a.jsonl", [dict(c, 会话ID=f"{c['会话ID']}-{i}") for i in range(10) for c in CHATS])
    url = bench.db.url.render_as_string(hide_password=False)
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path), url, str(path), where], check=False
    )
    assert ended.returncode == 9
    assert bench.archive.at().count("messages") == (42 if visible else 2)
    retry = load(bench, lead, now, path)
    assert (retry.counts.new, retry.counts.unchanged) == ((0, 20) if visible else (20, 0))
    messages = bench.archive.at().scan("messages").collect()
    assert (messages.height, messages.unique(["conversation_key", "seq"]).height) == (42, 42)
    runs = ingest.history(bench, lead)
    assert [run.state for run in runs] == ["done", "done" if visible else "failed", "done"]
    with bench.db.read() as session:
        done = [entry.entity_id for entry in session.query(AuditEntry).filter_by(action="import.done")]
        assert {agent.agent_id for agent in session.query(Agent)} >= {"小青", "小红"}
    assert done == [str(run.id) for run in reversed(runs) if run.state == "done"]
    if visible:
        assert (runs[1].counts["new"], runs[1].counts["messages"], len(runs[1].sha256)) == (20, 40, 64)


def test_an_import_killed_before_its_record_is_completed_when_another_file_comes(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "a.csv", CHATS)
    url = bench.db.url.render_as_string(hide_password=False)
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path), url, str(path), "recording"], check=False
    )
    load(
        bench,
        lead,
        now,
        write_csv(
            tmp_path / "b.csv",
            [dict(CHATS[0], 会话ID="D1", 客服账号="小兰"), dict(CHATS[1], 会话ID="D1", 客服账号="小兰")],
        ),
    )
    other = ingest.history(bench, lead)[1]
    assert (other.state, other.counts["new"], other.counts["new_agents"]) == ("done", 2, 2)
    with bench.db.read() as session:
        entry = session.query(AuditEntry).filter_by(action="import.done", entity_id=str(other.id)).one()
        assert {agent.agent_id for agent in session.query(Agent)} == {"小青", "小红", "小兰"}
    assert (entry.facts["new"], entry.facts["interrupted"]) == (2, True)


def test_hashes_of_another_library_version_are_computed_again(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qa.ingest import merging

    path = write_csv(tmp_path / "a.csv", CHATS)
    monkeypatch.setattr(merging, "probe", lambda: "otherone")
    load(bench, lead, now, path)
    monkeypatch.undo()
    assert load(bench, lead, now, path).counts.unchanged == 2
