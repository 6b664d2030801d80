"""Broken promises as findings: a red line that counts them opens one case file each, which follows what is ruled."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import select, update

from pages.kit.promises import cited_words
from qa import screening, transcripts
from qa.casefiles.lifecycle import FileState
from qa.conversations import index
from qa.i18n import Translator
from qa.library import cases, citing
from qa.library.cases import CaseText
from qa.policy import SYSTEM
from qa.promises import reading, ruling
from qa.promises.reading import LedgerPromise
from qa.redlines import deciding, opening, promised, quality
from qa.tables import AuditEntry, RuleVersion, Violation
from qa.workbench import Workbench
from scoring.promises import PromiseStatus
from tests.world.redlines import INSPECTOR, LEAD, T0, chats, people, put_hits
from tests.world.rules import publish, rule

LATER = T0 + timedelta(days=30)
WORDS = "24小时内给您退款50元"
SAID = [("customer", "什么时候退款"), ("agent", f"您放心，{WORDS}")]
REFUSED = "SELLER_REFUSE_BUYER"


def record(status: str = REFUSED) -> pl.DataFrame:
    row = {
        "dispute_key": "shop:d1", "order_id": "o1", "shop": "s", "status": status, "refund_fee": 5000,
        "opened_at": T0 + timedelta(hours=1), "closed_at": T0 + timedelta(hours=2),
    }  # fmt: skip
    return pl.DataFrame([row])


def filled(bench: Workbench, now: datetime) -> Workbench:
    people(bench)
    publish(bench, rule("R06", "保证今天到", broken_promises=True), rule("R01", "滚"))
    heads, lines = chats([("shop:1", "a1", SAID), ("shop:2", "a2", [("agent", "明天给您回电")])])
    with bench.archive.change("import", T0) as change:
        change.append("conversations", heads.with_columns(order_id=pl.Series(["o1", "o2"]), shop=pl.lit("s")))
        change.append("messages", lines)
        change.append("disputes", record())
    screening.screen(bench, SYSTEM, now=now)
    return bench


@pytest.fixture
def shop(bench: Workbench, now: datetime) -> Workbench:
    return filled(bench, now)


def opened(bench: Workbench, at: datetime = LATER) -> tuple[int, int, int]:
    found = opening.open_suspected(bench, SYSTEM, now=at)
    return found.opened, found.found_again, found.withdrawn


def files(bench: Workbench) -> list[tuple[str, str, str, list[str]]]:
    with bench.db.read() as session:
        rows = session.scalars(select(Violation).order_by(Violation.id))
        return [(v.conversation_key, v.rule_id, v.state, [hit["matched"] for hit in v.evidence]) for v in rows]


def promise(bench: Workbench, key: str = "shop:1") -> LedgerPromise:
    return reading.of_conversation(bench, key, LATER)[0]


def test_a_broken_promise_opens_one_file_with_its_words(shop: Workbench) -> None:
    assert opened(shop) == (1, 0, 0)
    assert files(shop) == [("shop:1", "R06", "suspected", [WORDS])]
    assert opened(shop, LATER + timedelta(hours=1)) == (0, 0, 0)
    [file] = promised.files_of(shop, LEAD, [promise(shop)])[promise(shop).key]
    assert (file.rule_id, file.state) == ("R06", FileState.SUSPECTED)


def test_what_the_data_do_not_tell_for_certain_opens_nothing(shop: Workbench) -> None:
    """A closed refund can mean anything, and silence breaks no promise."""
    with shop.archive.change("import", T0) as change:
        change.replace("disputes", record("CLOSED"))
    assert opened(shop) == (0, 0, 0)


def test_a_rule_that_does_not_count_promises_has_none(shop: Workbench) -> None:
    opened(shop)
    with shop.db.write() as session:
        session.execute(update(RuleVersion).values(state="retired"))
    publish(shop, rule("R06", "保证今天到", version=2))
    screening.screen(shop, SYSTEM, now=LATER)
    assert opened(shop) == (0, 0, 1)


def test_overruled_it_is_withdrawn_and_ruled_broken_it_comes_back(any_bench: Workbench, now: datetime) -> None:
    shop = filled(any_bench, now)
    opened(shop)
    key = promise(shop).key
    ruling.rule(shop, LEAD, now=LATER, key=key, status=PromiseStatus.KEPT, reason="线下已退，见凭证")
    assert files(shop)[0][2] == "withdrawn"
    assert opened(shop) == (0, 0, 0)
    ruling.rule(shop, LEAD, now=LATER, key=key, status=PromiseStatus.BROKEN, reason="凭证不是这一单")
    assert files(shop)[0][2:] == ("suspected", [WORDS])
    ruling.rule(shop, LEAD, now=LATER, key=key, status=PromiseStatus.NONE, reason="不是承诺")
    ruling.take_back(shop, LEAD, now=LATER, key=key)  # the record's refusal counts again
    assert files(shop)[0][2] == "suspected"
    with shop.db.read() as session:
        entries = select(AuditEntry.action).where(AuditEntry.entity == "violation").order_by(AuditEntry.id)
        told = session.scalars(entries)
        assert list(told)[1:] == ["violation.withdrawn", "violation.opened"] * 2


def test_ruled_broken_opens_a_file_at_once(shop: Workbench) -> None:
    """The data cannot tell of the call; a person can."""
    key = promise(shop, "shop:2").key
    ruling.rule(shop, LEAD, now=LATER, key=key, status=PromiseStatus.BROKEN, reason="通话记录里没有")
    assert files(shop) == [("shop:2", "R06", "suspected", ["明天给您回电"])]
    assert opened(shop) == (1, 0, 0)  # that of the other chat alone
    ruling.take_back(shop, LEAD, now=LATER, key=key)
    assert files(shop)[0][2] == "withdrawn"


def test_a_corrected_record_withdraws_it_with_the_next_run(shop: Workbench) -> None:
    opened(shop)
    with shop.archive.change("import", T0) as change:
        change.replace("disputes", record("SUCCESS"))
    assert opened(shop) == (0, 0, 1)
    with shop.archive.change("import", T0) as change:
        change.replace("disputes", record())
    assert opened(shop) == (0, 1, 0)


def test_a_finding_gone_with_its_messages_waits_for_a_person(shop: Workbench) -> None:
    opened(shop)
    with shop.archive.change("import", T0) as change:
        for table in ("promises", "messages", "conversations"):
            change.remove(table, pl.Series(["shop:1"]))
    assert opened(shop) == (0, 0, 0)
    assert files(shop)[0][2] == "suspected"


def test_what_somebody_has_decided_stays(shop: Workbench) -> None:
    opened(shop)
    with shop.db.read() as session:
        number = session.scalars(select(Violation.id)).one()
    deciding.confirm(shop, INSPECTOR, now=LATER, violation_id=number, reason="记录为证")
    ruling.rule(shop, LEAD, now=LATER, key=promise(shop).key, status=PromiseStatus.KEPT, reason="线下已退")
    assert opened(shop) == (0, 0, 0)
    assert files(shop)[0][2] == "confirmed"


def test_words_and_promise_in_one_message_are_one_finding(shop: Workbench) -> None:
    put_hits(shop, [("shop:1", 1, "R06", "a1", "您放心")])
    assert opened(shop) == (1, 0, 0)
    assert files(shop)[0][3] == ["您放心"]
    ruling.rule(shop, LEAD, now=LATER, key=promise(shop).key, status=PromiseStatus.KEPT, reason="线下已退")
    assert files(shop)[0][2:] == ("suspected", ["您放心"])


def test_what_the_machine_found_so_is_no_miss(shop: Workbench) -> None:
    opened(shop)
    assert quality._promised(shop, pl.Series(["shop:1", "shop:2"])) == [("shop:1", "a1", "R06")]


def test_a_case_cites_a_promise_with_its_message_and_what_became_of_it(shop: Workbench) -> None:
    index.update(shop)
    name = transcripts.handle("shop:1")
    known = cases.material(shop, LEAD, now=LATER, sample_id=None, violation_id=None, conversation=name, message=1)
    assert (known.kind, known.seqs) == ("counter", (0, 1))
    text = CaseText("退款承诺要有依据", "先看规则再答应时限。", "counter", rule_id="R06")
    number = cases.propose(shop, LEAD, now=LATER, text=text, conversation=name, seqs=known.seqs, cite_promises=True)
    first, second = cases.get(shop, LEAD, number).excerpt
    [one] = citing.read(second)
    assert citing.read(first) == ()
    assert (one.kind, one.amount, one.due, one.status) == ("refund", 5000, 24 * 3600, PromiseStatus.BROKEN)
    said = cited_words(Translator("zh_CN", "Asia/Shanghai"), one)
    assert said == "承诺：退款 50.00 · 24 小时内 · 未兑现 · 2 小时后：商家拒绝退款"
    plain = cases.propose(shop, LEAD, now=LATER, text=replace(text, title="另一篇"), conversation=name)
    assert citing.count(cases.get(shop, LEAD, plain).excerpt) == 0
