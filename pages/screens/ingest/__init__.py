"""The import page: one column from the file to the result, and the list of past imports."""

from pages.screens.ingest.screen import draw

__all__ = ["draw"]
