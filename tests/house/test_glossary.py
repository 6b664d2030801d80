"""One word per thing in Chinese: catalogues and documents keep to `docs/zh/glossary.md`, and both glossaries agree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.pofile import read_po

from qa.i18n import LOCALE_DIR

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "zh" / "glossary.md"
ALLOWED = {
    ("账户", "本机其他账户"),  # accounts of the operating system, not of the workbench
    ("你", "你们"),
    ("对话", "对话框"),
}
"""A word that is not used, and the text in which it is right."""
NARROW = re.compile(r"[\u3400-\u9fff][A-Za-z0-9]|[A-Za-z0-9%][\u3400-\u9fff]")
"""A Chinese character beside a letter or digit without a space."""


def rows(path: Path) -> Iterator[list[str]]:
    """The cells of every row of every table, heads left out."""
    for table in re.findall(r"(?:^\|.*\n)+", path.read_text("utf-8"), re.MULTILINE):
        for line in table.splitlines()[2:]:
            yield [cell.strip() for cell in line.strip("|").split("|")]


def unused_words() -> list[str]:
    """Every word that the glossary says is not used, of both tables."""
    return [word for row in rows(GLOSSARY) for word in row[-1].split("、") if word]


def chinese() -> Iterator[tuple[str, str]]:
    """Every Chinese text a reader meets: (where, text)."""
    for path in sorted((LOCALE_DIR / "zh_CN").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale="zh_CN"):
                if message.id:
                    yield path.name, str(message.string)
    for path in [ROOT / "README.zh-CN.md", *sorted((ROOT / "docs" / "zh").glob("*.md"))]:
        if path != GLOSSARY:
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                yield f"{path.name}:{number}", line


def misuse(text: str, words: list[str]) -> list[str]:
    """The words in `text` that are not used."""
    for word, right in ALLOWED:
        if word in words:
            text = text.replace(right, "")
    return [word for word in words if word in text]


def test_words_are_found() -> None:
    words = unused_words()
    assert len(words) > 50
    assert misuse("双评的坐席，你们好，你好", words) == ["坐席", "双评", "你"]


def test_one_thing_has_one_word() -> None:
    words = unused_words()
    wrong = [f"{where}: {', '.join(found)}: {text}" for where, text in chinese() if (found := misuse(text, words))]
    assert not wrong, "\n".join(wrong)


def test_letters_and_digits_stand_apart_from_characters() -> None:
    narrow = [
        f"{where}: {text}"
        for where, text in chinese()
        if NARROW.search(re.sub(r"\{[^}]*\}|`[^`]*`|\]\([^)]*\)|<[^>]*>", "", text))
    ]
    assert not narrow, "\n".join(narrow)


def test_every_term_is_in_use_and_in_both_glossaries() -> None:
    terms = [(row[1], row[0]) for row in rows(GLOSSARY) if len(row) == 4]
    assert terms == [(row[0], row[1]) for row in rows(ROOT / "docs" / "en" / "glossary.md")]
    everything = "\n".join(text for _where, text in chinese())
    assert [term for _english, term in terms if term not in everything] == []
