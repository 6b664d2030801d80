"""Every sentence a person can see exists in Chinese: nothing missing, fuzzy, contradictory or left over."""

from __future__ import annotations

import ast
import re
import string
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from qa.i18n import LOCALE_DIR

ROOT = Path(__file__).parents[2]
SOURCES = ("qa", "pages", "scoring")
MARKERS = {"_", "N_", "t", "_t"}
CHINESE = re.compile(r"[\u3400-\u9fff]")
HALF_WIDTH = re.compile(r"[\u3400-\u9fff][,;:!?]|[\u3400-\u9fff]\.(?=\s|$)|[,;!?][\u3400-\u9fff]")
SAME_IN_BOTH = {"Spotcheck"}


@lru_cache(maxsize=1)
def used() -> Mapping[str, str]:
    """Every msgid in the code, with the first place it is used."""
    found: dict[str, str] = {}
    for path in [*(p for folder in SOURCES for p in sorted((ROOT / folder).rglob("*.py"))), ROOT / "streamlit_app.py"]:
        for msgid, line in marked(path.read_text("utf-8")):
            found.setdefault(msgid, f"{path.relative_to(ROOT)}:{line}")
    return found


def marked(source: str) -> Iterator[tuple[str, int]]:
    """Texts given to `_("…")`, `N_("…")`, `t("…")`, `page.t("…")`: read from the syntax tree, because Babel's own
    extraction does not see inside f-strings."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = (
            node.func.id
            if isinstance(node.func, ast.Name)
            else node.func.attr
            if isinstance(node.func, ast.Attribute)
            else ""
        )
        text = node.args[0]
        if called in MARKERS and isinstance(text, ast.Constant) and isinstance(text.value, str) and text.value:
            yield text.value, node.lineno


def test_texts_are_found_wherever_they_are_written() -> None:
    source = """f"<b>{_('inside')}</b>"; page.t("method", n=1); N_("two " "parts"); other("not"); _(variable)"""
    assert {msgid for msgid, _line in marked(source)} == {"inside", "method", "two parts"}


@lru_cache(maxsize=1)
def translations() -> Mapping[str, list[tuple[str, Message]]]:
    """Every Chinese entry: msgid to (file, message)."""
    found: dict[str, list[tuple[str, Message]]] = defaultdict(list)
    for path in sorted((LOCALE_DIR / "zh_CN").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale="zh_CN", abort_invalid=True):
                if message.id:
                    found[str(message.id)].append((path.name, message))
    return found


def places(text: str) -> set[str]:
    """The named places of a message."""
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name is not None}


def test_there_is_something_to_check() -> None:
    assert len(used()) > 100


def test_nothing_is_untranslated() -> None:
    missing = [
        f"{place}: {msgid}"
        for msgid, place in used().items()
        if not any(m.string for _f, m in translations().get(msgid, []))
    ]
    assert not missing, f"{len(missing)} without Chinese:\n" + "\n".join(sorted(missing))


def test_nothing_is_fuzzy() -> None:
    assert [f"{file}: {msgid}" for msgid, entries in translations().items() for file, m in entries if m.fuzzy] == []


def test_one_english_sentence_has_one_chinese_sentence() -> None:
    differing = {
        msgid: [(f, m.string) for f, m in entries]
        for msgid, entries in translations().items()
        if len({m.string for _f, m in entries}) > 1
    }
    assert differing == {}


def test_nothing_is_left_over() -> None:
    unused = [
        f"{file}: {msgid}" for msgid, entries in translations().items() for file, _m in entries if msgid not in used()
    ]
    assert not unused, f"{len(unused)} entries no code uses:\n" + "\n".join(unused)


def test_places_agree() -> None:
    differing = [
        f"{file}: {msgid}"
        for msgid, entries in translations().items()
        for file, m in entries
        if m.string and places(msgid) != places(str(m.string))
    ]
    assert differing == []


def test_chinese_is_chinese_and_punctuated_as_such() -> None:
    problems = []
    for msgid, entries in translations().items():
        for file, message in entries:
            text = str(message.string)
            letters = re.sub(r"\{[^}]*\}", "", msgid)
            if text == msgid and re.search(r"[a-z]{3}", letters) and msgid not in SAME_IN_BOTH:
                problems.append(f"{file}: not translated: {msgid}")
            if HALF_WIDTH.search(re.sub(r"https?://\S+|\{[^}]*\}", "", text)):
                problems.append(f"{file}: half-width punctuation: {text}")
    assert not problems, "\n".join(problems)
