"""One generated conversation: a scene played by a customer and an agent with their planted faults."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from qa.demo import disputes, phrases_zh, scenes_en
from qa.demo.rows import SOURCE, Rows
from qa.demo.script import HARMLESS, Phrases, RedLineLine, Scene, Turn
from qa.demo.world import TRAINED_TEAM, TRAINING_WEEK, DemoAgent

ZONE = ZoneInfo("Asia/Shanghai")


# Chance of each fault in a conversation of an average agent, where the scene offers the opportunity.
BASE_RATES = {
    "no_greeting": 0.08,
    "no_closing": 0.15,
    "no_apology_after_wait": 0.45,
    "cold": 0.15,
    "no_empathy": 0.30,
    "wrong_info": 0.14,
    "wrong_policy": 0.16,
    "no_check": 0.16,
    "off_point": 0.12,
    "ask_again": 0.20,
    "no_follow_up": 0.22,
    "no_rating_invite": 0.26,
    "slow_first": 0.08,
    "slow_replies": 0.10,
}


_QUALITY = {
    "no_greeting": "care",
    "no_closing": "care",
    "no_apology_after_wait": "care",
    "cold": "care",
    "no_empathy": "care",
    "wrong_info": "knowledge",
    "wrong_policy": "knowledge",
    "no_check": "knowledge",
    "off_point": "knowledge",
    "ask_again": "discipline",
    "no_follow_up": "discipline",
    "no_rating_invite": "discipline",
    "slow_first": "discipline",
    "slow_replies": "discipline",
}


_SPOKEN = frozenset(
    {"cold", "no_empathy", "wrong_info", "wrong_policy", "no_check", "off_point", "ask_again", "no_follow_up"}
)


_HOUR_WEIGHTS = (0, 0, 0, 0, 0, 0, 0, 0, 3, 6, 9, 9, 6, 7, 8, 8, 7, 6, 6, 8, 10, 10, 7, 3)


_PHRASES: dict[str, Phrases] = {"zh_CN": phrases_zh.PHRASES, "en": scenes_en.PHRASES}


class Play:
    """One conversation in the making. `peers`: agents of the same shop whom the customer may meet next."""

    def __init__(
        self,
        draw: Random,
        agent: DemoAgent,
        week: int,
        monday: date,
        number: int,
        rows: Rows,
        peers: Sequence[str] = (),
    ) -> None:
        self.draw, self.agent, self.week, self.rows, self.peers = draw, agent, week, rows, peers
        self.phrases = _PHRASES[agent.language]
        self.id = f"{agent.agent_id}-{monday:%m%d}-{number:04d}"
        self.key = f"{SOURCE}:{self.id}"
        self.scene = self._scene()
        self.at = self._start(monday)
        self.started = self.at
        self.lines: list[tuple[Any, ...]] = []
        self.faults: list[str] = []
        self.fault_seqs: list[int] = []
        self.red_lines: list[str] = []
        self.slots = {name: draw.choice(values) for name, values in self.phrases.slots.items()}
        self.slots |= _private(draw, agent.language)
        self.customer = f"{'tb' if agent.language == 'zh_CN' else 'cust'}{draw.randrange(10**7):07d}"
        self.heated = draw.random() < self.scene.heated
        self.planned = {fault for fault in BASE_RATES if self._happens(fault)}
        self.red_line = self._red_line()
        self.plan = disputes.plan(self.key, self.scene.name, agent.language)

    def run(self) -> None:
        self._open()
        for turn in self.scene.turns:
            if turn.optional < 1 and self.draw.random() > turn.optional:
                continue
            if turn.who == "C":
                self._customer(turn)
            else:
                self._answer(turn)
        if self.red_line:
            self._violate(self.red_line)
        self._near_miss()
        self._promise()
        self._end()
        self._store()

    # scenes and chances

    def _scene(self) -> Scene:
        fitting = [s for s in self.phrases.scenes if not self.agent.stage or s.stage == self.agent.stage]
        return self.draw.choices(fitting, weights=[s.weight for s in fitting])[0]

    def _start(self, monday: date) -> datetime:
        day = monday + timedelta(days=self.draw.randrange(7))
        hour = self.draw.choices(range(24), weights=_HOUR_WEIGHTS)[0]
        moment = datetime.combine(day, time(hour, self.draw.randrange(60), self.draw.randrange(60)), ZONE)
        return moment.astimezone(UTC)

    def _happens(self, fault: str) -> bool:
        rate = BASE_RATES[fault] * float(getattr(self.agent, _QUALITY[fault]))
        if (
            self.agent.team == TRAINED_TEAM
            and self.week >= TRAINING_WEEK
            and fault in ("no_empathy", "cold", "no_follow_up", "ask_again")
        ):
            rate *= 0.25  # the training worked
        if self.heated:
            rate *= 1.4
        return self.draw.random() < min(rate, 0.85)

    def _red_line(self) -> RedLineLine | None:
        if self.draw.random() > self.agent.red_line_rate * (2.5 if self.heated else 1.0):
            return None
        fitting = [r for r in self.phrases.red_lines if r.stage in ("", self.scene.stage)]
        return self.draw.choice(fitting)

    # speaking

    def _say(self, role: str, text: str, after: float, kind: str = "text") -> None:
        self.at += timedelta(seconds=round(max(after, 1)))
        who = self.agent.agent_id if role == "agent" else None
        self.lines.append((self.id, len(self.lines), role, who, self.at, kind, self._fill(text)))

    def _fill(self, text: str) -> str:
        return text.format(**self.slots) if "{" in text else text

    def _one(self, lines: tuple[str, ...]) -> str:
        return self.draw.choice(lines)

    def _think(self) -> float:
        return self.draw.lognormvariate(0, 0.6) * self.agent.reply_seconds

    def _fault(self, name: str) -> bool:
        """Commit `name` now if it was planned; remember it as truth."""
        if name not in self.planned:
            return False
        self.planned.discard(name)
        self.faults.append(name)
        self.fault_seqs.append(len(self.lines) if name in _SPOKEN else -1)
        return True

    # the course of a conversation

    def _open(self) -> None:
        p = self.phrases
        if self.draw.random() < 0.4:
            self._say("bot", self._one(p.bot_lines), 0)
        if self.draw.random() < 0.25:
            self._say("customer", self._one(p.card_lines), 4, kind="card")
        if self.heated:
            self._say("customer", self._one(p.customer_anger), 6)
        first = self.scene.turns[0]
        self._say("customer", self._one(first.lines), 8)
        if self._fault("slow_first"):
            self._wait_too_long()
        if not self._fault("no_greeting"):
            self._say("agent", self._one(p.greetings), self._think() * 0.5)

    def _wait_too_long(self) -> None:
        self.at += timedelta(seconds=self.draw.randint(190, 900))
        self._say("customer", self._one(self.phrases.customer_impatience), 5)
        if not self._fault("no_apology_after_wait"):
            self._say("agent", self._one(self.phrases.apologies), self._think() * 0.3)

    def _customer(self, turn: Turn) -> None:
        if turn is self.scene.turns[0]:
            return  # spoken in the opening
        self._say("customer", self._one(turn.lines), self.draw.uniform(6, 70))
        if self.draw.random() < 0.004:
            self._say("customer", self._one(self.phrases.hostile_lines), 5)
        if self._fault("slow_replies"):
            self._wait_too_long()

    def _answer(self, turn: Turn) -> None:
        if self.heated and turn is self.scene.turns[1] and "no_empathy" not in self.planned:
            self._say("agent", self._one(self.phrases.empathy), self._think())
        for fault, lines in turn.faults.items():
            if self._fault(fault):
                self._say("agent", self._one(lines), self._think())
                self._after_fault(fault)
                return
        if self.draw.random() < 0.12:
            self._say("agent", self._one(self.phrases.holds), self._think() * 0.4)
            self._say("agent", self._one(self.phrases.follow_ups), self.draw.uniform(30, 110))
        self._say("agent", self._one(turn.lines), self._think() * 1.2)

    def _after_fault(self, fault: str) -> None:
        if fault == "no_follow_up":
            self.at += timedelta(minutes=self.draw.randint(16, 45))
            self._say("customer", self._one(self.phrases.customer_impatience), 5)
        elif fault in ("ask_again", "cold", "off_point") and self.draw.random() < 0.5:
            self._say("customer", self._one(self.phrases.customer_impatience), self.draw.uniform(5, 40))

    def _violate(self, line: RedLineLine) -> None:
        if line.prompt:
            self._say("customer", self._one(line.prompt), self.draw.uniform(5, 40))
        self._say("agent", self._one(line.lines), self._think())
        self.red_lines.append(line.rule_id)

    def _near_miss(self) -> None:
        if self.draw.random() < 0.05:
            who, text = self.draw.choice(self.phrases.near_misses)
            self._say("customer" if who == "C" else "agent", text, self.draw.uniform(8, 40))

    def _end(self) -> None:
        p = self.phrases
        if self.faults and self.heated and self.draw.random() < 0.35:
            self._say("customer", self._one(p.customer_anger), self.draw.uniform(5, 60))
        elif self.draw.random() < 0.75:
            self._say("customer", self._one(p.customer_thanks), self.draw.uniform(5, 60))
        if not self._fault("no_closing"):
            self._say("agent", self._one(p.closings), self._think() * 0.6)
        if not self._fault("no_rating_invite"):
            self._say("agent", self._one(p.rating_invites), 3)

    # storing

    def _store(self) -> None:
        harm = 1.4 * sum(f not in HARMLESS for f in self.faults)
        harm += 2.5 * len(self.red_lines) + (0.8 if self.heated else 0.0)
        satisfaction = self._satisfaction(harm)
        order = self.slots["order"] if self.scene.stage == "aftersale" or self.draw.random() < 0.3 else None
        counts = sum(1 for line in self.lines if line[2] == "agent")
        self.rows.messages.extend(self.lines)
        self.rows.conversations.append(
            self._head(
                self.id, self.agent.agent_id, order, self.lines[0][4], self.at, len(self.lines), counts, satisfaction
            )
        )
        self.rows.truth.append(
            {
                "conversation_key": self.key,
                "agent_id": self.agent.agent_id,
                "faults": self.faults,
                "fault_seqs": self.fault_seqs,
                "red_lines": self.red_lines,
            }
        )
        if satisfaction is not None:
            self._rate(satisfaction, order)
        likely = disputes.chance(self.plan, self.scene.dispute * (1 + harm))
        if order and self.scene.name in disputes.WORDING[self.agent.language].scenes and self.draw.random() < likely:
            self._dispute(order)

    def _satisfaction(self, harm: float) -> int | None:
        if self.draw.random() > 0.38 + 0.08 * harm:
            return None
        return max(1, min(5, round(5.2 - harm * self.draw.uniform(0.5, 1.1) + self.draw.gauss(0, 0.5))))

    def _rate(self, score: int, order: str | None) -> None:
        p = self.phrases
        comments = p.rating_comments_good if score >= 4 else p.rating_comments_bad
        self.rows.ratings.append(
            {
                "rating_key": f"{SOURCE}:R{self.id}",
                "source": SOURCE,
                "rating_id": f"R{self.id}",
                "conversation_key": self.key,
                "conversation_id": self.id,
                "agent_id": self.agent.agent_id,
                "customer_id": self.customer,
                "order_id": order,
                "shop": self.agent.shop,
                "rated_at": self.at + timedelta(minutes=self.draw.randint(1, 300)),
                "score": score,
                "label": str(score),
                "comment": self.draw.choice(comments),
                "origin": self.draw.choice(("agent_invited", "buyer", "system")),
            }
        )

    # what follows the conversation

    def _promise(self) -> None:
        """A refund that the agent promises before the closing line, where the plan has one."""
        if self.plan.promised:
            line = self.plan.draw.choice(disputes.WORDING[self.agent.language].promises)
            self.plan.seq = len(self.lines)
            self._say("agent", line.format(sum=self.plan.promised), 20)
            self.plan.said_at = self.at

    def _dispute(self, order: str) -> None:
        plan, scene = self.plan, self.scene.name
        faulty = 0.6 + 0.4 * float(self.agent.discipline)
        fields = disputes.record(plan, scene, self.agent.language, self.slots, self.at, faulty)
        how = plan.draw.choices([name for name, _ in disputes.JOINS], [weight for _, weight in disputes.JOINS])[0]
        opened, key, answers = fields["opened_at"], self.key, self.agent.agent_id
        if how == "several" or plan.draw.random() < 0.25:
            answers = self._again("b", order, self.at + (opened - self.at) * plan.draw.uniform(0.3, 0.7))
            key = self.key if how == "given" else f"{SOURCE}:{self.id}b"
            how = "several" if how == "customer" else how
        if plan.draw.random() < 0.2:
            self._again("c", order, opened + timedelta(hours=plan.draw.uniform(2, 20)))
        joined = None if how in ("several", "none") else key
        self.rows.disputes.append(
            {
                "dispute_key": f"{SOURCE}:D{self.id}", "source": SOURCE, "dispute_id": f"D{self.id}",
                "conversation_id": self.id if how == "given" else None,
                "order_id": order if how in ("given", "order") else None,
                "customer_id": None if how == "none" else self.customer, "shop": self.agent.shop, **fields,
            }
        )  # fmt: skip
        self.rows.dispute_truth.append(
            {
                "dispute_key": f"{SOURCE}:D{self.id}", "join": how, "conversation_key": joined,
                "agent_id": answers if joined else None, "faults": list(plan.faults),
                "author": self.agent.agent_id,
            }
        )  # fmt: skip
        if plan.promised and how in ("given", "order"):
            self.rows.promise_truth.append(
                {
                    "conversation_key": self.key, "seq": plan.seq, "kind": "refund", "amount": plan.promised * 100,
                    "status": "kept" if plan.kept else "broken",
                }
            )  # fmt: skip

    def _again(self, mark: str, order: str, at: datetime) -> str:
        """The customer comes back about the same order and meets another agent; returns who that is."""
        plan, words = self.plan, disputes.WORDING[self.agent.language]
        peer = plan.draw.choice(self.peers) if self.peers else self.agent.agent_id
        name, start = f"{self.id}{mark}", at.replace(microsecond=0)
        said = (
            ("bot", None, plan.draw.choice(self.phrases.bot_lines)),
            ("customer", None, self._fill(plan.draw.choice(words.again))),
            ("agent", peer, plan.draw.choice(words.answered)),
        )
        for seq, (role, who, text) in enumerate(said):
            self.rows.messages.append(
                (name, seq, role, who, start + timedelta(seconds=25 * seq), "text", self._fill(text))
            )
        self.rows.conversations.append(
            self._head(name, peer, order, start, start + timedelta(seconds=50), len(said), 1, None)
        )
        truth = {
            "conversation_key": f"{SOURCE}:{name}",
            "agent_id": peer,
            "faults": [],
            "fault_seqs": [],
            "red_lines": [],
        }
        self.rows.truth.append(truth)
        return peer

    def _head(
        self,
        name: str,
        agent: str,
        order: str | None,
        start: datetime,
        end: datetime,
        lines: int,
        own: int,
        satisfaction: int | None,
    ) -> dict[str, Any]:
        return {
            "conversation_key": f"{SOURCE}:{name}", "source": SOURCE, "conversation_id": name, "agent_id": agent,
            "agent_ids": [agent], "customer_id": self.customer, "shop": self.agent.shop,
            "channel": "wangwang" if self.agent.language == "zh_CN" else "chat", "order_id": order, "started_at": start,
            "ended_at": end, "message_count": lines, "agent_message_count": own, "satisfaction": satisfaction,
        }  # fmt: skip


def _private(draw: Random, language: str) -> dict[str, str]:
    """Order numbers and invented personal data, which masking must hide."""
    order = f"{draw.randrange(10**11, 10**12)}{draw.randrange(10**6):06d}"
    ticket = f"GD{draw.randrange(10**6):06d}"
    if language == "en":
        person, phone = (
            draw.choice(("Jordan Blake", "Taylor Reyes", "Casey Wu")),
            f"+1 503 555 01{draw.randrange(100):02d}",
        )
        address = f"{draw.randrange(10, 990)} Alder Street, Portland, OR 97205"
        email = f"{person.split()[0].lower()}{draw.randrange(100)}@example.com"
    else:
        person = draw.choice("赵钱孙李周吴郑王") + draw.choice(("女士", "先生", "晓梅", "建华", "丹"))
        phone = f"1{draw.choice(('35', '38', '59', '86'))}0000{draw.randrange(10**4):04d}"
        address = (
            draw.choice(("浙江省杭州市西湖区文三路", "四川省成都市武侯区天府大道", "湖北省武汉市洪山区珞喻路"))
            + f"{draw.randrange(1, 500)}号{draw.randrange(1, 30)}栋{draw.randrange(101, 2500)}室"
        )
        email = f"user{draw.randrange(10**4)}@example.com"
    return {
        "order": order,
        "ticket": ticket,
        "person": person,
        "phone": phone,
        "tail": phone[-4:],
        "address": address,
        "email": email,
        "wx": f"qh{draw.randrange(10**5):05d}",
        "qq": str(draw.randrange(10**8, 10**9)),
    }
