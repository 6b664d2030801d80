"""Where compiled searches are kept between processes. Compiling the shipped red lines takes longer than screening a
shop's day; whoever has a disk gives a store, and without one everything is compiled where it is needed."""

from __future__ import annotations

from typing import Protocol


class CompiledStore(Protocol):
    """Bytes by the hash of what they were compiled from. What is not there, or cannot be kept, is compiled again."""

    def get(self, key: str) -> bytes | None: ...

    def put(self, key: str, data: bytes) -> None: ...


_stores: list[CompiledStore] = []


def use(store: CompiledStore | None) -> None:
    """From now on compiled searches are kept there; None: nowhere."""
    _stores[:] = [] if store is None else [store]


def store() -> CompiledStore | None:
    """The store in use."""
    return _stores[0] if _stores else None
