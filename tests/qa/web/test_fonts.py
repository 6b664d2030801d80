"""The smaller fonts: they hold whatever is used, stand for the toolkit's files of one version alone, and are sent."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from qa.web import fonts
from tests.qa.web.making_fonts import toolkits, used


@pytest.mark.parametrize("font", [fonts.ICONS, fonts.LETTERS])
def test_a_font_stands_for_the_toolkits_file(font: str) -> None:
    own = fonts.stored().get(toolkits(font).name)
    assert own is not None, "the toolkit brings another font: run `make fonts`"
    assert len(own) * 2 < toolkits(font).stat().st_size


def test_every_icon_in_use_is_in_the_font() -> None:
    assert set(used()) - fonts.icons() <= {"star_filled"}, "run `make fonts`"  # a name the font never had


def test_the_toolkits_addresses_answer_with_them_and_any_other_with_the_toolkits() -> None:
    app = Starlette(
        routes=[Route("/{path:path}", lambda request: PlainTextResponse("the toolkit's"))],
        middleware=[Middleware(fonts.FewerGlyphs)],
    )
    with TestClient(app) as client:
        for name, font in fonts.stored().items():
            mine = client.get(fonts.PLACE + name)
            assert (mine.content, mine.headers["content-type"]) == (font, "font/woff2")
        assert client.get(fonts.PLACE + "MaterialSymbols-Rounded.other.woff2").text == "the toolkit's"
