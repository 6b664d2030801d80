"""Fonts that are sent in place of the toolkit's: what is used of them, an eighth of the bytes.

On every first visit the toolkit loads 375 kB of Material Symbols, some three thousand icons, and 170 kB of Source Sans.
What is sent holds the icons that our pages and the toolkit's own widgets name, and the letters of western Europe; other
writing is drawn by the fonts of the device, as Chinese is. Each stands for one file of the toolkit, which carries the
hash of its content in its name: where the toolkit brings another, that one is sent. Made anew by `make fonts`. Material
Symbols is under the Apache License 2.0, Source Sans under the SIL Open Font License 1.1, which keeps that name for the
whole font: what is left of it bears another inside, with its copyright and licence.
"""

from __future__ import annotations

from pathlib import Path

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

DATA = Path(__file__).parent / "data"
NAMES = DATA / "icons.txt"
PLACE = "/static/media/"
ICONS, LETTERS = "MaterialSymbols-Rounded", "SourceSansVF-Upright"


def stored() -> dict[str, bytes]:
    """The fonts there are, by the name of the toolkit's file that each stands for."""
    return {path.name: path.read_bytes() for path in sorted(DATA.glob("*.woff2"))}


def icons() -> frozenset[str]:
    """The names of the icons that are sent."""
    return frozenset(NAMES.read_text("utf-8").split())


class FewerGlyphs:
    """Middleware that answers the toolkit's addresses of its fonts with the smaller ones."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._fonts = {PLACE + name: font for name, font in stored().items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        font = self._fonts.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        if font is None:
            await self.app(scope, receive, send)
            return
        answer = Response(font, media_type="font/woff2", headers={"Cache-Control": "public, max-age=86400"})
        await answer(scope, receive, send)
