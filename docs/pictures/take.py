"""Pictures of the pages, taken of the demo in the real browser: `make pictures`.

Each picture is a page as a person of a role sees it, in both languages. `sources.json` keeps what the page was made of
when its picture was taken.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LANGUAGES = {"zh": "zh-CN", "en": "en-GB"}
SIZE = {"width": 1280, "height": 800}
LIMIT = 250 * 1024
"""Bytes a picture may have."""


@dataclass(frozen=True)
class Picture:
    """One picture: who looks at which address, what to do before, and the files that draw the page."""

    name: str
    role: str
    path: str
    sources: tuple[str, ...]
    prepare: Callable[[Page], None] = lambda page: None


def _take_next(page: Page) -> None:
    page.keyboard.press("Enter")
    page.wait_for_timeout(2500)


PICTURES = (
    Picture("desk", "inspector", "/inspect", ("pages/desk.py", "pages/screens/desk", "pages/kit/desk"), _take_next),
    Picture("trend", "lead", "/trends", ("pages/trends.py", "pages/screens/reports/trends.py", "pages/kit/figures")),
    Picture("receipt", "lead", "/draws?draw=1", ("pages/draws.py", "pages/screens/draws")),
    Picture("redline", "lead", "/redlines", ("pages/redlines.py", "pages/screens/redlines")),
    Picture("library", "lead", "/cases", ("pages/library.py", "pages/screens/library*")),
)


def fingerprint(picture: Picture) -> str:
    """SHA-256 over the files a page is made of."""
    digest = hashlib.sha256()
    for pattern in picture.sources:
        for path in sorted(ROOT.glob(pattern)):
            files = sorted(path.rglob("*")) if path.is_dir() else [path]
            for file in files:
                if file.suffix in {".py", ".js", ".css"}:
                    digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def small(png: bytes) -> bytes:
    """The picture with 256 colours, which screens of text do not need more of."""
    out = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def _taken(page: Page, address: str, picture: Picture) -> bytes:
    from tests.browser.conftest import settle

    page.goto(address + picture.path)
    settle(page)
    picture.prepare(page)
    settle(page)
    return small(page.screenshot())


def main() -> int:
    """Load the demo, serve it, take every picture in every language; 1 when one is too large."""
    sys.path.insert(0, str(ROOT))
    from tests.browser.conftest import ARGUMENTS, CHROMIUM, cli, serving, settle

    too_large = 0
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder)
        cli(home, "demo")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        with serving(home, {}, SPOTCHECK_DEMO="1") as site:
            for short, locale in LANGUAGES.items():
                links = {link["role"]: link["address"] for link in cli(home, "demo")["links"]}
                for role in sorted({picture.role for picture in PICTURES}):
                    context = browser.new_context(locale=locale, timezone_id="Asia/Shanghai", viewport=SIZE)
                    page = context.new_page()
                    page.goto(site.url + "/login" + links[role].partition("/login")[2])
                    settle(page)
                    for picture in (p for p in PICTURES if p.role == role):
                        data = _taken(page, site.url, picture)
                        (HERE / f"{picture.name}-{short}.png").write_bytes(data)
                        too_large += len(data) > LIMIT
                        print(f"{picture.name}-{short}.png {len(data) // 1024} KB")
                    context.close()
    (HERE / "sources.json").write_text(
        json.dumps({picture.name: fingerprint(picture) for picture in PICTURES}, indent=2) + "\n", "utf-8"
    )
    return int(too_large > 0)


if __name__ == "__main__":
    sys.exit(main())
