"""The search where hyperscan has no wheel: the same candidates from Polars alone.

Phrases become literals of a *squeezed* text (plain characters, lower case, homophones drawn together, no marks), found
by Aho–Corasick; expressions, and phrases with too many spellings, become Rust regular expressions over folded text.
Owns that translation. Does not decide, as every finder does.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import product

import numpy as np
import polars as pl

from scoring.redline.lookalikes import INVISIBLE, Codes, any_mark, folding, lexicon
from scoring.redline.matcher import Disguises, Piece
from scoring.redline.pairs import NONE, NOTHING, Pairs, copies, ordered
from scoring.redline.printing import show
from scoring.redline.syntax import Alt, Chars, Node, Repeat, Seq

BATCH = 131_072  # messages per automaton: building it costs as much as some thousand messages
CHUNK = 8  # expressions per alternation: with many more the automaton no longer fits its cache
MAX_SPELLINGS = 2_000  # literals of one phrase
MAX_SET = 100  # members of a character set that may be spelled out


@cache
def squeezing() -> Codes:
    """Lookup table: plain forms in lower case, one character for each family of homophones, 0 for marks."""
    table = folding(any_mark()).copy()
    table[(table >= ord("A")) & (table <= ord("Z"))] += 32
    for plain, others in lexicon().homophones.items():
        family = {int(table[ord(c)]) for c in plain + others} - {0}
        table[np.isin(table, list(family))] = min(family)
    return table


def squeezed(codes: Iterable[int]) -> set[str]:
    """What these characters become in a squeezed text; a mark becomes nothing."""
    table = squeezing()
    return {chr(table[code]) if table[code] else "" for code in codes}


def literals(node: Node) -> set[str] | None:
    """Every squeezed text of a phrase's searching tree, or None when there are too many to spell out.

    Repetitions in such a tree are gaps for marks, of which nothing is left in a squeezed text.
    """
    match node:
        case Chars(ranges):
            if sum(high - low + 1 for low, high in ranges) > MAX_SET:
                return None
            return squeezed(code for low, high in ranges for code in range(low, high + 1))
        case Repeat():
            return {""}
        case Seq(items):
            parts = [literals(i) for i in items]
            known = [p for p in parts if p is not None]
            if len(known) < len(parts) or math.prod(map(len, known)) > MAX_SPELLINGS:
                return None
            return {"".join(spelling) for spelling in product(*known)}
        case Alt(branches):
            options = [literals(b) for b in branches]
            known = [o for o in options if o is not None]
            found = set().union(*known)
            return found if len(known) == len(options) and len(found) <= MAX_SPELLINGS else None
        case _:
            return None


def readings(texts: pl.Series, behind: Disguises) -> Iterator[pl.Series]:
    """The texts as they must be read to see behind these disguises."""
    yield copies(texts, folding(NOTHING)) if behind.folds else texts
    if behind.invisible:
        yield copies(texts, folding(INVISIBLE))
    if behind.spelled_out:
        yield copies(texts, folding(any_mark()))


class PolarsFinder:
    """Candidates of numbered pieces, as :class:`scoring.redline.finder.HyperscanFinder` gives them."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.words: dict[str, list[int]] = defaultdict(list)
        rest: dict[Disguises, list[tuple[int, str]]] = defaultdict(list)
        for n, piece in enumerate(pieces):
            spelled = literals(piece.search) if piece.phrase else None
            if spelled is None or "" in spelled:
                rest[piece.behind].append((n, show(piece.search)))
            else:
                for word in spelled:
                    self.words[word].append(n)
        self.expressions = {
            behind: [several[at : at + CHUNK] for at in range(0, len(several), CHUNK)]
            for behind, several in rest.items()
        }

    def candidates(self, texts: pl.Series) -> Pairs:
        """Array (n, 2) of (row, piece), sorted, without repeats; a superset of the true pairs."""
        found = [self.batch(texts.slice(at, BATCH)) + np.array([at, 0]) for at in range(0, len(texts), BATCH)]
        return np.concatenate(found) if found else NONE

    def batch(self, texts: pl.Series) -> Pairs:
        found = [self.spelled(texts)]
        for behind, chunks in self.expressions.items():
            for read in readings(texts, behind):
                found += [self.expressed(read, chunk) for chunk in chunks]
        return ordered(found)

    def spelled(self, texts: pl.Series) -> Pairs:
        """Pairs of the phrases that are literals."""
        if not self.words:
            return NONE
        words, plain = list(self.words), copies(texts, squeezing())
        rows = plain.str.contains_any(words).arg_true()
        inside = plain.gather(rows).str.extract_many(words, overlapping=True)
        hits = pl.DataFrame({"row": rows, "word": inside}).explode("word").unique()
        pairs = [(row, piece) for row, word in hits.iter_rows() for piece in self.words[word]]
        return np.array(pairs, dtype=np.int64).reshape(-1, 2)

    def expressed(self, texts: pl.Series, chunk: Sequence[tuple[int, str]]) -> Pairs:
        """Pairs of some expressions: one alternation finds the rows, each expression is asked about those alone."""
        rows = texts.str.contains("|".join(f"(?:{pattern})" for _, pattern in chunk)).arg_true()
        left = texts.gather(rows)
        hits = [(n, rows.filter(left.str.contains(pattern)).to_numpy()) for n, pattern in chunk]
        return np.concatenate([np.column_stack((h.astype(np.int64), np.full(len(h), n))) for n, h in hits])
