"""Screens of the monthly assessment."""
