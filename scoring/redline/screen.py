"""Screening: messages in, hits out.

Owns the order of work (search all rules at once, look exactly at candidates, then ask the conversation), which version
of a rule judges which chat, and the columns of a hit. Memory is bounded by the batch; a caller with more messages than
fit passes them conversation-complete part by part. Does not know where messages come from and where hits are kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from scoring.problem import N_, Words
from scoring.redline import wording
from scoring.redline.context import PARTIES, LineHit, SpokenLine, expression, judged, omissions, terms_matcher
from scoring.redline.finder import make_finder
from scoring.redline.logic import LogicError, names
from scoring.redline.markup import SIGN, visible
from scoring.redline.matcher import Matcher, Piece, innocent, regex_piece
from scoring.redline.pairs import NONE, Pairs
from scoring.redline.reason import reasons
from scoring.redline.rule import Anchor, Evasion, Guard, Rule
from scoring.redline.syntax import PatternError

MESSAGE_COLUMNS = ("conversation_key", "seq", "role", "sent_at", "text")
HIT_SCHEMA = pl.Schema(
    {
        "conversation_key": pl.String,
        "seq": pl.Int32,
        "rule_id": pl.String,
        "rule_version": pl.Int32,
        "start": pl.Int32,
        "end": pl.Int32,
        "matched": pl.String,
        "reason_zh": pl.String,
        "reason_en": pl.String,
    }
)


class Hit(NamedTuple):
    """A span before it is put into a frame; ``rule`` is the rule's place in the screener."""

    key: str
    rule: int
    seq: int
    start: int
    end: int
    matched: str


@dataclass(frozen=True, slots=True)
class Chat:
    """What decides which rules judge a conversation."""

    day: date | None
    platform: str | None


def markup_sign() -> Piece:
    """Searched for along with the rules: a message with this sign is searched once more without its markup."""
    return regex_piece(SIGN, Evasion.none())


class Pass:
    """All rules that read one role, searched for together. Equal pieces of several rules are searched for once."""

    def __init__(self, matchers: Mapping[int, Matcher], engine: str | None) -> None:
        self.matchers = matchers
        owners: dict[Piece, list[tuple[int, int]]] = defaultdict(list)
        for rule, matcher in matchers.items():
            for n, piece in enumerate(matcher.pieces):
                owners[piece].append((rule, n))
        self.owners = list(owners.values())
        self.pieces = list(owners)
        self.finder = make_finder([*self.pieces, markup_sign()], engine)

    def alone(self, piece: int) -> int:
        """The rule of a piece that decides alone, without exclusions and guards; −1 when there is more to consider."""
        (rule, _), *others = self.owners[piece]
        return rule if not others and self.matchers[rule].bare else -1

    def spans(self, texts: pl.Series) -> Iterator[tuple[int, int, int, int, str]]:
        """(row, rule, start, end, matched) of all breaches, exactly; rows in no order. Texts with markup are read
        without it."""
        pairs = self.finder.candidates(texts)
        marked = pairs[:, 1] == len(self.pieces)
        if not marked.any():
            yield from self.plain_spans(texts, pairs)
            return
        said = dict(zip(pairs[marked, 0].tolist(), texts.gather(pairs[marked, 0]).to_list(), strict=True))
        seen = {row: read for row, text in said.items() if (read := visible(text))}
        rows = np.array(list(seen), dtype=np.int64)
        shown = pl.Series([each.text for each in seen.values()], dtype=pl.String)
        again = self.finder.candidates(shown) if seen else NONE
        plain = pairs[~marked & ~np.isin(pairs[:, 0], rows)]
        yield from self.plain_spans(texts, plain)
        for n, rule, start, end, _ in self.plain_spans(shown, again[again[:, 1] < len(self.pieces)]):
            row = int(rows[n])
            start, end = seen[row].original(start, end)
            yield row, rule, start, end, said[row][start:end]

    def plain_spans(self, texts: pl.Series, pairs: Pairs) -> Iterator[tuple[int, int, int, int, str]]:
        """The same for texts without markup whose candidates are known."""
        if not len(pairs):
            return
        rows, pieces = pairs[:, 0], pairs[:, 1]
        alone = np.array([self.alone(n) for n in range(len(self.pieces))])[pieces]
        single = (np.diff(rows, prepend=-1) != 0) & (np.diff(rows, append=-1) != 0) & (alone >= 0)
        said = texts.gather(rows[single]).to_list()
        for row, piece, rule, text in zip(
            rows[single].tolist(), pieces[single].tolist(), alone[single].tolist(), said, strict=True
        ):
            for match in self.pieces[piece].exact.finditer(text):
                yield row, rule, *match.span(), match[0]
        yield from self.considered(texts, pairs[~single])

    def considered(self, texts: pl.Series, pairs: Pairs) -> Iterator[tuple[int, int, int, int, str]]:
        """The same for messages with several candidates or rules that ask for more than a match."""
        wanted: dict[tuple[int, int], list[int]] = defaultdict(list)
        for row, piece in pairs.tolist():
            for rule, n in self.owners[piece]:
                wanted[row, rule].append(n)
        said = texts.gather([row for row, _ in wanted]).to_list()
        for ((row, rule), candidates), text in zip(wanted.items(), said, strict=True):
            for start, end in self.matchers[rule].spans(text, candidates):
                yield row, rule, start, end, text[start:end]


