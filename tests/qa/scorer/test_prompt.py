"""What leaves is masked, and only data: planted personal data, hostile text, and what is cut."""

from __future__ import annotations

import json
import random
import time

import pytest

from qa.scorer import prompt
from qa.transcripts.document import FrozenMessage, FrozenTranscript
from scoring.rubric import default

SURNAMES, GIVEN = "王李张刘陈杨赵黄周吴", "伟芳娜敏静丽强磊军洋"


def planted(dice: random.Random) -> tuple[str, str]:
    """A sentence of a chat and the personal datum in it."""
    digits = "".join(str(dice.randrange(10)) for _ in range(40))
    name = dice.choice(SURNAMES) + dice.choice(GIVEN) + dice.choice(GIVEN)
    phone, card = "1" + dice.choice("3578") + digits[:9], "62" + digits[:17]
    identity = f"11010519{dice.randrange(60, 99)}0{dice.randrange(1, 9)}1{digits[0]}{digits[1:5]}"
    spaced = f"{phone[:3]} {phone[3:7]} {phone[7:]}"
    mail = f"{name[0].encode('ascii', 'ignore').decode() or 'u'}{digits[:6]}@example.com"
    return dice.choice([
        (f"我的电话是{phone}，麻烦联系我", phone), (f"电话 {spaced} 谢谢", spaced), (f"身份证号{identity}", identity),
        (f"银行卡 {card} 收款", card), (f"发邮件到 {mail} 吧", mail), (f"收件人：{name}", name), (f"我叫{name}", name),
        (f"订单号 {digits[:18]} 还没到", digits[:18]), (f"快递单号SF{digits[:12]}", digits[:12]), (f"卡号{card[:4]}-{card[4:8]}-{card[8:]}", card[8:]),
    ])  # fmt: skip


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
