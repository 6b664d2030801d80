"""The index gives the answer of a scan, whatever is asked, and follows the archive piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa.conversations import index, listing, segments
from qa.conversations.folding import fold
from qa.conversations.index import IndexState
from qa.conversations.matching import ArchiveMessages, IndexedMessages
from qa.errors import Cancelled
from qa.masking import mask_text
from qa.workbench import Workbench
from tests.world.conversations import NOW, fill, put, said

PIECES = [
    "退款",
    "還",
    "还没",
    "发货",
    "發貨",
    "微信",
    "Ａ",
    "a",
    "B",
    " ",
    "，",
    ",",
    "13812345678",
    "1",
    "3栋",
    "路5号",
    "张先生",
    "b-1",
    "*",
    "0571-88886666",
    "",
    "\0",
    "好的好的",
    "𠮷",
    "\n",
]
TEXTS = st.lists(st.lists(st.sampled_from(PIECES), max_size=5).map("".join), min_size=1, max_size=12)
WORDS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=2).map("".join).map(lambda w: fold(w).strip())


def _frame(texts: Sequence[str], customer: str = "b-1") -> pl.DataFrame:
    rows = {
        "conversation_key": [f"k{at // 3}" for at in range(len(texts))], "customer": [customer] * len(texts),
        "seq": [at % 3 for at in range(len(texts))], "role": ["customer"] * len(texts), "text": list(texts),
    }  # fmt: skip
    return pl.DataFrame(rows, schema=dict(segments.ROWS))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(TEXTS, TEXTS, WORDS)
def test_the_index_answers_as_the_text_says(tmp_path: Path, one: list[str], two: list[str], word: str) -> None:
    if not word:
        return
    both = [_frame(one), _frame(two).with_columns(pl.col("conversation_key").str.replace("k", "m"))]
    pieces = [segments.read(tmp_path / segments.write(segments.make(frame), tmp_path)) for frame in both]
    keys = pl.concat(both)["conversation_key"].unique(maintain_order=True)
    asked = IndexedMessages(pieces, keys)
    rows = pl.concat(both).rows(named=True)
    clear = {row["conversation_key"] for row in rows if word in fold(row["text"])}
    assert {keys[int(at)] for at in asked.holding(word, masked=False).nonzero()[0]} == clear
    if "*" not in word:
        seen = {row["conversation_key"] for row in rows if word in fold(mask_text(row["text"], ("b-1",)))}
        assert {keys[int(at)] for at in asked.holding(word, masked=True).nonzero()[0]} == seen


CHATS = {
    "c1": said("什么时候发货", "今天發貨", "电话13812345678"),
    "c2": said("退款呢", "加微信聊", "好的"),
    "c3": said("Ｈｅｌｌｏ", "hello there"),
}


def _answers(bench: Workbench, word: str) -> set[str]:
    known = listing.of(bench)
    keys = known.frame["conversation_key"]
    found = {keys[int(at)] for at in known.messages.holding(fold(word), masked=False).nonzero()[0]}
    scan = ArchiveMessages(known.snapshot, keys)
    assert found == {keys[int(at)] for at in scan.holding(fold(word), masked=False).nonzero()[0]}
    return found


def test_the_archive_answers_until_the_index_is_there(bench: Workbench) -> None:
    assert index.state(bench) is IndexState.EMPTY
    fill(bench, CHATS)
    assert index.state(bench) is IndexState.MISSING
    assert (listing.of(bench).messages.by_index, _answers(bench, "发货")) == (False, {"c1"})
    assert index.update(bench).added == 3
    assert index.state(bench) is IndexState.READY
    assert (listing.of(bench).messages.by_index, _answers(bench, "發貨")) == (True, {"c1"})
    assert _answers(bench, "HELLO") == {"c3"}
    assert _answers(bench, "款") == {"c2"}
    fill(bench, {"c4": said("发货了吗")})
    assert index.state(bench) is IndexState.BEHIND
    assert _answers(bench, "发货") == {"c1", "c4"}


def test_what_changes_or_goes_is_replaced_and_the_rest_stays(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "MOST_ROWS", 4)
    monkeypatch.setattr(index, "FULL", 1)
    fill(bench, CHATS)
    index.update(bench)
    manifest = index.of(bench).manifest()
    assert manifest is not None
    assert len(manifest.segments) == 3
    with bench.archive.change("test", NOW) as change:
        change.remove("conversations", pl.Series(["c2", "c3"]))
        change.remove("messages", pl.Series(["c2", "c3"]))
        put(change, {"c3": said("hello", "再见", "退款")})
    done = index.update(bench)
    assert (done.added, done.removed, done.messages) == (1, 2, 6)
    after = index.of(bench).manifest()
    assert after is not None
    assert len(set(after.segments) & set(manifest.segments)) == 1
    assert _answers(bench, "退款") == {"c3"}
    assert _answers(bench, "微信") == set()
    kept = b"".join(file.read_bytes() for file in index.of(bench).folder.rglob("*.arrow"))
    assert "加微信聊".encode() not in kept
    assert index.update(bench) == index.Updated(0, 0, 6)


def test_stopping_leaves_the_index_as_it_was(bench: Workbench) -> None:
    fill(bench, CHATS)
    with pytest.raises(Cancelled):
        index.update(bench, cancel=lambda: True)
    assert index.state(bench) is IndexState.MISSING
    assert [path.name for path in index.of(bench).folder.iterdir() if path.is_dir()] == []


@pytest.mark.parametrize("file", ["grams.npy", "texts.arrow", "manifest.json"])
def test_a_damaged_index_is_not_asked_and_is_built_anew(bench: Workbench, file: str) -> None:
    fill(bench, CHATS)
    index.update(bench)
    [path] = index.of(bench).folder.rglob(file)
    path.write_bytes(path.read_bytes()[:7])
    assert not listing.of(bench).messages.by_index
    assert _answers(bench, "发货") == {"c1"}
    index.update(bench, again=True)
    assert listing.of(bench).messages.by_index
    assert _answers(bench, "发货") == {"c1"}
