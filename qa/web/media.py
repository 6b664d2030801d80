"""Whose a media file is: Streamlit serves files by address alone, so an address that leaks would open somebody else's
export.

Every address reaches its page through that page's websocket; whoever was sent it there may fetch it, nobody else.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from starlette.types import Message, Send
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

MOST = 20_000


def addresses(content: bytes) -> Iterator[str]:
    """The media files that a message brings to its page: of a button to fetch one, of one that is made when it is asked
    for, or of a picture. What else the message says, somebody may have written into it."""
    try:
        message = ForwardMsg.FromString(content)
    except DecodeError:
        return
    if message.WhichOneof("type") == "backend_operation_response":
        yield message.backend_operation_response.deferred_file.url
        return
    element = message.delta.new_element
    kind = element.WhichOneof("type")
    if kind == "download_button":
        yield element.download_button.url
    elif kind == "imgs":
        yield from (image.url for image in element.imgs.imgs)


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
                for address in addresses(content):
                    self._note(address, mark)
            await send(message)

        return sending

    def _note(self, address: str, mark: str) -> None:
        self._owners.setdefault(address, set()).add(mark)
        self._owners.move_to_end(address)
        while len(self._owners) > MOST:
            self._owners.popitem(last=False)