class Screener:
    """Compiled rules. ``tz`` is the business time zone in which a chat has its date; ``engine`` forces one engine."""

    def __init__(self, rules: Sequence[Rule], *, tz: str = "Asia/Shanghai", engine: str | None = None) -> None:
        """Raises PatternError or LogicError for a rule that :func:`scoring.redline.check_rule` would refuse."""
        self.rules = tuple(rules)
        self.zone = ZoneInfo(tz)
        self.engine = engine
        self.matchers = {n: compiled(rule) for n, rule in enumerate(self.rules) if rule.terms}
        self.wordings = {n: wording.model(rule.wording.model) for n, rule in enumerate(self.rules) if rule.wording}

    @cached_property
    def passes(self) -> dict[str, Pass]:
        """One pass per role that any rule reads; roles that the same rules read share it."""
        compiled: dict[tuple[int, ...], Pass] = {}
        found = {}
        for role in PARTIES:
            reading = tuple(n for n in self.matchers if role in self.rules[n].speaker.roles)
            if reading and reading not in compiled:
                compiled[reading] = Pass({n: self.matchers[n] for n in reading}, self.engine)
            if reading:
                found[role] = compiled[reading]
        return found

    @cached_property
    def expecting(self) -> Pass | None:
        """The words whose absence is a breach, searched for as breaches are."""
        wanted = {
            n: terms_matcher(rule.missing.expected, rule.evasion)
            for n, rule in enumerate(self.rules)
            if omits(rule) and rule.missing and rule.missing.expected
        }
        return Pass(wanted, self.engine) if wanted else None

    def screen(self, messages: pl.DataFrame, conversations: pl.DataFrame | None = None) -> pl.DataFrame:
        """Hits (``HIT_SCHEMA``, sorted) in ``messages``: conversation_key, seq, role, sent_at (may be null), text.

        Conversations must be complete for rules that look at neighbours. ``conversations`` may give ``started_at`` and
        ``platform``; without it a chat's date is that of its first message, and a chat without any date is judged by
        the versions still open. Offsets are code points of the original text; an empty span marks the whole message.
        Keys may be numbers; a time without zone is UTC. Raises ValueError naming a column that is missing or of a type
        that cannot be read, or a conversation that holds two messages of one ``seq`` where their order matters.
        """
        messages = readable("messages", messages)
        conversations = None if conversations is None else readable("conversations", conversations)
        found = self.found(messages)
        if not self.simple:
            keys = None if self.omitting else {h.key for h in found}
            chats = self.chats(messages, conversations, keys)
            found = [h for h in found if h.rule in self.judging(chats[h.key])]
            found = self.in_context(found, messages, chats)
        return self.frame(found)

    @cached_property
    def omitting(self) -> bool:
        """Does any rule speak of what is not there at all, so that every conversation must be read?"""
        return any(map(omits, self.rules))

    @cached_property
    def simple(self) -> bool:
        """Do all rules judge every chat, message by message? Then no conversation needs to be looked at."""
        return len({r.id for r in self.rules}) == len(self.rules) and not any(
            r.in_force_from or r.in_force_to or r.platforms or needs_context(r) for r in self.rules
        )

    def found(self, messages: pl.DataFrame) -> list[Hit]:
        """Exact spans of every rule, whatever the chat around them."""
        found: list[Hit] = []
        for role, search in self.passes.items():
            spoken = messages.select("conversation_key", "seq", "text").filter(messages["role"] == role)
            spans = list(search.spans(spoken["text"].fill_null("")))
            where = spoken.select("conversation_key", "seq")[[row for row, *_ in spans]]
            found += [
                Hit(key, rule, seq, start, end, matched)
                for key, seq, (_, rule, start, end, matched) in zip(
                    where["conversation_key"].to_list(), where["seq"].to_list(), spans, strict=True
                )
            ]
        return found + [hit for n in self.wordings for hit in self.worded(n, messages)]

    def worded(self, number: int, messages: pl.DataFrame) -> Iterator[Hit]:
        """Messages that read like violations, each with the stretch that speaks most for it."""
        rule, weights = self.rules[number], self.wordings[number]
        assert rule.wording is not None
        spoken = messages.select("conversation_key", "seq", "text").filter(
            messages["role"].is_in(rule.speaker.roles), pl.col("text") != ""
        )
        marked = spoken.filter(pl.Series(weights.scores(spoken["text"]) >= rule.wording.least / 100))
        for (key, seq, text), (start, end) in zip(marked.iter_rows(), weights.spans(marked["text"]), strict=True):
            if not innocent(rule, text, (start, end)):
                yield Hit(key, number, seq, start, end, text[start:end])

    def said(self, messages: pl.DataFrame) -> dict[tuple[str, int], set[int]]:
        """By conversation and rule, the ``seq`` of the agent's messages that hold a phrase which the rule expects."""
        found: dict[tuple[str, int], set[int]] = defaultdict(set)
        if self.expecting is not None:
            spoken = messages.select("conversation_key", "seq", "text").filter(messages["role"] == "agent")
            places = {(row, rule) for row, rule, *_ in self.expecting.spans(spoken["text"].fill_null(""))}
            where = spoken.select("conversation_key", "seq")[[row for row, _ in places]]
            for (key, seq), (_, rule) in zip(where.iter_rows(), places, strict=True):
                found[key, rule].add(seq)
        return found

    def chats(
        self, messages: pl.DataFrame, conversations: pl.DataFrame | None, keys: set[str] | None
    ) -> dict[str, Chat]:
        """Date and platform of the conversations in ``keys`` (None: all)."""
        if keys is not None:
            messages = messages.filter(
                pl.col("conversation_key").is_in(pl.Series(sorted(keys), dtype=pl.String).implode())
            )
        starts = messages.group_by("conversation_key").agg(pl.col("sent_at").min())
        days = dict(starts.iter_rows())
        platforms: dict[str, str | None] = {}
        if conversations is not None:
            known = conversations.filter(pl.col("conversation_key").is_in(starts["conversation_key"].implode()))
            if "started_at" in known.columns:
                days |= {k: v for k, v in known.select("conversation_key", "started_at").iter_rows() if v is not None}
            if "platform" in known.columns:
                platforms = dict(known.select("conversation_key", "platform").iter_rows())
        return {
            key: Chat(start.astimezone(self.zone).date() if start is not None else None, platforms.get(key))
            for key, start in days.items()
        }

    def judging(self, chat: Chat) -> frozenset[int]:
        """The rules that judge a chat: of each id the highest version in force there and then."""
        known = self._judging.get(chat)
        if known is None:
            best: dict[str, int] = {}
            for n, rule in enumerate(self.rules):
                if rule.applies(chat.day, chat.platform):
                    held = best.get(rule.id)
                    if held is None or self.rules[held].version < rule.version:
                        best[rule.id] = n
            known = self._judging[chat] = frozenset(best.values())
        return known

    @cached_property
    def _judging(self) -> dict[Chat, frozenset[int]]:
        return {}

    def in_context(self, found: list[Hit], messages: pl.DataFrame, chats: Mapping[str, Chat]) -> list[Hit]:
        """The found hits once their conversations are considered, with the omissions that the chats show."""
        social = {n for n, rule in enumerate(self.rules) if needs_context(rule)}
        kept = [h for h in found if h.rule not in social]
        asking: dict[str, dict[int, list[Hit]]] = defaultdict(lambda: defaultdict(list))
        for h in found:
            if h.rule in social:
                asking[h.key][h.rule].append(h)
        said = self.said(messages)
        for key, lines in transcripts(messages, set(chats) if self.omitting else set(asking)):
            position = {line.seq: n for n, line in enumerate(lines)}
            if len(position) < len(lines):
                raise ValueError(f"conversation {key} holds two messages with one seq")
            for n in sorted(social & self.judging(chats[key])):
                here = [LineHit(position[h.seq], h.start, h.end) for h in asking[key][n]]
                left = [*judged(self.rules[n], lines, here), *omissions(self.rules[n], lines, said.get((key, n), ()))]
                kept += [Hit(key, n, lines[h.at].seq, h.start, h.end, lines[h.at].text[h.start : h.end]) for h in left]
        return kept

    def frame(self, found: Sequence[Hit]) -> pl.DataFrame:
        """Hits as a frame with reasons, sorted by conversation, message, rule and place."""
        if not found:
            return HIT_SCHEMA.to_frame()
        keys, rules, seqs, starts, ends, matched = zip(*found, strict=True)
        asked: dict[int, set[str]] = defaultdict(set)
        for number, text in zip(rules, matched, strict=True):
            asked[number].add(text)
        why = {
            number: dict(zip(texts, reasons(self.rules[number], [*texts]), strict=True))
            for number, texts in asked.items()
        }
        said = [why[number][text] for number, text in zip(rules, matched, strict=True)]
        columns = {
            "conversation_key": keys,
            "seq": seqs,
            "rule_id": [self.rules[n].id for n in rules],
            "rule_version": [self.rules[n].version for n in rules],
            "start": starts,
            "end": ends,
            "matched": matched,
            "reason_zh": [r.zh for r in said],
            "reason_en": [r.en for r in said],
        }
        return pl.DataFrame(columns, schema=HIT_SCHEMA).sort("conversation_key", "seq", "rule_id", "start", "end")


