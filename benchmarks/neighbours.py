"""What stands around the servers of simulated nights: a mail server that is there in some nights."""

from __future__ import annotations

import socketserver
import threading
from dataclasses import dataclass, field

PORT = 8926


@dataclass
class Mailbox:
    """A mail server on loopback. `night` is the simulated one, `heard` the night of every message it took."""

    night: int = 0
    heard: list[int] = field(default_factory=list)
    _server: socketserver.ThreadingTCPServer | None = None

    @property
    def address(self) -> str:
        """The address of a channel."""
        return (
            f"mailto://user:secret@127.0.0.1:{PORT}/?smtp=127.0.0.1&mode=insecure&from=qa@example.com&to=x@example.com"
        )

    def open(self, night: int) -> None:
        """Be there in a night, or go on being there."""
        self.night = night
        if self._server is None:
            mailbox = self

            class Talk(socketserver.StreamRequestHandler):
                def handle(self) -> None:
                    talk(self, mailbox)

            socketserver.ThreadingTCPServer.allow_reuse_address = True
            self._server = socketserver.ThreadingTCPServer(("127.0.0.1", PORT), Talk)
            self._server.daemon_threads = True
            threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Be away."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def talk(handler: socketserver.StreamRequestHandler, mailbox: Mailbox) -> None:
    """One conversation of SMTP, as far as a client needs it."""
    handler.wfile.write(b"220 here\r\n")
    while line := handler.rfile.readline():
        word = line[:4].upper().strip()
        if word == b"DATA":
            handler.wfile.write(b"354 go on\r\n")
            while handler.rfile.readline() not in (b".\r\n", b""):
                pass
            mailbox.heard.append(mailbox.night)
        answer = {b"EHLO": b"250-here\r\n250 AUTH PLAIN LOGIN\r\n", b"AUTH": b"235 in\r\n", b"QUIT": b"221 bye\r\n"}
        handler.wfile.write(answer.get(word, b"250 so be it\r\n"))
        if word == b"QUIT":
            return
