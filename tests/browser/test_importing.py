"""A lead imports a real file: upload, mapping, preview, import, result, and the same again adds nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import settle
from tests.qa.ingest.files import CHATS, row, write_csv

pytestmark = pytest.mark.browser
WORDS = {
    "zh-CN": {"preview": "预览", "import": "开始导入", "again": "导入另一个文件", "nothing": "没有新内容"},
    "en-GB": {"preview": "Preview", "import": "Import now", "again": "Import another file", "nothing": "Nothing new"},
}


@pytest.mark.parametrize("language", ["zh-CN", "en-GB"])
def test_import(open_as: Callable[..., Page], shoot: Callable[..., Path], tmp_path: Path, language: str) -> None:
    words = WORDS[language]
    chats = [chat | {"会话ID": f"{chat['会话ID']}-{language}"} for chat in CHATS]  # both languages share one shop
    bad = row(f"C3-{language}", "昨天", "客服", "坏时间")
    path = write_csv(tmp_path / f"wangwang-{language}.csv", [*chats, bad], "gb18030")
    page = open_as("lead", "/import", language=language)
    shoot(page, f"import-empty-{language}")
    page.set_input_files("input[type=file]", path)
    page.get_by_role("button", name=words["preview"], exact=True).wait_for()
    settle(page)
    shoot(page, f"import-mapping-{language}")
    page.get_by_role("button", name=words["preview"], exact=True).click()
    page.get_by_test_id("stMetric").first.wait_for()
    settle(page)
    shoot(page, f"import-preview-{language}", full=True)
    page.get_by_role("button", name=words["import"], exact=True).click()
    page.get_by_role("button", name=words["again"], exact=True).wait_for()
    settle(page)
    shoot(page, f"import-result-{language}", full=True)
    expect(page.get_by_test_id("stMetricValue").first).to_have_text("2")
    page.get_by_role("button", name=words["again"], exact=True).click()
    settle(page)
    page.set_input_files("input[type=file]", path)
    page.get_by_role("button", name=words["import"], exact=True).click()
    expect(page.get_by_text(re.compile(words["nothing"]))).to_be_visible()
    page.get_by_role("button", name=words["again"], exact=True).click()  # a result stays until it is put away
    page.wait_for_selector("input[type=file]", state="attached")


def test_a_closed_tab_loses_nothing(open_as: Callable[..., Page], shoot: Callable[..., Path], tmp_path: Path) -> None:
    rows = [row(f"T{n}", "2026-03-01 10:00:00", "客户", f"在吗，第 {n} 次问") for n in range(60_000)]
    page = open_as("lead", "/import", language="zh-CN")
    page.set_input_files("input[type=file]", write_csv(tmp_path / "wangwang-closed.csv", rows), timeout=60_000)
    page.get_by_role("button", name="开始导入", exact=True).click()
    page.get_by_text("可以关闭此页面").wait_for()
    shoot(page, "import-running-zh-CN")
    page.close()
    page = open_as("lead", "/import", language="zh-CN")
    page.get_by_role("button", name="导入另一个文件", exact=True).wait_for(timeout=90_000)
    expect(page.get_by_test_id("stMetricValue").first).to_have_text("60,000")
    page = open_as("admin", "/admin?section=jobs", language="zh-CN")
    settle(page)
    shoot(page, "jobs-zh-CN")
    page = open_as("admin", "/admin?section=jobs", language="en-GB", dark=True, size=(420, 900))
    settle(page)
    shoot(page, "jobs-en-dark-narrow")
