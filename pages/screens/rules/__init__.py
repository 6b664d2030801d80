"""Screens of the red-line rules."""
