"""A small shop with something to inspect: realistic chats, one hostile, one with a dispute, red lines found in two."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect
from sqlalchemy import insert, select

from qa import config, migrations, transcripts
from qa.casefiles import record
from qa.people import accounts
from qa.policy import SYSTEM, Actor, Role
from qa.rubrics import versions
from qa.rules.stored import to_plain
from qa.tables import Assignment, Case, Draw, Plan, RuleVersion, Sample, User
from qa.workbench import Workbench
from scoring.label import Label
from scoring.redline.rule import Effect, EffectKind, Rule, Severity, Terms

PASSWORD = "correct-horse-1"
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
    agent = f"agent-{number % 3}"
    start = START + timedelta(hours=number)
    return {
        "unit_id": f"t:{number}",
        "source": "chat",
        "conversation_key": f"t:{number}",
        "agent_id": agent,
        "agent_name": ["小禾", "阿澈", "云朵"][number % 3],
        "participants": [agent],
        "shop": "云栖旗舰店",
        "channel": "wangwang",
        "customer_id": "风吹麦浪",
        "order_id": "8842019931",
        "started_at": start.isoformat(),
        "satisfaction": 2,
        "messages": [
            {
                "seq": seq,
                "role": role,
                "agent_id": agent if role == "agent" else None,
                "kind": "image" if text.startswith("https://img") else "text",
                "text": text,
                "sent_at": (start + timedelta(seconds=second)).isoformat(),
                **({"agent_name": ["小禾", "阿澈", "云朵"][number % 3]} if role == "agent" else {}),
            }
            for seq, (role, text, second) in enumerate(talk)
        ],
        "dispute": None,
        "rating": None,
        **more,
    }


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
        lead = _actor(bench, "lead")
        version = versions.load_default(bench, lead, now=START)
        with bench.db.write() as session:
            _rule(
                session,
                "R02",
                Label("引导站外交易", "Luring off the platform"),
                ("加我微信",),
                Effect(EffectKind.CAP, 6_000),
            )
            _rule(
                session,
                "R01",
                Label("辱骂顾客", "Abusing the customer"),
                ("你自己不会看",),
                Effect(EffectKind.ZERO_DIMENSION, dimension="attitude"),
            )
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
            plan = session.execute(
                insert(Plan)
                .values(
                    name="p", content={}, rubric_version_id=version, seed="s", seed_commitment="c", created_at=START
                )
                .returning(Plan.id)
            ).scalar_one()
            draw = session.execute(
                insert(Draw)
                .values(
                    plan_id=plan,
                    name="3 月第一周",
                    period_from=date(2026, 3, 1),
                    period_to=date(2026, 3, 7),
                    archive_version=1,
                    frame_hash="f",
                    frame_size=chats,
                    receipt={},
                    receipt_hash="r",
                    rubric_version_id=version,
                    published_at=START,
                )
                .returning(Draw.id)
            ).scalar_one()
        return [_place(bench, draw, number, long) for number in range(chats)]
    finally:
        bench.close()


def _place(bench: Workbench, draw: int, number: int, long: bool) -> int:
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
    talk = TALK if number % 3 == 0 else ENGLISH if number % 3 == 1 else long_talk(1_000 if long else 60)
    frozen = content(number, talk, **({"dispute": dispute, "rating": rating} if number % 3 == 0 else {}))
    with bench.db.write() as session:
        sample = session.execute(
            insert(Sample)
            .values(
                draw_id=draw,
                unit_id=frozen["unit_id"],
                source="chat",
                conversation_key=frozen["unit_id"],
                agent_id=frozen["agent_id"],
                stratum="s",
                reason="base",
                pi=0.5,
                u=0.1,
                rank=number,
                occurred_at=START,
                transcript_id=transcripts.store(session, [frozen], START)[0],
            )
            .returning(Sample.id)
        ).scalar_one()
        if number % 3 == 0:
            found = [
                (rule, seq, TALK[seq][1].index(words), words)
                for rule, seq, words in (("R01", 8, "你自己不会看"), ("R02", 10, "加我微信"))
            ]
            record.open_files(
                session,
                [
                    record.Finding(
                        f"t:{number}",
                        frozen["agent_id"],
                        rule,
                        1,
                        "major",
                        START,
                        (record.Evidence(seq, at, at + len(words), words),),
                    )
                    for rule, seq, at, words in found
                ],
                START,
            )
        return session.execute(
            insert(Assignment)
            .values(
                sample_id=sample, inspector_id=None, kind="primary", position=number + 1, version=1, created_at=START
            )
            .returning(Assignment.id)
        ).scalar_one()


def _rule(session: Any, rule_id: str, label: Label, phrases: tuple[str, ...], effect: Effect) -> None:
    rule = Rule(rule_id, 1, label, Terms(phrases), effect=effect, severity=Severity.MAJOR)
    plain = (
        {
            **to_plain(rule),
            "basis": {
                "text": {"zh": "平台规则：不得引导站外联系与交易", "en": "Platform rule: no dealings off the platform"}
            },
        }
        if rule_id == "R02"
        else to_plain(rule)
    )
    session.execute(
        insert(RuleVersion).values(
            rule_id=rule_id,
            version=1,
            state="published",
            content=plain,
            content_hash=rule.content_hash,
            created_at=START,
            published_at=START,
        )
    )


def _actor(bench: Workbench, login: str) -> Actor:
    with bench.db.read() as session:
        user = session.scalars(select(User).where(User.login == login)).one()
        return Actor(user.id, Role(user.role), user.login, user.agent_id)


def take(page: Page) -> None:
    """Take the sample that the start panel offers, with the one key it needs."""
    expect(page.locator(".nothing button").first).to_be_focused()
    page.keyboard.press("Enter")
    at_work(page)


def at_work(page: Page) -> None:
    """Wait until a sample is shown and the keyboard stands on its scorecard."""
    expect(page.locator('.row.current [role="radio"][tabindex="0"]')).to_be_focused()
