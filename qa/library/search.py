"""Finding cases: substring search that also finds two-character Chinese words, fast for 100,000 cases.

A bigram index (tantivy, beside the database, rebuilt from it at any time) narrows the candidates; the database row
decides, so an index that lags behind can never show what must not be seen. Where tantivy is missing, or for
one-character words, the database searches by itself: slower, same answer.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from qa.archive.locks import alone
from qa.blinding import shown_cases
from qa.library.folding import fold
from qa.policy import Actor, Right, require
from qa.tables import Case
from qa.texts import sought
from qa.workbench import Workbench

try:
    import tantivy
except ImportError:  # no wheel for this platform
    tantivy = None

INDEX_VERSION = 1
INDEX_FROM = 500
"""Below this many cases the database alone answers in a millisecond or two."""
CANDIDATES = 1_000


@dataclass(frozen=True)
class CaseFilter:
    """What to show. Empty means no restriction."""

    query: str = ""
    kind: str = ""
    state: str = "published"
    criterion_id: str = ""
    rule_id: str = ""
    tag: str = ""
    language: str = ""
    reader: str = ""
    """The language of whoever looks: without a query, cases in it come first."""


@dataclass(frozen=True)
class CaseHit:
    """One line of the library's list."""

    id: int
    title: str
    lesson: str
    kind: str
    state: str
    tags: tuple[str, ...]
    criterion_id: str | None
    rule_id: str | None
    language: str
    changed_at: datetime


@dataclass(frozen=True)
class CasePage:
    """One page of results; `total` counts all that match, up to `CANDIDATES` when `bounded`."""

    hits: tuple[CaseHit, ...]
    total: int
    bounded: bool


def find_cases(bench: Workbench, actor: Actor, wanted: CaseFilter, *, page: int = 1, size: int = 20) -> CasePage:
    """Cases matching `wanted`: by relevance when there is a query, else newest first.

    Only those who may publish see cases that are not published; others see their own proposals.
    """
    require(actor, Right.VIEW_CASES)
    terms = fold(sought(wanted.query)).split()
    with bench.db.read() as session:
        rows = select(Case).where(*_conditions(actor, wanted))
        ranked = _candidates(bench, session, terms) if terms else None
        if ranked is None:
            for term in terms:
                rows = rows.where(Case.search_text.contains(term, autoescape=True))
            return _by_database(session, rows, terms, wanted.reader, page, size)
        return _by_rank(session, rows, ranked, terms, page, size)


def all_tags(bench: Workbench, actor: Actor) -> tuple[str, ...]:
    """Tags of published cases, most used first."""
    require(actor, Right.VIEW_CASES)
    with bench.db.read() as session:
        lists = session.execute(select(Case.tags).where(Case.state == "published")).scalars()
        counts: dict[str, int] = {}
        for tags in lists:
            for tag in tags:
                counts[tag] = counts.get(tag, 0) + 1
    return tuple(sorted(counts, key=lambda tag: (-counts[tag], tag)))


def _conditions(actor: Actor, wanted: CaseFilter) -> list[Any]:
    conditions: list[Any] = [shown_cases(actor)]
    if not actor.may(Right.PUBLISH_CASE):
        conditions.append(or_(Case.state == "published", Case.proposed_by == actor.user_id))
    if wanted.state:
        conditions.append(Case.state == wanted.state)
    for column, value in (
        (Case.kind, wanted.kind),
        (Case.criterion_id, wanted.criterion_id),
        (Case.rule_id, wanted.rule_id),
        (Case.language, wanted.language),
    ):
        if value:
            conditions.append(column == sought(value))
    if wanted.tag:
        # tags take part in the folded text with a mark before and after, so that one tag is never part of another
        conditions.append(Case.search_text.contains(f"#{fold(sought(wanted.tag))}#", autoescape=True))
    return conditions


def _hit(case: Case) -> CaseHit:
    return CaseHit(
        case.id,
        case.title,
        case.lesson,
        case.kind,
        case.state,
        tuple(case.tags),
        case.criterion_id,
        case.rule_id,
        case.language,
        case.changed_at,
    )


