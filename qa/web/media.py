"""Whose a media file is: Streamlit serves files by address alone, so an address that leaks would open somebody else's
export.

Every address reaches its page through that page's websocket; whoever was sent it there may fetch it, nobody else.
"""

from __future__ import annotations

import re
from collections import OrderedDict

from starlette.types import Message, Send

_ADDRESS = re.compile(rb"(.?)(/media/[0-9a-zA-Z_\-]+(?:\.[0-9a-zA-Z]+)?)", re.DOTALL)
MOST = 20_000


class MediaOwners:
    """Which sign-ins were sent which media address; the oldest are forgotten beyond `MOST`."""

    def __init__(self) -> None:
        self._owners: OrderedDict[str, set[str]] = OrderedDict()

    def belongs(self, path: str, mark: str) -> bool:
        """Whether the sign-in `mark` was sent this address."""
        return mark in self._owners.get(path, ())

    def noting(self, send: Send, mark: str) -> Send:
        """`send` of a websocket that remembers the addresses that pass."""

        async def sending(message: Message) -> None:
            content = message.get("bytes")
            if content and b"/media/" in content:
                for length, address in _ADDRESS.findall(content):
                    # The next field may begin with a letter, so where the address ends is told by the length before it.
                    for told in {address[: ord(length)] if length else address, address}:
                        self._note(told.decode("ascii"), mark)
            await send(message)

        return sending

    def _note(self, address: str, mark: str) -> None:
        self._owners.setdefault(address, set()).add(mark)
        self._owners.move_to_end(address)
        while len(self._owners) > MOST:
            self._owners.popitem(last=False)
