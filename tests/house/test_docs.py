"""Every setting, command and page is documented."""

from __future__ import annotations

import argparse
import re
from dataclasses import fields
from pathlib import Path

from babel.messages.pofile import read_po

from pages.kit.nav import ENTRIES
from qa.cli.main import parser
from qa.config import PREFIX, Config
from qa.i18n import LOCALE_DIR

ROOT = Path(__file__).parents[2]


def documentation() -> str:
    """README and everything under `docs/`, as one text."""
    files = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return "\n".join(path.read_text("utf-8") for path in files if path.exists())


def commands(named: str = "") -> list[str]:
    """Names of all commands, or of those that a line with `named` knows."""
    actions = [action for action in parser(named)._actions if isinstance(action, argparse._SubParsersAction)]
    return sorted(actions[0].choices)


def test_commands_are_found() -> None:
    assert {"init", "serve", "doctor", "user", "backup", "restore", "upgrade"} <= set(commands())


def test_a_command_is_found_without_loading_the_others() -> None:
    every = commands()
    for name in every:
        alone = commands(name)
        assert name in alone
        assert len(alone) < len(every) / 2


def test_every_setting_is_documented() -> None:
    assert [f.name for f in fields(Config) if PREFIX + f.name.upper() not in documentation()] == []


def test_every_command_is_documented() -> None:
    assert [name for name in commands() if f"spotcheck {name}" not in documentation()] == []


def test_every_page_is_documented() -> None:
    text = documentation().lower()
    assert [entry.title for entry in ENTRIES if entry.path.exists() and entry.title.lower() not in text] == []


def test_commands_in_the_documents_exist() -> None:
    """Whatever a document calls `spotcheck NAME` is a command, in both languages."""
    every = {*commands(), "spotcheck"}
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    named = {
        (path.name, word)
        for path in files
        if path.name != "CHANGELOG.md"
        for word in re.findall(
            r"(?:^|[`“])spotcheck (?:--json |--home \S+ )*([a-z][a-z-]+)", path.read_text("utf-8"), re.MULTILINE
        )
    }
    assert len(named) > 20
    assert sorted((name, word) for name, word in named if word not in every) == []


def on_screen() -> tuple[set[str], set[str]]:
    """Every text of the screens: in English, in Chinese."""
    english: set[str] = set()
    chinese: set[str] = set()
    for path in (LOCALE_DIR / "zh_CN").glob("*.po"):
        with path.open("rb") as file:
            for message in read_po(file, locale="zh_CN"):
                if message.id:
                    english.add(str(message.id))
                    chinese.add(str(message.string))
    return english, chinese


def test_buttons_are_named_as_on_the_screen() -> None:
    """What a Chinese document quotes, and what an English one sets in italics with a capital, stands on a screen."""
    english, chinese = on_screen()
    wrong, seen = [], 0
    for language, texts, marked, single in (
        ("en", english, r"(?<!\*)\*([A-Z][^*\n]+)\*(?!\*)", "README.md"),
        ("zh", chinese, r"“([^”]+)”", "README.zh-CN.md"),
    ):
        for path in [ROOT / single, *(ROOT / "docs" / language).glob("*.md")]:
            named = [] if path.name == "glossary.md" else re.findall(marked, path.read_text("utf-8"))
            seen += len(named)
            wrong += [f"{language}/{path.name}: {text}" for text in named if text not in texts]
    assert seen > 20
    assert wrong == []


def test_both_readmes_name_the_same_pages_and_commands() -> None:
    def named(name: str) -> tuple[set[str], set[str]]:
        text = (ROOT / name).read_text("utf-8")
        return set(re.findall(r"^spotcheck ([a-z-]+)", text, re.MULTILINE)), set(re.findall(r"\| `(/[a-z]*)` \|", text))

    english = named("README.md")
    assert min(map(len, english)) > 10
    assert named("README.zh-CN.md") == english
