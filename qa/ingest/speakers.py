"""Who spoke: by a column of roles, or by names against customer, agent, roster and what a person said about them.

Whoever cannot be told is a problem of the row, never silently the customer. Bots are never the agent of a conversation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from zoneinfo import ZoneInfo

import polars as pl

from qa.ingest import fields, values, vocabulary
from qa.ingest.cells import Cells
from qa.people.aliases import Alias, persons

SUB_ACCOUNT = re.compile(r"^[^:：\s][^:：]{0,60}[:：][^:：]{1,40}$")
"""An account of a shop on Taobao: shop, colon, member of staff. Nicknames of customers cannot hold a colon."""
BOT_NAME = re.compile(
    r"机器人|服务助手|智能客服|智能助[理手]|自动回复|客服助手|店小蜜|小蜜助手|(?:^|[\s_\-])(?:chat)?bot$", re.IGNORECASE
)
_BORDER = r"[\s\-_:：·|/（(【\[]"
TITLED_CUSTOMER = re.compile(
    rf"^(?:买家|顾客|客户|会员|用户|访客|消费者|customer|buyer|visitor|client|user){_BORDER}+\S", re.IGNORECASE
)
TITLED_AGENT = re.compile(
    rf"^(?:客服|坐席|座席|卖家|商家|agent|seller|operator|support|staff){_BORDER}+\S|^客服[^的\s]{{1,5}}$",
    re.IGNORECASE,
)
"""Names that begin by saying what they are: 买家-tb1, 客服小美, Agent: Rui."""
PAIR = ["name", "receiver", "customer", "agent", "agent_name"]


@dataclass
class People:
    """What is known of who is who: `accounts` of the roster (account, name or alias → agent id), and what the file has
    told so far."""

    accounts: MappingOf[str, str] = field(default_factory=dict)
    aliases: Sequence[Alias] = ()
    agents: set[str] = field(default_factory=set)
    customers: set[str] = field(default_factory=set)
    spoken: bool = False
    """Whether a customer has spoken under the name that the file gives the customer."""

    def person(self, names: pl.Series, at: pl.Series, zone: ZoneInfo) -> pl.Series:
        """`names` of agents with other accounts of a person as that person, at the moments `at`."""
        return persons(names, at, self.aliases, zone) if self.aliases else names

    def is_agent(self, name: str | None) -> bool:
        """Whether a name is known to be an agent's."""
        return bool(name) and (
            name in self.accounts or name in self.agents or SUB_ACCOUNT.match(name or "") is not None
        )


class Speakers:
    """Of every row: the role (null where open), the agent who spoke, the agent and the customer of the conversation."""

    def __init__(self, rows: _SpeakerRows, role: pl.Series) -> None:
        self._rows, self.role = rows, role

    @cached_property
    def speaker(self) -> pl.Series:
        """The agent of each agent message."""
        return self._rows.speakers(self.role)

    @cached_property
    def agent(self) -> pl.Series:
        """The agent of the conversation."""
        return self._rows.agents(self.role)

    @cached_property
    def customer(self) -> pl.Series:
        """The customer of the conversation."""
        return self._rows.customers(self.role)

    @cached_property
    def asked(self) -> pl.Series:
        """The known agent to whom a customer wrote, who may never have answered."""
        return self._rows.asked(self.role)


def resolve(cells: Cells, people: People, group: pl.Series | None, aside: pl.Series) -> Speakers:
    """Who spoke in each row; rows of which that cannot be told become bad. `group` names the conversation of each row,
    `aside` the rows that nobody said to the other side, of which the speaker need not be known."""
    rows = _SpeakerRows(cells, people)
    role = rows.said
    open_ = role.is_null() & ~cells.bad
    if open_.any():
        role = rows.by_name(role, open_, group, aside)
    return Speakers(rows, rows.without_bots(role))


