"""Screens of results that are objected to."""
