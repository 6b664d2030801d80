"""`serve`: start the guarded web server."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from qa.cli.main import Opener
from qa.cli.output import Output
from qa.cli.output import t as _


def add(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("serve", help=_("start the workbench for the browser"))
    parser.add_argument("--host", help=_("address to listen on (default: this machine only)"))
    parser.add_argument("--port", type=int, help=_("port to listen on"))
    parser.set_defaults(run=run)


def run(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Serve until interrupted."""
    from qa.web import listening, server  # imports Streamlit, which other commands need not wait for

    opener.config = replace(opener.config, host=args.host or opener.config.host, port=args.port or opener.config.port)
    bench = opener()
    if bench.config.host not in ("127.0.0.1", "localhost", "::1") and not bench.config.public_url.startswith(
        "https://"
    ):
        out.note(
            out.t(
                "Listening on {host} without https: put a TLS proxy in front and set SPOTCHECK_PUBLIC_URL.",
                host=bench.config.host,
            )
        )

    def started() -> None:
        out.say(out.t("Spotcheck is ready at {address} (stop with Ctrl-C)", address=listening.address(bench.config)))
        out.json({"ready": True, "address": listening.address(bench.config)})

    server.serve(bench, started=started)
    return 0
