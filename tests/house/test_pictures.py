"""The pictures of the README show the pages as they are."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"

_spec = importlib.util.spec_from_file_location("take_pictures", PICTURES / "take.py")
assert _spec is not None
assert _spec.loader is not None
take = importlib.util.module_from_spec(_spec)
sys.modules["take_pictures"] = take
_spec.loader.exec_module(take)


@pytest.mark.parametrize("picture", take.PICTURES, ids=lambda picture: picture.name)
def test_a_page_that_changed_has_a_new_picture(picture) -> None:  # type: ignore[no-untyped-def]
    taken = json.loads((PICTURES / "sources.json").read_text("utf-8"))
    assert take.fingerprint(picture) == taken[picture.name], "run `make pictures`, look at them and commit them"


@pytest.mark.parametrize("language", take.LANGUAGES)
def test_the_readme_shows_every_picture(language: str) -> None:
    readme = (ROOT / ("README.md" if language == "en" else "README.zh-CN.md")).read_text("utf-8")
    for picture in take.PICTURES:
        name = f"{picture.name}-{language}.png"
        assert f"docs/pictures/{name}" in readme
        assert (PICTURES / name).stat().st_size <= take.LIMIT


def test_every_source_exists() -> None:
    for picture in take.PICTURES:
        for pattern in picture.sources:
            assert list(ROOT.glob(pattern)), f"{picture.name}: {pattern}"
