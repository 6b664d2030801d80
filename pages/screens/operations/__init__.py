"""Screens of the night shift."""
