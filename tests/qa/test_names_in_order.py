"""Names are sorted as people look for them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qa.i18n import by_name


def test_chinese_names_by_pinyin_after_latin_ones_rare_characters_last() -> None:
    names = ["张三", "鑫鑫", "Zoe", "安安", "李四", "bob", "王五", "Amy"]
    assert sorted(names, key=by_name) == ["Amy", "bob", "Zoe", "安安", "李四", "王五", "张三", "鑫鑫"]


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_every_name_has_its_place(name: str) -> None:
    assert by_name(name) == by_name(name.casefold())
