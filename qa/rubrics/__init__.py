"""Scorecards: versions and the stored form."""
