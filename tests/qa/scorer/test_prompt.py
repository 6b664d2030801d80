"""What leaves is masked, and only data: planted personal data, hostile text, and what is cut."""

from __future__ import annotations

import json
import random
import time
from dataclasses import replace
from datetime import datetime

import pytest

from qa.policy import SYSTEM
from qa.scorer import asker, precedents, prompt, setup
from qa.scorer.questions import MAIN
from qa.scorer.setup import Setup
from qa.tables import Case
from qa.transcripts.document import FrozenMessage, FrozenTranscript
from qa.workbench import Workbench
from scoring.rubric import default
from tests.world.shop import fill

SURNAMES, GIVEN = "王李张刘陈杨赵黄周吴", "伟芳娜敏静丽强磊军洋"


def planted(dice: random.Random) -> tuple[str, str]:
    """A sentence of a chat and the personal datum in it."""
    digits = "".join(str(dice.randrange(10)) for _ in range(40))
    name = dice.choice(SURNAMES) + dice.choice(GIVEN) + dice.choice(GIVEN)
    phone, card = "1" + dice.choice("3578") + digits[:9], "62" + digits[:17]
    identity = f"11010519{dice.randrange(60, 99)}0{dice.randrange(1, 9)}1{digits[0]}{digits[1:5]}"
    spaced = f"{phone[:3]} {phone[3:7]} {phone[7:]}"
    mail = f"{name[0].encode('ascii', 'ignore').decode() or 'u'}{digits[:6]}@example.com"
    return dice.choice(
        [
            (f"我的电话是{phone}，麻烦联系我", phone),
            (f"电话 {spaced} 谢谢", spaced),
            (f"身份证号{identity}", identity),
            (f"银行卡 {card} 收款", card),
            (f"发邮件到 {mail} 吧", mail),
            (f"收件人：{name}", name),
            (f"我叫{name}", name),
            (f"订单号 {digits[:18]} 还没到", digits[:18]),
            (f"快递单号SF{digits[:12]}", digits[:12]),
            (f"卡号{card[:4]}-{card[4:8]}-{card[8:]}", card[8:]),
        ]
    )


def test_none_of_a_thousand_planted_data_leaves() -> None:
    dice = random.Random(17)
    leaked = []
    built = prompt.build(default(), "m")
    for number in range(1_000):
        text, secret = planted(dice)
        customer, order = f"buyer_{number:04d}", f"TB{number:08d}"
        lines = (
            FrozenMessage(0, "customer", None, None, "text", text),
            FrozenMessage(1, "agent", "小青", "青青", "text", f"您好{customer}，小青为您查{order}"),
            FrozenMessage(2, "system", None, None, "note", "内部备注：顾客是老板的亲戚"),
        )
        one = FrozenTranscript(customer_id=customer, order_id=order, agent_id="小青", agent_name="青青", messages=lines)
        body = prompt.body(built, prompt.sent_messages(one)).decode()
        leaked += [word for word in (secret, customer, order, "小青", "内部备注") if word in body]
    assert leaked == []


@pytest.mark.parametrize(
    "text",
    ["1" * 100_000, "*" * 100_000, "a@" * 50_000, "\u202e" * 50_000 + "好", "1-" * 50_000, "张*" * 30_000],
    ids=["digits", "stars", "mail", "bidi", "dashes", "names"],
)
def test_a_bomb_costs_no_more_than_a_long_text(text: str) -> None:
    one = FrozenTranscript(messages=(FrozenMessage(0, "customer", None, None, "text", text),))
    began = time.process_time()
    [line] = prompt.sent_messages(one)
    assert time.process_time() - began < 3
    assert len(line["text"]) <= prompt.MOST_CHARACTERS + 10
    json.dumps(line).encode()


def test_a_long_conversation_says_that_it_was_cut() -> None:
    lines = tuple(FrozenMessage(n, "agent", None, None, "text", "好") for n in range(500))
    sent = prompt.sent_messages(FrozenTranscript(messages=lines))
    assert len(sent) == prompt.MOST_MESSAGES + 1
    assert sent[-1]["seq"] == -1


def test_the_prompt_is_of_the_rubric_and_asks_for_opportunity_first() -> None:
    built, turned = prompt.build(default(), "m"), prompt.build(default(), "m", reverse=True)
    assert "有没有机会" in built.system
    assert (built.hash != turned.hash, built.schema_hash != turned.schema_hash) == (True, True)
    tone = built.schema["properties"]["tone"]["properties"]["answer"]["enum"]
    assert tone == ["0", "1", "2", "cannot_tell"]
    assert "na" in built.schema["properties"]["greeting"]["properties"]["answer"]["enum"]
    case = prompt.PromptPrecedent("tone", "〔买家〕骂人在先", "不扣分")
    assert "骂人在先" in prompt.build(default(), "m", [case]).system


def test_the_bytes_are_those_of_the_whole_request() -> None:
    """They are put together from parts that were made once."""
    line = {"seq": 0, "role": "买家", "text": '他说“好”\n"\\ \x00 end'}
    sent = json.loads(prompt.body(prompt.build(default(), "m"), [line]))
    assert json.loads(sent["messages"][1]["content"]) == {"会话": [line]}
    assert sent["response_format"]["json_schema"]["strict"] is True
    assert "response_format" not in json.loads(prompt.body(prompt.build(default(), "m"), [line], prompt.PLAIN))


def test_precedents_are_those_of_the_set_up_and_never_a_conversations_own(bench: Workbench, now: datetime) -> None:
    fill(bench, chats=2)
    address = Setup("http://127.0.0.1:9/v1", "m")
    with bench.db.write() as session:
        for n, key in enumerate(("shop:amy-000", "shop:bob-000")):
            session.add(case(n, key, now))
    offered = precedents.offered(bench, SYSTEM)
    setup.save(bench, SYSTEM, now=now, setup=replace(address, cases=offered))
    made = asker.current(bench)
    assert made.prompt.system.count("先例") == 1
    assert "13912345678" not in made.prompt.system
    assert "〔隐去〕" in made.prompt.system
    before = made.prompt.hash
    other, own = (made.body([], MAIN, key).decode() for key in ("shop:cui-000", "shop:amy-000"))
    assert ("教训零" in other, "教训零" in own, "教训一" in own) == (True, False, True)
    with bench.db.write() as session:
        session.add(case(2, "shop:amy-001", now))
    assert asker.current(bench).prompt.hash == before, "a new case makes no new version by itself"
    with bench.db.write() as session:
        session.get_one(Case, 1).state = "withdrawn"
    assert "教训零" not in asker.current(bench).prompt.system
    assert precedents.offered(bench, SYSTEM) == (2, 3)


def case(n: int, key: str, now: datetime) -> Case:
    return Case(
        title="x", lesson=f"教训{'零一二'[n]}", kind="counter", state="published", tags=[], criterion_id="tone",
        excerpt=[{"role": "customer", "text": "我的电话 13912345678"}], conversation_key=key, language="zh_CN",
        search_text="", proposed_at=now, published_at=now, changed_at=now,
    )  # fmt: skip
