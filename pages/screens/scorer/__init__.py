"""Screens of machine scores."""
