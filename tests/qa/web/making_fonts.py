"""Makes the fonts of `qa.web.fonts` from the toolkit's, and says what they must hold: `make fonts`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import streamlit
from fontTools import subset, ttLib

from qa.web import fonts

_NAMED = re.compile(r":material/([a-z0-9_]+)")
# What neither writes as `:material/…`, in case the toolkit makes the name itself.
_EXTRA = (
    "arrow_back arrow_forward delete download edit fullscreen fullscreen_exit help open_in_new refresh remove search"
    " warning"
)
_WESTERN = (*range(0x20, 0x7F), *range(0xA0, 0x180), *range(0x2000, 0x2070), *range(0x20A0, 0x20C0))
_CALLED = (1, 3, 4, 6, 16, 18, 21, 25)
"""Numbers of what a font calls itself: family, full and PostScript name."""
_SIGNS = "←↑→↓−×÷≈≠≤≥√∞λπσ✓✗△▲▼●○■□…‰"


def used() -> tuple[str, ...]:
    """Every icon that our pages and the toolkit's browser code name."""
    ours = (Path(__file__).parents[3] / "pages").rglob("*.py")
    theirs = (Path(streamlit.__file__).parent / "static" / "static" / "js").glob("*.js")
    found = {name for path in (*ours, *theirs) for name in _NAMED.findall(path.read_text("utf-8"))}
    return tuple(sorted(found | set(_EXTRA.split())))


def toolkits(font: str) -> Path:
    """The toolkit's file of a font."""
    return next((Path(streamlit.__file__).parent / "static" / "static" / "media").glob(f"{font}.*"))


def main() -> None:
    """Make the fonts from the toolkit's."""
    for old in fonts.DATA.glob("*.woff2"):
        old.unlink()
    _make_icons(set(used()))
    _cut(toolkits(fonts.LETTERS), [*_WESTERN, *map(ord, _SIGNS)], None)


def _make_icons(wanted: set[str]) -> None:
    font, kept = ttLib.TTFont(toolkits(fonts.ICONS)), set[str]()
    letters = {name: chr(code) for code, name in font.getBestCmap().items()}
    for table in _ligatures(font):
        for first, all_ in list(table.ligatures.items()):
            few = [one for one in all_ if _spelt(letters, first, one.Component) in wanted]
            kept |= {_spelt(letters, first, one.Component) for one in few}
            if few:
                table.ligatures[first] = few
            else:
                del table.ligatures[first]
    _cut(toolkits(fonts.ICONS), [ord(letter) for letter in "abcdefghijklmnopqrstuvwxyz0123456789_"], font)
    fonts.NAMES.write_text("\n".join(sorted(kept)) + "\n", "utf-8")
    sys.stdout.write(f"{len(kept)} icons; not in the font: {sorted(wanted - kept)}\n")


def _cut(source: Path, codes: list[int], font: Any) -> None:
    """Write what `codes` need of a font under its own name."""
    font = font or ttLib.TTFont(source)
    options = subset.Options(flavor="woff2", layout_features=["*"], notdef_outline=True, name_IDs=["*"])
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)
    for record in font["name"].names:
        if record.nameID in _CALLED:
            record.string = "SpotcheckPart" if record.nameID in (6, 25) else "Spotcheck Part"
    font.flavor = "woff2"
    font.save(fonts.DATA / source.name)
    sys.stdout.write(f"{source.name}: {source.stat().st_size} → {(fonts.DATA / source.name).stat().st_size} bytes\n")


def _ligatures(font: Any) -> Iterator[Any]:
    """The tables of a font that make one icon of the letters of its name."""
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for table in lookup.SubTable:
            table = getattr(table, "ExtSubTable", table)
            if hasattr(table, "ligatures"):
                yield table


def _spelt(letters: dict[str, str], first: str, rest: list[str]) -> str:
    return "".join(letters.get(glyph, "?") for glyph in (first, *rest))


if __name__ == "__main__":
    main()
