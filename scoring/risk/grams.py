"""Texts as hashed character 1–3-grams, and their scores under linear models, without a Python object per gram.

Owns the hashing (stable across machines and versions: a model's coefficients mean the same everywhere). No word
segmentation is needed for Chinese. Does not know labels.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.uint32]

#: The texts of a conversation, each hashed with a salt of its own.
TEXTS = ("customer_text", "agent_text", "last_text")
BITS = 18
BUCKETS = 1 << BITS
#: Characters of one text that count; long chats repeat themselves.
LONGEST = 2000
_SALTS = tuple(np.uint32(salt) for salt in (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D))
_ODD = np.uint32(0x27D4EB2F)
_MIX = np.uint32(0x165667B1)
_SHIFT = np.uint32(32 - BITS)


def _characters(texts: pl.Series) -> tuple[Codes, NDArray[np.int64]]:
    """All texts as one array of code points with a 0 after each, and the start of every text."""
    lowered = texts.cast(pl.String).fill_null("").str.to_lowercase().str.replace_all("\0", " ", literal=True)
    joined = "\0".join(lowered.str.slice(0, LONGEST).to_list()) + "\0"
    codes = np.frombuffer(joined.encode("utf-32-le", "replace"), dtype=np.uint32)
    ends = np.flatnonzero(codes == 0)
    return codes, np.concatenate([[0], ends[:-1] + 1])


def _buckets(codes: Codes, salt: np.uint32) -> Iterator[tuple[Codes, NDArray[np.bool_]]]:
    """Bucket of the 1-, 2- and 3-gram starting at each character, and whether it lies inside one text."""
    inside = codes != 0
    state = (codes + salt) * _ODD
    state ^= state >> np.uint32(15)
    valid = inside
    yield (state * _MIX) >> _SHIFT, valid
    for width in (1, 2):
        following = np.zeros_like(codes)
        following[:-width] = codes[width:]
        state = (state + following) * _ODD
        state ^= state >> np.uint32(13)
        valid = valid & (following != 0)
        yield (state * _MIX) >> _SHIFT, valid


def _sums(values: Floats, starts: NDArray[np.int64]) -> Floats:
    return np.asarray(np.add.reduceat(values, starts), dtype=np.float64)


def matrix(frame: pl.DataFrame) -> scipy.sparse.csr_matrix:
    """Return conversations × buckets: counts of grams ÷ √(grams of the text), summed over the texts that are there."""
    parts = []
    for text, salt in zip(TEXTS, _SALTS, strict=True):
        if text not in frame.columns or frame.is_empty():
            continue
        codes, starts = _characters(frame[text])
        row = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(codes))))
        rows, columns = [], []
        for bucket, valid in _buckets(codes, salt):
            rows.append(row[valid])
            columns.append(bucket[valid])
        r, c = np.concatenate(rows), np.concatenate(columns)
        counts = scipy.sparse.csr_matrix((np.ones(len(r)), (r, c)), shape=(frame.height, BUCKETS))
        scale = 1.0 / np.sqrt(np.maximum(np.bincount(r, minlength=frame.height), 1))
        parts.append(scipy.sparse.diags(scale) @ counts)
    total = scipy.sparse.csr_matrix((frame.height, BUCKETS)) if not parts else sum(parts[1:], parts[0])
    return total.tocsr()


def scores(frame: pl.DataFrame, coefficients: NDArray[np.float32], chunk: int = 5_000) -> Floats:
    """Return ``matrix(frame) @ coefficients`` (buckets × models) without building the matrix, in bounded memory."""
    result = np.zeros((frame.height, coefficients.shape[1]))
    columns = [np.ascontiguousarray(column) for column in coefficients.T]
    for start in range(0, frame.height, chunk):
        rows = frame.slice(start, chunk)
        for text, salt in zip(TEXTS, _SALTS, strict=True):
            if text in frame.columns:
                result[start : start + rows.height] += _text_scores(rows[text], salt, columns)
    return result


def _text_scores(texts: pl.Series, salt: np.uint32, columns: list[NDArray[np.float32]]) -> Floats:
    codes, starts = _characters(texts)
    sums = [np.zeros(len(codes), dtype=np.float32) for _ in columns]
    grams = np.zeros(len(codes), dtype=np.uint8)
    for bucket, valid in _buckets(codes, salt):
        grams += valid
        for total, column in zip(sums, columns, strict=True):
            total += column[bucket] * valid
    scale = 1.0 / np.sqrt(np.maximum(_sums(grams.astype(np.float64), starts), 1))
    return np.stack([_sums(total.astype(np.float64), starts) * scale for total in sums], axis=1)
