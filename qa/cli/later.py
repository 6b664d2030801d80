"""Modules a command needs only once it runs: knowing the command line must not wait for the mathematics behind it."""

from __future__ import annotations

import importlib
from typing import Any


class Later:
    """Stands for the module `name`, which is imported when something of it is used for the first time."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)
