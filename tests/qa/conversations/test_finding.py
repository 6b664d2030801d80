"""Finding: words and filters together, what a reader may not learn, and what stands in the audit trail."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl
import pytest
from sqlalchemy import select

from qa.conversations import finding, index, picking, reading
from qa.conversations.listing import ANY, NONE, Wanted
from qa.errors import Conflict, Denied, Invalid, NotFound
from qa.i18n import Translator
from qa.people import accounts
from qa.policy import SYSTEM, Actor, Role
from qa.rubrics import versions as rubrics
from qa.rules import versions as rules
from qa.tables import Assignment, AuditEntry, Violation
from qa.transcripts import handle
from qa.workbench import Workbench
from tests.world.conversations import ADMIN, INSPECTOR, LEAD, NOW, fill, said

CHATS = {
    "c1": said("什么时候发货", "今天发出", "电话13812345678"),
    "c2": said("想退款", "加我微信 wxid88", agent="a2"),
    "c3": said("退款 到账 了吗", "已经退款", agent="a1"),
    "c4": [*said("hello"), ("agent", "a9", "我来")],
}
FIELDS = {"c1": {"satisfaction": 2, "channel": "jd"}, "c3": {"satisfaction": 5}}


@pytest.fixture(params=["index", "scan"])
def found_by(request: pytest.FixtureRequest, bench: Workbench) -> Workbench:
    """A filled workbench, with its index and without."""
    fill(bench, CHATS, FIELDS)
    with bench.archive.change("hits", NOW) as change:
        hit = {"conversation_key": "c2", "seq": 1, "rule_id": "R04", "rule_version": 1, "start": 0, "end": 4,
               "matched": "加我微信", "agent_id": "a2"}  # fmt: skip
        change.append("hits", pl.DataFrame([hit]))
        waits = [("c1", 700.0, 0), ("c2", 20.0, 1), ("c3", 65.0, 0)]
        change.append(
            "signals",
            pl.DataFrame(waits, schema=["conversation_key", "max_gap_s", "unanswered"], orient="row"),
        )
    if request.param == "index":
        index.update(bench)
    return bench


def keys(bench: Workbench, actor: Actor = LEAD, **wanted: object) -> list[str]:
    page = finding.find(bench, actor, Wanted(**wanted), now=NOW)  # type: ignore[arg-type]
    assert page.total == len(page.rows)
    names = {handle(key): key for key in CHATS}
    return [names[row.handle] for row in page.rows]


SEARCHES: list[tuple[dict[str, object], list[str]]] = [
    ({}, ["c4", "c3", "c2", "c1"]),
    ({"query": "退款"}, ["c3", "c2"]),
    ({"query": "退款 微信"}, ["c2"]),
    ({"query": "“退款 到账”"}, ["c3"]),
    ({"query": "退款 到账", "agent": "a2"}, []),
    ({"query": "ＷＸＩＤ"}, ["c2"]),
    ({"query": "款"}, ["c3", "c2"]),
    ({"agent": "a1"}, ["c3", "c1"]),
    ({"rule": "R04"}, ["c2"]),
    ({"rule": ANY}, ["c2"]),
    ({"rule": NONE}, ["c4", "c3", "c1"]),
    ({"slow": "60"}, ["c3", "c1"]),
    ({"slow": "unanswered"}, ["c2"]),
    ({"rating": "low"}, ["c1"]),
    ({"rating": "5"}, ["c3"]),
    ({"rating": "none"}, ["c4", "c2"]),
    ({"channel": "jd"}, ["c1"]),
    ({"order": "20260000001"}, ["c2"]),
    ({"customer": "buyer-c3"}, ["c3"]),
    ({"first": date(2026, 1, 31), "last": date(2026, 1, 31), "query": "hello"}, ["c4"]),
    ({"last": date(2026, 1, 30)}, []),
    ({"drawn": "no"}, ["c4", "c3", "c2", "c1"]),
]


def test_words_and_filters(found_by: Workbench) -> None:
    assert [keys(found_by, **wanted) for wanted, _ in SEARCHES] == [expected for _, expected in SEARCHES]


def test_masked_readers_search_masked_text(found_by: Workbench) -> None:
    assert keys(found_by, query="13812345678") == ["c1"]
    assert keys(found_by, ADMIN, query="13812345678") == []
    assert keys(found_by, ADMIN, query="2345") == []
    assert keys(found_by, ADMIN, query="138*****678") == []
    assert keys(found_by, ADMIN, query="138 78") == ["c1"]
    assert keys(found_by, ADMIN, query="退款") == ["c3", "c2"]
    assert keys(found_by, ADMIN, customer="buyer-c3") == []
    assert keys(found_by, ADMIN, customer="b*******", agent="a2") == ["c2"]
    assert keys(found_by, ADMIN, order="20260000001") == []
    page = finding.find(found_by, ADMIN, Wanted("电话"), now=NOW)
    assert "13812345678" not in str(page)
    assert page.rows[0].snippet is not None
    assert page.rows[0].snippet.text.startswith("电话138")


def test_a_snippet_marks_the_word_in_the_text_as_it_was_written(found_by: Workbench) -> None:
    [row] = finding.find(found_by, LEAD, Wanted("wxid"), now=NOW).rows
    assert row.snippet is not None
    assert row.snippet.text[row.snippet.start : row.snippet.end] == "wxid"
    assert (row.snippet.seq, row.first_line) == (1, "想退款")


def test_nobody_finds_or_reads_what_they_took_part_in(found_by: Workbench) -> None:
    me = replace(INSPECTOR, agent_id="a9")
    assert keys(found_by, me) == ["c3", "c2", "c1"]
    with pytest.raises(Denied):
        reading.read(found_by, me, handle("c4"), now=NOW)
    with pytest.raises(Denied):
        finding.find(found_by, Actor(5, Role.AGENT, "A", "a1"), Wanted(), now=NOW)


def test_every_search_and_every_reading_is_on_record_once(bench: Workbench) -> None:
    fill(bench, CHATS)
    wanted = Wanted("退款", agent="a2")
    finding.find(bench, LEAD, wanted, now=NOW)
    finding.find(bench, LEAD, wanted, now=NOW, page=2, seen=wanted)
    reading.read(bench, LEAD, handle("c2"), now=NOW)
    reading.read(bench, LEAD, handle("c2"), now=NOW, again=True)
    with bench.db.read() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(one.action, one.entity_id) for one in entries] == [
        ("conversations.searched", ""),
        ("conversation.read", handle("c2")),
    ]
    assert entries[0].facts == {"fields": ["query", "agent"], "words": 1, "n": 1}


def test_a_conversation_shows_its_hits(found_by: Workbench) -> None:
    one = reading.read(found_by, LEAD, handle("c2"), now=NOW)
    assert [(hit.seq, hit.start, hit.end, hit.rule_id) for hit in one.hits] == [(1, 0, 4, "R04")]
    assert [message.text for message in one.transcript.messages] == ["想退款", "加我微信 wxid88"]
    masked = reading.read(found_by, ADMIN, handle("c2"), now=NOW)
    assert [(hit.start, hit.end) for hit in masked.hits] == [(0, 0)]
    assert "wxid88" not in str(masked)
    with pytest.raises(NotFound):
        reading.read(found_by, LEAD, handle("gone"), now=NOW)


def test_a_file_holds_the_list_masked(found_by: Workbench) -> None:
    labels = {name: name for name in finding.EXPORTED}
    made = finding.export(found_by, LEAD, Wanted("电话"), now=NOW, form="csv", labels=labels)
    text = made.content.decode("utf-8-sig")
    assert text.count("\n") == 2
    assert "buyer-c1" not in text
    assert "什么时候发货" in text
    with pytest.raises(Denied):
        finding.export(found_by, INSPECTOR, Wanted(), now=NOW, form="csv", labels=labels)


def test_a_case_file_is_opened_by_hand(any_bench: Workbench) -> None:
    fill(any_bench, CHATS)
    rules.load_defaults(any_bench, SYSTEM, now=NOW)
    person = accounts.create_user(any_bench, SYSTEM, now=NOW, login="mei", role=Role.INSPECTOR).actor
    opened = reading.open_file(any_bench, person, handle("c2"), now=NOW, rule_id="R04", seq=1)
    assert reading.open_file(any_bench, person, handle("c2"), now=NOW, rule_id="R04", seq=1) == opened
    with any_bench.db.read() as session:
        file = session.get_one(Violation, opened)
        assert (file.state, file.agent_id, file.evidence[0]["matched"]) == ("suspected", "a2", "加我微信 wxid88")
    assert [one.id for one in reading.read(any_bench, LEAD, handle("c2"), now=NOW).files] == [opened]
    with pytest.raises(Invalid):
        reading.open_file(any_bench, person, handle("c2"), now=NOW, rule_id="R04", seq=0)
    with pytest.raises(Invalid):
        reading.open_file(any_bench, person, handle("c2"), now=NOW, rule_id="none", seq=1)


def test_inspectors_learn_nothing_of_what_waits_to_be_scored(any_bench: Workbench) -> None:
    fill(any_bench, CHATS)
    rubrics.load_default(any_bench, SYSTEM, now=NOW)
    rules.load_defaults(any_bench, SYSTEM, now=NOW)
    mei = accounts.create_user(any_bench, SYSTEM, now=NOW, login="mei", role=Role.INSPECTOR).actor
    bo = accounts.create_user(any_bench, SYSTEM, now=NOW, login="bo", role=Role.INSPECTOR).actor
    file = reading.open_file(any_bench, bo, handle("c2"), now=NOW, rule_id="R04", seq=1)
    picking.pick(any_bench, LEAD, handle("c2"), now=NOW, inspector_id=mei.user_id, reason="complaint")
    rows = {row.handle: row for row in finding.find(any_bench, mei, Wanted(), now=NOW).rows}
    assert all((row.sample_id, row.score, row.own) == (None, None, False) for row in rows.values())
    with pytest.raises(Denied):
        finding.find(any_bench, mei, Wanted(drawn="yes"), now=NOW)
    one = reading.read(any_bench, mei, handle("c2"), now=NOW)
    assert (one.files, one.waits) == ((), True)
    with pytest.raises(Conflict):
        reading.open_file(any_bench, mei, handle("c2"), now=NOW, rule_id="R05", seq=1)
    assert [other.id for other in reading.read(any_bench, bo, handle("c2"), now=NOW).files] == [file]
    lead = {row.handle: row for row in finding.find(any_bench, LEAD, Wanted(), now=NOW).rows}
    assert lead[handle("c2")].named
    with any_bench.db.read() as session:
        assert session.scalar(select(Assignment.inspector_id)) == mei.user_id


def test_errors_are_sentences_in_both_languages(bench: Workbench) -> None:
    fill(bench, CHATS)
    for language in ("en", "zh_CN"):
        with pytest.raises(NotFound) as problem:
            reading.read(bench, LEAD, "0" * 20, now=NOW)
        assert "{" not in Translator(language, "UTC").error(problem.value)
