"""Languages: gettext catalogues, and numbers and dates as each language writes them.

English text is the msgid. Chinese lives in `qa/locale/zh_CN/*.po`, one file per subject of the product, all merged into
one catalogue when first used; a test finds missing, fuzzy and unused entries. A word that means two things carries its
context (`C_`). What counts something has its singular in `qa/locale/en/plurals.po`. This module knows no widgets: a
page or the command line asks for a `Translator` and passes it around.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache, lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.messages.catalog import Message
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from qa.errors import SpotcheckError, Words

LANGUAGES: tuple[str, ...] = ("zh_CN", "en")
LANGUAGE_NAMES: Mapping[str, str] = {"zh_CN": "简体中文", "en": "English"}
LOCALE_DIR = Path(__file__).parent / "locale"
_CONTEXT = "\x04"
EARLIEST, LATEST = date(2, 1, 1), date(9998, 12, 30)
"""Days before and after which nothing is: their midnight has no moment in every time zone."""


def bounds(first: date | None, last: date | None, zone: tzinfo) -> tuple[datetime | None, datetime | None]:
    """First moment of the first day and first moment after the last one, in UTC; None where there is no such bound."""
    low = high = None
    if first and first > EARLIEST:
        low = datetime.combine(first, time(), zone).astimezone(UTC)
    if last and last < LATEST:
        high = datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
    return low, high


def N_(msgid: str) -> str:
    """Mark `msgid` for translation without translating it now."""
    return msgid


def C_(context: str, msgid: str) -> str:
    """Mark `msgid` for translation in the sense of `context`, for a word that Chinese says in several ways.

    The two travel as one string in gettext's own form, context and msgid joined by U+0004.
    """
    return f"{context}{_CONTEXT}{msgid}"


def by_name(name: str) -> tuple[tuple[int, bytes], ...]:
    """Sorting key of people's names: Latin letters first, then Chinese characters by pinyin, rare ones last.

    The common characters of GB 2312 (its first level, 0xB0A1–0xD7F9) stand in order of pinyin there.
    """
    codes = [char.encode("gb18030") for char in name.casefold()]
    return tuple(
        (0 if len(code) == 1 else 1 if b"\xb0\xa1" <= code <= b"\xd7\xf9" and len(code) == 2 else 2, code)
        for code in codes
    )


def pick_language(*wishes: str | None, default: str = "zh_CN") -> str:
    """The first supported language among `wishes` (`zh-Hans-CN`, `en-GB`, `zh`, …), else `default`."""
    for wish in wishes:
        for part in re.split(r"[,\s]+", wish or ""):
            primary = re.split(r"[-_;]", part)[0].lower()
            if primary == "zh":
                return "zh_CN"
            if primary == "en":
                return "en"
    return default


@cache
def _locale(language: str) -> Locale:
    """Reading one takes longer than writing a number in it."""
    return Locale.parse(language)


@dataclass(frozen=True)
class Counted:
    """Both forms of a text that counts the fact named `by`."""

    by: str
    one: str
    other: str


@lru_cache(maxsize=len(LANGUAGES))
def _catalogue(language: str) -> Mapping[str, str]:
    texts: dict[str, str] = {}
    for message in _messages(language):
        if isinstance(message.id, str) and message.id and message.string and not message.fuzzy:
            key = C_(message.context, message.id) if message.context else message.id
            texts[key] = str(message.string)
    return texts


@lru_cache(maxsize=1)
def _plurals() -> Mapping[str, Counted]:
    """English msgids that count something, with their singular. `#. counts NAME` says which fact is counted."""
    found: dict[str, Counted] = {}
    for message in _messages("en"):
        if isinstance(message.id, tuple):
            by = next(note.removeprefix("counts ") for note in message.auto_comments if note.startswith("counts "))
            found[message.id[1]] = Counted(by, *message.string)
    return found


def _messages(language: str) -> Iterator[Message]:
    for path in sorted((LOCALE_DIR / language).glob("*.po")):
        with path.open("rb") as file:
            yield from read_po(file, locale=language)


def _english(msgid: str, facts: Mapping[str, object]) -> str:
    text = msgid.rpartition(_CONTEXT)[2]
    counted = _plurals().get(text)
    if counted is None or counted.by not in facts:
        return text
    number = str(facts[counted.by]).replace(",", "")
    one = number.isdecimal() and Locale("en").plural_form(int(number)) == "one"
    return counted.one if one else counted.other


@dataclass(frozen=True)
class Translator:
    """One language and one time zone: everything needed to show a fact to a person."""

    language: str = "zh_CN"
    time_zone: str = "Asia/Shanghai"

    def __call__(self, msgid: str, /, **facts: object) -> str:
        """The text of `msgid` in this language with its named places filled from `facts`.

        Facts are inserted as they are (`Words` in this language): braces inside them are never read as places.
        """
        text = _english(msgid, facts) if self.language == "en" else self._chinese(msgid)
        told = {
            name: self(fact.msgid, **fact.facts) if isinstance(fact, Words) else fact for name, fact in facts.items()
        }
        return text.format(**told) if told else text

    def _chinese(self, msgid: str) -> str:
        texts, plain = _catalogue(self.language), msgid.rpartition(_CONTEXT)[2]
        return texts.get(msgid) or texts.get(plain, plain)

    def error(self, error: SpotcheckError) -> str:
        """An expected error as a sentence of this language."""
        return self(error.msgid, **error.facts)

    def label(self, zh: str, en: str) -> str:
        """Choose between the two texts of a bilingual datum (rubric, rule), falling back to the other."""
        return (zh or en) if self.language == "zh_CN" else (en or zh)

    @property
    def locale(self) -> Locale:
        return _locale(self.language)

    def number(self, value: float | int, digits: int = 0) -> str:
        """A decimal with a fixed number of fraction digits, the grouping of this language and a true minus."""
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        text = str(format_decimal(value, format=pattern, locale=self.locale))
        return text.replace("-", "−") if any(c in "123456789" for c in text) else text.lstrip("-")

    def change(self, value: float | int, digits: int = 0) -> str:
        """The same for a difference: what went up carries its plus."""
        text = self.number(value, digits)
        return f"+{text}" if value > 0 and any(c in "123456789" for c in text) else text

    def percent(self, share: float, digits: int = 1) -> str:
        """A share 0…1 as a percentage."""
        return self.number(share * 100, digits) + "%"

    def points(self, centi: int | float, digits: int = 1) -> str:
        """Centi-points shown as points."""
        return self.number(centi / 100, digits)

    def local(self, moment: datetime) -> datetime:
        """A UTC moment in the business time zone. Naive values are taken as UTC."""
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo("UTC"))
        return moment.astimezone(ZoneInfo(self.time_zone))

    def when(self, moment: datetime | None, form: str = "medium") -> str:
        """A UTC moment as date and time of the business time zone; empty for none."""
        if moment is None:
            return ""
        return str(
            format_datetime(self.local(moment), "yyyy-MM-dd HH:mm" if form == "medium" else form, locale=self.locale)
        )

    def day(self, day: date | datetime | None, form: str = "yyyy-MM-dd") -> str:
        """A date; a moment is first brought into the business time zone."""
        if day is None:
            return ""
        value = self.local(day).date() if isinstance(day, datetime) else day
        return str(format_date(value, form, locale=self.locale))
