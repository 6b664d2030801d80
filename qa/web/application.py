"""The parts around the pages: routes, middleware and life span, as `st.App` takes them."""

from __future__ import annotations

import gc
import logging
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from starlette.middleware import Middleware
from streamlit.runtime.pages_manager import PagesManager

from qa import evidence, migrations
from qa.config import load
from qa.errors import Conflict
from qa.i18n import N_
from qa.security import files as private
from qa.security import log as securitylog
from qa.web import api, health, options
from qa.web.fonts import FewerGlyphs
from qa.web.middleware import Gate
from qa.web.signin import SignInRoutes
from qa.web.transport import Compressed, Probes
from qa.workbench import Workbench, shared

STOP_SECONDS = 5.0
"""How long an ending server waits for the job under way to be given back."""
SEAL_SECONDS = 3.0
"""Facts are sealed this long after they were committed, at most."""


def parts() -> dict[str, Any]:
    """Keyword arguments for `st.App`; also sets Streamlit's options for this process."""
    private.from_now_on()
    options.apply(load())
    PagesManager.uses_pages_directory = (
        False  # else, until somebody opened the menu, a page's address runs its file without it
    )
    return {
        "routes": [*SignInRoutes(shared).routes(), *health.routes(shared), api.mounted(shared)],
        "middleware": [
            Middleware(Gate, bench=shared),
            Middleware(Probes),
            Middleware(FewerGlyphs),
            Middleware(Compressed),
        ],
        "lifespan": _lifespan,
    }


@asynccontextmanager
async def _lifespan(app: object) -> AsyncIterator[dict[str, Any]]:
    bench = shared()
    if migrations.current(bench.db) != migrations.newest():
        raise Conflict(
            N_("The database is not set up for this version of Spotcheck. Run “spotcheck init” or “spotcheck upgrade”.")
        )
    _warm_up()
    securitylog.write_to(bench.config.home)
    with _on_record(), _sealing(bench), _worker(bench) if bench.config.worker else nullcontext():
        yield {}


@contextmanager
def _on_record() -> Iterator[None]:
    securitylog.note("server.started", process=os.getpid())
    try:
        yield
    finally:
        securitylog.note("server.stopped", process=os.getpid())


@contextmanager
def _sealing(bench: Workbench) -> Iterator[None]:
    """Seal what was committed, every few seconds while the server runs and once more when it stops."""
    stopped = threading.Event()
    thread = threading.Thread(target=_seal, args=(bench, stopped), name="sealing", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(timeout=SEAL_SECONDS)


def _seal(bench: Workbench, stopped: threading.Event) -> None:
    over = False
    while not over:
        over = stopped.wait(SEAL_SECONDS)
        try:
            evidence.seal(bench, datetime.now(UTC))
        except Exception:  # the next round tries again; the doctor says what is not sealed
            logging.getLogger("spotcheck").exception("sealing failed")


@contextmanager
def _worker(bench: Workbench) -> Iterator[None]:
    """Jobs are done in a thread, which also loads what they need: nobody's first page waits for that."""
    stop = threading.Event()
    thread = threading.Thread(target=_work, args=(bench, stop), name="jobs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(STOP_SECONDS)  # what does not stop in time is taken up again when its lease is over


def _work(bench: Workbench, stop: threading.Event) -> None:
    from qa import jobs

    jobs.Worker(bench, stop=stop).run()


def _warm_up() -> None:
    """Load what pages need, then move it out of the garbage collector's sight: collecting it again and again costs more
    than everything a page does."""
    import plotly.graph_objects
    import polars  # noqa: F401

    _ = plotly.graph_objects.Figure
    gc.collect()
    gc.freeze()