def _by_database(
    session: Session, rows: Select[Case], terms: Sequence[str], reader: str, page: int, size: int
) -> CasePage:
    total = session.scalar(select(func.count()).select_from(rows.limit(CANDIDATES + 1).subquery())) or 0
    order: list[Any] = [Case.changed_at.desc(), Case.id.desc()]
    if terms:
        in_title = and_(*(func.lower(Case.title).contains(term, autoescape=True) for term in terms))
        order.insert(0, in_title.desc())
    elif reader:
        order.insert(0, (Case.language == reader).desc())
    found = session.scalars(rows.order_by(*order).limit(size).offset((page - 1) * size))
    return CasePage(tuple(map(_hit, found)), min(total, CANDIDATES), total > CANDIDATES)


def _by_rank(
    session: Session, rows: Select[Case], ranked: Sequence[int], terms: Sequence[str], page: int, size: int
) -> CasePage:
    matching: list[Case] = []
    for start in range(0, len(ranked), 500):
        part = session.scalars(rows.where(Case.id.in_(ranked[start : start + 500])))
        matching.extend(case for case in part if all(term in case.search_text for term in terms))
    place = {case_id: index for index, case_id in enumerate(ranked)}
    matching.sort(key=lambda case: place[case.id])
    shown = matching[(page - 1) * size : page * size]
    return CasePage(tuple(map(_hit, shown)), len(matching), len(ranked) >= CANDIDATES)


# the index


def _candidates(bench: Workbench, session: Session, terms: Sequence[str]) -> list[int] | None:
    """Ids of cases that hold every bigram of `terms`, best first; None when the database should search by itself."""
    if tantivy is None or any(len(term) < 2 for term in terms):
        return None
    if (session.scalar(select(func.count()).select_from(Case)) or 0) < INDEX_FROM:
        return None
    index = CaseIndex(bench.config.home / "search" / f"cases-{INDEX_VERSION}")
    index.refresh(session)
    return index.candidates(terms)


def _grams(term: str) -> list[str]:
    return [term[i : i + 2] for i in range(len(term) - 1)]


class CaseIndex:
    """The bigram index in `folder`. One process refreshes at a time; the others search what is there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        builder = tantivy.SchemaBuilder()
        builder.add_integer_field("id", stored=True, indexed=True)
        builder.add_text_field("text", stored=False, tokenizer_name="bigram", index_option="freq")
        self._schema = builder.build()
        try:
            self._index = tantivy.Index(self._schema, path=str(self._data))
        except ValueError:  # written by another version of the library: derived data, build it anew
            shutil.rmtree(self._data)
            (self.folder / "stamp.json").unlink(missing_ok=True)
            self._index = tantivy.Index(self._schema, path=str(self._data))
        bigrams = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.ngram(2, 2, False)).build()
        self._index.register_tokenizer("bigram", bigrams)

    @property
    def _data(self) -> Path:
        path = self.folder / "data"
        path.mkdir(exist_ok=True)
        return path

    def refresh(self, session: Session) -> None:
        """Take in what changed since the last refresh; does nothing when somebody else is refreshing."""
        with alone(self.folder / ".lock") as mine:
            if not mine:
                return
            stamp = self._stamp()
            if session.scalar(select(func.max(Case.changed_at))) == stamp:
                return
            # `>=`: cases of the same microsecond may have been committed after the stamp was taken
            changed = session.execute(
                select(Case.id, Case.search_text, Case.changed_at).where(Case.changed_at >= stamp)
            ).all()
            if not changed:
                return
            writer = self._index.writer(64_000_000, 1)
            for case_id, text, _ in changed:
                writer.delete_documents_by_term("id", case_id)
                writer.add_document(tantivy.Document(id=case_id, text=text))
            writer.commit()
            writer.wait_merging_threads()
            newest = max(row.changed_at for row in changed)
            (self.folder / "stamp.json").write_text(json.dumps(newest.isoformat()), "utf-8")

    def candidates(self, terms: Sequence[str]) -> list[int]:
        """Ids of the cases with every bigram of `terms`, best first, at most `CANDIDATES`."""
        self._index.reload()
        searcher = self._index.searcher()
        grams = dict.fromkeys(gram for term in terms for gram in _grams(term))
        clauses = [(tantivy.Occur.Must, tantivy.Query.term_query(self._schema, "text", gram)) for gram in grams]
        found = searcher.search(tantivy.Query.boolean_query(clauses), CANDIDATES)
        return [int(searcher.doc(address)["id"][0]) for _, address in found.hits]

    def _stamp(self) -> datetime:
        try:
            return datetime.fromisoformat(json.loads((self.folder / "stamp.json").read_text("utf-8")))
        except (OSError, ValueError):
            return datetime(1970, 1, 1, tzinfo=UTC)
