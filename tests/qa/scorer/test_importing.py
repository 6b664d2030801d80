"""Machine scores from a file: every kind of row has its state, nothing is stored twice, nothing changes silently."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select

from qa import draws
from qa.archive import predictions
from qa.draws import PlanDesign, SourceQuota
from qa.errors import Conflict, Denied, Invalid, NotFound
from qa.policy import SYSTEM, Actor, Role
from qa.scorer import calibrated, importing, versions
from qa.scorer.importing import ScoresImported
from qa.tables import AuditEntry, Scorer
from qa.workbench import Workbench
from tests.world.judged import FEBRUARY
from tests.world.shop import fill

HEAD = "conversation_id,source,criterion_id,option,evidence,quote,total,rubric_version\n"


def taken(bench: Workbench, now: datetime, path: Path, text: str, **options: object) -> ScoresImported:
    path.write_text(text, "utf-8")
    return importing.import_scores(bench, SYSTEM, now=now, path=path, name="acme", **options)  # type: ignore[arg-type]


WRONG = [
    ("nobody,shop,tone,1,,,,", "unknown_conversation", "conversation_id"),
    (",shop,tone,1,,,,", "no_conversation", "conversation_id"),
    ("amy-001,shop,tonne,1,,,,", "unknown_criterion", "criterion_id"),
    ("amy-001,shop,,1,,,,", "no_criterion_id", "criterion_id"),
    ("amy-001,shop,tone,7,,,,", "unknown_option", "option"),
    ("amy-001,shop,repetition,,,,,", "no_answer", "option"),
    ("amy-002,shop,tone,na,,,,", "na_not_allowed", "option"),
    ("amy-003,shop,tone,1,9,,,", "no_message", "evidence"),
    ("amy-004,shop,tone,1,0,,,", "wrong_role", "evidence"),
    ("amy-005,shop,tone,1,first,,,", "evidence", "evidence"),
    ("amy-006,shop,tone,1,1,不在,,", "not_verbatim", "quote"),
    ("amy-007,shop,,,,,120,", "bad_total", "total"),
    ("amy-008,shop,tone,1,1,,,v9", "other_rubric", "rubric_version"),
    ("amy-009,shop,,,,,,", "no_score", "option"),
]


def test_every_wrong_row_is_named(bench: Workbench, now: datetime, tmp_path: Path) -> None:
    fill(bench, chats=10)
    text = HEAD + 'amy-000,"shop",tone,0,1,在的,"",""\n' + "".join(f"{row}\n" for row, _code, _field in WRONG)
    done = taken(bench, now, tmp_path / "s.csv", text)
    found = [(fault.row, fault.code, fault.field) for fault in done.faults]
    assert found == [(number, code, field) for number, (_row, code, field) in enumerate(WRONG, 2)]
    assert {code for _row, code, _field in WRONG} | {"unreadable", "twice", "other_score", "ambiguous"} == set(
        importing.FAULTS
    )


def test_scores_are_stored_once_and_never_changed(any_bench: Workbench, now: datetime, tmp_path: Path) -> None:
    fill(any_bench, chats=3)
    text = HEAD + "amy-000,shop,tone,1,1,在的,,\namy-000,shop,greeting,yes,,,,\nshop:bob-001,,,,,,88.5,1\n"
    seen = taken(any_bench, now, tmp_path / "s.csv", text, check_only=True)
    assert (seen.new, seen.stored, seen.id) == (2, False, 0)
    assert any_bench.archive.at().count("machine_scores") == 0
    done = taken(any_bench, now, tmp_path / "s.csv", text)
    assert (done.new, done.known, done.refused, done.void, done.faulty, done.stored) == (2, 0, 0, 0, 0, True)
    before = any_bench.archive.version()
    again = taken(any_bench, now, tmp_path / "s.csv", text)
    assert (again.new, again.known, again.stored, any_bench.archive.version()) == (0, 2, False, before)
    other = taken(any_bench, now, tmp_path / "s.csv", text.replace("88.5", "80"))
    assert (other.new, other.known, [f.code for f in other.faults]) == (0, 1, ["other_score"])
    second = taken(any_bench, now, tmp_path / "s.csv", text.replace("88.5", "80"), label="2")
    assert (second.new, second.version != done.version) == (2, True)
    whole = any_bench.archive.at().scan("machine_scores").filter(pl.col("about").is_null())
    found = whole.sort("version", "conversation_key").select("version", "conversation_key", "loss").collect().rows()
    assert sorted(found) == sorted(
        [(done.version, "shop:amy-000", 500), (done.version, "shop:bob-001", 1150),
         (second.version, "shop:amy-000", 500), (second.version, "shop:bob-001", 2000)]
    )  # fmt: skip
    with any_bench.db.read() as session:
        entries = session.scalars(select(AuditEntry.action).where(AuditEntry.entity == "scorer")).all()
        assert [row.state for row in session.scalars(select(Scorer))] == ["stored", "stored"]
    assert entries.count("scorer.stored") == 2
    assert entries.count("scorer.imported") == 2


def test_no_half_score_is_used(bench: Workbench, now: datetime, tmp_path: Path) -> None:
    """A conversation with a void answer, or with two scores for one criterion, has no total."""
    fill(bench, chats=3)
    rows = [
        "amy-000,shop,tone,1,1,,,",
        "amy-000,shop,tone,2,1,,,",
        "amy-001,shop,tone,1,1,,,",
        "amy-001,shop,repetition,5,,,,",
    ]
    done = taken(bench, now, tmp_path / "s.csv", HEAD + "\n".join(rows) + "\n")
    assert [fault.code for fault in done.faults] == ["twice", "twice", "unknown_option"]
    whole = bench.archive.at().scan("machine_scores").filter(pl.col("about").is_null()).collect()
    assert whole["loss"].to_list() == [None, None]
    assert set(whole["answer"]) == {"void"}


def test_json_lines_may_nest_their_answers(bench: Workbench, now: datetime, tmp_path: Path) -> None:
    fill(bench, chats=3)
    records = [
        {
            "conversation_id": "amy-000",
            "source": "shop",
            "scores": [
                {"criterion_id": "tone", "option": 1, "evidence": [1], "quote": "在的，亲"},
                {"criterion_id": "closing", "option": "na"},
            ],
        },
        {"conversation_id": "amy-001", "source": "shop", "answers": {"tone": "cannot_tell", "empathy": {"option": 2}}},
        {"conversation_id": "amy-002", "source": "shop", "total": 91},
    ]
    text = "\n".join(json.dumps(record, ensure_ascii=False) for record in records) + "\nno json\n"
    done = taken(bench, now, tmp_path / "s.jsonl", text)
    assert (done.new, [(f.row, f.code) for f in done.faults]) == (3, [(4, "unreadable")])
    rows = bench.archive.at().scan("machine_scores").sort("conversation_key", "about").collect()
    said = rows.filter(pl.col("about").is_not_null()).select("about", "answer", "value").rows()
    assert said == [
        ("closing", "na", None),
        ("tone", "value", 1),
        ("empathy", "value", 2),
        ("tone", "cannot_tell", None),
    ]
    assert rows.filter(pl.col("about").is_null()).sort("conversation_key")["loss"].to_list() == [556, 0, 900]


def test_a_version_in_use_is_what_a_plan_leans_on(bench: Workbench, now: datetime, tmp_path: Path, lead: Actor) -> None:
    fill(bench, chats=20)
    rows = [f"{agent}-{k:03d},shop,,,,,{100 - k}," for agent in ("amy", "bob") for k in range(20)]
    done = taken(bench, now, tmp_path / "s.csv", HEAD + "\n".join(rows) + "\n")
    calibrated.activate(bench, lead, now=now, scorer=done.id)
    assert versions.get(bench, lead, "acme").state == "active"
    chats = bench.archive.at().scan("conversations").select("conversation_key")
    said = predictions.predicted(chats, bench.archive.at(), "machine:acme").collect()
    assert said["loss"].null_count() == said["p"].null_count() == 0, "whoever has no score takes another value"
    assert said.filter(pl.col("conversation_key") == "shop:amy-007")["loss"].item() == 700
    design = PlanDesign(quotas=(SourceQuota("chat", 3),), pool_share=0.1, predictor="machine:acme")
    seen = draws.preview(bench, lead, period=FEBRUARY, design=design)
    assert done.version in seen.resolved.model_version
    assert "machine:acme" in draws.choices(bench, lead).predictors
    # more of the same version follows; another version takes its place, whole
    more = taken(bench, now, tmp_path / "t.csv", HEAD + "cui-001,shop,,,,,55,\n")
    assert predictions.of(bench.archive.at(), "machine:acme").collect().height == 41
    other = taken(bench, now, tmp_path / "u.csv", HEAD + "cui-001,shop,,,,,50,\n", label="2")
    calibrated.activate(bench, lead, now=now, scorer=other.version)
    assert predictions.of(bench.archive.at(), "machine:acme").collect()["version"].to_list() == [other.version]
    assert versions.get(bench, lead, more.version).state == "retired"
    versions.retire(bench, lead, now=now, scorer="acme")
    assert predictions.of(bench.archive.at(), "machine:acme").collect().is_empty()
    with pytest.raises(Conflict):
        versions.retire(bench, lead, now=now, scorer="acme")


def test_who_may_and_what_is_refused(bench: Workbench, now: datetime, tmp_path: Path) -> None:
    fill(bench, chats=1)
    path = tmp_path / "s.csv"
    with pytest.raises(Invalid):
        taken(bench, now, path, "a,b\n1,2\n")
    with pytest.raises(Denied):
        importing.import_scores(bench, Actor(9, Role.INSPECTOR, "Ida"), now=now, path=path, name="acme")
    with pytest.raises(Invalid):
        importing.import_scores(bench, SYSTEM, now=now, path=path, name=" ")
    with pytest.raises(NotFound):
        calibrated.activate(bench, SYSTEM, now=now, scorer="nobody")


def test_scores_of_a_chat_that_changed_are_of_another_chat(bench: Workbench, now: datetime, tmp_path: Path) -> None:
    fill(bench, chats=2)
    done = taken(bench, now, tmp_path / "s.csv", HEAD + "amy-000,shop,,,,,80,\n")
    with bench.archive.change("import", now) as change:
        rows = change.before.scan("conversations").with_columns(pl.lit(7, pl.Int64).alias("import_id")).collect()
        change.replace("conversations", rows)
    assert versions.scores(bench.archive.at(), done.predictor, done.version).collect().is_empty()
    assert taken(bench, now, tmp_path / "s.csv", HEAD + "amy-000,shop,,,,,70,\n").new == 1
