"""Personal data is hidden, ordinary text is not."""

from __future__ import annotations

import subprocess
import sys

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.masking import mask_column, mask_text, mask_transcript


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("电话13812345678", ["13812345678", "12345678"]),
        ("打我 138-1234-5678 或 138 1234 5678", ["138-1234-5678", "138 1234 5678"]),
        ("+86 13812345678", ["13812345678"]),
        ("座机 0571-88886666", ["88886666"]),
        ("call +1 503 555 0123", ["503 555"]),
        ("(503) 555-0123 please", ["555-0123"]),
        ("身份证110105199003072316", ["19900307", "110105199003072316"]),
        ("身份证 11010519491231002X", ["19491231"]),
        ("卡号6222020200112233446", ["0200112233"]),
        ("4111 1111 1111 1111", ["1111 1111 1111"]),
        ("邮箱 zhang.san@example.com", ["zhang.san"]),
        ("寄到浙江省杭州市西湖区文三路123号5栋1201室", ["文三路", "1201", "西湖"]),
        ("四川省成都市武侯区天府大道88号3单元502室,张三", ["天府大道", "502"]),
        ("send to 120 Alder Street, Portland, OR 97205", ["Alder", "97205"]),
        ("收件人:张晓梅", ["晓梅"]),
        ("王建国先生您好", ["建国"]),
        ("my name is Jordan Blake", ["Blake"]),
    ],
)
def test_hidden(text: str, secrets: list[str]) -> None:
    masked = mask_text(text)
    for secret in secrets:
        assert secret not in masked, masked


@pytest.mark.parametrize(
    "text",
    [
        "好的,这款1.2米的389元,48小时内发货",
        "订单202603021234567812请查收",
        "最近3天内到货",
        "满199减20,限2026-03-01当天",
        "ABC-12345 型号",
        "12:30到15:45",
        "the price is $1,299.00 for 2 pieces",
        "单号 GD123456",
        "我在路上了",
        "先生您好",
        "",
    ],
)
def test_left_alone(text: str) -> None:
    assert mask_text(text) == text


def test_names_are_hidden_wherever_they_stand() -> None:
    assert mask_text("tb1234567说小青态度好", ["tb1234567", "小青"]) == "t********说小*态度好"


def test_transcript() -> None:
    content = {
        "customer_id": "tb99887",
        "messages": [{"seq": 0, "role": "customer", "text": "我是tb99887,13812345678", "sent_at": None}],
        "dispute": {
            "description": "电话13812345678",
            "refund_fee": 100,
            "messages": [{"role": "customer", "text": "加13812345678"}],
        },
        "rating": None,
    }
    masked = mask_transcript(content)
    assert "13812345678" not in str(masked)
    assert "tb99887" not in str(masked)
    assert masked["dispute"]["refund_fee"] == 100
    assert content["messages"][0]["text"].endswith("13812345678")  # the evidence itself stays


@given(st.text(alphabet=st.sampled_from("路号省市王先生 0123456789ab@.-+xX"), max_size=80))
def test_masking_twice_is_masking_once_and_never_fails(text: str) -> None:
    once = mask_text(text)
    assert mask_text(once) == once


@given(st.integers(3, 9), st.integers(0, 999_999_999), st.text(alphabet="的电话是x,。 \n", max_size=10))
def test_no_mobile_number_survives(second: int, rest: int, around: str) -> None:
    number = f"1{second}{rest:09d}"
    assert number not in mask_text(f"{around}{number}{around}")


def test_column_equals_text() -> None:
    frame = pl.DataFrame({"text": ["电话13812345678", None, "好的"]})
    assert frame.select(mask_column("text"))["text"].to_list() == [mask_text("电话13812345678"), None, "好的"]


def test_no_message_holds_up_everybody_else() -> None:
    """Twenty thousand characters of whatever a pattern begins with, in a process of its own that may take a minute for
    all of them."""
    work = (
        "import benchmarks.masking as b, qa.masking as m\n"
        "for text in b.texts(7, 30).values(): m.mask_text(text[:20_000])\n"
        "for text in ('区' * 20_000, '北京市朝阳区' * 4_000, 'A1号' * 7_000): m.mask_text(text)"
    )
    subprocess.run([sys.executable, "-c", work], check=True, timeout=60)


def test_a_message_with_hundreds_of_numbers_is_hidden_whole() -> None:
    masked = mask_text("13812345678,张三先生 " * 500)
    assert "138" not in masked.replace("138******78", "")
    assert "12345" not in masked


@given(
    st.text(
        alphabet=st.sampled_from("一三八1３8零路号栋室市区镇a@. -－+王明先生收件人：姓名微信vx号qq=*Dd"), max_size=120
    )
)
def test_masking_twice_is_masking_once_for_every_form(text: str) -> None:
    once = mask_text(text)
    assert mask_text(once) == once
