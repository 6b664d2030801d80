"""Starting the server: uvicorn by host and port.

Not `streamlit run` and not several workers: both bind the socket in a way that costs 25–40 ms per answer (no
TCP_NODELAY), and workers would lose sessions. More processes are started on more ports behind a sticky proxy.
"""

from __future__ import annotations

import importlib
import socket
from collections.abc import Callable

import uvicorn

from qa.config import Config
from qa.errors import Unavailable
from qa.i18n import N_
from qa.web import listening, options
from qa.workbench import Workbench, share

SHUTDOWN_SECONDS = 5


def serve(bench: Workbench, *, started: Callable[[], None] | None = None) -> None:
    """Serve `bench` until interrupted; `started` is called when the server accepts connections."""
    config = bench.config
    _check_port(config)
    share(bench)
    application = importlib.import_module("streamlit_app").app
    options.apply(config)  # again: importing applied the environment's settings, not those given to us
    settings = uvicorn.Config(
        application,
        host=config.host,
        port=config.port,
        ws="websockets-sansio",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whose word counts is decided in `qa.web.clients`
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        ws_ping_interval=30,
        ws_ping_timeout=30,
        ws_max_size=config.max_upload_mb * 1024 * 1024,
        ws_per_message_deflate=False,
    )
    server = _Server(settings)
    server.when_started = started
    server.config_of_ours = config
    try:
        server.run()
    finally:
        listening.forget(config)


class _Server(uvicorn.Server):
    when_started: Callable[[], None] | None = None
    config_of_ours: Config

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            listening.note(self.config_of_ours)
            if self.when_started is not None:
                self.when_started()


def _check_port(config: Config) -> None:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.host, config.port))
        except OSError as problem:
            raise Unavailable(
                N_("{host}:{port} cannot be used: {reason}. Choose another port with --port."),
                host=config.host,
                port=config.port,
                reason=problem.strerror or str(problem),
            ) from problem
