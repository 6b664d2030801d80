"""A workbench in which every field that can hold what a customer said, or what somebody wrote about one, holds a phone
number of its own: whatever comes out where it may not names the field it came from."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import polars as pl
from sqlalchemy import insert, select

from qa import audit, draws, notify, screening
from qa.assessment import examples, schemes, sheets
from qa.coaching import threads
from qa.conversations import index, picking
from qa.development import grades, newcomers, recognition
from qa.disputes import settling
from qa.draws import Period, PlanDesign, SourceQuota
from qa.library import cases
from qa.library.cases import CaseText
from qa.notify.events import AREAS, EVENTS
from qa.policy import SYSTEM, Actor, Role
from qa.promises import reading as promise_reading
from qa.promises import ruling
from qa.redlines import deciding, opening
from qa.tables import Agent, ImportRun, TeamMembership, User, Violation
from qa.transcripts import handle
from qa.verdicts import appeals, corrections
from qa.workbench import Workbench
from scoring.label import Label
from scoring.promises import PromiseStatus
from scoring.redline.rule import Rule, Terms
from scoring.sheet import CONFIRMED, HitDecision, Mark, Sheet
from tests.world import archive, desk, months, people, rules
from tests.world.transcripts import frozen

NOW = desk.NOW
START = NOW - timedelta(days=1)
CUSTOMER, NAME, ORDER = "tb1397531", "欧阳晓云", "202602030123456789"
WHOLE = (CUSTOMER, NAME, ORDER, "li.si@example.com", "110101199003078515", "9号楼3单元502")
WEBHOOK_SECRET = f"whsec_{base64.b64encode(bytes(24)).decode()}"
SAID = f"我叫{NAME}，邮箱li.si@example.com，身份证110101199003078515，地址北京市朝阳区望京街9号楼3单元502室。我的电话是"


@dataclass
class Planted:
    """The workbench, who may look at it, the phone number of every field, and the ids that addresses name."""

    bench: Workbench
    actors: dict[Role, Actor] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=lambda: {"dispute": "t:d1"})

    def plant(self, where: str, text: str = "顾客来电") -> str:
        """`text` with the phone number of the field `where`."""
        number = self.numbers.setdefault(where, f"139000010{10 + len(self.numbers)}")
        return f"{text}{number}"

    def hidden_in(self, shown: str) -> set[str]:
        """The fields whose phone number stands in `shown` with its middle hidden."""
        return {where for where, number in self.numbers.items() if f"{number[:3]}******{number[-2:]}" in shown}

    def found_in(self, shown: str) -> list[str]:
        """The fields whose phone number stands in `shown`, and the other secrets that do, also escaped as in JSON."""
        return [where for where, number in self.numbers.items() if number in shown] + [
            secret for secret in WHOLE if secret in shown or json.dumps(secret)[1:-1] in shown
        ]


def plant(bench: Workbench) -> Planted:
    """Two chats of agent-0 of team 一组, inspected, with everything people write about such chats."""
    made = Planted(bench)
    _channels(made)
    kit = desk.build(bench, samples=1, inspectors=2)
    _people(made, kit)
    _archive(made)
    contact = Rule("R03", 1, Label("站外联系", "Contact"), Terms((), (r"加微信[^。]{0,40}",)))
    rules.publish(bench, contact)
    _screened(made)
    _inspected(made, kit)
    _drawn(made)
    _case_file(made, kit)
    _library(made, kit)
    _development(made, kit)
    _month(made, kit)
    with bench.db.write() as session:  # as an earlier version wrote it
        audit.record(session, SYSTEM, NOW, "violation.confirmed", "violation", made.ids["file"], rule="R03",
                     reason=made.plant("old entry"))  # fmt: skip
    return made


def _channels(made: Planted) -> None:
    """A robot that is told everything once a night, and a program that is told everything at once."""
    robot = notify.Channel("群", "dingtalk", "dingtalk://secret@token", tuple(EVENTS), digest=True)
    program = notify.Channel("BI", "webhook", f"http://127.0.0.1:9/hook {WEBHOOK_SECRET}", tuple(AREAS))
    for name, channel in (("robot", robot), ("program", program)):
        made.ids[name] = str(notify.add(made.bench, SYSTEM, channel, now=NOW))


def _people(made: Planted, kit: desk.Kit) -> None:
    bench = made.bench
    leader, admin, second = people.accounts(
        bench,
        [Actor(0, Role.TEAM_LEADER, "leader"), Actor(0, Role.ADMIN, "admin"), Actor(0, Role.LEAD, "second")],
        NOW,
    )
    with bench.db.write() as session:
        session.get_one(User, leader.user_id).home_team = "一组"
        session.execute(
            insert(Agent).values(agent_id="agent-0", name="安安", team="一组", grade="P2", updated_at=NOW,
                                 hired_on=date(2025, 1, 1))
        )  # fmt: skip
        session.add(TeamMembership(agent_id="agent-0", from_day=date(2025, 1, 1), team="一组", shop="", stage="",
                                   created_at=NOW))  # fmt: skip
    made.actors = {
        Role.LEAD: kit.lead, Role.INSPECTOR: kit.inspectors[0], Role.AGENT: kit.agent, Role.ADMIN: admin,
        Role.TEAM_LEADER: Actor(leader.user_id, Role.TEAM_LEADER, "leader", team="一组"),
    }  # fmt: skip
    made.ids["second"] = str(second.user_id)


def _talk(made: Planted, number: int) -> list[tuple[str, str, int]]:
    return [
        ("customer", made.plant(f"first message {number}", SAID), 0),
        ("agent", made.plant(f"hit {number}", "滚开，加微信，电话"), 30),
        ("agent", made.plant(f"promise {number}", "24小时内给您退款，回电"), 60),
    ]


def _content(made: Planted, number: int) -> dict[str, Any]:
    return frozen(
        f"t:{number}", "agent-0", START, _talk(made, number), customer_id=CUSTOMER, order_id=ORDER,
        rating={"rated_at": None, "score": 1, "label": None, "comment": made.plant("frozen rating")},
    )  # fmt: skip


def _archive(made: Planted) -> None:
    """Three chats, a dispute and a rating; the third chat has not been drawn."""
    rows: dict[str, list[archive.Row]] = {name: [] for name in ("conversations", "messages", "disputes", "ratings")}
    for number in (1, 2, 3):
        key = f"t:{number}"
        lines = [(role, "agent-0" if role == "agent" else None, text) for role, text, _ in _talk(made, number)]
        rows["conversations"].append(
            archive.conversation(
                key, "agent-0", START, customer_id=CUSTOMER, order_id=ORDER, shop="s", ended_at=START, import_id=1,
                message_count=3, agent_message_count=2, satisfaction=1, file_row=1,
            )
        )  # fmt: skip
        rows["messages"] += archive.messages(key, lines, START, timedelta(seconds=30), import_id=1)
    about = {"source": "t", "customer_id": CUSTOMER, "order_id": ORDER, "shop": "s", "agent_id": "agent-0",
             "import_id": 1, "file_row": 1}  # fmt: skip
    said = [{"role": "customer", "text": made.plant("dispute message", SAID), "sent_at": START}]
    rows["disputes"].append(
        about
        | {
            "dispute_key": "t:d1", "dispute_id": "d1", "conversation_key": "t:1", "joined_by": "order",
            "opened_at": START + timedelta(hours=1), "reason": made.plant("dispute reason"),
            "description": made.plant("dispute description"), "title": made.plant("dispute title"),
            "dispute_type": "refund", "status": "WAIT_SELLER_AGREE", "messages": said, "content_hash": "d",
        }
    )  # fmt: skip
    rows["ratings"].append(
        about
        | {
            "rating_key": "t:r1", "rating_id": "r1", "conversation_key": "t:1", "rated_at": START, "score": 1,
            "comment": made.plant("rating comment"), "content_hash": "r",
        }
    )  # fmt: skip
    archive.put(made.bench, NOW, rows)
    with made.bench.db.write() as session:
        session.add(
            ImportRun(
                id=1, file_name="chats.csv", sha256="x", kind="chats", source="t", mapping={}, state="done", counts={},
                problems={}, started_at=NOW, ended_at=NOW,
            )
        )  # fmt: skip


def _screened(made: Planted) -> None:
    screening.screen(made.bench, SYSTEM, now=NOW)
    opening.open_suspected(made.bench, SYSTEM, now=NOW)
    index.update(made.bench)
    lead = made.actors[Role.LEAD]
    promise = promise_reading.of_conversation(made.bench, "t:1", NOW)[0]
    made.keys["promise"] = promise.key
    ruling.rule(made.bench, lead, now=NOW, key=promise.key, status=PromiseStatus.BROKEN,
                reason=made.plant("promise ruling"))  # fmt: skip
    settling.settle(made.bench, lead, now=NOW, dispute_key="t:d1", conversation_key="t:2",
                    reason=made.plant("dispute settlement"))  # fmt: skip
    made.ids["conversation"] = handle("t:3")


def _drawn(made: Planted) -> None:
    """A published draw with a receipt, whose samples nobody has read."""
    design = PlanDesign(quotas=(SourceQuota("chat", 1), SourceQuota("dispute", None)), pool_share=0)
    plan = draws.create_plan(
        made.bench, made.actors[Role.LEAD], now=NOW, name=made.plant("plan name"), design=design, seed="s" * 24
    )
    drawn = draws.publish(
        made.bench, made.actors[Role.LEAD], now=NOW, plan_id=plan.id, period=Period(START.date(), START.date()),
        nonce="planted-draw", next_seed="n" * 24,
    )  # fmt: skip
    made.ids["receipt"] = str(drawn.draw_id)


def _inspected(made: Planted, kit: desk.Kit) -> None:
    """Both drawn chats scored with notes; the first appealed against, its ruling upheld, a correction asked for."""
    bench, lead, inspector = made.bench, kit.lead, kit.inspectors[0]
    kit.samples = desk.add_samples(kit, [_content(made, number) for number in (1, 2)])
    for number in (1, 2):
        marks = (Mark("tone", 1, note=made.plant(f"mark note {number}"), evidence=(1,)), Mark("greeting", 0))
        with bench.db.read() as session:
            hits = session.scalars(select(Violation).where(Violation.conversation_key == f"t:{number}")).all()
            decided = [
                HitDecision(one.rule_id, 1, CONFIRMED, made.plant(f"hit decision {one.rule_id} {number}"))
                for one in hits
            ]
        kit.place(kit.samples[number - 1], inspector)
        desk.inspect(kit, 0, Sheet(marks, tuple(decided), made.plant(f"comment {number}")))
    [verdict] = [one for one in kit.verdicts(kit.samples[0]) if one.is_current]
    appeal = appeals.file_against_verdict(
        bench, kit.agent, now=NOW, verdict_id=verdict.id, criterion_id="tone", body=made.plant("appeal")
    )
    appeals.rule(bench, lead, now=NOW, appeal_id=appeal, uphold=True, ruling=made.plant("appeal ruling"))
    [other] = [one for one in kit.verdicts(kit.samples[1]) if one.is_current]
    sheet = Sheet((Mark("greeting", 0, note=made.plant("corrected note")),), tuple(decided))
    wish = corrections.request(
        bench, inspector, now=NOW, verdict_id=other.id, sheet=sheet, reason=made.plant("correction reason")
    )
    corrections.decide(bench, lead, now=NOW, correction_id=wish, accept=True, answer=made.plant("correction answer"))
    [now_counts] = [one for one in kit.verdicts(kit.samples[1]) if one.is_current]
    picking.pick(bench, lead, handle("t:3"), now=NOW, inspector_id=made.actors[Role.INSPECTOR].user_id,
                 reason=made.plant("pick"))  # fmt: skip
    thread = threads.open_on_result(
        bench, lead, now=NOW, verdict_id=now_counts.id, body=made.plant("coaching note"), criterion_id="greeting"
    )
    threads.write(bench, kit.agent, now=NOW, thread_id=thread, body=made.plant("coaching answer"))
    made.ids |= {"verdict": str(verdict.id), "corrected": str(now_counts.id), "appeal": str(appeal),
                 "coaching": str(thread), "draw": str(kit.draw_id), "sample": str(kit.samples[0])}  # fmt: skip


def _case_file(made: Planted, kit: desk.Kit) -> None:
    """The files of the first chat upheld and answered for, one of the third cleared, another still suspected."""
    bench, second = made.bench, people.actor(made.bench, int(made.ids["second"]))
    with bench.db.read() as session:
        files = session.execute(
            select(Violation.id, Violation.conversation_key).order_by(Violation.conversation_key, Violation.id)
        ).all()
    upheld = [id_ for id_, key in files if key == "t:1"]
    for number, id_ in enumerate(upheld):
        deciding.rule(bench, second, now=NOW, violation_id=id_, uphold=True, reason=made.plant(f"upheld {number}"))
    appeals.file_against_violation(
        bench, kit.agent, now=NOW, violation_id=upheld[0], body=made.plant("objection to a ruling")
    )
    loose = [id_ for id_, key in files if key == "t:3"]
    deciding.clear(bench, kit.inspectors[1], now=NOW, violation_id=loose[0], reason=made.plant("cleared"))
    made.ids |= {"file": str(upheld[0]), "cleared": str(loose[0]), "suspected": str(loose[-1])}


def _library(made: Planted, kit: desk.Kit) -> None:
    text = CaseText(made.plant("case title", "先问候"), made.plant("case lesson"), "exemplary",
                    (made.plant("case tag", ""),), criterion_id="greeting")  # fmt: skip
    case = cases.propose(made.bench, kit.lead, now=NOW, text=text, sample_id=kit.samples[0])
    cases.publish(made.bench, kit.lead, now=NOW, case_id=case, version=1)
    thread = threads.open_on_case(
        made.bench, kit.lead, now=NOW, case_id=case, agent_id="agent-0", body=made.plant("coaching by case")
    )
    made.ids |= {"case": str(case), "coaching by case": str(thread)}


def _development(made: Planted, kit: desk.Kit) -> None:
    bench, lead, second = made.bench, kit.lead, people.actor(made.bench, int(made.ids["second"]))
    month, case = date(2026, 3, 1), int(made.ids["case"])
    highlight = recognition.propose_highlight(
        bench, lead, now=NOW, month=month, case_id=case, body=made.plant("highlight"), agent_id="agent-0"
    )
    recognition.decide_highlight(bench, second, now=NOW, number=highlight, confirm=True)
    reward = recognition.propose_reward(
        bench, lead, now=NOW, agent_id="agent-0", month=month, project="表扬", rule=made.plant("reward rule"),
        evidence=made.plant("reward evidence"), amount=100,
    )  # fmt: skip
    recognition.decide_reward(bench, second, now=NOW, number=reward, confirm=True)
    step = grades.propose(
        bench, lead, now=NOW, agent_id="agent-0", to_grade="P1", reason=made.plant("grade reason"),
        held=dict.fromkeys(grades.LINES, False),
        reasons={line: made.plant(f"grade {line}") for line in grades.LINES},
    )  # fmt: skip
    grades.decide(bench, second, now=NOW, number=step, sign=True, answer=made.plant("grade answer"))
    plan = newcomers.start(bench, lead, now=NOW, agent_id="agent-0", day=date(2026, 2, 1), mentor="leader")
    [view] = newcomers.plans(bench, lead)
    task = view.tasks[0].task
    newcomers.note(bench, lead, now=NOW, plan_id=plan, task_id=task.id, met=False, text=made.plant("newcomer note"))
    newcomers.stop(bench, lead, now=NOW, plan_id=plan, reason=made.plant("newcomer stopped"))


def _month(made: Planted, kit: desk.Kit) -> None:
    """A published monthly sheet, objected to, and examples for and against."""
    bench, lead, second = made.bench, kit.lead, people.actor(made.bench, int(made.ids["second"]))
    parts = months.parts(2).with_columns(pl.col("account").replace({"p00": "agent-0"}))
    with bench.archive.change("indicators", NOW) as change:
        change.append("indicators", parts)
    schemes.load_default(bench, lead, now=NOW)
    with bench.db.write() as session:
        session.get_one(Agent, "agent-0").stage = "presale"
    example = examples.propose(
        bench, lead, now=NOW, agent_id="agent-0", month=date(2025, 11, 1), direction=-1, body=made.plant("example")
    )
    examples.decide(bench, second, now=NOW, number=example, confirm=True)
    number = sheets.draft(bench, lead, now=NOW, month=date(2025, 11, 1), months=1)
    sheets.publish(bench, lead, now=NOW, number=number)
    [entry] = sheets.entries(bench, kit.agent, number)
    objection = sheets.object_to(bench, kit.agent, now=NOW, entry_id=entry.id, body=made.plant("sheet objection"))
    sheets.rule(bench, second, now=NOW, number=objection, uphold=False, ruling=made.plant("sheet ruling"))
    made.ids["sheet"] = str(number)
