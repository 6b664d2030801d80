"""Cases of 0.1.0 are masked again by `spotcheck upgrade`: told, audited, once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from alembic import command
from sqlalchemy import text

from qa import evidence, migrations
from qa.cli.main import main
from qa.config import Config
from qa.db import Database
from qa.library import cases, search
from qa.library.search import CaseFilter
from qa.policy import SYSTEM
from qa.workbench import Workbench
from tests.conftest import created_database
from tests.world.desk import NOW

AT = "2026-03-02 01:30:00+00:00"
EXCERPT = [
    {"role": "customer", "text": "加我微信号abc12345，邮箱li.si@example.com", "offset": 0},
    {"role": "agent", "text": "好的，13812345678 3栋501室", "offset": 5},
    {"role": "agent", "text": "稍等", "offset": 9},
]
QUOTED, CLEAN = "顾客13812345678的投诉", "先问候"
OLD = (
    (QUOTED, QUOTED, [QUOTED], EXCERPT),
    (QUOTED, CLEAN, ["物流"], EXCERPT[2:]),
    (CLEAN, CLEAN, list[str](), EXCERPT[2:]),
)
SECRETS = ("abc12345", "li.si", "13812345678", "501")


@pytest.fixture(params=["sqlite", "postgresql"])
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of 0.1.0 with three published cases: one that quotes a customer in every part, one in its title
    alone, one that quotes nobody."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'old.db'}"
    else:
        url = created_database(str(request.getfixturevalue("postgres_server")), f"old_{uuid4().hex[:12]}")
    db = Database(url)
    command.upgrade(migrations._alembic(db), "0001")
    with db.engine.begin() as connection:
        for number, (title, lesson, tags, excerpt) in enumerate(
            (
                (QUOTED, QUOTED, [QUOTED], EXCERPT),
                (QUOTED, CLEAN, ["物流"], EXCERPT[2:]),
                (CLEAN, CLEAN, [], EXCERPT[2:]),
            )
        ):
            row = {
                "id": number + 1, "title": title, "lesson": lesson, "kind": "counter", "state": "published",
                "tags": json.dumps(tags), "excerpt": json.dumps(excerpt), "language": "zh_CN",
                "search_text": f"{title} {lesson}", "version": 1, "proposed_at": AT, "changed_at": AT,
            }  # fmt: skip
            names = ", ".join(row)
            connection.execute(text(f"INSERT INTO cases ({names}) VALUES ({', '.join(f':{n}' for n in row)})"), row)
    db.close()
    return url


def upgraded(home: Path, url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SPOTCHECK_DATABASE_URL", url)
    monkeypatch.setenv("SPOTCHECK_LANGUAGE", "en")
    assert main(["--home", str(home), "upgrade"]) == 0
    return capsys.readouterr().out


def test_cases_of_0_1_0_are_masked_by_the_upgrade(
    old_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    said = upgraded(home, old_url, capsys, monkeypatch)
    assert "masked in the case library (cases: 2, texts: 6)" in said
    bench = Workbench.open(Config(home=home, database_url=old_url))
    views: dict[int, Any] = {number: cases.get(bench, SYSTEM, number) for number in (1, 2, 3)}
    assert [secret for secret in SECRETS if secret in str(views)] == []
    assert [views[number].version for number in (1, 2, 3)] == [2, 2, 1]
    assert views[1].excerpt[2] == EXCERPT[2]
    assert (views[2].text.lesson, views[3].text.title) == (CLEAN, CLEAN)
    assert search.find_cases(bench, SYSTEM, CaseFilter(query="13812345678")).total == 0
    assert search.find_cases(bench, SYSTEM, CaseFilter(query="投诉")).total == 2
    with bench.db.engine.connect() as connection:
        entries = connection.execute(
            text("SELECT actor_name, entity_id, facts FROM audit WHERE action = 'case.masked' ORDER BY id")
        ).all()
    told = [(name, case, facts if isinstance(facts, dict) else json.loads(facts)) for name, case, facts in entries]
    assert told == [
        ("system", "1", {"messages": 2, "texts": 3, "version": 2}),
        ("system", "2", {"messages": 0, "texts": 1, "version": 2}),
    ]
    evidence.seal(bench, NOW)
    assert evidence.check(bench).forgeries == ()
    bench.close()
    assert "case library" not in upgraded(home, old_url, capsys, monkeypatch)
