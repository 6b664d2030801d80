"""The Streamlit options our safety and speed hang on: this fails when a new Streamlit drops or renames one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit import config as streamlit_config
from streamlit.web.server.app_discovery import discover_asgi_app

from pages.kit import theme
from qa.config import Config
from qa.web import options

ROOT = Path(__file__).parents[3]


def test_every_shipped_option_exists() -> None:
    assert [name for name in options.shipped() if name not in streamlit_config._config_options_template] == []


def test_the_options_are_in_force(application: Any) -> None:
    assert streamlit_config.get_option("server.trustedUserHeaders") == {"X-Spotcheck-Session": "session"}
    assert streamlit_config.get_option("runner.postScriptGC") is False
    assert streamlit_config.get_option("browser.gatherUsageStats") is False
    assert streamlit_config.get_option("client.showErrorDetails") == "none"
    assert streamlit_config.get_option("theme.light.primaryColor") == theme.INDIGO


def test_an_operator_cannot_switch_safety_off_by_accident(monkeypatch: pytest.MonkeyPatch) -> None:
    before = streamlit_config.get_option("server.enableXsrfProtection")
    try:
        streamlit_config.set_option("server.enableXsrfProtection", False)
        options.apply(Config())
        assert streamlit_config.get_option("server.enableXsrfProtection") is True
    finally:
        streamlit_config.set_option("server.enableXsrfProtection", before)


def test_streamlit_run_finds_the_guarded_application() -> None:
    found = discover_asgi_app(ROOT / "streamlit_app.py")
    assert found.is_asgi_app
    assert found.import_string == "streamlit_app:app"


def test_the_theme_and_the_palette_agree() -> None:
    shipped = options.shipped()
    for mode, colours in (("light", theme.LIGHT), ("dark", theme.DARK)):
        assert shipped[f"theme.{mode}.backgroundColor"] == colours.PAPER
        assert shipped[f"theme.{mode}.textColor"] == colours.INK
        assert shipped[f"theme.{mode}.primaryColor"] == colours.INDIGO
        assert colours.VERMILION not in [value for name, value in shipped.items() if name.startswith(f"theme.{mode}.")]
