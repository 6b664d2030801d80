"""Screens of how people grow: exams, newcomers, grades, recognition."""
