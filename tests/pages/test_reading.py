"""Reading on the import page: how a file is read and who is who can be said before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.qa.ingest.files import CHATS, write_csv
from tests.qa.ingest.layouts import BY_NAME, write


@pytest.fixture
def chosen(open_page: Callable[..., Any]) -> Callable[[Path], Any]:
    """The page with a file of the server chosen."""

    def choose(path: Path) -> Any:
        at = open_page("admin", "ingest.py")
        at.text_input(key="import_path").set_value(str(path)).run()
        assert not at.exception
        return at

    return choose


def test_a_chat_is_shown_with_its_speakers(chosen: Callable[[Path], Any], tmp_path: Path) -> None:
    at = chosen(write(BY_NAME["qianniu rows"], tmp_path))
    tables = [frame.value for frame in at.dataframe]
    shown = next(table for table in tables if "Who spoke" in table.columns and "Text" in table.columns)
    assert shown["Text"].to_list() == ["Is it in stock?", "Yes, two left"]
    assert not at.warning


def test_unknown_speakers_are_asked_for(chosen: Callable[[Path], Any], tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_text(
        "会话ID,发送人,内容,时间\nc1,阿甲,在吗,2026-03-01 10:00:00\nc1,阿乙,在,2026-03-01 10:00:10\n", "utf-8"
    )
    at = chosen(path)
    assert any("who some of the speakers are" in warning.value for warning in at.warning)


def test_open_dates_are_asked_for(chosen: Callable[[Path], Any], tmp_path: Path) -> None:
    rows = [{**row, "消息时间": "03/04/2026 10:00"} for row in CHATS]
    at = chosen(write_csv(tmp_path / "dates.csv", rows))
    order = next(box for box in at.selectbox if box.key and box.key.startswith("import_dates_"))
    assert order.value is None
    order.set_value("mdy").run()
    assert not at.exception


def test_another_encoding_reads_the_file_anew(chosen: Callable[[Path], Any], tmp_path: Path) -> None:
    at = chosen(write_csv(tmp_path / "a.csv", CHATS, "gb18030"))
    before = {caption.value for caption in at.caption}
    at.selectbox(key="import_read_encoding_a.csv").set_value("cp1252").run()
    assert not at.exception
    assert any("CP1252" in text for text in {caption.value for caption in at.caption} - before)
