"""Long work that runs beside the page: it survives clicks, tells how far it is, and can be cancelled.

The thread calls a service and keeps its answer; it never touches Streamlit.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from qa import outage
from qa.errors import SpotcheckError, Unavailable
from qa.i18n import N_

T = TypeVar("T")
Step = Callable[[Callable[[float, str], None], Callable[[], bool]], T]


@dataclass
class Work(Generic[T]):
    """One run of `step(progress, cancel)` in a thread."""

    step: Step[T]
    share: float = 0.0
    answer: T | None = None
    error: SpotcheckError | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> Work[T]:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="work", daemon=True)
        self._thread.start()
        return self

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Wait that long for its end."""
        if self._thread is not None:
            self._thread.join(seconds)

    def cancel(self) -> None:
        """Ask it to stop; nothing will have been written."""
        self._stop.set()

    def _run(self) -> None:
        try:
            self.answer = self.step(self._progress, self._stop.is_set)
        except SpotcheckError as error:
            self.error = error
        except Exception as problem:
            logging.getLogger("spotcheck.work").exception("long work failed")
            self.error = outage.explain(problem) or Unavailable(
                N_("The work stopped because of an unexpected problem: {reason}"), reason=type(problem).__name__
            )

    def _progress(self, share: float, what: str) -> None:
        self.share = share
