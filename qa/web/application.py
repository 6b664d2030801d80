"""The parts around the pages: routes, middleware and life span, as `st.App` takes them."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from starlette.middleware import Middleware
from streamlit.runtime.pages_manager import PagesManager

from qa import jobs, migrations
from qa.config import load
from qa.errors import Conflict
from qa.i18n import N_
from qa.web import health, options
from qa.web.middleware import Gate
from qa.web.signin import SignInRoutes
from qa.workbench import shared


def parts() -> dict[str, Any]:
    """Keyword arguments for `st.App`; also sets Streamlit's options for this process."""
    options.apply(load())
    PagesManager.uses_pages_directory = (
        False  # else, until somebody opened the menu, a page's address runs its file without it
    )
    return {
        "routes": [*SignInRoutes(shared).routes(), *health.routes(shared)],
        "middleware": [Middleware(Gate, bench=shared)],
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
    with jobs.beside(bench) if bench.config.worker else nullcontext():
        yield {}


def _warm_up() -> None:
    """Load what pages need, then move it out of the garbage collector's sight: collecting it again and again costs more
    than everything a page does."""
    import plotly.graph_objects
    import polars  # noqa: F401

    _ = plotly.graph_objects.Figure
    gc.collect()
    gc.freeze()
