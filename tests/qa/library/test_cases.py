"""The case library: proposing from evidence, masking, states, races, and finding cases again."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa.errors import Denied, FormField, Invalid, NotFound, Stale
from qa.i18n import Translator
from qa.library import cases, search
from qa.library.cases import CaseText
from qa.library.folding import fold
from qa.library.search import CaseFilter, CaseIndex
from qa.policy import Actor, Role
from qa.tables import AuditEntry, Case, Draw, Plan, RubricVersion, Sample, Transcript, User
from qa.workbench import Workbench

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
LEAD = Actor(1, Role.LEAD, "Lead")
INSPECTOR = Actor(2, Role.INSPECTOR, "Inspector")
AGENT = Actor(3, Role.AGENT, "Agent", agent_id="A1")
OTHER_AGENT = Actor(4, Role.AGENT, "Other", agent_id="A2")
TEXT = CaseText(
    "承诺时效的正确说法", "先核实，再给出有条件的承诺。", "exemplary", ("物流", "话术"), criterion_id="wrong_promise"
)


@pytest.fixture
def sample_id(any_bench: Workbench) -> int:
    """One sample of agent A1 with a frozen transcript full of personal data."""
    with any_bench.db.write() as session:
        for actor in (LEAD, INSPECTOR, AGENT, OTHER_AGENT):
            session.add(
                User(
                    id=actor.user_id,
                    login=actor.name.lower(),
                    display_name=actor.name,
                    role=actor.role.value,
                    active=True,
                    agent_id=actor.agent_id,
                    created_at=NOW,
                )
            )
        rubric = RubricVersion(
            rubric_id="r", version=1, state="published", content={}, content_hash="h", created_at=NOW
        )
        session.add(rubric)
        session.flush()
        plan = Plan(name="p", content={}, rubric_version_id=rubric.id, seed="s", seed_commitment="c", created_at=NOW)
        session.add(plan)
        session.flush()
        draw = Draw(
            plan_id=plan.id,
            name="d",
            period_from=date(2026, 2, 1),
            period_to=date(2026, 2, 28),
            archive_version=1,
            frame_hash="f",
            frame_size=1,
            receipt={},
            receipt_hash="x",
            rubric_version_id=rubric.id,
            published_at=NOW,
        )
        content = {
            "unit_id": "s:1",
            "customer_id": "tb1234567",
            "messages": [
                {
                    "seq": 0,
                    "role": "customer",
                    "text": "我的快递呢？电话13812345678 tb1234567",
                    "sent_at": "2026-02-03T01:00:00+00:00",
                    "kind": "text",
                },
                {
                    "seq": 1,
                    "role": "agent",
                    "agent_name": "小青",
                    "text": "小青为您查询，如明天未到可申请补偿",
                    "sent_at": "2026-02-03T01:00:40+00:00",
                    "kind": "text",
                },
                {"seq": 2, "role": "customer", "text": "谢谢", "sent_at": None, "kind": "text"},
            ],
        }
        transcript = Transcript(unit_id="s:1", content=content, content_hash="t", created_at=NOW)
        session.add_all([draw, transcript])
        session.flush()
        sample = Sample(
            draw_id=draw.id,
            unit_id="s:1",
            source="chat",
            agent_id="A1",
            stratum="A1",
            reason="base",
            pi=0.5,
            u=0.1,
            rank=1,
            transcript_id=transcript.id,
        )
        session.add(sample)
        session.flush()
        return sample.id


def test_excerpt_is_masked_and_relative(any_bench: Workbench, sample_id: int) -> None:
    case_id = cases.propose(any_bench, INSPECTOR, now=NOW, text=TEXT, sample_id=sample_id, seqs=[0, 1])
    excerpt = cases.get(any_bench, INSPECTOR, case_id).excerpt
    whole = " ".join(message["text"] for message in excerpt)
    assert "13812345678" not in whole
    assert "tb1234567" not in whole
    assert "小青" not in whole
    assert [message["offset"] for message in excerpt] == [0, 40]
    with any_bench.db.read() as session:
        assert session.query(AuditEntry).filter_by(action="case.proposed", entity_id=str(case_id)).count() == 1


def test_proposing_again_returns_the_same_case(any_bench: Workbench, sample_id: int) -> None:
    first = cases.propose(any_bench, INSPECTOR, now=NOW, text=TEXT, sample_id=sample_id)
    assert cases.propose(any_bench, INSPECTOR, now=NOW, text=TEXT, sample_id=sample_id) == first


def test_states_and_rights(any_bench: Workbench, sample_id: int) -> None:
    case_id = cases.propose(any_bench, AGENT, now=NOW, text=TEXT, sample_id=sample_id)
    with pytest.raises(Denied):
        cases.propose(any_bench, OTHER_AGENT, now=NOW, text=TEXT, sample_id=sample_id)
    with pytest.raises(NotFound):
        cases.get(any_bench, OTHER_AGENT, case_id)
    with pytest.raises(Denied):
        cases.publish(any_bench, INSPECTOR, now=NOW, case_id=case_id, version=1)
    version = cases.publish(any_bench, LEAD, now=NOW, case_id=case_id, version=1)
    assert cases.publish(any_bench, LEAD, now=NOW, case_id=case_id, version=1) == version
    assert cases.get(any_bench, OTHER_AGENT, case_id).state == "published"
    with pytest.raises(Denied):
        cases.edit(any_bench, AGENT, now=NOW, case_id=case_id, version=version, text=TEXT)
    with pytest.raises(Invalid):
        cases.withdraw(any_bench, LEAD, now=NOW, case_id=case_id, version=version, reason=" ")
    cases.withdraw(any_bench, LEAD, now=NOW, case_id=case_id, version=version, reason="过时")
    assert search.find_cases(any_bench, OTHER_AGENT, CaseFilter(state="")).total == 0


def test_one_of_two_editors_is_told(any_bench: Workbench, sample_id: int) -> None:
    case_id = cases.propose(any_bench, INSPECTOR, now=NOW, text=TEXT, sample_id=sample_id)
    outcomes: list[str] = []

    def change(title: str) -> None:
        try:
            cases.edit(any_bench, LEAD, now=NOW, case_id=case_id, version=1, text=CaseText(title, "x", "edge"))
            outcomes.append("done")
        except Stale:
            outcomes.append("stale")

    threads = [threading.Thread(target=change, args=(f"t{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", *["stale"] * 5]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (CaseText("", "x", "edge"), "title"),
        (CaseText("x", "   ", "edge"), "lesson"),
        (CaseText("x" * 201, "x", "edge"), "title"),
        (CaseText("x", "x", "nonsense"), "kind"),
        (CaseText("x", "x", "edge", tuple(map(str, range(13)))), "tags"),
    ],
)
def test_bad_text_names_the_field(any_bench: Workbench, sample_id: int, text: CaseText, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        cases.propose(any_bench, INSPECTOR, now=NOW, text=text, sample_id=sample_id)
    named = caught.value.facts["field"]
    assert isinstance(named, FormField)
    assert named.path == field
    assert field not in Translator("zh_CN").error(caught.value), "people read a label, not a column"


def test_missing_evidence(any_bench: Workbench, sample_id: int) -> None:
    with pytest.raises(NotFound):
        cases.propose(any_bench, INSPECTOR, now=NOW, text=TEXT, sample_id=sample_id + 99)
    with pytest.raises(Invalid):
        cases.propose(any_bench, INSPECTOR, now=NOW, text=TEXT, sample_id=sample_id, seqs=[77])


# finding


def _store(bench: Workbench, texts: list[str], start: int = 0, state: str = "published") -> None:
    with bench.db.write() as session:
        session.add_all(
            Case(
                id=start + i + 1,
                title=f"标题{start + i}",
                lesson=text,
                kind="edge",
                state=state,
                tags=["甲"],
                excerpt=[],
                language="zh_CN",
                search_text=search.fold(f"标题{start + i} {text} #甲#"),
                version=1,
                proposed_at=NOW,
                changed_at=NOW + timedelta(seconds=start + i),
            )
            for i, text in enumerate(texts)
        )


def _found(bench: Workbench, query: str, **more: str) -> set[int]:
    ids: set[int] = set()
    page = 1
    while hits := search.find_cases(bench, LEAD, CaseFilter(query=query, **more), page=page, size=50).hits:
        ids |= {hit.id for hit in hits}
        page += 1
    return ids


@pytest.mark.parametrize("query", ["运费", "運費", "退", "ＲＥＦＵＮＤ", "refund late", "100%", "_", "运费 refund"])
def test_index_and_database_agree(any_bench: Workbench, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    texts = ["运费谁出", "退运费险", "Refund was late", "费运", "100%棉", "100 棉", "a_b", "运费 and refund"]
    _store(any_bench, texts)
    expected = {
        i + 1 for i, text in enumerate(texts) if all(t in fold(f"标题{i} {text} #甲#") for t in fold(query).split())
    }
    assert _found(any_bench, query) == expected
    monkeypatch.setattr(search, "INDEX_FROM", 0)
    assert _found(any_bench, query) == expected
    assert expected


def test_index_follows_changes(any_bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "INDEX_FROM", 0)
    _store(any_bench, ["运费谁出"])
    assert _found(any_bench, "运费") == {1}
    _store(any_bench, ["谁来付运费"], start=1)
    assert _found(any_bench, "运费") == {1, 2}
    with any_bench.db.write() as session:
        case = session.get(Case, 1)
        assert case
        case.search_text, case.changed_at = "发票", NOW + timedelta(days=1)
    assert _found(any_bench, "运费") == {2}
    assert _found(any_bench, "发票") == {1}


def test_filters_and_states(any_bench: Workbench) -> None:
    _store(any_bench, ["运费", "运费"])
    _store(any_bench, ["运费"], start=2, state="proposed")
    assert _found(any_bench, "运费") == {1, 2}
    assert _found(any_bench, "运费", state="proposed") == {3}
    assert search.find_cases(any_bench, AGENT, CaseFilter(query="运费", state="")).total == 2
    assert _found(any_bench, "", tag="甲") == {1, 2}
    assert _found(any_bench, "", tag="乙") == set()


def test_broken_index_is_rebuilt(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "INDEX_FROM", 0)
    _store(bench, ["运费谁出"])
    assert _found(bench, "运费") == {1}
    folder = bench.config.home / "search" / f"cases-{search.INDEX_VERSION}"
    (folder / "data" / "meta.json").write_text("{", "utf-8")
    assert _found(bench, "运费") == {1}
    assert CaseIndex(folder).candidates(["运费"]) == [1]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=30))
def test_folding_is_idempotent(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_an_upgrade_masks_what_it_has_learnt_to_recognise(any_bench: Workbench, sample_id: int) -> None:
    case_id = cases.propose(any_bench, LEAD, now=NOW, text=TEXT, sample_id=sample_id)
    kept = [
        {"role": "customer", "text": "微信号abc12345，邮箱li.si@example.com", "offset": 0},
        {"role": "agent", "text": "好的", "offset": 3},
    ]
    with any_bench.db.write() as session:
        case = session.get_one(Case, case_id)
        case.excerpt, case.search_text = kept, "abc12345"
    assert cases.mask_again(any_bench, NOW) == {case_id: 1}
    with any_bench.db.read() as session:
        case = session.get_one(Case, case_id)
        entry = session.query(AuditEntry).filter_by(action="case.masked").one()
        assert "abc12345" not in f"{case.excerpt}{case.search_text}"
        assert "li.si" not in f"{case.excerpt}{case.search_text}"
        assert case.excerpt[1] == kept[1]
        assert entry.facts == {"messages": 1, "texts": 0, "version": 2}
        assert entry.actor_id is None
    assert cases.mask_again(any_bench, NOW) == {}
