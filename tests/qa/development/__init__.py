"""Tests of how people grow."""