TYPES: dict[str, pl.DataType] = {
    "conversation_key": pl.String(),
    "seq": pl.Int32(),
    "role": pl.String(),
    "sent_at": pl.Datetime("us", "UTC"),
    "text": pl.String(),
    "started_at": pl.Datetime("us", "UTC"),
    "platform": pl.String(),
}
NEEDED = {"messages": MESSAGE_COLUMNS, "conversations": ("conversation_key",)}


def readable(what: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The columns that screening reads, in the types it reads. Raises ValueError naming the column that does not
    fit."""
    missing = [c for c in NEEDED[what] if c not in frame.columns]
    if missing:
        raise ValueError(f"{what} lack the column {missing[0]!r}")
    columns = []
    for name in (c for c in TYPES if c in frame.columns):
        found, wanted = frame.schema[name], TYPES[name]
        clock = isinstance(wanted, pl.Datetime) and not (found.is_temporal() or found == pl.Null)
        if found.is_nested() or clock or (name == "seq" and not found.is_integer()):
            raise ValueError(f"{what}: expected the column {name!r} as {wanted}, found {found}")
        column = frame[name]
        if isinstance(found, pl.Datetime) and found.time_zone is None:
            column = column.dt.replace_time_zone("UTC")
        columns.append(column if found == wanted else column.cast(wanted))
    return pl.DataFrame(columns)


def compiled(rule: Rule) -> Matcher:
    """The rule's matcher, once its logic is known to be readable too."""
    try:
        unknown = names(expression(rule)) - {c.name for c in rule.conditions}
        if unknown:
            raise LogicError(Words(N_("no condition is called {name}"), name=min(unknown)))
        return Matcher.of(rule)
    except (PatternError, LogicError) as error:
        error.add_note(f"in rule {rule.id}, version {rule.version}")
        raise


def omits(rule: Rule) -> bool:
    """Does the rule speak of what is not there at all?"""
    return rule.missing is not None and rule.missing.anchor is not Anchor.PHRASE


def needs_context(rule: Rule) -> bool:
    """Must the conversation be read before a hit of this rule counts?"""
    return (
        bool(rule.conditions) or rule.repetition is not None or rule.missing is not None or Guard.ECHOED in rule.guards
    )


def transcripts(messages: pl.DataFrame, keys: set[str]) -> Iterator[tuple[str, list[SpokenLine]]]:
    """The lines of the parties, in order, of each conversation in ``keys``."""
    if not keys:
        return
    chosen = (
        messages.lazy()
        .filter(pl.col("role").is_in(PARTIES), pl.col("conversation_key").is_in(pl.Series(sorted(keys)).implode()))
        .select("conversation_key", "seq", "role", "sent_at", pl.col("text").fill_null(""))
        .sort("conversation_key", "seq")
        .collect()
    )
    current, lines = None, list[SpokenLine]()
    for key, *rest in chosen.iter_rows():
        if key != current:
            if current is not None:
                yield current, lines
            current, lines = key, []
        lines.append(SpokenLine(*rest))
    if current is not None:
        yield current, lines
