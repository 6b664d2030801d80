"""Text of customers reaches readers through one door, `qa.transcripts.door`, and nobody goes round it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from qa.policy import Actor, Role
from qa.transcripts import read, shown, shown_text

ROOT = Path(__file__).parents[2]
ALLOWED = ("qa/masking/", "qa/transcripts/door.py")
PLANTED = {
    "unit_id": "s:1",
    "customer_id": "tb1234567",
    "order_id": "202602030123456789",
    "messages": [
        {
            "seq": 0,
            "role": "customer",
            "kind": "text",
            "text": "我是tb1234567，电话13812345678 3栋501室，邮箱li.si@example.com",
        },
        {"seq": 1, "role": "agent", "kind": "text", "text": "my name is ben，微信号abc12345"},
    ],
}
SECRETS = ("tb1234567", "13812345678", "501室", "li.si", "ben", "abc12345", "0203012345")


def asked(source: str) -> set[str]:
    """Names and attributes of a module that mask."""
    names = (
        n.id if isinstance(n, ast.Name) else n.attr
        for n in ast.walk(ast.parse(source))
        if isinstance(n, ast.Name | ast.Attribute)
    )
    return {name for name in names if name in {"mask_text", "mask_transcript", "mask_frame", "mask_column"}}


def test_only_the_door_masks() -> None:
    files = [p for part in ("qa", "pages") for p in (ROOT / part).rglob("*.py")]
    round_it = {str(p.relative_to(ROOT)) for p in files if asked(p.read_text(encoding="utf-8"))}
    assert {path for path in round_it if not path.startswith(ALLOWED)} == set()


@pytest.mark.parametrize("role", list(Role))
def test_who_may_not_see_customers_sees_none(role: Role) -> None:
    reader = Actor(1, role, "R")
    told = f"{shown(reader, read(PLANTED))}{shown_text(reader, '电话13812345678')}"
    found = [secret for secret in SECRETS if secret in told]
    assert found == [] if role in (Role.AGENT, Role.ADMIN, Role.TEAM_LEADER) else set(found) == set(SECRETS)


def test_nobody_in_particular_sees_no_customer() -> None:
    assert [secret for secret in SECRETS if secret in str(shown(None, read(PLANTED)))] == []
