"""A sheet's life: drafted, published, objected to, final; computed again from what was frozen; nobody sees too much."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DatabaseError

from qa import evidence
from qa.assessment import examples, inputs, recomputing, schemes, sheets, words
from qa.errors import Conflict, Denied, Invalid, NotFound
from qa.policy import Actor, Role
from qa.tables import Agent, AuditEntry, TeamMembership
from qa.workbench import Workbench
from scoring.assessment.schemes import shipped
from tests.world.months import NOW, fill, parts

NOVEMBER = date(2025, 11, 1)
LEAD, OTHER = Actor(1, Role.LEAD, "主管"), Actor(2, Role.LEAD, "副主管")
LEADER = Actor(3, Role.TEAM_LEADER, "组长", team="一组")
AGENT = Actor(4, Role.AGENT, "客服", agent_id="p11")
LATER = NOW + timedelta(days=30)


@pytest.fixture
def filled(bench: Workbench) -> Workbench:
    fill(bench)
    schemes.load_default(bench, LEAD, now=NOW)
    return bench


def month_sheet(bench: Workbench, months: int = 1, now=NOW) -> int:  # type: ignore[no-untyped-def]
    return sheets.draft(bench, LEAD, now=now, month=NOVEMBER, months=months)


def result(bench: Workbench, number: int, agent: str) -> dict:  # type: ignore[type-arg]
    return dict(next(e.result for e in sheets.entries(bench, LEAD, number) if e.agent_id == agent))


def test_from_draft_to_final(any_bench: Workbench) -> None:
    bench = any_bench
    fill(bench)
    schemes.load_default(bench, LEAD, now=NOW)
    number = month_sheet(bench)
    assert recomputing.verify(bench, LEAD, number) == ()
    assert sheets.sheets(bench, AGENT) == ()  # a draft is nobody's but the leads'
    sheets.publish(bench, LEAD, now=NOW, number=number)
    [entry] = sheets.entries(bench, AGENT, number)
    objection = sheets.object_to(
        bench, AGENT, now=NOW, entry_id=entry.id, body="系统升级那天", indicator="response_time"
    )
    with pytest.raises(Conflict, match="objected already"):
        sheets.object_to(bench, AGENT, now=NOW, entry_id=entry.id, body="再说一次")
    with pytest.raises(Conflict, match="still object"):
        sheets.finalise(bench, LEAD, now=NOW, number=number)
    with pytest.raises(Conflict, match="nobody has ruled"):
        sheets.finalise(bench, LEAD, now=LATER, number=number)
    with pytest.raises(Denied):
        sheets.rule(bench, LEAD, now=LATER, number=objection, uphold=True, ruling="自己发布的")
    sheets.rule(bench, OTHER, now=LATER, number=objection, uphold=False, ruling="当天没有升级")
    with pytest.raises(Conflict):
        sheets.rule(bench, OTHER, now=LATER, number=objection, uphold=True, ruling="又改")
    sheets.finalise(bench, LEAD, now=LATER, number=number)
    [head] = sheets.sheets(bench, AGENT)
    assert (head.state, head.people, head.objections) == ("final", 1, 0)
    with pytest.raises(Conflict, match="over"):
        sheets.object_to(bench, AGENT, now=LATER, entry_id=entry.id, body="太晚")
    with bench.db.read() as session:
        said = session.scalars(
            select(AuditEntry.action).where(AuditEntry.entity.like("assessment%")).order_by(AuditEntry.id)
        )
        assert said.all() == [
            "assessment.drafted",
            "assessment.published",
            "assessment.objected",
            "assessment.ruled",
            "assessment.final",
        ]
    evidence.seal(bench, LATER)
    assert evidence.check(bench).forgeries == ()
    with pytest.raises(DatabaseError), bench.db.engine.begin() as connection:
        connection.execute(text("UPDATE assessments SET inputs_hash = 'x'"))


def test_one_month_has_no_grade_and_three_have(filled: Workbench) -> None:
    one = result(filled, month_sheet(filled), "p03")
    assert one["stated"] is None
    assert one["low"] < one["total"] < one["high"]
    assert [line["reason"] for line in one["lines"] if line["indicator"] in ("inspection", "soft")] == ["no_data"] * 2
    assert one["judged"] == 0.7
    pooled = month_sheet(filled, 3)
    slow, usual = result(filled, pooled, "p11"), result(filled, pooled, "p03")
    assert slow["statement"] == "below_team"
    assert sum(slow["chances"].values()) == pytest.approx(1, abs=1e-5)
    assert usual["statement"] == "not_distinguishable"
    assert slow["last_tenth"] > 0.8
    assert len(usual["stated"]) in (1, 2)


def test_who_was_there_too_short_gets_no_grade(filled: Workbench) -> None:
    with filled.archive.change("x", NOW) as change:
        rows = parts()
        change.replace("indicators", rows.filter((pl.col("account") != "p05") | (pl.col("day") >= date(2025, 11, 1))))
    found = result(filled, month_sheet(filled, 3), "p05")
    assert (found["stated"], found["months"]) == (None, 1)
    assert found["total"] is not None


def test_whoever_moves_is_split_by_days(filled: Workbench) -> None:
    with filled.db.write() as session:
        for day, team, stage in ((date(1900, 1, 1), "二组", "presale"), (date(2025, 11, 16), "一组", "aftersale")):
            session.add(TeamMembership(agent_id="p04", from_day=day, team=team, shop="", stage=stage, created_at=NOW))
    number = month_sheet(filled)
    mine = [e for e in sheets.entries(filled, LEAD, number) if e.agent_id == "p04"]
    assert [(e.team, e.role) for e in mine] == [("一组", "aftersale"), ("二组", "presale")]
    sheets.publish(filled, LEAD, now=NOW, number=number)
    assert ("p04", "一组") in {(e.agent_id, e.team) for e in sheets.entries(filled, LEADER, number)}
    assert {e.team for e in sheets.entries(filled, LEADER, number)} == {"一组"}
    frozen = inputs.gather(filled, now=NOW, month=NOVEMBER, months=1, schemes={"": shipped()[0]})
    total = frozen.rows.filter(pl.col("entry").str.starts_with("p04") & (pl.col("indicator") == "conversion"))
    whole = parts().filter(
        (pl.col("account") == "p04")
        & (pl.col("indicator") == "conversion")
        & (pl.col("day") >= NOVEMBER)
        & (pl.col("day") < date(2025, 12, 1))
    )
    assert (total["num"].sum(), total["den"].sum()) == (whole["num"].sum(), whole["den"].sum())


def test_a_late_correction_is_shown_and_becomes_a_new_revision(filled: Workbench) -> None:
    number = month_sheet(filled)
    sheets.publish(filled, LEAD, now=NOW, number=number)
    before = result(filled, number, "p11")["total"]
    assert recomputing.corrections(filled, LEAD, number, now=NOW) == ()
    late = parts(import_id=2).filter((pl.col("account") == "p11") & (pl.col("indicator") == "response_time"))
    with filled.archive.change("indicators", NOW) as change:
        change.append("indicators", late.with_columns(num=pl.col("den") * 28))
    changed = {d.agent_id: d for d in recomputing.corrections(filled, LEAD, number, now=NOW)}
    assert changed["p11"].old == pytest.approx(before)
    assert changed["p11"].new > before + 3  # type: ignore[operator]
    assert result(filled, number, "p11")["total"] == before  # the published sheet stays as it was
    assert recomputing.verify(filled, LEAD, number) == ()
    second = month_sheet(filled)
    sheets.publish(filled, LEAD, now=NOW, number=second)
    assert [(h.revision, h.state) for h in sheets.sheets(filled, LEAD)] == [(2, "published"), (1, "replaced")]


def test_a_changed_figure_is_found(filled: Workbench) -> None:
    number = month_sheet(filled)
    with filled.db.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER guard_assessment_entries_update") if filled.db.is_sqlite else None
        connection.execute(
            text(
                "UPDATE assessment_entries SET result = replace(result, '\"judged\": 0.7', '\"judged\": 0.9') WHERE "
                "agent_id = 'p03'"
            )
        )
    assert recomputing.verify(filled, LEAD, number) == ("p03",)


def test_examples_count_when_a_second_person_confirmed_them(filled: Workbench) -> None:
    one = examples.propose(filled, LEAD, now=NOW, agent_id="p03", month=NOVEMBER, direction=1, body="主动帮同事接待")
    with pytest.raises(Denied, match="second person"):
        examples.decide(filled, LEAD, now=NOW, number=one, confirm=True)
    soft = {"p03": next(x for x in result(filled, month_sheet(filled), "p03")["lines"] if x["indicator"] == "soft")}
    assert soft["p03"]["reason"] == "no_data"
    examples.decide(filled, OTHER, now=NOW, number=one, confirm=True)
    line = next(x for x in result(filled, month_sheet(filled), "p03")["lines"] if x["indicator"] == "soft")
    assert (line["value"], line["points"], line["points_low"]) == (1.0, 80.0, 80.0)
    with pytest.raises(Conflict):
        examples.decide(filled, OTHER, now=NOW, number=one, confirm=False)
    assert examples.listed(filled, LEAD)[0].state == "confirmed"


def test_what_is_refused(filled: Workbench) -> None:
    with pytest.raises(Conflict, match="not over"):
        sheets.draft(filled, LEAD, now=NOW, month=date(2025, 12, 1))
    with pytest.raises(Invalid, match="neither indicators nor inspections"):
        sheets.draft(filled, LEAD, now=NOW, month=date(2024, 1, 1))
    for who in (AGENT, LEADER):
        with pytest.raises(Denied):
            sheets.draft(filled, who, now=NOW, month=NOVEMBER)
    number = month_sheet(filled)
    with pytest.raises(NotFound):
        sheets.entries(filled, AGENT, number)
    sheets.publish(filled, LEAD, now=NOW, number=number)
    other = next(e for e in sheets.entries(filled, LEAD, number) if e.agent_id == "p01")
    with pytest.raises(NotFound):
        sheets.object_to(filled, AGENT, now=NOW, entry_id=other.id, body="不是我的")
    with pytest.raises(Conflict):
        sheets.publish(filled, LEAD, now=NOW, number=number)


def test_schemes_have_versions_and_a_what_if(filled: Workbench) -> None:
    scheme = next(one for one in shipped() if one.id == "presale")
    written = schemes.written(scheme)
    assert schemes.parsed(written) == scheme
    number = month_sheet(filled)
    first = schemes.newest(filled, LEAD)["presale"]
    assert schemes.save(filled, LEAD, now=NOW, text=written) == first.id  # nothing changed
    heavier = written.replace("weight = 15\nrelative = false", "weight = 60\nrelative = false")
    changed = recomputing.what_if(filled, LEAD, number, schemes.parsed(heavier))
    assert len(changed) == 12
    assert {d.agent_id: d.new - d.old for d in changed}["p11"] < -4  # type: ignore[operator]
    schemes.save(filled, LEAD, now=NOW, text=heavier)
    assert schemes.newest(filled, LEAD)["presale"].version == 2
    assert recomputing.verify(filled, LEAD, number) == ()  # the sheet keeps the version it was made with
    with pytest.raises(Invalid, match="weight must lie above 0"):
        schemes.save(filled, LEAD, now=NOW, text=written.replace("weight = 25", "weight = -1"))
    with filled.db.write() as session:
        session.execute(update(Agent).values(stage=""))
    assert result(filled, month_sheet(filled), "p03")["role"] == ""  # judged by the scheme of any role


def test_what_the_workbench_measures_itself_stands_beside_the_imported_figure(filled: Workbench) -> None:
    """60 chats of two rounds, half of them slow; 30 rated; nothing of it changes a point."""
    before = result(filled, month_sheet(filled), "p03")
    rows = range(60)
    at = [datetime(2025, 11, 1 + k % 20, 3, tzinfo=UTC) for k in rows]
    keys = [f"c:{k}" for k in rows]
    chats = pl.DataFrame(
        {"conversation_key": keys, "agent_id": "p03", "channel": "wangwang", "started_at": at,
         "satisfaction": [(5 if k % 3 else 1) if k < 30 else None for k in rows]},
        schema_overrides={"satisfaction": pl.Int8},
    )  # fmt: skip
    signals = pl.DataFrame({
        "conversation_key": keys, "first_reply_s": [10.0] * 60, "rounds": [2] * 60,
        "mean_reply_s": [20.0 if k % 2 else 40.0 for k in rows], "rounds_in_time": [2 if k % 2 else 1 for k in rows],
    })  # fmt: skip
    with filled.archive.change("x", NOW) as change:
        change.append("conversations", chats)
        change.append("signals", signals)
    number = month_sheet(filled)
    after = result(filled, number, "p03")
    own = {line["indicator"]: line["own"] for line in after["lines"] if "own" in line}
    assert (own["response_time"]["value"], own["response_time"]["n"]) == (30.0, 120.0)
    assert own["response_time"]["low"] < 30 < own["response_time"]["high"]
    assert (own["reply_3min"]["value"], own["reply_3min"]["n"]) == (0.75, 120.0)
    assert after["total"] == before["total"]
    assert recomputing.verify(filled, LEAD, number) == ()
    shown = words.frame(sheets.entries(filled, LEAD, number)).filter(agent_id="p03", indicator="response_time")
    assert shown.select("own_value", "own_n").rows() == [(30.0, 120.0)]


def test_inputs_frozen_by_an_earlier_release_read_as_they_were(filled: Workbench) -> None:
    """They hold no frame of own figures, and their checksum was taken without one."""
    frozen = inputs.gather(filled, now=NOW, month=NOVEMBER, months=1, schemes={"": shipped()[0]})
    source, kept = zipfile.ZipFile(io.BytesIO(frozen.pack())), io.BytesIO()
    with zipfile.ZipFile(kept, "w") as target:
        for name in source.namelist():
            if name != "own":
                target.writestr(name, source.read(name))
    again = inputs.unpack(kept.getvalue())
    assert again.own.is_empty()
    assert again.digest() == frozen.digest()