class _SpeakerRows:
    """One piece, with the columns that say who spoke."""

    def __init__(self, cells: Cells, people: People) -> None:
        self.cells, self.people = cells, people
        self._named_agent = cells.text("agent_id") if cells.has("agent_id") else cells.raw("agent_id")
        self._bots = _bots(self._named_agent, people)
        self.agent = self._named_agent.replace(dict.fromkeys(self._bots)) if self._bots else self._named_agent
        self.worded = False  # whether the column of roles holds words, so that what it holds beside them is no name

    @cached_property
    def customer(self) -> pl.Series:
        return self.cells.text("customer_id")

    @cached_property
    def sender(self) -> pl.Series:
        return self.cells.text("sender_id")

    @cached_property
    def receiver(self) -> pl.Series:
        return _first(self.cells.text("receiver_id"))

    def _learn(self) -> None:
        self.people.agents.update(name for name in self.agent.drop_nulls().unique())
        if self.cells.has("sender_id") or self.cells.has("role"):
            self.people.customers.update(self.customer.drop_nulls().unique())

    @cached_property
    def said(self) -> pl.Series:
        """The roles that the column of roles says in words; null where it does not."""
        cells, mapping = self.cells, self.cells.mapping
        if not cells.has("role"):
            return pl.Series("role", [None], dtype=pl.String).new_from_index(0, cells.frame.height)
        said = cells.raw("role").cast(pl.String)
        return values.translate(said, values.words_for(vocabulary.ROLES, mapping.values.get("role", {}))).alias("role")

    @cached_property
    def name(self) -> pl.Series:
        """The name that is judged: of the account that spoke, else what stands in the column of roles."""
        if self.cells.has("sender_id"):
            return self.sender
        return self.cells.text("role")

    def by_name(self, role: pl.Series, open_: pl.Series, group: pl.Series | None, aside: pl.Series) -> pl.Series:
        """`role` with the open rows decided by the speaker's name."""
        self._learn()
        self.worded = not self.cells.has("sender_id") and role.is_in(["customer", "agent"]).any()
        frame = self._open(open_)
        if not self.people.spoken:
            self.people.spoken = bool((frame["name"] == frame["customer"]).any())
        pairs = frame.select(PAIR).unique()
        decided = [self._decide(*pair) for pair in pairs.iter_rows()]
        told = pairs.with_columns(
            role=pl.Series([who for who, _ in decided], dtype=pl.String),
            guess=pl.Series([guess for _, guess in decided], dtype=pl.Boolean),
        )
        frame = frame.join(told, on=PAIR, how="left", nulls_equal=True, maintain_order="left")
        role = role.scatter(frame["i"], frame["role"])
        role = self._last_one(role, frame, group)
        self._note(role, frame, aside)
        return role.scatter((role.is_null() & aside).arg_true(), "system")

    def without_bots(self, role: pl.Series) -> pl.Series:
        """`role`, with agents that are bots by the name of who spoke, or of whom the file names as the agent, as
        bots."""
        spoke = self._named_agent
        if self.cells.has("sender_id"):
            spoke = self.sender.zip_with(self.sender.is_not_null(), spoke)
        bots = _bots(spoke, self.people) if self.cells.has("sender_id") else self._bots
        if not bots:
            return role
        theirs = (role == "agent").fill_null(False) & spoke.is_in(list(bots)).fill_null(False)
        return role.clone().scatter(theirs.arg_true(), "bot") if theirs.any() else role

    def _open(self, open_: pl.Series) -> pl.DataFrame:
        """The open rows, each with its number `i` and the names it holds."""
        columns = {"name": self.name, "receiver": self.receiver, "customer": self.customer, "agent": self.agent}
        columns["agent_name"] = self.cells.text("agent_name")
        frame = pl.DataFrame([column.cast(pl.String).alias(name) for name, column in columns.items()])
        return frame.with_row_index("i").filter(open_)

    def _decide(
        self, name: str | None, receiver: str | None, customer: str | None, agent: str | None, agent_name: str | None
    ) -> tuple[str | None, bool]:
        """The role of a name, and whether that is an assumption."""
        mapping, people = self.cells.mapping, self.people
        known = _said(mapping.people, mapping.patterns, name or "")
        if known or not name:
            return known, False
        if name == customer:
            return "customer", False
        word = vocabulary.ROLES.get(fields.simplified(name)) or ("bot" if BOT_NAME.search(name) else _titled(name))
        if word and name not in people.accounts:
            return word, False
        if name in (agent, agent_name) or people.is_agent(name):
            return "agent", False
        if name in people.customers:
            return "customer", False
        if receiver and (other := _said(mapping.people, mapping.patterns, receiver) or self._kind(receiver, customer)):
            return ("customer" if other in ("agent", "bot") else "agent"), False
        return ("agent", True) if customer and people.spoken and not self.worded else (None, False)

    def _kind(self, name: str, customer: str | None) -> str | None:
        if self.people.is_agent(name):
            return "agent"
        return "customer" if name == customer or name in self.people.customers else None

    def _last_one(self, role: pl.Series, frame: pl.DataFrame, group: pl.Series | None) -> pl.Series:
        """In a chat with an agent, the only name left is the customer's; without ids, the piece is one chat."""
        if not frame["role"].null_count() or self.cells.has("customer_id"):
            return role
        chat = group if group is not None else pl.Series([0]).new_from_index(0, len(role))
        every = pl.DataFrame({"g": chat, "name": self.name, "role": role}).with_row_index("i")
        agents = every.filter(pl.col("role") == "agent").select("g").unique()
        left = every.filter(pl.col("role").is_null() & pl.col("name").is_not_null())
        alone = left.group_by("g").agg(pl.col("name").n_unique().alias("n")).filter(pl.col("n") == 1)
        found = left.join(alone, on="g", how="semi", nulls_equal=True).join(
            agents, on="g", how="semi", nulls_equal=True
        )
        return role.scatter(found["i"], "customer") if found.height else role

    def _note(self, role: pl.Series, frame: pl.DataFrame, aside: pl.Series) -> None:
        """Assumptions and what is still open, as problems of the rows."""
        cells, field_ = self.cells, "sender_id" if self.cells.has("sender_id") else "role"
        none = pl.Series([False]).new_from_index(0, len(role))
        guessed = none.scatter(frame.filter(pl.col("guess").fill_null(False))["i"], True)
        cells.warn("assumed_agent", field_, guessed, self.name)
        still = role.is_null() & none.scatter(frame["i"], True) & ~aside
        empty = self.name.is_null()
        cells.reject("missing", field_, still & empty)
        word = (
            "unknown_role"
            if self.worded or (not cells.has("sender_id") and not cells.has("customer_id"))
            else "unknown_speaker"
        )
        cells.reject(word, field_, still & ~empty, self.name)

    def speakers(self, role: pl.Series) -> pl.Series:
        """The agent of each agent message: the account that spoke where the file says so, else the conversation's."""
        named = self.sender if self.cells.has("sender_id") else self._name_of_agents(role)
        if self.cells.has("agent_id") and (words := _words(named, self.people)):
            named = named.replace(dict.fromkeys(words))  # “agent” is nobody's name
        speaker = named.zip_with(named.is_not_null(), self.agent) if named.null_count() < len(named) else self.agent
        if self.cells.has("agent_name") and self.cells.has("agent_id"):
            same = (named == self.cells.text("agent_name")).fill_null(False) & self.agent.is_not_null()
            speaker = self.agent.zip_with(same, speaker)
        if renamed := {name: account for name, account in self.people.accounts.items() if name != account}:
            known = {name: renamed[name] for name in speaker.unique() if name in renamed}
            speaker = speaker.replace(known) if known else speaker
        return pl.select(pl.when(role == "agent").then(speaker)).to_series()

    def _name_of_agents(self, role: pl.Series) -> pl.Series:
        """Names in the column of roles are names only where they are no words."""
        nobody = pl.Series([None], dtype=pl.String).new_from_index(0, len(role))
        if not self.cells.has("role"):
            return nobody
        said = self.said
        if not said.null_count():
            return nobody
        return self.name.zip_with(said.is_null() & (role == "agent").fill_null(False), nobody)

    def agents(self, role: pl.Series) -> pl.Series:
        """The agent of the conversation: as the file says, else the agent of the two who speak."""
        if self.cells.has("agent_id"):
            return self.agent
        spoke = self.speakers(role)
        if self.cells.has("receiver_id"):
            other = pl.select(pl.when(role == "customer").then(self.receiver)).to_series()
            return spoke.zip_with(spoke.is_not_null(), other)
        return self._of_piece(spoke)

    def asked(self, role: pl.Series) -> pl.Series:
        """The receivers of what customers wrote that are known to be agents."""
        theirs = [name for name in self.receiver.drop_nulls().unique() if self.people.is_agent(name)]
        named = self.receiver.replace({name: self.people.accounts.get(name, name) for name in theirs})
        customers = (role == "customer").fill_null(False) & self.receiver.is_in(theirs).fill_null(False)
        return pl.select(pl.when(customers).then(named)).to_series()

    def customers(self, role: pl.Series) -> pl.Series:
        """The customer of the conversation: as the file says, else the customer of the two who speak."""
        if self.cells.has("customer_id") or not self.cells.has("sender_id"):
            return self.customer
        spoke = pl.select(pl.when(role == "customer").then(self.sender)).to_series()
        if self.cells.has("receiver_id"):
            other = pl.select(pl.when(role.is_in(["agent", "bot"])).then(self.receiver)).to_series()
            return spoke.zip_with(spoke.is_not_null(), other)
        if not self.cells.has("conversation_id") and spoke.n_unique() - bool(spoke.null_count()) > 1:
            return spoke.fill_null(strategy="forward").fill_null(strategy="backward")  # who asked last is answered
        return self._of_piece(spoke)

    def _of_piece(self, names: pl.Series) -> pl.Series:
        """Without ids the piece is one chat: its first name for every row."""
        if self.cells.has("conversation_id") or not len(first := names.drop_nulls()):
            return names
        return pl.Series([first[0]], dtype=pl.String).new_from_index(0, len(names))


