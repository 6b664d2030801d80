"""A text in both languages of the product: what rubrics and rules carry. It knows no catalogue and no locale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Label:
    """Chinese and English text of one thing."""

    zh: str = ""
    en: str = ""

    def pick(self, language: str) -> str:
        """The text in `language` (`zh…` or anything else for English), falling back to the other one."""
        return (self.zh or self.en) if language.startswith("zh") else (self.en or self.zh)

    def __bool__(self) -> bool:
        return bool(self.zh or self.en)

    def to_dict(self) -> dict[str, str]:
        return {"zh": self.zh, "en": self.en}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Label:
        return cls(str(data.get("zh", "")), str(data.get("en", "")))


EMPTY = Label()
"""No text: the default of fields that may be left out."""
