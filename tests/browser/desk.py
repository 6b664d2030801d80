"""A small shop with something to inspect: realistic chats, one hostile, one with a dispute, red lines found in two."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect
from sqlalchemy import insert

from qa import config, migrations
from qa.casefiles import record
from qa.people import accounts
from qa.policy import SYSTEM, Role
from qa.rubrics import versions
from qa.tables import Case
from qa.workbench import Workbench
from scoring.label import Label
from scoring.redline.rule import Basis, Effect, EffectKind, Rule
from tests.world import programme, rules
from tests.world.people import called
from tests.world.transcripts import frozen

PASSWORD = "correct-horse-1"
NAMES = ("小禾", "阿澈", "云朵")
START = datetime(2026, 3, 2, 2, 11, 5, tzinfo=UTC)
HOSTILE = '<img src=x onerror="window.stolen=1"><script>window.stolen=1</script> **bold** [a](javascript:alert(1)) =1+1'
TALK: list[tuple[str, str, int]] = [
    ("system", "顾客从商品详情页进入会话", 0),
    ("bot", "亲，欢迎光临云栖旗舰店，请问有什么可以帮您？", 1),
    ("customer", "你好，我上周买的保温杯漏水，想退货", 20),
    ("agent", "您好，很抱歉给您带来不便，请问方便发一张漏水的照片吗？", 260),
    ("customer", "https://img.example.com/a/leak-0302.jpg", 300),
    ("customer", "订单号 8842019931，杯盖这里一直滴水，包都弄湿了", 330),
    ("agent", "收到，您稍等，我看一下订单。", 350),
    ("customer", "都等了好久了，到底能不能退？", 640),
    ("agent", "不是说了吗，要先申请售后，你自己不会看？", 655),
    ("customer", "你这是什么态度", 670),
    ("agent", "加我微信，私下给你退，别走平台了。", 690),
    ("customer", "為什麼不能在平臺上退？運費誰出？", 720),
    ("agent", "平台退款要七天，微信马上到账，运费我们补给您 5 元。", 745),
    ("customer", "那我考虑一下吧", 790),
    ("agent", "好的，您考虑好了随时联系我～祝您生活愉快 🌷", 800),
]
ENGLISH = [
    ("customer", "Hi, where is my parcel? It should have arrived on Monday.", 0),
    ("agent", "Good morning! Let me check that for you.", 25),
    ("customer", "Thanks.", 40),
    ("agent", "It left our warehouse yesterday and will be with you tomorrow. Sorry for the wait!", 95),
    ("customer", HOSTILE, 130),
    ("agent", "Is there anything else I can help you with?", 150),
]  # fmt: skip


def content(number: int, talk: list[tuple[str, str, int]], **more: Any) -> dict[str, Any]:
    """A frozen transcript."""
    agent, name = f"agent-{number % 3}", NAMES[number % 3]
    about = {
        "agent_name": name,
        "shop": "云栖旗舰店",
        "customer_id": "风吹麦浪",
        "order_id": "8842019931",
        "satisfaction": 2,
    }
    document = frozen(f"t:{number}", agent, START + timedelta(hours=number), talk, **about, **more)
    for message in document["messages"]:
        if message["role"] == "agent":
            message["agent_name"] = name
    return document


def long_talk(messages: int) -> list[tuple[str, str, int]]:
    """A conversation of many messages."""
    return [(("customer", "agent")[n % 2], f"第 {n} 条：{TALK[2 + n % 12][1]}", n * 20) for n in range(messages)]


PEOPLE = {"lead": Role.LEAD, "inspector": Role.INSPECTOR, "inspector2": Role.INSPECTOR}


def people(home: Path, **more: Role) -> None:
    """An installation at `home` with `PEOPLE` (and `more`), each with the password of the browser tests."""
    bench = Workbench.open(config.load({"SPOTCHECK_HOME": str(home)}))
    try:
        migrations.upgrade(bench.db)
        for login, role in {**PEOPLE, **more}.items():
            accounts.create_user(
                bench, SYSTEM, login=login, display_name=login, role=role, password=PASSWORD, now=datetime.now(UTC)
            )
    finally:
        bench.close()


def build(home: Path, chats: int = 12, long: bool = True) -> list[int]:
    """Put samples into the common queue of `home`; returns the assignment ids in the order they are handed out."""
    bench = Workbench.open(config.load({"SPOTCHECK_HOME": str(home)}))
    try:
        version = versions.load_default(bench, called(bench, "lead"), now=START)
        rules.publish(bench, *_rules(), at=START)
        _precedent(bench)
        draw = programme.draw(bench, version, (date(2026, 3, 1), date(2026, 3, 7)), chats, START)
        kept = programme.samples(bench, draw, [_chat(number, long) for number in range(chats)], START)
        _open_files(bench, chats)
        return [programme.place(bench, sample, START, position=at) for at, sample in enumerate(kept, start=1)]
    finally:
        bench.close()


def _rules() -> tuple[Rule, Rule]:
    cap, zero = Effect(EffectKind.CAP, 6_000), Effect(EffectKind.ZERO_DIMENSION, dimension="attitude")
    basis = Basis(Label("平台规则：不得引导站外联系与交易", "Platform rule: no dealings off the platform"))
    luring, abuse = Label("引导站外交易", "Luring off the platform"), Label("辱骂顾客", "Abusing the customer")
    return (
        rules.rule("R02", "加我微信", label=luring, effect=cap, basis=basis),
        rules.rule("R01", "你自己不会看", label=abuse, effect=zero),
    )


def _precedent(bench: Workbench) -> None:
    with bench.db.write() as session:
        session.execute(
            insert(Case).values(
                title="反问语气的扣分尺度",
                lesson="“你自己不会看”属于反问，记 1 次；顾客未激怒时不减轻。",
                kind="counter",
                state="published",
                tags=[],
                criterion_id="tone",
                excerpt=[],
                language="zh",
                search_text="",
                proposed_at=START,
                published_at=START,
                changed_at=START,
            )
        )


def _chat(number: int, long: bool) -> dict[str, Any]:
    """Every third chat has a dispute and a rating, every third is English, every third long."""
    if number % 3 == 1:
        return content(number, ENGLISH)
    if number % 3 == 2:
        return content(number, long_talk(1_000 if long else 60))
    dispute = {
        "dispute_id": "d",
        "opened_at": (START + timedelta(hours=number, seconds=500)).isoformat(),
        "closed_at": None,
        "dispute_type": "REFUND_AND_RETURN",
        "title": "商品漏水",
        "reason": "质量问题",
        "description": "杯盖滴水",
        "refund_fee": 12_900,
        "status": "WAIT_SELLER_AGREE",
    }
    rating = {
        "rated_at": (START + timedelta(hours=number, seconds=900)).isoformat(),
        "score": 2,
        "label": "不满意",
        "comment": "客服态度差",
    }
    return content(number, TALK, dispute=dispute, rating=rating)


def _open_files(bench: Workbench, chats: int) -> None:
    """Suspected breaches of both rules in every third chat."""
    words = (("R01", 8, "你自己不会看"), ("R02", 10, "加我微信"))
    findings = [
        record.Finding(f"t:{number}", f"agent-{number % 3}", rule, 1, "major", START, (_evidence(seq, said),))
        for number in range(0, chats, 3)
        for rule, seq, said in words
    ]
    with bench.db.write() as session:
        record.open_files(session, findings, START)


def _evidence(seq: int, words: str) -> record.Evidence:
    at = TALK[seq][1].index(words)
    return record.Evidence(seq, at, at + len(words), words)


def take(page: Page) -> None:
    """Take the sample that the start panel offers, with the one key it needs."""
    expect(page.locator(".nothing button").first).to_be_focused()
    page.keyboard.press("Enter")
    at_work(page)


def at_work(page: Page) -> None:
    """Wait until a sample is shown and the keyboard stands on its scorecard."""
    expect(page.locator('.row.current [role="radio"][tabindex="0"]')).to_be_focused()