def _said(people: MappingOf[str, str], patterns: MappingOf[str, str], name: str) -> str | None:
    """The role that a person, or a preset's pattern, gives a name."""
    if name in people:
        return people[name]
    return next((role for role, pattern in patterns.items() if name and re.search(pattern, name)), None)


def _titled(name: str) -> str | None:
    """The role that a name begins with."""
    if TITLED_CUSTOMER.match(name):
        return "customer"
    return "agent" if TITLED_AGENT.match(name) else None


def _bots(names: pl.Series, people: People) -> set[str]:
    """Those of `names` that are bots: by a word for one, or by their name unless somebody of the roster bears it."""
    return {
        name
        for name in names.drop_nulls().unique()
        if vocabulary.ROLES.get(name.casefold()) == "bot" or (BOT_NAME.search(name) and name not in people.accounts)
    }


def _words(names: pl.Series, people: People) -> list[str]:
    """Those of `names` that are words for a role."""
    return [
        name
        for name in names.drop_nulls().unique()
        if name.casefold() in vocabulary.ROLES and name not in people.accounts
    ]


def _first(names: pl.Series) -> pl.Series:
    """The first of several receivers."""
    listed = names.str.contains(r'^\[?".*"\]?$|,')
    return names.str.strip_chars('[]" ').str.split(",").list.first().str.strip_chars('" ') if listed.any() else names
