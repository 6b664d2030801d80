"""What a command prints: sentences and tables for people, one JSON document for programs; errors in either form.

People's text goes to standard output, progress and errors to standard error, so that `--json` output can be piped. The
module knows nothing about any command.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any, TextIO

from qa.errors import Invalid, SpotcheckError
from qa.i18n import N_, Translator, pick_language

Progress = Callable[[float, str], None]
"""Told the share done (0…1) and what is being done; raise `Cancelled` from it to stop."""


def terminal_language(environ: Mapping[str, str] | None = None) -> str:
    """Language of the command line: `SPOTCHECK_LANGUAGE`, else the terminal's locale, else English."""
    env = os.environ if environ is None else environ
    return pick_language(
        env.get("SPOTCHECK_LANGUAGE"), env.get("LC_ALL"), env.get("LC_MESSAGES"), env.get("LANG"), default="en"
    )


def t(msgid: str, /, **facts: object) -> str:
    """Translate for the terminal; for help texts, which are needed before any command runs. Import it as `_`."""
    return Translator(terminal_language())(msgid, **facts)


def width(text: str) -> int:
    """Columns `text` takes in a terminal: East Asian wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)


def write_file(file: Path, content: bytes) -> None:
    """Write what a command was asked to write. Raises `Invalid` naming the file and why."""
    try:
        file.write_bytes(content)
    except OSError as problem:
        raise Invalid(
            N_("The file {file} cannot be written: {reason}"), file=str(file), reason=str(problem)
        ) from problem


def plain(value: Any) -> Any:
    """`value` as JSON can say it: dataclasses, dates, paths and enumerations become plain data."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    return value


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def harmless(text: str) -> str:
    """Text for a terminal: what a file or a customer wrote must not command it."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


class Output:
    """Where a command writes. `t` translates into the terminal's language."""

    def __init__(
        self,
        translator: Translator,
        *,
        as_json: bool = False,
        stream: TextIO | None = None,
        errors: TextIO | None = None,
    ) -> None:
        self.t = translator
        self.as_json = as_json
        self._stream = stream or sys.stdout
        self._errors = errors or sys.stderr
        self._last_progress = 0.0
        self._progress_open = False

    def say(self, text: str = "") -> None:
        """A line for people; silent under `--json`."""
        if not self.as_json:
            self._end_progress()
            print(harmless(text), file=self._stream, flush=True)

    def note(self, text: str) -> None:
        """A line on standard error, also under `--json`: warnings and hints."""
        self._end_progress()
        print(harmless(text), file=self._errors, flush=True)

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """An aligned table for people; silent under `--json`."""
        if self.as_json:
            return
        lines = [list(headers), *[["" if cell is None else str(cell) for cell in row] for row in rows]]
        widths = [max(width(line[i]) for line in lines) for i in range(len(headers))]
        for number, line in enumerate(lines):
            self.say("  ".join(cell + " " * (widths[i] - width(cell)) for i, cell in enumerate(line)).rstrip())
            if number == 0:
                self.say("  ".join("─" * w for w in widths))

    def json(self, value: Any) -> None:
        """The one document of `--json`; silent otherwise."""
        if self.as_json:
            print(json.dumps(plain(value), ensure_ascii=False, indent=2), file=self._stream, flush=True)

    def progress(self, share: float, what: str = "") -> None:
        """Show how far long work is (0…1), and the msgid of what is done now. Matches `Progress`, so it can be handed
        to a service."""
        now = time.monotonic()
        if share < 1 and now - self._last_progress < 0.2:
            return
        self._last_progress = now
        if self._errors.isatty():
            self._progress_open = share < 1
            end = "" if share < 1 else "\n"
            print(
                f"\r\x1b[K{share * 100:5.1f}%  {harmless(self.t(what)) if what else ''}",
                end=end,
                file=self._errors,
                flush=True,
            )
        elif share >= 1 and what:
            print(harmless(f"100%  {self.t(what)}"), file=self._errors, flush=True)

    def error(self, error: SpotcheckError) -> None:
        """An expected error: a sentence, or a JSON object with its code and facts, on standard error."""
        self._end_progress()
        if self.as_json:
            document = {"error": error.code, "message": self.t.error(error), "facts": plain(error.facts)}
            print(json.dumps(document, ensure_ascii=False), file=self._errors, flush=True)
        else:
            print(harmless(self.t("Error: {message}", message=self.t.error(error))), file=self._errors, flush=True)

    def _end_progress(self) -> None:
        if self._progress_open:
            self._progress_open = False
            print(file=self._errors)
