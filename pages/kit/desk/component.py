"""The browser half of the desk, made known to Streamlit as files of this package.

The files are served under a name that carries their own hash: a new release is never mixed with scripts a browser
still keeps, nothing is sent twice, and a strict content policy needs no exception for them. Works from a checkout and
from an installed wheel alike, because the folder is named here instead of being looked for in package metadata.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from streamlit.components.v2 import component
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest

HERE = Path(__file__).parent
ASSETS = HERE / "assets"
_lock = threading.Lock()


def _content_hash() -> str:
    digest = hashlib.sha256()
    for path in sorted(ASSETS.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


_SHORT = f"desk-{_content_hash()}"
DESK, BACKGROUND, FRAME, ROWS = (f"spotcheck-qa.{_SHORT}{part}" for part in ("", "-background", "-frame", "-rows"))
_mounts: dict[int, tuple[object, dict[str, Callable[..., Any]]]] = {}


def mount(
    name: str, *, key: str, data: Mapping[str, Any], height: Any = "content", **callbacks: Callable[[], None]
) -> Any:
    """Put the component `name` (`DESK`, `BACKGROUND`, `FRAME` or `ROWS`) on the page. `key` must stay the same for the
    life of a session."""
    return _registered()[name](key=key, data=data, height=height, **callbacks)


def _registered() -> dict[str, Callable[..., Any]]:
    """The mounting functions for the running server; each server (a test starts many) learns of the files once."""
    manager = get_bidi_component_manager()
    with _lock:
        known = _mounts.get(id(manager))
        if known is None or known[0] is not manager:
            short = [name.split(".", 1)[1] for name in (DESK, BACKGROUND, FRAME, ROWS)]
            manifest = ComponentManifest("spotcheck-qa", "1", [ComponentConfig(name, ASSETS.name) for name in short])
            manager.register_from_manifest(manifest, HERE)
            _mounts.clear()
            known = _mounts[id(manager)] = (
                manager,
                {
                    DESK: component(DESK, css="desk.css", js="desk.js"),
                    BACKGROUND: component(BACKGROUND, css="background.css", js="background.js", isolate_styles=False),
                    FRAME: component(FRAME, js="frame.js", isolate_styles=False),
                    ROWS: component(ROWS, css="rows.css", js="rows.js"),
                },
            )
        return known[1]
