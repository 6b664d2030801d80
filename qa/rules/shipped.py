"""The shipped red lines against those of the workbench: what a newer edition would change, shown before anything does.

An edition is the version number in the shipped file. A workbench keeps the rules it has until somebody takes a draft,
tries it on past chats and publishes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from qa.errors import Conflict
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.rules import stored, versions
from qa.tables import RuleVersion
from qa.workbench import Workbench
from scoring.redline import Rule, Terms, load_default_rules, load_process_rules, new_ids, shipped_before


@dataclass(frozen=True)
class TermChange:
    """Terms of one field that the shipped edition has and the workbench has not, and the other way round."""

    field: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True)
class Update:
    """A shipped rule that differs from the newest one here."""

    rule_id: str
    zh: str
    en: str
    held: int
    """The newest version of the workbench; 0 for a rule that this edition brings."""
    edition: int
    """The edition that is shipped now."""
    own_words: bool
    """The rule here is no shipped edition: somebody has edited it, and a draft would take those edits away."""
    drafted: bool
    """Its draft already waits."""
    differences: tuple[TermChange, ...]

    @property
    def added(self) -> int:
        return sum(len(one.added) for one in self.differences)

    @property
    def removed(self) -> int:
        return sum(len(one.removed) for one in self.differences)


def updates(bench: Workbench, actor: Actor) -> tuple[Update, ...]:
    """Shipped rules whose content differs from what the workbench has under their id, by id."""
    require(actor, Right.EDIT_RULES)
    with bench.db.read() as session:
        return _updates(session)


def draft(bench: Workbench, actor: Actor, *, now: datetime, rule_ids: Sequence[str]) -> tuple[str, ...]:
    """Make drafts of the shipped edition of these rules; nothing is in force by it. Returns the ids that became
    drafts.

    Raises `Conflict` when one of them has a draft already: nobody's text is overwritten.
    """
    require(actor, Right.EDIT_RULES)
    wanted = {rule.id: rule for rule in _shipped() if rule.id in set(rule_ids)}
    with bench.begin(actor, now) as work:
        offered = {one.rule_id: one for one in _updates(work.session)}
        for rule_id in sorted(wanted.keys() & offered.keys()):
            one = offered[rule_id]
            if _drafted(work.session, rule_id):
                raise Conflict(
                    N_("Rule {rule} has a draft already. Publish or discard it before you take the shipped edition."),
                    rule=rule_id,
                )
            version = versions.put_draft(work, wanted[rule_id])
            facts = {d.field: [list(d.removed)[:20], list(d.added)[:20]] for d in one.differences}
            work.record(
                "rule.edition_drafted", "rule", rule_id, version=version, held=one.held, edition=one.edition,
                terms=[one.removed, one.added], own_words=one.own_words, changed=facts,
            )  # fmt: skip
    return tuple(sorted(wanted.keys() & offered.keys()))


@cache  # a page asks on every run, and the file is large
def _shipped() -> tuple[Rule, ...]:
    return (*load_default_rules(), *load_process_rules())


def _updates(session: Session) -> tuple[Update, ...]:
    found = []
    known, new = shipped_before(), new_ids()
    if session.scalar(select(RuleVersion.id).where(RuleVersion.rule_id.not_in(new)).limit(1)) is None:
        new = frozenset()  # a workbench without rules gets all of them elsewhere
    for rule in _shipped():
        rows = session.scalars(
            select(RuleVersion).where(RuleVersion.rule_id == rule.id).order_by(RuleVersion.version)
        ).all()
        kept = [row for row in rows if row.state != "draft"]
        if not kept and rule.id in new:
            found.append(Update(rule.id, rule.label.zh, rule.label.en, 0, rule.version, False, bool(rows), ()))
        if not kept or kept[-1].state == "retired":
            continue  # never installed, or taken out of force on purpose
        here = versions.undated(stored.rule_of(kept[-1]))
        if here.content_hash == rule.content_hash:
            continue
        drafts = [row for row in rows if row.state == "draft"]
        drafted = any(versions.undated(stored.rule_of(row)).content_hash == rule.content_hash for row in drafts)
        found.append(
            Update(
                rule.id,
                rule.label.zh,
                rule.label.en,
                kept[-1].version,
                rule.version,
                here.content_hash not in known,
                drafted,
                _differences(here, rule),
            )
        )
    return tuple(found)


def _drafted(session: Session, rule_id: str) -> bool:
    """Whether the newest version of a rule is a draft; a new rule has none."""
    newest = session.scalars(
        select(RuleVersion).where(RuleVersion.rule_id == rule_id).order_by(RuleVersion.version.desc()).limit(1)
    ).one_or_none()
    return newest is not None and newest.state == "draft"


def _differences(here: Rule, there: Rule) -> tuple[TermChange, ...]:
    fields: list[tuple[str, Sequence[str], Sequence[str]]] = []
    for name in ("terms", "exclusions", "unless"):
        old, new = getattr(here, name), getattr(there, name)
        assert isinstance(old, Terms)
        assert isinstance(new, Terms)
        fields += [(f"{name}.phrases", old.phrases, new.phrases), (f"{name}.regex", old.regex, new.regex)]
    fields.append(("guards", [g.value for g in here.guards], [g.value for g in there.guards]))
    old, new = (["true"] if rule.broken_promises else [] for rule in (here, there))
    fields.append(("broken_promises", old, new))
    fields.append(("effect", [here.effect.kind.value], [there.effect.kind.value]))
    fields.append(("severity", [here.severity.value], [there.severity.value]))
    found = []
    for name, before, after in fields:
        added = tuple(text for text in after if text not in set(before))
        removed = tuple(text for text in before if text not in set(after))
        if added or removed:
            found.append(TermChange(name, added, removed))
    return tuple(found)
