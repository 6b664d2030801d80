"""Numbers as people write them in a chat: digits, Chinese numerals and small English number words."""

from __future__ import annotations

NUMERAL = "[零一二两俩三四五六七八九十百千半]"
_DIGITS = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"两": 2, "俩": 2}
_UNITS = {"十": 10, "百": 100, "千": 1000}
_WORDS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "twelve": 12, "fourteen": 14, "fifteen": 15, "twenty": 20, "thirty": 30, "fifty": 50,
    "twenty-four": 24, "forty-eight": 48, "seventy-two": 72, "half an": 0.5,
}  # fmt: skip


def number(text: str) -> float | None:
    """The value of `text`, None when it is no number."""
    if text in _WORDS:
        return _WORDS[text]
    if text == "半":
        return 0.5
    try:
        return float(text)
    except ValueError:
        return _chinese(text)


def _chinese(text: str) -> float | None:
    total, digit = 0, 0
    for character in text:
        if character in _DIGITS:
            digit = _DIGITS[character]
        elif character in _UNITS:
            total, digit = total + (digit or 1) * _UNITS[character], 0
        else:
            return None
    return float(total + digit)
