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

from qa.i18n import C_, LOCALE_DIR, Translator

ROOT = Path(__file__).parents[2]
SOURCES = ("qa", "pages", "scoring")
MARKERS = {"_", "N_", "t", "_t"}
CONTEXT_MARKER = "C_"
HALF_WIDTH = re.compile(r"[\u3400-\u9fff][,;:!?]|[\u3400-\u9fff]\.(?=\s|$)|[,;!?][\u3400-\u9fff]")
SAME_IN_BOTH = {"Spotcheck"}
COUNTS = re.compile(r"\{(n|count)\} [a-z]+s\b")
"""A count of things, by the names that counts have."""
NEVER_ONE = {
    "The reason has {n} characters; {limit} are allowed.",
    "The seed needs at least {count} characters.",
    "The seed is too long: at most {count} bytes.",
    "Message {n} is not an agent's; choose one that an agent wrote.",
    "{n} conversations are too many for one file; {limit} are allowed. Narrow the search.",
    "{n} files at once are too many to answer for; {limit} are allowed. Narrow it by what was said or by agent.",
    "{count} rows do not fit into one Excel sheet; choose CSV or JSONL.",
    "{path}: the id “{id}” is used {count} times; every id must be unique.",
    "{path}: {count} dimensions; at most {limit} fit on a form.",
    "The program that worked on it ended {count} times before it was done.",
    "the phrase has {n} characters; {limit} are allowed",
    "the pattern has {n} characters; {limit} are allowed",
    "the pattern spells out to {n} characters; {limit} are allowed, make the bounds smaller",
    (
        "{scope}. Every review weighs 1/π, so targeted picks do not pull the mean; whiskers are 95% intervals, hollow"
        " points rest on fewer than {n} reviews."
    ),
}
"""Texts of limits and of too many: their number is never one."""


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
        texts = [arg.value if isinstance(arg, ast.Constant) and isinstance(arg.value, str) else "" for arg in node.args]
        if called in MARKERS and texts[0]:
            yield texts[0], node.lineno
        elif called == CONTEXT_MARKER and all(texts[:2]):
            yield C_(texts[0], texts[1]), node.lineno


def test_texts_are_found_wherever_they_are_written() -> None:
    source = (
        """f"<b>{_('inside')}</b>"; page.t("method", n=1); N_("two " "parts"); other("not"); _(variable); """
        """C_("a", "b")"""
    )
    assert {msgid for msgid, _line in marked(source)} == {"inside", "method", "two parts", C_("a", "b")}


@lru_cache(maxsize=1)
def translations() -> Mapping[str, list[tuple[str, Message]]]:
    """Every Chinese entry: msgid to (file, message)."""
    found: dict[str, list[tuple[str, Message]]] = defaultdict(list)
    for path in sorted((LOCALE_DIR / "zh_CN").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale="zh_CN", abort_invalid=True):
                if message.id:
                    msgid = str(message.id)
                    found[C_(message.context, msgid) if message.context else msgid].append((path.name, message))
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


@lru_cache(maxsize=1)
def counted() -> Mapping[str, Message]:
    """English texts that have a singular, by their plural."""
    with (LOCALE_DIR / "en" / "plurals.po").open("rb") as file:
        return {message.id[1]: message for message in read_po(file, locale="en") if isinstance(message.id, tuple)}


def test_what_counts_has_a_singular() -> None:
    """A text with one count and one thing counted reads right for one, too; texts with several counts say “n: …”."""
    wanting = []
    for msgid in used():
        found = COUNTS.findall(msgid)
        if len(found) == 1 and msgid not in counted() and msgid not in NEVER_ONE:
            wanting.append(msgid)
    assert wanting == []


def test_singulars_are_of_texts_in_use_and_keep_their_places() -> None:
    assert set(counted()) <= set(used())
    for plural, message in counted().items():
        by = [note.removeprefix("counts ") for note in message.auto_comments]
        assert len(by) == 1, plural
        assert places(str(message.string[0])) <= places(plural) | set(by)
        assert message.string[1] == plural


def test_one_is_not_said_like_many() -> None:
    english, chinese = Translator("en"), Translator("zh_CN")
    assert [english("appeals are open", n=n) for n in (1, 2, 0)] == [
        "appeal is open",
        "appeals are open",
        "appeals are open",
    ]
    assert [english("{n} files", n=n) for n in ("1", "1,001")] == ["1 file", "1,001 files"]
    assert chinese("{n} files", n=1) == "共 1 件"


def test_a_word_with_context_is_said_in_its_sense() -> None:
    chinese = Translator("zh_CN")
    assert chinese(C_("calibration round", "Name")) != chinese("Name") == "姓名"
    assert Translator("en")(C_("calibration round", "Name")) == "Name"
    assert chinese(C_("nowhere", "Name")) == "姓名", "an unknown context falls back to the plain word"
