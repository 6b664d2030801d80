"""Screens: one thin module per job; shared pieces live in `pages.kit`."""
