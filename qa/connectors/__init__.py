"""Conversations fetched from other systems by themselves: a source is described in TOML, its place is kept with its
rows."""

from qa.connectors.descriptions import SHIPPED, Description, read
from qa.connectors.service import ConnectorView, Fetched, add, connectors, fetch, fetch_all, pause, reseal, resume

__all__ = [
    "SHIPPED",
    "ConnectorView",
    "Description",
    "Fetched",
    "add",
    "connectors",
    "fetch",
    "fetch_all",
    "pause",
    "read",
    "reseal",
    "resume",
]
