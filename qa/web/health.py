"""Health for load balancers: alive (`/healthz`), and ready to work (`/readyz`: the database answers, schema
current)."""

from __future__ import annotations

from collections.abc import Callable

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from qa import migrations
from qa.workbench import Workbench


def routes(bench: Callable[[], Workbench]) -> list[Route]:
    """The two health routes. They say no more than yes or no."""

    async def alive(request: Request) -> Response:
        return PlainTextResponse("ok", headers={"Cache-Control": "no-store"})

    async def ready(request: Request) -> Response:
        problem = await to_thread.run_sync(lambda: _problem(bench()))
        return JSONResponse(
            {"ready": problem is None, "problem": problem}, 503 if problem else 200, {"Cache-Control": "no-store"}
        )

    return [Route("/healthz", alive), Route("/readyz", ready)]


def _problem(bench: Workbench) -> str | None:
    try:
        bench.db.ping()
        return None if migrations.current(bench.db) == migrations.newest() else "schema"
    except Exception:  # whatever the reason, it is not ready, and the caller must not learn more
        return "database"
